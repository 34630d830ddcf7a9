--- What an object can do, a line each, read at run time from the comments that stand before its
--- functions in the installed sources: there is no second text that could grow old.
local help = {}

-- The sources ------------------------------------------------------------------------------------

--- The source of a module as package.path has it, or nil.
local function open_source(name)
  local path = name:gsub("%.", (package.config or "/"):sub(1, 1))
  for template in package.path:gmatch("[^;]+") do
    local file = io.open((template:gsub("?", (path:gsub("%%", "%%%%")))))
    if file then return file end
  end
  return nil
end

--- The first sentence of a comment's lines.
local function first_sentence(lines)
  local text = table.concat(lines, " ")
  return text:match("^(.-%.)%s") or text
end

-- What a line of code declares, as these files write it: its prefix ("conn:"), name, arguments.
local function declared(line)
  local prefix, name, args = line:match("^function ([%w_]+[.:])([%w_]+)%((.*)%)")
  if prefix then return prefix, name, "(" .. args:gsub("%).*", "") .. ")" end
  name = line:match("^  ([%w_]+) = [%w_.]+,$") or
    line:match("^  ([%w_]+) = function%(%.%.%.%) .* end,$")
  return name and "", name, "(...)"
end

--- The functions and fields of a source that have a comment, in their order.
---@return table[]|nil  each {prefix, name, args, text}; `class` for those of an annotated class
local function parse(module_name)
  local file = open_source(module_name)
  if not file then return nil end
  local found, comment, class, talking = {}, nil, nil, false
  for line in file:lines() do
    local words = line:match("^%s*%-%-%-?%s?(.*)$")
    if words and (comment or line:find("^%s*%-%-%-")) then
      comment = comment or {}
      local field, kind, about = words:match("^@field ([%w_]+) (%S+) ?(.*)")
      class = words:match("^@class ([%w_.]+)") or class
      if field then
        found[#found + 1] = {prefix = "", name = field, args = "", class = class,
          text = about ~= "" and about or kind}
      end
      talking = talking ~= false and words ~= "" and not words:find("^@")
      if talking then comment[#comment + 1] = words end
    else
      local prefix, name, args = declared(line)
      if comment and comment[1] and name then
        found[#found + 1] = {prefix = prefix, name = name, args = args,
          text = first_sentence(comment)}
      end
      comment, talking = nil, nil
    end
  end
  file:close()
  return found
end

-- What describes what ----------------------------------------------------------------------------

local META = "sslconnect.core_meta"

-- Classes of Lua and modules: where their functions stand, and the prefix there.
local places = {
  ["sslconnect.Connection"] = {{"sslconnect.stream", "Connection:", "conn:"}},
  ["sslconnect.Context"] = {{"sslconnect.context", "Context:", "ctx:"}},
  ["sslconnect.repl.Connection"] = {
    {"sslconnect.repl.connection", "Connection:", "conn:"}, {META, "conn:", "conn:"},
  },
  ["sslconnect.repl.Report"] = {{"sslconnect.repl.report", "", "", "sslconnect.repl.Report"}},
  ["sslconnect.error"] = {{META, "", "", "sslconnect.core.error"}},
}

local modules = {
  {"sslconnect", {{"sslconnect", "ssl.", "ssl."}, {"sslconnect", "", "ssl."}}},
  {"sslconnect.core", {{META, "core.", "core."}}},
  {"sslconnect.repl", {{"sslconnect.repl", "repl.", "repl."}}},
}

local function places_of(x)
  if x == nil then return nil end
  for _, module in ipairs(modules) do
    if x == package.loaded[module[1]] then return module[2], module[1] end
  end
  local core = package.loaded["sslconnect.core"]
  local meta = getmetatable(x)
  if type(meta) ~= "table" then return nil end
  local name = meta == core.error_mt and "sslconnect.error" or rawget(meta, "__name")
  if type(name) ~= "string" then return nil end
  local noun = type(x) == "userdata" and name:match("^sslconnect%.(%l+)$")
  if noun then return {{META, noun .. ":", noun .. ":"}}, name end
  return places[name], name
end

-- What is shown ----------------------------------------------------------------------------------

--- Whether the object has it: a source may be of another version, and the core of an older one.
local function has(x, entry)
  return entry.class ~= nil or x[entry.name] ~= nil
end

--- The entries of one place that are to be shown, and have not been.
local function add_place(list, shown, x, place)
  local parsed = parse(place[1])
  for _, entry in ipairs(parsed or {}) do
    if entry.prefix == place[2] and entry.class == place[4] and not shown[entry.name] and
        has(x, entry) then
      shown[entry.name] = true
      list[#list + 1] = {place[3] .. entry.name .. entry.args, entry.text}
    end
  end
  return parsed ~= nil
end

--- The names alone, where there are no sources to read.
local function bare(x, name)
  local meta = type(x) ~= "table" and getmetatable(x)
  local names = {}
  for key, value in pairs(meta and meta.__index or x) do
    if type(key) == "string" and type(value) == "function" then names[#names + 1] = key end
  end
  table.sort(names)
  return ("%s; its source is not found through package.path, so here are only the names:\n  %s")
    :format(name, table.concat(names, "\n  "))
end

local function columns(title, list)
  local lines, width = {title}, 0
  for _, entry in ipairs(list) do
    if #entry[1] <= 34 then width = math.max(width, #entry[1]) end
  end
  for _, entry in ipairs(list) do
    lines[#lines + 1] = ("  %-" .. width .. "s  %s"):format(entry[1], entry[2])
  end
  return table.concat(lines, "\n")
end

--- The help for an object or module as a string; nil for what is not of sslconnect.
---@param x any
---@return string|nil
function help.text(x)
  local where, name = places_of(x)
  if not where then return nil end
  local list, shown, found = {}, {}, false
  for _, place in ipairs(where) do found = add_place(list, shown, x, place) or found end
  if not found then return bare(x, name) end
  return columns(name, list)
end

return help
