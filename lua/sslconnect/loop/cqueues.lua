--- cqueues: waits in the controller that runs this coroutine. cqueues.poll, cqueues.cancel.
--
-- A controller breaks for good where a descriptor is closed that it still has in its set. It keeps
-- one there for a while after a wait, and for as long as any coroutine has yet to be resumed from
-- one, cqueues.cancel or not. Hence two rules. A descriptor is taken out as soon as nobody waits
-- for it: then no close can hurt, not even the garbage collector's. And of two coroutines that
-- wait for one descriptor only the first polls it, for both; the second waits for a condition.
--
-- Outside of a controller it blocks.
local blocking = require "sslconnect.loop.blocking"
local condition = require "cqueues.condition"
local cqueues = require "cqueues"

assert(cqueues.poll and cqueues.cancel and cqueues.running, "the module cqueues is another one")

local adapter = {name = "cqueues", level = true}

-- controller -> fd -> {leader, follower}: what they poll for.
local controllers = setmetatable({}, {__mode = "k"})

--- The descriptor's waiters in this controller.
local function find(controller, fd)
  controllers[controller] = controllers[controller] or {}
  local spots = controllers[controller]
  spots[fd] = spots[fd] or {spots = spots, fd = fd}
  return spots[fd]
end

--- Lets the follower go on, if there is one: it is ready, or has to lead from now on.
local function wake_follower(spot)
  local follower = spot.follower
  spot.follower = nil
  if follower then follower.condition:signal() end
end

local function poll(mine, others, seconds)
  if others then return cqueues.poll(mine, others, seconds) end
  return cqueues.poll(mine, seconds)
end

--- Polls for both until what is its own is ready, or the time is over.
local function lead(spot, mine, seconds)
  local deadline = seconds and cqueues.monotime() + seconds
  spot.leader = mine
  repeat
    spot.changed = false
    local others = spot.follower
    local first, second = poll(mine, others,
      deadline and math.max(deadline - cqueues.monotime(), 0))
    local is_ready = first == mine or second == mine or type(first) == "number"
    if spot.follower == others and (first == others or second == others) then
      wake_follower(spot)
    end
  until spot.gone or is_ready and not spot.changed
  spot.leader = nil
  if spot.follower then return wake_follower(spot) end
  if not spot.gone then
    spot.spots[spot.fd] = nil
    cqueues.cancel(spot.fd)
  end
end

--- Tells the leader what to poll for as well, by waking it.
local function follow(spot, mine, seconds)
  mine.condition = condition.new()
  spot.follower, spot.changed = mine, true
  cqueues.cancel(spot.fd)
  mine.condition:wait(seconds)
  if spot.follower == mine then spot.follower = nil end
end

function adapter.wait(fd, events, seconds)
  local controller = cqueues.running()
  if not controller then return blocking.wait(fd, events, seconds) end
  local spot = find(controller, fd)
  local how = spot.leader and follow or lead
  how(spot, {pollfd = fd, events = events}, seconds)
  return true
end

--- Takes the descriptor out of every controller; who waits for it goes on.
function adapter.forget(fd)
  for _, spots in pairs(controllers) do
    local spot = spots[fd]
    if spot then
      spots[fd], spot.gone = nil, true
      wake_follower(spot)
    end
  end
  cqueues.cancel(fd)
end

--- Whether a controller resumed this very coroutine. One that was made and resumed inside of such
-- a coroutine does not count: what it yields goes to whoever made it.
function adapter.running()
  local controller, is_own = cqueues.running()
  return controller ~= nil and is_own == true
end

return adapter
