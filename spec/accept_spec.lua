-- accept_spec.lua: the accepting side, for tests and for those who serve; both ends are in this
-- process, each in a coroutine.
local helper = require "helper"
local ssl = require "sslconnect"

local SERVER = {cert = helper.cert("good.pem"), key = helper.cert("good.key"), ca_file = helper.ca}
local CLIENT = {ca_file = helper.ca}
local OURS = {cert = helper.cert("client.pem"), key = helper.cert("client.key")}

local function with(settings, given)
  local all = {}
  for name, value in pairs(settings) do all[name] = value end
  for name, value in pairs(given or {}) do all[name] = value end
  return all
end

-- Runs a server and a client at the same time. Each function gets its connection, or nil and the
-- error; what both return.
local function run(settings, serve, ask, options)
  local port, listener = helper.listen()
  local server_ctx = assert(ssl.context(with(SERVER, settings.server)))
  local client_ctx = assert(ssl.context(with(CLIENT, settings.client)))
  local connecting = with({loop = "coroutine", timeout = helper.patience}, options)
  local results = helper.run {
    function()
      return serve(server_ctx:accept(helper.accept(listener), {loop = "coroutine"}))
    end,
    function()
      return ask(client_ctx:connect("localhost", port, connecting))
    end,
  }
  listener:close()
  return results[1], results[2]
end

local function echo(conn, err)
  assert(conn, tostring(err))
  local line = assert(conn:read("l"))
  assert(conn:write(line, "\n"))
  local info = conn:info()
  conn:close()
  return info
end

local function say(conn, err)
  assert(conn, tostring(err))
  assert(conn:write("ping\n"))
  local line, info = conn:read("l"), conn:info()
  conn:close()
  return info, line
end

-- Gives what it got.
local function observe(conn, err)
  if conn then
    local line
    line, err = conn:read("l")
    conn:close()
    return line, err
  end
  return nil, err
end

describe("accept", function()
  it("gives a connection like any other", function()
    local server, client = run({}, echo, say)
    assert.equal("ping", client[2])
    assert.equal("TLSv1.3", server[1].version)
    assert.equal(client[1].version, server[1].version)
    assert.equal(client[1].cipher, server[1].cipher)
    assert.is_false(server[1].verified)
    assert.same({}, server[1].certificates)
  end)

  it("tells the name that the client sent", function()
    local server = run({}, echo, say, {server_name = "Test.Example."})
    assert.equal("test.example", server[1].server_name)
    server = run({}, echo, say, {server_name = "127.0.0.1"})
    assert.is_nil(server[1].server_name)
  end)

  it("has a connection worth printing", function()
    run({}, function(conn)
      assert.matches("^sslconnect%.Connection: .+ %(TLSv1%.3 TLS_[%w_]+%)$", tostring(conn))
      return echo(conn)
    end, say)
  end)

  it("takes certificate and key as text", function()
    local server = run({server = {cert = helper.slurp(SERVER.cert),
      key = helper.slurp(SERVER.key)}}, echo, say)
    assert.equal("TLSv1.3", server[1].version)
  end)

  it("speaks the versions it is set to", function()
    local server = run({server = {max_version = "1.2"}}, echo, say)
    assert.equal("TLSv1.2", server[1].version)
    server = run({client = {max_version = "1.2"}}, echo, say)
    assert.equal("TLSv1.2", server[1].version)
  end)

  it("fails for both where there is no version in common", function()
    local server, client = run({server = {min_version = "1.3"}, client = {max_version = "1.2"}},
      observe, observe)
    helper.fails({code = "protocol_version", phase = "handshake"}, helper.unpack(server, 1, 2))
    helper.fails({code = "protocol_version", phase = "handshake"}, helper.unpack(client, 1, 2))
  end)

  it("needs a certificate", function()
    local ctx = assert(ssl.context())
    local port, listener = helper.listen()
    local sock = helper.tcp(port)
    helper.fails({code = "bad_option", has = "a server needs a certificate and key"},
      ctx:accept(assert(listener:accept()), {loop = "blocking"}))
    sock:close()
    listener:close()
  end)

  it("has a deadline", function()
    local ctx = assert(ssl.context(SERVER))
    local port, listener = helper.listen()
    local sock = helper.tcp(port)
    local conn, err = ctx:accept(assert(listener:accept()), {timeout = 0.1})
    helper.fails({code = "timeout", phase = "handshake"}, conn, err)
    sock:close()
    listener:close()
  end)

  it("hears of a client that hangs up, or does not speak TLS", function()
    local ctx = assert(ssl.context(SERVER))
    local port, listener = helper.listen()
    for code, says in pairs {handshake_eof = "", not_tls = "GET / HTTP/1.0\r\n\r\n"} do
      local sock = helper.tcp(port)
      assert(sock:send(says))
      assert(sock:shutdown("send"))
      local conn, err = ctx:accept(assert(listener:accept()))
      helper.fails({code = code, phase = "handshake"}, conn, err)
      sock:close()
    end
    listener:close()
  end)

  it("hears that the client refused the certificate", function()
    local server, client = run({server = {cert = helper.cert("expired.pem"),
      key = helper.cert("expired.key")}}, observe, observe)
    helper.fails({code = "certificate_expired", phase = "handshake"},
      helper.unpack(client, 1, 2))
    local err = helper.check_error(server[2], {code = "alert",
      has = "the client sent the alert certificate_expired (45)"})
    assert.equal(45, err.alert)
  end)

  it("takes a LuaSocket object over, and a bare descriptor on demand", function()
    local before = helper.open_fds()
    run({}, echo, say)
    helper.no_fd_left(before)
    local port, listener = helper.listen()
    local ctx = assert(ssl.context(SERVER))
    local fd
    helper.run {
      function()
        local sock = helper.accept(listener)
        fd = sock:getfd()
        local conn = assert(ctx:accept(fd, {loop = "coroutine"}))
        echo(conn)
        assert.is_true(helper.is_open(fd))
        sock:close()
      end,
      function()
        say(assert(ssl.connect("localhost", port, with(CLIENT, {loop = "coroutine"}))))
      end,
    }
    listener:close()
    assert.is_false(helper.is_open(fd))
  end)
end)

