--- cqueues with luaossl: a coroutine of its loop for each connection.
local cqueues, condition = require "cqueues", require "cqueues.condition"
local socket = require "cqueues.socket"
local context, store = require "openssl.ssl.context", require "openssl.x509.store"
local ssl, param = require "openssl.ssl", require "openssl.x509.verify_param"

local work = require "work"

local client, loop, ctx = {}, cqueues.new(), nil

function client.setup(job)
  local trusted = store.new()
  local file, directory = work.trust(job)
  trusted:add(file or directory)
  ctx = context.new("TLS", false)
  ctx:setStore(trusted)
  ctx:setVerify(context.VERIFY_PEER)
end

function client.open(job, port)
  local sock = assert(socket.connect {host = job.address, port = port})
  sock:onerror(function(_, _, code) return code end)
  sock:setmode("bn", "bn")
  local conn, host = ssl.new(ctx), param.new()
  conn:setHostName(job.host)
  host:setHost(job.host)
  conn:setParam(host)
  assert(sock:starttls(conn))
  return sock
end

function client.write(sock, text) assert(sock:write(text)) end

function client.read(sock, n) return assert(sock:read(n)) end

function client.close(sock) sock:close() end

function client.spawn(f) loop:wrap(f) end

function client.run(main)
  loop:wrap(main)
  assert(loop:loop())
end

function client.all(n, f)
  local done, left = condition.new(), n
  for _ = 1, n do
    loop:wrap(function()
      f()
      left = left - 1
      if left == 0 then done:signal() end
    end)
  end
  done:wait()
end

work.main(client, arg)
