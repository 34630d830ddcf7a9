-- dane_dns_spec.lua: TLSA records that are looked up, from a real nameserver; what it says of them
-- stands in spec/support/dns/dnsdist.conf.
local dns = require "support.dns"
local helper = require "helper"
local ssl = require "sslconnect"

local missing = dns.missing()
if missing then
  describe("a TLSA record", function()
    it("is looked up", function() pending(missing) end)
  end)
  return
end

local server = helper.serve {"good/echo", "good/alpn", "selfsigned"}
local port, other_port = server:port("good/echo"), server:port("good/alpn")

--- "3 1 1" of a certificate's key, in hexadecimal digits.
local function own_key(file)
  local command = "openssl x509 -in %s -noout -pubkey | openssl pkey -pubin -outform DER | " ..
    "openssl dgst -sha256 -binary"
  local pipe = assert(io.popen(command:format(helper.quote(helper.cert(file)))))
  local digest = pipe:read("*a"):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  pipe:close()
  return "030101" .. digest
end

local function record(name, at, data)
  return ("_%d._tcp.%s.wild.example,52,%s"):format(at, name, data)
end

local good, wrong = own_key("good.pem"), own_key("rsa.pem")
local nameserver = dns.start(nil, {
  record("signed", port, good), record("signed", other_port, wrong),
  record("unsigned", port, wrong), record("forged", port, good),
})
teardown(function()
  nameserver:stop()
  server:stop()
end)

for _, mode in ipairs(helper.modes) do
  describe("a TLSA record, " .. mode .. ",", function()
    local function connect(name, dane, given, at)
      local options = {ca_file = helper.ca, nameservers = nameserver.address, dane = dane,
        loop = mode, timeout = helper.patience}
      for option, value in pairs(given or {}) do options[option] = value end
      return helper.in_mode(mode, ssl.connect, name .. ".wild.example", at or port, options)
    end

    local function depth(...)
      local conn = assert(connect(...))
      assert.is_true(conn:info().verified)
      local found = conn:info().dane_depth
      conn:close()
      return found
    end

    it("that was checked is demanded", function()
      for _, dane in ipairs {"lookup", "required"} do
        assert.equal(0, depth("signed", dane))
        helper.fails({code = "dane_mismatch", phase = "handshake"},
          connect("signed", dane, nil, other_port))
      end
    end)

    it("that was checked stands for an authority", function()
      assert.equal(0, depth("signed", "lookup", {ca_file = helper.cert("otherca.pem")}))
      helper.fails({code = "unknown_authority"},
        connect("signed", nil, {ca_file = helper.cert("otherca.pem")}))
    end)

    it("that was not checked does not count", function()
      assert.is_nil(depth("unsigned", "lookup"))
      helper.fails({code = "dane_mismatch", phase = "dns", has = "did not check"},
        connect("unsigned", "required"))
    end)

    it("that is missing is none, unless it is required", function()
      assert.is_nil(depth("only4", "lookup"))
      helper.fails({code = "dane_mismatch", phase = "dns"}, connect("only4", "required"))
    end)

    it("that was found to be forged ends the connect", function()
      for _, dane in ipairs {"lookup", "required"} do
        helper.fails({code = "dns_failed", phase = "dns", has = "SERVFAIL"},
          connect("forged", dane))
      end
      assert.is_nil(depth("forged"))
    end)

    it("is the name's, whatever its address", function()
      assert.equal(0, depth("signed", "required", {addresses = {"127.0.0.1"}}))
    end)
  end)
end

describe("the option dane", function()
  it("is one of two, and not beside tlsa", function()
    helper.fails({code = "bad_option", has = '"lookup", "required"'},
      ssl.connect("localhost", port, {dane = true}))
    helper.fails({code = "bad_option", has = "exclude"},
      ssl.connect("localhost", port, {dane = "lookup", tlsa = {"3 1 1 " .. ("0"):rep(64)}}))
  end)

  it("needs a name where it requires records", function()
    helper.fails({code = "dane_mismatch", phase = "dns", has = "no name"},
      ssl.connect("127.0.0.1", port, {ca_file = helper.ca, dane = "required"}))
    assert(ssl.connect("127.0.0.1", port, {ca_file = helper.ca, dane = "lookup"})):close()
  end)
end)
