-- dial_spec.lua: how a connect gets to its host: the options of ssl.connect about addresses, names
-- and sockets, and the methods of the core's dial behind them.
local helper = require "helper"
local socket = require "socket"
local ssl = require "sslconnect"

local core = ssl.core

local server = helper.serve {"good/echo"}
teardown(function() server:stop() end)

-- A name that nobody is ever asked for in these specs.
local NAME = "test.example"

local function connect(scenario, options)
  options = options or {}
  options.ca_file = options.ca_file or helper.ca
  return ssl.connect(NAME, server:port(scenario), options)
end

-- A TCP port of 127.0.0.1 where nobody listens.
local function closed_port()
  local port, listener = helper.listen()
  listener:close()
  return port
end

-- A UDP socket of loopback that answers nothing; its address.
local function silent_nameserver()
  local udp = assert(socket.udp())
  assert(udp:setsockname("127.0.0.1", 0))
  local ip, port = udp:getsockname()
  return udp, ("%s:%d"):format(ip, port)
end

describe("addresses", function()
  it("are gone to, and the host is who is verified", function()
    local conn = assert(connect("good/echo", {addresses = "127.0.0.1"}))
    local info = conn:info()
    assert.equal(NAME, info.server_name)
    assert.matches("^127%.0%.0%.1:%d+$", info.address)
    conn:close()
    helper.fails({code = "hostname_mismatch", has = "other.example"},
      ssl.connect("other.example", server:port("good/echo"),
        {addresses = {"127.0.0.1"}, ca_file = helper.ca}))
  end)

  it("are tried until one works", function()
    local port = server:port("good/echo")
    local conn = assert(ssl.connect(NAME, port, {ca_file = helper.ca,
      addresses = {"127.0.0.2", "::1", "127.0.0.3", "127.0.0.1"}}))
    assert.equal("127.0.0.1:" .. port, conn:info().address)
    conn:close()
  end)

  it("that all fail are listed", function()
    local port = closed_port()
    local _, err = ssl.connect(NAME, port, {addresses = {"127.0.0.2", "127.0.0.3"}})
    assert.equal("connection_refused", err.code)
    for _, address in ipairs {"127.0.0.2", "127.0.0.3"} do
      assert.truthy(err.message:find(("%s:%d: Connection refused"):format(address, port), 1, true))
    end
  end)

  it("that are none are refused", function()
    for _, value in ipairs {"name.example", {}, {"127.0.0.1", "x"}, {1}, 7, true, "127.0.0.1:80"} do
      helper.fails({code = "bad_option"}, ssl.connect(NAME, 443, {addresses = value}))
    end
  end)
end)

describe("a resolver", function()
  it("is asked for a name, with its port", function()
    local port, asked = server:port("good/echo"), nil
    local conn = assert(ssl.connect(NAME, port, {ca_file = helper.ca,
      resolve = function(...)
        asked = {...}
        return {"127.0.0.1"}
      end}))
    assert.same({NAME, port}, asked)
    conn:close()
  end)

  it("may yield", function()
    local co = coroutine.create(function()
      return connect("good/echo", {loop = "blocking", resolve = function()
        return coroutine.yield("resolving")
      end})
    end)
    local _, said = coroutine.resume(co)
    assert.equal("resolving", said)
    local ok, conn = coroutine.resume(co, "127.0.0.1")
    assert.is_true(ok)
    assert(conn):close()
  end)

  it("is not asked for an address", function()
    for _, host in ipairs {"127.0.0.1", "::1", "[::1]"} do
      helper.fails({code = "connection_refused"}, ssl.connect(host, closed_port(),
        {resolve = function() error("asked") end}))
    end
  end)

  it("that has no address is dns_failed, with its reason", function()
    for _, case in ipairs {
      {"it is Monday", function() return nil, "it is Monday" end},
      {"gave no reason", function() end},
      {"not a list", function() return 7 end},
      {"no list of addresses", function() return {} end},
      {"no list of addresses", function() return {1} end},
      {"no IP address", function() return {"other.example"} end},
      {"too many", function()
        local list = {}
        for i = 1, 257 do list[i] = "127.0.0.1" end
        return list
      end},
    } do
      helper.fails({code = "dns_failed", phase = "dns", has = case[1]},
        ssl.connect(NAME, 443, {resolve = case[2]}))
    end
  end)

  it("that throws is heard", function()
    local thrown = {}
    local ok, err = pcall(ssl.connect, NAME, 443, {resolve = function() error(thrown) end})
    assert.is_false(ok)
    assert.equal(thrown, err)
  end)

  it("is a function", function()
    helper.fails({code = "bad_option", has = "resolve"}, ssl.connect(NAME, 443, {resolve = "x"}))
  end)
end)

describe("nameservers", function()
  it("that do not answer end with the deadline, in the phase dns", function()
    local udp, address = silent_nameserver()
    local before = helper.open_fds()
    local begin = core.now()
    helper.fails({code = "timeout", phase = "dns"},
      ssl.connect(NAME, 443, {nameservers = {address}, timeout = 0.2}))
    assert.is_true(core.now() - begin < 5)
    assert.is_truthy(udp:receive())
    helper.no_fd_left(before)
    udp:close()
  end)

  it("that are no addresses are refused", function()
    for _, value in ipairs {"ns.example", "", {}, {"127.0.0.1", "x"}, 53} do
      helper.fails({code = "bad_option"}, ssl.connect(NAME, 443, {nameservers = value}))
    end
  end)
end)

