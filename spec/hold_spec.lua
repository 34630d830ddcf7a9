-- hold_spec.lua: the last flight of the handshake, which streams hold until something is written,
-- and what sslconnect.core has for it; sessions and key updates of the core.
local core = require "sslconnect.core"
local helper = require "helper"
local socket = require "socket"
local ssl = require "sslconnect"
local support = require "support.core"

local joined, shake, connected = support.joined, support.shake, support.connected

local client_settings = {ca_file = helper.ca}
local server_settings = {cert = helper.cert("good.pem"), key = helper.cert("good.key")}

--- Steps a server of the core until it has done what it can.
local function step_on(server, fd)
  local deadline = core.now() + helper.patience
  repeat
    local done, why = server:do_handshake()
    if done ~= false then return done, why end
    assert(core.wait(fd, "r", deadline - core.now()))
  until core.now() > deadline
  error("the handshake does not end")
end

--- A stream whose handshake is done, and a server of the core that has got no more than it had to:
-- the stream, the server and its descriptor.
local function held_stream(options)
  local port, listener = helper.listen()
  local ctx = assert(ssl.context(client_settings))
  local server, peer, conn
  local given = {loop = "coroutine", timeout = helper.patience}
  for name, value in pairs(options or {}) do given[name] = value end
  helper.run {
    function()
      peer = helper.accept(listener)
      server = assert(core.conn(support.server_ctx()))
      assert(server:set_bio(assert(core.bio_socket(peer:getfd(), false))))
      assert(server:set_accept_state())
      repeat
        assert(server:do_handshake() == false)
        coroutine.yield()
      until conn
    end,
    function() conn = assert(ctx:connect("localhost", port, given)) end,
  }
  listener:close()
  assert.is_false((server:do_handshake()))
  return conn, server, peer
end

--- Both ends of streams over memory, which count what is written; who reads where there is nothing
-- yields to the other.
local function joined_streams()
  local function new() return {data = "", ended = false, writes = 0} end
  local a, b = new(), new()
  local function stream(from, to)
    return {
      to = to,
      read = function(_, max)
        while from.data == "" and not from.ended do coroutine.yield() end
        if from.data == "" then return nil end
        local data = from.data:sub(1, max)
        from.data = from.data:sub(max + 1)
        return data
      end,
      write = function(_, data)
        to.data, to.writes = to.data .. data, to.writes + 1
        return #data
      end,
      close = function() to.ended = true end,
    }
  end
  return stream(a, b), stream(b, a)
end

-- -------------------------------------------------------------------------------- streams

describe("a stream's last flight", function()
  local asking = {
    getfd = function(conn) assert.is_number(conn:getfd()) end,
    pollfd = function(conn) assert.is_number(conn:pollfd()) end,
    events = function(conn) assert.equal("r", conn:events()) end,
    dirty = function(conn) assert.is_false(conn:dirty()) end,
    timeout = function(conn) assert.is_nil(conn:timeout()) end,
    flush = function(conn) assert.is_true(conn:flush()) end,
    shutdown = function(conn) assert.is_true(conn:shutdown()) end,
    close = function(conn) assert.is_true(conn:close()) end,
    write = function(conn) assert.equal(conn, conn:write("hello")) end,
  }
  for name, ask in pairs(asking) do
    it("leaves with " .. name, function()
      local conn, server, peer = held_stream()
      ask(conn)
      assert.is_true(step_on(server, peer:getfd()))
      conn:close()
      peer:close()
    end)
  end

  it("leaves before a read waits", function()
    local conn, server, peer = held_stream()
    assert.is_true(conn:settimeout(0))
    helper.fails({code = "timeout", phase = "read"}, conn:read(1))
    assert.is_true(step_on(server, peer:getfd()))
    conn:close()
    peer:close()
  end)

  it("leaves before another connection waits", function()
    local conn, server, peer = held_stream()
    local other, other_server, other_peer = held_stream()
    assert(other:flush())
    assert.is_true(other:settimeout(0))
    helper.fails({code = "timeout"}, other:read(1))
    assert.is_true(step_on(server, peer:getfd()))
    for _, object in ipairs {conn, other, peer, other_peer, other_server} do object:close() end
  end)

  it("leaves before the embedded loop waits", function()
    local conn, server, peer = held_stream()
    ssl.run(function() ssl.sleep(0.001) end)
    assert.is_true(step_on(server, peer:getfd()))
    conn:close()
    peer:close()
  end)

  it("does not keep two ends in one loop from each other", function()
    local port, listener = helper.listen()
    local ctx = assert(ssl.context(client_settings))
    local serving = assert(ssl.context(server_settings))
    local client = helper.tcp(port)
    local server = assert(listener:accept())
    local near, far
    ssl.run(function()
      ssl.all {
        function() far = assert(serving:accept(server)) end,
        function() near = assert(ctx:wrap(client, {server_name = "localhost"})) end,
      }
      assert(far:write("hello"))
      assert.equal("hello", near:read(5))
    end)
    near:close()
    far:close()
    listener:close()
  end)

  it("is flushed once, twice, and not when it is closed", function()
    local conn, _, peer = held_stream()
    assert.is_true(conn:flush())
    assert.is_true(conn:flush())
    conn:close()
    helper.fails({code = "closed", phase = "write"}, conn:flush())
    assert.is_nil(conn:getfd())
    assert.is_nil(conn:events())
    assert.is_false(conn:dirty())
    peer:close()
  end)

  it("that cannot be sent is told by flush", function()
    local conn, server, peer = held_stream()
    assert(conn.bio:shutdown_wr())
    helper.fails({code = "connection_reset"}, conn:flush())
    helper.fails({code = "connection_reset"}, conn:read("a"))
    conn:close()
    server:close()
    peer:close()
  end)
end)

