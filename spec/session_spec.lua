-- session_spec.lua: connections that resume by themselves, in every loop; the cache's settings and
-- counters; a session given by hand.
local helper = require "helper"
local loops = require "support.loops"
local ssl = require "sslconnect"

local CLIENT = {ca_file = helper.ca}

local function with(settings, given)
  local all = {}
  for name, value in pairs(settings) do all[name] = value end
  for name, value in pairs(given or {}) do all[name] = value end
  return all
end

--- Sends a line and gets it back; closes; whether the connection was resumed.
local function visit(conn, err)
  assert(conn, tostring(err))
  assert(conn:write("hello\n"))
  assert.equal("hello", conn:read("l"))
  local reused = conn:session_reused()
  assert.equal(reused, conn:info().resumed)
  conn:close()
  assert.equal(reused, conn:session_reused())
  return reused
end

local server

setup(function()
  server = helper.serve {"good/echo", "good/tls12", "good/tls13", "unknown/echo", "good/clientcert"}
end)

teardown(function() server:stop() end)

describe("the second ssl.connect resumes", function()
  for _, name in ipairs(loops.names) do
    for _, version in ipairs {"1.2", "1.3"} do
      it("under " .. name .. " with TLS " .. version, function()
        local under = loops.get(name)
        if under.missing then return pending(under.missing) end
        local count, port = 0, server:port("good/tls1" .. version:sub(3))
        under.run {function()
          -- Settings of its own, so that no other test shares the context.
          local options = with(CLIENT, {loop = under.loop, session_cache = {size = 100 + #name}})
          visit(ssl.connect("localhost", port, options))
          for _ = 1, 3 do
            count = count + (visit(ssl.connect("localhost", port, options)) and 1 or 0)
          end
        end}
        assert.equal(3, count)
      end)
    end
  end
end)

describe("a context", function()
  it("resumes what it verified, and is as verified then", function()
    local ctx = assert(ssl.context(CLIENT))
    local port = server:port("good/echo")
    assert.is_false(visit(ctx:connect("localhost", port)))
    local conn = assert(ctx:connect("LOCALHOST", port))
    local info = conn:info()
    assert.is_true(info.resumed)
    assert.is_true(info.verified)
    assert.equal("CN=good", info.certificates[1]:subject())
    assert.is_true(visit(conn))
  end)

  it("keeps ports and names apart", function()
    local ctx = assert(ssl.context(CLIENT))
    local port = server:port("good/tls12")
    assert.is_false(visit(ctx:connect("localhost", port)))
    assert.is_false(visit(ctx:connect("localhost", server:port("good/echo"))))
    assert.is_false(visit(ctx:connect("localhost", port, {server_name = "127.0.0.1"})))
    assert.is_false(visit(ctx:connect("127.0.0.1", port)))
    assert.is_true(visit(ctx:connect("localhost", port)))
  end)

  it("resumes nothing of another context", function()
    local port = server:port("good/echo")
    local lax = assert(ssl.context {insecure_no_verify = true})
    assert.is_false(visit(lax:connect("localhost", port)))
    assert.is_false(visit(assert(ssl.context(CLIENT)):connect("localhost", port)))
    local conn = assert(lax:connect("localhost", port))
    assert.is_true(conn:info().resumed)
    assert.is_false(conn:info().verified)
    visit(conn)
  end)

  it("has nothing of a server that it does not trust", function()
    local ctx = assert(ssl.context(CLIENT))
    for _ = 1, 2 do
      helper.fails({code = "unknown_authority"},
        ctx:connect("localhost", server:port("unknown/echo")))
    end
    assert.equal(0, ctx:stats().stored)
    assert.equal(0, ctx:stats().offered)
  end)

  it("keeps nothing of a connection that the server refused", function()
    local ctx = assert(ssl.context(CLIENT))
    for _ = 1, 2 do
      local conn, err = ctx:connect("localhost", server:port("good/clientcert"))
      if conn then
        conn:write("hello\n")
        err = select(2, conn:read("l"))
        conn:close()
      end
      helper.check_error(err, {code = "client_certificate_required"})
    end
    assert.equal(0, ctx:stats().kept)
    assert.equal(0, ctx:stats().offered)
  end)

  it("resumes with its certificate", function()
    local ctx = assert(ssl.context(with(CLIENT, {cert = helper.cert("client.pem"),
      key = helper.cert("client.key")})))
    for i = 0, 1 do
      local conn = assert(ctx:connect("localhost", server:port("good/clientcert")))
      assert.equal("hello CN=client", conn:read("l"))
      assert.equal(i == 1, visit(conn))
    end
  end)

  it("asks its verify_hook about a resumed connection too", function()
    local asked, answer = 0, true
    local ctx = assert(ssl.context(with(CLIENT, {verify_hook = function()
      asked = asked + 1
      return answer
    end})))
    local port = server:port("good/echo")
    visit(ctx:connect("localhost", port))
    assert.is_true(visit(ctx:connect("localhost", port)))
    assert.equal(2, asked)
    answer = false
    helper.fails({code = "verification_failed"}, ctx:connect("localhost", port))
    answer = true
    assert.is_false(visit(ctx:connect("localhost", port))) -- nothing was left
  end)

  it("counts", function()
    local ctx = assert(ssl.context(CLIENT))
    local port = server:port("good/tls13")
    for _ = 1, 3 do visit(ctx:connect("localhost", port)) end
    local stats = ctx:stats()
    assert.same({connects = 3, offered = 2, resumed = 2, refused = 0, failed = 0, misses = 1,
      stored = stats.stored, kept = stats.stored - 2, expired = 0, evicted = 0, dropped = 0,
      early_data_accepted = 0, early_data_rejected = 0}, stats)
  end)
end)

describe("the option session_cache", function()
  it("turns it off", function()
    local ctx = assert(ssl.context(with(CLIENT, {session_cache = false})))
    for _ = 1, 2 do
      assert.is_false(visit(ctx:connect("localhost", server:port("good/echo"))))
    end
    assert.equal(0, ctx:stats().stored)
  end)

  it("bounds it", function()
    local ctx = assert(ssl.context(with(CLIENT, {session_cache = {size = 1, lifetime = 60}})))
    visit(ctx:connect("localhost", server:port("good/tls12")))
    visit(ctx:connect("localhost", server:port("good/echo")))
    assert.equal(1, ctx:stats().kept)
    assert.is_false(visit(ctx:connect("localhost", server:port("good/tls12"))))
  end)

  it("is copied", function()
    local bounds = {size = 1}
    local ctx = assert(ssl.context(with(CLIENT, {session_cache = bounds})))
    bounds.size = -1
    visit(ctx:connect("localhost", server:port("good/echo")))
    assert.equal(1, ctx:stats().kept)
    assert.matches("session_cache", tostring(ctx))
  end)

  it("is checked", function()
    for _, bad in ipairs {true, "on", 5, {size = 0}, {size = 1.5}, {size = 1000001}, {size = "1"},
      {lifetime = 0}, {lifetime = 604801}, {length = 3}, {5}, {size = 0 / 0}} do
      helper.fails({code = "bad_option", has = "session_cache"}, ssl.context {session_cache = bad})
    end
  end)
end)

describe("a session by hand", function()
  local ctx, port

  before_each(function()
    ctx = assert(ssl.context(with(CLIENT, {session_cache = false})))
    port = server:port("good/echo")
  end)

  local function take()
    local conn = assert(ctx:connect("localhost", port))
    assert(conn:write("hello\n"))
    assert.equal("hello", conn:read("l"))
    local session = conn:session()
    conn:close()
    assert.is_nil(conn:session())
    return (assert(session))
  end

  it("resumes where it is given", function()
    local session = take()
    assert.equal("localhost", session:server_name())
    assert.is_true(visit(ctx:connect("localhost", port, {session = session})))
    assert.is_false(visit(ctx:connect("localhost", port)))
  end)

  it("resumes over a socket that was connected before", function()
    local session = take()
    local conn = assert(ctx:wrap(helper.tcp(port), {server_name = "localhost", session = session}))
    assert.is_true(visit(conn))
  end)

  it("is refused by another context, and for another name", function()
    local session = take()
    local other = assert(ssl.context(CLIENT))
    helper.fails({code = "bad_option", has = "another context"},
      other:connect("localhost", port, {session = session}))
    helper.fails({code = "bad_option", has = '"localhost"'},
      ctx:connect("127.0.0.1", port, {session = session}))
  end)

  it("is a session", function()
    for _, bad in ipairs {"session", true, {}, ctx, io.stdout} do
      helper.fails({code = "bad_option", has = "session"},
        ctx:connect("localhost", port, {session = bad}))
    end
  end)
end)

describe("ctx:wrap", function()
  it("resumes by itself where it is told where the socket leads", function()
    local ctx = assert(ssl.context(CLIENT))
    local port = server:port("good/echo")
    local function wrap(scope)
      return visit(ctx:wrap(helper.tcp(port), {server_name = "localhost", session_scope = scope}))
    end
    assert.is_false(wrap("mail"))
    assert.is_true(wrap("mail"))
    assert.is_false(wrap("news"))
    assert.is_false(wrap(nil))
    assert.is_false(wrap(nil))
  end)
end)
