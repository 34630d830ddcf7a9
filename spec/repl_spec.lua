-- repl_spec.lua: connections at a prompt: what a step tells, what objects print, the help, and the
-- session of docs/repl.md.
local helper = require "helper"
local support = require "support.core"
local ssl = require "sslconnect"
local core = require "sslconnect.core"
local help = require "sslconnect.repl.help"
local repl = require "sslconnect.repl"

local function names(report)
  local list = {}
  for i, message in ipairs(report.messages) do
    list[i] = (message.sent and ">" or "<") .. message.name
  end
  return table.concat(list, " ")
end

local function has(part, text) assert.matches(part, tostring(text), 1, true) end

local function connected(options)
  local client, server = repl.pair(options)
  assert(client, tostring(server))
  client:run()
  assert.is_true(client:is_connected(), tostring(client:error()))
  return client, server
end

-- Reads the tickets, and closes well.
local function session_of(client, server)
  if client:session() == nil then client:step("read") end
  local session = assert(client:session())
  client:step("shutdown")
  server:step("read")
  server:step("shutdown")
  client:step("shutdown")
  return session
end

describe("repl.pair", function()
  local outcomes = {
    {"is verified", {}, function(client, server)
      assert.is_true(client:is_verified())
      assert.is_false(server:is_verified())
      assert.equal("localhost", server:server_name())
    end},
    {"speaks TLS 1.2", {version = "1.2"}, function(client)
      assert.equal("TLSv1.2", client:version())
    end},
    {"speaks TLS 1.3", {version = "1.3"}, function(client)
      assert.equal("TLSv1.3", client:version())
    end},
    {"agrees on a protocol", {alpn = {"h2", "http/1.1"}}, function(client, server)
      assert.equal("h2", client:alpn())
      assert.equal("h2", server:alpn())
      has(", h2; ", client)
    end},
    {"asks for the name that is given", {server_name = "one.example"}, function(client, server)
      assert.equal("one.example", server:server_name())
      assert.same({"DNS:one.example"}, client:peer_cert(1):names())
    end},
    {"is verified by an address", {server_name = "127.0.0.1"}, function(client)
      assert.same({"IP:127.0.0.1"}, client:peer_cert(1):names())
    end},
    {"has a client's certificate where one is asked for", {verify_client = "required"},
      function(client, server)
        assert.is_true(server:is_verified())
        assert.equal(1, server:peer_cert_count())
        assert.is_true(client:is_connected())
      end},
    {"does without where it may", {verify_client = "optional", client_certificate = false},
      function(_, server)
        assert.is_true(server:is_connected())
        assert.equal(0, server:peer_cert_count())
      end},
    {"gets through the narrowest pair", {bio_size = 1}, function(client)
      assert.is_true(client:is_verified())
    end},
  }
  for _, row in ipairs(outcomes) do
    it(row[1], function()
      local client, server = repl.pair(row[2])
      assert(client, tostring(server))
      local reports = client:run()
      assert.is_true(#reports >= 3)
      row[3](client, server)
    end)
  end

  it("leaves a server without the certificate it asks for", function()
    local client, server = repl.pair {verify_client = "required", client_certificate = false}
    client:run()
    assert.equal("certificate_missing", server:error().code)
    has("server asked for localhost: failed: certificate_missing", server)
  end)

  it("refuses a certificate for another name", function()
    local client, server = repl.pair {certificate_name = "other.example"}
    local reports = client:run()
    local failed = reports[3]
    assert.equal("hostname_mismatch", failed.why.code)
    assert.equal("SSL_ERROR_SSL", failed.ssl_error)
    assert.equal(-1, failed.returned)
    assert.matches(">bad_certificate$", names(failed))
    has('is not for "localhost": it is for other.example [hostname_mismatch]', failed)
    has("to do: " .. core.codes.hostname_mismatch.hint, failed)
    assert.equal("client to localhost: failed: hostname_mismatch; the BIO has 0 bytes to read",
      tostring(client))
    assert.equal("alert", server:error().code)
  end)

  local bad = {
    {"an unknown option", {alpm = "h2"}, 'did you mean "alpn"'},
    {"another version", {version = "1.1"}, '"1.2", "1.3"'},
    {"what is no size", {bio_size = 0.5}, "a whole number of bytes"},
    {"what is no name", {server_name = "*.example"}, "wildcard"},
    {"what is no session", {session = true}, "session is none that a client of repl.pair gave"},
  }
  for _, row in ipairs(bad) do
    it("refuses " .. row[1], function()
      local client, err = repl.pair(row[2])
      assert.is_nil(client)
      assert.equal("bad_option", err.code)
      has(row[3], err)
    end)
  end
end)

describe("a session", function()
  for _, version in ipairs {"1.2", "1.3"} do
    it("is resumed, TLS " .. version, function()
      local client, server = connected {version = version}
      has("session", session_of(client, server))
      client, server = connected {session = session_of(connected {version = version})}
      assert.is_true(client:session_reused())
      assert.is_true(server:session_reused())
      assert.is_true(client:is_verified())
      has(", resumed; ", client)
    end)
  end

  it("brings its contexts with it", function()
    local session = session_of(connected())
    for _, option in ipairs {"version", "alpn", "verify_client", "certificate_name"} do
      local value = option == "version" and "1.3" or option == "verify_client" and "none" or "h2"
      local client, err = repl.pair {session = session, [option] = value}
      assert.is_nil(client)
      has("session and " .. option .. " exclude each other", err)
    end
  end)

  it("is not there before the server has sent it", function()
    local client = connected {version = "1.3"}
    assert.is_nil(client:session())
  end)
end)

describe("a step", function()
  it("tells what was called, what went by, and what to do", function()
    local client, server = repl.pair {version = "1.3"}
    local report = client:step()
    assert.equal("SSL_connect", report.call)
    assert.is_true(report.called)
    assert.equal(-1, report.returned)
    assert.equal("SSL_ERROR_WANT_READ", report.ssl_error)
    assert.is_false(report.result)
    assert.equal("want_read", report.why)
    assert.equal(">ClientHello", names(report))
    assert.equal("nothing is in the BIO to read: step the server", report.todo)
    local length = report.messages[1].length
    assert.equal(("client: SSL_connect returned -1, SSL_get_error: SSL_ERROR_WANT_READ\n" ..
      "  sent ClientHello, %d bytes\n  state: %s\n  waits to read (want_read)\n" ..
      "  to do: nothing is in the BIO to read: step the server"):format(length,
      client:state_string()), tostring(report))
    report = server:step()
    assert.equal("SSL_accept", report.call)
    assert.equal("<ClientHello >ServerHello >ChangeCipherSpec >EncryptedExtensions " ..
      ">Certificate >CertificateVerify >Finished", names(report))
    report = client:step()
    assert.is_true(report.result)
    assert.equal(1, report.returned)
    assert.equal("the server is not done yet: step the server", report.todo)
    has("client: SSL_connect returned 1\n", report)
    report = server:step()
    assert.equal("<ChangeCipherSpec <Finished >NewSessionTicket >NewSessionTicket", names(report))
    assert.equal('step("write", data), step("read") or step("shutdown")', report.todo)
  end)

  it("tells of bytes that wait, and of a BIO that is full", function()
    local client, server = repl.pair {bio_size = 100}
    local report = client:step()
    assert.equal("SSL_ERROR_WANT_WRITE", report.ssl_error)
    assert.equal("the BIO is full: step the server", report.todo)
    has("waits to write (want_write)", report)
    server:step()
    client:step()
    has("the BIO has 100 bytes to read", server)
  end)

  it("writes and reads", function()
    local client, server = connected()
    has("client: SSL_write_ex returned 1: 5 bytes taken\n", client:step("write", "hello"))
    local report = server:step("read")
    assert.equal("hello", report.result)
    assert.equal("<ApplicationData", names(report))
    has('server: SSL_read_ex returned 1: "hello", 5 bytes\n', report)
    has("SSL_write_ex returned 1: 1 byte taken", server:step("write", "abc", 2, 2))
    assert.equal("b", client:step("peek").result)
    assert.equal("b", client:step("read", 10).result)
    report = client:step("read")
    assert.equal(0, report.returned)
    has("to do: nothing is in the BIO to read until the server writes", report)
  end)

  it("shows bytes so that they can be read", function()
    local client, server = connected()
    client:write('a"\\\r\n\t\0\127\255' .. ("x"):rep(100))
    local first = tostring(server:step("read")):match("^[^\n]*")
    assert.equal('server: SSL_read_ex returned 1: "a\\"\\\\\\r\\n\\t\\000\\127\\255' ..
      ("x"):rep(51) .. '"..., 109 bytes', first)
  end)

  it("tells of close_notify, both ways", function()
    local client, server = connected()
    client:step("read") -- the tickets
    local report = client:step("shutdown")
    assert.equal(0, report.returned)
    assert.equal(">close_notify", names(report))
    has("sent alert close_notify (a warning), 2 bytes", report)
    has("ours is sent, the server's has not come", report)
    has("close_notify sent", client)
    report = server:step("read")
    has("the client sent close_notify: the end", report)
    has('step("shutdown") answers', report)
    assert.is_true(server:step("shutdown").result)
    report = client:step("shutdown")
    assert.is_true(report.result)
    assert.equal(1, report.returned)
    has("close_notify sent, close_notify received", client)
  end)

  it("tells of its own messages only", function()
    local client, server = connected()
    client:step("read")
    client:write("one")
    assert.equal(">ApplicationData", names(client:step("write", "two")))
    server:read(3)
    assert.equal("<ApplicationData", names(server:step("read")))
  end)

  it("that is refused changes nothing", function()
    local client = repl.pair()
    local report = client:step("read")
    assert.is_false(report.called)
    assert.is_nil(report.returned)
    has("client: SSL_read_ex was not called\n", report)
    has("refused: the handshake is not done [misuse]", report)
    assert.is_false(client:has_failed())
    client:run()
    report = client:step()
    assert.is_false(report.called)
    has("the handshake was done before", report)
  end)

  it("after a failure says that it failed before", function()
    local client = repl.pair {certificate_name = "other.example"}
    client:run()
    local report = client:step()
    assert.is_false(report.called)
    has("failed before: the server's certificate", report)
    assert.is_true(client:has_failed())
  end)

  it("is one that there is", function()
    local client = repl.pair()
    support.throws("there is no step called jump; there are: accept, connect, do_handshake, flush",
      client.step, client, "jump")
    support.throws("bad self for 'step' (sslconnect.repl.Connection expected, got nil)",
      client.step)
  end)

  it("says when the other end cannot answer any more", function()
    local client, server = repl.pair {version = "1.3", verify_client = "required",
      client_certificate = false}
    client:run() -- with TLS 1.3 the client is done before the server looks
    assert.is_true(server:has_failed())
    assert.equal("client_certificate_required", client:step("read").why.code)
    client, server = repl.pair()
    client:step()
    server:step()
    server.failed = true
    client:rbio():read(100000)
    has("and the server has failed: this cannot go on", client:step())
  end)
end)

describe("a connection at the prompt", function()
  it("has every method of the core's", function()
    local client, server = connected()
    assert.equal(5, client:write("hello"))
    assert.equal("hello", server:read(10))
    assert.is_nil(client.nothing)
    support.throws("bad self for 'write' (sslconnect.repl.Connection expected, got string)",
      client.write, "hello")
    for name, method in pairs(getmetatable(client.core).__index) do
      assert.is_function(method)
      assert.is_function(client[name], name)
    end
  end)

  it("prints what it is and where", function()
    local client, server = repl.pair()
    assert.equal("client to localhost: before the handshake; the BIO has 0 bytes to read",
      tostring(client))
    assert.equal("server: before the handshake; the BIO has 0 bytes to read", tostring(server))
    client:step()
    assert.equal(("client to localhost: handshaking (%s); the BIO has 0 bytes to read"):format(
      client:state_string()), tostring(client))
    assert.matches("^server: before the handshake; the BIO has %d+ bytes to read$",
      tostring(server))
    client:run()
    has(("client to localhost: connected, %s, %s, verified; "):format(client:version(),
      client:cipher()), client)
    has("server asked for localhost: connected, " .. client:version(), server)
    client:close()
    assert.equal("client: closed", tostring(client))
    assert.equal("refused: the connection is closed [closed]",
      tostring(client:step()):match("\n  (refused.-)\n?$"))
  end)

  it("can be one that was made by hand", function()
    local raw = support.joined()
    local conn = repl.wrap(raw)
    assert.equal(raw, conn.core)
    assert.equal(conn, repl.wrap(conn))
    has("nothing is in the BIO to read: the other end of it is to be written to", conn:step())
    assert.equal("connection: before the handshake; no BIO",
      tostring(repl.wrap(assert(core.conn(support.client_ctx())))))
    support.throws("a connection of sslconnect.core expected, got table", repl.wrap, {})
    support.throws("a connection of sslconnect.core expected, got userdata", repl.wrap,
      support.some_bio())
  end)

  it("has nothing to wait for without a socket", function()
    local client = repl.pair()
    local ok, err = client:wait(0)
    assert.is_nil(ok)
    assert.equal("misuse", err.code)
  end)
end)

describe("repl.connect", function()
  local server
  setup(function() server = helper.serve {"good/echo"} end)
  teardown(function() server:stop() end)

  local function connect(options)
    options = options or {ca_file = helper.ca}
    return repl.connect("localhost", server:port("good/echo"), options)
  end

  it("leaves the handshake to be stepped", function()
    local conn = assert(connect())
    assert.matches("^client to localhost: before the handshake; socket, descriptor %d+$",
      tostring(conn))
    local report = conn:step()
    assert.matches("^>ClientHello", names(report))
    while report.result == false do
      assert.is_true(conn:wait(helper.patience))
      report = conn:step()
    end
    assert.is_true(report.result)
    assert.is_true(conn:is_verified())
    conn:close()
  end)

  it("tells that the server has not answered", function()
    local port, listener = helper.listen()
    local conn = assert(repl.connect("127.0.0.1", port))
    has("nothing has come on the socket: wait() for it, then step again", conn:step())
    assert.is_false(conn:wait(0))
    conn:close()
    listener:close()
  end)

  it("runs through it, and talks", function()
    local conn = assert(connect())
    conn:run()
    assert.equal(5, conn:step("write", "hello").result)
    local report
    repeat
      assert.is_true(conn:wait(helper.patience))
      report = conn:step("read")
    until report.result ~= false
    assert.equal("hello", report.result)
    conn:close()
  end)

  it("resumes", function()
    local first = assert(connect())
    first:run()
    while first:session() == nil do
      assert.is_true(first:wait(helper.patience))
      first:step("read")
    end
    local session = first:session()
    first:step("shutdown")
    first:close()
    local again = assert(connect {ca_file = helper.ca, session = session})
    again:run()
    assert.is_true(again:session_reused())
    again:close()
  end)

  it("tells why a server is refused", function()
    local conn = assert(connect {ca_file = helper.ca, server_name = "other.example"})
    conn:run()
    assert.equal("hostname_mismatch", conn:error().code)
    conn:close()
  end)

  it("tells what cannot be", function()
    local port, sock = helper.refusing()
    local rows = {
      {"connection_refused", "127.0.0.1", port, nil},
      {"bad_option", "localhost", "x", nil},
      {"bad_option", 1, 443, nil},
      {"bad_option", "localhost", 443, {cafile = "x"}},
      {"bad_file", "localhost", 443, {ca_file = "/nowhere"}},
      {"bad_option", "*.example", 443, nil},
    }
    for _, row in ipairs(rows) do
      local conn, err = repl.connect(row[2], row[3], row[4])
      assert.is_nil(conn)
      assert.equal(row[1], err.code)
    end
    sock:close()
  end)
end)

describe("the help", function()
  -- Every method has its line, with words.
  local function check_methods(text, prefix, methods)
    for name, method in pairs(methods) do
      if type(method) == "function" and not name:find("^__") then
        local line = ("\n" .. text .. "\n"):match("\n  (" .. prefix .. name .. "%([^\n]*)\n")
        assert.is_truthy(line, prefix .. name .. " is not in\n" .. text)
        assert.matches("%)  +[%w\"].*", line)
      end
    end
  end

  it("has each method of the core's objects", function()
    for kind, how in pairs(support.kinds) do
      local object = how.make()
      check_methods(help.text(object), kind .. ":", support.methods_of(object))
    end
  end)

  it("has each function of the modules", function()
    check_methods(help.text(core), "core.", core)
    check_methods(help.text(repl), "repl.", repl)
    check_methods(help.text(ssl), "ssl.", ssl)
  end)

  it("has what a connection of the REPL can do, and the core's", function()
    local client = connected()
    local text = help.text(client)
    check_methods(text, "conn:", getmetatable(client.core).__index)
    has("\n  conn:step(method, ...) ", text)
    has("\n  conn:run() ", text)
    local _, count = text:gsub("conn:session%(", "")
    assert.equal(1, count)
  end)

  it("has the methods of contexts and connections", function()
    local server = helper.serve {"good/echo"}
    local ctx = assert(ssl.context {ca_file = helper.ca})
    local conn = assert(ctx:connect("localhost", server:port("good/echo")))
    check_methods(help.text(ctx), "ctx:", {connect = print, wrap = print, accept = print})
    check_methods(help.text(conn), "conn:", {read = print, write = print, close = print})
    conn:close()
    server:stop()
  end)

  it("has the fields of errors and reports", function()
    local err = core.error("timeout", "read", "late", {host = "a:1"})
    local text = help.text(err)
    for field in pairs(err) do has("\n  " .. field .. " ", text) end
    local report = repl.pair():step()
    text = help.text(report)
    for _, field in ipairs {"call", "returned", "ssl_error", "messages", "todo"} do
      has("\n  " .. field .. " ", text)
    end
  end)

  it("has nothing for others", function()
    for _, other in ipairs {1, "x", {}, io.stdout, print} do assert.is_nil(help.text(other)) end
    assert.is_nil(help.text(nil))
  end)

  it("gives the names where there are no sources", function()
    local path = package.path
    package.path = "/nowhere/?.lua"
    local ok, text = pcall(help.text, support.some_bio())
    package.path = path
    assert.is_true(ok, text)
    has("its source is not found through package.path", text)
    has("\n  pending\n", text)
  end)

  it("is printed", function()
    local output = helper.output_of([[
      local repl = require "sslconnect.repl"
      repl.help() repl.help((repl.pair())) repl.help(nil) repl.help(3)]])
    has("sslconnect.repl\n  repl.pair(", output)
    has("\n  conn:step(", output)
    has("there is no help for a nil", output)
    has("there is no help for a number", output)
  end)
end)

describe("the module", function()
  it("is loaded when it is asked for, and sets no global", function()
    local output, status = helper.output_of([[
      local before = {}
      for name in pairs(_G) do before[name] = true end
      local ssl = require "sslconnect"
      assert(not package.loaded["sslconnect.repl"])
      assert(ssl.repl == require "sslconnect.repl")
      assert(ssl.rep == nil)
      for name in pairs(_G) do assert(before[name], name) end
      print(ssl) print(ssl.repl)]])
    assert.equal(0, status, output)
    has("sslconnect " .. core.version .. ", " .. core.openssl_version(), output)
    has("sslconnect.repl: pair()", output)
  end)
end)

describe("docs/repl.md", function()
  local tool = helper.root() .. "/tools/run-session.lua"

  local function run_session(path)
    return helper.output_of(("arg = {[0] = %q, %q} dofile(%q)"):format(tool, path, tool))
  end

  -- What the tool says of a session.
  local function try(session)
    local path = os.tmpname()
    helper.write_file(path, "```\n" .. session .. "```\n")
    local output, status = run_session(path)
    os.remove(path)
    return status, output
  end

  it("prints what it says, line by line", function()
    local output, status = run_session(helper.root() .. "/docs/repl.md")
    assert.equal(0, status, output)
    local lines = tonumber(output:match("ok %- .-: (%d+) lines as printed"))
    assert.is_true(lines > 20)
  end)

  it("is compared in earnest", function()
    local rows = {
      {0, "> 1 + 1\n2\n> x = 3\n> x\n3\n> print(x, 4)\n3\t4\n> nil\nnil\n"},
      {0, "> '306 bytes'\n285 bytes\n> '1 byte'\n2 bytes\n"},
      {0, "> error('no', 0)\nno\n> 'a\\nb'\na\nb\n"},
      {1, "> 1 + 1\n3\n"},
      {1, "> 1 + 1\n"},
      {1, "> x = 1\n1\n"},
      {1, "> '306 bits'\n285 bits\n"},
      {1, "> 'a\\nb'\na\n"},
      {1, "no session\n"},
    }
    for _, row in ipairs(rows) do
      local status, output = try(row[2])
      assert.equal(row[1], status, row[2] .. output)
    end
    local _, output = try("> 1 + 1\n3\n")
    has("> 1 + 1\n# expected: 3\n# printed:  2\n", output)
  end)
end)
