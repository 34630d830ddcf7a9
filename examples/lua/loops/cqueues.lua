-- cqueues.lua: in a controller's coroutine the loop is found by itself.
--
--   lua cqueues.lua HOST PORT [CA_FILE]
local cqueues = require "cqueues"
local ssl = require "sslconnect"

local host, port, ca_file = arg[1], tonumber(arg[2]), arg[3]
local controller = cqueues.new()

local function visit()
  local conn = assert(ssl.connect(host, port, {ca_file = ca_file, timeout = 10}))
  assert(conn:write("GET / HTTP/1.0\r\n\r\n"))
  cqueues.poll(conn) -- a connection is one of the objects that cqueues can wait for
  print(conn:read("l"))
  conn:close()
end

for _ = 1, 3 do controller:wrap(visit) end
assert(controller:loop())
