-- loop_choice_spec.lua: which loop an operation waits in, with the real libraries: what is found
-- by itself, what must not be, and what each adapter does at the edges of its loop.
local helper = require "helper"
local loops = require "support.loops"
local ssl = require "sslconnect"

local core = ssl.core

local server = helper.serve {"good/echo", "good/tls12", "good/slow", "good/sink", "raw/stall"}
teardown(function() server:stop() end)

after_each(function() ssl.set_loop(nil) end)

local under = {}
for _, name in ipairs(loops.names) do under[name] = loops.get(name) end

--- A test that needs the library of a loop.
local function test(name, text, f)
  it(text, function()
    if under[name].missing then return pending(under[name].missing) end
    f()
  end)
end

local function connect(scenario, given)
  local options = {ca_file = helper.ca, timeout = helper.patience}
  for key, value in pairs(given or {}) do options[key] = value end
  return ssl.connect("localhost", server:port(scenario), options)
end

local function echoes(conn)
  assert(conn:write("ping\n"))
  assert.equal("ping", conn:read("l"))
end

--- A connect that has to wait: how often something else in the loop got its turn. Where the
--- machine stands still meanwhile, that may be once.
local function turns_of_others(name, given)
  local done, turns = false, 0
  under[name].run {
    function()
      helper.fails({code = "timeout"}, connect("raw/stall", given))
      done = true
    end,
    function()
      while not done do
        under[name].sleep(0.01)
        if not done then turns = turns + 1 end
      end
    end,
  }
  return turns
end

--- Connects in a coroutine that nobody resumes twice.
local function connects_in_one_resume()
  local co = coroutine.create(function()
    local conn = assert(connect("good/slow"))
    return conn, conn:read("l")
  end)
  local ok, conn, line = coroutine.resume(co)
  assert(ok, conn)
  assert.equal("dead", coroutine.status(co))
  assert.equal("tick", line)
  conn:close()
  return true
end

-- Whether an error can be caught round something that waits.
local can_catch = coroutine.wrap(require "sslconnect.loop.yieldable".through_pcall)()

describe("by itself", function()
  test("cqueues", "cqueues is found in a coroutine of its own", function()
    assert.is_true(turns_of_others("cqueues", {timeout = 0.3}) > 0)
  end)

  test("cqueues", "cqueues is not found in a coroutine made inside of one of its own", function()
    assert.is_true(under.cqueues.run({connects_in_one_resume})[1][1])
  end)

  test("cqueues", "cqueues is not found in a coroutine that its auxlib resumes", function()
    local auxlib = require "cqueues.auxlib"
    local results = under.cqueues.run {function()
      local conn = auxlib.wrap(function() return assert(connect("good/echo")) end)()
      echoes(conn)
      return conn:close()
    end}
    assert.is_true(results[1][1])
  end)

  test("cqueues", "cqueues is not found outside of a controller", function()
    require "cqueues"
    assert.is_true(connects_in_one_resume())
    local conn = assert(connect("good/slow"))
    assert.equal("tick", conn:read("l"))
  end)

  test("cqueues", "cqueues is found in a controller inside of another one", function()
    local cqueues = require "cqueues"
    local results = under.cqueues.run {
      function()
        local inner, seen = cqueues.new()
        inner:wrap(function()
          local conn = assert(connect("good/echo"))
          echoes(conn)
          seen = conn:close()
        end)
        assert(inner:loop(helper.patience))
        return seen
      end,
      function()
        local conn = assert(connect("good/echo"))
        echoes(conn)
        return conn:close()
      end,
    }
    assert.is_true(results[1][1])
    assert.is_true(results[2][1])
  end)

  test("cqueues", "something else by the name of cqueues is not taken for it", function()
    local script = ([[
      package.loaded.cqueues = %%s
      local ssl = require "sslconnect"
      local co = coroutine.wrap(function()
        return ssl.connect{host = "localhost", port = %d, ca_file = %q}
      end)
      print(assert(co()):read("l"))
    ]]):format(server:port("good/slow"), helper.ca)
    for _, value in ipairs {"{}", "true", "{running = function() return {}, true end}"} do
      local child = helper.start_lua(script:format(value))
      assert.matches("^%d+\n", child:read("*l") .. "\n")
      assert.equal("tick\n", child:read("*a"))
      child:close()
    end
  end)

  test("luv", "luv is never found: it cannot be asked", function()
    local results = under.luv.run {connects_in_one_resume}
    assert.is_true(results[1][1])
  end)

  test("copas", "copas is never found: it cannot be asked", function()
    local results = under.copas.run {connects_in_one_resume}
    assert.is_true(results[1][1])
  end)
end)

