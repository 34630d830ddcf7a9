-- sslconnect from the main program: connect, TLS, verified.
local host, port, ca, limit = arg[1], tonumber(arg[2]), arg[3], tonumber(arg[4])
local ssl = require "sslconnect"

return ssl.connect(host, port, {ca_file = ca, timeout = limit})
