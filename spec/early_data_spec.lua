-- early_data_spec.lua: the option early_data, with a server that takes it, one that does not, and
-- one that does not know the session.
local core = require "sslconnect.core"
local helper = require "helper"
local ssl = require "sslconnect"

local REQUEST = "hello\n"

local function server_ctx(max)
  local ctx = assert(core.ctx())
  assert(ctx:use_certificate_file(helper.cert("good.pem")))
  assert(ctx:use_private_key_file(helper.cert("good.key")))
  assert(ctx:set_max_early_data(max))
  return ctx
end

--- Repeats a step, waiting as helper.run does.
local function run(conn, method, ...)
  while true do
    local done, want = conn[method](conn, ...)
    if done ~= false then return done, want end
    coroutine.yield(conn:fd(), want == "want_write" and "w" or "r", helper.patience)
  end
end

--- Serves one connection: reads early data where it is to, then echoes one read; what it read of
--- each kind.
local function serve(ctx, listener, takes)
  local sock = helper.accept(listener)
  local conn, early = assert(core.conn(ctx)), ""
  assert(conn:set_bio(assert(core.bio_socket(sock:getfd(), false))))
  assert(conn:set_accept_state())
  while takes do
    local data = assert(run(conn, "read_early_data", 4096))
    if data == "" then break end
    early = early .. data
  end
  assert(run(conn, "do_handshake"))
  local late = early == "" and assert(run(conn, "read", 4096)) or ""
  assert(run(conn, "write", early .. late))
  run(conn, "read", 1) -- the client's end
  conn:close()
  sock:close()
  return early, late
end

--- Connects with early data and reads the answer; what became of it.
local function visit(client, port, data)
  local conn = assert(client:connect("localhost", port, {loop = "coroutine", early_data = data,
    timeout = helper.patience}))
  if not data then assert(conn:write(REQUEST)) end
  assert.equal((data or REQUEST):match("[^\n]*"), conn:read("l"))
  local what = conn:early_data()
  assert.is_true(conn:info().verified)
  conn:close()
  assert.equal(what, conn:early_data())
  return what
end

--- A first connection, then one with early data to a server that may be another.
local function twice(first, second, takes, data, settings)
  local port, listener = helper.listen()
  local client = assert(ssl.context {ca_file = helper.ca,
    max_version = settings and settings.max_version})
  local results = helper.run {
    function()
      serve(first, listener, false)
      return serve(second, listener, takes)
    end,
    function()
      visit(client, port)
      return visit(client, port, data or REQUEST)
    end,
  }
  listener:close()
  return results[2][1], results[1][1], results[1][2], client:stats()
end

describe("early data", function()
  it("is taken", function()
    local server = server_ctx(1024)
    local what, early, late, stats = twice(server, server, true)
    assert.equal("accepted", what)
    assert.equal(REQUEST, early)
    assert.equal("", late)
    assert.equal(1, stats.early_data_accepted)
    assert.equal(1, stats.resumed)
  end)

  it("is sent again to a server that does not take it", function()
    local server = server_ctx(1024)
    local what, early, late, stats = twice(server, server, false)
    assert.equal("rejected", what)
    assert.equal("", early)
    assert.equal(REQUEST, late)
    assert.equal(1, stats.early_data_rejected)
  end)

  it("is sent again to a server that does not know the session", function()
    local what, _, late, stats = twice(server_ctx(1024), server_ctx(1024), false)
    assert.equal("rejected", what)
    assert.equal(REQUEST, late)
    assert.equal(1, stats.refused)
  end)

  it("is sent as any other where the session does not allow it", function()
    for _, max in ipairs {0, #REQUEST - 1} do
      local server = server_ctx(max)
      local what, _, late, stats = twice(server, server, false)
      assert.equal("not_sent", what)
      assert.equal(REQUEST, late)
      assert.equal(1, stats.resumed)
      assert.equal(0, stats.early_data_rejected)
    end
  end)

  it("is sent as any other with TLS 1.2", function()
    local server = server_ctx(1024)
    local what, _, late = twice(server, server, false, REQUEST, {max_version = "1.2"})
    assert.equal("not_sent", what)
    assert.equal(REQUEST, late)
  end)

  it("is sent as any other to a server that nobody has been to", function()
    local server = helper.serve {"good/echo"}
    local conn = assert(ssl.connect("localhost", server:port("good/echo"), {ca_file = helper.ca,
      early_data = REQUEST}))
    assert.equal("hello", conn:read("l"))
    assert.equal("not_sent", conn:early_data())
    conn:close()
    server:stop()
  end)

  it("is a string that is not empty", function()
    for _, bad in ipairs {"", 5, true, {}} do
      helper.fails({code = "bad_option", has = "early_data"},
        ssl.connect("localhost", 1, {early_data = bad}))
    end
  end)
end)

describe("sslconnect.core's early data", function()
  it("is for the right side, before the handshake", function()
    local conn = assert(core.conn(server_ctx(1)))
    assert.equal("not_sent", conn:early_data())
    assert(conn:set_accept_state())
    helper.fails({code = "misuse"}, conn:write_early_data("x"))
    conn:close()
    helper.fails({code = "closed"}, conn:write_early_data("x"))
    helper.fails({code = "closed"}, conn:read_early_data(1))
    assert.equal("not_sent", conn:early_data())
  end)
end)
