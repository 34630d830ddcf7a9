--- Streams of luv: TCP, pipes, TTYs, as luv and luvit have them.
--
-- libuv reads and writes by callbacks, which resume the coroutine that waits. In the main program
-- the loop is run until there is something.
local buffer = require "sslconnect.buffer"
local method = require "sslconnect.method"

local Luv = {}
Luv.__index = Luv

-- Bytes read ahead, before libuv is told to stop.
local ENOUGH = 65536

-- 5.1 has no isyieldable; its `running` gives nil for the main program, that of 5.2 true.
local yieldable = coroutine.isyieldable or function()
  local co, is_main = coroutine.running()
  return co ~= nil and not is_main
end

function Luv.new(stream)
  if not (method(stream, "read_start") and method(stream, "read_stop")) then return nil end
  return setmetatable({
    stream = stream, uv = package.loaded.luv or package.loaded.uv, input = buffer.new(),
    waiting = {}, timers = {}, -- by "read" and "write"
  }, Luv)
end

local function wake(self, slot)
  local co = self.waiting[slot]
  if not co then return end
  self.waiting[slot] = nil
  local ok, err = coroutine.resume(co)
  if not ok then error(debug.traceback(co, tostring(err)), 0) end
end

--- Has the callback run after so many seconds; the function that undoes that. libuv counts from
-- what it takes for the time, which is that of the loop's last turn.
local function set_timer(self, slot, seconds, callback)
  local timer = self.timers[slot] or self.uv.new_timer()
  self.timers[slot] = timer
  self.uv.update_time()
  self.uv.timer_start(timer, math.ceil(seconds * 1000), 0, callback)
  return function() self.uv.timer_stop(timer) end
end

--- Waits until `is_done()`: true; false when the time is over or the stream was closed.
local function wait(self, slot, seconds, is_done)
  local late, stop_timer = false, nil
  if seconds and not is_done() then
    stop_timer = set_timer(self, slot, seconds, function()
      late = true
      if not self.waiting[slot] then self.uv.stop() end -- or this turn would go on to wait
      wake(self, slot)
    end)
  end
  while not (is_done() or late or self.closed) do
    if yieldable() then
      self.waiting[slot] = coroutine.running()
      coroutine.yield()
      self.waiting[slot] = nil
    else
      self.uv.run("once")
    end
  end
  if stop_timer and not self.closed then stop_timer() end
  return is_done()
end

local function on_read(self, err, data)
  if err then
    self.failed = err
  elseif data then
    self.input:push(data)
  else
    self.ended = true
  end
  if err or not data or self.input.size >= ENOUGH then
    self.reading = false
    self.stream:read_stop()
  end
  wake(self, "read")
end

local function start_reading(self)
  if self.reading then return true end
  local ok, err = self.stream:read_start(function(...) on_read(self, ...) end)
  self.reading = ok and true or false
  return ok, err
end

local function left_over(self)
  return self.closed and "canceled" or "timeout"
end

function Luv:read(max, seconds)
  local function is_done() return self.input.size > 0 or self.ended or self.failed end
  if not is_done() then
    local ok, err = start_reading(self)
    if not ok then return nil, err end
    if not wait(self, "read", seconds, is_done) then return nil, left_over(self) end
  end
  if self.input.size > 0 then return self.input:take(math.min(max, self.input.size)) end
  return nil, self.failed
end

function Luv:write(data, seconds)
  local done, failed = false, nil
  local request, err = self.stream:write(data, function(problem)
    done, failed = true, problem
    wake(self, "write")
  end)
  if not request then return nil, err end
  if not wait(self, "write", seconds, function() return done end) then
    return nil, left_over(self)
  end
  if failed then return nil, failed end
  return true
end

function Luv:try_write(data)
  self.stream:try_write(data)
end

function Luv:pause()
  wait(self, "pause", 0.001, function() return false end)
end

--- Wakes who waits, but from the loop, not inside of the one who closes.
local function wake_all(self)
  local timer = self.uv.new_timer()
  self.uv.timer_start(timer, 0, 0, function()
    self.uv.close(timer)
    for _, slot in ipairs {"read", "write", "pause"} do wake(self, slot) end
  end)
end

function Luv:close(take)
  self.closed = true
  if self.reading then self.stream:read_stop() end
  for _, timer in pairs(self.timers) do self.uv.close(timer) end
  if take and not self.uv.is_closing(self.stream) then self.uv.close(self.stream) end
  if next(self.waiting) then wake_all(self) end
end

return Luv
