--- Sessions: what options say of them, and stores that processes share them by.
--
-- The functions of a store are called from the loop round a step, never from inside of OpenSSL, so
-- they may wait. What they fail with, by nil and a reason, is counted and fails no connection;
-- what they throw goes on, as from a hook.
local core = require "sslconnect.core"
local drive = require "sslconnect.drive"

local session = {}

-- What the core takes.
local MOST, LONGEST = 1000000, 604800

-- For how long a store is asked to keep a session at most: what the core offers by itself.
local MOST_SECONDS = 86400

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

--- A kind: a session of the core's, as conn:session() gives it, or as bytes.
function session.offered(value)
  local meta = type(value) == "userdata" and getmetatable(value)
  if type(value) ~= "string" and not (meta and meta.__name == "sslconnect.session") then
    return nil, "a session, as conn:session() gives it, or the bytes of one"
  end
  return value
end

--- A kind: the functions of a store, copied.
function session.store(value)
  local expected = "a table with the functions get, put and remove"
  if type(value) ~= "table" then return nil, expected end
  for name, f in pairs(value) do
    if not (name == "get" or name == "put" or name == "remove") or type(f) ~= "function" then
      return nil, expected
    end
  end
  if not (value.get and value.put and value.remove) then return nil, expected end
  return {get = value.get, put = value.put, remove = value.remove}
end

--- A kind: a key.
function session.secret(value)
  if type(value) ~= "string" or #value ~= 32 then return nil, "a string of 32 random bytes" end
  return value
end

--- Makes the cache known to the core.
function session.set_cache(ctx, value)
  return ctx:set_session_cache(value.size, value.lifetime)
end

--- With a store the core keeps nothing, so that no ticket is in two places.
function session.set_store(ctx)
  return ctx:set_session_cache(0, 0)
end

-- --------------------------------------------------------------------------------- stores

--- What a context has to do with its store.
---@param given table|nil  a store, as above
function session.sharing(ctx, given)
  return given and {ctx = ctx, store = given, found = 0, put = 0, errors = 0} or nil
end

local function failed(sharing, why)
  sharing.errors = sharing.errors + 1
  sharing.error = tostring(why)
end

--- Calls a function of the store. Where it throws, what waits for it is given up first.
local function call(where, name, ...)
  local came_back = false
  return drive.guarded(function(...)
    if not came_back and where.give_up then where.give_up() end
    return ...
  end, function(...)
    local given, why = where.sharing.store[name](...)
    came_back = true
    if not given and why ~= nil then failed(where.sharing, why) end
    return given
  end, where.session_key, ...)
end

--- Drops what the store has of the place.
local function remove(where)
  call(where, "remove")
end

--- Asks the store for a session, before the handshake. One that cannot be used is taken out.
---@param where table  sharing, deadline, ...; where nothing is shared, nothing happens
---@return true|nil ok
---@return table|nil err  timeout
function session.fetch(conn, where)
  where.session_key = where.sharing and not where.session and conn:session_key() or nil
  if not where.session_key then return true end
  local bytes = call(where, "get")
  local found, err
  if type(bytes) == "string" then
    found, err = where.sharing.ctx:import_session(bytes)
  elseif bytes then
    err = "get gave a " .. type(bytes) .. ", not a string"
  end
  where.session_lasts = found and found:version() ~= "TLSv1.3"
  if found then found, err = conn:set_session(found) end
  if err then
    failed(where.sharing, err)
    remove(where)
  end
  where.session_fetched = found and bytes
  if found then where.sharing.found = where.sharing.found + 1 end
  if where.deadline and core.now() >= where.deadline then return drive.late(where, "handshake") end
  return true
end

local function put(where, bytes, lifetime)
  where.session_put = true
  if call(where, "put", bytes, lifetime) then where.sharing.put = where.sharing.put + 1 end
end

--- Gives the store what has come since: the newest, as older tickets would only be replaced by it.
function session.keep(conn, where)
  if not where.session_key then return false end
  local newest
  for taken in function() return conn:take_session() end do newest = taken end
  if not newest then return false end
  local bytes, err = where.sharing.ctx:export_session(newest)
  if bytes then
    put(where, bytes, math.min(newest:lifetime(), MOST_SECONDS))
  else
    failed(where.sharing, err)
  end
  return true
end

--- When the handshake is done: what came with it, or else the session that it was resumed from,
--- where that is not for one use.
function session.done(conn, where)
  local bytes = where.session_fetched
  where.session_fetched = nil -- it was good
  if session.keep(conn, where) or not (bytes and where.session_lasts) then return end
  local again = conn:session_reused() and conn:session()
  if again then put(where, bytes, math.min(again:lifetime(), MOST_SECONDS)) end
end

--- What a failed connection has put there, or was to be resumed from, is no good any more.
function session.discard(where, err)
  local harmless = err.class == "timeout" or err.class == "canceled" or err.class == "state" or
    err.class == "eof"
  if where.session_put and not harmless or where.session_fetched then
    where.session_put, where.session_fetched = nil, nil
    remove(where)
  end
end

-- ------------------------------------------------------------------------------ early data

--- Sends it where the session allows that; the handshake comes after.
function session.send_early(conn, where)
  if not where.early_data then return true end
  local sent, err = drive.run(conn, "write_early_data", where, where.deadline, "handshake",
    where.early_data)
  return sent and true or nil, err
end

--- Sends it as any other data where the server has not taken it early.
function session.finish_early(conn, where)
  local data, done = where.early_data, 0
  if not data or conn:early_data() == "accepted" then return true end
  while done < #data do
    local n, err = drive.run(conn, "write", where, where.deadline, "write", data, done + 1)
    if not n then return nil, err end
    done = done + n
  end
  return true
end

--- A kind: what may be sent early.
function session.early_data(value)
  if type(value) ~= "string" or value == "" then return nil, "a string that is not empty" end
  return value
end

return session
