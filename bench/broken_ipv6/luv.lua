-- luv's usual code: getaddrinfo, the first address, tcp:connect, a timer for the limit. luv has no
-- TLS, so this is TCP alone.
local host, port, _, limit = ...
local uv = require "luv"

local ok, why = nil, "timeout"
local tcp, timer = uv.new_tcp(), uv.new_timer()

local function finish(err)
  ok, why = not err, err
  timer:close()
  tcp:close()
end

timer:start(limit * 1000, 0, function() finish("timeout") end)
uv.getaddrinfo(host, port, {socktype = "stream"}, function(err, found)
  if err then return finish(err) end
  tcp:connect(found[1].addr, found[1].port, function(failed)
    if not timer:is_closing() then finish(failed) end
  end)
end)
uv.run()
return ok, why
