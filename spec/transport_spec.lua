-- transport_spec.lua: TLS over streams: objects that read and write, other connections, luv.
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core
local unpack = helper.unpack
local has_luv, uv = pcall(require, "luv")

local server, ctx
local server_ctx = assert(ssl.context {
  cert = helper.cert("good.pem"), key = helper.cert("good.key"),
})

setup(function()
  server = helper.serve {"good", "good/echo", "good/slow", "good/truncate", "good/goodbye",
    "good/stallread", "good/half", "good/clientcert", "good/tls12", "expired/echo", "raw/stall",
    "raw/reset", "raw/http"}
  ctx = assert(ssl.context {ca_file = helper.ca})
end)

teardown(function() server:stop() end)

local to_localhost = {server_name = "localhost"}

local function options(given)
  given = given or {}
  given.server_name = given.server_name or "localhost"
  return given
end

-- Streams -----------------------------------------------------------------------------------------

--- A stream over a socket of LuaSocket's, which it reads as it comes.
local function blocking_stream(scenario)
  local sock = helper.tcp(server:port(scenario))
  local stream = {closed = 0}
  function stream.settimeout(_, seconds)
    stream.seconds = seconds
    sock:settimeout(seconds)
  end
  function stream.read(_, max)
    local first, err = sock:receive(1)
    if not first then return nil, err end
    sock:settimeout(0)
    local rest, _, partial = sock:receive(max - 1)
    sock:settimeout(stream.seconds)
    return first .. (rest or partial)
  end
  function stream.write(_, data) return sock:send(data) end
  function stream.close()
    stream.closed = stream.closed + 1
    sock:close()
  end
  return stream
end

--- Two streams in memory, each what the other writes to; who reads where there is nothing yields,
-- as in helper.run.
local function joined_streams(limit)
  local function new() return {data = "", ended = false, chunks = 0} end
  local a, b = new(), new()
  local function stream(from, to)
    return {
      from = from, to = to,
      read = function(_, max)
        while from.data == "" and not from.ended do coroutine.yield() end
        if from.data == "" then return nil end
        max = math.min(max, limit or max)
        local data = from.data:sub(1, max)
        from.data = from.data:sub(max + 1)
        return data
      end,
      write = function(_, data)
        if limit then
          coroutine.yield()
          data = data:sub(1, limit)
        end
        to.data = to.data .. data
        return #data
      end,
      close = function() to.ended = true end,
    }
  end
  return stream(a, b), stream(b, a)
end

--- A client and a server in memory, their handshake done.
local function joined(limit)
  local near, far = joined_streams(limit)
  local results = helper.run {
    function()
      local conn = assert(ctx:wrap(near, options()))
      return conn:flush() and conn
    end,
    function() return server_ctx:accept(far) end,
  }
  return assert(unpack(results[1])), assert(unpack(results[2])), near, far
end

local function wrap(scenario, given)
  return ctx:wrap(blocking_stream(scenario), options(given))
end

