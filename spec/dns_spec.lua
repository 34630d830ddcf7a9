-- dns_spec.lua: from a name to a server, against real nameservers: what they answer, when, and
-- what a connect makes of it. The names are those of spec/support/dns/hosts, and what goes wrong
-- with them stands in dnsdist.conf there.
local dns = require "support.dns"
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core

local missing = dns.missing()
if missing then
  describe("a name", function()
    it("is resolved", function() pending(missing) end)
  end)
  return
end

local has_ipv6 = helper.has_ipv6()
local scenarios = {"good/name", "good/echo"}
if has_ipv6 then scenarios[3] = "good/name@6" end

local server = helper.serve(scenarios)
local nameserver = dns.start()
teardown(function()
  nameserver:stop()
  server:stop()
end)

-- Answers that are held back come after five seconds: who is done before did not wait for them.
local BEFORE_THE_ANSWER = 4

local function connect(name, mode, given, port)
  local options = {ca_file = helper.ca, nameservers = nameserver.address, loop = mode}
  for option, value in pairs(given or {}) do options[option] = value end
  return ssl.connect(name .. ".wild.example", port or server:port("good/name"), options)
end

--- Connects and closes: the address that was reached and the name that the server was told.
local function reach(name, mode, given, port)
  return helper.in_mode(mode, function()
    local conn = assert(connect(name, mode, given, port))
    assert.is_true(conn:info().verified)
    local address, told = conn:info().address, conn:read("l")
    conn:close()
    return address, told
  end)
end

local function fails(expected, name, mode, given, port)
  return helper.fails(expected, helper.in_mode(mode, connect, name, mode, given, port))
end

local function v4(host)
  return (host or "127.0.0.1") .. ":" .. server:port("good/name")
end

local function v6()
  return "[::1]:" .. server:port("good/name@6")
end

local function needs_ipv6()
  if not has_ipv6 then pending("this machine has no ::1") end
end

--- Seconds that a call takes, and its results.
local function timed(f, ...)
  local start = core.now()
  local results = helper.pack(f(...))
  return core.now() - start, helper.unpack(results, 1, results.n)
end

