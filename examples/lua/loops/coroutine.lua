-- coroutine.lua: a loop of one's own, for coroutines that yield what they wait for.
--
--   lua coroutine.lua HOST PORT [CA_FILE]
local ssl = require "sslconnect"

local host, port, ca_file = arg[1], tonumber(arg[2]), arg[3]
local poller, waiting = ssl.core.poller(), {} -- waiting: descriptor -> coroutine, deadline

local function resume(co, ...)
  local ok, fd, events, seconds = coroutine.resume(co, ...)
  if not ok then error(debug.traceback(co, fd), 0) end
  if not fd then return end -- it has ended
  assert(poller:set(fd, events))
  waiting[fd] = {co = co, deadline = ssl.core.now() + (seconds or math.huge)}
end

local function wake(fd)
  local co = waiting[fd].co
  waiting[fd] = nil
  poller:set(fd, nil)
  resume(co)
end

local function loop()
  while next(waiting) do
    local ready = assert(poller:wait(0.1))
    for fd, waiter in pairs(waiting) do
      if waiter.deadline <= ssl.core.now() then ready[fd] = "late" end
    end
    for fd in pairs(ready) do wake(fd) end
  end
end

local function visit()
  local conn = assert(ssl.connect(host, port,
    {ca_file = ca_file, timeout = 10, loop = "coroutine"}))
  assert(conn:write("GET / HTTP/1.0\r\n\r\n"))
  print(conn:read("l"))
  conn:close()
end

for _ = 1, 3 do resume(coroutine.create(visit)) end
loop()
