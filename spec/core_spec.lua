-- core_spec.lua: the module sslconnect.core as core_meta.lua describes it: what it is made of, its
-- errors, and what it does with arguments that cannot be meant.
local core = require("sslconnect.core")
local support = require("support.core")

local certs = support.certs
local slurp = support.slurp
local server_ctx = support.server_ctx
local joined = support.joined
local shake = support.shake
local connected = support.connected
local listener = support.listener
local wait_dial = support.wait_dial
local check_error = support.check_error
local throws = support.throws
local sorted_keys = support.sorted_keys
local methods_of = support.methods_of
local some_bio = support.some_bio
local kinds = support.kinds
local unpack = support.unpack

describe("the module", function()
  it("knows its versions", function()
    assert.equal("0.1.0", core.version)
    assert.matches("^OpenSSL %d", core.openssl_version())
    assert.matches("^OpenSSL %d", core.openssl_build_version())
  end)

  it("has every code with class and sentence", function()
    local expired = core.codes.certificate_expired
    assert.equal(24, expired.code)
    assert.equal("verify", expired.class)
    assert.equal("a certificate is past its end", expired.sentence)
    assert.is_string(expired.hint)
    assert.is_nil(core.codes.out_of_memory.hint)
    assert.is_nil(core.codes.none)
    assert.equal(39, #sorted_keys(core.codes))
  end)

  it("has a clock that goes forward", function()
    local before = core.now()
    assert.is_number(before)
    local ready = core.wait(0, "w", 0)
    assert.is_true(ready == "w" or not ready)
    assert.is_true(core.now() >= before)
  end)

  it("is described in core_meta.lua, function by function", function()
    local meta = slurp("lua/sslconnect/core_meta.lua")
    local described, real = {}, {}
    for where, name in meta:gmatch("\nfunction ([%w_]+)[.:]([%w_]+)%(") do
      described[where .. "." .. name] = true
    end
    for name, value in pairs(core) do
      if type(value) == "function" then real["core." .. name] = true end
    end
    for kind, how in pairs(kinds) do
      for name in pairs(methods_of(how.make())) do real[kind .. "." .. name] = true end
    end
    assert.same(sorted_keys(real), sorted_keys(described))
  end)

  it("can be loaded again", function()
    local client, server = connected()
    package.loaded["sslconnect.core"] = nil
    local again = require("sslconnect.core")
    package.loaded["sslconnect.core"] = core
    assert.equal(core.error_mt, again.error_mt)
    assert.equal(1, client:write("x"))
    assert.equal("x", server:read(10))
    assert.equal("sslconnect.ctx", getmetatable(assert(again.ctx())).__name)
  end)
end)

describe("an error", function()
  it("is made from a code, with class and hint", function()
    local err = core.error("timeout", "dns", "no answer within 5 s", {host = "example.com:443"})
    check_error(err)
    assert.equal("timeout", err.class)
    assert.equal("example.com:443: dns: no answer within 5 s [timeout]", err.text)
  end)

  it("leaves out of its text what is absent", function()
    assert.equal("memory is short [out_of_memory]", tostring(core.error("out_of_memory")))
    local err = core.error("timeout", nil, "late", {address = "192.0.2.1:1", hint = "try again"})
    assert.equal("192.0.2.1:1: late; try again [timeout]", err.text)
    assert.is_nil(err.phase)
  end)

  it("shows host and address where both are known", function()
    local fields = {host = "a.example:1", address = "192.0.2.1:1"}
    local err = core.error("timeout", "connect", "late", fields)
    assert.equal("a.example:1 (192.0.2.1:1): connect: late [timeout]", err.text)
  end)

  it("takes the hint of its code, another, or none", function()
    assert.equal(core.codes.dns_failed.hint, core.error("dns_failed").hint)
    assert.equal("ask", core.error("dns_failed", nil, nil, {hint = "ask"}).hint)
    assert.is_nil(core.error("dns_failed", nil, nil, {hint = ""}).hint)
  end)

  it("keeps other fields, but not what its arguments say", function()
    local cause = core.error("timeout", "read", "late")
    local err = core.error("closed", "write", "gone", {cause = cause, errno = 32, code = "x",
      text = "x", message = "x", class = "x", phase = "x"})
    check_error(err)
    assert.equal(cause, err.cause)
    assert.equal(32, err.errno)
    assert.equal("write: gone [closed]", err.text)
  end)

  it("made in Lua is worded as the C core's", function()
    local conn = kinds.conn.make()
    local _, theirs = conn:set_server_name("")
    check_error(theirs)
    local ours = core.error(theirs.code, theirs.phase, theirs.message, theirs)
    assert.same(theirs, ours)
    assert.equal(theirs.text, ours.text)
  end)

  it("throws for a code that does not exist", function()
    throws("unknown code 'oops'", core.error, "oops")
    throws("unknown code 'none'", core.error, "none")
    throws("string expected", core.error)
    throws("table expected", core.error, "closed", nil, nil, "fields")
  end)

  it("without a text prints its kind", function()
    assert.equal("sslconnect.error", tostring(setmetatable({}, core.error_mt)))
    throws("table expected", core.error_mt.__tostring, 1)
  end)

  it("carries the certificate at fault, which outlives everything", function()
    local client, server = joined({server = server_ctx("expired")})
    local ok, err = shake(client, server)
    assert.is_nil(ok)
    client:close()
    server:close()
    collectgarbage()
    check_error(err)
    assert.equal("certificate_expired", err.code)
    assert.equal("verify", err.class)
    assert.equal("handshake", err.phase)
    assert.equal(10, err.verify_result)
    assert.equal(0, err.depth)
    assert.is_true(err.certificate:not_after() < os.time())
    assert.is_nil(err.errno)
  end)

  it("of a peer's alert carries number and name", function()
    local client, server = joined({server = server_ctx("expired")})
    assert.is_nil((shake(client, server)))
    local ok, err
    repeat ok, err = server:do_handshake() until ok ~= false
    assert.is_nil(ok)
    check_error(err)
    assert.equal("alert", err.class)
    assert.equal(45, err.alert)
    assert.equal("certificate_expired", err.alert_name)
    assert.is_string(err.queue[1])
  end)

  it("of the system carries errno and its words", function()
    local server, port = listener()
    server:close()
    local dial = assert(core.dial())
    local ok, err = dial:start("127.0.0.1", port)
    if ok then ok, err = wait_dial(dial) end
    assert.is_nil(ok)
    check_error(err)
    assert.equal("connection_refused", err.code)
    assert.is_true(err.errno > 0)
    assert.matches("refused", err.strerror)
    assert.same(err, dial:error())
  end)
end)

describe("arguments", function()
  local function objects()
    local made = {}
    for kind, how in pairs(kinds) do made[kind] = how.make() end
    return made
  end

  it("of the wrong type throw and say what was expected", function()
    local o = objects()
    local faults = {
      {"sslconnect.ctx expected", core.conn, o.bio},
      {"sslconnect.ctx expected", core.conn},
      {"number expected", core.bio_socket, "x"},
      {"file descriptor (an integer from 0 on) expected", core.bio_socket, -1},
      {"file descriptor (an integer from 0 on) expected", core.bio_socket, 0.5},
      {"file descriptor (an integer from 0 on) expected", core.bio_socket, 0 / 0},
      {"file descriptor (an integer from 0 on) expected", core.close_fd, 2 ^ 31},
      {"boolean expected", core.bio_socket, 0, 1},
      {"number from 0 to 2147483647 expected", core.bio_pair, -1},
      {"number from 0 to 2147483647 expected", core.bio_pair, 0, math.huge},
      {"number expected", core.bio_pair, {}},
      {"sslconnect.bio expected", o.conn.set_bio, o.conn, o.ctx},
      {"sslconnect.bio expected", o.conn.set_bio, o.conn, o.bio, o.ctx},
      {"sslconnect.bio expected", o.conn.set_bio, o.conn},
      {"string expected", o.conn.set_server_name, o.conn},
      {"string expected", o.conn.set_server_name, o.conn, true},
      {"number expected", o.conn.read, o.conn},
      {"number from 1 to 2147483647 expected", o.conn.read, o.conn, 0},
      {"number from 1 to 2147483647 expected", o.conn.read, o.conn, 2 ^ 31},
      {"number from 1 to 2147483647 expected", o.conn.read, o.conn, 0 / 0},
      {"no integer representation", o.conn.peek, o.conn, 1.5},
      {"string expected", o.conn.write, o.conn, nil},
      {"number expected", o.conn.write, o.conn, "x", {}},
      {"no integer representation", o.conn.write, o.conn, "x", 1.5},
      {"no integer representation", o.conn.write, o.conn, "x", 1, 0 / 0},
      {"number expected", o.conn.peer_cert, o.conn},
      {"string expected", o.dial.start, o.dial},
      {"number expected", o.dial.start, o.dial, "localhost"},
      {"number from ", o.dial.start, o.dial, "localhost", 2 ^ 40},
      {"no integer representation", o.dial.start, o.dial, "localhost", 443.5},
      {"\"r\", \"w\" or \"rw\" expected", o.poller.set, o.poller, 0, "x"},
      {"number expected", o.poller.wait, o.poller, "soon"},
      {"number of seconds expected, got NaN", o.poller.wait, o.poller, 0 / 0},
      {"\"r\", \"w\" or \"rw\" expected", core.wait, 0, "wr"},
      {"string expected", core.wait, 0},
      {"number of seconds expected, got NaN", core.wait, 0, "r", 0 / 0},
      {"version \"1.2\" or \"1.3\" expected, got \"1.4\"", o.ctx.set_min_version, o.ctx, "1.4"},
      {"string expected", o.ctx.set_max_version, o.ctx, {}},
      {"string expected", o.ctx.set_insecure_min_version, o.ctx},
      {"\"none\", \"optional\" or \"required\" expected", o.ctx.set_verify_client, o.ctx, "yes"},
      {"table expected", o.ctx.set_alpn, o.ctx, "h2"},
      {"[2]: string expected", o.ctx.set_alpn, o.ctx, {"h2", 1}},
      {"string expected", o.ctx.load_verify_pem, o.ctx},
    }
    for _, fault in ipairs(faults) do throws(unpack(fault, 1, 6)) end
    local many = {}
    for i = 1, 257 do many[i] = "x" end
    throws("at most 256 names expected", o.ctx.set_alpn, o.ctx, many)
  end)

  it("that should be of another object throw in every method", function()
    local others = {ctx = "bio", bio = "conn", conn = "ctx", dial = "poller", poller = "dial",
      cert = "conn"}
    local o = objects()
    for kind, other in pairs(others) do
      for name, method in pairs(methods_of(o[kind])) do
        throws("sslconnect." .. kind .. " expected", method, o[other], 1, 2)
        throws("sslconnect." .. kind .. " expected", method, io.stdout)
        throws("sslconnect." .. kind .. " expected", method, {})
        throws("sslconnect." .. kind .. " expected", method)
        assert.is_string(name)
      end
      for _, name in ipairs({"__gc", "__close", "__tostring"}) do
        local metamethod = getmetatable(o[kind])[name]
        if metamethod then throws("sslconnect." .. kind .. " expected", metamethod, o[other]) end
      end
    end
  end)

  it("that safety hangs on are booleans, and nothing that counts as one", function()
    local ctx, bio = kinds.ctx.make(), some_bio()
    for _, name in ipairs({"set_lenient_eof", "set_insecure_no_verify",
      "set_insecure_no_name_check"}) do
      for _, value in ipairs({0, 1, "no", "false", {}}) do
        throws("boolean expected, got " .. type(value), ctx[name], ctx, value)
      end
      throws("boolean expected", ctx[name], ctx, nil)
      throws("boolean expected", ctx[name], ctx)
    end
    throws("boolean expected", bio.set_nbio, bio, 0)
    throws("boolean expected", bio.set_tcp_nodelay, bio, 1)
    assert.is_true(ctx:check())
  end)

  it("with zero bytes are refused where C takes a string", function()
    local o = objects()
    local message = "string without zero bytes expected"
    for _, name in ipairs({"load_verify_file", "load_verify_dir", "load_crl_file",
      "use_certificate_file", "use_private_key_file", "set_key_password"}) do
      throws(message, o.ctx[name], o.ctx, certs .. "/ca.pem\0.txt")
    end
    throws("[2]: " .. message, o.ctx.set_alpn, o.ctx, {"h2", "h\0"})
    throws(message, o.conn.set_server_name, o.conn, "localhost\0.evil.example")
    throws(message, o.conn.set_peer_label, o.conn, "\0")
    throws(message, o.dial.start, o.dial, "localhost\0", 443)
    assert.is_true(o.ctx:load_verify_file(certs .. "/ca.pem"))
  end)

  it("may be integers or floats with an integer's value, up to the largest", function()
    local client, server = connected()
    assert(client:write("abc"))
    assert.equal("a", server:read(1.0))
    assert.equal("bc", server:read(2 ^ 31 - 1))
  end)
end)
