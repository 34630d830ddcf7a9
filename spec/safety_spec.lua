-- safety_spec.lua: nothing done to contexts and connections crashes, or fails with an error that
-- is Lua's: every method in every state, with wrong arguments, from finalizers, in any order. (The
-- objects of sslconnect.core have core_safety_spec.lua.)
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core

local server = helper.serve {
  "good/echo", "good/half", "good/goodbye", "good/truncate", "good/stallread", "good/reset",
}
teardown(function() server:stop() end)

local ctx = assert(ssl.context {ca_file = helper.ca})

local function connect(scenario)
  local conn = assert(ctx:connect("localhost", server:port(scenario)))
  assert(conn:settimeout(0.02))
  return conn
end

-- Methods by their names, without metamethods.
local function methods_of(object)
  local found = {}
  for name, value in pairs(getmetatable(object).__index) do
    if type(value) == "function" and not name:find("^__") then found[name] = value end
  end
  return found
end

-- A connection in each state it can be in.
local states = {
  fresh = function() return connect("good/echo") end,
  with_data = function()
    local conn = connect("good/echo")
    assert(conn:write("one\ntwo\n"))
    assert(conn:settimeout(helper.patience))
    assert(conn:read("l"))
    assert(conn:settimeout(0.02))
    return conn
  end,
  timed_out = function()
    local conn = connect("good/echo")
    helper.fails({code = "timeout"}, conn:read("l"))
    return conn
  end,
  shut_down = function()
    local conn = connect("good/echo")
    assert(conn:shutdown())
    return conn
  end,
  ended = function()
    local conn = connect("good/goodbye")
    assert(conn:settimeout(helper.patience))
    assert.equal("bye\n", conn:read("a"))
    assert(conn:settimeout(0.02))
    return conn
  end,
  truncated = function()
    local conn = connect("good/truncate")
    assert(conn:settimeout(helper.patience))
    helper.fails({code = "truncated"}, conn:read("a"))
    return conn
  end,
  reset = function()
    local conn = connect("good/reset")
    assert(conn:settimeout(helper.patience))
    assert(conn:write("x"))
    helper.fails({code = "connection_reset"}, conn:read("l"))
    return conn
  end,
  half_written = function()
    local conn = connect("good/stallread")
    helper.fails({code = "timeout"}, conn:write(("x"):rep(2 ^ 24)))
    return conn
  end,
  closed = function()
    local conn = connect("good/echo")
    conn:close()
    return conn
  end,
  closed_twice = function()
    local conn = connect("good/echo")
    conn:close()
    conn:close()
    return conn
  end,
}

-- Arguments that nobody means.
local function wrong_arguments()
  return {
    {}, {nil, nil}, {true}, {false}, {{}}, {print}, {"x\0y"}, {""}, {-1}, {0}, {1.5}, {0 / 0},
    {1 / 0}, {-1 / 0}, {2 ^ 31}, {2 ^ 53}, {2 ^ 63}, {1e300}, {io.stdout}, {ctx}, {core.ctx()},
    {coroutine.create(function() end)}, {"l", "l", "l"}, {("x"):rep(100)}, {"localhost", {}},
    {"localhost", 0}, {{}, 1}, {0, {}, {}}, {{1, 2, 3}},
  }
end

-- Calls a method; it must not throw, and a failure has to be an error object.
local function check_call(name, method, object, arguments)
  local results = helper.pack(pcall(method, object, helper.unpack(arguments, 1, 3)))
  local about = name .. "(" .. tostring(arguments[1]) .. ")"
  assert(results[1], about .. " threw " .. tostring(results[2]))
  if results[2] == nil and results[3] ~= nil then
    helper.check_error(results[3], {code = results[3].code})
  end
end

