-- luv.lua: coroutines in libuv's loop. It has to be named, as it cannot be asked whether it runs.
--
--   lua luv.lua HOST PORT [CA_FILE]
local ssl = require "sslconnect"
local uv = require "luv"

assert(ssl.set_loop("luv"))

local host, port, ca_file = arg[1], tonumber(arg[2]), arg[3]

local function visit()
  local conn = assert(ssl.connect(host, port, {ca_file = ca_file, timeout = 10}))
  assert(conn:write("GET / HTTP/1.0\r\n\r\n"))
  print(conn:read("l"))
  conn:close()
end

for _ = 1, 3 do assert(coroutine.resume(coroutine.create(visit))) end
uv.run()
