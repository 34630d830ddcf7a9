--- What the specs share: servers in a process of their own, a scheduler for plain coroutines,
-- ports that behave badly, and assertions about errors.
--
-- The environment tells where things are: SSLC_TEST_CERTS, the certificates that
-- spec/support/certkit.c made, and SSLC_BIN, the programs built of spec/support.
local core = require "sslconnect.core"
local lfs = require "lfs"
local luassert = require "luassert"
local socket = require "socket"

local helper = {}

-- Seconds after which something is taken to hang.
helper.patience = 20

local function environment(name)
  return (assert(os.getenv(name), name .. " is not set"))
end

-- Missing in 5.1.
function helper.pack(...)
  return {n = select("#", ...), ...}
end

helper.unpack = rawget(table, "unpack") or rawget(_G, "unpack")

-- Files ------------------------------------------------------------------------------------------

--- The path of a file of certkit's.
function helper.cert(file)
  return environment("SSLC_TEST_CERTS") .. "/" .. file
end

helper.ca = helper.cert("ca.pem")

function helper.slurp(path)
  local file = assert(io.open(path, "rb"))
  local data = file:read("*a")
  file:close()
  return data
end

function helper.write_file(path, data)
  local file = assert(io.open(path, "wb"))
  assert(file:write(data))
  assert(file:close())
end

--- A new directory, this process's alone.
function helper.temporary_directory()
  local pipe = assert(io.popen("mktemp -d"))
  local path = pipe:read("*l")
  pipe:close()
  return path
end

--- The directory of the checkout, as this file was found in it.
function helper.root()
  local source = debug.getinfo(1, "S").source:gsub("^@", "")
  return source:match("^(.*)/spec/[^/]*$") or "."
end

-- What a finalizer still needed goes a cycle later, and what that needed another one.
local function collect_all()
  for _ = 1, 4 do collectgarbage() end
end

--- The descriptors that this process has open: number and, where the system tells it, what it is.
---@param uncollected boolean|nil  those too that nobody can reach any more
---@return table<string, true>
function helper.open_fds(uncollected)
  if not uncollected then collect_all() end
  local open = {}
  for fd in lfs.dir("/dev/fd") do
    local target = lfs.symlinkattributes("/dev/fd/" .. fd, "target") or ""
    local of_this_loop = target:find("^/proc/%d+/fd$")
    if not of_this_loop then open[fd .. " " .. target] = true end
  end
  return open
end

