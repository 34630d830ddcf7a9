-- hooks_spec.lua: functions of the user's that a handshake waits for: verify_hook,
-- certificate_hook, client_hello_hook; and who tries to get past them.
local core = require "sslconnect.core"
local helper = require "helper"
local ssl = require "sslconnect"

local SERVER = {cert = helper.cert("good.pem"), key = helper.cert("good.key"), ca_file = helper.ca}
local CLIENT = {ca_file = helper.ca}
local OURS = {cert = helper.cert("client.pem"), key = helper.cert("client.key")}
local PATIENT = {timeout = helper.patience}

local function with(settings, given)
  local all = {}
  for name, value in pairs(settings) do all[name] = value end
  for name, value in pairs(given or {}) do all[name] = value end
  return all
end

-- What a side comes to: the connection's info and what it read, or nil and the error.
local function exchange(conn, err)
  if not conn then return nil, err end
  local ok, line
  ok, err = conn:write("hello\n")
  if ok then line, err = conn:read("l") end
  local info = conn:info()
  conn:close()
  if line ~= "hello" then return nil, err end
  return info
end

-- Runs a server and a client at the same time; what each came to.
local function run(given)
  local port, listener = helper.listen()
  local server = assert(ssl.context(with(SERVER, given.server)))
  local client = assert(ssl.context(with(CLIENT, given.client)))
  local loop = with(PATIENT, {loop = given.loop or "coroutine"})
  local results = helper.run {
    function() return exchange(server:accept(helper.accept(listener), loop)) end,
    function()
      return exchange(client:connect("localhost", port, with(loop, given.options)))
    end,
  }
  listener:close()
  return {info = results[1][1], err = results[1][2]}, {info = results[2][1], err = results[2][2]}
end

-- Waits as the coroutine of helper.run does.
local function pause()
  coroutine.yield()
  coroutine.yield()
end

local function accepts(side)
  assert(side.info, tostring(side.err))
end

local function refused(side, expected)
  helper.fails(with({code = "verification_failed", phase = "handshake"}, expected), side.info,
    side.err)
end

local function yes() return true end

