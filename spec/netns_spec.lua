-- netns_spec.lua: connects in a network of which parts are broken (spec/support/netns.sh makes it):
-- IPv6 or IPv4 in which packets vanish, no route, a router that refuses. Each case runs in a
-- process of its own inside of such a network, with a nameserver and a TLS server beside it.
--
-- How long each took is printed.
local dns = require "support.dns"
local helper = require "helper"

local script = helper.quote(helper.root() .. "/spec/support/netns.sh")

--- Why there can be no such network here; nil where there can.
local function missing()
  local probe = io.popen(script .. " echo inside 2>&1")
  local said = probe:read("*a")
  probe:close()
  if said ~= "inside\n" then return said end
  return dns.missing()
end

local why = missing()
if why then
  describe("a broken network", function()
    it("is survived", function() pending(why) end)
  end)
  return
end

-- What the processes inside have in common. A deadline of half a minute is far beyond what any of
-- them may take.
local prelude = [[
local dns, helper, ssl = require "support.dns", require "helper", require "sslconnect"
local server, nameserver = helper.serve {"good/name@any"}, dns.start(53)
local port = server:port("good/name@any")
local DEADLINE = 30

local function connect(host, given, mode, to)
  local options = {ca_file = helper.ca, timeout = DEADLINE, loop = mode}
  for option, value in pairs(given or {}) do options[option] = value end
  return ssl.connect(host, to or port, options)
end

local function show(name, value)
  if value ~= nil then print(("%s=%s"):format(name, tostring(value))) end
end

local function attempt(mode, host, given, to)
  local fds, start = helper.count_fds(), ssl.core.now()
  local conn, err = helper.in_mode(mode, connect, host, given, mode, to)
  show("seconds", ssl.core.now() - start)
  show("address", conn and conn:info().address)
  show("told", conn and conn:read("l"))
  for _, field in ipairs {"code", "phase", "text", "message"} do show(field, err and err[field]) end
  if conn then conn:close() end
  show("left", helper.count_fds() - fds)
end
]]

--- Runs a script inside, after the prelude: what it showed, by name.
local function inside(code)
  local child = assert(io.popen(("%s %s -e %s 2>&1"):format(script,
    helper.quote(helper.interpreter()), helper.quote(prelude .. code .. [[

nameserver:stop()
server:stop()
show("done", true)]]))))
  local output = child:read("*a")
  child:close()
  local shown = {}
  for name, value in output:gmatch("([%w_]+)=([^\n]*)\n") do shown[name] = value end
  assert(shown.done, output)
  return shown
end

--- A connect inside: what came of it.
---@param given string|nil  the options, as they are written
---@param to string|nil     the port, as it is written
local function attempt(mode, host, given, to)
  local result = inside(("attempt(%q, %q, %s, %s)"):format(mode, host, given or "nil", to or "nil"))
  result.seconds = tonumber(result.seconds)
  assert.equal("0", result.left) -- descriptors
  return result
end

-- A comment in TAP, so that a reader of that is not disturbed.
local function print_time(what, mode, result)
  io.write(("\n# %s, %s: %.3f s\n"):format(what, mode, result.seconds))
end

-- Far from the deadline, and far from what a busy machine makes of a quarter of a second.
local SOON = 5

local function reaches(address, what, mode, host, given)
  local result = attempt(mode, host, given)
  print_time(what, mode, result)
  assert.is_nil(result.text)
  assert.equal(address, result.address and (result.address:gsub(":%d+$", "")))
  assert.is_true(result.seconds < SOON, result.seconds .. " s")
  return result
end

local function fails(code, what, mode, host, given, to)
  local result = attempt(mode, host, given, to)
  print_time(what, mode, result)
  assert.equal(code, result.code, result.text)
  assert.equal("connect", result.phase)
  assert.is_true(result.seconds < SOON, result.seconds .. " s")
  return result
end

local function has(result, ...)
  for _, part in ipairs {...} do
    assert(result.text:find(part, 1, true), result.text .. "\nhas no " .. part)
  end
end

-- The server's addresses, and those behind which is nobody.
local GOOD4, GOOD6 = "198.51.100.1", "[2001:db8:1::1]"
local named = ', server_name = "localhost"}'

