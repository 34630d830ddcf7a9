-- get_error_spec.lua: the table of SSL_get_error(3) in docs/errors.md as sslconnect.core shows it:
-- what a step gives for each row, and that it goes on after that.
local core = require "sslconnect.core"
local helper = require "helper"
local support = require "support.core"

local connected = support.connected
local joined = support.joined
local shake = support.shake

-- The rows: {name, status, gives} in the order of the document.
local function rows()
  local found = {}
  for line in helper.slurp(helper.root() .. "/docs/errors.md"):gmatch("[^\n]+") do
    local name, status, gives = line:match("^| `(SSL_ERROR_[%w_]+)` | `(SSLC_[%w_]+)` | ([^|]-) |")
    if name then found[#found + 1] = {name = name, status = status, gives = gives} end
  end
  return found
end

-- SSL_get_error's numbers.
local NUMBERS = {
  SSL_ERROR_NONE = 0, SSL_ERROR_SSL = 1, SSL_ERROR_WANT_READ = 2, SSL_ERROR_WANT_WRITE = 3,
  SSL_ERROR_SYSCALL = 5, SSL_ERROR_ZERO_RETURN = 6,
}

-- What the step gave, as the document writes it; an error is checked on the way.
local function written(first, second)
  if first == false then return ('`false, "%s"`'):format(second) end
  if first == nil and second ~= nil then
    support.check_error(second)
    return "`nil, err`"
  end
  return first == nil and "`nil` alone" or "`true`, or a value"
end

-- Why a row is not provoked here; test_get_error.c provokes every one.
local unprovoked = {
  SSL_ERROR_WANT_X509_LOOKUP = "needs a callback of libssl's",
  SSL_ERROR_WANT_CLIENT_HELLO_CB = "needs a callback of libssl's",
  SSL_ERROR_WANT_RETRY_VERIFY = "needs a callback of libssl's",
  SSL_ERROR_WANT_CONNECT = "needs a BIO that connects",
  SSL_ERROR_WANT_ACCEPT = "needs a BIO that accepts",
  SSL_ERROR_WANT_ASYNC = "needs SSL_MODE_ASYNC, which is never set",
  SSL_ERROR_WANT_ASYNC_JOB = "needs SSL_MODE_ASYNC, which is never set",
}

-- Each makes a connection that is about to come to its row: the connection, the step that comes
-- to it, and a function that goes on from there, where that is possible.
local provoke = {}

function provoke.SSL_ERROR_NONE()
  local client, server = connected()
  return client, client.do_handshake, function() assert.equal(1, server:write("x")) end
end

function provoke.SSL_ERROR_SSL()
  local client, _, _, far = joined()
  client:connect()
  assert(far:write("this is no TLS"))
  return client, client.connect
end

function provoke.SSL_ERROR_WANT_READ()
  local client, server = joined()
  return client, client.connect, function() assert.is_true(shake(client, server)) end
end

-- A BIO that takes 64 bytes at a time.
function provoke.SSL_ERROR_WANT_WRITE()
  local client, server = joined()
  local near, far = assert(core.bio_pair(64, 0))
  assert(client:set_bio(near))
  assert(server:set_bio(far))
  return client, client.connect, function() assert.is_true(shake(client, server)) end
end

function provoke.SSL_ERROR_SYSCALL()
  local client = joined()
  local bio, peer, fd = support.tcp_bio()
  assert(client:set_bio(bio))
  assert.is_false((client:connect()))
  assert(peer:setoption("linger", {on = true, timeout = 0}))
  peer:close() -- with a reset
  assert(core.wait(fd, "r", helper.patience))
  return client, client.connect
end

function provoke.SSL_ERROR_ZERO_RETURN()
  local client, server = connected()
  server:shutdown()
  return client, function(conn) return conn:read(1) end, function()
    assert.equal(5, client:write("still"))
    assert.equal("still", server:read(5))
  end
end

describe("SSL_get_error", function()
  for _, row in ipairs(rows()) do
    if provoke[row.name] then
      it(row.name .. " gives " .. row.gives, function()
        local conn, step, go_on = provoke[row.name]()
        for _ = 1, 2 do -- to call again too early, or after the end, changes nothing
          assert.equal(row.gives, written(step(conn)))
          assert.equal(NUMBERS[row.name], conn:ssl_error())
          assert.equal(row.status, "SSLC_" .. (row.gives == "`nil, err`" and "ERR_" or "") ..
            conn:last_status():upper())
        end
        if go_on then go_on() end
      end)
    end
  end

  it("has a row for each that is provoked, and each row is, but those with a reason", function()
    local known, missing = {}, {}
    for _, row in ipairs(rows()) do
      known[row.name] = true
      local provoked, excused = provoke[row.name] ~= nil, unprovoked[row.name] ~= nil
      if provoked == excused then missing[#missing + 1] = row.name end
    end
    for _, list in ipairs {provoke, unprovoked} do
      for name in pairs(list) do assert.is_true(known[name], name) end
    end
    assert.equal("", table.concat(missing, " "))
  end)

  it("gives in Lua what the row's status is called", function()
    for _, row in ipairs(rows()) do
      local want = row.gives:match('^`false, "(want_[%l%d_]+)"`$')
      assert.equal(row.status:match("^SSLC_(WANT_.+)$"), want and want:upper())
    end
  end)

  it("of a shutdown is not asked while the peer's close_notify has not come", function()
    local client, server = connected()
    assert.equal('`false, "want_read"`', written(client:shutdown()))
    assert.equal(0, client:last_return())
    assert.equal(NUMBERS.SSL_ERROR_NONE, client:ssl_error())
    server:shutdown()
    assert.is_true(client:shutdown())
    assert.equal(1, client:last_return())
  end)
end)