for _, version in ipairs {"1.2", "1.3"} do
  describe("verify_hook with TLS " .. version, function()
    it("lets in what it accepts, and is told what it is about", function()
      local request
      local _, client = run {client = {max_version = version, verify_hook = function(asked)
        request = asked
        pause()
        return true
      end}}
      accepts(client)
      assert.is_true(client.info.verified)
      assert.matches("^localhost:%d+$", request.host)
      assert.matches("^[%d%.:%[%]]+$", request.address)
      assert.equal("localhost", request.server_name)
      assert.equal(0, request.verify_result)
      assert.equal(3, #request.chain)
      assert.equal("CN=good", request.chain[1]:subject())
      assert.equal(request.chain[3]:subject(), request.chain[3]:issuer())
      assert.equal(2, #request.certificates)
      assert.equal(request.chain[1], request.certificates[1])
    end)

    it("keeps out what it refuses, and tells why", function()
      local server, client = run {client = {max_version = version, verify_hook = function()
        return nil, "not\nours"
      end}}
      refused(client, {has = "refused the server's certificate (CN=good): not ours"})
      assert.equal("CN=good", client.err.certificate:subject())
      assert.is_nil(server.info)
    end)

    it("is asked by a server about its clients", function()
      local request
      local settings = {max_version = version, verify_client = "required",
        verify_hook = function(asked)
          request = asked
          pause()
          return asked.chain[1]:subject() == "CN=client"
        end}
      local server = run {server = settings, client = OURS}
      accepts(server)
      assert.is_true(server.info.verified)
      assert.equal("localhost", request.server_name)
      settings.verify_hook = function() return false end
      refused((run {server = settings, client = OURS}), {has = "client's certificate (CN=client)"})
    end)

    it("is not asked about a client that shows nothing", function()
      local server = run {server = {max_version = version, verify_client = "optional",
        verify_hook = function() error("asked") end}}
      accepts(server)
      assert.is_false(server.info.verified)
    end)
  end)
end

describe("verify_hook", function()
  it("takes nothing but true for yes", function()
    for _, nonsense in ipairs {"true", "", 1, 0, {}, yes, coroutine.create(yes)} do
      local _, client = run {client = {verify_hook = function() return nonsense end}}
      refused(client, {has = "only true accepts"})
    end
    local _, client = run {client = {verify_hook = function() end}}
    refused(client, {has = "refused"})
    _, client = run {client = {verify_hook = function() return false, true end}}
    refused(client, {has = "refused"})
    _, client = run {client = {verify_hook = function() return nil, {} end}}
    refused(client, {has = "refused"})
    _, client = run {client = {verify_hook = function() return nil, "a\0b" end}}
    refused(client, {has = ": a b"})
  end)

  it("is not asked about what was found bad", function()
    for leaf, code in pairs {expired = "certificate_expired", wronghost = "hostname_mismatch",
        unknown = "unknown_authority", selfsigned = "self_signed"} do
      local asked = 0
      local _, client = run {
        server = {cert = helper.cert(leaf .. ".pem"), key = helper.cert(leaf .. ".key")},
        client = {verify_hook = function()
          asked = asked + 1
          return true
        end},
      }
      helper.fails({code = code}, client.info, client.err)
      assert.equal(0, asked)
    end
  end)

  it("decides alone with insecure_no_verify", function()
    local server = {cert = helper.cert("expired.pem"), key = helper.cert("expired.key")}
    local pin, result
    local client = {insecure_no_verify = true, verify_hook = function(request)
      result = request.verify_result
      return request.chain[1]:fingerprint() == pin, "another certificate"
    end}
    local _, refusing = run {server = server, client = client}
    refused(refusing, {has = "another certificate"})
    pin = refusing.err.certificate:fingerprint()
    local _, pinned = run {server = server, client = client}
    accepts(pinned)
    assert.is_false(pinned.info.verified)
    assert.equal(10, result)
  end)

  it("is of a context that answers the same way each time", function()
    local calls = 0
    local function hook()
      calls = calls + 1
      return calls ~= 2
    end
    local ctx = assert(ssl.context(with(CLIENT, {verify_hook = hook})))
    local server = helper.serve {"good/echo"}
    for i = 1, 3 do
      local conn, err = ctx:connect("localhost", server:port("good/echo"), PATIENT)
      assert.equal(i ~= 2, conn ~= nil, tostring(err))
      assert.equal(i, calls)
      if conn then
        conn:write("x\n")
        conn:read("l")
        conn:close()
      end
    end
    server:stop()
  end)

  it("may connect with the same context, and take its time", function()
    local server = helper.serve {"good/echo"}
    local ctx, inner
    ctx = assert(ssl.context(with(CLIENT, {verify_hook = function(request)
      if inner then return true end
      inner = true
      local conn, err = ctx:connect("localhost", server:port("good/echo"), PATIENT)
      if not conn then return nil, err end
      inner = conn:info().certificates[1] == request.chain[1]
      conn:close()
      return inner
    end})))
    for _, mode in ipairs(helper.modes) do
      inner = nil
      local conn, err = helper.in_mode(mode, ctx.connect, ctx, "localhost",
        server:port("good/echo"), PATIENT)
      assert(conn, tostring(err))
      assert.is_true(inner)
      conn:close()
    end
    server:stop()
  end)

  it("may wait in the embedded loop and in cqueues", function()
    local server = helper.serve {"good/echo"}
    local port = server:port("good/echo")
    local function connect(sleep)
      local slept = false
      local conn, err = ssl.connect("localhost", port, with(CLIENT, {verify_hook = function()
        sleep(0.001)
        slept = true
        return true
      end}))
      assert(conn, tostring(err))
      assert.is_true(slept)
      conn:close()
    end
    ssl.run(function() connect(ssl.sleep) end)
    local found, cqueues = pcall(require, "cqueues")
    if found then
      local loop = cqueues.new()
      loop:wrap(function() connect(cqueues.sleep) end)
      assert(loop:loop(helper.patience))
    end
    server:stop()
  end)

  it("is asked over a stream too", function()
    local asked
    local server = helper.serve {"good/echo"}
    local sock = helper.tcp(server:port("good/echo"))
    local stream = {
      read = function(_, max)
        sock:settimeout(helper.patience)
        local byte, err = sock:receive(1)
        if not byte then return nil, err end
        sock:settimeout(0)
        local _, _, rest = sock:receive(max - 1)
        return byte .. (rest or "")
      end,
      write = function(_, data)
        sock:settimeout(helper.patience)
        return sock:send(data)
      end,
      close = function() sock:close() end,
    }
    local settings = with(CLIENT, {verify_hook = function(request)
      asked = request.server_name
      return false, "no"
    end})
    local ctx = assert(ssl.context(settings))
    local conn, err = ctx:wrap(stream, with(PATIENT, {server_name = "localhost"}))
    refused({info = conn, err = err}, {has = ": no"})
    assert.equal("localhost", asked)
    server:stop()
  end)

  it("is held by the deadline", function()
    local server = helper.serve {"good/echo"}
    local settings = with(CLIENT, {verify_hook = function()
      local till = core.now() + 0.2
      while core.now() < till do core.wait(0, "r", 0) end
      return true
    end})
    local ctx = assert(ssl.context(settings))
    helper.fails({code = "timeout", phase = "handshake"},
      ctx:connect("localhost", server:port("good/echo"), {timeout = 0.15}))
    server:stop()
  end)

  it("gives on what it throws, and frees the connection", function()
    local server = helper.serve {"good/echo"}
    local thrown = {}
    local before
    local ctx = assert(ssl.context(with(CLIENT, {verify_hook = function() error(thrown) end})))
    local function try()
      local ok, err = pcall(ctx.connect, ctx, "localhost", server:port("good/echo"), PATIENT)
      assert.is_false(ok)
      assert.equal(thrown, err)
    end
    try()
    before = helper.open_fds()
    collectgarbage("stop")
    for _ = 1, 5 do try() end
    helper.no_fd_left(before, true)
    collectgarbage("restart")
    ctx = assert(ssl.context(with(CLIENT, {verify_hook = function()
      return nil, setmetatable({}, {__tostring = function() error(thrown) end})
    end})))
    try()
    server:stop()
  end)

  it("is a function, and one that is another makes another context", function()
    for _, value in ipairs {"yes", 1, true, {}} do
      helper.fails({code = "bad_option", has = "verify_hook"}, ssl.context {verify_hook = value})
    end
    local context = require "sslconnect.context"
    local function no() return false end
    local named = setmetatable({}, {__call = yes, __tostring = function() return "x" end})
    local other = setmetatable({}, {__call = no, __tostring = function() return "x" end})
    local function of(hook)
      return assert(context.shared {ca_file = helper.ca, verify_hook = hook})
    end
    assert.equal(of(yes), of(yes))
    assert.not_equal(of(yes), of(no))
    assert.not_equal(of(named), of(other))
    assert.not_equal(of(yes), assert(context.shared {ca_file = helper.ca}))
    assert.matches(" verify_hook$", tostring(of(named)))
  end)
end)

describe("certificate_hook", function()
  local function ask(hook, client, server)
    return run {
      client = with({certificate_hook = hook}, client),
      server = with({verify_client = "required"}, server),
    }
  end

  it("gives settings", function()
    local names
    local server, client = ask(function(request)
      names = request.ca_names
      pause()
      return OURS
    end)
    accepts(server)
    accepts(client)
    assert.equal("CN=client", server.info.certificates[1]:subject())
    assert.same({"CN=sslconnect test CA"}, names)
    accepts((ask(function()
      return {cert = helper.slurp(OURS.cert), key = helper.cert("client-enc.key"),
        key_password = "secret"}
    end)))
  end)

  it("gives a context", function()
    local ours = assert(ssl.context(OURS))
    for _, version in ipairs {"1.2", "1.3"} do
      local server = ask(function() return ours end, {max_version = version})
      accepts(server)
      assert.is_true(server.info.verified)
    end
  end)

  it("gives none", function()
    local server = ask(function() return false end, OURS)
    helper.fails({code = "certificate_missing"}, server.info, server.err)
    accepts((ask(function() return false end, OURS, {verify_client = "optional"})))
  end)

  it("ends the handshake", function()
    local _, client = ask(function() return nil, "no card in the slot" end)
    helper.fails({code = "canceled", phase = "handshake", has = "no card in the slot"},
      client.info, client.err)
  end)

  it("gives what cannot be used", function()
    for _, row in ipairs {
      {"client.pem", "certificate_hook gave client.pem (string)"}, {1, "certificate_hook gave 1"},
      {true, "certificate_hook gave true"}, {{}, "without cert"},
      {{cert = OURS.cert}, "without key"}, {{cert = 1, key = 2}, "expected a string"},
      {{cert = OURS.cert, key = OURS.key, verify_client = "none"}, "unknown option"},
      {assert(ssl.context()), "has no certificate"},
    } do
      local _, client = ask(function() return row[1] end)
      helper.fails({code = "bad_option", has = row[2]}, client.info, client.err)
    end
    local _, client = ask(function() return {cert = "/nowhere", key = OURS.key} end)
    helper.fails({code = "bad_file", has = "/nowhere"}, client.info, client.err)
    _, client = ask(function()
      return {cert = OURS.cert, key = helper.cert("good.key")}
    end)
    helper.fails({code = "bad_file", has = "does not belong"}, client.info, client.err)
  end)

  it("is not called where nobody asks", function()
    local _, client = run {client = {certificate_hook = function() error("asked") end}}
    accepts(client)
  end)

  it("gives a server's", function()
    local name
    local server = assert(ssl.context {certificate_hook = function(request)
      name = request.server_name
      pause()
      return {cert = SERVER.cert, key = SERVER.key}
    end})
    local port, listener = helper.listen()
    local loop = with(PATIENT, {loop = "coroutine"})
    local results = helper.run {
      function() return exchange(server:accept(helper.accept(listener), loop)) end,
      function() return exchange(ssl.connect("localhost", port, with(CLIENT, loop))) end,
    }
    listener:close()
    assert(results[1][1], tostring(results[1][2]))
    assert.equal("CN=good", results[2][1].certificates[1]:subject())
    assert.equal("localhost", name)
  end)
end)

describe("client_hello_hook", function()
  local function serve(hook, server, client)
    return run {server = with({client_hello_hook = hook}, server), client = client}
  end

  it("goes on with the context at hand", function()
    local name
    local server = serve(function(request)
      name = request.server_name
      pause()
      return true
    end)
    accepts(server)
    assert.equal("localhost", name)
    assert.equal("localhost", server.info.server_name)
  end)

  it("chooses another, with all that it demands", function()
    local other = assert(ssl.context {cert = helper.cert("rsa.pem"), key = helper.cert("rsa.key"),
      ca_file = helper.ca, verify_client = "required", alpn = "http/1.1"})
    local function hook() return other end
    local server, client = serve(hook, {alpn = "h2"},
      with(OURS, {alpn = {"h2", "http/1.1"}}))
    accepts(client)
    accepts(server)
    assert.equal("CN=rsa", client.info.certificates[1]:subject())
    assert.equal("http/1.1", client.info.alpn)
    assert.is_true(server.info.verified)
    server = serve(hook, {verify_client = "none"})
    helper.fails({code = "certificate_missing"}, server.info, server.err)
  end)

  it("chooses a context whose hooks are asked", function()
    local other = assert(ssl.context(with(SERVER, {verify_client = "required",
      verify_hook = function() return nil, "the other's" end})))
    local server = serve(function() return other end, {verify_hook = yes}, OURS)
    refused(server, {has = "the other's"})
  end)

  it("ends the handshake", function()
    local server, client = serve(function() return nil, "who is that" end)
    helper.fails({code = "canceled", has = "who is that"}, server.info, server.err)
    helper.fails({code = "alert", has = "unrecognized_name"}, client.info, client.err)
    server = serve(function() end)
    helper.fails({code = "canceled"}, server.info, server.err)
  end)

  it("takes nothing but a context for an answer", function()
    for _, nonsense in ipairs {"good", 1, {}, yes, SERVER} do
      local server = serve(function() return nonsense end)
      helper.fails({code = "bad_option", has = "client_hello_hook gave"}, server.info, server.err)
    end
    local server = serve(function() return assert(ssl.context()) end)
    helper.fails({code = "bad_option", has = "needs a certificate"}, server.info, server.err)
  end)
end)

describe("core", function()
  local function pair(setting)
    local client, server = assert(core.ctx()), assert(core.ctx())
    assert(client:load_verify_file(helper.ca))
    assert(server:use_certificate_file(SERVER.cert))
    assert(server:use_private_key_file(SERVER.key))
    assert(client[setting](client, true))
    local a, b = core.bio_pair()
    local c, s = assert(core.conn(client)), assert(core.conn(server))
    assert(c:set_bio(a))
    assert(s:set_bio(b))
    assert(c:set_server_name("localhost"))
    return c, s
  end

  it("suspends and is answered", function()
    local c, s = pair("set_retry_verify")
    assert.is_nil(c:verify_result())
    assert.equal(0, c:chain_count())
    local _, want
    repeat
      _, want = c:connect()
      s:accept()
    until want ~= "want_read"
    assert.equal("want_retry_verify", want)
    assert.equal(0, c:verify_result())
    assert.equal(3, c:chain_count())
    assert.equal("CN=good", c:chain(1):subject())
    assert.is_nil(c:chain(0))
    assert.is_nil(c:chain(4))
    assert.equal(0, c:ca_name_count())
    assert.is_nil(c:ca_name(1))
    for _, nonsense in ipairs {1, "true", {}} do
      assert.has_error(function() c:answer_verify(nonsense) end)
    end
    assert.has_error(function() c:answer_verify() end)
    assert.has_error(function() c:answer_x509_lookup() end)
    assert.has_error(function() c:answer_client_hello("x") end)
    helper.fails({code = "misuse"}, c:answer_x509_lookup(nil))
    helper.fails({code = "misuse"}, c:answer_client_hello(nil))
    assert.same({false, "want_retry_verify"}, {c:connect()})
    assert.is_true(c:answer_verify(true))
    helper.fails({code = "misuse"}, c:answer_verify(true))
    c:close()
    assert.is_nil(c:verify_result())
    assert.is_nil(c:chain_count())
    assert.is_nil(c:ca_name(1))
    helper.fails({code = "closed"}, c:answer_verify(true))
    helper.fails({code = "closed"}, c:answer_abort())
  end)
end)
