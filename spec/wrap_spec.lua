-- wrap_spec.lua: TLS on a socket that is connected already: bare descriptors and LuaSocket's
-- objects, borrowed and taken over; whose the descriptor is at every point.
local helper = require "helper"
local socket = require "socket"
local ssl = require "sslconnect"

local core = ssl.core

local server = helper.serve {
  "good/echo", "good/name", "good/starttls", "good/injected", "expired/echo", "raw/stall",
}
teardown(function() server:stop() end)

local ctx = assert(ssl.context {ca_file = helper.ca})
local to_localhost = {server_name = "localhost"}

local is_open = helper.is_open

local function echoes(conn)
  assert(conn:write("ping\n"))
  assert.equal("ping", conn:read("l"))
end

local function collect()
  collectgarbage()
  collectgarbage()
end

describe("a descriptor", function()
  it("is borrowed: it is open after the connection's close", function()
    local fd = helper.tcp_fd(server:port("good/echo"))
    local conn = assert(ctx:wrap(fd, to_localhost))
    echoes(conn)
    assert.equal(fd, conn:getfd())
    conn:close()
    assert.is_true(is_open(fd))
    assert(core.close_fd(fd))
  end)

  it("is borrowed: it is open after the connection was collected", function()
    local fd = helper.tcp_fd(server:port("good/echo"))
    local conn = assert(ctx:wrap(fd, to_localhost))
    echoes(conn)
    conn = nil -- luacheck: ignore
    collect()
    assert.is_true(is_open(fd))
    assert(core.close_fd(fd))
  end)

  it("is borrowed: it is open after a handshake that failed", function()
    local fd = helper.tcp_fd(server:port("expired/echo"))
    helper.fails({code = "certificate_expired", phase = "handshake"}, ctx:wrap(fd, to_localhost))
    assert.is_true(is_open(fd))
    assert(core.close_fd(fd))
  end)

  it("may be taken: it is closed with the connection", function()
    local before = helper.open_fds()
    local fd = helper.tcp_fd(server:port("good/echo"))
    local conn = assert(ctx:wrap(fd, {server_name = "localhost", take = true}))
    echoes(conn)
    conn:close()
    assert.is_false(is_open(fd))
    helper.no_fd_left(before)
  end)

  it("that was taken is closed when the connection is collected", function()
    local before = helper.open_fds()
    local conn = assert(ctx:wrap(helper.tcp_fd(server:port("good/echo")),
      {server_name = "localhost", take = true}))
    echoes(conn)
    conn = nil -- luacheck: ignore
    helper.no_fd_left(before)
  end)

  it("that was taken is closed when the handshake fails", function()
    local before = helper.open_fds()
    helper.fails({code = "certificate_expired"}, ctx:wrap(
      helper.tcp_fd(server:port("expired/echo")), {server_name = "localhost", take = true}))
    helper.fails({code = "timeout", phase = "handshake"}, ctx:wrap(
      helper.tcp_fd(server:port("raw/stall")),
      {server_name = "localhost", take = true, timeout = 0.1}))
    helper.no_fd_left(before)
  end)

  it("stays the caller's where wrap refuses to begin", function()
    local fd = helper.tcp_fd(server:port("good/echo"))
    helper.fails({code = "bad_option", phase = "config"},
      ctx:wrap(fd, {servername = "localhost", take = true}))
    assert.is_true(is_open(fd))
    assert(core.close_fd(fd))
  end)

  it("that is none is refused", function()
    for _, fd in ipairs {-1, 1.5, 0 / 0, math.huge, 2 ^ 53} do
      helper.fails({code = "bad_option", phase = "config"}, ctx:wrap(fd, to_localhost))
    end
    helper.fails({code = "system_error", phase = "handshake"}, ctx:wrap(2 ^ 20, to_localhost))
  end)
end)

