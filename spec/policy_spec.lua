-- policy_spec.lua: what contexts demand of chains and connections of names: docs/verification.md.
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core

local server = helper.serve {
  "good/name", "noint/name", "direct/name", "revoked/name", "wronghost/name", "clientonly/name",
  "weak/name", "selfsigned/name",
}
teardown(function() server:stop() end)

local function read(name) return helper.slurp(helper.cert(name .. ".pem")) end

-- Both ways: a connect to the server of that certificate, and its chain alone.
local function try(name, given, options)
  given.ca_file = given.ca_file or helper.ca
  local ctx = assert(ssl.context(given))
  local conn, err = ctx:connect("localhost", server:port(name .. "/name"), options)
  if conn then conn:close() end
  local names = options and options.peer_names or "localhost"
  local chain = name == "noint" and core.cert(read(name)) or read(name)
  local ok, why = ctx:verify(chain, {name = names})
  assert.equal(err and err.code, why and why.code)
  assert.equal(conn ~= nil, ok == true)
  return err and err.code or "ok"
end

describe("a context", function()
  it("builds chains with intermediates that it does not trust", function()
    local int = core.cert(read("intermediate"))
    assert.equal("unknown_authority", try("noint", {}))
    for _, value in ipairs {read("intermediate"), helper.cert("intermediate.pem"), int, {int}} do
      assert.equal("ok", try("noint", {intermediates = value}))
    end
    local other = helper.cert("otherca.pem")
    assert.equal("unknown_authority",
      try("noint", {ca_file = other, intermediates = int, partial_chain = true}))
  end)

  it("bounds the depth", function()
    assert.equal("verification_failed", try("good", {verify_depth = 0}))
    assert.equal("ok", try("good", {verify_depth = 1}))
    assert.equal("ok", try("direct", {verify_depth = 0}))
  end)

  it("judges by a time", function()
    assert.equal("certificate_not_yet_valid", try("direct", {verify_time = os.time() - 10 * 86400}))
    assert.equal("certificate_expired", try("direct", {verify_time = os.time() + 500 * 86400}))
    assert.equal("ok", try("direct", {verify_time = os.time() + 86400}))
  end)

  it("demands purposes", function()
    assert.equal("unsuitable_certificate", try("direct", {purpose = "client"}))
    assert.equal("ok", try("direct", {purpose = "server"}))
    assert.equal("unsuitable_certificate", try("clientonly", {}))
    assert.equal("ok", try("clientonly", {insecure_purpose = "client"}))
    assert.equal("ok", try("clientonly", {insecure_purpose = "any"}))
    assert.equal("unsuitable_certificate", try("direct", {insecure_purpose = "client"}))
  end)

  it("ends chains in what is trusted only", function()
    local int = helper.cert("intermediate.pem")
    assert.equal("unknown_authority", try("noint", {ca_file = int}))
    assert.equal("ok", try("noint", {ca_file = int, partial_chain = true}))
    assert.equal("unknown_authority", try("direct", {ca_file = int, partial_chain = true}))
    assert.equal("self_signed", try("selfsigned", {partial_chain = true}))
  end)

  it("raises the security level, and lowers it by another name", function()
    local ctx = assert(ssl.context {ca_file = helper.ca, security_level = 4})
    helper.fails({code = "weak_certificate"}, ctx:verify(read("direct"), {name = "localhost"}))
    helper.fails({code = "bad_option"}, ssl.context {security_level = 1})
    helper.fails({code = "bad_option"},
      ssl.context {security_level = 3, insecure_security_level = 0})
    ctx = assert(ssl.context {ca_file = helper.ca, insecure_security_level = 0})
    assert(ctx:verify(read("weak"), {name = "localhost"}))
    ctx = assert(ssl.context {ca_file = helper.ca})
    helper.fails({code = "weak_certificate"}, ctx:verify(read("weak"), {name = "localhost"}))
  end)

  it("checks the lists of all of the chain where it is told to", function()
    local crl = helper.cert("crl.pem")
    assert.equal("certificate_revoked", try("revoked", {crl_file = crl}))
    assert.equal("ok", try("direct", {crl_file = crl, crl_check = "chain"}))
    assert.equal("revocation_unknown", try("good", {crl_file = crl, crl_check = "chain"}))
    helper.fails({code = "bad_option"}, ssl.context {crl_check = "chain"})
    helper.fails({code = "bad_file"}, ssl.context {crl_dir = "/nonexistent"})
    assert.equal("revocation_unknown", try("direct", {crl_dir = helper.cert("cadir")}))
  end)

  it("comes to the same with signatures that are known and without", function()
    for _, cache in ipairs {true, false} do
      local ctx = assert(ssl.context {ca_file = helper.ca, signature_cache = cache})
      for _ = 1, 3 do
        for name, code in pairs {good = "ok", direct = "ok", wronghost = "hostname_mismatch",
          clientonly = "unsuitable_certificate"} do
          local ok, err = ctx:verify(read(name), {name = "localhost"})
          assert.equal(code, ok and "ok" or err.code)
        end
        helper.fails({code = "certificate_expired"},
          ctx:verify(read("good"), {name = "localhost", time = os.time() + 20 * 366 * 86400}))
      end
    end
  end)

  it("refuses values that are none", function()
    local bad = {
      verify_depth = {-1, 101, 0.5, "1", true}, verify_time = {-1, 0.5, "now"},
      purpose = {"any", "", 1}, insecure_purpose = {"", 1, true}, partial_chain = {1, "yes"},
      signature_cache = {0, 1, "no", {}},
      security_level = {-1, 6, 2.5, "2"}, insecure_security_level = {-1, 6, "0"},
      crl_check = {"all", true}, crl_dir = {"", 1},
      intermediates = {"", {}, 1, {1}, {a = "b"}, core.ctx()},
    }
    for name, values in pairs(bad) do
      for _, value in ipairs(values) do
        helper.fails({code = "bad_option"}, ssl.context {ca_file = helper.ca, [name] = value})
      end
    end
  end)

  it("shows its demands, and intermediates by their name alone", function()
    local ctx = assert(ssl.context {verify_depth = 3, purpose = "server",
      intermediates = read("intermediate")})
    local text = tostring(ctx)
    assert.truthy(text:find("verify_depth=3", 1, true))
    assert.truthy(text:find("purpose=server", 1, true))
    assert.is_nil(text:find("BEGIN", 1, true))
  end)
end)

