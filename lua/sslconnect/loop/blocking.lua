--- No loop: waits in poll(2).
--
-- A signal ends the wait early, so that Lua's hook for Ctrl-C runs before the next one.
local core = require "sslconnect.core"

local blocking = {name = "blocking", level = true}

function blocking.wait(fd, events, seconds)
  local ready, err = core.wait(fd, events, seconds)
  if ready == nil then return nil, tostring(err) end
  return true
end

return blocking
