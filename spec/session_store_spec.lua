-- session_store_spec.lua: sessions that are shared by way of a store, or as bytes; stores that
-- fail, are slow, or give what is none; who may use what is in there.
local core = require "sslconnect.core"
local helper = require "helper"
local ssl = require "sslconnect"

local SECRET = ("0123456789abcdef"):rep(2)

local function with(settings, given)
  local all = {}
  for name, value in pairs(settings) do all[name] = value end
  for name, value in pairs(given or {}) do all[name] = value end
  return all
end

--- A store in a table, as Redis would be one: get takes.
local function new_store()
  local kept, calls = {}, {get = 0, put = 0, remove = 0}
  return {kept = kept, calls = calls, functions = {
    get = function(key)
      calls.get = calls.get + 1
      local bytes = kept[key]
      kept[key] = nil
      return bytes
    end,
    put = function(key, bytes, lifetime)
      calls.put = calls.put + 1
      assert.is_true(lifetime > 0 and lifetime <= 86400)
      kept[key] = bytes
      return true
    end,
    remove = function(key)
      calls.remove = calls.remove + 1
      kept[key] = nil
      return true
    end,
  }}
end

local function context(store, given)
  return assert(ssl.context(with({ca_file = helper.ca, session_store = store}, given)))
end

local function visit(conn, err)
  assert(conn, tostring(err))
  assert(conn:write("hello\n"))
  assert.equal("hello", conn:read("l"))
  conn:close()
  return conn:session_reused()
end

local server

setup(function()
  server = helper.serve {"good", "good/echo", "good/tls12", "good/tls13", "good/truncate",
    "raw/eof"}
end)

teardown(function() server:stop() end)

