--- Contexts: the TLS settings that connections share, and the connections made from them.
local connect = require "sslconnect.connect"
local core = require "sslconnect.core"
local guard = require "sslconnect.guard"
local lazy = require "sslconnect.lazy"
local loop = require "sslconnect.loop"
local options = require "sslconnect.options"

local dane = lazy "sslconnect.dane"
local id = lazy("sslconnect.identity", "functions")
local policy = lazy("sslconnect.policy", "functions")
local psk = lazy("sslconnect.psk", "functions")
local session = lazy("sslconnect.session", "functions")
local show = lazy "sslconnect.show"
local trust = lazy("sslconnect.trust", "functions")
local verify = lazy "sslconnect.verify"
local within = lazy("sslconnect.within", "functions")

---@class sslconnect.Context
local Context = {}
Context.__index = Context
Context.__name = "sslconnect.Context"

--- An OCSP response is given in DER, which begins with a SEQUENCE, or as the name of a file.
local function use_ocsp_response(ctx, value)
  local is_der = value:find("^0[\128-\255]")
  return ctx["use_ocsp_response" .. (is_der and "_der" or "_file")](ctx, value)
end

local function add_pins(ctx, pins)
  for _, pin in ipairs(pins) do
    local ok, err = ctx:add_pin(pin)
    if not ok then return nil, err end
  end
  return true
end

local function call(method)
  return function(ctx, value) return ctx[method](ctx, value) end
end

--- A kind: a function, or what can be called like one.
local function callable(value)
  local meta = type(value) == "table" and getmetatable(value)
  if type(value) ~= "function" and not (meta and type(meta) == "table" and meta.__call) then
    return nil, "a function"
  end
  return value
end

--- A hook is called where the handshake asks; the core is told that it is to ask.
local function hook(method)
  return function(ctx) return ctx[method](ctx, true) end
end

--- A kind: the environment's file (true), or the name of one.
local function keylog(value)
  if type(value) == "boolean" then return value end
  if type(value) ~= "string" or value == "" or value:find("\0", 1, true) then
    return nil, "the name of a file, or true for the one that SSLKEYLOGFILE names"
  end
  return value
end

local function set_keylog(ctx, value)
  if type(value) == "string" then return ctx:set_keylog_file(value) end
  return not value or ctx:set_keylog_env()
end

local version = options.one_of("1.2", "1.3")