describe("over streams that read and write", function()
  --- What each does with its connection; how often each has written to its stream.
  local function run(client, server)
    local near, far = joined_streams()
    local ctx = assert(ssl.context(client_settings))
    local serving = assert(ssl.context(server_settings))
    helper.run {
      function()
        local conn = assert(ctx:wrap(near, {server_name = "localhost"}))
        client(conn)
        conn:close()
      end,
      function()
        local conn = assert(serving:accept(far))
        server(conn)
        conn:close()
      end,
    }
    return near.to.writes, far.to.writes
  end

  local function speak(conn)
    assert(conn:write("hello\n"))
    assert.equal("hello", conn:read("l"))
  end

  local function listen(conn)
    local line = assert(conn:read("L"))
    assert(conn:write(line))
  end

  it("it leaves with what is written: two writes, and one to close", function()
    local client, server = run(speak, listen)
    assert.equal(3, client)
    assert.equal(3, server)
  end)

  it("the server may speak first", function()
    local client, server = run(listen, speak)
    assert.equal(4, client)
    assert.equal(3, server)
  end)

  it("a flush sends it", function()
    local client = run(function(conn)
      assert.is_true(conn:flush())
      speak(conn)
    end, listen)
    assert.equal(4, client)
  end)

  it("it leaves with close_notify", function()
    local client = run(function() end, function(conn) assert.is_nil(conn:read("l")) end)
    assert.equal(2, client)
  end)
end)

describe("nodelay", function()
  --- TCP_NODELAY of a descriptor; nil where it has none.
  local function nodelay(fd)
    local probe = assert(socket.tcp())
    probe:setfd(fd)
    local on = probe:getoption("tcp-nodelay")
    probe:setfd(-1)
    return on
  end

  for _, case in ipairs {
    {value = true, during = true, after = true}, {value = false, during = false, after = false},
    {value = "handshake", during = true, after = false}, {value = nil, during = true, after = true},
  } do
    it("= " .. tostring(case.value) .. " is what it says in the handshake and after", function()
      local during
      local conn, server, peer = held_stream {nodelay = case.value, loop = {
        name = "watching",
        wait = function(fd, events, seconds)
          local on = nodelay(fd)
          if on ~= nil then during = on end
          coroutine.yield(fd, events, seconds)
          return true
        end,
      }}
      assert.equal(case.during, during)
      assert.equal(case.after, nodelay(conn:getfd()))
      conn:close()
      server:close()
      peer:close()
    end)
  end

  it("is checked", function()
    for _, value in ipairs {"Handshake", "", 1} do
      helper.fails({code = "bad_option", has = '"handshake"'},
        ssl.connect("localhost", 1, {nodelay = value}))
    end
  end)
end)

-- ----------------------------------------------------------------------------------- the core

