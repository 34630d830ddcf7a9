-- verify_spec.lua: chains that are verified without a connection: as a handshake would, with the
-- same verdict and the same error.
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core

-- Chains as a server sends them; those that are refused, with the code.
local chains = {
  good = false, direct = false, rsa = false, ed25519 = false, iponly = "hostname_mismatch",
  expired = "certificate_expired", notyet = "certificate_not_yet_valid",
  expiredca = "certificate_expired", wronghost = "hostname_mismatch",
  cnonly = "hostname_mismatch", nul = "hostname_mismatch", unknown = "unknown_authority",
  ["unknown-root"] = "unknown_authority", noint = "unknown_authority",
  selfsigned = "self_signed", notca = "unsuitable_certificate",
  clientonly = "unsuitable_certificate", badsig = "invalid_certificate",
}

local scenarios = {}
for name in pairs(chains) do scenarios[#scenarios + 1] = name .. "/name" end
local server = helper.serve(scenarios)
teardown(function() server:stop() end)

local function read(name) return helper.slurp(helper.cert(name .. ".pem")) end

local function context(given)
  given = given or {}
  given.ca_file = given.ca_file or helper.ca
  return assert(ssl.context(given))
end

local same = {"code", "class", "message", "hint", "verify_result", "depth"}

local function check_same(a, b)
  for _, field in ipairs(same) do assert.equal(a[field], b[field]) end
  assert.is_true(a.certificate == b.certificate)
end

describe("a chain without a connection", function()
  for name, code in pairs(chains) do
    it(("comes to what a connect to '%s' comes to"):format(name), function()
      local ctx = context()
      local conn, want = ctx:connect("localhost", server:port(name .. "/name"))
      local ok, err = ctx:verify(read(name), {name = "localhost"})
      if conn then
        conn:close()
        assert.is_true(ok)
      else
        helper.fails({code = code}, ok, err)
        check_same(want, err)
        assert.is_nil(err.phase)
      end
      assert.equal(code or nil, want and want.code)
    end)
  end

  it("is PEM, DER, certificates, or a list of these", function()
    local ctx, pem = context(), read("good")
    local leaf = assert(core.cert(pem))
    local intermediate = assert(core.cert(read("intermediate")))
    local only = {name = "localhost"}
    assert(ctx:verify({leaf, intermediate}, only))
    assert(ctx:verify({leaf:pem(), intermediate:pem()}, only))
    assert(ctx:verify({leaf:der(), intermediate:der()}, only))
    assert(ctx:verify({leaf:der(), read("intermediate")}, only))
    assert(ctx:verify(read("direct"), only))
    assert(ctx:verify(core.cert(read("direct")), only))
    assert(ctx:verify(core.cert(read("direct")):der(), only))
    helper.fails({code = "unknown_authority"}, ctx:verify(leaf, only))
  end)

  it("is the peer's own certificate first", function()
    local ctx = context()
    local leaf, intermediate = core.cert(read("good")), core.cert(read("intermediate"))
    local only = {name = "localhost"}
    helper.fails({code = "unsuitable_certificate"}, ctx:verify({intermediate, leaf}, only))
    assert(ctx:verify({leaf, core.cert(read("expired")), leaf, intermediate}, only))
  end)

  it("is judged by the time given", function()
    local ctx = context()
    local cert = core.cert(read("expired"))
    local given = {name = "localhost", time = cert:not_after() - 1}
    assert(ctx:verify(cert, given))
    given.time = cert:not_after() + 1
    helper.fails({code = "certificate_expired"}, ctx:verify(cert, given))
    given.time = cert:not_before() - 1
    helper.fails({code = "certificate_not_yet_valid"}, ctx:verify(cert, given))
  end)

  it("is a server's or a client's", function()
    local ctx = context()
    assert(ctx:verify(read("client"), {purpose = "client"}))
    local err = helper.fails({code = "unsuitable_certificate"},
      ctx:verify(read("good"), {purpose = "client"}))
    assert.truthy(err.message:find("the client's certificate", 1, true))
    helper.fails({code = "unsuitable_certificate"},
      ctx:verify(read("clientonly"), {purpose = "server", name = "localhost"}))
  end)

  it("of a server needs a name", function()
    helper.fails({code = "bad_option"}, context():verify(read("good")))
    helper.fails({code = "bad_option"}, context():verify(read("good"), {purpose = "server"}))
    assert(context({insecure_no_name_check = true}):verify(read("wronghost")))
  end)

  it("is not believed where the options are wrong", function()
    local ctx = context()
    local bad = {
      {}, {name = 1}, {name = ""}, {name = "*.example"}, {name = "a\0b"},
      {name = "localhost", time = -1}, {name = "localhost", time = 0.5},
      {name = "localhost", time = "now"}, {name = "localhost", purpose = "any"},
      {name = "localhost", purpose = 1}, {name = "localhost", server_name = "localhost"},
    }
    for _, given in ipairs(bad) do
      helper.fails({code = "bad_option"}, ctx:verify(read("good"), given))
    end
    helper.fails({code = "bad_option"}, ctx:verify(read("good"), "localhost"))
  end)

  it("is not believed where it is none", function()
    local ctx = context()
    local only = {name = "localhost"}
    for _, chain in ipairs {"", "garbage", read("broken"), "\48\130\1"} do
      helper.fails({code = "bad_file"}, ctx:verify(chain, only))
    end
    helper.fails({code = "bad_option"}, ctx:verify({}, only))
    helper.fails({code = "bad_option"}, ctx:verify(nil, only))
    helper.fails({code = "bad_option"}, ctx:verify({1}, only))
    helper.fails({code = "bad_file"}, ctx:verify({read("good"), "garbage"}, only))
    helper.fails({code = "bad_option"}, ctx:verify({core.ctx()}, only))
  end)
end)

describe("core.verify_chain", function()
  it("throws for arguments of a wrong type", function()
    local ctx, cert = core.ctx(), core.cert(read("good"))
    assert.has_error(function() ctx:verify_chain() end)
    assert.has_error(function() ctx:verify_chain("PEM") end)
    assert.has_error(function() ctx:verify_chain(ctx) end)
    assert.has_error(function() ctx:verify_chain(cert, {1}) end)
    assert.has_error(function() ctx:verify_chain(cert, cert) end)
    assert.has_error(function() ctx:verify_chain(cert, {}, "a\0b") end)
    assert.has_error(function() ctx:verify_chain(cert, {}, "a", -1) end)
    assert.has_error(function() ctx:verify_chain(cert, {}, "a", 0, "any") end)
  end)

  it("fails on what is closed", function()
    local ctx, cert = core.ctx(), core.cert(read("good"))
    assert(ctx:load_verify_file(helper.ca))
    local closed = core.cert(read("intermediate"))
    getmetatable(closed).__gc(closed)
    helper.fails({code = "closed"}, ctx:verify_chain(cert, {closed}, "localhost"))
    helper.fails({code = "closed"}, ctx:verify_chain(closed, {}, "localhost"))
    ctx:close()
    helper.fails({code = "closed"}, ctx:verify_chain(cert, {}, "localhost"))
  end)
end)

describe("core.cert", function()
  it("makes certificates of PEM and DER", function()
    local cert = assert(core.cert(read("good")))
    assert.equal("CN=good", cert:subject())
    assert.is_true(cert == core.cert(cert:der()))
    assert.is_true(cert == core.cert("text before\n" .. cert:pem()))
  end)

  it("refuses what is none", function()
    for _, bytes in ipairs {"", "x", read("broken"), read("ca"):sub(1, 200)} do
      helper.fails({code = "bad_file"}, core.cert(bytes))
    end
    helper.fails({code = "bad_file"}, core.cert(core.cert(read("good")):der() .. "\0"))
    assert.has_error(function() core.cert() end)
    assert.has_error(function() core.cert({}) end)
  end)
end)
