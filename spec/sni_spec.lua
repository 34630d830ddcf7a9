-- sni_spec.lua: a server of several names: server_names, strict_sni; whose certificate, demands and
-- hooks hold; and who tries to be served by another's.
local helper = require "helper"
local ssl = require "sslconnect"

local PATIENT = {timeout = helper.patience}

local function with(settings, given)
  local all = {}
  for name, value in pairs(settings) do all[name] = value end
  for name, value in pairs(given or {}) do all[name] = value end
  return all
end

--- The settings of a server with this certificate.
local function leaf(name, given)
  return with({cert = helper.cert(name .. ".pem"), key = helper.cert(name .. ".key")}, given)
end

local OURS = leaf("client")

local function server_of(given)
  return assert(ssl.context(leaf("good", given)))
end

-- The certificates are for localhost, and what is asked for here are other names.
local function client_of(given)
  return assert(ssl.context(with({ca_file = helper.ca, insecure_no_name_check = true}, given)))
end

-- What a side comes to: the subject that it was shown and its info, or nil and the error.
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

--- A client that asks for a name, and what both came to.
local function ask(server, name, client)
  local port, listener = helper.listen()
  local loop = with(PATIENT, {loop = "coroutine"})
  local results = helper.run {
    function() return exchange(server:accept(helper.accept(listener), loop)) end,
    function()
      client = client or client_of()
      local path = name or "127.0.0.1"
      return exchange(client:connect("127.0.0.1", port, with(loop, {server_name = path})))
    end,
  }
  listener:close()
  return {info = results[1][1], err = results[1][2]}, {info = results[2][1], err = results[2][2]}
end

local function subject(client)
  assert(client.info, tostring(client.err))
  return client.info.certificates[1]:subject()
end

local function shown(server, name, client)
  return subject(select(2, ask(server, name, client)))
end

local names = {["a.example"] = leaf "direct", ["*.b.example"] = leaf "wronghost",
  ["x.b.example"] = assert(ssl.context(leaf "rsa"))}

