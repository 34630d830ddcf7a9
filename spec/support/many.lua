-- many.lua: as many handshakes at once as it is told, in one process.
--
--   lua many.lua LOOP PORT COUNT
--
-- Run by many_spec.lua, in a shell that has raised the limit of descriptors. Prints what it counted
-- in one line, "NAME=NUMBER ...", and the first thing that went wrong behind it.
local helper = require "helper"
local loops = require "support.loops"
local ssl = require "sslconnect"

local name, port, count = arg[1], tonumber(arg[2]), tonumber(arg[3])
local under = loops.get(name)
helper.patience = 100

local seen = {connected = 0, verified = 0, answered = 0, most = 0}
local in_flight, connections = 0, {}

local function connect(i)
  in_flight = in_flight + 1
  seen.most = math.max(seen.most, in_flight)
  local conn, err = ssl.connect("127.0.0.1", port,
    {ca_file = helper.ca, timeout = helper.patience, loop = under.loop})
  in_flight = in_flight - 1
  if not conn then
    seen.err = seen.err or tostring(err)
    return
  end
  seen.connected = seen.connected + 1
  if conn:info().verified then seen.verified = seen.verified + 1 end
  connections[i] = conn
end

local function talk(i)
  local conn = connections[i]
  if not conn then return end
  local line, err = conn:write(i, "\n"), nil
  if line then line, err = conn:read("l") end
  if line == tostring(i) then seen.answered = seen.answered + 1 end
  seen.err = seen.err or err and tostring(err)
  conn:close()
end

local function run(f)
  local functions = {}
  for i = 1, count do functions[i] = function() return f(i) end end
  under.run(functions)
end

-- What the module and the loop need for themselves is there from the first connection on.
count = 1
run(connect)
run(talk)
connections, seen = {}, {connected = 0, verified = 0, answered = 0, most = 0}

count = tonumber(arg[3])
seen.before = helper.count_fds()
run(connect)
seen.open = helper.count_fds()
run(talk)
seen.after = helper.count_fds()

local parts = {}
for _, key in ipairs {"most", "connected", "verified", "answered", "before", "open", "after"} do
  parts[#parts + 1] = key .. "=" .. seen[key]
end
print(table.concat(parts, " ") .. " " .. (seen.err or ""))