describe("a LuaSocket object", function()
  it("is taken over: closing it does not close under the connection", function()
    local before = helper.open_fds()
    local sock = helper.tcp(server:port("good/echo"))
    local conn = assert(ctx:wrap(sock, to_localhost))
    sock:close()
    echoes(conn)
    conn:close()
    helper.no_fd_left(before)
  end)

  it("is taken over: collecting it does not close under the connection", function()
    local conn = assert(ctx:wrap(helper.tcp(server:port("good/echo")), to_localhost))
    collect()
    echoes(conn)
    conn:close()
  end)

  it("is taken over: it has no descriptor any more", function()
    local sock = helper.tcp(server:port("good/echo"))
    local fd = sock:getfd()
    local conn = assert(ctx:wrap(sock, to_localhost))
    assert.equal(fd, conn:getfd())
    assert.is_true(sock:getfd() < 0)
    helper.fails({code = "bad_option", phase = "config", has = "the socket is closed"},
      ctx:wrap(sock, to_localhost))
    conn:close()
  end)

  it("that is taken over and fails leaves nothing open", function()
    local before = helper.open_fds()
    local sock = helper.tcp(server:port("expired/echo"))
    helper.fails({code = "certificate_expired", phase = "handshake"}, ctx:wrap(sock, to_localhost))
    sock:close()
    helper.no_fd_left(before)
  end)

  it("may be borrowed: it stays usable after the connection's close", function()
    local sock = helper.tcp(server:port("good/echo"))
    local fd = sock:getfd()
    local conn = assert(ctx:wrap(sock, {server_name = "localhost", take = false}))
    echoes(conn)
    conn:close()
    assert.equal(fd, sock:getfd())
    assert.is_true(is_open(fd))
    sock:close()
    assert.is_false(is_open(fd))
  end)

  it("that is borrowed lives as long as the connection", function()
    local conn = assert(ctx:wrap(helper.tcp(server:port("good/echo")),
      {server_name = "localhost", take = false}))
    collect()
    echoes(conn)
    conn:close()
  end)

  it("that still buffers bytes is refused, and stays as it was", function()
    local sock = helper.tcp(server:port("good/injected"))
    assert.matches("^220 ", assert(sock:receive("*l")))
    assert(sock:send("STARTTLS\r\n"))
    assert.equal("220 go ahead", assert(sock:receive("*l")))
    for _, take in ipairs {true, false} do
      helper.fails({code = "plaintext_pending"},
        ctx:wrap(sock, {server_name = "localhost", take = take}))
    end
    assert.equal("250 injected", assert(sock:receive("*l")))
    sock:close()
  end)

  it("is upgraded by STARTTLS in the middle of a conversation", function()
    local sock = helper.tcp(server:port("good/starttls"))
    assert.equal("220 mail.example ready", assert(sock:receive("*l")))
    assert(sock:send("EHLO client.example\r\n"))
    assert.equal("250 fine", assert(sock:receive("*l")))
    assert(sock:send("STARTTLS\r\n"))
    assert.equal("220 go ahead", assert(sock:receive("*l")))
    local conn = assert(ctx:wrap(sock, to_localhost))
    assert.is_true(conn:info().verified)
    echoes(conn)
    conn:close()
  end)

  it("that is closed is refused", function()
    local sock = helper.tcp(server:port("good/echo"))
    sock:close()
    helper.fails({code = "bad_option", phase = "config", has = "the socket is closed"},
      ctx:wrap(sock, to_localhost))
  end)

  it("that is not connected fails", function()
    local sock = assert(socket.tcp())
    assert(sock:bind("127.0.0.1", 0))
    helper.fails({code = "connection_reset", phase = "handshake", has = "Broken pipe"},
      ctx:wrap(sock, {server_name = "localhost", take = false}))
    sock:close()
  end)
end)

describe("an object with getfd alone", function()
  it("is borrowed, as it cannot be told that it lost its descriptor", function()
    local sock = helper.tcp(server:port("good/echo"))
    local object = {getfd = function() return sock:getfd() end}
    local conn = assert(ctx:wrap(object, to_localhost))
    echoes(conn)
    conn:close()
    assert.is_true(is_open(sock:getfd()))
    helper.fails({code = "bad_option", phase = "config", has = "it has no setfd()"},
      ctx:wrap(object, {server_name = "localhost", take = true}))
    sock:close()
  end)

  it("is refused where it gives no descriptor", function()
    for _, fd in ipairs {-1, 1.5, "3", {}} do
      helper.fails({code = "bad_option", phase = "config"},
        ctx:wrap({getfd = function() return fd end}, to_localhost))
    end
  end)
end)

describe("what is no socket", function()
  it("is refused", function()
    for _, object in ipairs {"3", true, print, {}, setmetatable({}, {__index = error})} do
      helper.fails({code = "bad_option", phase = "config",
        has = "expected a descriptor or an object with getfd()"}, ctx:wrap(object, to_localhost))
    end
    helper.fails({code = "bad_option", phase = "config", has = "the socket is a nil"}, ctx:wrap())
    helper.fails({code = "bad_option", phase = "config"}, ctx:wrap(io.stdout, to_localhost))
  end)
end)

describe("wrap", function()
  it("needs a name to verify", function()
    local fd = helper.tcp_fd(server:port("good/echo"))
    helper.fails({code = "bad_option", phase = "handshake", has = "server_name is missing: " ..
      "without it the certificate of the server cannot be checked"}, ctx:wrap(fd))
    helper.fails({code = "bad_option", has = 'server_name "" cannot be used: it is empty'},
      ctx:wrap(fd, {server_name = ""}))
    assert.is_true(is_open(fd))
    local lax = assert(ssl.context {ca_file = helper.ca, insecure_no_name_check = true})
    echoes(assert(lax:wrap(fd)))
    assert(core.close_fd(fd))
  end)

  it("sends the name and verifies it", function()
    local conn = assert(ctx:wrap(helper.tcp(server:port("good/name")),
      {server_name = "test.example"}))
    assert.equal("test.example", conn:read("l"))
    assert.equal("test.example", conn:info().server_name)
    helper.fails({code = "hostname_mismatch", has = 'not for "other.example"'},
      ctx:wrap(helper.tcp(server:port("good/name")), {server_name = "other.example"}))
  end)

  it("has a deadline", function()
    helper.fails({code = "timeout", phase = "handshake"},
      ctx:wrap(helper.tcp(server:port("raw/stall")), {server_name = "localhost", timeout = 0.1}))
  end)

  it("works in a coroutine", function()
    helper.in_mode("coroutine", function()
      local conn = assert(ctx:wrap(helper.tcp(server:port("good/echo")),
        {server_name = "localhost", loop = "coroutine"}))
      echoes(conn)
      conn:close()
    end)
  end)

  it("many times leaves no descriptor behind", function()
    local before = helper.open_fds()
    for _ = 1, 20 do
      assert(ctx:wrap(helper.tcp(server:port("good/echo")), to_localhost)):close()
      local sock = helper.tcp(server:port("good/echo"))
      assert(ctx:wrap(sock, {server_name = "localhost", take = false})):close()
      sock:close()
      assert.is_nil((ctx:wrap(helper.tcp(server:port("expired/echo")), to_localhost)))
    end
    helper.no_fd_left(before)
  end)
end)
