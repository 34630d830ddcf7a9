-- many.lua: 200 connects at once in one program, with a scheduler of twenty lines.
--
--   lua many.lua HOST PORT [CA_FILE [COUNT]]
--
-- A connection of the loop "coroutine" yields what it waits for: a descriptor, the events, and
-- for how many seconds at most. Whoever resumes it is the loop.
local ssl = require "sslconnect"

local host, port, ca_file, count = arg[1], tonumber(arg[2]), arg[3], tonumber(arg[4] or 200)

local poller, waiting = ssl.core.poller(), {} -- waiting: descriptor -> coroutine and its deadline

local function step(co)
  local ok, fd, events, seconds = coroutine.resume(co)
  if not ok then error(debug.traceback(co, tostring(fd)), 0) end
  if not fd then return end -- it has ended
  assert(poller:set(fd, events))
  waiting[fd] = {co = co, late = ssl.core.now() + (seconds or math.huge)}
end

local function wake(fd)
  local co = waiting[fd].co
  waiting[fd] = nil
  poller:set(fd, nil)
  step(co)
end

local function run()
  while next(waiting) do
    local ready = assert(poller:wait(0.1))
    for fd, waiter in pairs(waiting) do
      if not ready[fd] and waiter.late <= ssl.core.now() then ready[fd] = "late" end
    end
    for fd in pairs(ready) do wake(fd) end
  end
end

local connected, failed = 0, 0

local function visit()
  local conn, err = ssl.connect(host, port, {ca_file = ca_file, loop = "coroutine", timeout = 30})
  if conn and conn:write("GET / HTTP/1.0\r\n\r\n") and conn:read("a") then
    connected = connected + 1
    conn:close()
  else
    failed = failed + 1
    io.stderr:write(tostring(err or "the server did not answer"), "\n")
  end
end

local begin = ssl.core.now()
for _ = 1, count do step(coroutine.create(visit)) end
run()
print(("%d connected, %d failed, %.2f s together"):format(connected, failed,
  ssl.core.now() - begin))
os.exit(failed == 0 and connected == count and 0 or 1)
