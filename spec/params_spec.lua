-- params_spec.lua: what a handshake may agree on, how records are cut, exported secrets and the key
-- log, as options and methods of the module.
local core = require "sslconnect.core"
local helper = require "helper"
local lfs = require "lfs"
local ssl = require "sslconnect"
local support = require "support.core"

local server

setup(function() server = helper.serve {"good/echo", "rsa/echo"} end)
teardown(function() server:stop() end)

local function connect(options, name)
  local given = {ca_file = helper.ca}
  for key, value in pairs(options) do given[key] = value end
  return ssl.connect("localhost", server:port(name or "good/echo"), given)
end

local function infos(options, name)
  local conn = assert(connect(options, name))
  local info = conn:info()
  conn:close()
  return info
end

-- Lists ------------------------------------------------------------------------------------------

describe("a list", function()
  it("is a string as OpenSSL has it, or a table", function()
    for _, list in ipairs {"ECDHE+CHACHA20:!aNULL", {"ECDHE+CHACHA20", "!aNULL"}} do
      local info = infos({ciphers = list, max_version = "1.2"})
      assert.equal("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", info.cipher)
    end
    assert.equal("TLS_AES_128_GCM_SHA256",
      infos({ciphersuites = {"TLS_AES_128_GCM_SHA256"}}).cipher)
    assert.equal("secp384r1", infos({groups = {"P-384", "!X25519MLKEM768"}}).group)
    assert.equal("TLSv1.3", infos({sigalgs = "ECDSA+SHA256"}).version)
  end)

  it("with a name that is none is an error, wherever it stands", function()
    for _, case in ipairs {
      {"ciphers", {"ECDHE+AESGCM", "BOGUS"}}, {"ciphersuites", "TLS_AES_128_GCM_SHA256:BOGUS"},
      {"groups", {"P-256", "BOGUS"}}, {"sigalgs", {"ECDSA+SHA256", "BOGUS"}},
      {"insecure_ciphers", "ALL:BOGUS"},
    } do
      helper.fails({code = "bad_option", phase = "config", has = case[1] .. ': "BOGUS" is no'},
        ssl.context {[case[1]] = case[2]})
    end
  end)

  it("does not let in what is not safe, unless it is said", function()
    helper.fails({code = "bad_option", has = "authenticates nobody"}, ssl.context {ciphers = "ALL"})
    helper.fails({code = "bad_option", has = "SHA1"}, ssl.context {sigalgs = {"RSA+SHA1"}})
    assert(ssl.context {insecure_ciphers = "ALL"})
  end)

  it("is of the right type", function()
    for _, value in ipairs {1, true, {1}, {{}}, "a\0b", {a = "b"}} do
      helper.fails({code = "bad_option", phase = "config"}, ssl.context {ciphers = value})
    end
    helper.fails({code = "bad_option", has = "the list is empty"}, ssl.context {groups = {}})
  end)

  it("is not what the caller makes of the table later", function()
    local list = {"P-384", "!X25519MLKEM768"}
    local ctx = assert(ssl.context {ca_file = helper.ca, groups = list})
    list[1] = "P-521"
    local conn = assert(ctx:connect("localhost", server:port("good/echo")))
    assert.equal("secp384r1", conn:info().group)
    assert.matches("groups=P-384:!X25519MLKEM768", tostring(ctx), 1, true)
    conn:close()
  end)

  it("without anything in common is told", function()
    helper.fails({code = "no_shared_parameters", phase = "handshake"},
      connect({sigalgs = "ECDSA+SHA256"}, "rsa/echo"))
  end)
end)

-- Records ----------------------------------------------------------------------------------------

describe("a size", function()
  it("is a whole number that OpenSSL takes", function()
    assert(connect({block_padding = 512, max_send_fragment = 1000,
      max_fragment_length = 1024})):close()
    for name, values in pairs {block_padding = {-1, 1.5, 16385, "16"},
      max_send_fragment = {511, 16385, 0 / 0}, max_fragment_length = {1000, 8192, true}} do
      for _, value in ipairs(values) do
        helper.fails({code = "bad_option", has = name}, ssl.context {[name] = value})
      end
    end
  end)

  it("of the longest fragment is what both agreed on", function()
    local client = support.client_ctx()
    assert(client:set_max_fragment_length(512))
    local conn, peer = support.joined({client = client})
    assert.equal(0, conn:max_fragment_length())
    assert(support.shake(conn, peer))
    assert.equal(512, conn:max_fragment_length())
    conn:close()
    assert.is_nil(conn:max_fragment_length())
  end)
end)

-- Exported secrets -------------------------------------------------------------------------------

