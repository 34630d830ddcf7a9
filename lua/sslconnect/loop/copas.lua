--- Copas: waits by the functions that copas has for LuaSocket's objects.
--
-- copas.receive(object) and copas.connect(object) call the method of that name, and wait for the
-- object's descriptor for as long as it answers "timeout"; socket.select asks any object for
-- getfd() and dirty(). So each descriptor that is waited for gets a small object with these
-- methods. They look at nothing: whoever is called a second time was woken, and that is all that
-- a wait has to tell.
--
-- Deadlines need select to be left in time. Copas from 2.0 on has copas.sleep: a thread of copas
-- sleeps to the first deadline. Older ones (Debian's) have no timers, so there copas.step is
-- wrapped, to wait no longer than to the first deadline.
--
-- Nothing in copas tells whether a coroutine is one of its own, so it is never chosen by itself.
local blocking = require "sslconnect.loop.blocking"
local copas = require "copas"
local core = require "sslconnect.core"
local socket = require "socket"
local yieldable = require "sslconnect.loop.yieldable"

local adapter = {name = "copas", level = true}

-- How many descriptors select(2) can take: those below this number.
local SETSIZE = socket._SETSIZE or 1024

-- How often a wait for both events is looked after, in seconds: copas waits for one of them.
local SLICE = 0.02

local sleep = copas.pause or copas.sleep

-- A descriptor that can always be written and never be read, which select gets where another one
-- is closed or a writer is late.
local spare = assert((socket.udp4 or socket.udp)())
assert(spare:getfd() < SETSIZE, "too many descriptors are open for copas' select(2)")

--- Whether its deadline has passed. Who was told so once need not be waited for any more.
local function is_late(waiter)
  if not waiter or not waiter.deadline or core.now() < waiter.deadline then return false end
  waiter.told = true
  return true
end

-- ------------------------------------------------- what copas and select see of a descriptor

local Port = {}
Port.__index = Port

local ports = {} -- fd -> Port

function Port:getfd()
  return (self.gone or is_late(self.w)) and spare:getfd() or self.fd
end

function Port:dirty()
  return self.gone or is_late(self.r)
end

--- "timeout" makes copas wait; the second call comes when it has waited.
local function answer(waiter)
  if waiter and not waiter.asked then
    waiter.asked = true
    return nil, "timeout"
  end
  return 1
end

function Port:receive() return answer(self.r) end

function Port:connect() return answer(self.w) end

function Port:settimeout() return 1 end

-- Copas closes what the coroutine that ends was last woken by.
function Port:close() return 1 end

-- ----------------------------------------------------------------------------- deadlines

local function earlier(first, waiter)
  local at = waiter and not waiter.told and waiter.deadline
  return at and (not first or at < first) and at or first
end

--- The first deadline to come; nil where there is none.
local function first_deadline()
  local first
  for _, port in pairs(ports) do first = earlier(earlier(first, port.r), port.w) end
  return first
end

local ticker -- the thread that sleeps, and to when

--- Sleeps from deadline to deadline; when it wakes, select is entered anew and asks the objects.
local function tick()
  local first = first_deadline()
  while first do
    ticker.at = first
    sleep(math.max(first - core.now(), 0.001))
    first = first_deadline()
  end
  ticker = nil
end

local function wake_ticker()
  if ticker and ticker.thread then copas.wakeup(ticker.thread) end
end

--- Makes sure that select is left at `deadline`.
local function watch(deadline)
  if not sleep then return end
  if not ticker then
    ticker = {at = deadline}
    local mine = ticker
    mine.thread = copas.addthread(tick)
  elseif deadline < ticker.at then
    wake_ticker()
  end
end

if not sleep then
  local step = copas.step
  function copas.step(timeout)
    local first = first_deadline()
    if first then timeout = math.min(timeout or math.huge, math.max(first - core.now(), 0)) end
    return step(timeout)
  end
end

-- --------------------------------------------------------------------------------- waits

--- The descriptor's object. One on which somebody is thought to wait already, whose coroutine was
-- stopped, is given up.
local function find(fd, direction)
  if ports[fd] and ports[fd][direction] then adapter.forget(fd) end
  ports[fd] = ports[fd] or setmetatable({fd = fd}, Port)
  return ports[fd]
end

--- Ends a wait. A ticker that sleeps to its deadline looks for the next: the last one to go must
-- not keep copas.loop from its end.
local function dismiss(port, direction)
  local deadline = port[direction].deadline
  port[direction] = nil
  if not port.r and not port.w and ports[port.fd] == port then ports[port.fd] = nil end
  if ticker and deadline == ticker.at then wake_ticker() end
end

local function wait_for(fd, direction, seconds)
  local port = find(fd, direction)
  port[direction] = {deadline = seconds and core.now() + seconds}
  if seconds then watch(port[direction].deadline) end
  local waiting = direction == "r" and copas.receive or copas.connect
  waiting(port)
  dismiss(port, direction)
  return true
end

function adapter.wait(fd, events, seconds)
  if not yieldable.coroutine() then return blocking.wait(fd, events, seconds) end
  if fd >= SETSIZE then
    return nil, ("copas waits with select(2), which takes descriptors below %d; this one is %d")
      :format(SETSIZE, fd)
  end
  if events == "rw" then return wait_for(fd, "r", math.min(seconds or SLICE, SLICE)) end
  return wait_for(fd, events, seconds)
end

--- Lets who waits for the descriptor go on in the next turn of the loop; select does not see the
-- descriptor any more.
function adapter.forget(fd)
  local port = ports[fd]
  if not port then return end
  ports[fd] = nil
  port.gone = true
end

return adapter
