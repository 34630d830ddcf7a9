--- SSL_connect(3) by hand, in sslconnect.core: a test a sentence, in the order of the page; then
-- its neighbours. docs/ssl_connect.md tells which sentence each is, and the last tests compare it
-- with what there is here and in csrc/tests.
local core = require "sslconnect.core"
local helper = require "helper"
local socket = require "socket"
local support = require "support.core"

-- As SSL_get_error(3) numbers them.
local NONE, SSL, WANT_READ, WANT_WRITE, SYSCALL, ZERO_RETURN = 0, 1, 2, 3, 5, 6

local CLOSE_NOTIFY = "\21\3\3\0\2\1\0"
local HANDSHAKE_FAILURE = "\21\3\3\0\2\2\40"

-- What the document may name.
local tests = {}

local function test(name, f)
  assert(not tests[name], name)
  tests[name] = true
  it(name, f)
end

-- Two sides ---------------------------------------------------------------------------------------

local KINDS = {["TLS 1.3"] = "TLSv1.3", ["TLS 1.2"] = "TLSv1.2"}

-- Contexts of a version (nil: as they are), with a client that has to show a certificate.
local function contexts(kind)
  local client, server = support.client_ctx(), support.server_ctx()
  assert(client:use_certificate_file(helper.cert("client.pem")))
  assert(client:use_private_key_file(helper.cert("client.key")))
  assert(server:load_verify_file(helper.ca))
  assert(server:set_verify_client("required"))
  if kind then
    assert(client:set_min_version(kind:sub(5)))
    assert(client:set_max_version(kind:sub(5)))
  end
  return client, server
end

-- Each side on a pair of its own, whose other halves are the test's.
local function wired(kind, size)
  local client_ctx, server_ctx = contexts(kind)
  local w = {client = assert(core.conn(client_ctx)), server = assert(core.conn(server_ctx))}
  local near
  near, w.to_client = assert(core.bio_pair(size, size))
  assert(w.client:set_bio(near))
  near, w.to_server = assert(core.bio_pair(size, size))
  assert(w.server:set_bio(near))
  assert(w.client:set_server_name("localhost"))
  assert(w.client:set_connect_state())
  assert(w.server:set_accept_state())
  return w
end