for _, mode in ipairs(helper.modes) do
  describe("a connect, " .. mode .. ",", function()
    it("takes IPv6 where both work", function()
      reaches(GOOD6, "both work", mode, "filed.wild.example")
    end)

    it("finds the nameserver, the search domain and the hosts of the machine", function()
      local result = reaches(GOOD4, "a short name", mode, "broken6",
        '{server_name = "broken6.wild.example"}')
      assert.equal("broken6.wild.example", result.told)
      assert.equal("filed.wild.example", reaches(GOOD6, "a name of the hosts file", mode, "filed",
        '{server_name = "filed.wild.example"}').told)
    end)

    it("goes over IPv4 where IPv6 is a black hole", function()
      reaches(GOOD4, "IPv6 is a black hole", mode, "broken6.wild.example")
    end)

    it("goes over IPv6 where IPv4 is a black hole", function()
      reaches(GOOD6, "IPv4 is a black hole", mode, "broken4.wild.example")
    end)

    it("waits for the attempt delay and no longer", function()
      local result = reaches(GOOD4, "IPv6 first, a black hole", mode, "a.example",
        '{addresses = {"2001:db8::1", "198.51.100.1"}' .. named)
      assert.is_true(result.seconds >= 0.2, result.seconds .. " s")
      result = reaches(GOOD6, "IPv4 first, a black hole", mode, "a.example",
        '{addresses = {"192.0.2.1", "2001:db8:1::1"}' .. named)
      assert.is_true(result.seconds >= 0.2, result.seconds .. " s")
      result = reaches(GOOD4, "the same, attempt_delay = 1", mode, "a.example",
        '{attempt_delay = 1, addresses = {"2001:db8::1", "198.51.100.1"}' .. named)
      assert.is_true(result.seconds >= 0.9, result.seconds .. " s")
    end)

    it("has not to wait where there is no route", function()
      for _, dead in ipairs {"2001:db8:dead::1", "2001:db8:2::1", "203.0.113.1"} do
        local good = dead:find(":") and GOOD4 or GOOD6
        reaches(good, dead .. " without a route", mode, "a.example",
          ('{attempt_delay = 20, addresses = {%q, %q}'):format(dead, (good:gsub("[][]", "")))
          .. named)
      end
    end)

    it("has not to wait where the connection is refused", function()
      -- Nobody listens there: the server is on another port.
      local result = fails("connection_refused", "refused by both", mode, "a.example",
        '{attempt_delay = 20, addresses = {"2001:db8:1::1", "198.51.100.1"}' .. named, "1")
      has(result, "[2001:db8:1::1]:1: Connection refused", "198.51.100.1:1: Connection refused")
    end)

    it("passes by six addresses that are black holes", function()
      reaches(GOOD4, "six black holes first", mode, "a.example",
        '{attempt_delay = 0.1, addresses = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", ' ..
        '"192.0.2.5", "192.0.2.6", "198.51.100.1"}' .. named)
    end)

    it("ends at its deadline where both are black holes, and lists them", function()
      local result = fails("timeout", "both are black holes, timeout = 1", mode,
        "dead.wild.example", "{timeout = 1}")
      assert.is_true(result.seconds >= 1, result.seconds .. " s")
      has(result, "[2001:db8::1]:", "192.0.2.1:", "no answer yet")
    end)

    it("tells why each address failed", function()
      local result = fails("unreachable", "no route at all", mode, "a.example",
        '{addresses = {"2001:db8:dead::1", "203.0.113.1", "2001:db8:2::1"}' .. named, "1")
      has(result, "[2001:db8:dead::1]:1: Network is unreachable",
        "203.0.113.1:1: Network is unreachable", "[2001:db8:2::1]:1: No route to host")
      result = fails("connection_refused", "no route, and refused", mode, "a.example",
        '{addresses = {"2001:db8:dead::1", "198.51.100.1"}' .. named, "1")
      has(result, "[2001:db8:dead::1]:1: Network is unreachable",
        "198.51.100.1:1: Connection refused")
    end)

    it("tells in a timeout which addresses failed before it", function()
      local result = fails("timeout", "a black hole, and refused, timeout = 1", mode, "a.example",
        '{timeout = 1, addresses = {"2001:db8::1", "198.51.100.1"}' .. named, "1")
      has(result, "[2001:db8::1]:1: no answer yet", "198.51.100.1:1: Connection refused")
    end)
  end)
end