describe("a path", function()
  it("is connected to, and the name is verified", function()
    local unix = require "socket.unix"
    local listener = assert((type(unix) == "table" and unix.stream or unix)())
    local path = os.tmpname()
    os.remove(path)
    assert(listener:bind(path))
    assert(listener:listen(8))
    local server_ctx = assert(ssl.context {cert = helper.cert("good.pem"),
      key = helper.cert("good.key")})
    local results = helper.run {
      function()
        return server_ctx:accept(helper.accept(listener), {loop = "coroutine"})
      end,
      function()
        local conn = assert(ssl.connect {path = path, server_name = NAME, ca_file = helper.ca,
          loop = "coroutine"})
        return conn:flush() and conn
      end,
    }
    local conn = assert(helper.unpack(results[2], 1, 2))
    assert.is_true(conn:info().verified)
    assert.equal(path, conn:info().address)
    assert.equal(path, conn:info().host)
    conn:close()
    assert(results[1][1]):close()
    listener:close()
    os.remove(path)
  end)

  it("needs a name to verify, and stands alone", function()
    for _, case in ipairs {
      {"server_name", {path = "/tmp/x"}},
      {"host and port", {path = "/tmp/x", server_name = NAME, host = NAME, port = 443}},
      {"exclude", {path = "/tmp/x", server_name = NAME, addresses = "127.0.0.1"}},
      {"exclude", {host = NAME, port = 443, addresses = "::1", resolve = print}},
      {"empty", {path = "", server_name = NAME}},
      {"longer", {path = ("x"):rep(200), server_name = NAME}},
    } do
      helper.fails({code = "bad_option", has = case[1]}, ssl.connect(case[2]))
    end
  end)

  it("where nobody listens is told by its name", function()
    helper.fails({code = "system_error", phase = "connect",
      text = "/no/such/socket: connect: /no/such/socket: No such file or directory " ..
        "[system_error]"},
      ssl.connect {path = "/no/such/socket", server_name = NAME})
    helper.fails({code = "system_error"},
      ssl.connect {path = "/no/such/socket", insecure_no_verify = true})
  end)
end)

describe("the other options", function()
  it("are taken", function()
    local conn = assert(connect("good/echo", {addresses = "127.0.0.1", bind = "127.0.0.7",
      attempt_delay = 0.1, keepalive = 60, nodelay = false, fastopen = true}))
    conn:close()
  end)

  it("are checked", function()
    for name, values in pairs {
      attempt_delay = {-1, 0.001, "x", math.huge}, keepalive = {-1, 0.5, 32768, true},
      nodelay = {1, "true"}, fastopen = {1, "true"}, bind = {"", "localhost", 1},
    } do
      for _, value in ipairs(values) do
        helper.fails({code = "bad_option"},
          ssl.connect("127.0.0.1", closed_port(), {[name] = value}))
      end
    end
  end)

  it("of a local address that is not here are told", function()
    helper.fails({code = "system_error", phase = "connect"},
      ssl.connect("127.0.0.1", 443, {bind = "192.0.2.7"}))
  end)
end)

describe("the dial of the core", function()
  it("has one descriptor from start to end", function()
    local port, listener = helper.listen()
    local dial = assert(core.dial())
    assert.is_nil(dial:fd())
    assert.is_nil(dial:events())
    assert(dial:start("127.0.0.1", port))
    local fd = assert(dial:fd())
    assert.equal(0, dial:timeout())
    assert(dial:wait(10))
    assert.equal(fd, dial:fd())
    assert.equal("r", dial:events())
    dial:close()
    assert.is_nil(dial:fd())
    listener:close()
  end)

  it("takes settings before the start and none after", function()
    local dial = assert(core.dial())
    for _, call in ipairs {
      {"set_nameservers", "127.0.0.1:5353"}, {"set_nameservers", nil},
      {"set_addresses", {"127.0.0.1"}}, {"set_bind", "127.0.0.1"}, {"set_bind", nil},
      {"set_attempt_delay", 0.01}, {"set_resolution_delay", 0}, {"set_tcp_nodelay", true},
      {"set_keepalive", 0}, {"set_fastopen", true},
    } do
      assert.is_true(dial[call[1]](dial, call[2]))
    end
    assert(dial:start("127.0.0.1", closed_port()))
    helper.fails({code = "misuse"}, dial:set_attempt_delay(1))
    helper.fails({code = "misuse"}, dial:start_unix("/x"))
    dial:close()
  end)

  it("gives the error of a deadline without waiting", function()
    local port, kept = helper.unanswering()
    local dial = assert(core.dial())
    assert(dial:start("127.0.0.1", port))
    helper.fails({code = "timeout", phase = "connect"}, dial:wait(0))
    assert.is_false((dial:step()))
    assert.is_table(kept)
    dial:close()
  end)
end)