--- Those that are open and were not before, as `open_fds` gave it.
function helper.new_fds(before, uncollected)
  local new = {}
  for fd in pairs(helper.open_fds(uncollected)) do
    if not before[fd] then new[#new + 1] = fd end
  end
  return new
end

--- That there are none. Fewer than before there may be: what an earlier test dropped can stand in a
--- slot of LuaJIT's stack that compiled code no longer clears, and be collected meanwhile.
function helper.no_fd_left(before, uncollected)
  luassert.same({}, helper.new_fds(before, uncollected))
end

--- How many descriptors this process has open.
function helper.count_fds()
  local count = 0
  for _ in pairs(helper.open_fds()) do count = count + 1 end
  return count
end

--- Whether this process has the descriptor open.
function helper.is_open(fd)
  return lfs.symlinkattributes(("/dev/fd/%d"):format(fd), "mode") ~= nil
end

-- Programs ---------------------------------------------------------------------------------------

--- A word of the shell.
function helper.quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

local function command(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = helper.quote(word) end
  return table.concat(quoted, " ")
end

--- The interpreter that runs this: the first of the words it was started with.
function helper.interpreter()
  local at = 0
  while arg[at - 1] do at = at - 1 end
  return arg[at]
end

--- Starts this interpreter on a script; its output and errors can be read from the handle, after
-- a first line with its process id.
function helper.start_lua(script)
  local words = command({helper.interpreter(), "-e", script})
  return assert(io.popen("echo $$; exec " .. words .. " 2>&1 </dev/null", "r"))
end

--- What this interpreter prints, errors too, when it runs the script with these variables in its
-- environment; `before` is a command of the shell to come first. Behind it the exit status.
function helper.output_of(script, variables, before)
  local words = {before or "", "env"}
  for name, value in pairs(variables or {}) do
    words[#words + 1] = name .. "=" .. helper.quote(value)
  end
  words[#words + 1] = command({helper.interpreter(), "-e", script})
  words[#words + 1] = "2>&1 </dev/null; echo \"status $?\""
  local child = assert(io.popen(table.concat(words, " "), "r"))
  local output, status = child:read("*a"):match("^(.*)status (%d+)\n$")
  child:close()
  return output, tonumber(status)
end

-- Servers ----------------------------------------------------------------------------------------

local Server = {}
Server.__index = Server

--- Starts spec/support/testserver.c with these scenarios. Its end is the end of its output's
-- reader, so that nothing is left where a run is broken off.
function helper.serve(scenarios)
  local words = {environment("SSLC_BIN") .. "/testserver", environment("SSLC_TEST_CERTS")}
  for _, scenario in ipairs(scenarios) do words[#words + 1] = scenario end
  local self = setmetatable({ports = {}}, Server)
  self.output = assert(io.popen("exec " .. command(words), "r"))
  for line in self.output:lines() do
    local scenario, port = line:match("^(%S+) (%d+)$")
    if not scenario then break end
    self.ports[scenario] = tonumber(port)
  end
  for _, scenario in ipairs(scenarios) do self:port(scenario) end
  return self
end

function Server:port(scenario)
  return (assert(self.ports[scenario], "nobody serves " .. scenario))
end

function Server:stop()
  self.output:close()
end

--- Whether this machine has ::1.
function helper.has_ipv6()
  local probe = socket.tcp6 and socket.tcp6()
  if not probe then return false end
  local bound = probe:bind("::1", 0)
  probe:close()
  return bound ~= nil
end

-- Ports ------------------------------------------------------------------------------------------

local function port_of(sock)
  return tonumber((select(2, sock:getsockname())))
end

--- A socket that is bound and does not listen: connects are refused, and nobody else can get the
-- port. Keep it for as long as that has to hold.
function helper.refusing()
  local sock = assert(socket.tcp())
  assert(sock:bind("127.0.0.1", 0))
  return port_of(sock), sock
end

--- A listener of our own.
function helper.listen()
  local sock = assert(socket.bind("127.0.0.1", 0, 512))
  return port_of(sock), sock
end

--- A listener whose queue is full: connects get no answer. Its port, and what ends it: then who
-- waits for an answer is refused, though not at once.
function helper.unanswering(address, port)
  address = address or "127.0.0.1"
  local all = {assert(socket.tcp())}
  assert(all[1]:bind(address, port or 0))
  assert(all[1]:listen(0))
  port = port_of(all[1])
  for i = 2, 9 do
    all[i] = assert(socket.tcp())
    all[i]:settimeout(0)
    all[i]:connect(address, port)
  end
  return port, {close = function()
    for _, sock in ipairs(all) do sock:close() end
  end}
end

--- A LuaSocket object connected to a port of loopback.
function helper.tcp(port)
  local sock = assert(socket.tcp())
  sock:settimeout(helper.patience)
  assert(sock:connect("127.0.0.1", port))
  return sock
end

--- A bare descriptor connected to a port of loopback, the caller's to close.
function helper.tcp_fd(port)
  local dial = assert(core.dial())
  assert(dial:start("127.0.0.1", port))
  local deadline = core.now() + helper.patience
  local ok, err
  repeat
    ok, err = dial:step()
    if ok == false then core.wait(dial:fd(), dial:events(), 1) end
  until ok ~= false or core.now() > deadline
  assert(ok, tostring(err))
  local fd = assert(dial:take_fd())
  dial:close()
  return fd
end

-- Coroutines -------------------------------------------------------------------------------------

local Scheduler = {}
Scheduler.__index = Scheduler

-- The one that is running.
local running

local function merge(a, b)
  return (not a or a == b) and b or "rw"
end

function Scheduler:resume(task, ...)
  local results = helper.pack(coroutine.resume(task.co, ...))
  if not results[1] then
    local err = results[2]
    error(type(err) == "string" and debug.traceback(task.co, err) or err, 0)
  end
  if coroutine.status(task.co) == "dead" then
    task.results = {n = results.n - 1, helper.unpack(results, 2, results.n)}
    self.left = self.left - 1
    return
  end
  task.fd, task.events = results[2], results[3]
  task.late = results[4] and core.now() + results[4] or math.huge
end

--- Tells the poller what all tasks wait for; the time of the first that is late.
function Scheduler:register()
  local wanted, first = {}, self.deadline
  for _, task in ipairs(self.tasks) do
    if not task.results then
      if task.fd then wanted[task.fd] = merge(wanted[task.fd], task.events) end
      first = math.min(first, task.fd and task.late or 0)
    end
  end
  for fd, events in pairs(wanted) do assert(self.poller:set(fd, events)) end
  return first, wanted
end

local function is_ready(task, ready, now)
  local events = task.fd and ready[task.fd]
  return not task.fd or now >= task.late or
    (events and (events == "rw" or task.events == "rw" or events == task.events))
end

function Scheduler:turn()
  local first, wanted = self:register()
  local ready = assert(self.poller:wait(math.max(first - core.now(), 0)))
  for fd in pairs(wanted) do assert(self.poller:set(fd, nil)) end
  local now = core.now()
  for _, task in ipairs(self.tasks) do
    if not task.results and is_ready(task, ready, now) then self:resume(task) end
  end
  if self.left > 0 and now > self.deadline then self:give_up() end
end

function Scheduler:give_up()
  local stuck = {}
  for i, task in ipairs(self.tasks) do
    if not task.results then stuck[#stuck + 1] = debug.traceback(task.co, "task " .. i) end
  end
  error("did not come to an end: " .. table.concat(stuck, "\n"), 0)
end

--- Runs functions at the same time, each in a coroutine, to their ends. A coroutine yields
-- descriptor, events and seconds, as the loop "coroutine" does, or nothing to let others run.
-- The results of each are in a list, as helper.pack makes it. The first error is raised.
function helper.run(functions, seconds)
  local before = running
  local self = setmetatable({tasks = {}, left = #functions, poller = assert(core.poller()),
    deadline = core.now() + (seconds or helper.patience)}, Scheduler)
  running = self
  for i, f in ipairs(functions) do self.tasks[i] = {co = coroutine.create(f)} end
  local ok, err = pcall(function()
    while self.left > 0 do self:turn() end
  end)
  running = before
  self.poller:close()
  if not ok then error(err, 0) end
  local results = {}
  for i, task in ipairs(self.tasks) do results[i] = task.results end
  return results
end

--- An adapter for helper.run that also hears of descriptors that are closed, so that who waits
-- for one goes on at once. Outside of helper.run it blocks.
helper.adapter = {name = "helper"}

function helper.adapter.wait(fd, events, seconds)
  if running then
    coroutine.yield(fd, events, seconds)
  else
    core.wait(fd, events, seconds)
  end
  return true
end

function helper.adapter.forget(fd)
  for _, task in ipairs(running and running.tasks or {}) do
    if task.fd == fd then task.fd = nil end
  end
end

--- Accepts a connection from a listener, inside of helper.run.
function helper.accept(listener)
  listener:settimeout(0)
  while true do
    local sock = listener:accept()
    if sock then return sock end
    coroutine.yield(listener:getfd(), "r", helper.patience)
  end
end

--- The two ways of waiting that everything has to work in.
helper.modes = {"blocking", "coroutine"}

--- Calls the function in one of them; its results.
function helper.in_mode(mode, f, ...)
  if mode == "blocking" then return f(...) end
  local args = helper.pack(...)
  local results = helper.run({function() return f(helper.unpack(args, 1, args.n)) end})[1]
  return helper.unpack(results, 1, results.n)
end

-- Errors -----------------------------------------------------------------------------------------

--- An error's text with what differs from run to run taken out: ports, times.
function helper.plain(text)
  return (text:gsub(":%d%d%d%d%d%f[%D]", ":PORT"):gsub(":%d%d%d%d%f[%D]", ":PORT")
    :gsub("%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d UTC", "DATE"))
end

--- Checks that `err` is whole and is the one expected: code, phase, text (as helper.plain has
-- it), has (a part of the text), matches (a pattern).
function helper.check_error(err, expected)
  luassert.is_table(err)
  local text = tostring(err)
  luassert.equal(err.text, text)
  luassert.is_nil(text:find("\n", 1, true))
  luassert.equal(expected.code, err.code, text)
  luassert.equal(assert(core.codes[err.code]).class, err.class == "arg" and "config" or err.class)
  luassert.is_not_nil(text:find(err.message, 1, true))
  luassert.equal("[" .. err.code .. "]", text:match("%[[%w_]+%]$"))
  if expected.phase then luassert.equal(expected.phase, err.phase, text) end
  if expected.text then luassert.equal(expected.text, helper.plain(text)) end
  if expected.matches then luassert.matches(expected.matches, text) end
  if expected.has then
    assert(text:find(expected.has, 1, true), text .. "\nhas no " .. expected.has)
  end
  return err
end

--- The same for the results of a call that must fail: nil and an error.
function helper.fails(expected, ...)
  local result, err = ...
  if result ~= nil then error("it did not fail, but gave " .. tostring(result), 2) end
  return helper.check_error(err, expected)
end

return helper
