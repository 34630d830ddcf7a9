--- TLSA records as users write them: RFC 6698.
local dane = {}

-- More than any name has.
local MOST = 64

local function from_hex(digits)
  if #digits % 2 ~= 0 or digits:find("%X") then return nil end
  return (digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

--- "3 1 1 0d6f...", as a zone file has it; blanks among the digits do not count.
local function from_text(text)
  local usage, selector, matching, digits = text:match("^%s*(%d+)%s+(%d+)%s+(%d+)%s+(.*)$")
  local data = digits and from_hex((digits:gsub("%s", "")))
  return data and {usage = usage, selector = selector, matching = matching, data = data}
end

local fields = {usage = 3, selector = 1, matching = 2} -- and the most that each can be

--- A record checked, in a new table; nil for what is none.
local function record(value)
  if type(value) == "string" then value = from_text(value) end
  if type(value) ~= "table" or type(value.data) ~= "string" then return nil end
  local copy = {data = value.data}
  for name, most in pairs(fields) do
    local number = tonumber(value[name])
    if not number or number ~= math.floor(number) or number < 0 or number > most then return nil end
    copy[name] = number
  end
  for name in pairs(value) do
    if copy[name] == nil then return nil end
  end
  return copy
end

--- A kind: a list of TLSA records, or one as text.
---@param value any
---@return table|nil records
---@return string|nil expected
function dane.records(value)
  local expected = 'a list of 1 to 64 TLSA records, each "usage selector matching hex" or ' ..
    "{usage =, selector =, matching =, data =}"
  if type(value) == "string" then value = {value} end
  if type(value) ~= "table" or #value < 1 or #value > MOST then return nil, expected end
  local copy, count = {}, 0
  for i = 1, #value do
    copy[i] = record(value[i])
    if not copy[i] then return nil, expected end
  end
  for _ in pairs(value) do count = count + 1 end
  if count ~= #copy then return nil, expected end
  return copy
end

--- Demands records of a core connection's server.
---@return true|nil ok
---@return table|nil err
function dane.demand(conn, records)
  for _, r in ipairs(records) do
    local ok, err = conn:add_tlsa(r.usage, r.selector, r.matching, r.data)
    if not ok then return nil, err end
  end
  return true
end

return dane