describe("a connection", function()
  it("takes any of several names", function()
    assert.equal("ok", try("wronghost", {}, {peer_names = {"a.example", "other.example"}}))
    assert.equal("ok", try("wronghost", {}, {peer_names = "wrong.example"}))
    assert.equal("hostname_mismatch", try("wronghost", {}, {peer_names = "a.example"}))
    assert.equal("hostname_mismatch",
      try("direct", {}, {peer_names = {"URI:sip:localhost", "email:a@localhost"}}))
  end)

  it("does not take its server_name beside them", function()
    local err = helper.fails({code = "hostname_mismatch"}, ssl.connect("localhost",
      server:port("direct/name"), {ca_file = helper.ca, peer_names = {"a.example", "b.example"}}))
    assert.truthy(err.message:find('not for any of "a.example", "b.example"', 1, true))
  end)

  it("refuses names that are none, or that nobody would look at", function()
    local port = server:port("direct/name")
    for _, names in ipairs {"", {}, "*.example", "URI:", "email:x", {1}, 5, "a\0b"} do
      helper.fails({code = "bad_option"},
        ssl.connect("localhost", port, {ca_file = helper.ca, peer_names = names}))
    end
    for _, switch in ipairs {"insecure_no_verify", "insecure_no_name_check"} do
      helper.fails({code = "bad_option"}, ssl.connect("localhost", port,
        {ca_file = helper.ca, peer_names = "localhost", [switch] = true}))
    end
  end)
end)
