--- From a host or a socket to a connection that is verified.
local blocking = require "sslconnect.loop.blocking"
local core = require "sslconnect.core"
local drive = require "sslconnect.drive"
local held = require "sslconnect.held"
local lazy = require "sslconnect.lazy"
local loop = require "sslconnect.loop"
local method = require "sslconnect.method"
local options = require "sslconnect.options"
local stream = require "sslconnect.stream"

local cosocket = lazy "sslconnect.transport.cosocket"
local dane = lazy "sslconnect.dane"
local hooks = lazy "sslconnect.hooks"
local policy = lazy "sslconnect.policy"
local session = lazy "sslconnect.session"
local transport = lazy "sslconnect.transport"

local connect = {}

local DEFAULT_TIMEOUT = 30

-- How many addresses the core takes for a name.
local MOST_ADDRESSES = 256

--- A core BIO of the descriptor; `take` makes it the BIO's, in any case.
local function socket_bio(fd, take)
  local bio, err = core.bio_socket(fd, take)
  if not bio and take then core.close_fd(fd) end
  return bio, err
end

--- A new core connection that knows whom it is for; nil and the error of what was refused.
local function prepare(ctx, where, server_name, step)
  local conn, err = core.conn(ctx)
  if not conn then return nil, err end
  local ok
  ok, err = conn[step == "accept" and "set_accept_state" or "set_connect_state"](conn)
  if ok then ok, err = conn:set_hold_flight(true) end
  if ok and where.host then ok, err = conn:set_peer_label(where.host) end
  if ok and server_name then ok, err = conn:set_server_name(server_name) end
  if ok and where.peer_names then ok, err = policy.demand(conn, where.peer_names) end
  if ok and where.tlsa then ok, err = dane.demand(conn, where.tlsa) end
  if ok and where.ech then ok, err = conn:set_ech_config_list(where.ech) end
  if ok and where.scope then ok, err = conn:set_session_scope(where.scope) end
  if ok and where.session then ok, err = conn:set_session(where.session) end
  if not ok then return nil, err end
  return conn
end

--- Shakes hands over the BIO; closes it where that fails.
---@param where table  host, address, loop, deadline, socket, transport, nagle, hooks
local function secure(conn, bio, where)
  function where.give_up()
    loop.forget(where.loop, bio:fd())
    conn:close()
    bio:close()
    if where.transport then where.transport:close() end
  end
  if where.hooks then where.answer = hooks.answer end
  local shares = where.sharing or where.early_data
  local ok, err = conn:set_bio(bio)
  if ok and where.address then ok, err = conn:set_peer_address(where.address) end
  if ok and shares then ok, err = session.fetch(conn, where) end
  if ok and shares then ok, err = session.send_early(conn, where) end
  if ok then
    local level = loop.choose(where.loop).level
    ok, err = drive.run(conn, "do_handshake", where, where.deadline, "handshake", level)
  end
  if ok and shares then ok, err = session.finish_early(conn, where) end
  if ok and where.nagle and not where.transport then ok, err = bio:set_tcp_nodelay(false) end
  if not ok then
    where.give_up()
    if shares then session.discard(where, err) end
    return nil, err
  end
  if shares then session.done(conn, where) end
  return stream.new {
    sharing = where.session_key and where,
    conn = conn, bio = bio, host = where.host, address = where.address, loop = where.loop,
    socket = where.socket, transport = where.transport,
  }
end

local function dns_failed(host, why, where)
  return nil, core.error("dns_failed", "dns",
    ('"%s" could not be resolved: %s'):format(host, tostring(why)), {host = where.host})
end

