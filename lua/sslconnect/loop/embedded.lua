--- The loop of our own, for programs that have none: tasks, timers and descriptors over
-- core.poller().
--
-- A task is a coroutine that only the loop resumes. It waits for a descriptor, a point of time or
-- another task; a turn of the loop costs what is ready in it, however many others wait. Nothing
-- here yields across a pcall, so that it is the same on every Lua.
local blocking = require "sslconnect.loop.blocking"
local core = require "sslconnect.core"
local heap = require "sslconnect.loop.heap"
local held = require "sslconnect.held"
local options = require "sslconnect.options"

local embedded = {name = "embedded", level = true}

---@class sslconnect.Task
local Task = {}
Task.__index = Task
Task.__name = "sslconnect.Task"

-- What a task yields that has arranged to be woken. A coroutine.yield() of the user's own lets
-- the others run, no more.
local WAIT = {}

local CANCELED = "the task was canceled"
local FORGOTTEN = "the descriptor was closed"

-- How often a task is canceled anew when the loop is ended, before it is left lying.
local ROUNDS = 16

local unpack = table.unpack or unpack
local running_coroutine = coroutine.running

local function pack(...)
  return {n = select("#", ...), ...}
end

-- The loop that is running.
local current

--- The task that this coroutine is; nil where it is none of the running loop.
local function this_task()
  local task = current and current.task
  return task and running_coroutine() == task.co and task or nil
end

local function need_task(name)
  local task = this_task()
  if not task then error(name .. " works only in a task of ssl.run", 3) end
  return task
end

local function canceled_error(reason)
  return core.error("canceled", nil, reason)
end

-- ----------------------------------------------------------------------- waiting and waking

--- Queues a task to be resumed. With a reason its wait fails.
local function make_ready(task, reason)
  local loop = task.loop
  task.state, task.reason = "ready", reason
  loop.count = loop.count + 1
  loop.queue[loop.count] = task
end

