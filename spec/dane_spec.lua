-- dane_spec.lua: TLSA records from Lua, that are given.
local helper = require "helper"
local ssl = require "sslconnect"

local server = helper.serve {"good/echo", "unknown", "wronghost", "expired", "selfsigned"}
teardown(function() server:stop() end)

local ZEROS = ("0"):rep(64)

local function connect(scenario, tlsa, given)
  local options = {ca_file = helper.ca, timeout = helper.patience, tlsa = tlsa}
  for name, value in pairs(given or {}) do options[name] = value end
  return ssl.connect("localhost", server:port(scenario), options)
end

--- The bytes of a digest, by the openssl program: of the key, or the whole certificate.
local function digest_of(file, selector, kind)
  local path = helper.quote(helper.cert(file))
  local command = selector == 1 and "openssl x509 -in %s -noout -pubkey | openssl pkey -pubin " ..
    "-outform DER" or "openssl x509 -in %s -outform DER"
  if kind then command = command .. " | openssl dgst -" .. kind .. " -binary" end
  local pipe = assert(io.popen(command:format(path), "r"))
  local data = pipe:read("*a")
  pipe:close()
  return data
end

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local function key_record(file)
  return "3 1 1 " .. hex(digest_of(file, 1, "sha256"))
end

for _, mode in ipairs(helper.modes) do
  describe("a TLSA record, " .. mode .. ",", function()
    local function lets_in(depth, scenario, tlsa)
      helper.in_mode(mode, function()
        local conn = assert(connect(scenario, tlsa, {loop = mode}))
        assert.is_true(conn:info().verified)
        assert.equal(depth, conn:info().dane_depth)
        conn:close()
      end)
    end

    local function refuses(code, scenario, tlsa)
      return helper.fails({code = code, phase = "handshake"},
        helper.in_mode(mode, connect, scenario, tlsa, {loop = mode}))
    end

    it("of the server's key lets it in, whoever issued it and whenever", function()
      lets_in(0, "good/echo", {key_record "good.pem"})
      lets_in(0, "unknown", {key_record "unknown.pem"})
      lets_in(0, "expired", key_record "expired.pem")
      lets_in(0, "selfsigned", {key_record "selfsigned.pem"})
    end)

    it("may be of another kind", function()
      lets_in(0, "good/echo", {{usage = 1, selector = 0, matching = 2,
        data = digest_of("good.pem", 0, "sha512")}})
      lets_in(0, "unknown", {{usage = 3, selector = 1, matching = 0,
        data = digest_of("unknown.pem", 1)}})
      lets_in(1, "good/echo", {"0 1 1 " .. hex(digest_of("intermediate.pem", 1, "sha256"))})
      lets_in(1, "good/echo", {"2 0 1 " .. hex(digest_of("intermediate.pem", 0, "sha256"))})
    end)

    it("of another key refuses the server, though its authority is trusted", function()
      local err = refuses("dane_mismatch", "good/echo", {key_record "rsa.pem"})
      assert.equal(65, err.verify_result)
    end)

    it("does not make up for the name", function()
      refuses("hostname_mismatch", "wronghost", {key_record "wronghost.pem"})
    end)

    it("beside the trust does not make up for it", function()
      refuses("unknown_authority", "unknown",
        {"1 1 1 " .. hex(digest_of("unknown.pem", 1, "sha256"))})
    end)
  end)
end

describe("TLSA records", function()
  it("are demanded of resumed connections too", function()
    local ctx = assert(ssl.context {ca_file = helper.ca})
    local function resumed(tlsa)
      local conn, err = ctx:connect("localhost", server:port("good/echo"), {tlsa = tlsa})
      if not conn then return nil, err end
      assert(conn:write("x"))
      assert.equal("x", conn:read(1))
      conn:close()
      return conn:info().resumed
    end
    local own = key_record "good.pem"
    assert.is_false(resumed(nil))
    assert.is_false(resumed {own})
    assert.is_true(resumed {own})
    assert.is_true(resumed {own, own})
    assert.is_true(resumed(nil))
    helper.fails({code = "dane_mismatch"}, resumed {key_record "rsa.pem"})
    assert.is_false(resumed {own, "3 1 1 " .. ZEROS})
    assert.is_true(resumed {"3 1 1 " .. ZEROS, own})
  end)

  it("can be given to a wrap", function()
    local ctx, port = assert(ssl.context {ca_file = helper.ca}), server:port("unknown")
    local function wrap(tlsa)
      return ctx:wrap(helper.tcp(port), {server_name = "localhost", tlsa = tlsa})
    end
    assert(wrap {key_record "unknown.pem"}):close()
    helper.fails({code = "unknown_authority"},
      wrap {"1 1 1 " .. hex(digest_of("unknown.pem", 1, "sha256"))})
    helper.fails({code = "dane_mismatch"}, wrap {"3 1 1 " .. ZEROS})
  end)

  for what, tlsa in pairs {["no list"] = {}, ["a number"] = 3, ["a word"] = "three",
      ["a usage of 4"] = {"4 1 1 " .. ZEROS}, ["a selector of 2"] = {"3 2 1 " .. ZEROS},
      ["a matching type of 3"] = {"3 1 3 " .. ZEROS}, ["half a byte"] = {"3 1 0 123"},
      ["no hex"] = {"3 1 0 zz"}, ["a table of nothing"] = {{}},
      ["an unknown field"] = {{usage = 3, selector = 1, matching = 1, data = ZEROS, type = 1}},
      ["a fraction"] = {{usage = 2.5, selector = 1, matching = 1, data = ("x"):rep(32)}}} do
    it("are not " .. what, function()
      helper.fails({code = "bad_option", has = "tlsa"}, connect("good/echo", tlsa))
    end)
  end

  it("have digests of the right length", function()
    helper.fails({code = "bad_option", has = "32 bytes"}, connect("good/echo", {"3 1 1 00"}))
  end)

  it("are of a name, and of what is verified", function()
    helper.fails({code = "bad_option", has = "of a name"}, ssl.connect("127.0.0.1",
      server:port("good/echo"), {ca_file = helper.ca, tlsa = {"3 1 1 " .. ZEROS}}))
    helper.fails({code = "bad_option", has = "insecure_no_verify"},
      connect("good/echo", {"3 1 1 " .. ZEROS}, {insecure_no_verify = true}))
  end)
end)
