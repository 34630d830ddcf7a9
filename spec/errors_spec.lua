-- errors_spec.lua: every code that an error can have, provoked from Lua, in blocking mode and in a
-- coroutine, and the text that a user sees.
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core

local server = helper.serve {
  "good/echo", "good/truncate", "good/clientcert", "good/clientcert12", "good/tls11", "good/tls12",
  "good/tls13", "good/alpn", "good/slow", "good/stallread", "good/reset", "good/injected",
  "direct", "iponly", "expired", "notyet", "expiredca", "wronghost", "cnonly", "wildcard", "nul",
  "ipindns", "unknown", "unknown-root", "selfsigned", "noint", "notca", "nosign", "pathlen",
  "nameconstraint", "clientonly", "critical", "badsig", "revoked", "weak",
  "raw/http", "raw/ssh", "raw/smtp", "raw/imap", "raw/pop3", "raw/junk", "raw/garbled", "raw/eof",
  "raw/reset", "raw/stall", "raw/alert0", "raw/alert40", "raw/alert80", "raw/alert112",
}
teardown(function() server:stop() end)

-- Codes that nothing from outside can bring about.
local unprovoked = {
  internal = "would be a bug of sslconnect or of libssl",
  verification_failed = "stands for reasons that a later OpenSSL may add",
}

-- Provoking --------------------------------------------------------------------------------------

-- Trust in certkit's ca, the mode, and what is given.
local function options(mode, given)
  local made = {ca_file = helper.ca, loop = mode, timeout = helper.patience}
  for name, value in pairs(given or {}) do made[name] = value end
  return made
end

-- A connect to a scenario that fails by itself.
local function connecting(scenario, given, host)
  return function(mode)
    return ssl.connect(host or "localhost", server:port(scenario), options(mode, given))
  end
end

-- A connection to a scenario that is fine so far.
local function connected(scenario, mode, given)
  return assert(ssl.connect("localhost", server:port(scenario), options(mode, given)))
end

-- What `f` gets of a connection that is fine so far.
local function using(scenario, f, given)
  return function(mode)
    return f(connected(scenario, mode, given))
  end
end

local function context(given)
  given.ca_file = given.ca_file or helper.ca
  return assert(ssl.context(given))
end

local function read_line(conn)
  return conn:read("l")
end

local PEER = "localhost:PORT (127.0.0.1:PORT): "
local HANDSHAKE = PEER .. "handshake: "

-- The cases --------------------------------------------------------------------------------------

-- Each: code, what it is about, provoke(mode), and what has to be seen: phase, text, has, matches.
local cases = {}

