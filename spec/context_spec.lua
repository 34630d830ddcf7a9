-- context_spec.lua: contexts, which connections share: made once, remembered by the value of their
-- settings where a connect is given these itself, made anew when a file has changed.
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core

local server = helper.serve {
  "good/name", "good/clientcert", "unknown/name", "revoked/name", "direct/name",
}
teardown(function() server:stop() end)

-- Counts the contexts that the core makes while f runs.
local function count_contexts(f)
  local made, original = 0, core.ctx
  core.ctx = function()
    made = made + 1
    return original()
  end
  local ok, err = pcall(f)
  core.ctx = original
  if not ok then error(err, 0) end
  return made
end

local function connect(given, scenario)
  return ssl.connect("localhost", server:port(scenario or "good/name"), given)
end

local function connects(given, scenario)
  local conn = assert(connect(given, scenario))
  conn:close()
end

-- Another time of change than before, whatever the file system's clock ticks like.
local function replace_file(path, data)
  os.remove(path)
  helper.write_file(path .. ".new", data)
  assert(os.rename(path .. ".new", path))
end

describe("a context", function()
  it("is shared by its connections", function()
    local ctx = assert(ssl.context {ca_file = helper.ca})
    local made = count_contexts(function()
      for _ = 1, 3 do
        local conn = assert(ctx:connect("localhost", server:port("good/name")))
        assert.equal("localhost", conn:read("l"))
        conn:close()
      end
    end)
    assert.equal(0, made)
  end)

  it("may go before its connections do", function()
    local conn = assert(assert(ssl.context {ca_file = helper.ca}):connect("localhost",
      server:port("good/name")))
    collectgarbage()
    collectgarbage()
    assert.equal("localhost", conn:read("l"))
  end)

  it("takes what is of one connection with each connect", function()
    local ctx = assert(ssl.context {ca_file = helper.ca})
    local port = server:port("good/name")
    local conn = assert(ctx:connect("127.0.0.1", port, {server_name = "test.example", timeout = 9,
      loop = "blocking"}))
    assert.equal("test.example", conn:read("l"))
    conn = assert(ctx:connect("localhost", port))
    assert.equal("localhost", conn:read("l"))
    helper.fails({code = "bad_option", phase = "config", has = "host is nil"}, ctx:connect())
    helper.fails({code = "bad_option", phase = "config", has = "port is nil"},
      ctx:connect("localhost"))
  end)

  it("is checked when it is made", function()
    helper.fails({code = "bad_option", phase = "config", has = "without its key"},
      ssl.context {cert = helper.cert("client.pem")})
  end)

  it("of a certificate shows it", function()
    local ctx = assert(ssl.context {ca_file = helper.ca, cert = helper.cert("client.pem"),
      key = helper.cert("client.key")})
    local conn = assert(ctx:connect("localhost", server:port("good/clientcert")))
    assert.equal("hello CN=client", conn:read("l"))
  end)

  it("of a list of what is revoked refuses it, and what it does not cover", function()
    local ctx = assert(ssl.context {ca_file = helper.ca, crl_file = helper.cert("crl.pem")})
    helper.fails({code = "certificate_revoked"},
      ctx:connect("localhost", server:port("revoked/name")))
    helper.fails({code = "revocation_unknown"}, ctx:connect("localhost", server:port("good/name")))
    assert(ctx:connect("localhost", server:port("direct/name"))):close()
  end)
end)

