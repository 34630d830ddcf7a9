-- identity_spec.lua: certificates, keys and passwords as settings, and which of several identities
-- is shown.
local core_support = require "support.core"
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core
local CERT, KEY = helper.cert("client.pem"), helper.cert("client.key")
local ENCRYPTED, P12 = helper.cert("client-enc.key"), helper.cert("client.p12")

--- Bytes in DER of the first PEM block.
local function der(path)
  local body = helper.slurp(path):match("%-%-%-%-%-BEGIN [^\n]+\n(.-)%-%-%-%-%-END"):gsub("%s", "")
  local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  local bytes, value, bits = {}, 0, 0
  for c in body:gmatch("[%w+/]") do
    value, bits = value * 64 + alphabet:find(c, 1, true) - 1, bits + 6
    if bits >= 8 then
      local unit = 2 ^ (bits - 8)
      bytes[#bytes + 1] = string.char(math.floor(value / unit))
      value, bits = value % unit, bits - 8
    end
  end
  return table.concat(bytes)
end

--- The subject of the certificate that a client of the settings shows to a server that verifies it;
--- nil where it shows none.
local function shown(settings, trusts)
  settings.ca_file = helper.ca
  local client = assert(ssl.context(settings))
  local server = assert(ssl.context {cert = helper.cert("good.pem"), key = helper.cert("good.key"),
    ca_file = trusts or helper.ca, verify_client = "optional"})
  local near, far = core_support.joined {client = client.ctx, server = server.ctx}
  assert(core_support.shake(near, far))
  local cert = far:peer_cert(1)
  return cert and cert:subject()
end

--- A function for a password that counts how often it was asked.
local function asked(password, reason)
  local self = {count = 0}
  return setmetatable(self, {__call = function(_, name)
    self.count, self.name = self.count + 1, name
    return password, reason
  end}), self
end

describe("a certificate and its key", function()
  it("are paths, PEM or DER", function()
    assert.equal("CN=client", shown {cert = CERT, key = KEY})
    assert.equal("CN=client", shown {cert = helper.slurp(CERT), key = helper.slurp(KEY)})
    assert.equal("CN=client", shown {cert = der(CERT), key = der(KEY)})
  end)

  it("may stand in one text", function()
    local both = helper.slurp(KEY) .. helper.slurp(CERT)
    assert.equal("CN=client", shown {cert = both, key = both})
  end)

  it("may be URIs, each of them", function()
    assert.equal("CN=client", shown {cert_uri = "file:" .. CERT, key_uri = "file:" .. KEY})
    assert.equal("CN=client", shown {cert = CERT, key_uri = "file:" .. KEY})
    helper.fails({code = "bad_option", has = "is no URI"},
      ssl.context {cert = CERT, key_uri = KEY})
    helper.fails({code = "bad_file", has = "nothing for this scheme"},
      ssl.context {cert = CERT, key_uri = "pkcs11:object=x"})
  end)

  it("are not both a path and a URI, nor beside PKCS #12", function()
    local whole = {cert = CERT, key = KEY, cert_uri = "file:" .. CERT, key_uri = "file:" .. KEY,
      pkcs12 = P12}
    for _, pair in ipairs {{"cert", "cert_uri"}, {"key", "key_uri"}, {"pkcs12", "cert"},
      {"pkcs12", "key"}, {"pkcs12", "cert_uri"}, {"pkcs12", "key_uri"}} do
      helper.fails({code = "bad_option", has = pair[1] .. " and " .. pair[2]},
        ssl.context {[pair[1]] = whole[pair[1]], [pair[2]] = whole[pair[2]]})
    end
  end)

  it("have no zero bytes in their paths", function()
    helper.fails({code = "bad_option", has = "a path, or"}, ssl.context {cert = "a\0b"})
    helper.fails({code = "bad_option", has = "a path, or"}, ssl.context {pkcs12 = "a\0b"})
  end)

  it("that do not belong together are both named", function()
    local err = helper.fails({code = "bad_file", has = "CN=client"},
      ssl.context {cert = helper.slurp(CERT), key = helper.cert("good.key")})
    assert.matches("good%.key", err.text)
  end)
end)

describe("PKCS #12", function()
  it("is a path or what is in it", function()
    assert.equal("CN=client", shown {pkcs12 = P12, key_password = "secret"})
    assert.equal("CN=client", shown {pkcs12 = helper.slurp(P12), key_password = "secret"})
  end)

  it("needs its password", function()
    helper.fails({code = "bad_file", has = "set its password first"}, ssl.context {pkcs12 = P12})
    helper.fails({code = "bad_file", has = "does not open it"},
      ssl.context {pkcs12 = P12, key_password = "guess"})
    helper.fails({code = "bad_file", has = "is not PKCS #12"}, ssl.context {pkcs12 = CERT})
  end)
end)

describe("key_password", function()
  it("may be a function, called once, with the name", function()
    for _, name in ipairs {"key", "pkcs12", "key_uri"} do
      local value = ({key = ENCRYPTED, pkcs12 = P12, key_uri = "file:" .. ENCRYPTED})[name]
      local password, seen = asked("secret")
      assert.equal("CN=client", shown {[name] = value, cert = name ~= "pkcs12" and CERT or nil,
        key_password = password})
      assert.equal(1, seen.count)
      assert.equal(value, seen.name)
    end
  end)

  it("is not called for what is not encrypted", function()
    local password, seen = asked("secret")
    assert.equal("CN=client", shown {cert = CERT, key = KEY, key_password = password})
    assert(ssl.context {key_password = password})
    assert.equal(0, seen.count)
  end)

  it("may yield", function()
    local task = coroutine.create(function()
      return ssl.context {cert = CERT, key = ENCRYPTED, key_password = function(name)
        return coroutine.yield(name)
      end}
    end)
    assert.same({true, ENCRYPTED}, {coroutine.resume(task)})
    local _, ctx = assert(coroutine.resume(task, "secret"))
    assert.matches("sslconnect.Context", tostring(ctx))
  end)

  it("that gives none, or a wrong one, is told", function()
    local cases = {
      {says = "gave no password for .*: nobody is there", give = {nil, "nobody is there"}},
      {says = "gave no password", give = {false}},
      {says = "gave no string", give = {12}},
      {says = "gave no string", give = {"a\0b"}},
      {says = "longer than 1023", give = {("x"):rep(1024)}},
    }
    for _, case in ipairs(cases) do
      local password = asked(case.give[1], case.give[2])
      local _, err = ssl.context {cert = CERT, key = ENCRYPTED, key_password = password}
      helper.check_error(err, {code = "bad_option", phase = "config"})
      assert.matches(case.says, err.text)
    end
    helper.fails({code = "bad_file", has = "does not open it"},
      ssl.context {cert = CERT, key = ENCRYPTED, key_password = asked("guess")})
    assert.has_error(function()
      ssl.context {cert = CERT, key = ENCRYPTED, key_password = function() error("no", 0) end}
    end, "no")
  end)

  it("is not kept, nor shown", function()
    local ctx = assert(ssl.context {cert = CERT, key = helper.slurp(ENCRYPTED),
      key_password = "secret"})
    assert.equal("sslconnect.Context: key_password cert key", tostring(ctx))
    local function search(value, seen)
      if type(value) == "string" then
        assert.is_nil(value:find("secret", 1, true))
        assert.is_nil(value:find("PRIVATE KEY", 1, true))
      elseif type(value) == "table" and not seen[value] then
        seen[value] = true
        for k, v in pairs(value) do search(k, seen) search(v, seen) end
      end
    end
    search(ctx, {})
  end)
end)

describe("several identities", function()
  local unknown = {cert = helper.cert("client-unknown.pem"),
    key = helper.cert("client-unknown.key")}
  local known = {cert = CERT, key = ENCRYPTED, key_password = "secret"}
  local other_ca = helper.cert("otherca.pem")

  it("are chosen by the authorities that the server names", function()
    assert.equal("CN=client", shown {identities = {unknown, known}})
    assert.equal("CN=client-unknown", shown({identities = {unknown, known}}, other_ca))
    assert.is_nil(shown({identities = {known}}, other_ca))
    assert.equal("CN=client",
      shown {cert = unknown.cert, key = unknown.key, identities = {known}})
  end)

  it("may be contexts, and PKCS #12", function()
    local ctx = assert(ssl.context(known))
    assert.equal("CN=client", shown {identities = {unknown, ctx}})
    assert.equal("CN=client", shown {identities = {unknown,
      {pkcs12 = P12, key_password = asked("secret")}}})
  end)

  it("are checked where they are set", function()
    helper.fails({code = "bad_option", has = "number 2: it has no key"},
      ssl.context {identities = {known, {cert = CERT}}})
    helper.fails({code = "bad_option", has = 'number 1: unknown option "alpn"'},
      ssl.context {identities = {{alpn = "h2"}}})
    helper.fails({code = "bad_file", has = "does not belong"},
      ssl.context {identities = {{cert = CERT, key = unknown.key}}})
    helper.fails({code = "bad_option", has = "no certificate and key"},
      ssl.context {identities = {assert(ssl.context {})}})
    for _, value in ipairs {1, "x", {}, {known, x = unknown}, {1}, known} do
      helper.fails({code = "bad_option", has = "identities"}, ssl.context {identities = value})
    end
  end)

  it("do not change with the table that was given", function()
    local given = {cert = CERT, key = KEY}
    local list = {given}
    local ctx = assert(ssl.context {identities = list, ca_file = helper.ca})
    given.key, list[1] = "elsewhere", nil
    assert.matches("identities", tostring(ctx))
    assert.is_nil(tostring(ctx):find("client", 1, true))
  end)

  it("come after the certificate hook", function()
    local server = helper.serve {"good/clientcert"}
    local conn = assert(ssl.connect("localhost", server:port("good/clientcert"), {
      ca_file = helper.ca, identities = {unknown},
      certificate_hook = function() return {pkcs12 = P12, key_password = "secret"} end}))
    assert.equal("hello CN=client", conn:read("l"))
    conn:close()
    server:stop()
  end)
end)

describe("whether a key is encrypted", function()
  it("can be asked", function()
    assert.is_true(core.key_file_is_encrypted(ENCRYPTED))
    assert.is_false(core.key_file_is_encrypted(KEY))
    assert.is_false(core.key_file_is_encrypted("/nonexistent"))
    assert.is_true(core.key_mem_is_encrypted(helper.slurp(ENCRYPTED)))
    assert.is_false(core.key_mem_is_encrypted("nothing"))
    assert.is_true(core.key_uri_is_encrypted("file:" .. ENCRYPTED))
    assert.has_error(function() core.key_file_is_encrypted() end)
    assert.has_error(function() core.key_file_is_encrypted("a\0b") end)
  end)
end)

--- Whether a string with `text` in it can be reached from a value: over tables and upvalues, but
-- not by way of the global environment, where everything is.
local function is_kept(value, text, seen)
  local kind = type(value)
  if kind == "string" then return value:find(text, 1, true) ~= nil end
  if (kind ~= "table" and kind ~= "function") or seen[value] then return false end
  seen[value] = true
  if kind == "function" then
    for i = 1, 250 do
      local name, up = debug.getupvalue(value, i)
      if not name then return false end
      if is_kept(up, text, seen) then return true end
    end
    return false
  end
  for name, item in pairs(value) do
    if is_kept(name, text, seen) or is_kept(item, text, seen) then return true end
  end
  return is_kept(getmetatable(value), text, seen)
end

describe("settings that a connect remembers", function()
  it("are known again, and their secrets are not kept", function()
    local context = require "sslconnect.context"
    local function shared(secret, key)
      return assert(context.shared {cert = CERT, key = key, session_secret = secret,
        server_names = {["a.example"] = {cert = CERT, key = ENCRYPTED, key_password = "secret"}}})
    end
    local secret, key = ("\7never kept!\8"):rep(3):sub(1, 32), helper.slurp(KEY)
    local one = shared(secret, key)
    assert.equal(one, shared(secret, key))
    assert.not_equal(one, shared(secret:reverse(), key))
    assert.not_equal(one, shared(secret, KEY))
    local seen = {[_G] = true, [package.loaded] = true}
    assert.is_false(is_kept(context.shared, secret, seen))
    assert.is_true(seen[one], "the walk did not come to what is remembered")
    seen = {[_G] = true, [package.loaded] = true}
    assert.is_false(is_kept(context.shared, key:match("\n(%w+)"), seen))
  end)
end)

describe("core.secret_digest", function()
  it("is the same for the same, and no plain SHA-256", function()
    local digest = core.secret_digest("abc")
    assert.equal(32, #digest)
    assert.equal(digest, core.secret_digest("abc"))
    assert.not_equal(digest, core.secret_digest("abd"))
    assert.not_equal(digest, core.secret_digest("abc\0"))
    assert.not_equal("\186\120\22\191", digest:sub(1, 4))
    assert.equal(32, #core.secret_digest(""))
    assert.has_error(function() core.secret_digest() end)
  end)
end)