describe("every method of a connection", function()
  for state, make in pairs(states) do
    it("is safe where it is " .. state, function()
      local names = methods_of(make())
      for name, method in pairs(names) do
        local conn = make()
        for _ = 1, 2 do check_call(name, method, conn, {}) end
        assert.is_string(tostring(conn))
        conn:close()
      end
    end)
  end

  it("is safe with wrong arguments, in every state", function()
    for _, make in pairs(states) do
      local conn = make()
      for name, method in pairs(methods_of(conn)) do
        if name ~= "close" then
          for _, arguments in ipairs(wrong_arguments()) do
            check_call(name, method, conn, arguments)
            conn:settimeout(0)
          end
        end
      end
      conn:close()
    end
  end)

  -- conn.read("l") for conn:read("l").
  it("called with a dot says what was expected", function()
    local conn = connect("good/echo")
    for _, name in ipairs {"read", "read_some", "write", "lines", "settimeout", "shutdown",
      "close", "info"} do
      for _, self in ipairs {"l", 1, {}} do
        local ok, err = pcall(conn[name], self)
        assert.is_false(ok, name)
        assert.matches("Connection expected", tostring(err))
      end
      assert.is_false((pcall(conn[name])), name)
    end
    conn:close()
  end)

  it("of a closed one says so, or answers with nothing", function()
    local conn = states.closed()
    helper.fails({code = "closed", phase = "read"}, conn:read("l"))
    helper.fails({code = "closed", phase = "read"}, conn:read_some())
    helper.fails({code = "closed", phase = "write"}, conn:write("x"))
    helper.fails({code = "closed", phase = "shutdown"}, conn:shutdown())
    assert.is_true(conn:close())
    assert.is_true(conn:settimeout(1))
    assert.is_nil(conn:getfd())
    assert.is_nil(conn:events())
    assert.is_false(conn:dirty())
    assert.is_table(conn:info())
    local ok, err = pcall(conn:lines())
    assert.is_false(ok)
    helper.check_error(err, {code = "closed", phase = "read"})
  end)
end)

describe("every method of a context", function()
  it("is safe with wrong arguments", function()
    for name, method in pairs(methods_of(ctx)) do
      for _, arguments in ipairs(wrong_arguments()) do check_call(name, method, ctx, arguments) end
    end
  end)

  it("called with a dot says what was expected", function()
    for _, name in ipairs {"connect", "wrap", "accept"} do
      for _, self in ipairs {"localhost", 3, {}} do
        local ok, err = pcall(ctx[name], self, 443)
        assert.is_false(ok, name)
        assert.matches("Context expected", tostring(err))
      end
    end
  end)
end)

describe("every function of the module", function()
  it("is safe with wrong arguments", function()
    for _, name in ipairs {"connect", "context", "set_loop", "openssl_version"} do
      for _, arguments in ipairs(wrong_arguments()) do
        if name ~= "connect" or arguments[1] ~= "localhost" or arguments[2] == 0 then
          check_call(name, function(_, ...) return ssl[name](...) end, ssl, arguments)
          ssl.set_loop(nil)
        end
      end
    end
  end)
end)