describe("a connect with settings of its own", function()
  it("shares a context with others of the same settings", function()
    connects {ca_file = helper.ca, alpn = {"a", "b"}, min_version = "1.2"}
    local made = count_contexts(function()
      connects {min_version = "1.2", alpn = {"a", "b"}, ca_file = helper.ca}
      connects {ca_file = helper.ca, alpn = {"a", "b"}, min_version = "1.2", timeout = 10,
        server_name = "test.example", loop = "blocking"}
    end)
    assert.equal(0, made)
  end)

  it("shares the default one with others that have none", function()
    helper.fails({code = "unknown_authority"}, connect())
    local made = count_contexts(function()
      helper.fails({code = "unknown_authority"}, connect())
      helper.fails({code = "unknown_authority"}, connect {})
    end)
    assert.equal(0, made)
  end)

  it("shares none with others of different settings", function()
    local different = {
      {ca_file = helper.ca, alpn = {"a", "b"}},
      {ca_file = helper.ca, alpn = {"ab"}},
      {ca_file = helper.ca, alpn = {"b", "a"}},
      {ca_file = helper.ca, alpn = {"a"}},
      {ca_file = helper.ca, alpn = {"a", "b"}, lenient_eof = true},
      {ca_file = helper.ca, alpn = {"a", "b"}, lenient_eof = false},
      {ca_file = helper.ca, alpn = {"a", "b"}, insecure_no_verify = true},
      {ca_pem = helper.slurp(helper.ca), alpn = {"a", "b"}},
    }
    local made = count_contexts(function()
      for _, given in ipairs(different) do connects(given) end
    end)
    assert.is_true(made >= #different - 1, tostring(made)) -- "false" may count as the default
    for _, given in ipairs {{ca_file = helper.ca}, {}} do
      local conn, err = connect(given, "unknown/name")
      helper.fails({code = "unknown_authority"}, conn, err)
    end
  end)

  it("gets the same as if it were the first, with settings in another's place", function()
    connects({insecure_no_verify = true, ca_file = helper.ca}, "unknown/name")
    helper.fails({code = "unknown_authority"}, connect({ca_file = helper.ca}, "unknown/name"))
    helper.fails({code = "unknown_authority"},
      connect({ca_file = helper.ca, insecure_no_verify = false}, "unknown/name"))
    connects({ca_file = helper.cert("otherca.pem")}, "unknown/name")
    helper.fails({code = "unknown_authority"}, connect({ca_file = helper.ca}, "unknown/name"))
  end)

  it("gets a new context when a file has changed", function()
    local path = os.tmpname()
    helper.write_file(path, helper.slurp(helper.ca))
    connects {ca_file = path}
    assert.equal(0, count_contexts(function() connects {ca_file = path} end))
    replace_file(path, helper.slurp(helper.cert("otherca.pem")))
    assert.equal(1, count_contexts(function()
      helper.fails({code = "unknown_authority"}, connect {ca_file = path})
    end))
    assert.equal(0, count_contexts(function()
      helper.fails({code = "unknown_authority"}, connect {ca_file = path})
      connects({ca_file = path}, "unknown/name")
    end))
    os.remove(path)
    helper.fails({code = "bad_file", phase = "config", has = path}, connect {ca_file = path})
  end)

  it("does not remember a context that could not be made", function()
    local path = os.tmpname()
    os.remove(path)
    helper.fails({code = "bad_file"}, connect {ca_file = path})
    helper.write_file(path, helper.slurp(helper.ca))
    connects {ca_file = path}
    os.remove(path)
  end)

  it("keeps a bounded number of contexts, those that were used last", function()
    local kept = setmetatable({}, {__mode = "k"})
    local original = core.ctx
    core.ctx = function()
      local ctx, err = original()
      if ctx then kept[ctx] = true end
      return ctx, err
    end
    local favourite = {ca_file = helper.ca, alpn = "favourite"}
    local port, refusing = helper.refusing()
    local function use(given)
      helper.fails({code = "connection_refused"}, ssl.connect("127.0.0.1", port, given))
    end
    for i = 1, 300 do
      use {ca_file = helper.ca, alpn = "protocol-" .. i}
      use(favourite)
    end
    core.ctx = original
    refusing:close()
    collectgarbage()
    collectgarbage()
    local count = 0
    for _ in pairs(kept) do count = count + 1 end
    assert.is_true(count <= 100, count .. " contexts are kept")
    assert.equal(0, count_contexts(function() use(favourite) end))
  end)
end)