describe("a loop that was given", function()
  test("cqueues", "wins over the one that is found", function()
    assert.equal(0, turns_of_others("cqueues", {timeout = 0.2, loop = "blocking"}))
    assert(ssl.set_loop("blocking"))
    assert.equal(0, turns_of_others("cqueues", {timeout = 0.2}))
    assert.is_true(turns_of_others("cqueues", {timeout = 0.2, loop = "cqueues"}) > 0)
  end)

  for _, name in ipairs {"luv", "copas"} do
    test(name, name .. " is used by name, for one connect or for the process", function()
      assert.is_true(turns_of_others(name, {timeout = 0.3, loop = name}) > 0)
      assert(ssl.set_loop(name))
      assert.is_true(turns_of_others(name, {timeout = 0.3}) > 0)
    end)
  end

  for _, name in ipairs {"cqueues", "luv", "copas"} do
    test(name, name .. " blocks in the main program", function()
      -- The test itself may run in a coroutine, so a process of its own is needed.
      local child = helper.start_lua(([[
        local ssl = require "sslconnect"
        local conn = assert(ssl.connect{host = "localhost", port = %d, ca_file = %q, loop = %q})
        print(conn:read("l"))
      ]]):format(server:port("good/slow"), helper.ca, name))
      child:read("*l")
      assert.equal("tick\n", child:read("*a"))
      child:close()
    end)
  end

  it("without its library is refused, and that is said", function()
    local child = helper.start_lua([[
      package.preload.luv = function() error("there is no luv here", 0) end
      local ssl = require "sslconnect"
      local ok, err = ssl.set_loop("luv")
      print(ok, err.code, err)
    ]])
    child:read("*l")
    local said = child:read("*a")
    child:close()
    assert.matches('^nil%s+bad_option%s+config: loop "luv" cannot be used: ', said)
    assert.matches("there is no luv here", said, 1, true)
  end)

  it("that nobody knows is refused, with those there are", function()
    helper.fails({code = "bad_option", has = 'loop "cqueue" is not known; there are "blocking", ' ..
      '"coroutine", "embedded", "cqueues", "luv", "copas"'}, ssl.set_loop("cqueue"))
  end)
end)

describe("a close from outside of the loop", function()
  --- Each: starts a function in the loop, and takes turns of it until it has ended.
  local ways = {
    cqueues = function(f)
      local controller = require "cqueues".new()
      controller:wrap(f)
      return function() assert(controller:step(0.01)) end
    end,
    luv = function(f)
      assert(coroutine.resume(coroutine.create(f)))
      return function() require "luv".run("nowait") end
    end,
    copas = function(f)
      local copas = require "copas"
      copas.addthread(f)
      return function() copas.step(0.01) end
    end,
  }

  for _, name in ipairs {"cqueues", "luv", "copas"} do
    test(name, "wakes who waits in " .. name, function()
      local conn = assert(connect("good/sink"))
      local done, err, ended
      if under[name].loop then assert(ssl.set_loop(name)) end
      local turn = ways[name](function()
        done, err = conn:read("l")
        ended = true
      end)
      for _ = 1, 3 do turn() end
      assert.is_nil(ended)
      conn:close()
      local late = core.now() + helper.patience
      while not ended and core.now() < late do turn() end
      assert.is_true(ended)
      helper.fails({code = "canceled", phase = "read"}, done, err)
    end)
  end
end)