describe("ALPN", function()
  it("comes to the server's first that the client offers", function()
    local server, client = run({server = {alpn = {"h2", "http/1.1"}},
      client = {alpn = {"http/1.1", "h2"}}}, echo, say)
    assert.equal("h2", server[1].alpn)
    assert.equal("h2", client[1].alpn)
  end)

  it("comes to nothing where one side does not speak of it", function()
    local server, client = run({server = {alpn = "h2"}}, echo, say)
    assert.is_nil(server[1].alpn)
    assert.is_nil(client[1].alpn)
    server, client = run({client = {alpn = "h2"}}, echo, say)
    assert.is_nil(server[1].alpn)
    assert.is_nil(client[1].alpn)
  end)

  it("fails for both where there is none in common", function()
    local server, client = run({server = {alpn = "h2"}, client = {alpn = "smtp"}}, observe, observe)
    helper.fails({code = "no_shared_parameters", phase = "handshake"},
      helper.unpack(server, 1, 2))
    helper.fails({code = "no_shared_parameters", phase = "handshake",
      has = "alert no_application_protocol from the server"}, helper.unpack(client, 1, 2))
  end)
end)

describe("a client's certificate", function()
  it("is verified where it is required", function()
    for _, version in ipairs {"1.2", "1.3"} do
      local server = run({server = {verify_client = "required"},
        client = with(OURS, {max_version = version})}, echo, say)
      assert.is_true(server[1].verified)
      assert.equal("CN=client", server[1].certificates[1]:subject())
    end
  end)

  it("is missed where it is required", function()
    local server, client = run({server = {verify_client = "required"}}, observe, observe)
    helper.fails({code = "certificate_missing", phase = "handshake"},
      helper.unpack(server, 1, 2))
    helper.fails({code = "client_certificate_required", phase = "read"},
      helper.unpack(client, 1, 2))
  end)

  it("is missed in the handshake of TLS 1.2", function()
    local server, client = run({server = {verify_client = "required", max_version = "1.2"}},
      observe, observe)
    helper.fails({code = "certificate_missing", phase = "handshake"},
      helper.unpack(server, 1, 2))
    helper.fails({code = "client_certificate_required", phase = "handshake"},
      helper.unpack(client, 1, 2))
  end)

  it("may be absent where it is optional, and is verified where it is not", function()
    local optional = {server = {verify_client = "optional"}}
    local server = run(optional, echo, say)
    assert.is_false(server[1].verified)
    assert.same({}, server[1].certificates)
    optional.client = OURS
    server = run(optional, echo, say)
    assert.is_true(server[1].verified)
  end)

  it("that is not trusted is refused, required or optional", function()
    for _, demand in ipairs {"required", "optional"} do
      local server, client = run({server = {verify_client = demand}, client = {
        cert = helper.cert("client-unknown.pem"), key = helper.cert("client-unknown.key")}},
        observe, observe)
      helper.fails({code = "unknown_authority", phase = "handshake",
        has = "the client's certificate (CN=client-unknown)"}, helper.unpack(server, 1, 2))
      helper.fails({code = "alert"}, helper.unpack(client, 1, 2))
    end
  end)

  it("for servers only is unsuitable", function()
    local server = run({server = {verify_client = "required"}, client = {
      cert = helper.cert("direct.pem"), key = helper.cert("direct.key")}}, observe, observe)
    helper.fails({code = "unsuitable_certificate", phase = "handshake"},
      helper.unpack(server, 1, 2))
  end)

  it("is not asked for where none is wanted", function()
    local server = run({client = OURS}, echo, say)
    assert.same({}, server[1].certificates)
  end)
end)
