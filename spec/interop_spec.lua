-- interop_spec.lua: this module's clients against the servers of others, and its accept side
-- against their clients: TLS 1.2 and 1.3, each kind of key, and what is negotiated.
--
-- The names of the tests are what tools/interop-table.lua makes the table of docs/interop.md of:
-- "PEER VERSION KEY FEATURE". All of it runs under Lua 5.4; under the others a part.
local helper = require "helper"
local lfs = require "lfs"
local programs = require "support.programs"
local ssl = require "sslconnect"

local everything = _VERSION == "Lua 5.4" and not os.getenv("LD_PRELOAD")

local versions = {["TLS 1.2"] = "1.2", ["TLS 1.3"] = "1.3"}

-- The kinds of keys, and the certificates of certkit's that have them.
local keys = {ECDSA = "good", RSA = "rsa", ["RSA-PSS"] = "rsapss", Ed25519 = "ed25519"}

local issuers = {good = "intermediate", rsa = "rsa-int", rsapss = "rsa-int",
  ed25519 = "intermediate"}

if not everything then keys = {ECDSA = "good"} end

--- Calls `f` for each version and kind of key.
local function each(f)
  for version in pairs(versions) do
    for key in pairs(keys) do f(version, key) end
  end
end

local function settings(version, more)
  local given = {ca_file = helper.ca, alpn = "http/1.1", min_version = versions[version],
    max_version = versions[version]}
  for name, value in pairs(more or {}) do given[name] = value end
  return given
end

local identity = {cert = helper.cert("client.pem"), key = helper.cert("client.key")}

-- Stapled responses, for each leaf.
local directory, responses

setup(function()
  directory, responses = helper.temporary_directory(), {}
  for _, leaf in pairs(keys) do
    responses[leaf] = programs.ocsp_response(leaf, issuers[leaf], directory)
  end
end)

teardown(function() os.execute("rm -rf " .. helper.quote(directory)) end)

-- Our client -------------------------------------------------------------------------------------

local REQUEST = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"

--- A connection to where a server listens; the answer to a request is read to its clean end.
local function fetch(ctx, server)
  local options = {timeout = helper.patience, path = server.path,
    server_name = server.path and "localhost" or nil}
  local conn, err
  if server.path then
    conn, err = ctx:connect(nil, nil, options)
  else
    conn, err = ctx:connect("localhost", server.port, options)
  end
  if not conn then return nil, err end
  assert(conn:settimeout(helper.patience))
  local ok
  ok, err = conn:write(REQUEST)
  local answer
  if ok then answer, err = conn:read("a") end
  local info = conn:info()
  conn:close()
  if not answer then return nil, err end
  assert.matches("^HTTP/1%.%d 200 ", answer)
  return info, answer
end

local function check_info(info, version)
  assert.is_true(info.verified)
  assert.equal(version:gsub("TLS ", "TLSv"), info.version)
  assert.equal("localhost", info.server_name)
end

--- The tests with one server: `server_of` gives that with the key, and perhaps one that demands a
-- certificate.
local function test_server(peer, server_of)
  each(function(version, key)
    local function it_does(feature, f)
      it(("%s %s %s %s"):format(peer, version, key, feature), f)
    end

    it_does("verified", function()
      local info = assert(fetch(assert(ssl.context(settings(version))), server_of(key)))
      check_info(info, version)
      assert.is_false(info.resumed)
    end)

    it_does("ALPN", function()
      local info = assert(fetch(assert(ssl.context(settings(version))), server_of(key)))
      assert.equal("http/1.1", info.alpn)
    end)

    it_does("resumed", function()
      local ctx = assert(ssl.context(settings(version)))
      assert.is_false(assert(fetch(ctx, server_of(key))).resumed)
      local info = assert(fetch(ctx, server_of(key)))
      assert.is_true(info.resumed)
      check_info(info, version)
    end)

    it_does("client certificate", function()
      local ctx = assert(ssl.context(settings(version, identity)))
      check_info(assert(fetch(ctx, server_of(key, true))), version)
      if peer == "nginx" then return end -- which tells in HTTP who may not come in
      -- GnuTLS takes a message without a certificate for one that it cannot read.
      local code = peer == "gnutls-serv" and version == "TLS 1.2" and "alert" or
        "client_certificate_required"
      helper.fails({code = code},
        fetch(assert(ssl.context(settings(version))), server_of(key, true)))
    end)

    it_does("stapled", function()
      local ctx = assert(ssl.context(settings(version, {ocsp = "required"})))
      assert.equal("good", assert(fetch(ctx, server_of(key))).ocsp)
    end)

    it_does("refused", function()
      local ctx = assert(ssl.context(settings(version, {ca_file = helper.cert("otherca.pem")})))
      helper.fails({code = "unknown_authority", phase = "handshake"}, fetch(ctx, server_of(key)))
    end)
  end)
