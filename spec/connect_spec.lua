-- connect_spec.lua: from host and port to a connection that is verified: how a connect is written,
-- what it takes for a host, how long it may take, what it says of what was negotiated.
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core

local server = helper.serve {
  "good", "good/echo", "good/name", "good/tls11", "good/tls12", "good/tls13", "good/alpn",
  "good/clientcert", "idn/name", "iponly/name", "expired/echo", "wronghost/echo", "unknown/echo",
  "rsa/echo", "ed25519/echo", "raw/stall",
}
teardown(function() server:stop() end)

local function connect(scenario, given, host)
  given = given or {}
  if not (given.ca_pem or given.ca_dir) then given.ca_file = given.ca_file or helper.ca end
  return ssl.connect(host or "localhost", server:port(scenario), given)
end

local function first_line(conn)
  local line = assert(conn:read("l"))
  conn:close()
  return line
end

describe("a connect", function()
  it("talks over TLS to a host that is verified", function()
    local conn = assert(connect("good"))
    assert.equal(conn, conn:write("GET / HTTP/1.0\r\n\r\n"))
    assert.equal("HTTP/1.0 200 OK\r", conn:read("l"))
    assert.equal("Content-Length: 6\r\n\r\nhello\n", conn:read("a"))
    assert.is_true(conn:info().verified)
    assert.is_true(conn:close())
  end)

  it("is one line where the system trusts the server", function()
    local script = ('print(require("sslconnect").connect("localhost", %d):read("l"))'):format(
      server:port("good/name"))
    assert.equal("localhost\n",
      (helper.output_of(script, {SSL_CERT_DIR = "/", SSL_CERT_FILE = helper.ca})))
  end)

  it("trusts nobody but the system where nothing else is said", function()
    helper.fails({code = "unknown_authority", phase = "handshake"},
      ssl.connect("localhost", server:port("good")))
  end)

  it("takes one table with everything in it", function()
    local given = {host = "localhost", port = server:port("good/name"), ca_file = helper.ca,
      server_name = "test.example", timeout = 10}
    assert.equal("test.example", first_line(assert(ssl.connect(given))))
    assert.equal("localhost", given.host) -- the caller's table is as it was
    assert.equal(server:port("good/name"), given.port)
  end)

  it("does not take a table and a port", function()
    helper.fails({code = "bad_option", phase = "config", text = "config: connect takes either " ..
      "one table or host, port and options [bad_option]"},
      ssl.connect({host = "localhost", port = 1}, 1))
  end)

  it("takes the port as a string as well", function()
    local conn = assert(connect("good/name", nil, "localhost"))
    assert.equal("localhost", first_line(conn))
    assert.equal("localhost", first_line(assert(ssl.connect("localhost",
      tostring(server:port("good/name")), {ca_file = helper.ca}))))
  end)

  it("works with certificates of every kind of key", function()
    for _, scenario in ipairs {"good/echo", "rsa/echo", "ed25519/echo"} do
      local conn = assert(connect(scenario))
      assert(conn:write("ping\n"))
      assert.equal("ping", first_line(conn))
    end
  end)

  it("leaves no descriptor behind, closed or failed", function()
    local before = helper.open_fds()
    for _ = 1, 3 do
      assert(connect("good/echo")):close()
      assert.is_nil((connect("expired/echo")))
      assert.is_nil((connect("raw/stall", {timeout = 0.05})))
    end
    helper.no_fd_left(before)
  end)
end)

