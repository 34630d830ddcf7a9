-- blocking.lua: no loop. Each call waits until it is done or the time is over.
--
--   lua blocking.lua HOST PORT [CA_FILE]
local ssl = require "sslconnect"

local host, port, ca_file = arg[1], tonumber(arg[2]), arg[3]

local conn = assert(ssl.connect(host, port, {ca_file = ca_file, timeout = 10}))
assert(conn:write("GET / HTTP/1.0\r\n\r\n"))
print(conn:read("l"))
conn:close()
