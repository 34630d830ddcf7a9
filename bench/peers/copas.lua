--- LuaSec in the loop of copas. Debian's copas is of a time before copas knew TLS, so what TLS
-- waits for is waited for here, by copas.receive and copas.connect on an object that says "timeout"
-- once.
local copas = require "copas"
local socket, ssl = require "socket", require "ssl"

local work = require "work"

local client, ctx = {}, nil

local Port = {}
Port.__index = Port

local function once(port)
  port.asked = not port.asked
  if port.asked then return nil, "timeout" end
  return 1
end

Port.receive, Port.connect = once, once
function Port:getfd() return self.fd end
function Port:dirty() return false end
function Port:settimeout() return 1 end
function Port:close() return 1 end

local function wait(conn, why)
  local port = setmetatable({fd = conn:getfd()}, Port)
  local how = why == "wantwrite" and copas.connect or copas.receive
  how(port)
end

local function step(conn, result, err, partial)
  if result then return result end
  assert(err == "wantread" or err == "wantwrite" or err == "timeout", err)
  wait(conn, err)
  return nil, partial
end

function client.setup(job)
  local file, directory = work.trust(job)
  ctx = assert(ssl.newcontext {
    mode = "client", protocol = "any", verify = "peer", options = {"all", "no_sslv3"},
    cafile = file, capath = directory,
  })
end

function client.open(job, port)
  local sock = socket.tcp()
  sock:settimeout(0)
  copas.connect(sock, job.address, port)
  local conn = assert(ssl.wrap(sock, ctx))
  conn:settimeout(0)
  conn:sni(job.host)
  repeat until step(conn, conn:dohandshake())
  return conn
end

function client.write(conn, text)
  local from = 1
  while from <= #text do
    local last, err, partial = conn:send(text, from)
    if not last then step(conn, last, err) end
    from = (last or partial) + 1
  end
end

function client.read(conn, n)
  local parts, have = {}, 0
  while have < n do
    local data, err, partial = conn:receive(n - have)
    local part = data or partial
    parts[#parts + 1], have = part, have + #part
    if not data then step(conn, data, err) end
  end
  return table.concat(parts)
end

function client.close(conn) conn:close() end

function client.spawn(f) copas.addthread(f) end

function client.run(main)
  copas.addthread(main)
  copas.loop()
end

--- Without a condition to wait for, the last one to end leaves a byte in a socket.
function client.all(n, f)
  local listener = assert(socket.bind("127.0.0.1", 0))
  local host, port = listener:getsockname()
  local writer = assert(socket.connect(host, port))
  local reader, left = assert(listener:accept()), n
  for _ = 1, n do
    copas.addthread(function()
      f()
      left = left - 1
      if left == 0 then writer:send("x") end
    end)
  end
  reader:settimeout(0)
  copas.receive(reader, 1)
  for _, sock in ipairs {listener, writer, reader} do sock:close() end
end

work.main(client, arg)