--- Marks that what is polled for a descriptor may not be what is waited for any more.
local function touch(loop, entry)
  if entry.touched then return end
  entry.touched = true
  loop.touched[#loop.touched + 1] = entry
end

local function remove(list, item)
  for i = 1, #list do
    if list[i] == item then return table.remove(list, i) end
  end
end

--- Takes a task out of everything it waits for.
local function detach(task)
  local loop, entry = task.loop, task.entry
  if task.slot then loop.timers:remove(task) end
  if task.joined then
    remove(task.joined.waiters, task)
    task.joined = nil
  end
  if not entry then return end
  if entry.r == task then entry.r = nil end
  if entry.w == task then entry.w = nil end
  task.entry = nil
  loop.watching = loop.watching - 1
  touch(loop, entry)
end

local function wake(task, reason)
  if task.state ~= "waiting" then return end
  detach(task)
  make_ready(task, reason)
end

--- Waits until woken, or until `due`. The reason, where the wait is given up.
--
-- It counts as waiting when the yield has come to the loop: on Lua 5.1 a yield inside of a pcall
-- throws, and the task runs on. What it had arranged is undone by its next wait or its end.
local function suspend(task, due)
  task.state = "parking"
  if due and due < math.huge then task.loop.timers:add(task, due) end
  return coroutine.yield(WAIT)
end

local function park(task)
  task.state = "waiting"
  if task.canceled then wake(task, CANCELED) end
end

-- -------------------------------------------------------------------------------- descriptors

local function events_of(entry)
  return entry.r and entry.w and "rw" or entry.r and "r" or entry.w and "w" or nil
end

--- Has a descriptor polled for a task; nil and why not.
local function watch(task, fd, events, owner)
  detach(task)
  local loop = task.loop
  local entry = loop.entries[fd] or {fd = fd}
  local r, w = events ~= "w", events ~= "r"
  if r and entry.r or w and entry.w then return nil, "another task waits for this descriptor" end
  if r then entry.r = task end
  if w then entry.w = task end
  loop.entries[fd], task.entry = entry, entry
  loop.watching = loop.watching + 1
  events = events_of(entry)
  if events == entry.polled and owner and owner == entry.owner then return true end
  -- Even where it is polled for this already: the number may stand for another socket by now.
  entry.polled, entry.owner = events, owner
  local ok, err = loop.poller:set(fd, events)
  if ok then return true end
  detach(task)
  return nil, tostring(err)
end

--- Brings what is polled in line with what is waited for. A task that is woken and waits again
-- for the same leaves nothing to do here.
local function sync(loop)
  for i, entry in ipairs(loop.touched) do
    loop.touched[i], entry.touched = nil, nil
    local events = events_of(entry)
    if loop.entries[entry.fd] == entry and events ~= entry.polled then
      entry.polled = events
      loop.poller:set(entry.fd, events)
    end
    if not events and loop.entries[entry.fd] == entry then loop.entries[entry.fd] = nil end
  end
end

local function wake_ready(loop, ready)
  for fd, events in pairs(ready) do
    ready[fd] = nil
    local entry = loop.entries[fd]
    if entry then
      if entry.r and events ~= "w" then wake(entry.r) end
      if entry.w and events ~= "r" then wake(entry.w) end
    else
      loop.poller:set(fd, nil)
    end
  end
end

-- -------------------------------------------------------------------------------------- tasks

local function new_task(loop, f, ...)
  loop.made = loop.made + 1
  local task = setmetatable({
    loop = loop, id = loop.made, co = coroutine.create(f), args = pack(...), waiters = {},
    canceled = loop.ending, -- it is too late to begin with anything
  }, Task)
  loop.tasks[task], loop.alive = true, loop.alive + 1
  make_ready(task)
  return task
end

--- What is thrown for a task that failed: a string with the task's traceback; an error object
-- of ours has it in a field, so that its code can still be asked for.
local function what_to_throw(task)
  local err = task.thrown
  if type(err) == "string" then return task.traceback end
  if type(err) == "table" and getmetatable(err) == core.error_mt then
    err.traceback = task.traceback
  end
  return err
end

--- Whether a task's results are those of a failure: nil or false and an error.
local function has_failed(task)
  return task.thrown ~= nil or not task.results[1] and task.results[2] ~= nil
end

local function cancel_others(group, except)
  for _, task in ipairs(group.tasks) do
    if task ~= except then task:cancel() end
  end
end

--- Tells a group (ssl.all) that one of its tasks has ended.
local function tell_group(group, task)
  group.left = group.left - 1
  if not group.failed and not task.canceled and
    (task.thrown ~= nil or group.cancel and has_failed(task)) then
    group.failed = task
    cancel_others(group, task)
  end
  if group.left == 0 then wake(group.waiter) end
end

--- A task has come to its end.
local function finish(task)
  local loop, waiters = task.loop, task.waiters
  detach(task)
  task.state = "done"
  loop.tasks[task], loop.alive = nil, loop.alive - 1
  local awaited = task.group or #waiters > 0
  if task.group then tell_group(task.group, task) end
  task.waiters = {}
  for _, waiter in ipairs(waiters) do wake(waiter) end
  if task.thrown ~= nil and not awaited and not task.canceled then loop.failed = task end
end

local function finish_thrown(task, err)
  if err == nil then err = "nil" end
  task.thrown = err
  task.traceback = debug.traceback(task.co, type(err) == "string" and err or tostring(err))
  finish(task)
end

--- Looks at what a task's coroutine did when it was resumed.
local function resumed(task, ok, ...)
  if not ok then return finish_thrown(task, (...)) end
  if coroutine.status(task.co) == "dead" then
    task.results = pack(...)
    return finish(task)
  end
  if (...) == WAIT then return park(task) end
  make_ready(task)
end

local function start(task)
  local args = task.args
  task.args = nil
  if task.canceled then
    task.results = pack(nil, canceled_error(CANCELED))
    return finish(task)
  end
  resumed(task, coroutine.resume(task.co, unpack(args, 1, args.n)))
end

local function resume(loop, task)
  loop.task, task.state = task, "running"
  if task.args then
    start(task)
  else
    resumed(task, coroutine.resume(task.co, task.reason))
  end
  loop.task = nil
end

--- What a task gave; throws what it threw.
local function outcome(task)
  if task.thrown ~= nil then error(what_to_throw(task), 0) end
  return unpack(task.results, 1, task.results.n)
end

--- Waits for another task's end, or until `due`. The reason, where the wait is given up.
local function join(task, other, due)
  detach(task)
  other.waiters[#other.waiters + 1], task.joined = task, other
  return suspend(task, due)
end

--- Waits until the task has ended: what its function returned, or nil and what it threw.
---@return any ...
function Task:wait()
  if self.state ~= "done" then
    local task = need_task("task:wait")
    if task == self then
      return nil, core.error("misuse", nil, "a task cannot wait for itself")
    end
    local reason = join(task, self)
    if reason then return nil, canceled_error(reason) end
  end
  if self.thrown ~= nil then return nil, self.thrown, self.traceback end
  return unpack(self.results, 1, self.results.n)
end

--- Cancels the task: what it waits for, and whatever it will wait for, fails with the code
--- `canceled`. One that has not begun never does; one that has ended stays as it is.
---@return true
function Task:cancel()
  if self.state == "done" then return true end
  self.canceled = true
  wake(self, CANCELED)
  return true
end

function Task:__tostring()
  return ("sslconnect.Task: %d (%s)"):format(self.id, self.state)
end

-- --------------------------------------------------------------------------------- the loop

local function new_loop(poller)
  return {
    poller = poller, timers = heap.new(),
    queue = {}, spare = {}, count = 0, -- the tasks to be resumed
    ready = {}, -- filled by each wait, emptied at once
    entries = {}, touched = {}, -- descriptor -> who waits for it; those to be looked at
    tasks = {}, alive = 0, made = 0, watching = 0,
  }
end

local function in_order(loop)
  local list = {}
  for task in pairs(loop.tasks) do list[#list + 1] = task end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

--- Why the loop cannot go on where nobody is ready and nothing can wake anybody.
local function deadlock(loop)
  local lines = {"ssl.run: these tasks wait for ever, with nothing to wake them"}
  for _, task in ipairs(in_order(loop)) do
    lines[#lines + 1] = debug.traceback(task.co, "task " .. task.id)
  end
  return table.concat(lines, "\n")
end

--- Waits for something to happen, and wakes whom it concerns.
local function poll(loop)
  local first, seconds = loop.timers:first(), nil
  if loop.count > 0 then
    seconds = 0
  elseif first then
    seconds = math.max(first.due - core.now(), 0)
  elseif loop.watching == 0 then
    error(deadlock(loop), 0)
  end
  if seconds ~= 0 then held.release() end -- nobody is about to write
  if loop.watching > 0 or seconds > 0 then
    local ready, err = loop.poller:wait(seconds, loop.ready)
    if not ready then error(err, 0) end
    wake_ready(loop, ready)
  end
  local now = first and core.now()
  while first and first.due <= now do
    wake(first)
    first = loop.timers:first()
  end
end

--- Resumes those that are ready now; those that become so meanwhile are for the next turn.
local function resume_ready(loop)
  local batch, count = loop.queue, loop.count
  loop.queue, loop.spare, loop.count = loop.spare, batch, 0
  for i = 1, count do
    local task = batch[i]
    batch[i] = nil
    resume(loop, task)
    if loop.failed then return end
  end
end

local function run_tasks(loop)
  while loop.alive > 0 do
    resume_ready(loop)
    if loop.failed then error(what_to_throw(loop.failed), 0) end
    sync(loop)
    if loop.alive > 0 then poll(loop) end
  end
end

--- Cancels all tasks until none is left. Who has not had enough after some rounds is left lying;
-- from Lua 5.4 on its variables are closed.
local function stop(loop)
  loop.ending, loop.failed = true, nil
  for _ = 1, ROUNDS do
    if loop.alive == 0 then return end
    loop.queue, loop.spare, loop.count = {}, {}, 0
    for _, task in ipairs(in_order(loop)) do
      task.canceled = true
      detach(task)
      make_ready(task, CANCELED)
    end
    resume_ready(loop)
  end
  local close = coroutine.close
  for task in pairs(close and loop.tasks or {}) do close(task.co) end
end

--- Ends the loop, whatever happens in it, and whoever presses Ctrl-C again.
local function shut(loop)
  local ok, err = pcall(stop, loop)
  current = nil
  loop.poller:close()
  if not ok then error(err, 0) end
end

--- Runs the function as the first task of a loop, until all tasks have ended.
---
--- An error that a task throws while nobody waits for that task ends the loop: the others are
--- canceled, and ssl.run throws it with the task's traceback. So do Ctrl-C, and tasks that wait
--- for each other with nothing to wake them.
---@param f function
---@param ... any  its arguments
---@return any ...  what it returned
function embedded.run(f, ...)
  if current then error("ssl.run: a loop is running already; ssl.spawn adds to it", 2) end
  if type(f) ~= "function" then error("ssl.run: expected a function, got " .. type(f), 2) end
  local poller, err = core.poller()
  if not poller then return nil, err end
  local loop = new_loop(poller)
  current = loop
  local main = new_task(loop, f, ...)
  local ok, thrown = pcall(run_tasks, loop)
  shut(loop)
  if not ok then error(thrown, 0) end
  return unpack(main.results, 1, main.results.n)
end

--- Adds a task to the running loop. It begins when the one that runs waits.
---@param f function
---@param ... any  its arguments
---@return sslconnect.Task
function embedded.spawn(f, ...)
  if not current then error("ssl.spawn works only inside of ssl.run", 2) end
  if type(f) ~= "function" then error("ssl.spawn: expected a function, got " .. type(f), 2) end
  return new_task(current, f, ...)
end

local function check_seconds(name, seconds)
  if not options.is_seconds(seconds) then
    error(name .. ": expected a number of seconds, 0 or more, got " .. tostring(seconds), 3)
  end
end

--- Waits for so many seconds.
---@param seconds number
---@return true|nil ok
---@return table|nil err  canceled
function embedded.sleep(seconds)
  check_seconds("ssl.sleep", seconds)
  local task = need_task("ssl.sleep")
  detach(task)
  local reason = suspend(task, core.now() + seconds)
  if reason then return nil, canceled_error(reason) end
  return true
end

--- Gives a function so many seconds. It runs in a task of its own, which is canceled when the
--- time is over.
---@param seconds number
---@param f function
---@param ... any      its arguments
---@return any ...     what it returned; nil and an error: timeout, canceled
function embedded.timeout(seconds, f, ...)
  check_seconds("ssl.timeout", seconds)
  local task, child = need_task("ssl.timeout"), embedded.spawn(f, ...)
  local reason = join(task, child, core.now() + seconds)
  if child.state == "done" then return outcome(child) end
  child:cancel()
  coroutine.yield() -- to come behind the child, which thus has cleaned up when this returns
  if reason then return nil, canceled_error(reason) end
  return nil, core.error("timeout", nil, ("it took longer than %g s"):format(seconds))
end

--- The first result of each, in order, and behind them the errors by their index, where any.
local function gather(group)
  local values, errors = {}, nil
  for i, task in ipairs(group.tasks) do
    if task.thrown == nil then values[i] = task.results[1] end
    if has_failed(task) then
      errors = errors or {}
      errors[i] = task.thrown == nil and task.results[2] or task.thrown
    end
  end
  local count = #group.tasks
  values[count + 1] = errors
  return unpack(values, 1, count + 1)
end

--- Runs functions at once, each in a task, and waits for all of them.
---
---   local a, b, errors = ssl.all({f, g})
---
--- Gives the first result of each, in order; behind them a table of errors, by the index of the
--- function that returned nil (or false) and an error, or nil where none did. With `cancel` the
--- first such error cancels the others. An error that is thrown always does, and is thrown on.
---@param list function[]
---@param given? table  cancel (false)
---@return any ...
function embedded.all(list, given)
  local task = need_task("ssl.all")
  local group = {tasks = {}, left = #list, waiter = task, cancel = given and given.cancel}
  for i, f in ipairs(list) do
    group.tasks[i] = embedded.spawn(f)
    group.tasks[i].group = group
  end
  detach(task)
  while group.left > 0 do
    if suspend(task) then cancel_others(group) end
  end
  if group.failed and group.failed.thrown ~= nil then outcome(group.failed) end
  return gather(group)
end

-- ------------------------------------------------------------------------------- the adapter

--- Whether the current coroutine is a task of the loop that is running right now.
---@return boolean
function embedded.running()
  return this_task() ~= nil
end

--- Waits for a descriptor; outside of a task nobody could wake it, so there it blocks.
function embedded.wait(fd, events, seconds, owner)
  local task = this_task()
  if not task then return blocking.wait(fd, events, seconds) end
  if not task.canceled then
    local ok, reason = watch(task, fd, events, owner)
    if not ok then return nil, reason end
  end
  local reason = suspend(task, seconds and core.now() + seconds)
  if reason then return nil, reason end
  return true
end

--- A descriptor is about to be closed: who waits for it is told.
function embedded.forget(fd)
  local entry = current and current.entries[fd]
  if not entry then return end
  current.entries[fd] = nil
  current.poller:set(fd, nil)
  if entry.r then wake(entry.r, FORGOTTEN) end
  if entry.w then wake(entry.w, FORGOTTEN) end
end

return embedded
