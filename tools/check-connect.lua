-- check-connect.lua: connects with an installed sslconnect and says what came of it.
--
--   lua check-connect.lua DIRECTORY
--
-- DIRECTORY is where every part of the module must have come from.  The server is named by the
-- environment, as tools/with-server.sh does it.
local directory = arg[1]
local host = assert(os.getenv("SSLC_EXAMPLE_HOST"))
local port = assert(tonumber(os.getenv("SSLC_EXAMPLE_PORT")))
local ca_file = assert(os.getenv("SSLC_EXAMPLE_CA"))

-- package.searchpath is missing on Lua 5.1.
local function find(name, path)
  for template in path:gmatch("[^;]+") do
    local file = template:gsub("%?", (name:gsub("%.", "/")))
    local handle = io.open(file)
    if handle then
      handle:close()
      return file
    end
  end
end

local function check_origin(name, path)
  local file = assert(find(name, path), name .. " was not found")
  assert(file:sub(1, #directory) == directory, name .. " came from " .. file)
end

check_origin("sslconnect", package.path)
check_origin("sslconnect.core", package.cpath)
local ssl = require("sslconnect")

local refused, reason = ssl.connect(host, port, {timeout = 20})
assert(refused == nil, "a server of an unknown authority was let in")
assert(reason.code == "unknown_authority", tostring(reason))

local conn = assert(ssl.connect(host, port, {ca_file = ca_file, timeout = 20}))
assert(conn:info().verified == true, "the connection is not verified")
print(_VERSION, tostring(conn))
conn:close()