describe("a stream that reads and writes", function()
  it("carries TLS, which is verified as ever", function()
    local conn = assert(wrap("good"))
    assert(conn:write("GET / HTTP/1.0\r\n\r\n"))
    assert.equal("HTTP/1.0 200 OK\r", conn:read("l"))
    assert.equal("Content-Length: 6\r\n\r\nhello\n", conn:read("a"))
    assert.is_true(conn:info().verified)
    conn:close()
    helper.fails({code = "certificate_expired", phase = "handshake"}, wrap("expired/echo"))
    helper.fails({code = "hostname_mismatch", phase = "handshake"},
      wrap("good/echo", {server_name = "other.example"}))
  end)

  it("has no descriptor", function()
    local conn = assert(wrap("good/echo"))
    assert.is_nil(conn:getfd())
    assert.matches("sslconnect.Connection: localhost (TLSv1.", tostring(conn), 1, true)
    conn:close()
  end)

  it("works with TLS 1.2 and with a client's certificate", function()
    local conn = assert(wrap("good/tls12"))
    assert(conn:write("old\n"))
    assert.equal("old", conn:read("l"))
    conn:close()
    local known = assert(ssl.context {ca_file = helper.ca, cert = helper.cert("client.pem"),
      key = helper.cert("client.key")})
    conn = assert(known:wrap(blocking_stream("good/clientcert"), options()))
    assert.matches("hello", conn:read("l"), 1, true)
    conn:close()
  end)

  it("carries more than its buffers hold", function()
    local conn = assert(wrap("good/echo"))
    local data = ("0123456789abcdef"):rep(10000)
    assert(conn:write(data))
    assert.equal(data, conn:read(#data))
    conn:close()
  end)

  it("is closed with the connection, once", function()
    local stream = blocking_stream("good/echo")
    local conn = assert(ctx:wrap(stream, options()))
    conn:close()
    conn:close()
    assert.equal(1, stream.closed)
  end)

  it("is closed where the handshake fails", function()
    local stream = blocking_stream("expired/echo")
    assert.is_nil((ctx:wrap(stream, options())))
    assert.equal(1, stream.closed)
  end)

  it("stays open where it is not to be taken", function()
    local stream = blocking_stream("good/echo")
    assert(ctx:wrap(stream, options {take = false})):close()
    assert.equal(0, stream.closed)
    stream:close()
  end)

  it("gets close_notify when the connection is closed, and shut down", function()
    local conn = assert(wrap("good/half"))
    assert(conn:write("12345"))
    assert.is_true(conn:shutdown())
    assert.equal("5", (conn:read("a"):gsub("%s", "")))
    conn:close()
    local near, far = joined()
    near:close()
    assert.is_nil(select(2, far:read("a")))
    far:close()
  end)

  it("that ends without close_notify is truncated", function()
    local conn = assert(wrap("good/truncate"))
    local data, err, partial = conn:read("a")
    assert.is_nil(data)
    helper.check_error(err, {code = "truncated", phase = "read"})
    assert.equal("partial", partial)
    conn:close()
    conn = assert(wrap("good/goodbye"))
    assert.equal("bye\n", conn:read("a"))
    conn:close()
  end)

  it("that ends in the handshake, or speaks no TLS, says so", function()
    helper.fails({code = "handshake_eof", phase = "handshake"}, wrap("raw/reset"))
    helper.fails({code = "not_tls", phase = "handshake"}, wrap("raw/http"))
  end)

  it("keeps the deadline of the handshake, of reads and writes", function()
    helper.fails({code = "timeout", phase = "handshake"}, wrap("raw/stall", {timeout = 0.05}))
    local conn = assert(wrap("good/slow"))
    assert.equal("tick", conn:read("l"))
    conn:settimeout(0.02)
    helper.fails({code = "timeout", phase = "read"}, conn:read("l"))
    helper.fails({code = "timeout", phase = "read"}, conn:read("l"))
    conn:close()
    conn = assert(wrap("good/stallread"))
    conn:settimeout(0.1)
    local _, err = conn:write(("x"):rep(64 * 1024 * 1024))
    helper.check_error(err, {code = "timeout", phase = "write"})
    assert.is_true(err.written > 0 and err.written < 64 * 1024 * 1024)
    helper.fails({code = "misuse", phase = "write"}, conn:write("more"))
    conn:close()
  end)

  it("without a timeout of its own is looked at between its calls", function()
    local stream = blocking_stream("raw/stall")
    local sock_read = stream.read
    stream:settimeout(0.02)
    stream.settimeout = nil
    function stream.read(...)
      local data, err = sock_read(...)
      return data, err == "timeout" and "timeout" or err
    end
    helper.fails({code = "timeout"}, ctx:wrap(stream, options {timeout = 5}))
  end)

  it("may take and give a few bytes at a time, and yield", function()
    local near, far = joined(7)
    local data = ("abc"):rep(500)
    local results = helper.run {
      function() return near:write(data, "\n") end,
      function() return far:read("l") end,
    }
    assert.equal(near, results[1][1])
    assert.equal(data, results[2][1])
    near:close()
    far:close()
  end)

  it("may be read and written at the same time", function()
    local near, far = joined(1000)
    local data = ("abcdefgh"):rep(10000)
    local results = helper.run {
      function() return near:write(data) end,
      function() return far:write(data) end,
      function() return near:read(#data) end,
      function() return far:read(#data) end,
    }
    assert.equal(near, results[1][1])
    assert.equal(far, results[2][1])
    assert.equal(data, results[3][1])
    assert.equal(data, results[4][1])
    near:close()
    far:close()
  end)

  it("gives no second reader a turn", function()
    local near, far = joined()
    local results = helper.run {
      function() return near:read("l") end,
      function()
        local ok, err = near:read("l")
        assert(far:write("go on\n"))
        return ok, err
      end,
    }
    assert.equal("go on", results[1][1])
    helper.check_error(results[2][2], {code = "busy"})
    near:close()
    far:close()
  end)

  it("that is closed while one reads cancels the read", function()
    local near, far, stream = joined()
    local results = helper.run {
      function() return near:read("l") end,
      function()
        coroutine.yield()
        near:close()
        stream.from.ended = true
      end,
    }
    helper.check_error(results[1][2], {code = "canceled", phase = "read"})
    far:close()
  end)

  it("answers dirty where something was read", function()
    local near, far = joined()
    assert.is_false(near:dirty())
    helper.run {function() return far:write("two\nlines\n") end}
    helper.run {function() return near:read("l") end}
    assert.is_true(near:dirty())
    near:close()
    assert.is_false(near:dirty())
    far:close()
  end)
end)

describe("what a stream says is wrong", function()
  local function failing(read_error, write_error)
    return {
      read = function() return nil, read_error end,
      write = function(_, data)
        if write_error then return nil, write_error end
        return #data
      end,
    }
  end

  local function outcome(read_error, write_error)
    return ctx:wrap(failing(read_error, write_error), options())
  end

  it("is told in its words, with a code that fits", function()
    helper.fails({code = "system_error", phase = "handshake", has = "the stream: no luck"},
      outcome("no luck"))
    helper.fails({code = "system_error", has = "the stream: disk full"}, outcome(nil, "disk full"))
    helper.fails({code = "connection_reset", has = "the stream: connection reset by peer"},
      outcome("connection reset by peer"))
    helper.fails({code = "timeout", has = "the deadline passed in the TLS handshake"},
      outcome("timeout"))
    helper.fails({code = "timeout"}, outcome(nil, "timeout"))
  end)

  it("is the end of the stream where it is nothing, or that it is closed", function()
    helper.fails({code = "handshake_eof"}, outcome(nil))
    helper.fails({code = "handshake_eof"}, outcome("closed"))
  end)

  it("keeps the code of an error object", function()
    helper.fails({code = "unreachable", has = "the connection below: no way"},
      outcome(core.error("unreachable", "connect", "no way")))
  end)

  it("is thrown on, and then nothing more is sent", function()
    local near, far, stream = joined()
    local write = stream.write
    function stream.write() error("thrown by the stream", 0) end
    local ok, err = pcall(near.write, near, "lost")
    assert.is_false(ok)
    assert.equal("thrown by the stream", err)
    stream.write = write
    helper.fails({code = "misuse"}, near:write("more"))
    near:close()
    far:close()
  end)
end)

describe("what is no stream", function()
  it("is refused", function()
    for _, bad in ipairs {{}, {read = print}, "stream", io.stdout.write} do
      helper.fails({code = "bad_option", has = "or a stream with read() and write()"},
        ctx:wrap(bad, to_localhost))
    end
  end)

  it("may be an object that can be waited for, but not by its descriptor", function()
    helper.fails({code = "bad_option"}, ctx:wrap({read = print, write = print,
      pollfd = function() return 3 end}, to_localhost))
  end)
end)

describe("a connection inside of another", function()
  --- A TLS server of our own that hands on what comes to another server, and back: two tasks.
  local function relay(listener, scenario)
    local above, below, is_over
    local function up()
      above = assert(server_ctx:accept(helper.accept(listener), {loop = helper.adapter}))
      below = helper.tcp(server:port(scenario))
      below:settimeout(0)
      repeat
        local data, err, partial = below:receive(16384)
        data = data or partial
        if data ~= "" and not above:write(data) then break end
        if data == "" then coroutine.yield(below:getfd(), "r", 0.02) end
      until is_over or err == "closed"
      above:close()
      below:close()
    end
    local function down()
      while not below do coroutine.yield() end
      local data = above:read_some()
      while data do
        below:settimeout(helper.patience)
        below:send(data)
        below:settimeout(0)
        data = above:read_some()
      end
      is_over = true
    end
    return up, down
  end

  --- The results of a function that is given a connection to the relay.
  local function through(scenario, use)
    local port, listener = helper.listen()
    local up, down = relay(listener, scenario)
    local results = helper.run {
      function() return use(assert(ctx:connect("127.0.0.1", port, {loop = helper.adapter}))) end,
      up, down,
    }
    listener:close()
    return unpack(results[1], 1, results[1].n)
  end

  it("talks, and closes both", function()
    local line, err = through("good/echo", function(outer)
      local conn = assert(ctx:wrap(outer, options()))
      assert(conn:write("within\n"))
      local line = conn:read("l")
      conn:close()
      return line, select(2, outer:write("x"))
    end)
    assert.equal("within", line)
    helper.check_error(err, {code = "closed"})
  end)

  it("is verified by itself", function()
    helper.fails({code = "certificate_expired", phase = "handshake"},
      through("expired/echo", function(outer) return ctx:wrap(outer, options()) end))
  end)

  it("keeps its own deadline", function()
    helper.fails({code = "timeout", phase = "handshake", has = "in the TLS handshake"},
      through("raw/stall", function(outer) return ctx:wrap(outer, options {timeout = 0.1}) end))
  end)

  it("sends close_notify through the outer one, which can stay open", function()
    local count, is_open = through("good/half", function(outer)
      local conn = assert(ctx:wrap(outer, options {take = false}))
      assert(conn:write("123"))
      assert(conn:shutdown())
      local count = conn:read("a")
      conn:close()
      local is_open = outer:getfd() ~= nil
      outer:close()
      return count, is_open
    end)
    assert.equal("3", (count:gsub("%s", "")))
    assert.is_true(is_open)
  end)
end)

describe("a stream of luv's", function()
  if not has_luv then
    it("carries TLS", function() pending("luv is not installed") end)
    return
  end

  -- luv ends in a crash where a handle is closed and the loop does not turn once more.
  after_each(function() uv.run("nowait") end)

  --- Runs functions in coroutines of luv's loop, to their ends; the results of the last.
  local function in_luv(...)
    local results
    local running, guard, late = {}, uv.new_timer(), false
    for i, f in ipairs {...} do
      running[i] = coroutine.create(function() results = helper.pack(f()) end)
      assert(coroutine.resume(running[i]))
    end
    uv.update_time()
    uv.timer_start(guard, helper.patience * 1000, 0, function() late = true end)
    local function is_done()
      for _, co in ipairs(running) do
        if coroutine.status(co) ~= "dead" then return false end
      end
      return true
    end
    while not is_done() and not late do uv.run("once") end
    uv.close(guard)
    assert.is_false(late)
    return unpack(results, 1, results.n)
  end

  local function tcp(scenario)
    local handle, connected, problem = uv.new_tcp(), false, nil
    handle:connect("127.0.0.1", server:port(scenario), function(err)
      connected, problem = true, err
    end)
    while not connected do uv.run("once") end
    assert.is_nil(problem)
    return handle
  end

  it("carries TLS in the main program", function()
    local conn = assert(ctx:wrap(tcp("good/echo"), options()))
    assert(conn:write("hello\n", ("x"):rep(300000), "\n"))
    assert.equal("hello", conn:read("l"))
    assert.equal(300000, #conn:read("l"))
    conn:close()
  end)

  it("keeps deadlines and ends in the main program", function()
    helper.fails({code = "timeout", phase = "handshake"},
      ctx:wrap(tcp("raw/stall"), options {timeout = 0.05}))
    helper.fails({code = "certificate_expired"}, ctx:wrap(tcp("expired/echo"), options()))
    local conn = assert(ctx:wrap(tcp("good/truncate"), options()))
    helper.fails({code = "truncated"}, conn:read("a"))
    conn:close()
  end)

  it("keeps a deadline no less where the loop has not turned for a while", function()
    local conn = assert(ctx:wrap(tcp("good/stallread"), options()))
    local function read_for(seconds)
      local before = core.now()
      conn:settimeout(seconds)
      helper.fails({code = "timeout", phase = "read"}, conn:read("l"))
      return core.now() - before
    end
    read_for(0.1) -- the tickets have come
    uv.sleep(300) -- libuv's own time is that of its last turn
    local took = read_for(0.25)
    conn:close()
    assert.is_true(took >= 0.25)
  end)

  it("carries TLS in a coroutine, read and written at the same time", function()
    local conn, data, got = nil, ("x"):rep(1024 * 1024), nil
    local handle = tcp("good/echo")
    in_luv(function() conn = assert(ctx:wrap(handle, options())) end)
    in_luv(function() got = conn:read(#data) end, function() assert(conn:write(data)) end)
    assert.equal(data, got)
    conn:close()
  end)

  it("keeps deadlines in a coroutine", function()
    local handle = tcp("raw/stall")
    local _, err = in_luv(function() return ctx:wrap(handle, options {timeout = 0.05}) end)
    helper.check_error(err, {code = "timeout", phase = "handshake"})
  end)

  it("that is closed while one reads cancels the read", function()
    local handle, conn, err = tcp("good/slow"), nil, nil
    in_luv(function()
      conn = assert(ctx:wrap(handle, options()))
      conn:read("l")
    end)
    in_luv(function() err = select(2, conn:read("l")) end, function() conn:close() end)
    helper.check_error(err, {code = "canceled", phase = "read"})
  end)

  it("is closed with the connection, unless it is not taken", function()
    local handle = tcp("good/echo")
    assert(ctx:wrap(handle, options())):close()
    assert.is_true(uv.is_closing(handle))
    handle = tcp("good/echo")
    assert(ctx:wrap(handle, options {take = false})):close()
    assert.is_false(uv.is_closing(handle))
    uv.close(handle)
  end)
end)
