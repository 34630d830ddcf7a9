-- loop_spec.lua: how an operation waits: which loop is chosen, what an adapter is asked, and many
-- coroutines at once on one connection and on many.
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core

local server = helper.serve {
  "good/echo", "good/name", "good/sink", "good/slow", "good/stallread", "expired/echo", "raw/stall",
}
teardown(function() server:stop() end)

after_each(function() ssl.set_loop(nil) end)

local function connect(scenario, given)
  local options = {ca_file = helper.ca, timeout = helper.patience}
  for name, value in pairs(given or {}) do options[name] = value end
  return ssl.connect("localhost", server:port(scenario), options)
end

-- An adapter that blocks and notes what it is asked.
local function recorder()
  local seen = {waits = {}, forgotten = {}}
  seen.adapter = {
    name = "recorder",
    wait = function(fd, events, seconds)
      seen.waits[#seen.waits + 1] = {fd, events, seconds}
      core.wait(fd, events, seconds)
      return true
    end,
    forget = function(fd)
      seen.forgotten[#seen.forgotten + 1] = {fd, helper.is_open(fd)}
    end,
  }
  return seen
end

-- Seconds of a wait in vain: so many that it is reached on a busy machine.
local A_WHILE = 0.5

-- Whether the adapter is asked when something has to be waited for.
local function waits_in(seen, conn)
  local count = #seen.waits
  assert(conn:settimeout(A_WHILE))
  helper.fails({code = "timeout", phase = "read"}, conn:read("l"))
  assert(conn:settimeout(nil))
  return #seen.waits > count
end

local function echoes(conn)
  assert(conn:write("ping\n"))
  assert.equal("ping", conn:read("l"))
end

describe("the loop", function()
  it("is blocking where nothing else was said, in a coroutine too", function()
    local co = coroutine.create(function()
      local conn = assert(connect("good/echo"))
      echoes(conn)
      return conn:close()
    end)
    local ok, closed = coroutine.resume(co)
    assert(ok, closed)
    assert.equal("dead", coroutine.status(co))
    assert.is_true(closed)
  end)

  it("that is given with the connect waits for all of it and what comes after", function()
    local seen = recorder()
    helper.fails({code = "timeout", phase = "handshake"},
      connect("raw/stall", {loop = seen.adapter, timeout = A_WHILE}))
    assert.is_true(#seen.waits > 0)
    assert.is_true(waits_in(seen, assert(connect("good/echo", {loop = seen.adapter}))))
  end)

  it("that is set for the process waits where none is given", function()
    local seen = recorder()
    assert.is_true(ssl.set_loop(seen.adapter))
    helper.fails({code = "timeout", phase = "handshake"}, connect("raw/stall", {timeout = A_WHILE}))
    assert.is_true(#seen.waits > 0)
    local conn = assert(connect("good/echo"))
    assert.is_true(waits_in(seen, conn))
    assert.is_true(ssl.set_loop(nil))
    assert.is_false(waits_in(seen, conn))
  end)

  it("that is given wins over the one of the process", function()
    local process, given = recorder(), recorder()
    assert(ssl.set_loop(process.adapter))
    assert.is_true(waits_in(given, assert(connect("good/echo", {loop = given.adapter}))))
    assert.is_false(waits_in(given, assert(connect("good/echo", {loop = "blocking"}))))
    assert.equal(0, #process.waits)
  end)

  it("may be given to each connect, wrap and accept of a context", function()
    local ctx = assert(ssl.context {ca_file = helper.ca, cert = helper.cert("good.pem"),
      key = helper.cert("good.key")})
    local seen = recorder()
    local options = {loop = seen.adapter, server_name = "localhost"}
    assert.is_true(waits_in(seen, assert(ctx:connect("localhost", server:port("good/echo"),
      options))))
    assert.is_true(waits_in(seen, assert(ctx:wrap(helper.tcp(server:port("good/echo")), options))))
    local port, listener = helper.listen()
    local sock, count = helper.tcp(port), #seen.waits
    helper.fails({code = "timeout", phase = "handshake"},
      ctx:accept(assert(listener:accept()), {loop = seen.adapter, timeout = A_WHILE}))
    assert.is_true(#seen.waits > count)
    sock:close()
    listener:close()
  end)

  it("of coroutines blocks in the main program", function()
    -- The test itself may run in a coroutine, so a process of its own is needed.
    local output = helper.output_of(([[
      local ssl = require "sslconnect"
      ssl.set_loop("coroutine")
      local conn = assert(ssl.connect{host = "localhost", port = %d, ca_file = %q})
      print(conn:read("l"))]]):format(server:port("good/name"), helper.ca))
    assert.equal("localhost\n", output)
  end)

  it("that is none is refused, and nothing changes", function()
    local seen = recorder()
    assert(ssl.set_loop(seen.adapter))
    for _, loop in ipairs {"nonsense", {}, {wait = true}, 1, print} do
      helper.fails({code = "bad_option", phase = "config"}, ssl.set_loop(loop))
    end
    assert.is_true(waits_in(seen, assert(connect("good/echo"))))
  end)
end)

describe("an adapter", function()
  it("is asked for a descriptor, events and seconds", function()
    local seen = recorder()
    local conn = assert(connect("good/slow", {loop = seen.adapter, timeout = 7}))
    for _, wait in ipairs(seen.waits) do
      assert.is_true(wait[1] >= 0 and wait[1] % 1 == 0)
      assert.is_true(wait[2] == "r" or wait[2] == "w" or wait[2] == "rw")
      assert.is_true(wait[3] > 0 and wait[3] <= 7)
    end
    assert.equal("tick", conn:read("l"))
    seen.waits = {}
    assert(conn:settimeout(0.1))
    helper.fails({code = "timeout"}, conn:read("l"))
    assert.equal(conn:getfd(), seen.waits[1][1])
    assert.equal("r", seen.waits[1][2])
    assert.is_true(seen.waits[1][3] <= 0.1)
  end)

  it("is asked without a limit where there is none", function()
    local asked = 0
    local options = {timeout = math.huge, addresses = "127.0.0.1"} -- a second one would be a limit
    options.loop = {
      wait = function(_, _, seconds)
        asked = asked + 1
        assert.is_nil(seconds)
        return nil, "enough"
      end,
    }
    helper.fails({code = "canceled"}, connect("raw/stall", options))
    assert.equal(1, asked)
  end)

  it("may return early, for no reason", function()
    local count = 0
    local conn = assert(connect("good/echo", {loop = {wait = function(fd, events)
      count = count + 1
      if count % 3 == 0 then core.wait(fd, events, 0.01) end
      return true
    end}}))
    assert(conn:settimeout(0.1))
    count = 0
    helper.fails({code = "timeout"}, conn:read("l"))
    assert.is_true(count > 3, tostring(count))
    assert(conn:settimeout(helper.patience))
    echoes(conn)
  end)

  it("may return late: the deadline holds all the same", function()
    local conn, err = connect("raw/stall", {timeout = 0.1, loop = {wait = function(fd, events)
      core.wait(fd, events, 0.3)
      return true
    end}})
    helper.fails({code = "timeout", phase = "handshake"}, conn, err)
  end)

  it("may give up, with a reason that the user sees", function()
    local reason
    local loop = {wait = function() return nil, reason end}
    reason = "the loop is stopping"
    helper.fails({code = "canceled", has = "the loop is stopping"},
      connect("raw/stall", {loop = loop}))
    reason = core.error("timeout", nil, "too late")
    helper.fails({code = "canceled", has = "too late"}, connect("raw/stall", {loop = loop}))
    reason = nil
    helper.fails({code = "canceled"}, connect("raw/stall", {loop = loop}))
  end)

  it("that gives up leaves no descriptor behind", function()
    local before, fds = helper.open_fds(), {}
    for count = 1, 4 do
      local left = count
      helper.fails({code = "canceled"}, connect("raw/stall", {loop = {
        wait = function(fd, events, seconds)
          fds[fd] = true
          left = left - 1
          if left == 0 or seconds < 1 then return nil, "enough" end
          core.wait(fd, events, 0.05)
          return true
        end,
      }}))
    end
    assert.is_not_nil(next(fds))
    helper.no_fd_left(before)
  end)

  it("that throws is heard, and the connection stays usable", function()
    local thrown = {}
    local conn = assert(connect("good/echo"))
    assert(ssl.set_loop {wait = function() error(thrown) end})
    local ok, err = pcall(conn.read, conn, "l")
    assert.is_false(ok)
    assert.equal(thrown, err)
    assert(ssl.set_loop(nil))
    echoes(conn)
  end)

  it("that threw in one coroutine leaves the connection to others", function()
    local conn = assert(connect("good/echo"))
    assert(ssl.set_loop {wait = function() error("broken loop") end})
    local co = coroutine.create(conn.read)
    local ok, err = coroutine.resume(co, conn, "l")
    assert.is_false(ok)
    assert.matches("broken loop", err)
    assert(ssl.set_loop(nil))
    echoes(conn)
  end)

  it("is told of a descriptor before it is closed", function()
    local seen = recorder()
    local conn = assert(connect("good/echo", {loop = seen.adapter}))
    local fd = conn:getfd()
    assert.equal(1, #seen.forgotten) -- the dial's
    assert.is_true(seen.forgotten[1][2])
    conn:close()
    conn:close()
    assert.same({fd, true}, seen.forgotten[2])
    assert.is_nil(seen.forgotten[3])
  end)

  it("of the process is told of it as well", function()
    local seen = recorder()
    assert(ssl.set_loop(seen.adapter))
    local conn = assert(connect("good/echo"))
    local fd = conn:getfd()
    conn:close()
    assert.same({fd, true}, seen.forgotten[2])
  end)

  it("is told of the descriptor of a handshake that failed", function()
    local seen = recorder()
    helper.fails({code = "certificate_expired"}, connect("expired/echo", {loop = seen.adapter}))
    assert.equal(2, #seen.forgotten) -- the dial's comes first
    assert.is_true(seen.forgotten[2][2])
    seen = recorder()
    helper.fails({code = "timeout"}, connect("raw/stall", {loop = seen.adapter, timeout = 0.1}))
    assert.same({seen.waits[#seen.waits][1], true}, seen.forgotten[2])
  end)

  it("is told of the descriptor of a TCP connect that got no answer", function()
    local port, kept = helper.unanswering()
    local seen = recorder()
    helper.fails({code = "timeout", phase = "connect"},
      ssl.connect("127.0.0.1", port, {timeout = 0.1, loop = seen.adapter}))
    assert.is_table(kept)
    assert.same({{seen.waits[#seen.waits][1], true}}, seen.forgotten)
  end)

  it("needs no forget", function()
    local conn = assert(connect("good/echo", {loop = {wait = recorder().adapter.wait}}))
    echoes(conn)
    assert.is_true(conn:close())
  end)
end)

describe("coroutines", function()
  it("connect 200 at once, and each gets its own answers", function()
    local before = helper.open_fds()
    local functions = {}
    for i = 1, 200 do
      functions[i] = function()
        local conn = assert(connect("good/echo", {loop = "coroutine"}))
        assert(conn:write(i, "\n"))
        local line = conn:read("l")
        conn:close()
        return line
      end
    end
    local began = core.now()
    local results = helper.run(functions, 30)
    assert.is_true(core.now() - began < 30)
    for i = 1, 200 do assert.equal(tostring(i), results[i][1]) end
    helper.no_fd_left(before)
  end)

  it("wait for slow peers without keeping others from theirs", function()
    local stalled, count = true, 0
    helper.run {
      function()
        helper.fails({code = "timeout"}, connect("raw/stall", {loop = "coroutine", timeout = 1}))
        stalled = false
      end,
      function()
        while stalled do
          echoes(assert(connect("good/echo", {loop = "coroutine"})))
          if stalled then count = count + 1 end
        end
      end,
    }
    assert.is_true(count > 0)
  end)

  it("read and write on one connection at the same time", function()
    local conn = assert(connect("good/echo", {loop = "coroutine"}))
    local piece = ("0123456789abcdef"):rep(4096)
    local results = helper.run {
      function()
        for _ = 1, 64 do assert(conn:write(piece)) end
        assert(conn:shutdown())
        return true
      end,
      function() return conn:read("a") end,
    }
    conn:close()
    assert.is_true(results[1][1])
    assert.equal(#piece * 64, #results[2][1])
    assert.is_true(results[2][1] == piece:rep(64))
  end)

  it("read at the same time only one at a time", function()
    local conn = assert(connect("good/echo", {loop = "coroutine"}))
    local results = helper.run {
      function() return conn:read("l") end,
      function()
        helper.fails({code = "busy", phase = "read"}, conn:read("l"))
        helper.fails({code = "busy", phase = "read"}, conn:read_some())
        assert(conn:write("for the first\n"))
        return true
      end,
    }
    assert.equal("for the first", results[1][1])
    assert.is_true(results[2][1])
    echoes(conn)
    conn:close()
  end)

  it("write at the same time only one at a time", function()
    local conn = assert(connect("good/stallread", {loop = helper.adapter}))
    local results = helper.run {
      function()
        local done, err = conn:write(("x"):rep(2 ^ 25))
        return done, err
      end,
      function()
        coroutine.yield()
        local done, err = conn:write("y")
        helper.fails({code = "busy", phase = "write"}, done, err)
        done, err = conn:shutdown()
        helper.fails({code = "busy"}, done, err)
        conn:close()
      end,
    }
    helper.fails({code = "canceled", phase = "write"}, helper.unpack(results[1], 1, 2))
  end)

  it("that wait hear of a close in another", function()
    for _, method in ipairs {"read", "read_some"} do
      local conn = assert(connect("good/sink", {loop = helper.adapter}))
      local results = helper.run {
        function() return conn[method](conn) end,
        function() return conn:close() end,
      }
      helper.fails({code = "canceled", phase = "read", has = "was closed while this waited"},
        helper.unpack(results[1], 1, 2))
      helper.fails({code = "closed", phase = "read"}, conn:read("l"))
    end
  end)

  it("that were dropped while they waited do not block others", function()
    local conn = assert(connect("good/echo", {loop = "coroutine"}))
    local co = coroutine.create(conn.read)
    assert(coroutine.resume(co, conn, "l"))
    assert.equal("suspended", coroutine.status(co))
    co = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    helper.in_mode("coroutine", function() echoes(conn) end)
    conn:close()
  end)

  it("that were stopped with a reason do not block others", function()
    local conn = assert(connect("good/echo", {loop = "coroutine"}))
    local co = coroutine.create(conn.read)
    assert(coroutine.resume(co, conn, "l"))
    local _, data, err = coroutine.resume(co, nil, "not needed any more")
    helper.fails({code = "canceled", has = "not needed any more"}, data, err)
    helper.in_mode("coroutine", function() echoes(conn) end)
    conn:close()
  end)

  it("dropped in the middle of a connect leave no descriptor behind", function()
    local before = helper.open_fds()
    for resumes = 1, 3 do
      local co = coroutine.create(function()
        return connect("raw/stall", {loop = "coroutine"})
      end)
      for _ = 1, resumes do
        local ok, fd, events = coroutine.resume(co)
        assert(ok, fd)
        if coroutine.status(co) == "suspended" then core.wait(fd, events, 0.05) end
      end
    end
    helper.no_fd_left(before)
  end)

  it("may hand a connection on to each other", function()
    local conn
    helper.run {
      function() conn = assert(connect("good/echo", {loop = "coroutine"})) end,
      function()
        while not conn do coroutine.yield() end
        echoes(conn)
        conn:close()
      end,
    }
    assert.is_nil(conn:getfd())
  end)

  it("yield descriptor, events and seconds to whoever resumes them", function()
    local co = coroutine.create(function()
      return connect("raw/stall", {loop = "coroutine", timeout = 5})
    end)
    local ok, fd, events, seconds = coroutine.resume(co)
    assert(ok, fd)
    assert.is_true(helper.is_open(fd))
    assert.is_true(events == "r" or events == "w")
    assert.is_true(seconds > 0 and seconds <= 5)
    local conn, err
    ok, conn, err = coroutine.resume(co, nil, "done with it")
    assert(ok, conn)
    helper.fails({code = "canceled", has = "done with it"}, conn, err)
    assert.is_false(helper.is_open(fd))
  end)
end)
