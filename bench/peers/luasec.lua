--- LuaSocket and LuaSec, blocking. LuaSec compares no host: nothing in it does.
local socket, ssl = require "socket", require "ssl"

local work = require "work"

local client, ctx = {}, nil

function client.setup(job)
  local file, directory = work.trust(job)
  ctx = assert(ssl.newcontext {
    mode = "client", protocol = "any", verify = "peer", options = {"all", "no_sslv3"},
    cafile = file, capath = directory,
  })
end

function client.open(job, port)
  local sock = assert(socket.connect(job.address, port))
  local conn = assert(ssl.wrap(sock, ctx))
  conn:sni(job.host)
  assert(conn:dohandshake())
  return conn
end

function client.write(conn, text) assert(conn:send(text)) end

function client.read(conn, n) return assert(conn:receive(n)) end

function client.close(conn) conn:close() end

work.main(client, arg)
