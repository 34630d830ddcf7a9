-- pins_spec.lua: pinned keys from Lua: what is a pin, and who is refused for want of one.
local helper = require "helper"
local ssl = require "sslconnect"

local server = helper.serve {"good/echo", "wronghost", "unknown", "selfsigned"}
teardown(function() server:stop() end)

local ZEROS = ("0"):rep(64)

local function connect(scenario, given, host)
  given.ca_file = given.ca_file or not given.insecure_no_verify and helper.ca or nil
  given.timeout = helper.patience
  return ssl.connect(host or "localhost", server:port(scenario), given)
end

--- The pins of what a server shows: its own and those of its chain.
local function pins_of(scenario)
  local conn = assert(connect(scenario, {insecure_no_verify = true}))
  local pins = {}
  for i, cert in ipairs(conn:info().certificates) do pins[i] = cert:spki_sha256() end
  conn:close()
  return pins
end

local good = pins_of("good/echo")

--- The pin of a certificate in a file, by the openssl program.
local function pin_by_openssl(file)
  local command = "openssl x509 -in %s -noout -pubkey | openssl pkey -pubin -outform DER | " ..
    "openssl dgst -sha256 -binary | base64"
  local pipe = assert(io.popen(command:format(helper.quote(helper.cert(file)))))
  local pin = pipe:read("*l")
  pipe:close()
  return "sha256/" .. pin
end

for _, mode in ipairs(helper.modes) do
  describe("a pin, " .. mode .. ",", function()
    local function connects(given)
      given.loop = mode
      helper.in_mode(mode, function()
        local conn = assert(connect("good/echo", given))
        assert.is_true(conn:info().verified)
        conn:close()
      end)
    end

    local function refused(given)
      given.loop = mode
      return helper.fails({code = "pin_mismatch", phase = "handshake"},
        helper.in_mode(mode, connect, "good/echo", given))
    end

    it("of the server's key lets it in", function()
      connects {pins = {good[1]}}
      connects {pins = good[1]}
      connects {pins = {good[1]}, pin_scope = "leaf"}
    end)

    it("of an authority's key lets it in, but not as the server's own", function()
      connects {pins = {good[2]}}
      connects {pins = {pin_by_openssl("ca.pem")}}
      refused {pins = {good[2]}, pin_scope = "leaf"}
    end)

    it("may be one of several", function()
      connects {pins = {ZEROS, good[1]}}
    end)

    it("of another key refuses the server, and the error has the pins there are", function()
      local err = refused {pins = {ZEROS}}
      for _, pin in ipairs(good) do assert(err.message:find(pin, 1, true), err.message) end
      assert.equal("CN=good", err.certificate:subject())
    end)
  end)
end

describe("a pin", function()
  it("is what openssl makes of the key", function()
    assert.equal(pin_by_openssl("good.pem"), good[1])
  end)

  it("makes up for neither chain nor name", function()
    helper.fails({code = "hostname_mismatch"}, connect("wronghost", {pins = pins_of("wronghost")}))
    helper.fails({code = "unknown_authority"}, connect("unknown", {pins = pins_of("unknown")}))
    helper.fails({code = "self_signed"}, connect("selfsigned", {pins = pins_of("selfsigned")}))
  end)

  it("holds alone where nothing else is verified", function()
    local conn = assert(connect("selfsigned", {pins = pins_of("selfsigned"),
      insecure_no_verify = true}))
    assert.is_false(conn:info().verified)
    conn:close()
    helper.fails({code = "pin_mismatch"}, connect("selfsigned", {pins = good,
      insecure_no_verify = true}))
    helper.fails({code = "pin_mismatch"}, connect("good/echo", {pins = {good[2]},
      insecure_no_verify = true}))
  end)

  it("holds for connections that a context resumes by itself", function()
    local ctx = assert(ssl.context {ca_file = helper.ca, pins = {good[2]}})
    local resumed = 0
    for _ = 1, 3 do
      local conn = assert(ctx:connect("localhost", server:port("good/echo")))
      assert.is_true(conn:info().verified)
      assert(conn:write("x"))
      assert.equal("x", conn:read(1))
      if conn:info().resumed then resumed = resumed + 1 end
      conn:close()
    end
    assert.is_true(resumed > 0)
    helper.fails({code = "pin_mismatch"}, connect("good/echo", {pins = {ZEROS}}))
  end)

  for what, pins in pairs {["no pin"] = {}, ["a word"] = {"pin"}, ["a number"] = {1},
      ["a short one"] = {"sha256/AAAA"}, ["one twice"] = {ZEROS, ZEROS}, ["a hole"] = {nil, ZEROS},
      ["true"] = true} do
    it("is not " .. what, function()
      helper.fails({code = "bad_option", phase = "config", has = "pins"}, ssl.context {pins = pins})
    end)
  end

  it("has a scope that is known, and only where there are pins", function()
    helper.fails({code = "bad_option", has = "pin_scope"},
      ssl.context {pins = {ZEROS}, pin_scope = "root"})
    helper.fails({code = "bad_option", has = "pin_scope"}, ssl.context {pin_scope = "leaf"})
  end)

  it("of a list that is changed later is the one of before", function()
    local pins = {good[1]}
    local ctx = assert(ssl.context {ca_file = helper.ca, pins = pins})
    pins[1] = ZEROS
    assert(ctx:connect("localhost", server:port("good/echo"))):close()
  end)
end)