describe("an exported secret", function()
  it("is the same on both sides, and another for another label", function()
    for _, version in ipairs {"1.2", "1.3"} do
      local ctx = support.client_ctx()
      assert(ctx:set_max_version(version))
      local client, peer = support.connected({client = ctx})
      local secret = assert(client:export_keying_material("EXPORTER-a", 32, "context"))
      assert.equal(32, #secret)
      assert.equal(secret, peer:export_keying_material("EXPORTER-a", 32, "context"))
      assert.are_not.equal(secret, client:export_keying_material("EXPORTER-b", 32, "context"))
      for _, kind in ipairs {"tls-exporter", "tls-server-end-point"} do
        local binding = assert(client:channel_binding(kind))
        assert.equal(32, #binding)
        assert.equal(binding, peer:channel_binding(kind))
      end
    end
  end)

  it("comes from a connection of the module as well", function()
    local conn = assert(connect({}))
    assert.equal(8160, #conn:export("EXPORTER-x", 8160))
    assert.equal(1, #conn:export("EXPORTER-x", 1, ""))
    assert.equal(32, #conn:channel_binding("tls-exporter"))
    local hex = conn:channel_binding("tls-server-end-point"):gsub(".", function(c)
      return ("%02x"):format(c:byte())
    end)
    assert.equal(conn:info().certificates[1]:fingerprint(), hex)
    for _, wrong in ipairs {{}, {1, 32}, {"x"}, {"x", 0}, {"x", 1.5}, {"x", 8161}, {"x", "y"},
      {"x", 32, 1}, {"a\0b", 32}, {"", 32}, {("x"):rep(250), 32}} do
      helper.fails({code = "bad_option"}, conn:export(wrong[1], wrong[2], wrong[3]))
    end
    for _, kind in ipairs {"tls-unique", "", "a\0b", 1, {}} do
      helper.fails({code = "bad_option"}, conn:channel_binding(kind))
    end
    helper.fails({code = "bad_option"}, conn:channel_binding())
    conn:close()
    helper.fails({code = "closed"}, conn:export("EXPORTER-x", 32))
    helper.fails({code = "closed"}, conn:channel_binding("tls-exporter"))
  end)

  it("is not there before the handshake", function()
    local client = support.joined()
    helper.fails({code = "misuse"}, client:export_keying_material("x", 32))
    helper.fails({code = "misuse"}, client:channel_binding("tls-exporter"))
    support.throws("number", client.export_keying_material, client, "x")
    support.throws("bad argument", client.export_keying_material, client, "x", 0)
    support.throws("string expected", client.channel_binding, client, {})
  end)
end)

-- The key log ------------------------------------------------------------------------------------

describe("the key log", function()
  local path
  before_each(function()
    path = os.tmpname() -- of this process, which may not be the only one that runs these specs
    os.remove(path)
  end)
  after_each(function() os.remove(path) end)

  it("is written where it was asked for, for its owner alone", function()
    assert(connect({keylog = path})):close()
    assert.matches("^[A-Z_0-9]+ %x+ %x+\n", helper.slurp(path))
    assert.equal("rw-------", lfs.attributes(path, "permissions"))
  end)

  it("is never written unasked, whatever the environment says", function()
    local script = [[
      package.path, package.cpath = %q, %q
      local ssl = require "sslconnect"
      local conn, err = ssl.connect("localhost", %d, {ca_file = %q, keylog = %s})
      assert(conn, tostring(err))
      conn:close()
    ]]
    for _, keylog in ipairs {"nil", "false", "true"} do
      local output, status = helper.output_of(script:format(package.path, package.cpath,
        server:port("good/echo"), helper.ca, keylog), {SSLKEYLOGFILE = path})
      assert.equal(0, status, output)
      assert.equal(keylog == "true", lfs.attributes(path) ~= nil, keylog)
    end
  end)

  it("does not go where others can read it", function()
    helper.write_file(path, "")
    os.execute("chmod 644 " .. helper.quote(path))
    helper.fails({code = "bad_file", has = "others may read or write it"},
      ssl.context {keylog = path})
    assert.equal("", helper.slurp(path))
  end)

  it("has a name, or the environment's", function()
    for _, value in ipairs {"", 1, {}, "a\0b"} do
      helper.fails({code = "bad_option"}, ssl.context {keylog = value})
    end
    helper.fails({code = "bad_file"}, ssl.context {keylog = helper.cert("nowhere/keylog")})
  end)
end)

-- ECH --------------------------------------------------------------------------------------------

describe("the encrypted ClientHello", function()
  it("is there, or it is said that it is not", function()
    helper.fails({code = "bad_option", has = "ech_config_list: "},
      connect({ech_config_list = "nonsense"}))
    helper.fails({code = "bad_option"}, connect({ech_config_list = 1}))
    local conn = assert(core.conn(support.client_ctx()))
    helper.fails({code = "bad_option"}, conn:set_ech_config_list(""))
  end)
end)
