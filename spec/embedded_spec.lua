-- embedded_spec.lua: the loop of our own: tasks that run at once, wait, fail, are canceled.
local helper = require "helper"
local heap = require "sslconnect.loop.heap"
local ssl = require "sslconnect"

local core = ssl.core
local embedded = require "sslconnect.loop.embedded"

local server, ctx

setup(function()
  server = helper.serve {"good", "good/echo", "good/slow", "raw/stall", "expired/echo"}
  ctx = assert(ssl.context {ca_file = helper.ca})
end)

teardown(function() server:stop() end)

local function connect(scenario, given)
  return ctx:connect("127.0.0.1", server:port(scenario), given)
end

--- What a function throws; it has to throw.
local function thrown_by(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  return err
end

-- A wait with nothing behind it would last as long as this.
local LONG = helper.patience * 10

describe("ssl.run", function()
  it("gives what its function returns, nils too", function()
    local function count(...) return select("#", ...), nil, ... end
    assert.same({n = 4, 2, nil, 1, nil}, helper.pack(ssl.run(count, 1, nil)))
  end)

  it("ends when all tasks have ended", function()
    local ended = false
    assert.equal("first", ssl.run(function()
      ssl.spawn(function()
        ssl.sleep(0.02)
        ended = true
      end)
      return "first"
    end))
    assert.is_true(ended)
  end)

  it("throws what its function throws, with its traceback", function()
    local function find_me() error("went wrong") end
    local err = thrown_by(ssl.run, function() find_me() end)
    assert.matches("went wrong", err, 1, true)
    assert.matches("traceback:.*find_me", err)
  end)

  it("throws an error object as it is, with the traceback in a field", function()
    local err = thrown_by(ssl.run, function()
      local _, failure = connect("expired/echo")
      error(failure)
    end)
    assert.equal("certificate_expired", err.code)
    assert.matches("traceback:.*embedded_spec", err.traceback)
  end)

  it("throws what a task throws that nobody waits for, when the others were canceled", function()
    local code, fds = nil, helper.open_fds()
    local err = thrown_by(ssl.run, function()
      ssl.spawn(function()
        ssl.sleep(0.01)
        error("nobody waits for me")
      end)
      local conn = assert(connect("good/slow"))
      conn:read("l")
      code = select(2, conn:read("l")).code
      conn:close()
    end)
    assert.matches("nobody waits for me", err, 1, true)
    assert.equal("canceled", code)
    helper.no_fd_left(fds)
  end)

  it("can be called again after an error", function()
    thrown_by(ssl.run, function() error("once") end)
    assert.equal(2, ssl.run(function() return 2 end))
  end)

  it("inside of itself is an error that says so", function()
    ssl.run(function()
      assert.matches("a loop is running already", thrown_by(ssl.run, function() end), 1, true)
    end)
  end)

  it("runs in a coroutine of anybody's as well, blocking it", function()
    local co = coroutine.wrap(function()
      return ssl.run(function() return ssl.sleep(0.001) end)
    end)
    assert.is_true(co())
  end)

  it("takes nothing but a function", function()
    assert.matches("expected a function, got nil", thrown_by(ssl.run), 1, true)
    ssl.run(function()
      assert.matches("expected a function, got table", thrown_by(ssl.spawn, {}), 1, true)
    end)
  end)

  it("names tasks that wait for each other with nothing to wake them", function()
    local err = thrown_by(ssl.run, function()
      local one, two
      local function wait_for_two() return (two:wait()) end
      one = ssl.spawn(function() return (wait_for_two()) end)
      two = ssl.spawn(function() return (one:wait()) end)
    end)
    assert.matches("wait for ever, with nothing to wake them", err, 1, true)
    assert.matches("task 2\nstack traceback:.*wait_for_two.*task 3\nstack traceback", err)
  end)

  it("is ended by Ctrl-C, its tasks cleaned up", function()
    local child = helper.start_lua(([[
      local ssl = require "sslconnect"
      local ok, err = pcall(ssl.run, function()
        ssl.spawn(function()
          local conn, err = ssl.connect("127.0.0.1", %d, {timeout = 60})
          print("connect", err.code)
        end)
        ssl.spawn(function()
          ssl.sleep(0.05)
          print("waiting")
          io.stdout:flush()
        end)
        print("sleep", select(2, ssl.sleep(60)).code)
      end)
      print(ok, err)
    ]]):format(server:port("raw/stall")))
    local pid = child:read("*l")
    assert.equal("waiting", child:read("*l"))
    os.execute("kill -INT " .. pid)
    local rest = child:read("*a")
    child:close()
    assert.matches("sleep\tcanceled", rest, 1, true)
    assert.matches("connect\tcanceled", rest, 1, true)
    assert.matches("false\t.*interrupted!", rest)
  end)

  it("drops a task that will not end, after an error", function()
    local rounds = 0
    local err = thrown_by(ssl.run, function()
      ssl.spawn(function()
        while true do
          ssl.sleep(0)
          rounds = rounds + 1
        end
      end)
      ssl.sleep(0)
      error("enough")
    end)
    assert.matches("enough", err, 1, true)
    assert.is_true(rounds < 100)
  end)
end)

describe("a task", function()
  it("runs while others wait", function()
    local order = {}
    ssl.run(function()
      for i, seconds in ipairs {0.03, 0.01, 0.02} do
        ssl.spawn(function()
          ssl.sleep(seconds)
          order[#order + 1] = i
        end)
      end
    end)
    assert.same({2, 3, 1}, order)
  end)

  it("gives its results to all who wait, also when it has ended", function()
    ssl.run(function()
      local task = ssl.spawn(function(...)
        ssl.sleep(0.01)
        return ...
      end, "a", nil)
      local other = ssl.spawn(function() return task:wait() end)
      assert.same({n = 2, "a"}, helper.pack(task:wait()))
      assert.same({n = 2, "a"}, helper.pack(task:wait()))
      assert.same({n = 2, "a"}, helper.pack(other:wait()))
    end)
  end)

  it("gives what it threw to who waits", function()
    ssl.run(function()
      local what = {}
      local task = ssl.spawn(function() error(what) end)
      local ok, err, traceback = task:wait()
      assert.is_nil(ok)
      assert.equal(what, err)
      assert.matches("stack traceback", traceback, 1, true)
    end)
  end)

  it("cannot wait for itself", function()
    ssl.run(function()
      local task
      task = ssl.spawn(function() return task:wait() end)
      helper.fails({code = "misuse", has = "a task cannot wait for itself"}, task:wait())
    end)
  end)

  it("that yields lets the others run", function()
    local order = {}
    ssl.run(function()
      ssl.spawn(function() order[#order + 1] = "other" end)
      coroutine.yield()
      order[#order + 1] = "first"
    end)
    assert.same({"other", "first"}, order)
  end)

  it("is found out by running, and nobody else", function()
    assert.is_false(embedded.running())
    ssl.run(function()
      assert.is_true(embedded.running())
      assert.is_false(coroutine.wrap(embedded.running)())
      ssl.sleep(0)
      assert.is_true(embedded.running())
    end)
    assert.is_false(embedded.running())
  end)

  it("blocks in a coroutine of its own, and can go on after it", function()
    ssl.run(function()
      local co = coroutine.wrap(function() return assert(connect("good/echo")) end)
      local conn = co()
      assert(conn:write("hi\n"))
      assert.equal("hi", conn:read("l"))
      conn:close()
    end)
  end)

  it("is needed for what waits", function()
    for name, f in pairs {["ssl.sleep"] = ssl.sleep, ["ssl.timeout"] = ssl.timeout} do
      assert.matches(name .. " works only in a task of ssl.run", thrown_by(f, 1, print), 1, true)
    end
    assert.matches("ssl.all works only in a task of ssl.run", thrown_by(ssl.all, {}), 1, true)
    assert.matches("ssl.spawn works only inside of ssl.run", thrown_by(ssl.spawn, print), 1, true)
  end)
end)

describe("canceling", function()
  it("ends a sleep and a wait for another task", function()
    ssl.run(function()
      local sleeper = ssl.spawn(ssl.sleep, LONG)
      local waiter = ssl.spawn(function() return sleeper:wait() end)
      ssl.sleep(0)
      waiter:cancel()
      helper.fails({code = "canceled"}, waiter:wait())
      sleeper:cancel()
      helper.fails({code = "canceled", has = "the task was canceled"}, sleeper:wait())
    end)
  end)

  it("ends a connect, which leaves no descriptor", function()
    local fds = helper.open_fds()
    ssl.run(function()
      local task = ssl.spawn(connect, "raw/stall")
      ssl.sleep(0.05)
      task:cancel()
      helper.fails({code = "canceled", phase = "handshake"}, task:wait())
    end)
    helper.no_fd_left(fds)
  end)

  it("ends a read, and the connection can be read by another", function()
    ssl.run(function()
      local conn = assert(connect("good/echo"))
      local task = ssl.spawn(function() return conn:read("l") end)
      ssl.sleep(0.01)
      task:cancel()
      helper.fails({code = "canceled", phase = "read"}, task:wait())
      assert(conn:write("again\n"))
      assert.equal("again", conn:read("l"))
      conn:close()
    end)
  end)

  it("keeps a task from beginning", function()
    local began = false
    ssl.run(function()
      local task = ssl.spawn(function() began = true end)
      assert.is_true(task:cancel())
      helper.fails({code = "canceled"}, task:wait())
    end)
    assert.is_false(began)
  end)

  it("happens anew at each wait", function()
    ssl.run(function()
      local codes = {}
      local task = ssl.spawn(function()
        for i = 1, 3 do codes[i] = select(2, ssl.sleep(LONG)).code end
        return "ended"
      end)
      ssl.sleep(0)
      task:cancel()
      assert.equal("ended", task:wait())
      assert.same({"canceled", "canceled", "canceled"}, codes)
    end)
  end)

  it("does nothing to a task that has ended, and a second time", function()
    ssl.run(function()
      local task = ssl.spawn(function() return 1 end)
      assert.equal(1, task:wait())
      assert.is_true(task:cancel())
      assert.is_true(task:cancel())
      assert.equal(1, task:wait())
    end)
  end)

  it("hides what the task throws because of it", function()
    assert.equal("fine", ssl.run(function()
      local task = ssl.spawn(function() assert(ssl.sleep(LONG)) end)
      ssl.sleep(0)
      task:cancel()
      ssl.sleep(0)
      return "fine"
    end))
  end)
end)

describe("ssl.all", function()
  it("gives the first result of each, in order", function()
    assert.same({n = 4, "a", "b", "c"}, helper.pack(ssl.run(function()
      return ssl.all {
        function() ssl.sleep(0.02) return "a" end,
        function() return "b", "more" end,
        function() ssl.sleep(0.01) return "c" end,
      }
    end)))
  end)

  it("gives the errors by their index, and the others go on", function()
    ssl.run(function()
      local a, b, c, errors = ssl.all {
        function() ssl.sleep(0.01) return "a" end,
        function() return connect("expired/echo") end,
        function() return nil end,
      }
      assert.equal("a", a)
      assert.is_nil(b)
      assert.is_nil(c)
      helper.check_error(errors[2], {code = "certificate_expired"})
      assert.is_nil(errors[1])
      assert.is_nil(errors[3])
    end)
  end)

  it("with cancel ends the others at the first error", function()
    ssl.run(function()
      local _, _, errors = ssl.all({
        function() return ssl.sleep(LONG) end,
        function() return connect("expired/echo") end,
      }, {cancel = true})
      assert.equal("canceled", errors[1].code)
      assert.equal("certificate_expired", errors[2].code)
    end)
  end)

  it("throws what one throws, the others canceled", function()
    local code
    local err = thrown_by(ssl.run, function()
      ssl.all {
        function() code = select(2, ssl.sleep(LONG)).code end,
        function() error("in one of them") end,
      }
    end)
    assert.matches("in one of them", err, 1, true)
    assert.equal("canceled", code)
  end)

  it("canceled itself, cancels all", function()
    ssl.run(function()
      local sleep = function() return ssl.sleep(LONG) end
      local task = ssl.spawn(function() return ssl.all {sleep, sleep} end)
      ssl.sleep(0)
      task:cancel()
      local a, b, errors = task:wait()
      assert.is_nil(a)
      assert.is_nil(b)
      assert.equal("canceled", errors[1].code)
      assert.equal("canceled", errors[2].code)
    end)
  end)

  it("of nothing is nothing", function()
    assert.same({n = 1}, helper.pack(ssl.run(function() return ssl.all {} end)))
  end)
end)

describe("ssl.timeout", function()
  it("gives what the function returns in time", function()
    assert.same({n = 3, 1, nil, 3}, helper.pack(ssl.run(function()
      return ssl.timeout(LONG, function(...) return ... end, 1, nil, 3)
    end)))
  end)

  it("cancels it when the time is over, and it has cleaned up by then", function()
    local code
    ssl.run(function()
      helper.fails({code = "timeout", has = "it took longer than 0.02 s"},
        ssl.timeout(0.02, function() code = select(2, connect("raw/stall")).code end))
      assert.equal("canceled", code)
    end)
  end)

  it("returns even where the function will not end", function()
    ssl.run(function()
      local go_on = true
      helper.fails({code = "timeout"}, ssl.timeout(0.01, function()
        while go_on do ssl.sleep(0) end
      end))
      go_on = false
    end)
  end)

  it("throws what the function throws", function()
    assert.matches("within", thrown_by(ssl.run, function()
      ssl.timeout(LONG, function() error("within") end)
    end), 1, true)
  end)

  it("takes nothing but seconds", function()
    ssl.run(function()
      for _, bad in ipairs {-1, 0 / 0, "1"} do
        assert.matches("expected a number of seconds", thrown_by(ssl.timeout, bad, print), 1, true)
        assert.matches("expected a number of seconds", thrown_by(ssl.sleep, bad), 1, true)
      end
    end)
  end)
end)

describe("connections in the loop", function()
  it("shake hands at once, 100 beside 100 that stall", function()
    local fds = helper.open_fds()
    ssl.run(function()
      local stalled, tasks, good = {}, {}, 0
      for i = 1, 100 do stalled[i] = ssl.spawn(connect, "raw/stall", {timeout = LONG}) end
      for i = 1, 100 do
        tasks[i] = ssl.spawn(function()
          local conn = assert(connect("good/echo"))
          assert(conn:write(i, "\n"))
          local line = conn:read("l")
          conn:close()
          return line == tostring(i)
        end)
      end
      for _, task in ipairs(tasks) do good = good + (task:wait() and 1 or 0) end
      assert.equal(100, good)
      for _, task in ipairs(stalled) do task:cancel() end
      for _, task in ipairs(stalled) do helper.fails({code = "canceled"}, task:wait()) end
    end)
    helper.no_fd_left(fds)
  end)

  it("are read and written at the same time", function()
    ssl.run(function()
      local conn, size = assert(connect("good/echo")), 2 * 1024 * 1024
      local written, read = ssl.all {
        function() return conn:write(("x"):rep(size)) end,
        function() return conn:read(size) end,
      }
      assert.equal(conn, written)
      assert.equal(size, #read)
      conn:close()
    end)
  end)

  it("keep their deadline", function()
    ssl.run(function()
      helper.fails({code = "timeout", phase = "handshake"}, connect("raw/stall", {timeout = 0.05}))
    end)
  end)

  it("that are closed tell who waits in them", function()
    ssl.run(function()
      local conn = assert(connect("good/slow"))
      conn:read("l")
      local reader = ssl.spawn(function() return conn:read("l") end)
      ssl.sleep(0.01)
      conn:close()
      helper.fails({code = "canceled", phase = "read"}, reader:wait())
    end)
  end)

  it("that are closed from a coroutine of anybody's tell as well", function()
    ssl.run(function()
      local conn = assert(connect("good/slow"))
      conn:read("l")
      local reader = ssl.spawn(function() return conn:read("l") end)
      ssl.sleep(0.01)
      coroutine.wrap(function() conn:close() end)()
      helper.fails({code = "canceled", phase = "read"}, reader:wait())
    end)
  end)

  it("outlive the loop they were made in", function()
    local conn = ssl.run(function() return assert(connect("good/echo")) end)
    assert(conn:write("blocking\n"))
    assert.equal("blocking", conn:read("l"))
    assert.equal("in a loop", ssl.run(function()
      assert(conn:write("in a loop\n"))
      return conn:read("l")
    end))
    conn:close()
  end)

  it("can be told to wait in it, and block outside of it", function()
    local conn = assert(connect("good/echo", {loop = "embedded"}))
    assert(conn:write("hi\n"))
    assert.equal("hi", conn:read("l"))
    conn:close()
  end)
end)

describe("the adapter", function()
  it("lets one read and one write a descriptor, not two", function()
    local fd = helper.tcp_fd(server:port("raw/stall"))
    ssl.run(function()
      local reader = ssl.spawn(embedded.wait, fd, "r", LONG)
      ssl.sleep(0)
      assert.is_true(embedded.wait(fd, "w", LONG)) -- it can be written, at once
      local ok, reason = embedded.wait(fd, "r", LONG)
      assert.is_nil(ok)
      assert.equal("another task waits for this descriptor", reason)
      embedded.forget(fd)
      ok, reason = reader:wait()
      assert.is_nil(ok)
      assert.equal("the descriptor was closed", reason)
    end)
    core.close_fd(fd)
  end)

  it("gives up on a descriptor that cannot be waited for", function()
    ssl.run(function()
      local ok, reason = embedded.wait(1000000, "r", LONG)
      assert.is_nil(ok)
      assert.is_string(reason)
      ssl.sleep(0)
    end)
  end)

  it("ends a wait when its time is over", function()
    local fd = helper.tcp_fd(server:port("raw/stall"))
    ssl.run(function() assert.is_true(embedded.wait(fd, "r", 0.01)) end)
    core.close_fd(fd)
  end)
end)

describe("the example", function()
  it("asks three at once", function()
    local path = helper.root() .. "/examples/lua/loops/embedded.lua"
    local words = {helper.interpreter(), path, "127.0.0.1", server:port("good"), helper.ca}
    for i, word in ipairs(words) do words[i] = helper.quote(tostring(word)) end
    local child = assert(io.popen(table.concat(words, " ") .. " 2>&1", "r"))
    local output = child:read("*a")
    child:close()
    assert.matches("%d+ bytes at once\n$", output)
  end)
end)

describe("the heap of timers", function()
  it("gives what is due first, whatever is put in and taken out", function()
    local timers, items, seed = heap.new(), {}, 7
    local function random(n)
      seed = (seed * 16807) % 2147483647
      return seed % n + 1
    end
    for i = 1, 500 do
      items[i] = {}
      timers:add(items[i], random(100))
    end
    for _ = 1, 200 do timers:remove(table.remove(items, random(#items))) end
    table.sort(items, function(a, b) return a.due < b.due end)
    for _, item in ipairs(items) do
      local first = timers:first()
      assert.equal(item.due, first.due)
      timers:remove(first)
      timers:remove(first) -- is out already: does nothing
    end
    assert.is_nil(timers:first())
  end)
end)
