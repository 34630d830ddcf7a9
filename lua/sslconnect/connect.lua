--- From a host or a socket to a connection that is verified.
local core = require "sslconnect.core"
local cosocket = require "sslconnect.transport.cosocket"
local drive = require "sslconnect.drive"
local loop = require "sslconnect.loop"
local method = require "sslconnect.method"
local options = require "sslconnect.options"
local stream = require "sslconnect.stream"
local transport = require "sslconnect.transport"

local connect = {}

local DEFAULT_TIMEOUT = 30

--- A core BIO of the descriptor; `take` makes it the BIO's, in any case.
local function socket_bio(fd, take)
  local bio, err = core.bio_socket(fd, take)
  if not bio and take then core.close_fd(fd) end
  return bio, err
end

--- Gives a new core connection its BIO and its names; nil and the error of what was refused.
local function prepare(ctx, bio, where, server_name, step)
  local conn, err = core.conn(ctx)
  if not conn then return nil, err end
  local ok
  if bio then ok, err = conn:set_bio(bio) else ok = true end
  if ok and where.host then ok, err = conn:set_peer_label(where.host) end
  if ok and where.address then ok, err = conn:set_peer_address(where.address) end
  if ok and server_name then ok, err = conn:set_server_name(server_name) end
  if ok then
    ok, err = conn[step == "accept" and "set_accept_state" or "set_connect_state"](conn)
  end
  if not ok then return nil, err end
  return conn
end

--- Shakes hands over the BIO; closes it where that fails.
---@param where table  host, address, loop, deadline, socket, transport
local function secure(ctx, bio, where, server_name, step)
  local conn, err = prepare(ctx, bio, where, server_name, step)
  local ok
  if conn then ok, err = drive.run(conn, "do_handshake", where, where.deadline, "handshake") end
  if not ok then
    if conn then
      loop.forget(where.loop, conn:fd())
      conn:close()
    end
    bio:close()
    if where.transport then where.transport:close() end
    return nil, err
  end
  return stream.new {
    conn = conn, bio = bio, host = where.host, address = where.address, loop = where.loop,
    socket = where.socket, transport = where.transport,
  }
end

--- A connected socket's descriptor; the address that was reached goes into `where`.
local function dial(host, port, where)
  local dialing, err = core.dial()
  if not dialing then return nil, err end
  local ok
  ok, err = dialing:start(host, port)
  while ok do
    local want
    ok, want = dialing:step()
    where.address = dialing:address()
    if ok then break end
    if ok == nil then
      err = want
      break
    end
    ok, err = drive.wait(dialing, want, where, where.deadline, dialing:phase())
  end
  local fd = ok and dialing:take_fd()
  dialing:close()
  return fd or nil, err
end

--- "example.com:443", "[2001:db8::1]:443".
local function label(host, port)
  local is_v6 = host:find(":", 1, true) and host:sub(1, 1) ~= "["
  return (is_v6 and "[%s]:%d" or "%s:%d"):format(host, port)
end

--- TLS over a stream, its bytes moved by an adapter.
---@param where table  host, loop, deadline
local function wrap_stream(ctx, adapter, where, given, step)
  local pump, bio = transport.new(adapter, given.take ~= false)
  if not pump then return nil, bio end
  where.transport = pump
  return secure(ctx, bio, where, given.server_name, step)
end

--- Whether nginx is to connect: where it can suspend what runs, and nobody named a loop.
local function is_nginx(given)
  return cosocket.running() and not loop.is_set(given.loop) and
    loop.choose().name == "blocking"
end

--- The host as the core has it: checked, in A-labels.
local function normalize(ctx, host, where)
  local conn, err = prepare(ctx, nil, where, host, "connect")
  return conn and conn:server_name(), err
end

local function open_in_nginx(ctx, host, port, where, given)
  local name, err = normalize(ctx, host, where)
  if not name then return nil, err end
  local sock
  sock, err = cosocket.dial(name, port, where, given.addresses)
  if not sock then return nil, err end
  local server_name = given.server_name or host
  return wrap_stream(ctx, cosocket.new(sock), where, {server_name = server_name}, "connect")
end

--- Connects to host and port.
---@param given table  checked: timeout, server_name, loop
function connect.open(ctx, host, port, given)
  local where = {
    host = label(host, port), loop = given.loop,
    deadline = drive.deadline(given.timeout or DEFAULT_TIMEOUT),
  }
  if is_nginx(given) then return open_in_nginx(ctx, host, port, where, given) end
  local fd, err = dial(host, port, where)
  if not fd then return nil, err end
  local bio
  bio, err = socket_bio(fd, true)
  if not bio then return nil, err end
  return secure(ctx, bio, where, given.server_name or host, "connect")
end

local function is_descriptor(socket)
  return type(socket) == "number" and socket == math.floor(socket) and socket >= 0
end

--- The descriptor of a socket, or nil and what is wrong with it.
local function descriptor(socket)
  if is_descriptor(socket) then return socket end
  if not method(socket, "getfd") then
    return options.bad("the socket is a %s; expected a descriptor or an object with getfd(), " ..
      "or a stream with read() and write()", type(socket))
  end
  local fd = socket:getfd()
  if not is_descriptor(fd) then return options.bad("the socket is closed") end
  if method(socket, "dirty") and socket:dirty() then
    return nil, core.error("plaintext_pending", "handshake",
      "the socket still buffers bytes that came before TLS began")
  end
  return math.floor(fd)
end

--- TLS on a connected socket, as the client ("connect") or the server ("accept").
---@param given table  checked: timeout, server_name, loop, take
function connect.wrap(ctx, socket, given, step)
  local adapter = transport.find(socket)
  if adapter then
    return wrap_stream(ctx, adapter, {
      host = given.server_name, loop = given.loop,
      deadline = drive.deadline(given.timeout or DEFAULT_TIMEOUT),
    }, given, step)
  end
  local fd, err = descriptor(socket)
  if not fd then return nil, err end
  local is_object = type(socket) ~= "number"
  local take = given.take
  if take == nil then take = is_object and method(socket, "setfd") ~= nil end
  if take and is_object and not method(socket, "setfd") then
    return options.bad("the socket cannot be taken over: it has no setfd()")
  end
  local bio
  bio, err = core.bio_socket(fd, take)
  if not bio then return nil, err end
  if take and is_object then socket:setfd(-1) end
  return secure(ctx, bio, {
    host = given.server_name, loop = given.loop, socket = not take and socket or nil,
    deadline = drive.deadline(given.timeout or DEFAULT_TIMEOUT),
  }, given.server_name, step)
end

return connect