local function case(code, name, provoke, seen)
  seen.code, seen.name, seen.provoke = code, name, provoke
  cases[#cases + 1] = seen
end

local function verify_case(code, scenario, text, given)
  case(code, "a server with the certificate " .. scenario, connecting(scenario, given),
    {phase = "handshake", text = HANDSHAKE .. text .. " [" .. code .. "]"})
end

-- What OpenSSL words itself may be worded otherwise by another version.
local function verify_case_matching(code, scenario, pattern, given)
  case(code, "a server with the certificate " .. scenario, connecting(scenario, given),
    {phase = "handshake", matches = pattern})
end

verify_case("certificate_expired", "expired", "the server's certificate (CN=expired) expired on " ..
  "DATE; renew it on the server, or check this machine's clock")
verify_case("certificate_expired", "expiredca", "the authority's certificate (CN=sslconnect " ..
  "expired intermediate) in the server's chain expired on DATE; renew it on the server, or " ..
  "check this machine's clock")
verify_case("certificate_not_yet_valid", "notyet", "the server's certificate (CN=notyet) is not " ..
  "valid before DATE; check this machine's clock")

local RENAME = "; connect by a name the certificate has, or set server_name to it"
verify_case("hostname_mismatch", "wronghost", "the server's certificate (CN=wronghost) is not " ..
  'for "localhost": it is for wrong.example, other.example' .. RENAME)
verify_case("hostname_mismatch", "cnonly", "the server's certificate (CN=localhost) is not " ..
  'for "localhost": it names no host (a common name does not count)' .. RENAME)
verify_case("hostname_mismatch", "wildcard", "the server's certificate (CN=wildcard) is not " ..
  'for "test.example": it is for *.example' .. RENAME, {server_name = "test.example"})
verify_case("hostname_mismatch", "nul", "the server's certificate (CN=nul) is not for " ..
  '"localhost": it is for localhost\\x00.evil.example' .. RENAME)
verify_case("hostname_mismatch", "iponly", "the server's certificate (CN=iponly) is not for " ..
  '"localhost": it is for IP:127.0.0.1' .. RENAME)
case("hostname_mismatch", "an address that is written as a name",
  connecting("ipindns", nil, "127.0.0.1"),
  {phase = "handshake", text = "127.0.0.1:PORT: handshake: the server's certificate " ..
    '(CN=ipindns) is not for "127.0.0.1": it is for 127.0.0.1' .. RENAME .. " [hostname_mismatch]"})

local TRUST = "; trust its authority (ca_file), or have the server send its whole chain"
verify_case("unknown_authority", "unknown", "the server's certificate (CN=unknown) was issued " ..
  "by an authority that is not trusted (CN=sslconnect other CA)" .. TRUST)
verify_case("unknown_authority", "unknown-root", "the authority's certificate (CN=sslconnect " ..
  "other CA) in the server's chain was issued by an authority that is not trusted " ..
  "(CN=sslconnect other CA)" .. TRUST)
verify_case("unknown_authority", "noint", "the server's certificate (CN=noint) was issued by " ..
  "an authority that is not trusted (CN=sslconnect test intermediate)" .. TRUST)
verify_case("self_signed", "selfsigned", "the server's certificate (CN=selfsigned) is " ..
  "self-signed and not trusted; if it is the right one, trust it (ca_file)")
verify_case("certificate_revoked", "revoked", "the server's certificate (CN=revoked) was " ..
  "revoked by its authority (CN=sslconnect test CA); the server needs a new certificate",
  {crl_file = helper.cert("crl.pem")})

local NO_LIST = "load a current revocation list of its authority"
verify_case_matching("revocation_unknown", "direct", "^localhost:%d+ %(127%.0%.0%.1:%d+%): " ..
  "handshake: the server's certificate %(CN=direct%) is not accepted: CRL has expired; " ..
  NO_LIST .. " %[revocation_unknown%]$", {crl_file = helper.cert("crl_expired.pem")})
verify_case_matching("weak_certificate", "weak", "handshake: the server's certificate " ..
  "%(CN=weak%) is not accepted: .+; the server needs a certificate with a stronger key or " ..
  "digest %[weak_certificate%]$")
verify_case_matching("invalid_certificate", "badsig", "handshake: the server's certificate " ..
  "%(CN=badsig%) is not accepted: certificate signature failure %[invalid_certificate%]$")

verify_case_matching("pin_mismatch", "good/echo", "handshake: the server's certificate or what " ..
  "vouches for it has none of the pinned keys; there is: sha256/[%w+/]+= %(CN=good%), " ..
  "sha256/[%w+/]+= %(CN=sslconnect test intermediate%), sha256/[%w+/]+= %(CN=sslconnect test " ..
  "CA%); if its key was changed on purpose, pin the new one %[pin_mismatch%]$",
  {pins = {("0"):rep(64)}})
verify_case("dane_mismatch", "good/echo", "the server's certificate (CN=good) is not what its " ..
  "1 TLSA record says; certificate and TLSA records have to be changed together",
  {tlsa = {"3 1 1 " .. ("0"):rep(64)}})
verify_case("staple_missing", "good/echo", "the server stapled no OCSP response, which this " ..
  "side requires (ocsp); the server must staple an OCSP response", {ocsp = "required"})

for scenario, cert in pairs {
  notca = "authority's certificate %(CN=sslconnect no CA%)",
  nosign = "authority's certificate %(CN=sslconnect signs no certificates%)",
  pathlen = "authority's certificate %(CN=sslconnect last intermediate%)",
  nameconstraint = "server's certificate %(CN=nameconstraint%)",
  clientonly = "server's certificate %(CN=clientonly%)",
  critical = "server's certificate %(CN=critical%)",
} do
  verify_case_matching("unsuitable_certificate", scenario, "handshake: the " .. cert ..
    ".* is not accepted: .+; the chain needs certificates issued for this purpose " ..
    "%[unsuitable_certificate%]$")
end

for scenario, look in pairs {
  ["raw/http"] = '"HTTP/", look like an HTTP answer',
  ["raw/ssh"] = '"SSH-2", look like an SSH server\'s greeting',
  ["raw/smtp"] = '"220 m", look like an SMTP or FTP server\'s greeting',
  ["raw/imap"] = '"* OK ", look like an IMAP server\'s greeting',
  ["raw/pop3"] = '"+OK r", look like a POP3 server\'s greeting',
  ["raw/junk"] = '"\\xc6\\xfe\\x81\\xeb\\xcb", look like no protocol that is known here',
} do
  case("not_tls", scenario, connecting(scenario), {phase = "handshake",
    text = HANDSHAKE .. "the server does not speak TLS: its first bytes, " .. look ..
      "; check the port; for STARTTLS, upgrade before the handshake [not_tls]"})
end

local NO_VERSION = "the two sides have no version of TLS in common (alert protocol_version from " ..
  "the server); the peer may only speak versions that are no longer safe [protocol_version]"
case("protocol_version", "a server of TLS 1.1", connecting("good/tls11"),
  {phase = "handshake", text = HANDSHAKE .. NO_VERSION})
case("protocol_version", "a server of TLS 1.2 where 1.3 is demanded",
  connecting("good/tls12", {min_version = "1.3"}),
  {phase = "handshake", text = HANDSHAKE .. NO_VERSION})
case("protocol_version", "a server of TLS 1.3 where that is forbidden",
  connecting("good/tls13", {max_version = "1.2"}),
  {phase = "handshake", text = HANDSHAKE .. NO_VERSION})

local NOTHING_SHARED = "the two sides have no cipher, group, signature or protocol in common " ..
  "(alert %s from the server); compare what both sides allow, ALPN included " ..
  "[no_shared_parameters]"
case("no_shared_parameters", "the alert handshake_failure", connecting("raw/alert40"),
  {phase = "handshake", text = HANDSHAKE .. NOTHING_SHARED:format("handshake_failure")})
case("no_shared_parameters", "no protocol of ALPN",
  connecting("good/alpn", {alpn = {"smtp", "imap"}}),
  {phase = "handshake", text = HANDSHAKE .. NOTHING_SHARED:format("no_application_protocol")})

case("alert", "unrecognized_name", connecting("raw/alert112"), {phase = "handshake",
  text = HANDSHAKE .. "the server sent the alert unrecognized_name (112); the peer's log tells " ..
    "why [alert]"})
case("alert", "internal_error", connecting("raw/alert80"), {phase = "handshake",
  text = HANDSHAKE .. "the server sent the alert internal_error (80); the peer's log tells why " ..
    "[alert]"})

case("protocol_error", "a ServerHello without a body", connecting("raw/garbled"),
  {phase = "handshake",
    matches = "handshake: the peer sent what the protocol does not allow %(.+%) " ..
      "%[protocol_error%]$"})

local WANTS_CERT = "the server wants a certificate of the client (alert %s from the server); " ..
  "give the context a certificate and key (cert, key) [client_certificate_required]"
case("client_certificate_required", "in the handshake of TLS 1.2", connecting("good/clientcert12"),
  {phase = "handshake", text = HANDSHAKE .. WANTS_CERT:format("handshake_failure")})
case("client_certificate_required", "at the first read of TLS 1.3",
  using("good/clientcert", read_line),
  {phase = "read", text = PEER .. "read: " .. WANTS_CERT:format("certificate_required")})

local EOF_HINT = "; the server may be overloaded, refuse this client, or not speak TLS here " ..
  "[handshake_eof]"
case("handshake_eof", "an end in the handshake", connecting("raw/eof"), {phase = "handshake",
  text = HANDSHAKE .. "the server closed the connection in the middle of the handshake" ..
    EOF_HINT})
case("handshake_eof", "close_notify in the handshake", connecting("raw/alert0"),
  {phase = "handshake",
    text = HANDSHAKE .. "the server sent close_notify in the middle of the handshake" .. EOF_HINT})

case("truncated", "an end without close_notify",
  using("good/truncate", function(conn) return conn:read("a") end),
  {phase = "read", text = PEER .. "read: the server ended the stream without close_notify, so " ..
    "data may be missing; set lenient_eof if the protocol inside tells where its data ends " ..
    "[truncated]"})

case("connection_refused", "a port that nobody listens on",
  function(mode)
    local port, kept = helper.refusing()
    local conn, err = ssl.connect("127.0.0.1", port, options(mode))
    kept:close()
    return conn, err
  end,
  {phase = "connect", text = "127.0.0.1:PORT: connect: 127.0.0.1:PORT: Connection refused; " ..
    "check host and port, and that the server is running [connection_refused]"})
case("connection_reset", "a reset in the handshake", connecting("raw/reset"),
  {phase = "handshake", text = HANDSHAKE .. "Connection reset by peer [connection_reset]"})
case("connection_reset", "a reset afterwards",
  using("good/reset", function(conn)
    assert(conn:write("x"))
    return conn:read("l")
  end),
  {phase = "read", text = PEER .. "read: Connection reset by peer [connection_reset]"})
-- TCP does not connect to a group of hosts (multicast), whatever the routes are.
case("unreachable", "an address that cannot be reached",
  function(mode) return ssl.connect("224.0.0.1", 443, options(mode)) end,
  {phase = "connect", text = "224.0.0.1:443: connect: 224.0.0.1:443: Network is unreachable; " ..
    "check this machine's network and routes [unreachable]"})
case("system_error", "a descriptor that is not open",
  function(mode)
    return context {}:wrap(2 ^ 20, {server_name = "localhost", loop = mode})
  end,
  {phase = "handshake", text = "localhost: handshake: Bad file descriptor [system_error]"})
case("dns_failed", "a name that does not exist",
  function(mode) return ssl.connect("does-not-exist.invalid", 443, options(mode)) end,
  {phase = "dns", matches = '^does%-not%-exist%.invalid:443: dns: "does%-not%-exist%.invalid" ' ..
    "does not exist; check the spelling, and that this machine's DNS works %[dns_failed%]$"})

case("timeout", "a server that does not answer TCP",
  function(mode)
    local port, kept = helper.unanswering()
    local conn, err = ssl.connect("127.0.0.1", port, options(mode, {timeout = 0.2}))
    assert.is_table(kept)
    return conn, err
  end,
  {phase = "connect",
    text = "127.0.0.1:PORT: connect: the deadline passed while connecting [timeout]"})
case("timeout", "a server that stalls in the handshake", connecting("raw/stall", {timeout = 0.2}),
  {phase = "handshake", text = HANDSHAKE .. "the deadline passed in the TLS handshake [timeout]"})
case("timeout", "a server that sends nothing",
  using("good/slow", function(conn)
    assert.equal("tick", conn:read("l"))
    assert(conn:settimeout(0.2))
    return conn:read("l")
  end),
  {phase = "read", text = PEER .. "read: the deadline passed while waiting for data [timeout]"})
case("timeout", "a server that reads nothing",
  using("good/stallread", function(conn)
    assert(conn:settimeout(0.2))
    return conn:write(("x"):rep(2 ^ 25))
  end),
  {phase = "write", text = PEER .. "write: the deadline passed while writing [timeout]"})

for _, method in ipairs {"read", "write", "shutdown"} do
  case("closed", method .. " after close",
    using("good/echo", function(conn)
      conn:close()
      return conn[method](conn, method == "write" and "x" or nil)
    end),
    {phase = method, text = PEER .. method .. ": the connection is closed [closed]"})
end
case("closed", "write after shutdown",
  using("good/echo", function(conn)
    assert(conn:shutdown())
    return conn:write("x")
  end),
  {phase = "write", matches = "^localhost:%d+ %(127%.0%.0%.1:%d+%): write: .+ %[closed%]$"})

case("misuse", "a write behind one that was not finished",
  using("good/stallread", function(conn)
    assert(conn:settimeout(0.2))
    assert.is_nil((conn:write(("x"):rep(2 ^ 25))))
    return conn:write("x")
  end),
  {phase = "write", text = PEER .. "write: a write before this one was not finished, so nothing " ..
    "can be written any more [misuse]"})

case("busy", "a second reader",
  function(mode)
    local conn = connected("good/echo", mode)
    local first = coroutine.create(conn.read)
    assert(coroutine.resume(first, conn, "l"))
    local data, err = conn:read("l")
    conn:close()
    return data, err
  end,
  {only = "coroutine", phase = "read", text = PEER .. "read: another coroutine is in a read on " ..
    "this connection; let one coroutine read and one write [busy]"})

case("canceled", "a close while another coroutine reads",
  function(mode)
    local conn = connected("good/echo", mode)
    local reader = coroutine.create(conn.read)
    assert(coroutine.resume(reader, conn, "l"))
    conn:close()
    local ok, data, err = coroutine.resume(reader)
    assert(ok, data)
    return data, err
  end,
  {only = "coroutine", phase = "read", text = PEER .. "read: the connection was closed while " ..
    "this waited [canceled]"})
case("canceled", "a reason given by the scheduler",
  function(mode)
    local conn = connected("good/echo", mode)
    local reader = coroutine.create(conn.read)
    assert(coroutine.resume(reader, conn, "l"))
    local ok, data, err = coroutine.resume(reader, nil, "the task was stopped")
    assert(ok, data)
    return data, err
  end,
  {only = "coroutine", phase = "read", text = PEER .. "read: the task was stopped [canceled]"})

case("plaintext_pending", "an answer to STARTTLS with more behind it",
  function(mode)
    local sock = helper.tcp(server:port("good/injected"))
    assert.matches("^220 ", assert(sock:receive("*l")))
    assert(sock:send("STARTTLS\r\n"))
    assert.equal("220 go ahead", assert(sock:receive("*l")))
    return context {}:wrap(sock, {server_name = "localhost", loop = mode})
  end,
  {phase = "handshake", matches = "bytes that came before TLS began; read them before the " ..
    "upgrade to TLS; unexpected ones may be an attack %[plaintext_pending%]$"})

case("bad_option", "an option that does not exist",
  connecting("good/echo", {insecure_noverify = true}),
  {phase = "config", text = 'config: unknown option "insecure_noverify"; did you mean ' ..
    '"insecure_no_verify"? [bad_option]'})
case("bad_file", "a file that does not exist",
  connecting("good/echo", {ca_file = "/does/not/exist.pem"}),
  {phase = "config", text = 'config: ca_file "/does/not/exist.pem": No such file or directory ' ..
    "[bad_file]"})

-- A client that shows no certificate, seen from the server: openssl(1) is the client, so that the
-- server can block.
case("certificate_missing", "a client without one",
  function(mode)
    local port, listener = helper.listen()
    local client = io.popen("openssl s_client -connect 127.0.0.1:" .. port ..
      " </dev/null 2>/dev/null")
    listener:settimeout(helper.patience)
    local sock = assert(listener:accept())
    local ctx = context {cert = helper.cert("good.pem"), key = helper.cert("good.key"),
      verify_client = "required"}
    local conn, err = ctx:accept(sock, {loop = mode})
    client:close()
    listener:close()
    return conn, err
  end,
  {phase = "handshake", matches = "^.*handshake: .*certificate.* %[certificate_missing%]$"})

-- A server that renegotiates: openssl(1) with TLS 1.2, which does when "r" is typed.
local function renegotiating()
  local fifo = os.tmpname()
  os.remove(fifo)
  assert(os.execute("mkfifo " .. fifo))
  local keys = io.popen(("exec openssl s_server -accept 127.0.0.1:0 -naccept 1 -tls1_2 -cert %s " ..
    "-cert_chain %s -key %s >%s 2>/dev/null"):format(helper.cert("good.pem"),
    helper.cert("good.pem"), helper.cert("good.key"), fifo), "w")
  local output = assert(io.open(fifo))
  os.remove(fifo)
  local port
  repeat port = assert(output:read("*l")):match("^ACCEPT .*:(%d+)$") until port
  return keys, output, tonumber(port)
end

case("renegotiation_refused", "a server that asks for it and cannot do without",
  function(mode)
    local keys, output, port = renegotiating()
    local conn = assert(ssl.connect("localhost", port, options(mode)))
    assert(keys:write("r\n"))
    keys:flush()
    local data, err = conn:read("l")
    conn:close()
    output:close()
    keys:close()
    return data, err
  end,
  {phase = "read", text = PEER .. "read: the server asked to renegotiate, which was refused; " ..
    "then: the server sent the alert handshake_failure (40); use TLS 1.3, or have the server " ..
    "ask for certificates in the handshake [renegotiation_refused]"})

-- What is needed of memory is more than the process may have.
case("out_of_memory", "a buffer that is too large",
  function()
    local limit = "ulimit -v 1500000;"
    if os.getenv("ASAN_OPTIONS") then
      limit = "export ASAN_OPTIONS=$ASAN_OPTIONS:max_allocation_size_mb=1000" ..
        ":allocator_may_return_null=1;"
    end
    local output = helper.output_of([[
      local _, err = require "sslconnect.core".bio_pair(2^31 - 1, 2^31 - 1)
      io.write("|", err.code, "|", err.class, "|", tostring(err))]], nil, limit)
    local err = {message = "memory is short"}
    err.code, err.class, err.text = output:match("|(.*)|(.*)|(.*)")
    return nil, setmetatable(err, core.error_mt)
  end,
  {only = "blocking", text = "memory is short [out_of_memory]"})

-- The tests --------------------------------------------------------------------------------------

describe("the error", function()
  for _, seen in ipairs(cases) do
    for _, mode in ipairs(helper.modes) do
      if not seen.only or seen.only == mode then
        it(("%s, %s: %s"):format(seen.code, mode, seen.name), function()
          helper.fails(seen, helper.in_mode(mode, seen.provoke, mode))
        end)
      end
    end
  end
end)

describe("an error", function()
  local function error_of(scenario, given)
    return select(2, connecting(scenario, given)("blocking"))
  end

  it("about a certificate carries it and where it stands", function()
    local err = error_of("expiredca")
    assert.equal(1, err.depth)
    assert.equal(10, err.verify_result)
    assert.equal("CN=sslconnect expired intermediate", err.certificate:subject())
    assert.is_true(err.certificate:not_after() < os.time())
    assert.equal("verify", err.class)
  end)

  it("about an alert carries its number and name", function()
    local err = error_of("raw/alert112")
    assert.equal(112, err.alert)
    assert.equal("unrecognized_name", err.alert_name)
    assert.equal("alert", err.class)
  end)

  it("of the system carries errno and its words", function()
    local err = error_of("raw/reset")
    assert.equal("Connection reset by peer", err.strerror)
    assert.is_true(err.errno > 0)
  end)

  it("carries host and address", function()
    local port = server:port("expired")
    local err = error_of("expired")
    assert.equal("localhost:" .. port, err.host)
    assert.equal("127.0.0.1:" .. port, err.address)
  end)

  it("carries what libssl had in its queue", function()
    local err = error_of("expired")
    assert.matches("certificate verify failed", table.concat(err.queue, "\n"))
    assert.equal(1, err.ssl_error)
  end)

  it("can be raised and caught again", function()
    local ok, err = pcall(error, error_of("expired"))
    assert.is_false(ok)
    assert.equal("certificate_expired", err.code)
  end)

  it("of a final failure stays: every later call gives it again", function()
    local conn = connected("good/truncate", "blocking")
    local _, first = conn:read("a")
    local _, second, partial = conn:read("l")
    assert.equal("truncated", first.code)
    assert.equal("truncated", second.code)
    assert.equal("", partial)
  end)

  it("weak for a digest is told as one for a key, where OpenSSL can make such", function()
    for _, name in ipairs {"sha1", "md5"} do
      local file = io.open(helper.cert(name .. ".pem"))
      if file then
        file:close()
        local weak = helper.serve {name}
        local conn, err = ssl.connect("localhost", weak:port(name), options("blocking"))
        weak:stop()
        helper.fails({code = "weak_certificate", phase = "handshake"}, conn, err)
      end
    end
  end)
end)

describe("the list of codes", function()
  local function provoked()
    local codes = {}
    for _, seen in ipairs(cases) do codes[seen.code] = true end
    return codes
  end

  it("is provoked here, all but a few with a reason", function()
    local seen, missing = provoked(), {}
    for code in pairs(core.codes) do
      if not seen[code] and not unprovoked[code] then missing[#missing + 1] = code end
    end
    table.sort(missing)
    assert.equal("", table.concat(missing, " "))
  end)

  it("knows every code that is named here", function()
    for code in pairs(provoked()) do assert.is_table(core.codes[code], code) end
    for code in pairs(unprovoked) do
      assert.is_table(core.codes[code], code)
      assert.is_nil(provoked()[code], code)
    end
  end)
end)
