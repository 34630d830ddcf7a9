-- trace_spec.lua: traces and throw-away certificates of sslconnect.core; how certificates print.
local support = require "support.core"
local core = require "sslconnect.core"

describe("a trace", function()
  it("has a table for each message, until the next call", function()
    local client, server = support.joined()
    assert.is_true(client:set_trace(true))
    assert.is_true(server:set_trace(true))
    client:connect()
    local messages = client:trace()
    assert.equal(1, #messages)
    local length = messages[1].length
    assert.equal("number", type(length))
    assert.same({sent = true, content_type = "handshake", name = "ClientHello", type = 1,
      length = length}, messages[1])
    assert.same({}, client:trace())
    server:accept()
    assert.same({sent = false, content_type = "handshake", name = "ClientHello", type = 1,
      length = length}, server:trace()[1])
  end)

  it("tells what is no handshake, and nothing that it has not", function()
    local client = support.connected()
    client:set_trace(true)
    assert.equal(5, client:write("hello"))
    client:shutdown()
    local messages = client:trace()
    assert.equal(2, #messages)
    assert.is_true(messages[1].length > 5)
    messages[1].length = nil
    assert.same({sent = true, content_type = "application_data", name = "ApplicationData"},
      messages[1])
    assert.same({sent = true, content_type = "alert", name = "close_notify", type = 0, level = 1,
      length = 2}, messages[2])
  end)

  it("tells of changes of the cipher", function()
    local client, server = support.joined()
    client:set_trace(true)
    assert(support.shake(client, server))
    local count = 0
    for _, message in ipairs(client:trace()) do
      if message.content_type == "change_cipher_spec" then
        count = count + 1
        assert.same({sent = message.sent, content_type = "change_cipher_spec", length = 1,
          name = "ChangeCipherSpec"}, message)
      end
    end
    assert.equal(2, count)
  end)

  it("is off at first, and forgets where it is turned off", function()
    local client = support.connected()
    assert.same({}, client:trace())
    client:set_trace(true)
    client:write("x")
    client:set_trace(false)
    assert.same({}, client:trace())
  end)

  it("lets nobody guess", function()
    local client = support.joined()
    support.throws("boolean expected", client.set_trace, client, 1)
    client:close()
    assert.is_nil(client:trace())
    local ok, err = client:set_trace(true)
    assert.is_nil(ok)
    assert.equal("closed", err.code)
  end)

  it("goes on when the collector never rests, and when it closes the connection", function()
    local client, server = support.joined()
    client:set_trace(true)
    assert(support.shake(client, server))
    support.finalized(function() client:close() end)
    support.stressed(function()
      for _, message in ipairs(client:trace() or {}) do assert(message.name) end
    end)
  end)
end)

describe("a throw-away certificate", function()
  it("is for its name, and good where its authority is trusted", function()
    local server, client = assert(core.ctx()), assert(core.ctx())
    local authority = assert(server:use_throwaway_certificate("one.example"))
    assert.equal("CN=throw-away authority", authority:subject())
    assert(client:load_verify_pem(authority:pem()))
    local conn = support.connected {client = client, server = server, name = "one.example"}
    assert.is_true(conn:is_verified())
    assert.same({"DNS:one.example"}, conn:peer_cert(1):names())
  end)

  it("is none for what is no name", function()
    local ctx = assert(core.ctx())
    local authority, err = ctx:use_throwaway_certificate("*.example")
    assert.is_nil(authority)
    assert.equal("bad_option", err.code)
    support.throws("string without zero bytes expected", ctx.use_throwaway_certificate, ctx,
      "a\0b")
  end)
end)

describe("a certificate", function()
  it("prints whom it is for, who says so, and for how long", function()
    local rows = {
      {"direct", "localhost", "^certificate: CN=direct for DNS:localhost, DNS:test%.example, " ..
        "IP:127%.0%.0%.1, IP:::1, issued by CN=sslconnect test CA, in force for 36[45] days$"},
      {"expired", "localhost", ", expired 36[56] days ago$"},
      {"notyet", "localhost", ", not in force for 36[45] days$"},
    }
    for _, row in ipairs(rows) do
      local client = assert(core.ctx())
      assert(client:set_insecure_no_verify(true))
      local conn = support.connected {client = client, server = support.server_ctx(row[1])}
      assert.matches(row[3], tostring(conn:peer_cert(1)))
    end
  end)
end)