-- Each setting: its name, its kind, and how it is made known to the core. In the order in which
-- they are made: a password comes before the key it opens, and what lowers the demands on keys
-- before the keys.
local settings = {
  {"trust", trust.sources, trust.load},
  {"trust_system", "boolean", function(ctx, on) return not on or ctx:load_verify_system() end},
  {"ca_file", "string", call "load_verify_file"},
  {"ca_dir", "string", call "load_verify_dir"},
  {"ca_pem", "string", call "load_verify_pem"},
  {"crl_file", "string", call "load_crl_file"},
  {"crl_pem", "string", call "load_crl_pem"},
  {"crl_dir", "string", call "load_crl_dir"},
  {"crl_check", options.one_of("leaf", "chain"), call "set_crl_check"},
  {"intermediates", policy.intermediates, policy.add_intermediates},
  {"verify_depth", policy.depth, call "set_verify_depth"},
  {"verify_time", policy.time, call "set_verify_time"},
  {"purpose", options.one_of("server", "client"), call "set_purpose"},
  {"insecure_purpose", options.one_of("server", "client", "any"), call "set_insecure_purpose"},
  {"partial_chain", "boolean", call "set_partial_chain"},
  {"signature_cache", "boolean", call "set_signature_cache"},
  {"security_level", policy.level, call "set_security_level"},
  {"insecure_security_level", policy.level, call "set_insecure_security_level"},
  {"insecure_min_version", options.one_of("1.0", "1.1"), call "set_insecure_min_version"},
  {"key_password", id.password, id.check_password},
  {"cert", id.data, id.use_cert},
  {"cert_uri", "string", call "use_certificate_uri"},
  {"key", id.data, id.use_key},
  {"key_uri", "string", id.use_key_uri},
  {"pkcs12", id.data, id.use_pkcs12},
  {"identities", within.identities, within.add_identities},
  {"server_names", within.server_names, within.add_server_names},
  {"strict_sni", "boolean", call "set_strict_sni"},
  {"alpn", "names", call "set_alpn"},
  {"min_version", version, call "set_min_version"},
  {"max_version", options.one_of("1.0", "1.1", "1.2", "1.3"), call "set_max_version"},
  {"ciphers", "list", call "set_ciphers"},
  {"insecure_ciphers", "list", call "set_insecure_ciphers"},
  {"ciphersuites", "list", call "set_ciphersuites"},
  {"groups", "list", call "set_groups"},
  {"sigalgs", "list", call "set_sigalgs"},
  {"block_padding", "size", call "set_block_padding"},
  {"max_send_fragment", "size", call "set_max_send_fragment"},
  {"max_fragment_length", "size", call "set_max_fragment_length"},
  {"keylog", keylog, set_keylog},
  {"verify_client", options.one_of("none", "optional", "required"), call "set_verify_client"},
  {"verify_hook", callable, hook "set_retry_verify"},
  {"certificate_hook", callable, hook "set_x509_lookup"},
  {"client_hello_hook", callable, hook "set_client_hello"},
  {"psk", psk.keys, psk.add},
  {"pins", "some_names", add_pins},
  {"pin_scope", options.one_of("chain", "leaf"), call "set_pin_scope"},
  {"ocsp", options.one_of("off", "if_stapled", "required"), call "set_ocsp"},
  {"ocsp_response", "bytes", use_ocsp_response},
  {"lenient_eof", "boolean", call "set_lenient_eof"},
  {"session_cache", session.cache, session.set_cache},
  {"session_store", session.store, session.set_store},
  {"session_secret", session.secret, call "set_session_secret"},
  {"max_early_data", "size", call "set_max_early_data"},
  {"insecure_no_verify", "boolean", call "set_insecure_no_verify"},
  {"insecure_no_name_check", "boolean", call "set_insecure_no_name_check"},
}

local known, is_hook = {}, {}
for _, setting in ipairs(settings) do
  known[setting[1]] = setting[2]
  is_hook[setting[1]] = setting[2] == callable or nil
end

--- The names of all settings, name -> kind.
local function setting_kinds()
  local copy = {}
  for name, kind in pairs(known) do copy[name] = kind end
  return copy
end

--- A core context with the settings applied, which were checked.
local function make_core(given)
  if given.cert_uri or given.key_uri or given.pkcs12 then
    local fits, why = id.check(given)
    if not fits then return nil, why end
  end
  local ctx, err = core.ctx()
  if not ctx then return nil, err end
  for _, setting in ipairs(settings) do
    local name, _, apply = setting[1], setting[2], setting[3]
    if given[name] ~= nil then
      local ok
      ok, err = apply(ctx, given[name], given)
      if not ok then return nil, err end
    end
  end
  return ctx
end

-- Settings that have nothing to do with whom a session comes from, or are secret.
local no_domain = {
  psk = true, key = true, key_password = true, password = true, keylog = true, session_cache = true,
  session_store = true, session_secret = true, max_early_data = true, signature_cache = true,
}

--- A value as text that is the same in every process; what is of this one stands as its type.
local function portable(value)
  if type(value) ~= "table" or getmetatable(value) then
    local plain = type(value) == "string" or type(value) == "number" or type(value) == "boolean"
    return plain and tostring(value) or type(value)
  end
  local parts = {}
  for name, part in pairs(value) do
    if not no_domain[name] then parts[#parts + 1] = tostring(name) .. "=" .. portable(part) end
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ";") .. "}"
end

