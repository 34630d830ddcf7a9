-- psk_spec.lua: keys that both sides have from elsewhere, from Lua: how they are given, and who is
-- let in by one. Both ends are in this process, each in a coroutine.
local helper = require "helper"
local ssl = require "sslconnect"

local KEY = ("0123456789abcdef"):rep(2)
local OTHER = ("0123456789abcdeF"):rep(2)

local function run(server, client, options)
  local port, listener = helper.listen()
  local server_ctx, client_ctx = assert(ssl.context(server)), assert(ssl.context(client))
  options = options or {}
  options.loop, options.timeout = "coroutine", helper.patience
  local results = helper.run {
    function()
      local conn, err = server_ctx:accept(helper.accept(listener), {loop = "coroutine"})
      if not conn then return nil, err end
      local line = conn:read("l")
      conn:write(line or "nothing", "\n")
      local info = conn:info()
      conn:close()
      return info
    end,
    function()
      local conn, err = client_ctx:connect("localhost", port, options)
      if not conn then return nil, err end
      assert(conn:write("ping\n"))
      local line, info = conn:read("l"), conn:info()
      conn:close()
      return info, line
    end,
  }
  listener:close()
  return results[1], results[2]
end

for _, version in ipairs {"1.3", "1.2"} do
  describe("a psk, TLS " .. version .. ",", function()
    local function client(identity, key)
      return {psk = {identity = identity, key = key}, max_version = version}
    end

    local function both(given)
      local keys = {{identity = "lamp", key = OTHER}, {identity = "pump", key = KEY}}
      return {psk = keys, cert = given and given.cert, key = given and given.key,
        verify_client = given and "optional"}
    end

    it("lets both sides in without certificates", function()
      local server, ours = run(both(), client("pump", KEY))
      assert.equal("ping", ours[2])
      for _, info in ipairs {server[1], ours[1]} do
        assert.equal("TLSv" .. version, info.version)
        assert.equal("pump", info.psk_identity)
        assert.is_true(info.verified)
        assert.is_false(info.resumed)
        assert.same({}, info.certificates)
      end
    end)

    it("is not taken where it is another one, or not known", function()
      for _, wrong in ipairs {client("pump", OTHER), client("lamp", KEY), client("fan", KEY)} do
        local server, ours = run(both(), wrong)
        assert.is_nil(server[1])
        assert.is_nil(ours[1])
        assert.is_truthy(server[2].code)
        assert.is_truthy(ours[2].code)
      end
    end)

    it("is all that its client takes", function()
      local given = {cert = helper.cert("good.pem"), key = helper.cert("good.key")}
      local with_name = client("pump", KEY)
      with_name.ca_file = helper.ca
      local _, ours = run(given, with_name)
      assert.is_nil(ours[1])
      assert.is_truthy(ours[2].code)
    end)

    it("stands beside a certificate", function()
      local given = {cert = helper.cert("good.pem"), key = helper.cert("good.key")}
      local server = both(given)
      server.ca_file = helper.ca
      local seen, ours = run(server, client("pump", KEY))
      assert.equal("pump", ours[1].psk_identity)
      assert.equal("pump", seen[1].psk_identity)
      seen, ours = run(server, {ca_file = helper.ca, max_version = version})
      assert.is_nil(ours[1].psk_identity)
      assert.is_true(ours[1].verified)
      assert.is_false(seen[1].verified)
      seen = run(server, {ca_file = helper.ca, max_version = version,
        cert = helper.cert("client.pem"), key = helper.cert("client.key")})
      assert.is_true(seen[1].verified)
      assert.is_nil(seen[1].psk_identity)
    end)
  end)
end

describe("the option psk", function()
  local function refused(value, part)
    local err = helper.fails({code = "bad_option", phase = "config"}, ssl.context {psk = value})
    assert.is_truthy(err.message:find(part or "psk", 1, true), err.message)
  end

  it("takes nothing but identities with keys", function()
    local good = {identity = "pump", key = KEY}
    refused("pump")
    refused(true)
    refused({})
    refused({identity = "pump"})
    refused({key = KEY})
    refused({identity = "pump", key = KEY, hint = "x"})
    refused({identity = "", key = KEY})
    refused({identity = "a\0b", key = KEY})
    refused({identity = ("i"):rep(128), key = KEY})
    refused({identity = "pump", key = ("k"):rep(15)})
    refused({identity = "pump", key = ("k"):rep(65)})
    refused({identity = 1, key = KEY})
    refused({good, good}, "twice")
    refused({good, "lamp"})
    refused({good, name = good})
    refused(setmetatable({identity = "pump", key = KEY}, {}))
    assert(ssl.context {psk = {good, {identity = "lamp", key = "\0" .. KEY}}})
  end)

  it("excludes what a certificate is needed for, and what takes any", function()
    for name, value in pairs {insecure_no_verify = true, verify_hook = function() return true end,
      pins = {("0"):rep(64)}, ocsp = "required", verify_client = "required",
      client_hello_hook = function() return true end, max_early_data = 10} do
      local err = helper.fails({code = "bad_option"},
        ssl.context {psk = {identity = "pump", key = KEY}, [name] = value})
      assert.is_truthy(err.message:find(name, 1, true), err.message)
    end
  end)

  it("is not shown, and not changed by what becomes of the table", function()
    local given = {identity = "pump", key = KEY}
    local ctx = assert(ssl.context {psk = given})
    given.key = OTHER
    assert.is_nil(tostring(ctx):find(KEY, 1, true))
    assert.is_truthy(tostring(ctx):find("psk", 1, true))
    assert.equal("", ctx.settings.psk)
  end)

  it("needs no trust", function()
    local script = ([[
      local ssl = require "sslconnect"
      io.write(tostring(ssl.context {psk = {identity = "pump", key = %q}}))
    ]]):format(KEY)
    local out = helper.output_of(script,
      {SSL_CERT_FILE = "/nowhere", SSL_CERT_DIR = "/nowhere"})
    assert.is_truthy(out:find("sslconnect.Context: psk", 1, true), out)
  end)

  it("is one for a client", function()
    local _, ours = run({psk = {identity = "pump", key = KEY}},
      {psk = {{identity = "pump", key = KEY}, {identity = "lamp", key = KEY}}})
    assert.equal("bad_option", ours[2].code)
  end)
end)