describe("the collector", function()
  local function collect()
    collectgarbage()
    collectgarbage()
  end

  it("closes what was forgotten", function()
    collect()
    local before = helper.open_fds()
    for _ = 1, 20 do connect("good/echo") end
    helper.no_fd_left(before)
  end)

  it("does not block where the peer does not read", function()
    local before, began = helper.open_fds(), core.now()
    states.half_written()
    helper.no_fd_left(before)
    assert.is_true(core.now() - began < 10)
  end)

  it("takes a connection while its context, certificates and errors are kept", function()
    local conn = connect("good/truncate")
    conn:settimeout(helper.patience)
    local info, _, err = conn:info(), conn:read("a")
    conn = nil -- luacheck: ignore
    collect()
    assert.equal("CN=good", info.certificates[1]:subject())
    helper.check_error(err, {code = "truncated"})
  end)

  it("may run at any time", function()
    local pause = collectgarbage("setpause", 0)
    local multiplier = collectgarbage("setstepmul", 1000)
    for _ = 1, 3 do
      local conn = connect("good/echo")
      assert(conn:settimeout(helper.patience))
      assert(conn:write("a\n", "b\n"))
      assert.equal("a", conn:read("l"))
      assert.equal("b", conn:read("l"))
      conn:close()
    end
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", multiplier)
  end)

  -- Every method from finalizers, as the state is closed: whatever goes first. 5.1 has finalizers
  -- of userdata alone. What a finalizer makes then is never finalized, so leaks are not looked for.
  local no_leaks = {ASAN_OPTIONS = (os.getenv("ASAN_OPTIONS") or "") .. ":detect_leaks=0"}

  it("may call every method from finalizers", function()
    local output, status = helper.output_of(([[
      local ssl = require "sslconnect"
      local function finalized(f)
        local proxy = rawget(_G, "newproxy")
        if proxy then
          proxy = proxy(true)
          getmetatable(proxy).__gc = f
          return proxy
        end
        return setmetatable({}, {__gc = f})
      end
      local count, kept = 0, {}
      local function watch(conn, context)
        kept[#kept + 1] = finalized(function()
          for name, method in pairs(getmetatable(conn).__index) do
            if type(method) == "function" and not name:find("^__") then
              pcall(method, conn, name == "settimeout" and 0 or nil)
              count = count + 1
            end
          end
          pcall(context.connect, context, "localhost", 1)
          pcall(tostring, conn)
        end)
      end
      kept[1] = finalized(function() print(count > 30 and "done" or count) end)
      for i = 1, 4 do
        local context = ssl.context{ca_file = %q}
        local before = finalized(function() end)
        local conn = assert(context:connect("localhost", %d))
        conn:settimeout(0)
        if i == 4 then conn:close() end
        watch(conn, context)
        kept[#kept + 1] = {conn, before}
      end
      KEPT = kept]]):format(helper.ca, server:port("good/echo")), no_leaks)
    assert.equal(0, status, output)
    assert.equal("done\n", output)
  end)
end)

-- 5.4 and later.
local to_be_closed = (rawget(_G, "loadstring") or load)([[
  local make, fail = ...
  local conn <close> = make()
  if fail then error("on the way", 0) end
  return conn, conn:getfd()
]])

if to_be_closed then
  describe("<close>", function()
    it("closes a connection at the end of its block", function()
      local conn, fd = to_be_closed(states.fresh)
      assert.is_number(fd)
      assert.is_nil(conn:getfd())
      assert.is_false(helper.is_open(fd))
    end)

    it("closes a connection when an error leaves the block", function()
      local conn
      local ok, err = pcall(to_be_closed, function()
        conn = states.fresh()
        return conn
      end, true)
      assert.is_false(ok)
      assert.equal("on the way", err)
      assert.is_nil(conn:getfd())
    end)
  end)
end

describe("an operation in the middle of another", function()
  it("gets an error or an answer, never a crash", function()
    local conn
    local depth = 0
    local loop = {wait = function(fd, events, seconds)
      if not conn then
        core.wait(fd, events, seconds)
        return true
      end
      depth = depth + 1
      for name, method in pairs(methods_of(conn)) do
        if name ~= "close" and depth < 3 then check_call(name, method, conn, {}) end
      end
      depth = depth - 1
      return nil, "done"
    end}
    conn = assert(ctx:connect("localhost", server:port("good/echo"), {loop = loop}))
    helper.fails({code = "canceled"}, conn:read("l"))
    conn:close()
  end)

  it("that closes the connection ends it", function()
    for _, method in ipairs {"read", "read_some", "write"} do
      local scenario = method == "write" and "good/stallread" or "good/echo"
      local conn
      conn = assert(ctx:connect("localhost", server:port(scenario), {loop = {
        wait = function(fd, events, seconds)
          if conn then
            conn:close()
          else
            core.wait(fd, events, seconds)
          end
          return true
        end,
      }}))
      local data = method == "write" and ("x"):rep(2 ^ 24) or nil
      helper.fails({code = "canceled"}, conn[method](conn, data))
      helper.fails({code = "closed"}, conn[method](conn, data))
    end
  end)

  it("in the middle of a loop over lines ends the loop", function()
    local conn = connect("good/echo")
    assert(conn:settimeout(helper.patience))
    assert(conn:write("one\ntwo\n"))
    local ok, err = pcall(function()
      for line in conn:lines() do
        assert.equal("one", line)
        conn:close()
      end
    end)
    assert.is_false(ok)
    helper.check_error(err, {code = "closed", phase = "read"})
  end)
end)