--- Gives a dial its addresses from the caller's own resolver, which may yield and so is not called
--- under pcall. An address needs no resolving.
local function ask_resolver(dialing, host, port, resolve, where)
  if host:find(":", 1, true) or host:find("^%d+%.%d+%.%d+%.%d+$") then return true end
  local list, why = resolve(host, port)
  if type(list) == "string" then list = {list} end
  if not list then return dns_failed(host, why or "the resolver gave no reason", where) end
  if type(list) ~= "table" then
    return dns_failed(host, "the resolver gave a " .. type(list) .. ", not a list", where)
  end
  for i = 1, math.max(#list, 1) do
    if type(list[i]) ~= "string" or list[i]:find("\0", 1, true) then
      return dns_failed(host, "the resolver gave no list of addresses", where)
    end
  end
  if #list > MOST_ADDRESSES then return dns_failed(host, "there are too many addresses", where) end
  local ok, err = dialing:set_addresses(list)
  if not ok then return dns_failed(host, err.message, where) end
  return true
end

--- TCP_NODELAY for the dial: what is to end with the handshake begins with it.
local function begins_on(nodelay) return nodelay ~= false end

-- The options of a connect that the dial takes: each with the method that sets it, and what makes
-- the dial's value of it.
local dial_settings = {
  {"addresses", "set_addresses"}, {"nameservers", "set_nameservers"}, {"bind", "set_bind"},
  {"attempt_delay", "set_attempt_delay"}, {"keepalive", "set_keepalive"},
  {"nodelay", "set_tcp_nodelay", begins_on}, {"fastopen", "set_fastopen"}, {"dane", "set_tlsa"},
}

--- Sets the dial up and starts it.
local function start(dialing, host, port, given, where)
  local ok, err = true, nil
  for _, setting in ipairs(dial_settings) do
    local value = given[setting[1]]
    if ok and value ~= nil then
      if setting[3] then value = setting[3](value) end
      ok, err = dialing[setting[2]](dialing, value)
    end
  end
  if not ok then return nil, err end
  if given.path then return dialing:start_unix(given.path) end
  if given.resolve then
    ok, err = ask_resolver(dialing, host, port, given.resolve, where)
    if not ok then return nil, err end
  end
  return dialing:start(host, port)
end

--- What to wait for: the dial's only socket, where the loop allows that, or one descriptor for all.
local function awaited(dialing, where)
  local fd, events
  local adapter = loop.choose(where.loop)
  if adapter.level and not adapter.loud then fd, events = dialing:sole_fd() end
  if fd then return fd, events end
  where.dial_fd = dialing:fd()
  return where.dial_fd, "r"
end

--- Waits once, for the dial's sockets or its timer and no longer than `left`, and steps it.
local function wait_and_step(dialing, where, left)
  held.release()
  if loop.choose(where.loop) == blocking then return dialing:wait_once(left) end
  local seconds = dialing:timeout()
  if left and (not seconds or left < seconds) then seconds = left end
  if seconds ~= 0 then
    local fd, events = awaited(dialing, where)
    if not fd then return dialing:wait_once(left) end -- the system has only poll(2)
    local till = seconds and core.now() + seconds
    local ok, err = drive.wait_fd(fd, events, where, till, dialing:phase())
    if not ok and err.code ~= "timeout" then return nil, err end -- a timer is no deadline
  end
  return dialing:step()
end

--- Steps the dial until it is done. At the deadline it is the dial that says how far it had come.
local function run(dialing, where)
  local done, detail = dialing:step()
  while done == false do
    where.address = dialing:address()
    local left = where.deadline and where.deadline - core.now()
    if left and left <= 0 then return dialing:wait(0) end
    done, detail = wait_and_step(dialing, where, left)
  end
  where.address = dialing:address()
  return done, detail
end

--- A connected socket's descriptor; the address that was reached goes into `where`, and what the
--- server's owner says of it into the connection.
local function dial(conn, host, port, given, where)
  local dialing, err = core.dial()
  if not dialing then return nil, err end
  local ok
  ok, err = start(dialing, host, port, given, where)
  if ok then ok, err = run(dialing, where) end
  if ok and given.dane then ok, err = conn:use_tlsa(dialing) end
  local fd = ok and dialing:take_fd()
  loop.forget(where.loop, where.dial_fd)
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
  local conn, err = prepare(ctx, where, given.server_name, step)
  if not conn then return nil, err end
  local pump, bio = transport.new(adapter, given.take ~= false)
  if not pump then return nil, bio end
  where.transport = pump
  return secure(conn, bio, where)
end

--- Whether nginx is to connect: where it can suspend what runs, and nobody named a loop.
local function is_nginx(given)
  return rawget(_G, "ngx") and cosocket.running() and not loop.is_set(given.loop) and
    loop.choose().name == "blocking"
end

--- The host as the core has it: checked, in A-labels.
local function normalize(ctx, host, where)
  local conn, err = prepare(ctx, where, host, "connect")
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

--- Connects to host and port, or to a path.
---@param given table  checked: timeout, server_name, loop, path, session, and what the dial takes;
---                     hooks
function connect.open(ctx, host, port, given)
  local to = given.path or label(host, port)
  local where = {
    host = to, loop = given.loop, hooks = given.hooks,
    scope = given.path and "unix:" .. to or to:lower(), session = given.session,
    sharing = given.sharing, early_data = given.early_data,
    deadline = drive.deadline(given.timeout or DEFAULT_TIMEOUT),
    nagle = given.nodelay == "handshake" and not given.path, -- when the handshake is done
    ech = given.ech_config_list, tlsa = given.tlsa, peer_names = given.peer_names,
  }
  if host and is_nginx(given) then
    if given.dane then return options.bad("dane: TLSA records cannot be looked up in nginx") end
    return open_in_nginx(ctx, host, port, where, given)
  end
  -- What is wrong with the name is said before anything goes out; the dial looks at the host.
  local conn, err = prepare(ctx, where, given.server_name, "connect")
  if not conn then return nil, err end
  local fd
  fd, err = dial(conn, host, port, given, where)
  if not fd then return nil, err end
  if host and not given.server_name then
    local ok
    ok, err = conn:set_server_name(host)
    if not ok then
      core.close_fd(fd)
      return nil, err
    end
  end
  local bio
  bio, err = socket_bio(fd, true)
  if not bio then return nil, err end
  return secure(conn, bio, where)
end

local function is_descriptor(socket)
  return type(socket) == "number" and socket == math.floor(socket) and socket >= 0 and
    socket < 2 ^ 31
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
---@param given table  checked: timeout, server_name, loop, take, session, session_scope; hooks
function connect.wrap(ctx, socket, given, step)
  local adapter = transport.find(socket)
  if adapter then
    return wrap_stream(ctx, adapter, {
      host = given.server_name, loop = given.loop, hooks = given.hooks,
      scope = given.session_scope, session = given.session, sharing = given.sharing,
      deadline = drive.deadline(given.timeout or DEFAULT_TIMEOUT), ech = given.ech_config_list,
      tlsa = given.tlsa, peer_names = given.peer_names,
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
  local where = {
    host = given.server_name, loop = given.loop, hooks = given.hooks,
    socket = not take and socket or nil, ech = given.ech_config_list, tlsa = given.tlsa,
    peer_names = given.peer_names,
    scope = given.session_scope, session = given.session, sharing = given.sharing,
    deadline = drive.deadline(given.timeout or DEFAULT_TIMEOUT),
  }
  local conn
  conn, err = prepare(ctx, where, given.server_name, step)
  if not conn then return nil, err end
  local bio
  bio, err = core.bio_socket(fd, take)
  if not bio then return nil, err end
  if take and is_object then socket:setfd(-1) end
  return secure(conn, bio, where)
end

return connect
