--- The loops that the specs run under: for each, how functions are run at the same time to their
-- ends, and what its timers are.
--
--   name        of the adapter
--   missing     why it cannot be used here; nil where it can
--   loop        the option to give; nil where the loop has to be found by itself
--   run         function(functions): runs each in a coroutine of the loop, all to their ends; a
--               list of their results, as helper.pack makes them. The first error is raised.
--   sleep       function(seconds), in such a coroutine, by a timer of the loop's own
--   concurrent  whether they run at the same time
local helper = require "helper"

local loops = {}

--- A module, or nil and why it cannot be loaded.
local function try(name)
  local ok, module = pcall(require, name)
  if ok then return module end
  return nil, "there is no " .. name .. " for " .. _VERSION
end

-- An error goes through each loop in a way of its own; here it is kept and raised at the end. On
-- PUC 5.1 nothing that waits can be called in pcall, so there it takes the way of the loop.
local can_catch = not (_VERSION == "Lua 5.1" and not rawget(_G, "jit"))

local function describe_error(err)
  return type(err) == "string" and debug.traceback(err, 2) or err
end

--- The functions as those of a group that knows when all have ended.
local function group_of(functions)
  local group = {left = #functions, results = {}, tasks = {}}
  for i, f in ipairs(functions) do
    local function keep(ok, ...)
      group.left = group.left - 1
      if not ok then
        group.err = group.err or {(...)}
        return
      end
      group.results[i] = helper.pack(...)
    end
    group.tasks[i] = function()
      if can_catch then return keep(xpcall(f, describe_error)) end
      return keep(true, f())
    end
  end
  return group
end

local function finish(group)
  if group.err then error(group.err[1], 0) end
  assert(group.left == 0, group.left .. " did not come to an end")
  return group.results
end

-- ---------------------------------------------------------------------------------------- each

function loops.blocking()
  return {
    loop = "blocking",
    run = function(functions)
      local results = {}
      for i, f in ipairs(functions) do results[i] = helper.pack(f()) end
      return results
    end,
    sleep = function(seconds) require "socket".sleep(seconds) end,
  }
end

--- The scheduler hears of descriptors that are closed: docs/loops.md tells how.
function loops.coroutine()
  local adapter = {
    name = "coroutine", wait = require "sslconnect.loop.coroutine".wait,
    forget = helper.adapter.forget,
  }
  return {
    loop = adapter, concurrent = true,
    run = function(functions) return helper.run(functions, 3 * helper.patience) end,
    sleep = function(seconds)
      local _, listener = helper.listen()
      coroutine.yield(listener:getfd(), "r", seconds)
      listener:close()
    end,
  }
end

function loops.embedded()
  local embedded, why = try "sslconnect.loop.embedded"
  if not embedded then return {missing = why} end
  return {
    concurrent = true,
    run = function(functions)
      local group = group_of(functions)
      embedded.run(function()
        for _, task in ipairs(group.tasks) do embedded.spawn(task) end
      end)
      return finish(group)
    end,
    sleep = function(seconds) embedded.sleep(seconds) end,
  }
end

function loops.cqueues()
  local cqueues, why = try "cqueues"
  if not cqueues then return {missing = why} end
  return {
    concurrent = true,
    run = function(functions)
      local controller, group = cqueues.new(), group_of(functions)
      for _, task in ipairs(group.tasks) do controller:wrap(task) end
      local ok, err = controller:loop(3 * helper.patience)
      if not ok then error(err, 0) end
      return finish(group)
    end,
    sleep = cqueues.sleep,
  }
end

function loops.luv()
  local uv, why = try "luv"
  if not uv then return {missing = why} end
  return {
    loop = "luv", concurrent = true,
    run = function(functions)
      local group, guard = group_of(functions), uv.new_timer()
      uv.update_time() -- which is that of the last turn, maybe minutes ago
      guard:start(3 * helper.patience * 1000, 0, function() uv.stop() end)
      guard:unref()
      for _, task in ipairs(group.tasks) do assert(coroutine.resume(coroutine.create(task))) end
      uv.run()
      guard:close()
      uv.run("nowait")
      return finish(group)
    end,
    sleep = function(seconds)
      local co, timer = coroutine.running(), uv.new_timer()
      uv.update_time()
      timer:start(math.ceil(seconds * 1000), 0, function()
        timer:close()
        assert(coroutine.resume(co))
      end)
      coroutine.yield()
    end,
  }
end

--- The copas of some systems has no timers; there the adapter itself is what can sleep.
local function copas_sleep(copas)
  return copas.pause or copas.sleep or function(seconds)
    local _, listener = helper.listen()
    require "sslconnect.loop.copas".wait(listener:getfd(), "r", seconds)
    listener:close()
  end
end

function loops.copas()
  local copas, why = try "copas"
  if not copas then return {missing = why} end
  require "sslconnect.loop.copas" -- it keeps a descriptor, which is not to be counted later
  local set_handler = copas.seterrorhandler or copas.setErrorHandler
  return {
    loop = "copas", concurrent = true,
    run = function(functions)
      local group, late = group_of(functions), os.time() + 3 * helper.patience
      for _, task in ipairs(group.tasks) do
        copas.addthread(function()
          set_handler(function(err)
            group.left, group.err = group.left - 1, group.err or {err}
          end)
          task()
        end)
      end
      while group.left > 0 and os.time() < late do copas.step(helper.patience) end
      return finish(group)
    end,
    sleep = copas_sleep(copas),
  }
end

loops.names = {"blocking", "coroutine", "embedded", "cqueues", "luv", "copas"}

--- The loop of that name, as above.
function loops.get(name)
  local found = loops[name]()
  found.name = name
  return found
end

return loops