--- All settings as one text: sessions are shared by contexts of the same.
local function domain_of(given)
  local parts = {}
  for _, setting in ipairs(settings) do
    local name = setting[1]
    if given[name] ~= nil and not no_domain[name] then
      parts[#parts + 1] = name .. "=" .. portable(given[name])
    end
  end
  return (table.concat(parts, "\n"):gsub("[^\1-\127]", function(c)
    return ("\\%d"):format(c:byte())
  end))
end

--- The same, and what is wrong with the settings as a whole.
local function make_checked(given)
  local ctx, err = make_core(given)
  if not ctx then return nil, err end
  local ok
  ok, err = ctx:set_session_domain(domain_of(given))
  if ok then ok, err = ctx:check() end
  if not ok then return nil, err end
  return ctx
end

--- The contexts of server names that have hooks; nil where none has.
local function served_hooks(given)
  local list
  for _, context in pairs(given.server_names or {}) do
    if context.hooks then
      list = list or {}
      list[#list + 1] = {ctx = context.ctx, hooks = context.hooks}
    end
  end
  return list
end

--- The hooks among the settings, and what their answers are made into; nil where there are none.
local function hooks_of(given)
  local hooks = {identity = within.identity, chosen = within.chosen, served = served_hooks(given)}
  local some = hooks.served ~= nil
  for name in pairs(is_hook) do
    hooks[name] = given[name]
    some = some or given[name] ~= nil
  end
  return some and hooks or nil
end

-- Settings of which the context keeps no more than that they are there.
local secret = {
  "key_password", "cert", "key", "pkcs12", "identities", "server_names", "session_secret",
  "psk",
}

--- A copy of the settings without what nobody needs to keep. What Lua has of it goes with the
-- collector: a string cannot be wiped.
local function without_secrets(given)
  local copy = {}
  for name, value in pairs(given) do copy[name] = value end
  for _, name in ipairs(secret) do
    if copy[name] ~= nil then copy[name] = "" end
  end
  return copy
end

local function make(given)
  local ctx, err = make_checked(given)
  if not ctx then return nil, err end
  local store = given.session_store
  return setmetatable({ctx = ctx, sharing = store and session.sharing(ctx, store) or nil,
    settings = without_secrets(given), hooks = hooks_of(given)}, Context)
end

--- A context of its own.
---@param given table|nil  TLS settings: see docs/api.md
---@return sslconnect.Context|nil
---@return table|nil err   bad_option, bad_file, out_of_memory
local function new(given)
  local checked, err = options.check(given, known)
  if not checked then return nil, err end
  return make(checked)
end

-- ----------------------------------------------------------- contexts known by their value

-- How many are remembered; the one not used for longest goes first.
local REMEMBERED = 32

local remembered, count, clock = {}, 0, 0

-- A number for each function and object seen: addresses come again, and objects may print as they
-- like.
local numbers, last_number = setmetatable({}, {__mode = "k"}), 0

local function number_of(value)
  if not numbers[value] then
    last_number = last_number + 1
    numbers[value] = last_number
  end
  return numbers[value]
end

--- A value as a string, equal for equal values. Lists and tables count by what is in them;
--- functions, and objects of any kind, are equal to themselves alone.
local function value_key(value)
  local kind = type(value)
  if kind == "table" and not getmetatable(value) then
    local names, parts = {}, {}
    for name in pairs(value) do names[#names + 1] = name end
    table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
    for _, name in ipairs(names) do
      parts[#parts + 1] = value_key(name) .. value_key(value[name])
    end
    value = table.concat(parts)
  elseif kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
    value = tostring(number_of(value))
  else
    value = tostring(value)
  end
  return ("%s%d:%s;"):format(kind, #value, value)
end

--- The settings as one string, equal for equal settings; a digest, as what is remembered is not
--- to hold passwords and keys. Nil where there is none.
local function key_of(given)
  local parts = {}
  for _, setting in ipairs(settings) do
    local value = given[setting[1]]
    if value ~= nil then parts[#parts + 1] = setting[1] .. "=" .. value_key(value) end
  end
  return core.secret_digest(table.concat(parts))
end

local function forget_oldest()
  local oldest
  for key, entry in pairs(remembered) do
    if not oldest or entry.used < remembered[oldest].used then oldest = key end
  end
  remembered[oldest] = nil
  count = count - 1
end

local function remember(key, context)
  if not remembered[key] then
    if count >= REMEMBERED then forget_oldest() end
    count = count + 1
  end
  clock = clock + 1
  remembered[key] = {context = context, used = clock}
  return context
end

--- The context for settings that were given to a connect itself: the same for the same settings,
--- unless a file that it was made from has changed.
---@param given table  checked
local function shared(given)
  local key = key_of(given)
  local entry = key and remembered[key]
  if entry and not entry.context.ctx:files_changed() then
    return remember(key, entry.context)
  end
  local context, err = make(given)
  if not (context and key) then return context, err end
  return remember(key, context)
end

-- -------------------------------------------------------------------------- connections

--- A kind: a list of addresses, or one. A copy: the caller's may change while a resolver yields.
local function addresses(value)
  if type(value) == "string" then value = {value} end
  if type(value) ~= "table" or #value < 1 or #value > 256 then
    return nil, "an address or a list of 1 to 256"
  end
  local copy = {}
  for i = 1, #value do
    if type(value[i]) ~= "string" or value[i]:find("\0", 1, true) then
      return nil, "a list of addresses, each a string"
    end
    copy[i] = value[i]
  end
  return copy
end

--- A kind: nameservers, as the core takes them.
local function nameservers(value)
  local list, expected = addresses(value)
  return list and table.concat(list, ","), expected
end

--- A kind: whole seconds.
local function whole_seconds(value)
  if type(value) ~= "number" or value ~= math.floor(value) or value < 0 or value > 32767 then
    return nil, "a whole number of seconds from 0 (off) to 32767"
  end
  return value
end

--- TCP_NODELAY: on, off, or on until the handshake is done.
local function nodelay(value)
  if type(value) ~= "boolean" and value ~= "handshake" then
    return nil, 'true, false or "handshake"'
  end
  return value
end

--- A kind: TLSA records.
local function tlsa(value)
  return dane.records(value)
end

local connect_options = {
  timeout = "seconds", server_name = "string", loop = "any", addresses = addresses,
  nameservers = nameservers, attempt_delay = "seconds", bind = "string",
  keepalive = whole_seconds, nodelay = nodelay, fastopen = "boolean", path = "string",
  resolve = callable,
  ech_config_list = "bytes", tlsa = tlsa, session = session.offered,
  dane = options.one_of("lookup", "required"),
  peer_names = "some_names", early_data = session.early_data,
}
local wrap_options = {
  timeout = "seconds", server_name = "string", loop = "any", take = "boolean",
  ech_config_list = "bytes", tlsa = tlsa, session = session.offered,
  session_scope = "string", peer_names = "some_names",
}
local accept_options = {
  timeout = "seconds", loop = "any", take = "boolean", peer_names = "some_names",
}

--- The options of one connection, checked, the loop found, with the hooks of the context.
local function check(self, given, kinds)
  local checked, err = options.check(given, kinds)
  if not checked then return nil, err end
  if checked.loop ~= nil then
    checked.loop, err = loop.find(checked.loop)
    if not checked.loop then return nil, err end
  end
  checked.hooks, checked.sharing = self.hooks, self.sharing
  if type(checked.session) == "string" then
    checked.session, err = self.ctx:import_session(checked.session)
    if not checked.session then return nil, err end
  end
  return checked
end

--- A path stands in the place of host and port, so nothing else tells whom to verify.
local function check_path(self, host, port, checked)
  if host ~= nil or port ~= nil then
    return options.bad("path stands in the place of host and port; give either")
  end
  local tls = self.settings
  local named = checked.server_name or checked.peer_names
  if not (named or tls.psk or tls.insecure_no_verify or tls.insecure_no_name_check) then
    return options.bad("a connect to a path needs server_name, the name to verify")
  end
  return true
end

--- Where to connect to: host and port, or nil twice for a path; false and what is wrong.
local function check_where(self, host, port, checked)
  local ways = (checked.addresses and 1 or 0) + (checked.resolve and 1 or 0) +
    (checked.path and 1 or 0)
  local ok, err = true, nil
  if ways > 1 then
    ok, err = options.bad("addresses, resolve and path exclude each other")
  elseif checked.dane and checked.tlsa then
    ok, err = options.bad("tlsa and dane exclude each other: records are given or looked up")
  elseif checked.path then
    ok, err = check_path(self, host, port, checked)
  end
  if not ok then return false, err end
  if checked.path then return nil, nil end
  host, port = options.check_target(host, port)
  return host or false, port
end

--- Connects to a host: resolves, connects, shakes hands, verifies, under one deadline.
---@param host string|nil  a name or an address; nil with the option path
---@param port integer|nil
---@param given? table    timeout (seconds over all of it; 30), server_name (to send and verify;
---                       the host), loop (a name or an adapter), session (to resume), and how to
---                       get there: addresses, nameservers, resolve, path, bind, attempt_delay,
---                       keepalive, nodelay, fastopen (docs/api.md)
---@return sslconnect.Connection|nil conn
---@return table|nil err
function Context:connect(host, port, given)
  local checked, err = check(self, given, connect_options)
  if not checked then return nil, err end
  host, port = check_where(self, host, port, checked)
  if host == false then return nil, port end
  return connect.open(self.ctx, host, port, checked)
end

--- Makes a TLS client of a connected socket, for STARTTLS and for sockets of others, or of
--- anything that can be read and written.
---
--- A LuaSocket object is taken over, unless `take` is false: it can be told that it has lost its
--- descriptor. A bare descriptor cannot, so it stays the caller's unless `take` is true; what
--- stays the caller's must not be closed before the connection is.
---
--- A stream (an object with read(max) and write(data), a socket of nginx's, a stream of luv's,
--- another connection) is closed with the connection unless `take` is false.
---@param socket integer|table|userdata  a descriptor, an object with getfd(), a stream
---@param given? table  server_name (to send and verify), timeout (30), loop, take, session,
---                     session_scope (where it leads: connections of the same resume by themselves)
---@return sslconnect.Connection|nil conn
---@return table|nil err  plaintext_pending where the object still buffers bytes, ...
function Context:wrap(socket, given)
  local checked, err = check(self, given, wrap_options)
  if not checked then return nil, err end
  return connect.wrap(self.ctx, socket, checked, "connect")
end

--- The other side: accepts TLS on a connected socket. For tests, and for those who serve.
---@param socket integer|table|userdata
---@param given? table  timeout (30), loop, take
---@return sslconnect.Connection|nil conn
---@return table|nil err
function Context:accept(socket, given)
  local checked, err = check(self, given, accept_options)
  if not checked then return nil, err end
  return connect.wrap(self.ctx, socket, checked, "accept")
end

--- Verifies a chain as a handshake would in which the peer shows it: the same trust and settings,
--- the same errors.
---@param chain string|table|userdata  PEM text, the peer's own certificate first; one in DER; a
---                       certificate; or a list of such
---@param given? table    name (whom it is to be for, or a list of which one will do: as peer_names;
---                       a server's must be given), time (to judge by,
---                       as os.time counts; now), purpose ("server" or "client": whose it is)
---@return true|nil ok
---@return table|nil err  as of a connect: err.code, err.depth, err.certificate
function Context:verify(chain, given)
  return verify.chain(self.ctx, chain, given)
end

--- What it has counted: connects, offered, resumed, refused, failed, misses, stored, expired,
--- evicted, dropped, kept, early_data_accepted, early_data_rejected (docs/sessions.md).
--- With a session_store also store_found, store_put, store_errors and store_error, the last one.
---@return table
function Context:stats()
  local stats, sharing = self.ctx:stats(), self.sharing
  if sharing then
    stats.store_found, stats.store_put = sharing.found, sharing.put
    stats.store_errors, stats.store_error = sharing.errors, sharing.error
  end
  return stats
end

--- A session as bytes, for the option `session` of a context elsewhere that verifies as this one
--- does. They are as secret as a private key (docs/sessions.md).
---@param given sslconnect.core.session  of a connection of this context
---@return string|nil bytes
---@return table|nil err  bad_option
function Context:export_session(given)
  local ok, expected = session.offered(given)
  if not ok or type(given) == "string" then
    return options.bad("the session is a %s; expected %s", type(given), expected or "no bytes")
  end
  return self.ctx:export_session(given)
end

--- What is worth knowing at a glance; nothing of passwords and keys.
function Context:__tostring()
  local parts = {}
  for _, setting in ipairs(settings) do
    local value = self.settings[setting[1]]
    if value ~= nil then parts[#parts + 1] = show.setting(setting[1], value) end
  end
  return "sslconnect.Context: " .. (parts[1] and table.concat(parts, " ") or "defaults")
end

guard(Context)

return {new = new, make = make, make_checked = make_checked, shared = shared,
        setting_kinds = setting_kinds, Context = Context, connect_options = connect_options}
