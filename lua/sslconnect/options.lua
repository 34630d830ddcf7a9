--- Options as users write them: known names, right types, and a suggestion for a typo.
--
-- Whatever is wrong comes back as `nil, err` with the code bad_option: options often are read
-- from a file, and what is in a file is found out at run time. Nothing is ever guessed, because
-- safety hangs on some of them.
local core = require "sslconnect.core"

local options = {}

local function bad(message, ...)
  return nil, core.error("bad_option", "config", message:format(...))
end
options.bad = bad

--- A value as an error shows it, never longer than a line.
local function show(value)
  if type(value) == "table" then return "a table" end
  if type(value) ~= "string" then return tostring(value) end
  return (("%q"):format(value:sub(1, 60)):gsub("\\\n", "\\n"))
end

--- Whether it is a time that can be waited for: not below 0, and a number indeed.
---@param value any
---@return boolean
function options.is_seconds(value)
  return type(value) == "number" and value == value and value >= 0
end

-- Kinds: each takes a value and returns it as it is to be used, or nil and what was expected.
local kinds = {}

function kinds.string(value)
  if type(value) ~= "string" then return nil, "a string" end
  if value:find("\0", 1, true) then return nil, "a string without zero bytes" end
  return value
end

function kinds.boolean(value)
  if type(value) ~= "boolean" then return nil, "true or false" end
  return value
end

function kinds.seconds(value)
  if not options.is_seconds(value) then return nil, "a number of seconds, 0 or more" end
  return value
end

function kinds.names(value)
  if type(value) == "string" then value = {value} end
  if type(value) ~= "table" then return nil, "a string or a list of strings" end
  local copy, count = {}, 0
  for i = 1, #value do
    if not kinds.string(value[i]) then return nil, "a list of strings" end
    copy[i] = value[i]
  end
  for _ in pairs(value) do count = count + 1 end
  if count ~= #copy then return nil, "a list of strings" end
  return copy
end

--- At least one.
function kinds.some_names(value)
  local list, expected = kinds.names(value)
  if list and #list == 0 then return nil, "at least one string" end
  return list, expected
end

--- What OpenSSL takes as one string with colons in it; a list of its elements is that too.
function kinds.list(value)
  local names, expected = kinds.names(value)
  return names and table.concat(names, ":"), expected
end

--- A string of any bytes.
function kinds.bytes(value)
  if type(value) ~= "string" then return nil, "a string" end
  return value
end

--- So many bytes.
function kinds.size(value)
  if type(value) ~= "number" or value ~= math.floor(value) or value < 0 or value >= 2 ^ 31 then
    return nil, "a whole number of bytes"
  end
  return value
end

function kinds.any(value)
  return value
end

--- A kind for one of a few strings.
function options.one_of(...)
  local allowed = {...}
  local expected = '"' .. table.concat(allowed, '", "') .. '"'
  return function(value)
    for _, name in ipairs(allowed) do
      if value == name then return value end
    end
    return nil, "one of " .. expected
  end
end

--- How many letters have to change to make `b` of `a` (Levenshtein's distance).
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local best = math.min(row[j] + 1, row[j - 1] + 1, diagonal + cost)
      diagonal, row[j] = row[j], best
    end
  end
  return row[#b]
end

--- The known name that is nearest to `name`, or nil where none is near.
local function nearest(name, known)
  local best, least = nil, math.max(3, math.floor(#name / 2))
  for candidate in pairs(known) do
    local d = distance(name:lower(), candidate)
    if d < least or (d == least and best and candidate < best) then best, least = candidate, d end
  end
  return best
end

local function unknown(name, known)
  if type(name) ~= "string" then
    return bad("option names are strings, not %s (%s)", type(name), show(name))
  end
  local suggestion = nearest(name, known)
  if suggestion then
    return bad('unknown option "%s"; did you mean "%s"?', name:sub(1, 60), suggestion)
  end
  local names = {}
  for candidate in pairs(known) do names[#names + 1] = candidate end
  table.sort(names)
  return bad('unknown option "%s"; there are: %s', name:sub(1, 60), table.concat(names, ", "))
end

--- Checks a table of options against the known ones.
---@param given table|nil   what the user gave
---@param known table       name -> kind: the name of one of the above, or such a function
---@return table|nil checked  a new table
---@return table|nil err      bad_option
function options.check(given, known)
  if given == nil then return {} end
  if type(given) ~= "table" then return bad("options are a table, not %s", show(given)) end
  local checked = {}
  for name, value in pairs(given) do
    local kind = known[name]
    if kind == nil then return unknown(name, known) end
    local used, expected = (kinds[kind] or kind)(value)
    if used == nil then
      return bad('option "%s" is %s (%s); expected %s', name, show(value), type(value), expected)
    end
    checked[name] = used
  end
  return checked
end

--- The host and port of a connect.
---@return string|nil host
---@return integer|table port  or the error
function options.check_target(host, port)
  if type(host) ~= "string" then return bad("host is %s; expected a string", show(host)) end
  if host:find("\0", 1, true) then return bad("host has a zero byte in it") end
  local number = type(port) == "string" and port:find("^%d+$") and tonumber(port) or port
  if type(number) ~= "number" or number ~= math.floor(number) or number < 1 or number > 65535 then
    return bad("port is %s; expected a whole number from 1 to 65535", show(port))
  end
  return host, number
end

return options
