--- Sessions: what options say of them.
local session = {}

-- What the core takes.
local MOST, LONGEST = 1000000, 604800

local function is_whole(value, least, most)
  return type(value) == "number" and value == math.floor(value) and value >= least and
    value <= most
end

--- A kind: the bounds of a context's cache, or false for none. Without a number it is the core's.
function session.cache(value)
  local expected = "false, or a table with size (1 to 1000000) and lifetime (1 to 604800 seconds)"
  if value == false then return {size = 0, lifetime = 0} end
  if type(value) ~= "table" then return nil, expected end
  for name in pairs(value) do
    if name ~= "size" and name ~= "lifetime" then return nil, expected end
  end
  local size, lifetime = value.size or 1024, value.lifetime or 86400
  if not (is_whole(size, 1, MOST) and is_whole(lifetime, 1, LONGEST)) then return nil, expected end
  return {size = size, lifetime = lifetime}
end

--- A kind: a session of the core's, as conn:session() gives it.
function session.offered(value)
  local meta = type(value) == "userdata" and getmetatable(value)
  if not meta or meta.__name ~= "sslconnect.session" then
    return nil, "a session, as conn:session() gives it"
  end
  return value
end

--- Makes the cache known to the core.
function session.set_cache(ctx, value)
  return ctx:set_session_cache(value.size, value.lifetime)
end

return session
