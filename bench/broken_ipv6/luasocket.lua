-- LuaSocket and LuaSec as their documents have it: connect, TLS, the chain verified.
local host, port, ca, limit = ...
local socket, sec = require "socket", require "ssl"

local sock = socket.tcp()
sock:settimeout(limit)
local ok, err = sock:connect(host, port)
if not ok then return nil, err end
local conn = assert(sec.wrap(sock, {mode = "client", protocol = "any", verify = "peer",
  cafile = ca, options = "all"}))
conn:sni(host)
return conn:dohandshake()
