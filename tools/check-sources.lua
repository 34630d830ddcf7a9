-- check-sources.lua: CMakeLists.txt and the rockspec list the files that are there.
--
-- Run from the top of the tree; prints TAP, as tools/check.sh does.
local rockspec_file = "rockspec/sslconnect-scm-1.rockspec"
local failed = false

local function check(name, problems)
  print((#problems == 0 and "ok - " or "not ok - ") .. name)
  for _, problem in ipairs(problems) do print("# " .. problem) end
  failed = failed or #problems > 0
end

local function lines(command)
  local list = {}
  local pipe = assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

-- What is in one list only, or in one twice.
local function differences(name_a, a, name_b, b)
  local problems, in_a, in_b = {}, {}, {}
  local function index(name, list, set)
    for _, file in ipairs(list) do
      if set[file] then problems[#problems + 1] = file .. " is twice in " .. name end
      set[file] = true
    end
  end
  local function missing(list, set, name)
    for _, file in ipairs(list) do
      if not set[file] then problems[#problems + 1] = file .. " is not in " .. name end
    end
  end
  index(name_a, a, in_a)
  index(name_b, b, in_b)
  missing(a, in_b, name_b)
  missing(b, in_a, name_a)
  if #a == 0 then problems[#problems + 1] = name_a .. " is empty" end
  return problems
end

local function read(file)
  local handle = assert(io.open(file))
  local text = handle:read("*a")
  handle:close()
  return text
end

local function cmake_sources()
  local list = {}
  local block = assert(read("CMakeLists.txt"):match("set%(SSLC_SOURCES(.-)%)"))
  for file in block:gmatch("%S+") do list[#list + 1] = file end
  return list
end

local function rock_modules()
  local environment = {}
  assert(load(read(rockspec_file), rockspec_file, "t", environment))()
  return environment.build.modules
end

-- lua/sslconnect/loop/init.lua is the module sslconnect.loop.
local function module_name(file)
  local name = file:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
  return name
end

local function lua_modules()
  local list = {}
  for _, file in ipairs(lines("find lua/sslconnect -name '*.lua' | sort")) do
    list[#list + 1] = module_name(file) .. " = " .. file
  end
  return list
end

local modules = rock_modules()
local rock_lua = {}
for name, what in pairs(modules) do
  if type(what) == "string" then rock_lua[#rock_lua + 1] = name .. " = " .. what end
end
table.sort(rock_lua)

local core = lines("ls csrc/*.c")
local both = lines("ls csrc/*.c lua/core/*.c")
check("CMakeLists.txt lists the core's sources",
  differences("csrc", core, "CMakeLists.txt", cmake_sources()))
check("the rockspec lists the sources of core and binding",
  differences("csrc and lua/core", both, "the rockspec", modules["sslconnect.core"].sources))
check("the rockspec lists the modules in Lua",
  differences("lua/sslconnect", lua_modules(), "the rockspec", rock_lua))
os.exit(failed and 1 or 0)
