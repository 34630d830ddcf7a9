-- demo.lua: what sslconnect does, seen in a terminal. ./dev demo runs it.
--
--   lua demo.lua              on a server of our own, on loopback
--   lua demo.lua HOST[:PORT]  on a real one, with the system's trust
--
-- Ends with a status other than 0 where anything is not as it should be.
local ssl = require "sslconnect"

local bin, certs = os.getenv("SSLC_BIN"), os.getenv("SSLC_TEST_CERTS")
local CONNECTS = 200

local function say(...) io.stdout:write(string.format(...), "\n") end

local function fail(...)
  io.stdout:flush()
  io.stderr:write("demo: ", string.format(...), "\n")
  os.exit(1)
end

local function show(conn)
  local info = conn:info()
  say("  connected to  %s (%s)", info.host, info.address)
  say("  version       %s", info.version)
  say("  cipher        %s", info.cipher)
  say("  group         %s", info.group or "none")
  say("  verified      %s", tostring(info.verified))
  for i, cert in ipairs(info.certificates) do
    say("  certificate   %d: %s, to %s", i, cert:subject(),
      os.date("!%Y-%m-%d", math.floor(cert:not_after())))
  end
end

-- ------------------------------------------------------------------------- a real host

local function parse(target)
  local host, port = target:match("^%[(.+)%]:?(%d*)$")
  if not host then host, port = target:match("^([^:]+):?(%d*)$") end
  return host or target, tonumber(port) or 443
end

local function real(target)
  local host, port = parse(target)
  say("ssl.connect(%q, %d), with the system's trust", host, port)
  local conn, err = ssl.connect(host, port, {timeout = 15})
  if not conn then fail("%s", tostring(err)) end
  show(conn)
  conn:close()
end

-- ------------------------------------------------------------------ our own, on loopback

--- Starts the server; scenario -> port, and the pipe that holds it.
local function serve(scenarios)
  local quote = "'%s'"
  local command = {quote:format(bin .. "/testserver"), quote:format(certs)}
  for _, scenario in ipairs(scenarios) do command[#command + 1] = quote:format(scenario) end
  local pipe = assert(io.popen(table.concat(command, " "), "r"))
  local ports = {}
  for line in pipe:lines() do
    if line == "ready" then return ports, pipe end
    local scenario, port = line:match("^(%S+) (%d+)$")
    if scenario then ports[scenario] = tonumber(port) end
  end
  fail("the server did not start")
end

local function blocking(port)
  say('1. A blocking connect: ssl.connect("localhost", %d, {ca_file = ...})', port)
  local conn, err = ssl.connect("localhost", port, {ca_file = certs .. "/ca.pem"})
  if not conn then fail("%s", tostring(err)) end
  show(conn)
  assert(conn:write("GET / HTTP/1.0\r\n\r\n"))
  say("  first line    %s", (conn:read("l"):gsub("\r", "")))
  conn:close()
end

--- Runs functions as coroutines to their ends, telling `progress` after each.
local function run_all(functions, progress)
  local poller, waiting, done = ssl.core.poller(), {}, 0
  local function step(co)
    local ok, fd, events = coroutine.resume(co)
    if not ok then fail("%s", debug.traceback(co, tostring(fd))) end
    if fd then
      assert(poller:set(fd, events))
      waiting[fd] = co
    else
      done = done + 1
      progress(done)
    end
  end
  for _, f in ipairs(functions) do step(coroutine.create(f)) end
  while next(waiting) do
    for fd in pairs(assert(poller:wait(10))) do
      local co = waiting[fd]
      waiting[fd] = nil
      poller:set(fd, nil)
      step(co)
    end
  end
end

local function many(port)
  say("2. %d coroutines, each with a connect of its own, at once", CONNECTS)
  local begin, verified, functions = ssl.core.now(), 0, {}
  for i = 1, CONNECTS do
    functions[i] = function()
      local conn, err = ssl.connect("localhost", port,
        {ca_file = certs .. "/ca.pem", loop = "coroutine"})
      if not conn then fail("%s", tostring(err)) end
      if conn:info().verified then verified = verified + 1 end
      conn:close()
    end
  end
  run_all(functions, function(done)
    if done % 10 ~= 0 then return end
    io.stdout:write(("\r  %3d of %d"):format(done, CONNECTS))
    io.stdout:flush()
  end)
  say(": %d verified, %.2f s together", verified, ssl.core.now() - begin)
  if verified ~= CONNECTS then fail("not all of them were verified") end
end

local must_fail = {
  {"expired", "certificate_expired"},
  {"wronghost", "hostname_mismatch"},
  {"unknown", "unknown_authority"},
  {"raw/http", "not_tls"},
  {"raw/stall", "timeout"},
}

local function failures(ports)
  say("3. Five that must fail, and what a user sees")
  for _, case in ipairs(must_fail) do
    local scenario, code = case[1], case[2]
    local conn, err = ssl.connect("localhost", ports[scenario],
      {ca_file = certs .. "/ca.pem", timeout = scenario == "raw/stall" and 1 or 15})
    if conn then fail("%s: connected, and must not have", scenario) end
    say("  %s", tostring(err))
    if err.code ~= code then fail("%s: the code is %s, not %s", scenario, err.code, code) end
  end
end

local function own()
  if not bin or not certs then fail("run it by ./dev demo, or name a host") end
  local scenarios = {"good"}
  for _, case in ipairs(must_fail) do scenarios[#scenarios + 1] = case[1] end
  local ports, pipe = serve(scenarios)
  blocking(ports.good)
  many(ports.good)
  failures(ports)
  pipe:close()
end

say("%s, %s, %s", ssl._VERSION, _VERSION, ssl.openssl_version())
if arg[1] and not tonumber(arg[2]) then real(arg[1]) else own() end
