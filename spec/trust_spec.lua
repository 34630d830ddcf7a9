-- trust_spec.lua: whom a context is to believe, from Lua: the sources of the option `trust`.
local helper = require "helper"
local socket = require "socket"
local ssl = require "sslconnect"

local core = ssl.core

--- A file that takes the place of another one at once, as it should be done.
local function replace(path, bytes)
  helper.write_file(path .. ".new", bytes)
  assert(os.rename(path .. ".new", path))
end

--- Tries until it succeeds: a change is noticed within about a second.
local function eventually(try)
  local limit = core.now() + helper.patience
  while not try() do
    assert(core.now() < limit, "it has never come")
    socket.sleep(0.05)
  end
end

local ca, otherca = helper.slurp(helper.ca), helper.slurp(helper.cert("otherca.pem"))

local server = helper.serve {"good/name"}
teardown(function() server:stop() end)

local function connect(ctx)
  return ctx:connect("localhost", server:port("good/name"))
end

describe("the option trust", function()
  local function believes(sources)
    local ctx = assert(ssl.context {trust = sources})
    local conn = assert(connect(ctx))
    assert.equal("localhost", conn:read("l"))
    conn:close()
  end

  local function believes_not(sources)
    local ctx = assert(ssl.context {trust = sources})
    helper.fails({code = "unknown_authority"}, connect(ctx))
  end

  it("takes a file, PEM, DER, a certificate, a directory and a store", function()
    local cert = assert(ssl.certificate(ca))
    for _, source in ipairs {helper.ca, ca, cert:der(), cert, helper.cert("cadir"),
                             "file:" .. helper.ca} do
      believes(source)
      believes {source}
    end
  end)

  it("trusts none but those that are named", function()
    local cert = assert(ssl.certificate(otherca))
    for _, source in ipairs {helper.cert("otherca.pem"), otherca, cert:der(), cert,
                             "file:" .. helper.cert("otherca.pem")} do
      believes_not(source)
    end
  end)

  it("adds up what a list names", function()
    believes {helper.cert("otherca.pem"), ca}
    believes {"system", helper.ca}
    believes_not {"system", otherca}
  end)

  it("takes a file in DER", function()
    local path = os.tmpname()
    helper.write_file(path, assert(ssl.certificate(ca)):der())
    believes(path)
    os.remove(path)
  end)

  it("is not changed by what happens to the list later", function()
    local list = {helper.cert("otherca.pem")}
    local ctx = assert(ssl.context {trust = list})
    list[1] = helper.ca
    helper.fails({code = "unknown_authority"}, connect(ctx))
  end)

  it("shares a context for equal lists, and for no others", function()
    local function try(sources)
      return ssl.connect("localhost", server:port("good/name"), {trust = sources})
    end
    assert(try {helper.ca}):close()
    helper.fails({code = "unknown_authority"}, try {helper.cert("otherca.pem")})
    helper.fails({code = "unknown_authority"}, try(otherca))
    assert(try {otherca, ca}):close()
  end)

  it("refuses what is no source", function()
    for _, value in ipairs {{}, {1}, {"system", false}, "", 5, true, {{}}, {"a\0b"},
                            {system = true}, {helper.ca, x = 1}, print} do
      helper.fails({code = "bad_option", has = "trust"}, ssl.context {trust = value})
    end
    helper.fails({code = "bad_option"}, ssl.context {trust = {assert(core.ctx())}})
  end)

  it("says which source is none of certificates", function()
    helper.fails({code = "bad_file", has = "/nowhere.pem"}, ssl.context {trust = "/nowhere.pem"})
    helper.fails({code = "bad_file"}, ssl.context {trust = {ca, ca:sub(1, -200)}})
    local der = assert(ssl.certificate(ca)):der()
    helper.fails({code = "bad_file"}, ssl.context {trust = der .. "x"})
    helper.fails({code = "bad_file"}, ssl.context {trust = "file:/nowhere.pem"})
    helper.fails({code = "bad_file"}, ssl.context {trust = helper.cert("good.key")})
  end)

  it("shows paths, and of others what they are", function()
    local ctx = assert(ssl.context {trust = {"system", helper.ca, ca, "file:" .. helper.ca}})
    assert.equal("sslconnect.Context: trust=system," .. helper.ca .. ",pem,store", tostring(ctx))
  end)

  it("notices a file that has changed, in a context that is in use", function()
    local path = os.tmpname()
    helper.write_file(path, otherca)
    local ctx = assert(ssl.context {trust = path})
    helper.fails({code = "unknown_authority"}, connect(ctx))
    replace(path, ca)
    eventually(function()
      local conn = connect(ctx)
      return conn and conn:close()
    end)
    os.remove(path)
  end)
end)