for _, mode in ipairs(helper.modes) do
  describe("a name, " .. mode .. ",", function()
    it("leads to the server, which is told it and verified for it", function()
      local address, told = reach("only4", mode)
      assert.equal(v4(), address)
      assert.equal("only4.wild.example", told)
    end)

    it("may have addresses of both families, one of which works", function()
      assert.equal(v4(), (reach("dual", mode)))
      needs_ipv6()
      assert.equal(v6(), (reach("dual", mode, nil, server:port("good/name@6"))))
    end)

    it("may have an IPv6 address alone", function()
      needs_ipv6()
      assert.equal(v6(), (reach("only6", mode, nil, server:port("good/name@6"))))
    end)

    it("may be an alias at the end of a chain, and stays the one that is verified", function()
      local address, told = reach("chain", mode)
      assert.equal(v4(), address)
      assert.equal("chain.wild.example", told)
    end)

    it("may have twenty addresses of which the last works", function()
      assert.equal(v4(), (reach("twenty", mode)))
    end)

    it("is asked for over TCP where the answer is truncated", function()
      assert.equal(v4(), (reach("truncated", mode)))
    end)

    it("is asked for at the second nameserver where nobody is at the first", function()
      local port, sock = helper.refusing()
      local given = {nameservers = {"127.0.0.1:" .. port, nameserver.address}}
      assert.equal(v4(), (reach("only4", mode, given)))
      sock:close()
    end)

    for name, what in pairs {slow6 = "is slow", silent6 = "never comes",
        servfail6 = "is SERVFAIL", refused6 = "is REFUSED"} do
      it("works over IPv4 where the IPv6 answer " .. what, function()
        local seconds, address = timed(reach, name, mode)
        assert.equal(v4(), address)
        assert.is_true(seconds < BEFORE_THE_ANSWER, seconds .. " s")
      end)
    end

    it("works over IPv6 where the IPv4 answer is slow", function()
      needs_ipv6()
      local seconds, address = timed(reach, "slow4", mode, nil, server:port("good/name@6"))
      assert.equal(v6(), address)
      assert.is_true(seconds < BEFORE_THE_ANSWER, seconds .. " s")
    end)
  end)

  describe("a connect to a name, " .. mode .. ", says", function()
    local function says(name, has, given)
      return fails({code = "dns_failed", phase = "dns", has = has}, name, mode, given)
    end

    it("that it does not exist", function()
      local err = says("missing", '"missing.wild.example" does not exist')
      assert.equal("missing.wild.example:" .. server:port("good/name"), err.host)
    end)

    it("that what it is an alias of does not exist", function()
      says("dangling", '"dangling.wild.example" ')
    end)

    it("that the nameserver failed", function()
      says("servfail", "SERVFAIL")
    end)

    it("that the nameserver refused", function()
      says("refused", "REFUSED")
    end)

    it("that there is no nameserver", function()
      local port, sock = helper.refusing()
      says("only4", "no nameserver could be reached", {nameservers = "127.0.0.1:" .. port})
      sock:close()
    end)

    it("that the deadline passed in the resolving of the name", function()
      local seconds = timed(fails, {code = "timeout", phase = "dns",
        has = "the deadline passed while the name was being resolved"}, "silent", mode,
        {timeout = 0.3})
      assert.is_true(seconds >= 0.3 and seconds < BEFORE_THE_ANSWER, seconds .. " s")
    end)

    it("that the deadline passed before a slow answer came", function()
      local seconds = timed(fails, {code = "timeout", phase = "dns"}, "slow", mode,
        {timeout = 0.3})
      assert.is_true(seconds >= 0.3 and seconds < 3.5, seconds .. " s")
    end)

    it("which address failed, and why the other family has none", function()
      local port, sock = helper.refusing()
      local err = fails({code = "connection_refused", phase = "connect"}, "servfail6", mode, nil,
        port)
      assert.matches("127%.0%.0%.1:%d+: Connection refused", err.text)
      assert.matches("IPv6 addresses: [^%[]*SERVFAIL", err.text)
      sock:close()
    end)

    it("which address failed before the deadline passed in waiting for another", function()
      local port, sock = helper.refusing()
      local err = fails({code = "timeout", has = "Connection refused"}, "silent6", mode,
        {timeout = 0.5}, port)
      assert.matches("127%.0%.0%.1:%d+: Connection refused", err.text)
      sock:close()
    end)

    it("which addresses were tried and why each failed", function()
      local port, sock = helper.refusing()
      local err = fails({code = "connection_refused", phase = "connect"}, "twenty", mode, nil,
        port)
      for last = 1, 20 do
        local tried = ("127.0.0.%d:%d: Connection refused"):format(last, port)
        assert.is_not_nil(err.text:find(tried, 1, true), err.text .. "\nhas no " .. tried)
      end
      sock:close()
    end)
  end)
end