describe("a host", function()
  local function sni(host, scenario, given)
    return first_line(assert(connect(scenario or "good/name", given, host)))
  end

  it("is sent as the server's name and verified", function()
    assert.equal("localhost", sni("localhost"))
  end)

  it("may be written in capitals", function()
    assert.equal("localhost", sni("LocalHost"))
  end)

  it("may end in a dot, which is not sent", function()
    assert.equal("localhost", sni("localhost."))
  end)

  it("may be an IPv4 address, which is verified and not sent", function()
    assert.equal("-", sni("127.0.0.1"))
    assert.equal("-", sni("127.0.0.1", "iponly/name"))
  end)

  it("is verified by server_name where that is given", function()
    assert.equal("test.example", sni("127.0.0.1", nil, {server_name = "test.example"}))
    assert.equal("a.wild.example", sni("127.0.0.1", nil, {server_name = "a.wild.example"}))
    helper.fails({code = "hostname_mismatch", has = 'not for "other.example"'},
      connect("good/name", {server_name = "other.example"}))
  end)

  it("may be an address as server_name, in brackets or not", function()
    assert.equal("-", sni("localhost", nil, {server_name = "127.0.0.1"}))
    assert.equal("-", sni("localhost", nil, {server_name = "::1"}))
    assert.equal("-", sni("localhost", nil, {server_name = "[::1]"}))
  end)

  it("may be internationalised: in A-labels", function()
    assert.equal("xn--bcher-kva.example",
      sni("127.0.0.1", "idn/name", {server_name = "xn--bcher-kva.example"}))
  end)

  it("may be internationalised: in Unicode, where the system has libidn2", function()
    local conn, err = connect("idn/name", {server_name = "b\195\188cher.example"}, "127.0.0.1")
    if conn then
      assert.equal("xn--bcher-kva.example", first_line(conn))
    else
      helper.check_error(err, {code = "bad_option", has = "xn--"})
    end
  end)

  it("that is none is refused, and why is said", function()
    for host, why in pairs {
      [""] = 'host "" cannot be used: it is empty',
      ["*.example"] = 'host "*.example" cannot be used: it has a wildcard; a name to connect to ' ..
        "must be a whole one",
      ["a b"] = 'host "a b" cannot be used: it has a character other than letters, digits, ' ..
        "'-' and '_'",
      ["a..b"] = 'host "a..b" cannot be used: it has an empty label',
      ["127.1"] = 'host "127.1" cannot be used: it looks like an IPv4 address, which must have ' ..
        "four decimal parts",
      ["[::1"] = 'host "[::1" cannot be used: its bracket is not closed',
      ["localhost:443"] = 'host "localhost:443" cannot be used: it is no IPv6 address',
      ["https://localhost"] = 'host "https://localhost" cannot be used: it is no IPv6 address',
      ["a\0b"] = "config: host has a zero byte in it",
    } do
      helper.fails({code = "bad_option", has = why}, ssl.connect(host, 443))
    end
  end)

  it("of another type is refused", function()
    helper.fails({code = "bad_option",
      text = "config: host is nil; expected a string [bad_option]"}, ssl.connect())
    helper.fails({code = "bad_option", has = "host is 1; expected a string"}, ssl.connect(1, 443))
    helper.fails({code = "bad_option", has = "host is true; expected a string"},
      ssl.connect(true, 443))
    helper.fails({code = "bad_option", has = "host is nil; expected a string"}, ssl.connect {})
  end)

  it("that cannot be verified is refused before anything goes out", function()
    local port, listener = helper.listen()
    for _, name in ipairs {"", "*.example", "a..b", "127.1", "[::1"} do
      helper.fails({code = "bad_option", has = "server_name"},
        ssl.connect("127.0.0.1", port, {server_name = name}))
    end
    listener:settimeout(0)
    local sock, why = listener:accept()
    assert.is_nil(sock)
    assert.equal("timeout", why)
    listener:close()
  end)
end)

describe("an IPv6 address", function()
  local v6
  if helper.has_ipv6() then
    v6 = helper.serve {"good/name@6"}
    teardown(function() v6:stop() end)
  end

  it("may stand in brackets or not", function()
    if not v6 then return pending("this machine has no ::1") end
    local port = v6:port("good/name@6")
    for _, host in ipairs {"::1", "[::1]", "0:0:0:0:0:0:0:1"} do
      local conn = assert(ssl.connect(host, port, {ca_file = helper.ca}))
      local info = conn:info()
      assert.equal("[::1]:" .. port, info.address)
      assert.matches("^%[.+%]:" .. port .. "$", info.host)
      assert.equal("-", first_line(conn))
    end
  end)

  it("is verified", function()
    if not v6 then return pending("this machine has no ::1") end
    local given = {ca_file = helper.ca, server_name = "2001:db8::1"}
    helper.fails({code = "hostname_mismatch", has = 'is not for "2001:db8::1"'},
      ssl.connect("::1", v6:port("good/name@6"), given))
  end)
end)

