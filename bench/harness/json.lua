--- JSON: what is written, and the one flat object with numbers that a contender prints.
local json = {}

local escapes = {['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r"}

local function text(value)
  return '"' .. value:gsub('[%c"\\]', function(c)
    return escapes[c] or ("\\u%04x"):format(c:byte())
  end) .. '"'
end

local encode

local function list(value, indent)
  local parts = {}
  for i, item in ipairs(value) do parts[i] = encode(item, indent) end
  return "[" .. table.concat(parts, ", ") .. "]"
end

local function object(value, indent)
  local names, parts = {}, {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names)
  local inner = indent .. "  "
  for i, name in ipairs(names) do
    parts[i] = inner .. text(name) .. ": " .. encode(value[name], inner)
  end
  return "{\n" .. table.concat(parts, ",\n") .. "\n" .. indent .. "}"
end

--- A table with a first element, or none at all, is a list.
function encode(value, indent)
  local kind = type(value)
  if kind == "string" then return text(value) end
  if kind == "number" then return ("%.10g"):format(value) end
  if kind ~= "table" then return tostring(value) end
  if value[1] ~= nil or next(value) == nil then return list(value, indent) end
  return object(value, indent)
end

function json.encode(value) return encode(value, "") .. "\n" end

--- {"ops": 400, "user": 0.5, ...}; nil where it is something else.
function json.numbers(line)
  if not line or not line:find("^%s*{.*}%s*$") then return nil end
  local found = {}
  for name, number in line:gmatch('"(%w+)":%s*(-?[%d.eE+-]+)') do
    found[name] = tonumber(number)
  end
  return found
end

return json