describe("a store", function()
  it("gets the session that comes with all the rest, in one read to the end", function()
    local store = new_store()
    for i = 1, 3 do
      local conn = assert(context(store.functions):connect("localhost", server:port("good")))
      assert(conn:write("GET / HTTP/1.0\r\n\r\n"))
      assert.is_true(#assert(conn:read("a")) > 0)
      assert.equal(i > 1, conn:session_reused())
      conn:close()
    end
  end)
end)

for _, version in ipairs {"12", "13"} do
  describe("a store with TLS 1." .. version:sub(2), function()
    local function port() return server:port("good/tls" .. version) end

    it("is what contexts share", function()
      local store = new_store()
      assert.is_false(visit(context(store.functions):connect("localhost", port())))
      for _ = 1, 3 do
        local ctx = context(store.functions)
        local conn = assert(ctx:connect("localhost", port()))
        assert.is_true(conn:info().verified)
        assert.is_true(visit(conn))
        local stats = ctx:stats()
        assert.equal(1, stats.store_found)
        assert.equal(0, stats.store_errors)
        assert.equal(0, stats.kept)
      end
    end)

    it("is shared only by contexts that verify alike", function()
      local store = new_store()
      visit(context(store.functions):connect("localhost", port()))
      for _, other in ipairs {{insecure_no_verify = true}, {insecure_no_name_check = true},
        {session_secret = SECRET}, {alpn = "h2"}, {trust_system = true},
        {verify_hook = function() return true end}} do
        local before = with(store.kept)
        local ctx = context(store.functions, other)
        local conn = ctx:connect("localhost", port())
        if conn then
          assert.is_false(conn:session_reused())
          conn:close()
        end
        assert.equal(0, ctx:stats().store_found)
        for key, bytes in pairs(before) do assert.equal(bytes, store.kept[key]) end
      end
    end)

    it("is sealed with a secret", function()
      local store, settings = new_store(), {session_secret = SECRET}
      visit(context(store.functions, settings):connect("localhost", port()))
      local _, bytes = next(store.kept)
      assert.is_nil(bytes:find("localhost", 1, true))
      assert.is_true(visit(context(store.functions, settings):connect("localhost", port())))
    end)

    it("may wait", function()
      local store = new_store()
      local slow = {}
      for name, f in pairs(store.functions) do
        slow[name] = function(...)
          coroutine.yield()
          coroutine.yield()
          return f(...)
        end
      end
      local resumed
      helper.run {function()
        visit(context(slow):connect("localhost", port(), {loop = "coroutine"}))
        resumed = visit(context(slow):connect("localhost", port(), {loop = "coroutine"}))
      end}
      assert.is_true(resumed)
    end)
  end)
end

describe("what a store gives", function()
  --- Connects with a store whose get gives this; the store's and the context's figures.
  local function try(...)
    local given = helper.pack(...)
    local store = new_store()
    store.functions.get = function() return helper.unpack(given, 1, given.n) end
    local ctx = context(store.functions)
    assert.is_false(visit(ctx:connect("localhost", server:port("good/echo"))))
    return store.calls, ctx:stats()
  end

  it("may be nothing", function()
    local calls, stats = try(nil)
    assert.equal(0, calls.remove)
    assert.equal(0, stats.store_errors)
  end)

  it("may be a failure, which fails no connection", function()
    local calls, stats = try(nil, "the store is down")
    assert.equal(0, calls.remove)
    assert.equal(1, stats.store_errors)
    assert.equal("the store is down", stats.store_error)
  end)

  it("may be no session, which is then removed", function()
    for _, bad in ipairs {"", "rubbish", "SSLC\1\0" .. ("x"):rep(100), 5, true, {}} do
      local calls, stats = try(bad)
      assert.equal(1, calls.remove)
      assert.equal(1, stats.store_errors)
      assert.is_string(stats.store_error)
    end
  end)

  it("may have been changed, at any place", function()
    local store = new_store()
    visit(context(store.functions):connect("localhost", server:port("good/echo")))
    local _, bytes = next(store.kept)
    local ctx = context()
    for i = 1, #bytes, 23 do
      local changed = bytes:sub(1, i - 1) .. string.char((bytes:byte(i) + 1) % 256) ..
        bytes:sub(i + 1)
      helper.fails({code = "bad_option"}, ctx:connect("localhost", 1, {session = changed}))
    end
  end)

  it("is thrown on", function()
    local store = new_store()
    store.functions.get = function() error("a bug") end
    local before = helper.open_fds()
    assert.has_error(function()
      context(store.functions):connect("localhost", server:port("good/echo"))
    end)
    helper.no_fd_left(before)
  end)
end)

describe("a store", function()
  it("that cannot put fails no connection", function()
    local store = new_store()
    store.functions.put = function() return nil, "it is full" end
    local ctx = context(store.functions)
    assert.is_false(visit(ctx:connect("localhost", server:port("good/echo"))))
    assert.equal("it is full", ctx:stats().store_error)
    assert.equal(0, ctx:stats().store_put)
  end)

  it("that is too slow is asked in vain, and the deadline holds", function()
    local store = new_store()
    store.functions.get = function()
      local till = core.now() + 0.2
      repeat until core.now() >= till
    end
    helper.fails({code = "timeout", phase = "handshake"},
      context(store.functions):connect("localhost", server:port("good/echo"), {timeout = 0.1}))
  end)

  it("loses what a handshake fails with", function()
    local store = new_store()
    visit(context(store.functions):connect("localhost", server:port("good/echo")))
    local _, bytes = next(store.kept)
    store.functions.get = function() return bytes end
    helper.fails({code = "handshake_eof"},
      context(store.functions):connect("localhost", server:port("raw/eof")))
    assert.equal(1, store.calls.remove)
  end)

  it("is a table of three functions", function()
    local f = function() end
    for _, bad in ipairs {true, "redis", {}, {get = f, put = f}, {get = f, put = f, remove = 1},
      {get = f, put = f, remove = f, close = f}} do
      helper.fails({code = "bad_option", has = "session_store"}, ssl.context {session_store = bad})
    end
    for _, bad in ipairs {"short", 5, SECRET .. "x"} do
      local _, err = ssl.context {session_secret = bad}
      helper.check_error(err, {code = "bad_option", has = "session_secret"})
    end
  end)

  it("and its secret are not shown", function()
    local ctx = context(new_store().functions, {session_secret = SECRET})
    assert.is_nil(tostring(ctx):find(SECRET, 1, true))
  end)
end)

describe("a session as bytes", function()
  local function take(ctx)
    local conn = assert(ctx:connect("localhost", server:port("good/echo")))
    assert(conn:write("hello\n"))
    assert.equal("hello", conn:read("l"))
    local bytes = assert(ctx:export_session((assert(conn:session()))))
    conn:close()
    return bytes
  end

  it("resumes in a context elsewhere", function()
    local bytes = take(context())
    local ctx = context()
    assert.is_true(visit(ctx:connect("localhost", server:port("good/echo"), {session = bytes})))
  end)

  it("does not in one that verifies otherwise", function()
    local bytes = take(context(nil, {insecure_no_verify = true}))
    helper.fails({code = "bad_option", has = "other settings"},
      context():connect("localhost", server:port("good/echo"), {session = bytes}))
    helper.fails({code = "bad_option", has = "not sealed"},
      context(nil, {session_secret = SECRET}):connect("localhost", server:port("good/echo"),
        {session = bytes}))
  end)

  it("is of a session", function()
    for _, bad in ipairs {"bytes", 5, true, {}} do
      helper.fails({code = "bad_option", has = "session"}, context():export_session(bad))
    end
  end)
end)