describe("a port", function()
  it("that is none is refused", function()
    for _, port in ipairs {0, 65536, 1.5, -1, 2 ^ 53, 0 / 0, 1 / 0, "", "x", "0x50", "1e3", "https",
      true, {}} do
      helper.fails({code = "bad_option", phase = "config",
        has = "expected a whole number from 1 to 65535"}, ssl.connect("localhost", port))
    end
    helper.fails({code = "bad_option", phase = "config", text = "config: port is nil; expected " ..
      "a whole number from 1 to 65535 [bad_option]"}, ssl.connect("localhost"))
  end)
end)

describe("a timeout", function()
  local function timed(f)
    local before = core.now()
    local conn, err = f()
    return core.now() - before, conn, err
  end

  it("ends a connect that gets no answer", function()
    local port, kept = helper.unanswering()
    local seconds, conn, err = timed(function()
      return ssl.connect("127.0.0.1", port, {timeout = 0.3})
    end)
    assert.is_table(kept)
    helper.fails({code = "timeout", phase = "connect"}, conn, err)
    assert.is_true(seconds >= 0.29 and seconds < 10, tostring(seconds))
    assert.equal("127.0.0.1:" .. port, err.host)
  end)

  it("ends a handshake that stalls", function()
    local seconds, conn, err = timed(function()
      return connect("raw/stall", {timeout = 0.3})
    end)
    helper.fails({code = "timeout", phase = "handshake"}, conn, err)
    assert.is_true(seconds >= 0.29 and seconds < 10, tostring(seconds))
    assert.equal("timeout", err.class)
  end)

  it("of nothing leaves no time", function()
    helper.fails({code = "timeout"}, connect("raw/stall", {timeout = 0}))
  end)

  it("without a limit is possible", function()
    assert.equal("localhost", first_line(assert(connect("good/name", {timeout = math.huge}))))
  end)

  it("that is none is refused", function()
    for _, timeout in ipairs {-1, -1 / 0, 0 / 0, "5", true, {}} do
      helper.fails({code = "bad_option", phase = "config",
        has = 'option "timeout" is', matches = "expected a number of seconds, 0 or more %["},
        connect("good/name", {timeout = timeout}))
    end
  end)

  it("is of the connect: what comes after may take longer", function()
    local conn = assert(connect("good/echo", {timeout = 1}))
    local late = core.now() + 1.2
    while core.now() < late do core.wait(conn:getfd(), "r", late - core.now()) end
    assert(conn:write("still\n"))
    assert.equal("still", first_line(conn))
  end)
end)