end

--- Servers that are started when they are needed first.
local function lazily(start)
  local running = {}
  local function server_of(key, demands)
    local name = key .. (demands and " demanding" or "")
    if not running[name] then
      running[name] = start(keys[key], demands, responses[keys[key]])
    end
    return running[name]
  end
  local function stop()
    for _, server in pairs(running) do server:stop() end
  end
  return server_of, stop
end

for peer, program in pairs {["s_server"] = "openssl", ["gnutls-serv"] = "gnutls-serv"} do
  describe("our client and", function()
    if not programs.find(program) then
      it(peer, function() pending(program .. " is not installed") end)
      return
    end
    local server_of, stop = lazily(programs[(peer:gsub("-", "_"))])
    teardown(stop)
    test_server(peer, server_of)
  end)
end

describe("our client and", function()
  if not programs.find_nginx() then
    it("nginx", function() pending("nginx is not installed") end)
    return
  end
  local nginx

  local function server_of(key, demands)
    return {path = nginx.prefix .. "/" .. keys[key] .. (demands and "-demanding" or "")}
  end

  setup(function()
    local servers = {}
    for _, leaf in pairs(keys) do
      servers[#servers + 1] = {leaf, leaf, false, responses[leaf]}
      servers[#servers + 1] = {leaf .. "-demanding", leaf, true}
    end
    nginx = programs.nginx(servers)
  end)

  teardown(function()
    nginx:stop()
    os.execute("rm -rf " .. helper.quote(nginx.prefix))
  end)

  test_server("nginx", server_of)
end)

-- Our accept side --------------------------------------------------------------------------------

local ANSWER = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"

--- Serves one connection of the listener; what it came to. A client that is in a hurry may be gone
-- before it was answered.
local function serve(ctx, listener, hurries)
  return programs.accept(listener, function(sock)
    local conn, err = ctx:accept(sock, {timeout = helper.patience})
    if not conn then return nil, err end
    assert(conn:settimeout(helper.patience))
    for line in conn:lines() do
      if line == "\r" then break end
    end
    local ok
    ok, err = conn:write(ANSWER)
    assert(ok or hurries, tostring(err))
    local info = conn:info()
    conn:close()
    return info
  end)
end

-- The clients: how each is told what to do, and what it says when it has done it.
local clients = {}

clients["s_client"] = {
  program = "openssl", input = REQUEST, verified = "Verify return code: 0 (ok)",
  alpn = "ALPN protocol: http/1.1", stapled = "Cert Status: good",
}

local s_client_version = {["TLS 1.2"] = "-tls1_2", ["TLS 1.3"] = "-tls1_3"}

clients["s_client"].words = function(port, version, how)
  local list = {"openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-servername", "localhost",
    "-verify_hostname", "localhost", "-verify_return_error", "-CAfile", helper.ca,
    s_client_version[version], "-ign_eof", "-alpn", "http/1.1"}
  local function add(...)
    for _, word in ipairs {...} do list[#list + 1] = word end
  end
  if how.certificate then
    add("-cert", helper.cert("client.pem"), "-key", helper.cert("client.key"))
  end
  if how.stapled then add("-status") end
  if how.session then
    add(lfs.attributes(how.session) and "-sess_in" or "-sess_out", how.session)
  end
  return list
end

clients["gnutls-cli"] = {program = "gnutls-cli", input = REQUEST,
  verified = "The certificate is trusted", alpn = "Application protocol: http/1.1",
  resumes = "This is a resumed session", stapled = "OCSP status request"}

local priority = {["TLS 1.2"] = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
  ["TLS 1.3"] = "NORMAL:-VERS-ALL:+VERS-TLS1.3"}

clients["gnutls-cli"].words = function(port, version, how)
  local list = {"gnutls-cli", "--port", tostring(port), "--x509cafile", helper.ca, "--priority",
    priority[version], "--alpn", "http/1.1", "localhost"}
  local function add(...)
    for _, word in ipairs {...} do table.insert(list, 2, word) end
  end
  if how.certificate then
    table.insert(list, 2, "--x509certfile=" .. helper.cert("client.pem"))
    table.insert(list, 2, "--x509keyfile=" .. helper.cert("client.key"))
  end
  if how.twice then add("--waitresumption", "--resume") end
  return list
end

clients["curl"] = {program = "curl", verified = "SSL certificate verify ok",
  alpn = "ALPN: server accepted http/1.1", resumes = "SSL re-using session ID",
  stapled = "SSL certificate status: good"}

local curl_version = {["TLS 1.2"] = "1.2", ["TLS 1.3"] = "1.3"}

clients["curl"].words = function(port, version, how)
  local url = ("https://localhost:%d/"):format(port)
  local list = {"curl", "-sv", "--noproxy", "*", "--ipv4", "--http1.1", "--cacert", helper.ca,
    "--tlsv" .. curl_version[version], "--tls-max", curl_version[version], url}
  local function add(...)
    for _, word in ipairs {...} do list[#list + 1] = word end
  end
  if how.certificate then
    add("--cert", helper.cert("client.pem"), "--key", helper.cert("client.key"))
  end
  if how.stapled then add("--cert-status") end
  if how.twice then list[#list + 1] = url end
  return list
end

local function test_client(peer)
  local client = clients[peer]
  local port, listener
  setup(function() port, listener = helper.listen() end)
  teardown(function() listener:close() end)

  local function server_ctx(version, key, more)
    local given = settings(version, more)
    given.cert, given.key = helper.cert(keys[key] .. ".pem"), helper.cert(keys[key] .. ".key")
    return assert(ssl.context(given))
  end

  --- One run of the client, served `times`: what the last connection came to, and what it said.
  local function run(ctx, version, how, times)
    local started = programs.client(client.words(port, version, how), client.input)
    local info, err
    for i = 1, times or 1 do
      info, err = serve(ctx, listener, i < (times or 1))
      if not info then break end
    end
    local said = started:finish()
    assert(info, tostring(err) .. "\n" .. said)
    assert(said:find("hello", 1, true), said)
    return info, said
  end

  local function says(said, what)
    assert(said:find(what, 1, true), said .. "\ndoes not say " .. what)
  end

  each(function(version, key)
    local function it_does(feature, f)
      it(("%s %s %s %s"):format(peer, version, key, feature), f)
    end

    -- One run shows three features.
    local shown

    local function plain()
      if not shown then
        local ctx = server_ctx(version, key, {ocsp_response = responses[keys[key]]})
        shown = {run(ctx, version, {stapled = true})}
      end
      return shown[1], shown[2]
    end

    it_does("verified", function()
      local info, said = plain()
      says(said, client.verified)
      assert.equal(version:gsub("TLS ", "TLSv"), info.version)
      assert.equal("localhost", info.server_name)
    end)

    it_does("ALPN", function()
      local info, said = plain()
      says(said, client.alpn)
      assert.equal("http/1.1", info.alpn)
    end)

    it_does("client certificate", function()
      local ctx = server_ctx(version, key, {verify_client = "required"})
      local info = run(ctx, version, {certificate = true})
      assert.is_true(info.verified)
      assert.equal("CN=client", info.certificates[1]:subject())
    end)

    it_does("stapled", function()
      local _, said = plain()
      says(said, client.stapled)
    end)

    it_does("refused", function()
      local ctx = server_ctx(version, key, {verify_client = "required"})
      local started = programs.client(client.words(port, version, {}), client.input)
      helper.fails({code = "certificate_missing", phase = "handshake"}, serve(ctx, listener))
      assert.is_nil(started:finish():find("HTTP/1.0 200", 1, true))
    end)

    -- curl takes no tickets, and our server keeps no sessions.
    if peer == "curl" and version == "TLS 1.2" then return end
    it_does("resumed", function()
      local ctx = server_ctx(version, key)
      local info
      if client.resumes then
        local said
        info, said = run(ctx, version, {twice = true}, 2)
        says(said, client.resumes)
      else
        local session = os.tmpname()
        os.remove(session)
        assert.is_false(run(ctx, version, {session = session}).resumed)
        info = run(ctx, version, {session = session})
        os.remove(session)
      end
      assert.is_true(info.resumed)
    end)
  end)
end

for peer, client in pairs(clients) do
  describe("our server and", function()
    if not programs.find(client.program) then
      it(peer, function() pending(client.program .. " is not installed") end)
      return
    end
    test_client(peer)
  end)
end
