--- What a context demands of chains: the kinds of the options, and how they are made known to the
-- core. docs/trust.md tells of each.
local core = require "sslconnect.core"

local policy = {}

--- A kind: a whole number within limits.
local function whole(from, to, what)
  return function(value)
    if type(value) ~= "number" or value ~= math.floor(value) or value < from or value > to then
      return nil, what
    end
    return value
  end
end

policy.depth = whole(0, 100, "a whole number from 0 to 100")
policy.level = whole(0, 5, "a whole number from 0 to 5")
policy.time = whole(0, 2 ^ 53, "a whole number of seconds since 1970")

--- What an intermediate is given as; nil for what is none.
local function kind_of(value)
  if type(value) ~= "string" then return core.is_cert(value) and "cert" or nil end
  if value:find("-----BEGIN", 1, true) then return "pem" end
  return value ~= "" and not value:find("%z") and "path" or nil
end

--- A kind: certificates to build chains with, one or a list, as a new list.
function policy.intermediates(value)
  local expected = "PEM, the path of a file, a certificate, or a list of these"
  local list = type(value) == "table" and not getmetatable(value) and value or {value}
  local copy, count = {}, 0
  for i = 1, #list do
    if not kind_of(list[i]) then return nil, expected end
    copy[i] = list[i]
  end
  for _ in pairs(list) do count = count + 1 end
  if count ~= #copy or count == 0 then return nil, expected end
  return copy
end

local add = {pem = "load_untrusted_pem", path = "load_untrusted_file", cert = "add_untrusted"}

--- Makes the intermediates known to a core context.
function policy.add_intermediates(ctx, list)
  for _, value in ipairs(list) do
    local ok, err = ctx[add[kind_of(value)]](ctx, value)
    if not ok then return nil, err end
  end
  return true
end

--- Tells a core connection for whom the peer's certificate may be.
function policy.demand(conn, names)
  for _, name in ipairs(names) do
    local ok, err = conn:add_peer_name(name)
    if not ok then return nil, err end
  end
  return true
end

return policy
