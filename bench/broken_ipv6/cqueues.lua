-- cqueues as its documents have it: connect, TLS, the chain verified.
local host, port, ca, limit = ...
local cqueues, socket = require "cqueues", require "cqueues.socket"
local context, store = require "openssl.ssl.context", require "openssl.x509.store"

local function connect()
  local ctx, trusted = context.new("TLS", false), store.new()
  trusted:add(ca)
  ctx:setStore(trusted)
  ctx:setVerify(context.VERIFY_PEER)
  local sock = socket.connect {host = host, port = port, sendname = host}
  sock:onerror(function(_, _, code) return code end)
  local ok, err = sock:connect(limit)
  if not ok then return nil, err end
  return sock:starttls(ctx, limit)
end

local loop, ok, err = cqueues.new(), nil, nil
loop:wrap(function() ok, err = connect() end)
assert(loop:loop())
return ok, type(err) == "number" and require("cqueues.errno").strerror(err) or err