describe("while a connect goes into a black hole", function()
  it("other coroutines go on", function()
    local result = inside [[
      local order = {}
      helper.run {
        function()
          local conn, err = connect("dead.wild.example", {timeout = 5}, "coroutine")
          order[#order + 1] = conn and "connected" or err.code
        end,
        function()
          for _ = 1, 5 do assert(connect("filed.wild.example", nil, "coroutine")):close() end
          order[#order + 1] = "others"
        end,
      }
      show("order", table.concat(order, " "))]]
    assert.equal("others timeout", result.order)
  end)

  it("to give up, or to drop the coroutine, leaves no descriptor behind", function()
    local result = inside [[
      local function start()
        local co = coroutine.create(connect)
        assert(coroutine.resume(co, "a.example", {addresses = {"192.0.2.1", "2001:db8::1"}},
          "coroutine"))
        return co
      end
      local fds = helper.count_fds()
      local co = start()
      show("more", helper.count_fds() > fds)
      local _, _, err = coroutine.resume(co, nil, "enough")
      show("code", err.code)
      show("phase", err.phase)
      show("given_up", helper.count_fds() - fds)
      co = start()
      show("more_again", helper.count_fds() > fds)
      co = nil
      show("dropped", helper.count_fds() - fds)]]
    assert.same({"true", "canceled", "connect", "0", "true", "0"}, {result.more, result.code,
      result.phase, result.given_up, result.more_again, result.dropped})
  end)
end)

--- Whether it can be switched on for servers in there: in some containers nothing can be.
local function can_fastopen()
  local probe = io.popen(script .. " sh -c " .. helper.quote(
    "echo 1027 >/proc/sys/net/ipv4/tcp_fastopen && echo yes") .. " 2>&1")
  local said = probe:read("*a")
  probe:close()
  return said == "yes\n"
end

if not can_fastopen() then
  describe("TCP Fast Open", function()
    it("saves a round trip", function() pending "it cannot be switched on here" end)
  end)
  return
end

-- Servers that listen from now on have it, in this network; and how often a first flight has left
-- with the SYN and was taken.
local fastopen = [[
  local function allow()
    local file = assert(io.open("/proc/sys/net/ipv4/tcp_fastopen", "w"))
    assert(file:write("1027\n"))
    assert(file:close())
  end

  local function count()
    local names
    for line in io.lines("/proc/net/netstat") do
      local words = {}
      for word in line:gmatch("%S+") do words[#words + 1] = word end
      for i = 1, names and words[1] == "TcpExt:" and #words or 0 do
        if names[i] == "TCPFastOpenActive" then return words[i] end
      end
      names = words[1] == "TcpExt:" and words or names
    end
  end

  local function line_of(mode, to)
    local conn, err = helper.in_mode(mode, connect, "localhost",
      {addresses = "127.0.0.1", fastopen = true}, mode, to)
    if not conn then return err end
    local line = assert(conn:read("l"))
    conn:close()
    return line
  end

  allow()
  local fast = helper.serve {"good/name"}
]]

for _, mode in ipairs(helper.modes) do
  describe("TCP Fast Open, " .. mode .. ",", function()
    it("sends the first flight with the SYN from the second connect on", function()
      local result = inside(fastopen .. ([[
        for i = 1, 3 do
          show("line" .. i, line_of(%q, fast:port("good/name")))
          show("count" .. i, count())
        end
        fast:stop()]]):format(mode))
      for i = 1, 3 do
        assert.equal("localhost", result["line" .. i])
        assert.equal(tostring(i - 1), result["count" .. i])
      end
    end)

    -- The kernel keeps cookies by address, so they are sent to other servers there as well.
    it("is no matter to a server that does not have it", function()
      local result = inside(fastopen .. ([[
        line_of(%q, fast:port("good/name"))
        show("line", line_of(%q, port))
        show("count", count())
        fast:stop()]]):format(mode, mode))
      assert.equal("localhost", result.line)
      assert.equal("0", result.count)
    end)

    it("tells in the handshake that nobody listens", function()
      local result = inside(fastopen .. ([[
        local to = fast:port("good/name")
        line_of(%q, to)
        fast:stop()
        local err = line_of(%q, to)
        show("code", err.code)
        show("phase", err.phase)
        show("text", err)]]):format(mode, mode))
      assert.same({"connection_refused", "handshake"}, {result.code, result.phase}, result.text)
    end)
  end)
end
