-- sigint_spec.lua: Ctrl-C in the middle of a blocking operation ends it at once, as it would end a
-- loop in Lua. In a process of its own: the same interpreter, which sets the handler.
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core

-- Whether the process sleeps: it is in the wait that the signal is to end. Where there is no
-- /proc, a readable socket has to do.
local function sleeps(pid)
  local file = io.open("/proc/" .. pid .. "/stat", "r")
  if not file then return true end
  local state = file:read("*l"):match("^%d+ %b() (%a)")
  file:close()
  return state == "S"
end

local function wait_until(condition, what)
  local late = core.now() + helper.patience
  while not condition() do
    if core.now() > late then error(what .. " did not happen", 0) end
  end
end

-- Starts a script that connects to us, waits for it to wait, sends SIGINT. What it printed, and
-- how many seconds that took after the signal. `serve` gets the accepted socket first.
local function interrupt(script, serve)
  local port, listener = helper.listen()
  listener:settimeout(helper.patience)
  local child = helper.start_lua(script:gsub("PORT", tostring(port)):gsub("CA", helper.ca))
  local pid = assert(child:read("*l"):match("^%d+$"))
  local sock = assert(listener:accept())
  local peer = serve(sock, child)
  wait_until(function() return sleeps(pid) end, "the wait")
  local before = core.now()
  os.execute("kill -INT " .. pid)
  if peer then peer() end
  local output = child:read("*a")
  local seconds = core.now() - before
  child:close()
  sock:close()
  listener:close()
  return output, seconds
end

-- Reads the beginning of the ClientHello, so that the client waits for the answer.
local function swallow(sock)
  sock:settimeout(helper.patience)
  assert(sock:receive(5))
end

describe("Ctrl-C", function()
  it("ends a blocking connect", function()
    local output, seconds = interrupt([[
      local ssl = require "sslconnect"
      print(ssl.connect("127.0.0.1", PORT, {timeout = 60}))]], swallow)
    assert.matches("interrupted!", output)
    assert.is_true(seconds < 10, tostring(seconds))
  end)

  it("ends a blocking connect in a script that goes on", function()
    local output, seconds = interrupt([[
      local ssl = require "sslconnect"
      local ok, err = pcall(ssl.connect, "127.0.0.1", PORT, {timeout = 60})
      print(ok, err)
      print(ssl.connect("127.0.0.1", 1))]], swallow)
    assert.matches("^false%s.*interrupted!\n", output)
    assert.matches("%[connection_refused%]\n$", output)
    assert.is_true(seconds < 10, tostring(seconds))
  end)

  it("ends a blocking read, and the connection stays usable", function()
    local ctx = assert(ssl.context {cert = helper.cert("good.pem"), key = helper.cert("good.key")})
    local output = interrupt([[
      local ssl = require "sslconnect"
      local conn = assert(ssl.connect("localhost", PORT, {ca_file = "CA", timeout = 60}))
      assert(conn:write("waiting\n"))
      local ok, err = pcall(conn.read, conn, "l")
      print(ok, err)
      assert(conn:write("again\n"))
      print(conn:read("l"))]],
      function(sock)
        local conn = assert(ctx:accept(sock))
        assert(conn:settimeout(helper.patience))
        assert(conn:write("first half, "))
        assert.equal("waiting", conn:read("l"))
        return function()
          assert.equal("again", conn:read("l"))
          assert(conn:write("second half\n"))
          conn:close()
        end
      end)
    assert.matches("^false%s.*interrupted!\nfirst half, second half\n$", output)
  end)
end)
