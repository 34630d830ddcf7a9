-- sslconnect in a coroutine, resumed by a scheduler as small as can be.
local host, port, ca, limit = ...
local ssl = require "sslconnect"

local co = coroutine.create(ssl.connect)
local given = {ca_file = ca, timeout = limit, loop = "coroutine"}
local _, fd, events, seconds = coroutine.resume(co, host, port, given)
while coroutine.status(co) ~= "dead" do
  ssl.core.wait(fd, events, seconds)
  _, fd, events, seconds = coroutine.resume(co)
end
return fd, events -- the results of ssl.connect, in the end