describe("server_names", function()
  it("show each name its certificate", function()
    local server = server_of {server_names = names}
    for name, expected in pairs {["a.example"] = "direct", ["A.Example"] = "direct",
        ["y.b.example"] = "wronghost", ["x.b.example"] = "rsa", ["b.example"] = "good",
        ["z.y.b.example"] = "good", ["other.example"] = "good"} do
      assert.equal("CN=" .. expected, shown(server, name), name)
    end
    assert.equal("CN=good", shown(server, nil))
  end)

  it("are a copy", function()
    local given = {["a.example"] = leaf "direct"}
    local server = server_of {server_names = given}
    given["a.example"].cert, given["b.example"] = "nowhere", leaf "rsa"
    assert.equal("CN=direct", shown(server, "a.example"))
    assert.equal("CN=good", shown(server, "b.example"))
    assert.equal("nowhere", given["a.example"].cert)
  end)

  it("turn other names away with strict_sni", function()
    local server = server_of {server_names = names, strict_sni = true}
    assert.equal("CN=direct", shown(server, "a.example"))
    local theirs, ours = ask(server, "other.example")
    helper.fails({code = "canceled", has = "nobody serves"}, theirs.info, theirs.err)
    helper.fails({code = "alert", alert = "unrecognized_name"}, ours.info, ours.err)
    theirs, ours = ask(server, nil)
    helper.fails({code = "canceled", has = "names no server"}, theirs.info, theirs.err)
    assert.is_nil(ours.info)
  end)

  it("turn other names away where there is no certificate", function()
    local server = assert(ssl.context {server_names = names})
    assert.equal("CN=direct", shown(server, "a.example"))
    local theirs, ours = ask(server, "other.example")
    helper.fails({code = "canceled", has = "nobody serves"}, theirs.info, theirs.err)
    helper.fails({code = "alert", alert = "unrecognized_name"}, ours.info, ours.err)
  end)

  it("leave other names to client_hello_hook", function()
    local asked = {}
    local server = server_of {server_names = names, strict_sni = true,
      client_hello_hook = function(request)
        asked[#asked + 1] = request.server_name
        return request.server_name == "c.example" and server_of(leaf "rsa"), "not here"
      end}
    assert.equal("CN=direct", shown(server, "a.example"))
    assert.equal("CN=rsa", shown(server, "c.example"))
    local theirs = ask(server, "other.example")
    helper.fails({code = "canceled", has = "not here"}, theirs.info, theirs.err)
    assert.same({"c.example", "other.example"}, asked)
  end)
end)

for _, version in ipairs {"1.2", "1.3"} do
  describe("the context that a name chose, with TLS " .. version, function()
    local function demanding(given)
      return leaf("direct", with({ca_file = helper.ca, verify_client = "required"}, given))
    end

    it("demands what it demands", function()
      local server = server_of {server_names = {["a.example"] = demanding()}}
      local settings = {max_version = version}
      local theirs = ask(server, "a.example", client_of(settings))
      helper.fails({code = "certificate_missing"}, theirs.info, theirs.err)
      theirs = ask(server, "other.example", client_of(settings))
      assert(theirs.info, tostring(theirs.err))
      theirs = ask(server, "a.example", client_of(with(OURS, settings)))
      assert(theirs.info, tostring(theirs.err))
      assert.is_true(theirs.info.verified)
    end)

    it("has the hooks that hold", function()
      local calls = {own = 0, a = 0, b = 0}
      local function counting(who, answer)
        return demanding {verify_hook = function(request)
          calls[who] = calls[who] + 1
          assert.is_truthy(request.server_name)
          return answer, "not ours"
        end}
      end
      local server = assert(ssl.context(with(counting("own", true), {server_names = {
        ["a.example"] = counting("a", false), ["b.example"] = counting("b", true),
        ["c.example"] = demanding()}})))
      local client = client_of(with(OURS, {max_version = version}))
      local theirs = ask(server, "a.example", client)
      helper.fails({code = "verification_failed", has = "not ours"}, theirs.info, theirs.err)
      assert.same({own = 0, a = 1, b = 0}, calls)
      for name, expected in pairs {["b.example"] = "b", ["d.example"] = "own"} do
        calls = {own = 0, a = 0, b = 0}
        theirs = ask(server, name, client)
        assert(theirs.info, tostring(theirs.err))
        assert.equal(1, calls[expected])
        assert.equal(1, calls.own + calls.a + calls.b)
      end
      calls = {own = 0, a = 0, b = 0}
      theirs = ask(server, "c.example", client)
      assert(theirs.info, tostring(theirs.err))
      assert.same({own = 0, a = 0, b = 0}, calls)
    end)

    it("has the certificate_hook that holds", function()
      local server = server_of {server_names = {["a.example"] = {
        certificate_hook = function() return leaf "rsa" end}}}
      local settings = {max_version = version}
      assert.equal("CN=rsa", shown(server, "a.example", client_of(settings)))
      assert.equal("CN=good", shown(server, "other.example", client_of(settings)))
    end)

    it("takes no sessions of another", function()
      local server = server_of {server_names = {["a.example"] = demanding()}}
      local client = client_of {max_version = version}
      local port, listener = helper.listen()
      local function once(name)
        local loop = with(PATIENT, {loop = "coroutine"})
        local results = helper.run {
          function() return exchange(server:accept(helper.accept(listener), loop)) end,
          function()
            return exchange(client:connect("127.0.0.1", port,
              with(loop, {server_name = name})))
          end,
        }
        return results[1][1], results[1][2], results[2][1]
      end
      assert(once("other.example"))
      assert.is_true(once("other.example").resumed)
      -- Whoever was let in without a certificate is asked for one where one is demanded.
      local info, err = once("a.example")
      helper.fails({code = "certificate_missing"}, info, err)
      listener:close()
    end)
  end)
end

describe("server_names refuse", function()
  local function bad(value, has)
    helper.fails({code = "bad_option", has = has},
      ssl.context(leaf("good", {server_names = value})))
  end

  it("what is no table of contexts", function()
    for _, value in ipairs {"a.example", 1, true, {}, {leaf "good"}, {["a.example"] = "good.pem"},
        {["a.example"] = 1}, ssl.context {}, {["a\0b"] = leaf "good"}} do
      bad(value, "a table of names")
    end
  end)

  it("bad settings, and tell of whom", function()
    bad({["a.example"] = {cret = "x"}}, '"a.example": unknown option "cret"')
    bad({["a.example"] = {}}, "no certificate and key")
    bad({["a.example"] = {cert = helper.cert("good.pem")}}, "without its key")
    bad({["a.example"] = ssl.context {}}, "no certificate and key")
    helper.fails({code = "bad_file"},
      ssl.context {server_names = {["a.example"] = {cert = "/nowhere", key = "/nowhere"}}})
  end)

  it("what would not count", function()
    local loop = leaf "good"
    loop.server_names = {["a.example"] = loop}
    bad({["a.example"] = loop}, "beside server_names")
    bad({["a.example"] = leaf("good", {strict_sni = true})}, "beside server_names")
    bad({["a.example"] = leaf("good", {client_hello_hook = print})}, "beside server_names")
  end)

  it("what is no name", function()
    for _, name in ipairs {"", "*", "*.", "a..b", "*.*.a", "192.0.2.1", "a b"} do
      bad({[name] = leaf "good"}, "server_name")
    end
    bad({["a.example"] = leaf "good", ["A.example"] = leaf "rsa"}, "twice")
  end)

  it("a strict_sni that is no boolean", function()
    helper.fails({code = "bad_option"}, ssl.context {strict_sni = 1})
  end)
end)

describe("conn:is_of", function()
  it("knows the context, and takes nothing else", function()
    local one, other = assert(ssl.core.ctx()), assert(ssl.core.ctx())
    local conn = assert(ssl.core.conn(one))
    assert.is_true(conn:is_of(one))
    assert.is_false(conn:is_of(other))
    assert.has_error(function() conn:is_of(nil) end)
    assert.has_error(function() conn:is_of(conn) end)
    one:close()
    assert.is_false(conn:is_of(one))
    conn:close()
    assert.is_false(conn:is_of(other))
  end)
end)

describe("a context of several names", function()
  it("keeps and shows no secrets of theirs", function()
    local ctx = assert(ssl.context {strict_sni = true, server_names = {["a.example"] = {
      cert = helper.cert("client.pem"), key = helper.cert("client-enc.key"),
      key_password = "secret"}}})
    assert.equal("sslconnect.Context: server_names strict_sni=true", tostring(ctx))
    assert.equal("", ctx.settings.server_names)
  end)
end)