describe("while a name is being resolved", function()
  it("other coroutines go on", function()
    local order = {}
    helper.run {
      function()
        assert(connect("slow", "coroutine")):close()
        order[#order + 1] = "slow"
      end,
      function()
        for _ = 1, 5 do assert(connect("dual", "coroutine")):close() end
        order[#order + 1] = "fast"
      end,
    }
    assert.same({"fast", "slow"}, order)
  end)

  it("a scheduler is asked to wait for one descriptor, for as long as the deadline", function()
    local co = coroutine.create(function() return connect("silent", "coroutine") end)
    local ok, fd, events, seconds = coroutine.resume(co)
    assert.is_true(ok, fd)
    assert.is_number(fd)
    assert.equal("r", events)
    assert.is_true(seconds > 0 and seconds <= 30)
    local _, nothing, err = coroutine.resume(co, nil, "enough")
    helper.fails({code = "canceled", phase = "dns", has = "enough"}, nothing, err)
  end)

  it("to give up leaves no descriptor behind", function()
    local before = helper.open_fds()
    local co = coroutine.create(function() return connect("silent", "coroutine") end)
    assert(coroutine.resume(co))
    assert.is_true(#helper.new_fds(before) > 0)
    coroutine.resume(co, nil, "enough")
    helper.no_fd_left(before)
  end)

  it("a coroutine that is dropped leaves no descriptor behind", function()
    local before = helper.open_fds()
    local co = coroutine.create(function() return connect("silent", "coroutine") end)
    assert(coroutine.resume(co))
    assert.is_true(#helper.new_fds(before) > 0)
    co = nil -- luacheck: ignore
    helper.no_fd_left(before)
  end)
end)

describe("names", function()
  it("are resolved fifty at a time", function()
    local tasks, names = {}, {"only4", "dual", "chain", "twenty", "slow6", "truncated"}
    for i = 1, 50 do
      tasks[i] = function()
        local conn = assert(connect(names[i % #names + 1], "coroutine"))
        assert.is_true(conn:info().verified)
        return conn:read("l"), conn:close()
      end
    end
    for i, results in ipairs(helper.run(tasks)) do
      assert.equal(names[i % #names + 1] .. ".wild.example", results[1])
    end
  end)

  it("leave no descriptor behind, whatever came of them", function()
    local before = helper.open_fds()
    for _, mode in ipairs(helper.modes) do
      assert.equal(v4(), (reach("slow6", mode)))
      assert.equal(v4(), (reach("truncated", mode)))
      assert.equal(v4(), (reach("twenty", mode)))
      fails({code = "dns_failed"}, "missing", mode)
      fails({code = "timeout"}, "silent", mode, {timeout = 0.1})
    end
    helper.no_fd_left(before)
  end)
end)

--- What a connect comes to in a process with these variables in its environment: the address or
-- the error's code.
local function outcome(environment, host, nameservers)
  local script = ([[
    local conn, err = require("sslconnect").connect(%q, %d, {ca_file = %q, nameservers = %q,
      server_name = "dual.wild.example"})
    print(conn and conn:info().address or err.code)]]):format(host, server:port("good/name"),
    helper.ca, nameservers or nameserver.address)
  local child = assert(io.popen(environment .. " " .. helper.quote(helper.interpreter()) ..
    " -e " .. helper.quote(script) .. " 2>&1"))
  local output = child:read("*l")
  child:close()
  return output
end

-- As in resolv.conf(5), which both override.
describe("the search domains of the machine", function()
  local function search(name)
    return outcome("LOCALDOMAIN=wild.example", name)
  end

  it("are put behind a short name", function()
    assert.equal(v4(), search("only4"))
  end)

  it("are put behind a short name that is an alias there", function()
    assert.equal(v4(), search("chain"))
  end)

  it("are not put behind a name with a dot at its end", function()
    assert.equal("dns_failed", search("only4."))
  end)

  it("do not help a name that does not exist in them", function()
    assert.equal("dns_failed", search("missing"))
  end)
end)

describe("a nameserver that does not answer", function()
  -- c-ares before 1.22 knows its own word for it alone, in milliseconds.
  it("is passed by when the time that resolv.conf gives it is over", function()
    local silent = assert(require("socket").udp())
    assert(silent:setsockname("127.0.0.1", 0))
    local first = "127.0.0.1:" .. select(2, silent:getsockname())
    local seconds, address = timed(outcome, "RES_OPTIONS='timeout:1 retrans:500'",
      "only4.wild.example", first .. "," .. nameserver.address)
    assert.equal(v4(), address)
    assert.is_true(seconds >= 0.5 and seconds < BEFORE_THE_ANSWER, seconds .. " s")
    silent:close()
  end)
end)