describe("a coroutine that ends in a wait", function()
  it("by an error of the loop leaves the connection to others", function()
    if not can_catch then return pending("PUC 5.1 cannot wait inside of pcall") end
    local conn = assert(connect("good/echo"))
    local co = coroutine.create(function()
      assert(ssl.set_loop {wait = function() coroutine.yield() error("killed", 0) end})
      local ok, err = pcall(conn.read, conn)
      coroutine.yield(ok, err)
    end)
    assert(coroutine.resume(co))
    local _, ok, err = coroutine.resume(co)
    assert.is_false(ok)
    assert.equal("killed", err)
    assert.equal("suspended", coroutine.status(co))
    assert(ssl.set_loop(nil))
    echoes(conn)
    conn:close()
  end)

  it("by an error in a write ends writing, and nothing else", function()
    local conn = assert(connect("good/echo"))
    assert(ssl.set_loop {wait = function() error("killed", 0) end})
    assert(conn:write("before\n"))
    local ok, err = pcall(conn.write, conn, ("x"):rep(2 ^ 25))
    assert.is_false(ok)
    assert.equal("killed", err)
    assert(ssl.set_loop(nil))
    assert.equal("before", conn:read("l"))
    helper.fails({code = "misuse", phase = "write"}, conn:write("y"))
    conn:close()
  end)

  it("by an error in a connect lets the loop forget the descriptor", function()
    local before, waited, forgotten = helper.open_fds()
    local adapter = {
      wait = function(fd)
        waited = fd
        error("killed", 0)
      end,
      forget = function(fd) forgotten = fd end,
    }
    local ok, err = pcall(connect, "raw/stall", {loop = adapter})
    assert.is_false(ok)
    assert.equal("killed", err)
    assert.is_not_nil(waited)
    assert.equal(waited, forgotten)
    helper.no_fd_left(before)
  end)

  test("luv", "by coroutine.close under luv leaves the connection to others", function()
    local close = coroutine.close -- luacheck: ignore
    if not close then return pending(_VERSION .. " cannot close a coroutine") end
    local conn = assert(connect("good/echo", {loop = "luv"}))
    local co = coroutine.create(conn.read)
    assert(coroutine.resume(co, conn, "l"))
    assert(close(co))
    under.luv.run {function() echoes(conn) end}
    conn:close()
  end)
end)

describe("cqueues", function()
  test("cqueues", "polls a connection as one of its own objects", function()
    local cqueues = require "cqueues"
    under.cqueues.run {function()
      -- With TLS 1.3 the server's tickets would come first.
      local conn = assert(connect("good/tls12"))
      assert.equal(0.05, (cqueues.poll(conn, 0.05)))
      assert(conn:write("one\ntwo\n"))
      assert.equal(conn, (cqueues.poll(conn, helper.patience)))
      assert.equal("one", conn:read("l"))
      -- The second line is here already: the descriptor would tell nothing of it.
      local began = core.now()
      assert.equal(conn, (cqueues.poll(conn, helper.patience)))
      assert.is_true(core.now() - began < helper.patience)
      assert.equal("two", conn:read("l"))
      conn:close()
    end}
  end)

  test("cqueues", "has no descriptor left when a wait is over", function()
    local cqueues = require "cqueues"
    local adapter = require "sslconnect.loop.cqueues"
    local controller = cqueues.new()
    local _, listener = helper.listen()
    local fd = listener:getfd()
    controller:wrap(function() assert(adapter.wait(fd, "r", 0.01)) end)
    assert(controller:loop(helper.patience))
    listener:close()
    -- The next to get the number is another.
    local _, another = helper.listen()
    assert.equal(fd, another:getfd())
    controller:wrap(function() assert(adapter.wait(fd, "r", 0.01)) end)
    assert(controller:loop(helper.patience))
    another:close()
  end)
end)

describe("copas", function()
  test("copas", "is kept from descriptors that select(2) cannot take", function()
    local adapter = require "sslconnect.loop.copas"
    local co = coroutine.create(adapter.wait)
    local ok, done, why = coroutine.resume(co, 100000, "r", 1)
    assert.is_true(ok)
    assert.equal("dead", coroutine.status(co))
    assert.is_nil(done)
    assert.matches("^copas waits with select%(2%), which takes descriptors below %d+; " ..
      "this one is 100000$", why)
  end)

  test("copas", "ends its waits for both events as well", function()
    local adapter = require "sslconnect.loop.copas"
    local _, listener = helper.listen()
    local began = core.now()
    under.copas.run {function() assert(adapter.wait(listener:getfd(), "rw", 10)) end}
    assert.is_true(core.now() - began < 5)
    listener:close()
  end)

  test("copas", "goes on when who waits was stopped and another waits in its place", function()
    local adapter = require "sslconnect.loop.copas"
    local _, listener = helper.listen()
    local fd, ended = listener:getfd(), 0
    under.copas.run {
      function()
        adapter.wait(fd, "r", 30)
        ended = ended + 1
      end,
      function()
        adapter.wait(fd, "r", 0.05) -- the first goes on at once, for no reason
        ended = ended + 1
      end,
    }
    assert.equal(2, ended)
    listener:close()
  end)
end)