-- Up to `most` bytes from the half of one side to that of the other; how many that were.
local function move(from, to, most)
  local bytes = from:read(most)
  if not bytes then return 0 end
  assert.equal(#bytes, to:write(bytes))
  return #bytes
end

local function move_both(w, most)
  return move(w.to_client, w.to_server, most) + move(w.to_server, w.to_client, most)
end

-- Steps both, and moves what `size` says every `starved` steps, until nothing is wanted.
local function shake(w, size, starved)
  local idle, turn = 0, 0
  repeat
    local client, server = w.client:do_handshake(), w.server:do_handshake()
    assert.is_not_nil(client, tostring(w.client:error()))
    assert.is_not_nil(server, tostring(w.server:error()))
    if client then assert.is_false((w.client:read(1))) end -- tickets
    turn = turn + 1
    if turn % (starved or 1) == 0 then
      idle = move_both(w, size and size() or 16384) > 0 and 0 or idle + 1
    end
    assert.is_true(idle < 4)
  until client and server
end

local function check_connected(client, server, version)
  assert.is_true(client:is_connected())
  assert.is_true(client:is_verified())
  assert.equal(version, client:version())
  assert.equal(version, server:version())
  assert.is_true(server:is_verified())
  assert.equal(client:cipher(), server:cipher())
end

-- The last step's results.
local function check_last(conn, status, ret, ssl_error)
  assert.same({status, ret, ssl_error}, {conn:last_status(), conn:last_return(), conn:ssl_error()})
end

local function check_want(conn, want, done, why)
  assert.is_false(done)
  assert.equal(want, why)
  assert.is_nil(conn:error())
  check_last(conn, want, -1, want == "want_read" and WANT_READ or WANT_WRITE)
end

local function check_refusal(conn, says, ...)
  helper.fails({code = "misuse", has = says}, ...)
  check_last(conn, "state", -1, NONE)
end

-- Fills what goes out of a descriptor; how many bytes that took.
local function fill(fd)
  local bio = assert(core.bio_socket(fd))
  local zeros, sum = ("\0"):rep(16384), 0
  for size = #zeros, 1, -(#zeros - 1) do
    local n = bio:write(zeros, 1, size)
    while n do
      sum = sum + n
      n = bio:write(zeros, 1, size)
    end
  end
  bio:close()
  return sum
end

local function drain(sock, count)
  while count > 0 do
    local bytes = assert(sock:receive(math.min(count, 65536)))
    count = count - #bytes
  end
end

-- A client on a socket, its descriptor, and the other end.
local function on_socket(nonblocking)
  local bio, peer, fd = support.tcp_bio()
  assert(bio:set_nbio(nonblocking))
  local client_ctx, server_ctx = contexts()
  local client, server = assert(core.conn(client_ctx)), assert(core.conn(server_ctx))
  assert(client:set_bio(bio))
  assert(client:set_server_name("localhost"))
  assert(server:set_bio(assert(core.bio_socket(peer:getfd()))))
  peer:settimeout(helper.patience)
  return client, server, fd, peer
end

-- Steps the server until something of its has come to the descriptor.
local function answer(server, fd)
  local deadline = core.now() + helper.patience
  repeat
    assert.is_not_nil((server:accept()))
    assert.is_true(core.now() < deadline)
  until core.wait(fd, "r", 0.01)
end

-- Ways to wait for a descriptor.
local WAYS = {}

WAYS["core.wait"] = function(fd, events)
  return core.wait(fd, events, helper.patience) == events
end

WAYS["epoll"] = function(fd, events)
  local poller = assert(core.poller())
  assert(poller:set(fd, events))
  local ready = assert(poller:wait(helper.patience))
  poller:close()
  return ready[fd] == events
end

WAYS["select"] = function(fd, events)
  local one = {{getfd = function() return fd end, dirty = function() return false end}}
  local read, write = socket.select(events == "r" and one or nil, events == "w" and one or nil,
    helper.patience)
  return #read + #write == 1
end

-- SSL_connect(3) ----------------------------------------------------------------------------------

describe("SSL_connect(3)", function()
  local server

  setup(function()
    server = helper.serve {"good/tls13", "good/tls12", "raw/reset", "raw/eof", "raw/http"}
  end)

  teardown(function() server:stop() end)

  local function blocking_client(scenario)
    local conn = assert(core.conn(support.client_ctx()))
    local bio = assert(core.bio_socket(helper.tcp_fd(server:port(scenario)), true))
    assert(bio:set_nbio(false))
    assert(conn:set_bio(bio))
    assert(conn:set_server_name("localhost"))
    return conn, bio
  end

  test("connect begins the handshake", function()
    local w = wired()
    check_want(w.client, "want_read", w.client:connect())
    local hello = w.to_client:read(6)
    assert.equal(22, hello:byte(1))
    assert.equal(1, hello:byte(6))
  end)

  test("connect without a BIO says that it is missing", function()
    local conn = assert(core.conn(support.client_ctx()))
    assert(conn:set_server_name("localhost"))
    check_refusal(conn, "set_bio", conn:connect())
    assert(conn:set_bio((core.bio_pair())))
    check_want(conn, "want_read", conn:connect())
  end)

  test("connect without a name to verify says so", function()
    local conn = assert(core.conn(support.client_ctx()))
    local near, far = core.bio_pair()
    assert(conn:set_bio(near))
    helper.fails({code = "bad_option", has = "server_name"}, conn:connect())
    assert.equal(0, far:pending())
    assert(conn:set_server_name("localhost"))
    check_want(conn, "want_read", conn:connect())
  end)

  test("connect on a closed connection says so", function()
    local w = wired()
    w.client:close()
    helper.fails({code = "closed"}, w.client:connect())
    helper.fails({code = "closed"}, w.client:accept())
    assert.equal(0, w.to_client:pending())
  end)

  for kind, version in pairs(KINDS) do
    test("connect on a blocking BIO returns once it is done, " .. kind, function()
      local conn = blocking_client("good/" .. kind:lower():gsub("[ .]", ""))
      assert.is_true(conn:connect())
      check_last(conn, "ok", 1, NONE)
      assert.equal(version, conn:version())
      assert.is_true(conn:is_verified())
      conn:close()
    end)
  end

  test("connect on a blocking BIO fails when the stream ends", function()
    local conn = blocking_client("raw/eof")
    helper.fails({code = "handshake_eof", phase = "handshake"}, conn:connect())
  end)

  test("connect on a blocking BIO fails when there is a reset", function()
    local conn = blocking_client("raw/reset")
    local err = helper.fails({code = "connection_reset", phase = "handshake"}, conn:connect())
    assert.is_number(err.errno)
    check_last(conn, "sys", -1, SYSCALL)
  end)

  test("connect on a blocking BIO fails when it is not TLS", function()
    local conn = blocking_client("raw/http")
    helper.fails({code = "not_tls", phase = "handshake"}, conn:connect())
    check_last(conn, "proto", -1, SSL)
  end)

  test("connect on a nonblocking BIO returns -1 and wants to read", function()
    local client, _, fd, peer = on_socket(true)
    check_want(client, "want_read", client:connect())
    assert.equal(fd, client:fd())
    client:close()
    peer:close()
  end)

  for name, wait in pairs(WAYS) do
    test("after " .. name .. " the call is only to be repeated", function()
      local client, accepting, fd, peer = on_socket(true)
      local filled = fill(fd)
      check_want(client, "want_write", client:connect())
      drain(peer, filled)
      local seen, want = {}, "want_write"
      while want do
        seen[want] = true
        if want == "want_read" then answer(accepting, fd) end
        assert.is_true(wait(fd, want == "want_write" and "w" or "r"))
        want = select(2, client:connect())
        assert.is_nil(client:error())
      end
      assert.same({want_read = true, want_write = true}, seen)
      check_last(client, "ok", 1, NONE)
      client:close()
      peer:close()
    end)
  end

  test("to repeat the call too early does no harm", function()
    local w = wired()
    check_want(w.client, "want_read", w.client:connect())
    local sent = w.to_client:pending()
    for _ = 1, 5 do
      check_want(w.client, "want_read", w.client:connect())
      assert.equal(sent, w.to_client:pending())
    end
    shake(w)
  end)

  test("over a pair nothing goes on until data is moved", function()
    local w = wired(nil, 64)
    for _ = 1, 3 do check_want(w.client, "want_write", w.client:connect()) end
    assert.equal(64, w.to_client:pending())
    while w.client:last_status() == "want_write" do
      assert.is_true(#w.to_client:read(64) > 0)
      w.client:connect()
    end
    for _ = 1, 3 do check_want(w.client, "want_read", w.client:connect()) end
  end)

  local MOVES = {
    {"byte for byte", nil, function() return 1 end},
    {"in random pieces", nil, function() return math.random(50) end},
    {"with reads starved", nil, function() return math.random(20) end, 9},
    {"with writes starved", 1, function() return 1 end},
  }
  for _, row in ipairs(MOVES) do
    for kind, version in pairs(KINDS) do
      test(("over a pair %s, %s"):format(row[1], kind), function()
        local seed = os.time()
        math.randomseed(seed)
        local w = wired(kind, row[2])
        local ok, err = pcall(shake, w, row[3], row[4])
        assert(ok, ("seed %d: %s"):format(seed, tostring(err)))
        check_connected(w.client, w.server, version)
      end)
    end
  end

  local NAGLES = {
    {"Nagle's algorithm is as the system has it"},
    {"TCP_NODELAY can be switched on", true},
    {"TCP_NODELAY can be on in the handshake and off after it", true, false},
  }
  for _, row in ipairs(NAGLES) do
    test(row[1], function()
      local sock = helper.tcp(server:port("good/tls13"))
      local bio = assert(core.bio_socket(sock:getfd()))
      assert(bio:set_nbio(false))
      local conn = assert(core.conn(support.client_ctx()))
      assert(conn:set_bio(bio))
      assert(conn:set_server_name("localhost"))
      local set = row[2] or false
      if row[2] ~= nil then assert(bio:set_tcp_nodelay(row[2])) end
      assert.equal(set, sock:getoption("tcp-nodelay"))
      assert(conn:connect())
      assert.equal(set, sock:getoption("tcp-nodelay"))
      if row[3] ~= nil then assert(bio:set_tcp_nodelay(row[3])) end
      assert.equal(row[3] == nil and set, sock:getoption("tcp-nodelay"))
      conn:close()
      sock:close()
    end)
  end

  test("controlled shutdown in the handshake", function()
    local w = wired()
    check_want(w.client, "want_read", w.client:connect())
    w.to_client:write(CLOSE_NOTIFY)
    local err = helper.fails({code = "handshake_eof", has = "close_notify"}, w.client:connect())
    assert.equal(ZERO_RETURN, err.ssl_error)
    check_last(w.client, "eof", -1, ZERO_RETURN)
    assert.same({sent = false, received = true}, w.client:get_shutdown())
  end)

  for kind, version in pairs(KINDS) do
    test("1: the handshake is done, " .. kind, function()
      local w = wired(kind)
      shake(w)
      assert.is_true(w.client:connect())
      check_last(w.client, "ok", 1, NONE)
      assert.is_nil(w.client:error())
      check_connected(w.client, w.server, version)
    end)
  end

  test("below 0: a fatal error of the protocol", function()
    local w = wired()
    check_want(w.client, "want_read", w.client:connect())
    w.to_client:write(HANDSHAKE_FAILURE)
    local err = helper.fails({code = "no_shared_parameters"}, w.client:connect())
    assert.equal(40, err.alert)
    check_last(w.client, "proto", -1, SSL)
  end)
end)

-- SSL_accept(3) and the others --------------------------------------------------------------------

describe("SSL_accept(3)", function()
  test("accept waits for a client to begin", function()
    local w = wired()
    for _ = 1, 3 do check_want(w.server, "want_read", w.server:accept()) end
    assert.equal(0, w.to_server:pending())
    shake(w)
  end)

  test("accept without a BIO says that it is missing", function()
    local conn = assert(core.conn(support.server_ctx()))
    check_refusal(conn, "set_bio", conn:accept())
  end)

  test("accept on a nonblocking BIO wants both", function()
    local w = wired(nil, 64)
    check_want(w.server, "want_read", w.server:accept())
    w.client:connect()
    while w.server:last_status() == "want_read" do
      move(w.to_client, w.to_server, 64)
      w.client:connect()
      w.server:accept()
    end
    check_want(w.server, "want_write", w.server:accept())
    shake(w)
  end)

  test("controlled shutdown in the handshake, of a server", function()
    local w = wired("TLS 1.2")
    w.client:connect()
    move(w.to_client, w.to_server, 16384)
    check_want(w.server, "want_read", w.server:accept())
    w.to_server:write(CLOSE_NOTIFY)
    helper.fails({code = "handshake_eof", has = "close_notify"}, w.server:accept())
    check_last(w.server, "eof", -1, ZERO_RETURN)
  end)

  test("below 0: a client that breaks the protocol", function()
    local w = wired()
    w.to_server:write("GET / HTTP/1.0\r\n\r\n")
    helper.fails({code = "not_tls"}, w.server:accept())
    check_last(w.server, "proto", -1, SSL)
  end)
end)

describe("SSL_do_handshake(3)", function()
  for kind, version in pairs(KINDS) do
    test("do_handshake connects and accepts, " .. kind, function()
      local w = wired(kind)
      assert.is_false(w.client:is_server())
      assert.is_true(w.server:is_server())
      shake(w)
      check_connected(w.client, w.server, version)
    end)
  end

  test("do_handshake with no state set says so", function()
    local conn = assert(core.conn(support.client_ctx()))
    assert(conn:set_bio((core.bio_pair())))
    check_refusal(conn, "set_connect_state", conn:do_handshake())
  end)

  -- Done, whatever the step before was, and nothing sent.
  local function check_done_again(conn, method)
    local sent = conn:wbio():wpending()
    assert.is_true(conn[method](conn))
    check_last(conn, "ok", 1, NONE)
    assert.is_nil(conn:error())
    assert.equal(sent, conn:wbio():wpending())
  end

  test("a handshake that is done is done again at once", function()
    local client, server = support.connected()
    assert.is_false((client:read(1)))
    check_done_again(client, "connect")
    check_done_again(client, "do_handshake")
    assert.is_false((server:read(1)))
    check_done_again(server, "accept")
    check_done_again(server, "do_handshake")
  end)

  test("a handshake that is done is done after shutdown too", function()
    local client, server = support.connected()
    assert.is_false((client:shutdown()))
    check_done_again(client, "connect")
    assert.is_nil((server:read(1)))
    check_done_again(server, "do_handshake")
    assert.is_true(server:shutdown())
    assert.is_true(client:shutdown())
    check_done_again(client, "do_handshake")
  end)

  test("a handshake that failed fails again and sends nothing", function()
    local client, server, near = support.joined {server = support.server_ctx("expired")}
    assert.is_nil((support.shake(client, server)))
    local text, sent = tostring(client:error()), near:wpending()
    for _, method in ipairs {"connect", "do_handshake"} do
      helper.fails({code = "certificate_expired"}, client[method](client))
      assert.equal(text, tostring(client:error()))
      check_last(client, "verify", -1, SSL)
      check_refusal(client, "set to connect", client:accept())
    end
    assert.equal(sent, near:wpending())
  end)

  test("a bad setting of the context fails the handshake", function()
    local ctx = assert(core.ctx())
    assert.is_nil((ctx:load_verify_file(helper.cert("no-such-file"))))
    local conn = assert(core.conn(ctx))
    helper.fails({code = "bad_file"}, conn:connect())
    check_last(conn, "config", -1, NONE)
  end)
end)

describe("SSL_set_connect_state(3)", function()
  test("the state that is set last counts", function()
    local w = wired("TLS 1.3")
    assert(w.client:set_accept_state())
    assert.is_true(w.client:is_server())
    for _ = 1, 2 do assert(w.client:set_connect_state()) end
    assert(w.server:set_connect_state())
    for _ = 1, 2 do assert(w.server:set_accept_state()) end
    shake(w)
    check_connected(w.client, w.server, "TLSv1.3")
  end)

  local function check_states_over(conn)
    check_refusal(conn, "has begun", conn:set_connect_state())
    check_refusal(conn, "has begun", conn:set_accept_state())
  end

  test("the state is refused in the middle and after", function()
    local w = wired("TLS 1.3")
    while not w.client:connect() do
      check_states_over(w.client)
      w.server:accept()
      check_states_over(w.server)
      assert.is_true(move_both(w, 200) > 0)
    end
    check_states_over(w.client)
    shake(w)
    check_connected(w.client, w.server, "TLSv1.3")
  end)

  test("connect and accept on the other kind of connection say so", function()
    local w = wired()
    for _ = 1, 2 do
      check_refusal(w.client, "set to connect", w.client:accept())
      check_refusal(w.server, "set to accept", w.server:connect())
      shake(w)
    end
  end)

  test("connect and accept set the state", function()
    for method, is_server in pairs {connect = false, accept = true} do
      local conn = assert(core.conn(support.server_ctx()))
      assert.is_nil(conn:is_server())
      check_refusal(conn, "set_bio", conn[method](conn))
      assert.equal(is_server, conn:is_server())
    end
  end)

  test("to read and to write begins no handshake", function()
    local w = wired()
    check_refusal(w.client, "the handshake is not done", w.client:write("x"))
    check_refusal(w.client, "the handshake is not done", w.client:read(1))
    assert.equal(0, w.to_client:pending())
    shake(w)
  end)
end)

describe("ssl(7), bio(7), SSL_CTX_new(3)", function()
  test("one context makes many connections", function()
    local client_ctx, server_ctx = support.client_ctx(), support.server_ctx()
    for _ = 1, 5 do
      local client = support.connected {client = client_ctx, server = server_ctx}
      assert.is_true(client:is_verified())
    end
  end)

  test("a connection reads from one BIO and writes to another", function()
    local client, server = support.joined()
    local up1, up2 = core.bio_pair()
    local down1, down2 = core.bio_pair()
    assert(client:set_bio(down2, up1))
    assert(server:set_bio(up2, down1))
    assert(support.shake(client, server))
    assert.equal(0, up1:pending())
    assert.equal(0, down1:pending())
  end)

  test("a server is verified unless that is switched off", function()
    local client, server = support.joined {server = support.server_ctx("unknown")}
    helper.fails({code = "unknown_authority"}, support.shake(client, server))
  end)
end)

-- Broken off --------------------------------------------------------------------------------------

describe("a handshake that is broken off", function()
  -- Lets one side have `count` bytes of the other; whether it is done.
  local function give(conn, other, to_conn, to_other, count)
    local moved
    repeat
      assert.is_not_nil((conn:do_handshake()))
      moved = move(to_conn, to_other, 16384)
      other:do_handshake()
      local given = count > 0 and move(to_other, to_conn, count) or 0
      count, moved = count - given, moved + given
    until moved == 0
    return conn:is_connected()
  end

  -- Every fifth place: the C tests are at each.
  local function break_off(kind, side)
    local count, places = 0, 0
    while true do
      local w = wired(kind)
      local conn, far = w.client, w.to_client
      local done
      if side == "client" then
        done = give(conn, w.server, w.to_client, w.to_server, count)
      else
        conn, far = w.server, w.to_server
        done = give(conn, w.client, w.to_server, w.to_client, count)
      end
      if done then return places end
      assert(far:shutdown_wr())
      helper.fails({code = "handshake_eof", phase = "handshake"}, conn:do_handshake())
      assert.is_false(conn:is_verified())
      count, places = count + 5, places + 1
    end
  end

  for kind in pairs(KINDS) do
    for _, side in ipairs {"client", "server"} do
      test(("a %s at places of the stream: it ends, %s"):format(side, kind), function()
        assert.is_true(break_off(kind, side) > 150)
      end)
    end
  end
end)

-- The document ------------------------------------------------------------------------------------

describe("docs/ssl_connect.md", function()
  local SOURCES = {"test_ssl_connect", "test_ssl_connect_blocking", "test_ssl_accept",
    "test_ssl_overview", "test_interrupted"}

  -- A name without the version of TLS at its end.
  local function plain(name) return (name:gsub(", TLS 1%.[23]$", "")) end

  local function c_tests()
    local found = {}
    for _, source in ipairs(SOURCES) do
      local text = helper.slurp(("%s/csrc/tests/%s.c"):format(helper.root(), source))
      for name in text:gmatch("add_test%(%s*\"([^\"\n]+)\"") do found[plain(name)] = true end
      for name in text:gmatch("\n  { \"([^\"\n]+)\"") do found[plain(name)] = true end
    end
    return found
  end

  local function lua_tests()
    local found = {}
    for name in pairs(tests) do found[plain(name)] = true end
    return found
  end

  -- The names in a column of the tables: each stands in quotes.
  local function named(column)
    local found = {}
    for line in helper.slurp(helper.root() .. "/docs/ssl_connect.md"):gmatch("[^\n]+") do
      local cells = {}
      for cell in line:gmatch("|([^|]*)%f[|]") do cells[#cells + 1] = cell end
      for name in (cells[column] or ""):gmatch("\"([^\"]+)\"") do found[name] = true end
    end
    return found
  end

  local function check_same(there, documented)
    local wrong = {}
    for name in pairs(there) do
      if not documented[name] then wrong[#wrong + 1] = "not in the document: " .. name end
    end
    for name in pairs(documented) do
      if not there[name] then wrong[#wrong + 1] = "no test: " .. name end
    end
    table.sort(wrong)
    assert.equal("", table.concat(wrong, "\n"))
  end

  it("names each test in C, and none that is not there", function()
    check_same(c_tests(), named(3))
  end)

  it("names each test in Lua, and none that is not there", function()
    check_same(lua_tests(), named(4))
  end)
end)
