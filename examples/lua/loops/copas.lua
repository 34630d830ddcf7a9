-- copas.lua: threads of copas. It has to be named, as it cannot be asked whose a coroutine is.
--
--   lua copas.lua HOST PORT [CA_FILE]
local copas = require "copas"
local ssl = require "sslconnect"

assert(ssl.set_loop("copas"))

local host, port, ca_file = arg[1], tonumber(arg[2]), arg[3]
local visits = 3

local function visit()
  local conn = assert(ssl.connect(host, port, {ca_file = ca_file, timeout = 10}))
  assert(conn:write("GET / HTTP/1.0\r\n\r\n"))
  print(conn:read("l"))
  conn:close()
  visits = visits - 1
end

for _ = 1, 3 do copas.addthread(visit) end
while visits > 0 do copas.step() end
