-- core_safety_spec.lua: nothing done to sslconnect.core crashes it. Every method in every state,
-- after close, twice, out of order; with the collector at work; with memory short.
local core = require("sslconnect.core")
local support = require("support.core")

local client_ctx = support.client_ctx
local server_ctx = support.server_ctx
local joined = support.joined
local shake = support.shake
local connected = support.connected
local tcp = support.tcp
local finalized = support.finalized
local relaxed_collector = support.relaxed_collector
local stressed = support.stressed
local check_error = support.check_error
local check_results = support.check_results
local kinds = support.kinds
local each_method = support.each_method
local call = support.call
local run_lua = support.run_lua

describe("every method", function()
  it("of a closed object says so", function()
    for kind, how in pairs(kinds) do
      local object = how.make()
      if object.close then
        assert.is_true(object:close())
        assert.is_true(object:close())
        each_method(kind, function(name, arguments, group)
          local first, second = call(object, name, arguments)
          if group == "getters" then
            assert.is_falsy(first)
            assert.is_nil(second)
          else
            assert.is_nil(first)
            check_error(second)
            assert.equal("closed", second.code)
          end
        end)
        assert.equal("sslconnect." .. kind .. ": (closed)", tostring(object))
        getmetatable(object).__gc(object)
        getmetatable(object).__close(object)
      end
    end
  end)

  -- A connection in each state it can be in.
  local states = {
    fresh = function() return kinds.conn.make() end,
    set_up = function() return (joined()) end,
    accepting = function() return (select(2, joined())) end,
    handshaking = function()
      local client, server = joined()
      client:do_handshake()
      server:do_handshake()
      return client, server
    end,
    connected = function() return connected() end,
    accepted = function()
      local client, server = connected()
      return server, client
    end,
    with_data = function()
      local client, server = connected()
      server:write("some data")
      return client, server
    end,
    shut_down = function()
      local client, server = connected()
      client:shutdown()
      return client, server
    end,
    ended_by_peer = function()
      local client, server = connected()
      server:shutdown()
      client:read(1)
      return client, server
    end,
    ended = function()
      local client, server = connected()
      client:shutdown()
      server:shutdown()
      client:shutdown()
      return client, server
    end,
    truncated = function()
      local client, server, _, far = connected()
      far:shutdown_wr()
      client:read(1)
      return client, server
    end,
    peer_gone = function()
      local client, server, _, far = connected()
      server:close()
      far:close()
      return client
    end,
    failed = function()
      local client, server = joined({server = server_ctx("expired")})
      shake(client, server)
      return client, server
    end,
    bad_context = function()
      local ctx = core.ctx()
      ctx:load_verify_pem("nothing")
      return (assert(core.conn(ctx)))
    end,
  }

  for state, make in pairs(states) do
    it("of a connection that is " .. state .. " answers", function()
      each_method("conn", function(name, arguments)
        local conn, peer = make()
        check_results(call(conn, name, arguments))
        check_results(call(conn, name, arguments))
        assert.is_string(tostring(conn))
        check_results(conn:read(1))
        check_results(conn:shutdown())
        assert.is_true(conn:close())
        check_results(call(conn, name, arguments))
        if peer then check_results(peer:read(100)) end
      end)
    end)
  end

  it("of the other objects answers, twice and after close", function()
    local others = {
      ctx = {kinds.ctx.make, function()
        local ctx = client_ctx()
        connected({client = ctx})
        return ctx
      end},
      dial = {kinds.dial.make, function()
        local dial = core.dial()
        dial:start("127.0.0.1", 1)
        return dial
      end},
      poller = {kinds.poller.make},
    }
    for kind, makers in pairs(others) do
      for _, make in ipairs(makers) do
        each_method(kind, function(name, arguments)
          local object = make()
          check_results(call(object, name, arguments))
          check_results(call(object, name, arguments))
          assert.is_string(tostring(object))
          object:close()
          check_results(call(object, name, arguments))
        end)
      end
    end
  end)

  for name, make in pairs(support.bios) do
    it("of a BIO (" .. name .. ") answers, twice and after close", function()
      each_method("bio", function(method, arguments)
        local bio = make()
        check_results(call(bio, method, arguments))
        check_results(call(bio, method, arguments))
        assert.is_string(tostring(bio))
        check_results(bio:read(10))
        check_results(bio:write("x"))
        assert.is_true(bio:close())
        check_results(call(bio, method, arguments))
      end)
    end)
  end

  it("can be called in any order", function()
    local seed = 42
    local function random(n) -- the same everywhere, so that what fails fails again
      seed = (seed * 16807) % 2147483647
      return seed % n + 1
    end
    local names = {"close"}
    each_method("conn", function(name) names[#names + 1] = name end)
    for _ = 1, 40 do
      local pair = {joined()}
      for _ = 1, 60 do
        local name = names[random(#names)]
        if name == "close" and random(10) > 1 then name = "do_handshake" end
        local arguments = kinds.conn.steps[name] or kinds.conn.getters[name] or {}
        check_results(call(pair[random(2)], name, arguments))
      end
    end
  end)
end)

describe("the collector", function()
  it("may run at any moment of a connection", function()
    stressed(function()
      local client, server = connected()
      assert(client:write(("x"):rep(1000)))
      assert(("x"):rep(1000) == server:read(2000))
      assert(client:peer_cert(1):subject())
      local _, err = client:set_server_name("")
      assert(err.text)
      client:shutdown()
      assert(server:read(1) == nil)
    end)
  end)

  it("may take everything in the middle of a handshake", function()
    for _ = 1, 20 do
      local client, server = joined()
      client:do_handshake()
      server:do_handshake()
    end
    collectgarbage()
    collectgarbage()
    connected()
  end)

  -- Calls a method while a finalizer closes the very object it belongs to: the one that runs at
  -- the method's first allocation, or at the second, ...
  local function call_and_close(object, name, arguments, allocation)
    local done, first, second
    local function count_down()
      allocation = allocation - 1
      if done then -- later than was meant: another one's turn
        return
      elseif allocation > 0 then
        finalized(count_down)
      else
        getmetatable(object).__gc(object)
        relaxed_collector()
      end
    end
    stressed(function()
      finalized(count_down)
      first, second = call(object, name, arguments)
      done = true
    end)
    check_results(first, second)
  end

  it("may close an object while its method runs", function()
    for kind, how in pairs(kinds) do
      each_method(kind, function(name, arguments)
        for allocation = 1, 3 do call_and_close(how.make(), name, arguments, allocation) end
      end)
    end
  end)

  it("may close a connection at work", function()
    each_method("conn", function(name, arguments)
      for allocation = 1, 3 do
        local client, server = connected()
        assert(server:write("some data"))
        call_and_close(client, name, arguments, allocation)
      end
    end)
  end)

  it("may close a BIO that holds something, in a chain", function()
    each_method("bio", function(name, arguments)
      for allocation = 1, 2 do call_and_close(support.bios.chain(), name, arguments, allocation) end
    end)
  end)

  it("may take the parts of a chain at any moment", function()
    stressed(function()
      for _ = 1, 20 do
        local bio = support.bios.chain()
        assert("two\n" == bio:find("memory"):gets() or bio:gets())
        assert(bio:next():kind() == "memory")
      end
    end)
  end)

  it("may close a poller that has something to tell", function()
    local fd, peer = tcp()
    for allocation = 1, 3 do
      local poller = assert(core.poller())
      assert(poller:set(fd, "w"))
      call_and_close(poller, "wait", {10}, allocation)
    end
    core.close_fd(fd)
    peer:close()
  end)
end)

-- Memory ----------------------------------------------------------------------------------------

-- What a child does in an address space that ends soon: it fills it, then lets go of a little at a
-- time, and tries a whole connection each time until there is room for one.
local short_of_memory = [[
  local core = require("sslconnect.core")
  local support = require("support.core")

  local function attempt()
    local client, server = support.joined()
    assert(support.shake(client, server))
    assert(client:write(("x"):rep(5000)))
    assert(server:read(5000))
    assert(client:peer_cert(1):names())
    assert(not client:set_server_name(""))
    return "done"
  end

  local full, size = {}, 1048576
  local function fill()
    full[#full + 1] = ("%08d"):format(#full):rep(size / 8)
  end

  attempt() -- once, so that all that is made once is there
  for i = 1, 100000 do full[i] = false end
  for i = 100000, 1, -1 do full[i] = nil end
  while size >= 64 do
    if not pcall(fill) then
      collectgarbage()
      if not pcall(fill) then size = size / 2 end
    end
  end
  local failures, ok, result = -1, nil, nil
  repeat
    failures = failures + 1
    for _ = 1, 4 do full[#full] = nil end
    collectgarbage()
    ok, result = pcall(attempt)
  until ok and result == "done"
  print("survived", failures)
]]

-- Neither the sanitizer nor LuaJIT can live in a small address space.
local limited = not rawget(_G, "jit") and not (os.getenv("LD_PRELOAD") or ""):find("asan")

describe("short memory", function()
  (limited and it or pending)("is survived at any moment of a connection", function()
    local output = run_lua(short_of_memory, "ulimit -v 100000")
    assert.matches("^survived", output)
    assert.is_true(tonumber(output:match("%d+")) > 10)
  end)
end)
