-- sslconnect from the main program: connect, TLS, verified.
local host, port, ca, limit = ...
local ssl = require "sslconnect"

return ssl.connect(host, port, {ca_file = ca, timeout = limit})
