-- ocsp_spec.lua: stapled OCSP responses from Lua, as the openssl program makes them.
local helper = require "helper"
local programs = require "support.programs"
local ssl = require "sslconnect"

local directory = helper.temporary_directory()
teardown(function() os.execute("rm -r " .. helper.quote(directory)) end)

local good = programs.ocsp_response("direct", "ca", directory)
local revoked = programs.ocsp_response("direct", "ca", directory, "R")

--- Runs a server of a context and a client's connect to it; what the client got.
local function meet(serving, given)
  local port, listener = helper.listen()
  local results = helper.run {
    function()
      local conn = serving:accept(helper.accept(listener), {loop = helper.adapter})
      if conn then conn:close() end
    end,
    function()
      given.loop, given.timeout = helper.adapter, helper.patience
      given.ca_file = helper.ca
      local conn, err = ssl.connect("localhost", port, given)
      return conn and conn:flush() and conn, err -- the server waits for what is held
    end,
  }
  listener:close()
  return helper.unpack(results[2], 1, results[2].n)
end

local function serving(response)
  return assert(ssl.context {cert = helper.cert("direct.pem"), key = helper.cert("direct.key"),
    ocsp_response = response})
end

describe("a stapled OCSP response", function()
  it("that is good is let in and told", function()
    for _, given in ipairs {{}, {ocsp = "required"}, {ocsp = "if_stapled"}} do
      local conn = assert(meet(serving(good), given))
      assert.equal("good", conn:info().ocsp)
      assert.equal(helper.slurp(good), conn.conn:ocsp_response())
      conn:close()
    end
  end)

  it("may be given in memory", function()
    local conn = assert(meet(serving(helper.slurp(good)), {ocsp = "required"}))
    assert.equal("good", conn:info().ocsp)
    conn:close()
  end)

  it("that says revoked refuses the server, by default", function()
    helper.fails({code = "certificate_revoked", phase = "handshake",
      has = "2025-01-01 00:00:00 UTC, reason keyCompromise"}, meet(serving(revoked), {}))
  end)

  it("is not asked for where ocsp is off", function()
    local conn = assert(meet(serving(revoked), {ocsp = "off"}))
    assert.equal("none", conn:info().ocsp)
    assert.is_nil(conn.conn:ocsp_response())
    conn:close()
  end)

  it("may be missing, unless it is required", function()
    local conn = assert(meet(serving(), {}))
    assert.equal("none", conn:info().ocsp)
    conn:close()
    helper.fails({code = "staple_missing", phase = "handshake"},
      meet(serving(), {ocsp = "required"}))
  end)

  it("of another certificate refuses the server", function()
    local other = assert(ssl.context {cert = helper.cert("revoked.pem"),
      key = helper.cert("revoked.key"), ocsp_response = good})
    helper.fails({code = "revocation_unknown", has = "another certificate"}, meet(other, {}))
  end)

  it("has to be one", function()
    helper.fails({code = "bad_file", has = "ocsp_response"}, ssl.context {
      cert = helper.cert("direct.pem"), key = helper.cert("direct.key"), ocsp_response = helper.ca})
    helper.fails({code = "bad_file", has = "ocsp_response"}, ssl.context {
      cert = helper.cert("direct.pem"), key = helper.cert("direct.key"),
      ocsp_response = helper.slurp(good):sub(1, -2)})
    helper.fails({code = "bad_option", has = "cert"}, ssl.context {ocsp_response = good})
  end)
end)

describe("the setting ocsp", function()
  it("is one of three", function()
    helper.fails({code = "bad_option", has = '"off", "if_stapled", "required"'},
      ssl.context {ocsp = "on"})
    helper.fails({code = "bad_option", has = "ocsp"}, ssl.context {ocsp = true})
  end)

  it("cannot be required of what is not verified", function()
    helper.fails({code = "bad_option", has = "insecure_no_verify"},
      ssl.context {ocsp = "required", insecure_no_verify = true})
  end)
end)