describe("sslconnect.core holds a flight", function()
  local function held()
    local near, outer = assert(core.bio_pair())
    local client, server, _, far = joined()
    local inner, their = assert(core.bio_pair())
    assert(client:set_bio(near))
    assert(server:set_bio(inner))
    assert(client:set_hold_flight(true))
    far:close()
    local function move()
      local data = outer:read(17000)
      if data then assert.equal(#data, their:write(data)) end
      data = their:read(17000)
      if data then assert.equal(#data, outer:write(data)) end
    end
    repeat
      local done = client:do_handshake()
      server:do_handshake()
      if not done then move() end
    until done
    return client, server, outer, move
  end

  it("until it is flushed", function()
    local client, server, outer, move = held()
    assert.equal(0, outer:pending())
    assert.is_true(client:flush())
    assert.is_true(outer:pending() > 0)
    move()
    assert.is_true(server:do_handshake())
    assert.is_true(client:flush())
    assert.is_nil(client:timeout())
  end)

  it("until it reads", function()
    local client, _, outer = held()
    local data, why = client:read(1)
    assert.is_false(data)
    assert.equal("want_read", why)
    assert.is_true(outer:pending() > 0)
  end)

  it("where that was asked for before the handshake", function()
    local client = held()
    helper.fails({code = "misuse"}, client:set_hold_flight(false))
    support.throws("boolean expected", client.set_hold_flight, client, 1)
  end)
end)

describe("sslconnect.core's sessions", function()
  --- Connected with data over it, and the session.
  local function first(options)
    local client, server = connected(options)
    assert(server:write("x"))
    assert.equal("x", client:read(1))
    return assert(client:session()), client, server
  end

  it("resume", function()
    local options = {client = support.client_ctx(), server = support.server_ctx()}
    local session = first(options)
    local client, server = joined(options)
    assert.is_true(client:set_session(session))
    assert.is_true(shake(client, server))
    assert.is_true(client:session_reused())
    assert.is_true(client:is_verified())
    assert.is_nil(client:session()) -- that ticket is used up
  end)

  it("tell of themselves", function()
    local session = first()
    assert.equal("localhost", session:server_name())
    assert.matches("^TLSv1%.[23]$", session:version())
    assert.is_true(math.abs(session:time() - os.time()) < 3600)
    assert.is_true(session:lifetime() > 0)
    assert.equal(("sslconnect.session: localhost (%s)"):format(session:version()),
      tostring(session))
  end)

  it("are there when the ticket is", function()
    local client, server = joined()
    assert.is_nil(client:session())
    assert(shake(client, server))
    if client:version() == "TLSv1.3" then assert.is_nil(client:session()) end
    assert.is_nil(server:session())
  end)

  it("are not offered by another context or for another name", function()
    local session = first()
    local client = joined()
    helper.fails({code = "bad_option", has = "another context"}, client:set_session(session))
    local options = {client = support.client_ctx(), server = support.server_ctx()}
    session = first(options)
    options.name = "127.0.0.1"
    client = joined(options)
    helper.fails({code = "bad_option", has = '"localhost"'}, client:set_session(session))
    assert.is_true(client:set_session(nil))
    support.throws("sslconnect.session", client.set_session, client, {})
  end)

  it("that were collected are closed", function()
    local session = first()
    local collect = getmetatable(session).__gc
    collect(session)
    collect(session)
    assert.is_nil(session:server_name())
    assert.is_nil(session:version())
    assert.is_nil(session:time())
    assert.is_nil(session:lifetime())
    assert.equal("sslconnect.session: (closed)", tostring(session))
    helper.fails({code = "closed"}, joined():set_session(session))
  end)
end)

describe("sslconnect.core's key updates", function()
  it("renew the keys of one side or both", function()
    local client, server = connected()
    for _, request in ipairs {false, true} do
      assert.is_true(client:key_update(request))
      assert.equal(5, client:write("there"))
      assert.equal("there", server:read(10))
      assert.is_true(server:key_update())
      assert.equal(4, server:write("back"))
      assert.equal("back", client:read(10))
    end
    support.throws("boolean expected", client.key_update, client, 1)
  end)

  it("are refused where TLS is older", function()
    local ctx = support.client_ctx()
    assert(ctx:set_max_version("1.2"))
    local client = connected({client = ctx})
    helper.fails({code = "misuse", has = "TLSv1.2"}, client:key_update())
  end)
end)
