-- get.lua: one verified connection, used like a file.
--
--   lua get.lua HOST [PORT [CA_FILE]]
--
-- Without CA_FILE the system's trust counts, as it should on the Internet.
local ssl = require "sslconnect"

local host, port, ca_file = arg[1], tonumber(arg[2] or 443), arg[3]

local conn, err = ssl.connect(host, port, {ca_file = ca_file, timeout = 10})
if not conn then
  io.stderr:write(tostring(err), "\n") -- says what went wrong and what to do about it
  os.exit(1)
end

assert(conn:write("GET / HTTP/1.0\r\nHost: ", host, "\r\n\r\n"))
for line in conn:lines() do print(line) end
conn:close()