describe("info", function()
  it("tells what was negotiated and with whom", function()
    local port = server:port("good/tls13")
    local conn = assert(connect("good/tls13"))
    local info = conn:info()
    assert.equal("TLSv1.3", info.version)
    assert.matches("^TLS_[A-Z0-9_]+$", info.cipher)
    assert.is_string(info.group)
    assert.is_nil(info.alpn)
    assert.equal("localhost", info.server_name)
    assert.equal("localhost:" .. port, info.host)
    assert.equal("127.0.0.1:" .. port, info.address)
    assert.is_false(info.resumed)
    assert.is_true(info.verified)
    conn:close()
  end)

  it("has the server's certificates, its own first", function()
    local conn = assert(connect("good/echo"))
    local certificates = conn:info().certificates
    conn:close()
    assert.equal(2, #certificates)
    assert.equal("CN=good", certificates[1]:subject())
    assert.equal("CN=sslconnect test intermediate", certificates[1]:issuer())
    assert.same({"DNS:localhost", "DNS:test.example", "IP:127.0.0.1", "IP:::1",
      "DNS:*.wild.example"}, certificates[1]:names())
    assert.is_true(certificates[1]:not_before() < os.time())
    assert.is_true(certificates[1]:not_after() > os.time())
    assert.matches("^%x+$", certificates[1]:fingerprint())
    assert.equal(64, #certificates[1]:fingerprint())
    assert.equal("CN=sslconnect test CA", certificates[2]:issuer())
    assert.equal(0, #conn:info().certificates - 2) -- it outlives the connection
  end)

  it("stays after close, asked for before or not", function()
    local conn = assert(connect("good/echo"))
    conn:close()
    local info = conn:info()
    assert.equal("TLSv1.3", info.version)
    assert.is_true(info.verified)
    assert.is_nil(info.certificates) -- nobody asked in time

    conn = assert(connect("good/echo"))
    conn:info()
    conn:close()
    assert.equal("CN=good", conn:info().certificates[1]:subject())
  end)

  it("names the version that both sides speak", function()
    assert.equal("TLSv1.2", assert(connect("good/tls12")):info().version)
    assert.equal("TLSv1.3", assert(connect("good/echo", {min_version = "1.3"})):info().version)
    assert.equal("TLSv1.2", assert(connect("good/echo", {max_version = "1.2"})):info().version)
    assert.equal("TLSv1.1", assert(connect("good/tls11",
      {insecure_min_version = "1.1"})):info().version)
  end)

  it("names the protocol that ALPN came to", function()
    local conn = assert(connect("good/alpn", {alpn = {"http/1.1", "h2"}}))
    assert.equal("h2", conn:info().alpn)
    assert.equal("h2", first_line(conn))
    conn = assert(connect("good/alpn", {alpn = "http/1.1"}))
    assert.equal("http/1.1", conn:info().alpn)
    assert.equal("http/1.1", first_line(conn))
  end)

  it("says that nothing was verified where that was switched off", function()
    local conn = assert(connect("unknown/echo", {insecure_no_verify = true}))
    assert.is_false(conn:info().verified)
    conn = assert(connect("wronghost/echo", {insecure_no_name_check = true}))
    assert.is_false(conn:info().verified)
  end)
end)

describe("a switch that takes safety away", function()
  it("takes away what it names and no more", function()
    assert(connect("expired/echo", {insecure_no_verify = true})):close()
    assert(connect("wronghost/echo", {insecure_no_verify = true})):close()
    assert(connect("wronghost/echo", {insecure_no_name_check = true})):close()
    helper.fails({code = "certificate_expired"},
      connect("expired/echo", {insecure_no_name_check = true}))
    helper.fails({code = "certificate_expired"}, connect("expired/echo",
      {insecure_min_version = "1.1"}))
    helper.fails({code = "hostname_mismatch"}, connect("wronghost/echo",
      {insecure_min_version = "1.1"}))
  end)

  it("changes nothing where it is false", function()
    helper.fails({code = "certificate_expired"},
      connect("expired/echo", {insecure_no_verify = false, insecure_no_name_check = false}))
    helper.fails({code = "hostname_mismatch"},
      connect("wronghost/echo", {insecure_no_name_check = false}))
  end)

  it("holds for its own connects alone", function()
    assert(connect("expired/echo", {insecure_no_verify = true})):close()
    helper.fails({code = "certificate_expired"}, connect("expired/echo"))
  end)
end)

describe("trust", function()
  it("may be a file, a directory or text", function()
    for _, given in ipairs {
      {ca_file = helper.ca}, {ca_dir = helper.cert("cadir")}, {ca_pem = helper.slurp(helper.ca)},
    } do
      assert.equal("localhost", first_line(assert(connect("good/name", given))))
    end
  end)

  it("in one authority is none in another", function()
    helper.fails({code = "unknown_authority"},
      connect("good/name", {ca_file = helper.cert("otherca.pem")}))
    assert(connect("unknown/echo", {ca_file = helper.cert("otherca.pem")})):close()
  end)

  it("in several is the sum of them", function()
    local both = {ca_file = helper.ca, ca_pem = helper.slurp(helper.cert("otherca.pem"))}
    assert(connect("unknown/echo", both)):close()
    assert(connect("good/echo", both)):close()
  end)

  it("in the system may be added to what is named", function()
    assert(connect("good/echo", {trust_system = true})):close()
  end)
end)

describe("a client's certificate", function()
  local pem, key = helper.slurp(helper.cert("client.pem")), helper.slurp(helper.cert("client.key"))

  it("is shown to a server that asks, from files or text", function()
    for _, given in ipairs {
      {cert = helper.cert("client.pem"), key = helper.cert("client.key")},
      {cert = pem, key = key},
      {cert = helper.cert("client.pem"), key = helper.cert("client-enc.key"),
        key_password = "secret"},
    } do
      assert.equal("hello CN=client", first_line(assert(connect("good/clientcert", given))))
    end
  end)

  it("by an authority that the server does not trust is refused at the first read", function()
    local conn = assert(connect("good/clientcert", {cert = helper.cert("client-unknown.pem"),
      key = helper.cert("client-unknown.key")}))
    local line, err = conn:read("l")
    helper.fails({code = "alert", phase = "read", has = "the server sent the alert"}, line, err)
    assert.equal("unknown_ca", err.alert_name)
  end)
end)

describe("tostring", function()
  it("of a connection tells the peer and what was negotiated", function()
    local port = server:port("good/tls12")
    local conn = assert(connect("good/tls12"))
    assert.matches("^sslconnect%.Connection: localhost:" .. port .. " %(TLSv1%.2 TLS_[%w_]+%)$",
      tostring(conn))
    conn:close()
    assert.equal("sslconnect.Connection: localhost:" .. port .. " (closed)", tostring(conn))
  end)

  it("of a context tells its settings, and nothing that is secret", function()
    assert.equal("sslconnect.Context: defaults", tostring(assert(ssl.context())))
    local text = tostring(assert(ssl.context {ca_file = helper.ca, alpn = {"h2", "x"},
      cert = helper.cert("client.pem"), key = helper.slurp(helper.cert("client-enc.key")),
      key_password = "secret", insecure_no_verify = true}))
    assert.matches("^sslconnect%.Context: ", text)
    assert(text:find("ca_file=" .. helper.ca, 1, true), text)
    assert(text:find("alpn=h2,x", 1, true), text)
    assert(text:find("insecure_no_verify=true", 1, true), text)
    assert.is_nil(text:find("secret", 1, true))
    assert.is_nil(text:find("PRIVATE", 1, true))
    assert.is_nil(text:find("\n", 1, true))
  end)

  it("of an error is its text, in one line", function()
    local _, err = connect("expired/echo")
    assert.equal(err.text, tostring(err))
    assert.is_nil(tostring(err):find("\n", 1, true))
  end)

  it("of the core's objects tells their kind and state", function()
    for kind, object in pairs {
      ctx = core.ctx(), bio = core.bio_pair(), conn = core.conn(core.ctx()), dial = core.dial(),
      poller = core.poller(),
    } do
      assert.matches("^sslconnect%." .. kind .. ": [%w(]", tostring(object))
      object:close()
      assert.equal("sslconnect." .. kind .. ": (closed)", tostring(object))
    end
    local certificate = assert(connect("good/echo")):info().certificates[1]
    assert.matches("^certificate: CN=good for DNS:localhost", tostring(certificate))
  end)
end)

describe("the module", function()
  -- What is loaded takes time in each process that makes one connection.
  it("loads nothing for a plain connect that it has no use for", function()
    local script = ([[
      local ssl = require "sslconnect"
      local conn = assert(ssl.connect("localhost", %d, {timeout = 20, ca_file = %q}))
      print(conn:read("l"))
      conn:close()
      for _, name in ipairs {"dane", "hooks", "identity", "loop.embedded", "policy", "psk", "repl",
        "session", "show", "transport", "trust", "verify", "within"} do
        if package.loaded["sslconnect." .. name] then print(name) end
      end]]):format(server:port("good/name"), helper.ca)
    assert.equal("localhost\n", (helper.output_of(script, {})))
  end)

  it("tells its version and OpenSSL's", function()
    assert.matches("^sslconnect %d+%.%d+%.%d+$", ssl._VERSION)
    assert.matches("^OpenSSL", ssl.openssl_version())
  end)
end)
