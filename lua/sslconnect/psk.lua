--- Keys that both sides have from elsewhere (external PSK): the kind of the option, and how they
-- are made known to the core. docs/identity.md tells of them.
local psk = {}

local EXPECTED = "a table with identity (1 to 127 bytes) and key (16 to 64), or a list of these"

local function is_bytes(value, least, most)
  return type(value) == "string" and #value >= least and #value <= most
end

--- A copy of one of them, or nil. What it has besides is a mistake, which is never passed over.
local function one(value)
  if type(value) ~= "table" or getmetatable(value) then return nil end
  for name in pairs(value) do
    if name ~= "identity" and name ~= "key" then return nil end
  end
  local identity, key = value.identity, value.key
  if not is_bytes(identity, 1, 127) or identity:find("%z") or not is_bytes(key, 16, 64) then
    return nil
  end
  return {identity = identity, key = key}
end

--- A kind: one, or a list of some with an identity each; a new list.
function psk.keys(value)
  if type(value) ~= "table" or getmetatable(value) then return nil, EXPECTED end
  if value.identity ~= nil or value.key ~= nil then value = {value} end
  local copy, count, seen = {}, 0, {}
  for i = 1, #value do
    copy[i] = one(value[i])
    if not copy[i] then return nil, EXPECTED end
    if seen[copy[i].identity] then return nil, "a list in which no identity is there twice" end
    seen[copy[i].identity] = true
  end
  for _ in pairs(value) do count = count + 1 end
  if count ~= #copy or count == 0 then return nil, EXPECTED end
  return copy
end

--- Makes them known to a core context.
function psk.add(ctx, list)
  for _, each in ipairs(list) do
    local ok, err = ctx:add_psk(each.identity, each.key)
    if not ok then return nil, err end
  end
  return true
end

return psk
