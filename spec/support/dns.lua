--- A DNS server on a port of loopback: dnsmasq(8), which knows names, and before it dnsdist(1),
-- which delays, drops, refuses or truncates its answers. What there is to ask for stands in
-- spec/support/dns/: hosts, dnsmasq.conf and dnsdist.conf.
local helper = require "helper"
local lfs = require "lfs"
local socket = require "socket"

local dns = {}

-- dnsmasq leaves the directory it was started in.
local root = helper.root()
if root:sub(1, 1) ~= "/" then root = lfs.currentdir() .. "/" .. root end
local here = helper.quote(root .. "/spec/support/dns")

-- Daemons are where a user's PATH may not look.
local PATH = 'PATH="$PATH:/usr/sbin:/sbin"; '

--- Why there can be no server here: nil where there can.
function dns.missing()
  for _, program in ipairs {"dnsmasq", "dnsdist", "setpriv"} do
    local found = io.popen(PATH .. "command -v " .. program)
    local path = found:read("*l")
    found:close()
    if not path then return program .. " is not installed" end
  end
end

--- A port of 127.0.0.1 that neither UDP nor TCP uses at the moment.
local function free_port()
  for _ = 1, 100 do
    local udp, tcp = assert(socket.udp()), assert(socket.tcp())
    assert(udp:setsockname("127.0.0.1", 0))
    local port = tonumber((select(2, udp:getsockname())))
    local free = tcp:bind("127.0.0.1", port)
    udp:close()
    tcp:close()
    if free then return port end
  end
  error("no port is free")
end

-- Programs ---------------------------------------------------------------------------------------

local Program = {}
Program.__index = Program

--- Starts a program that dies with this process, and reads its output to the line that tells that
-- it listens; nil and what it said where there is none. A sanitizer that was loaded into this
-- process leaves it alone.
local function start(command, listens)
  local self = setmetatable({}, Program)
  self.output = assert(io.popen(PATH .. "echo $$; unset LD_PRELOAD; " ..
    "exec setpriv --pdeathsig KILL " .. command .. " 2>&1 </dev/null"))
  self.pid = self.output:read("*l")
  local said = {}
  for line in self.output:lines() do
    said[#said + 1] = line
    if line:find(listens) then return self end
    if line:find("[Ff]ailed") then break end
  end
  self:stop()
  return nil, table.concat(said, "\n")
end

function Program:stop()
  if not self.pid then return end
  os.execute("kill -KILL " .. self.pid .. " 2>/dev/null")
  self.output:close()
  self.pid = nil
end

--- Another program may take the port in between: then it is another port.
local function start_on_a_port(port, make)
  local program, why
  for _ = 1, port and 1 or 10 do
    local at = port or free_port()
    program, why = make(at)
    if program then return program, at end
  end
  error(why, 0)
end

local function start_dnsmasq(records)
  local more = ""
  for _, record in ipairs(records) do more = more .. " --dns-rr=" .. helper.quote(record) end
  return start_on_a_port(nil, function(port)
    return start(("dnsmasq --conf-file=%s/dnsmasq.conf --addn-hosts=%s/hosts --user= --group= " ..
      "--port=%d"):format(here, here, port) .. more, "hosts %- %d+ names")
  end)
end

local function start_dnsdist(wanted, behind)
  return start_on_a_port(wanted, function(port)
    return start(("env DNSDIST_PORT=%d DNSMASQ_PORT=%d dnsdist --supervised --disable-syslog " ..
      "-C %s/dnsdist.conf"):format(port, behind, here), "Listening on")
  end)
end

-- Questions --------------------------------------------------------------------------------------

--- A question for the address of a name: RFC 1035, 4.1.
local function question(name)
  local labels = name:gsub("([^.]+)%.?", function(label)
    return string.char(#label) .. label
  end)
  return "\18\52\1\0\0\1\0\0\0\0\0\0" .. labels .. "\0\0\1\0\1"
end

--- Asks until there is an answer.
local function wait_for_answer(port)
  local udp = assert(socket.udp())
  assert(udp:setpeername("127.0.0.1", port))
  udp:settimeout(0.2)
  local answer
  local deadline = socket.gettime() + helper.patience
  repeat
    udp:send(question("only4.wild.example"))
    answer = udp:receive()
  until answer or socket.gettime() > deadline
  udp:close()
  assert(answer, "the DNS server does not answer")
end

-- The server -------------------------------------------------------------------------------------

local Server = {}
Server.__index = Server

--- Starts both; `port` is 53 where /etc/resolv.conf is to lead there, and any else. `records` are
-- more to be known, each as dnsmasq's dns-rr takes it: "name,type,hex".
function dns.start(port, records)
  local self = setmetatable({}, Server)
  local behind
  self.dnsmasq, behind = start_dnsmasq(records or {})
  local ok, err = pcall(function()
    self.dnsdist, self.port = start_dnsdist(port, behind)
    wait_for_answer(self.port)
  end)
  if not ok then
    self:stop()
    error(err, 0)
  end
  self.address = "127.0.0.1:" .. self.port
  return self
end

function Server:stop()
  if self.dnsdist then self.dnsdist:stop() end
  self.dnsmasq:stop()
end

return dns
