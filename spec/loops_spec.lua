-- loops_spec.lua: what a connection does under every loop, the same for each, with the loop's own
-- library. What differs from loop to loop is in spec/support/loops.lua.
local helper = require "helper"
local loops = require "support.loops"
local socket = require "socket"
local ssl = require "sslconnect"

local core = ssl.core

local server = helper.serve {
  "good/echo", "good/sink", "good/slow", "good/stallread", "good/reset", "good/halfrecord",
  "expired/echo", "raw/stall", "raw/halfrecord", "raw/reset", "raw/eof",
}
teardown(function() server:stop() end)

-- How many connects stall, and how many are done meanwhile; fewer where SSLC_MANY says so. copas
-- waits with select(2), for descriptors below 1024, and each connect under way has several.
local MANY = math.min(300, tonumber(os.getenv("SSLC_MANY") or 300))
local MANY_IN_SELECT = 100
local BIG = 8 * 1024 * 1024

--- Bytes of which no part is like another, so that none can get lost or change places unseen.
local function big_data(size)
  local parts, count = {}, size / 16
  for i = 1, count do parts[i] = ("%08x%08d"):format((i * 2654435761) % 2 ^ 32, i) end
  return table.concat(parts)
end

local function describe_loop(name)
  local under = loops.get(name)

  --- A test, where the library is there; one for loops that run several things at once.
  local function test(text, f)
    it(text, function()
      if under.missing then return pending(under.missing) end
      f()
    end)
  end

  local function test_concurrent(text, f)
    if under.concurrent or under.missing then test(text, f) end
  end

  local function connect(scenario, given)
    local options = {ca_file = helper.ca, timeout = helper.patience, loop = under.loop}
    for key, value in pairs(given or {}) do options[key] = value end
    return ssl.connect("localhost", server:port(scenario), options)
  end

  --- The results of one function, run in the loop.
  local function run(f)
    local results = under.run({f})[1]
    return helper.unpack(results, 1, results.n)
  end

  local function echoes(conn, text)
    assert(conn:write(text, "\n"))
    assert.equal(text, (assert(conn:read("l"))))
  end

  --- That a call in the loop fails as expected, and takes about as long as it may.
  local function fails_late(expected, seconds, f)
    local began = core.now()
    local done, err = run(f)
    local took = core.now() - began
    helper.fails(expected, done, err)
    assert.is_true(took >= seconds - 0.01 and took < seconds + 10, "it took " .. took)
  end

  describe("under " .. name, function()
    test("it connects, is verified, and talks", function()
      local before = helper.open_fds()
      local info = run(function()
        local conn = assert(connect("good/echo"))
        echoes(conn, "hello")
        local info = conn:info()
        conn:close()
        return info
      end)
      assert.is_true(info.verified)
      helper.no_fd_left(before)
    end)

    test("it tells why a connect failed", function()
      helper.fails({code = "certificate_expired", phase = "handshake"},
        run(function() return connect("expired/echo") end))
      local port, kept = helper.refusing()
      helper.fails({code = "connection_refused", phase = "connect"}, run(function()
        return ssl.connect("127.0.0.1", port, {loop = under.loop})
      end))
      kept:close()
    end)

    test("nothing is printed where an address refuses", function()
      local port, kept = helper.refusing()
      assert.equal("connection_refused\n", (helper.output_of(([[
        local under = require("support.loops").get("%s")
        local done = under.run {function()
          return require("sslconnect").connect("127.0.0.1", %d, {loop = under.loop})
        end}
        print(done[1][2].code)]]):format(name, port))))
      kept:close()
    end)

    -- ------------------------------------------------------------------------- deadlines

    test("the deadline holds in DNS", function()
      local silent = assert(socket.udp())
      assert(silent:setsockname("127.0.0.1", 0))
      local _, port = silent:getsockname()
      local given = {nameservers = {"127.0.0.1:" .. port}, timeout = 0.3, loop = under.loop}
      local _, err = ssl.connect("127.0.0.1", 1, {nameservers = given.nameservers})
      if err.message:find('unknown option "nameservers"', 1, true) then
        return pending("name servers cannot be given")
      end
      fails_late({code = "timeout", phase = "dns"}, 0.3, function()
        return ssl.connect("host.test.example", 443, given)
      end)
      silent:close()
    end)

    test("the deadline holds in TCP", function()
      local port, kept = helper.unanswering()
      fails_late({code = "timeout", phase = "connect"}, 0.3, function()
        return ssl.connect("127.0.0.1", port, {timeout = 0.3, loop = under.loop})
      end)
      assert.is_table(kept)
    end)

    test("the deadline holds in the handshake", function()
      fails_late({code = "timeout", phase = "handshake"}, 0.3, function()
        return connect("raw/stall", {timeout = 0.3})
      end)
      fails_late({code = "timeout", phase = "handshake"}, 0.3, function()
        return connect("raw/halfrecord", {timeout = 0.3})
      end)
    end)

    test("the timeout of a read holds, in the middle of a record too", function()
      for _, scenario in ipairs {"good/slow", "good/halfrecord"} do
        local conn = assert(run(function() return connect(scenario) end))
        assert.equal("tick", run(function() return conn:read("l") end))
        assert(conn:settimeout(0.3))
        fails_late({code = "timeout", phase = "read"}, 0.3, function() return conn:read("l") end)
        fails_late({code = "timeout", phase = "read"}, 0.3, function() return conn:read("l") end)
        conn:close()
      end
    end)

    test("the timeout of a write holds", function()
      local conn = assert(run(function() return connect("good/stallread") end))
      assert(conn:settimeout(0.3))
      fails_late({code = "timeout", phase = "write"}, 0.3, function()
        return conn:write(("x"):rep(2 ^ 25))
      end)
      conn:close()
    end)

    test_concurrent("many deadlines hold at once, each its own", function()
      local left, functions = 7, {}
      for i = 1, left do
        local seconds = (8 - i) * 0.1
        functions[i] = function()
          local began = core.now()
          helper.fails({code = "timeout"}, connect("raw/stall", {timeout = seconds}))
          left = left - 1
          assert.is_true(core.now() - began >= seconds - 0.01)
        end
      end
      functions[8] = function() -- if one of them waited as long as this one may, it would not end
        local conn = assert(connect("good/echo"))
        while left > 0 do echoes(conn, "still there") end
        conn:close()
      end
      under.run(functions)
      assert.equal(0, left)
    end)

    test("a reset or an end of the peer ends a handshake", function()
      helper.fails({code = "connection_reset", phase = "handshake"},
        run(function() return connect("raw/reset") end))
      helper.fails({code = "handshake_eof", phase = "handshake"},
        run(function() return connect("raw/eof") end))
    end)

    test("a reset of the peer ends a read", function()
      helper.fails({code = "connection_reset", phase = "read"}, run(function()
        local conn = assert(connect("good/reset"))
        assert(conn:write("x"))
        return conn:read("l")
      end))
    end)

    -- ------------------------------------------------------------------------ at one time

    test_concurrent("timers go on while connects wait", function()
      local connecting, ticks = 2, 0
      local port, kept = helper.unanswering()
      under.run {
        function()
          helper.fails({code = "timeout", phase = "handshake"},
            connect("raw/stall", {timeout = 0.5}))
          connecting = connecting - 1
        end,
        function()
          helper.fails({code = "timeout", phase = "connect"},
            ssl.connect("127.0.0.1", port, {timeout = 0.5, loop = under.loop}))
          connecting = connecting - 1
        end,
        function()
          while connecting == 2 do
            under.sleep(0.02)
            ticks = ticks + 1
          end
        end,
      }
      assert.is_table(kept)
      assert.is_true(ticks > 0)
    end)

    local many = name == "copas" and MANY_IN_SELECT or MANY
    test_concurrent(many .. " connects are done while " .. many .. " others stall", function()
      local before = helper.open_fds()
      local port, listener = helper.listen()
      local functions, waiting, done = {}, 0, 0
      for i = 1, many do
        functions[i] = function()
          waiting = waiting + 1
          local conn, err = ssl.connect("127.0.0.1", port,
            {timeout = 2 * helper.patience, loop = under.loop})
          waiting = waiting - 1
          helper.fails({phase = "handshake", code = "connection_reset"}, conn, err)
        end
      end
      for i = 1, many do
        functions[many + i] = function()
          local conn = assert(connect("good/echo"))
          echoes(conn, "number " .. i)
          assert.is_true(conn:info().verified)
          assert.equal(many, waiting)
          done = done + 1
          if done == many then listener:close() end
          conn:close()
        end
      end
      under.run(functions)
      assert.equal(many, done)
      assert.equal(0, waiting)
      helper.no_fd_left(before)
    end)

    test_concurrent("much goes both ways at once, and all of it arrives", function()
      local conn = assert(run(function() return connect("good/echo") end))
      local data, piece = big_data(BIG), 100000
      local results = under.run {
        function()
          for from = 1, BIG, piece do assert(conn:write(data:sub(from, from + piece - 1))) end
          return conn:shutdown()
        end,
        function() return conn:read("a") end,
      }
      conn:close()
      assert.is_true(results[1][1])
      assert.equal(BIG, #results[2][1])
      assert.is_true(results[2][1] == data)
    end)

    test_concurrent("a second reader, or writer, is told that it is one too many", function()
      local conn = assert(run(function() return connect("good/stallread") end))
      local results = under.run {
        function() return conn:read("l") end,
        function() return conn:write(("x"):rep(2 ^ 25)) end,
        function()
          under.sleep(0.05)
          helper.fails({code = "busy", phase = "read"}, conn:read("l"))
          helper.fails({code = "busy", phase = "read"}, conn:read_some())
          helper.fails({code = "busy", phase = "write"}, conn:write("y"))
          helper.fails({code = "busy", phase = "write"}, conn:shutdown())
          conn:close()
        end,
      }
      helper.fails({code = "canceled", phase = "read"}, helper.unpack(results[1], 1, 2))
      helper.fails({code = "canceled", phase = "write"}, helper.unpack(results[2], 1, 2))
    end)

    -- --------------------------------------------------------------------------- the end

    test_concurrent("who waits hears of a close at once, reader and writer", function()
      local before = helper.open_fds()
      for _ = 1, 3 do
        local closed = {}
        local results = under.run {
          function()
            local conn = assert(connect("good/stallread"))
            closed.conn = conn
            return conn:read("l")
          end,
          function()
            while not closed.conn do under.sleep(0.01) end
            return closed.conn:write(("x"):rep(2 ^ 25))
          end,
          function()
            while not closed.conn do under.sleep(0.01) end
            under.sleep(0.05)
            closed.conn:close()
            -- The loop goes on with others that get the same descriptor.
            local conn = assert(connect("good/echo"))
            echoes(conn, "after the close")
            conn:close()
          end,
        }
        for i, phase in ipairs {"read", "write"} do
          helper.fails({code = "canceled", phase = phase, has = "was closed while this waited"},
            helper.unpack(results[i], 1, 2))
        end
      end
      helper.no_fd_left(before)
    end)

    test("connections that are dropped without a close break nothing", function()
      local before = helper.open_fds()
      run(function()
        for i = 1, 5 do
          echoes(assert(connect("good/echo")), "number " .. i)
          collectgarbage()
          collectgarbage()
        end
      end)
      helper.no_fd_left(before)
    end)

    test_concurrent("an address that refuses late is followed by the next", function()
      local port = server:port("good/echo")
      local _, kept = helper.unanswering("127.0.0.2", port)
      local results = under.run {
        function()
          local conn = assert(connect("good/echo",
            {addresses = {"127.0.0.2", "127.0.0.1"}, attempt_delay = helper.patience}))
          echoes(conn, "the second")
          local address = conn:info().address
          conn:close()
          return address
        end,
        function()
          under.sleep(0.05)
          kept:close()
        end,
      }
      assert.same({n = 1, "127.0.0.1:" .. port}, results[1])
    end)

    test("what has come can be read without any time to wait", function()
      for _, seconds in ipairs {0, 0.001, 1} do
        run(function()
          local conn = assert(connect("good/echo"))
          echoes(conn, "with it come tickets")
          assert(conn:write("here\n"))
          assert(core.wait(conn:getfd(), "r", helper.patience))
          assert(conn:settimeout(seconds))
          assert.equal("here", (assert(conn:read("l"))))
          conn:close()
        end)
      end
    end)

    test("a connection may be made in one run and used in another", function()
      local conn = assert(run(function() return connect("good/echo") end))
      for i = 1, 3 do run(function() echoes(conn, "run " .. i) end) end
      conn:close()
    end)

    test("outside of the loop a connection blocks", function()
      local conn = assert(run(function() return connect("good/slow") end))
      local co, is_main = coroutine.running()
      if co and not is_main then -- how busted may run this: then only what is certain can be said
        conn.loop = nil
      end
      assert.equal("tick", conn:read("l"))
      conn:close()
    end)
  end)
end

for _, name in ipairs(loops.names) do describe_loop(name) end
