-- support/core.lua: what the specs of sslconnect.core share: two sides of a connection over a BIO
-- pair, sockets on loopback, and a list of every method of every object with arguments that are
-- right. Certificates are those that spec/support/certkit.c made.
local assert = require("luassert")
local core = require("sslconnect.core")
local native = require("support.native")
local socket = require("socket")

local certs = assert(os.getenv("SSLC_TEST_CERTS"), "SSLC_TEST_CERTS is not set")

local function slurp(path, mode)
  local file = assert(io.open(path, mode or "rb"))
  local data = file:read(mode == "r" and "*l" or "*a")
  file:close()
  return data
end

local function pem(name) return slurp(certs .. "/" .. name) end

local function client_ctx(ca)
  local ctx = assert(core.ctx())
  assert(ctx:load_verify_file(certs .. "/" .. (ca or "ca.pem")))
  return ctx
end

local function server_ctx(name)
  local ctx = assert(core.ctx())
  assert(ctx:use_certificate_file(certs .. "/" .. (name or "good") .. ".pem"))
  assert(ctx:use_private_key_file(certs .. "/" .. (name or "good") .. ".key"))
  return ctx
end

-- One whose settings are over.
local function identity_ctx()
  return server_ctx("client")
end

-- A connecting and an accepting connection, joined by a pair, before the handshake.
local function joined(options)
  options = options or {}
  local client = assert(core.conn(options.client or client_ctx()))
  local server = assert(core.conn(options.server or server_ctx()))
  local near, far = assert(core.bio_pair())
  assert(client:set_bio(near))
  assert(server:set_bio(far))
  assert(client:set_server_name(options.name or "localhost"))
  assert(client:set_connect_state())
  assert(server:set_accept_state())
  return client, server, near, far
end

-- Steps both until they are done, or one has failed: true, or nil and its error.
local function shake(client, server)
  for _ = 1, 100 do
    local client_done, client_why = client:do_handshake()
    if client_done == nil then return nil, client_why end
    local server_done, server_why = server:do_handshake()
    if server_done == nil then return nil, server_why end
    if client_done and server_done then return true end
  end
  error("the handshake does not end")
end

local function connected(options)
  local client, server, near, far = joined(options)
  assert(shake(client, server))
  return client, server, near, far
end

-- A listener on loopback; its port.
local function listener()
  local server = assert(socket.bind("127.0.0.1", 0))
  server:settimeout(10)
  local _, port = server:getsockname()
  return server, tonumber(port)
end

local function wait_dial(dial)
  local deadline = core.now() + 10
  repeat
    local done, err = dial:step()
    if done ~= false then return done, err end
    assert(core.wait(dial:fd(), dial:events(), math.min(dial:timeout() or 10, 10)) ~= nil)
  until core.now() > deadline
  error("the dial does not end")
end

-- Both ends of a TCP connection: a descriptor that is ours, and a LuaSocket object.
local function tcp()
  local server, port = listener()
  local dial = assert(core.dial())
  assert(dial:start("127.0.0.1", port))
  assert(wait_dial(dial))
  local peer = assert(server:accept())
  server:close()
  local fd = assert(dial:take_fd())
  dial:close()
  return fd, peer
end

-- The same with a BIO that owns the descriptor.
local function tcp_bio()
  local fd, peer = tcp()
  return assert(core.bio_socket(fd, true)), peer, fd
end

-- Reads until there is something else than "not yet".
local function read_all(bio, fd, size)
  local parts, got = {}, 0
  while got < size do
    local data, why = bio:read(size - got)
    if data == nil then return nil, why end
    if data then
      parts[#parts + 1] = data
      got = got + #data
    else
      assert(core.wait(fd, "r", 10))
    end
  end
  return table.concat(parts)
end

-- Something that calls `f` when it is collected.
local function finalized(f)
  local newproxy = rawget(_G, "newproxy") -- 5.1 collects no tables with finalizers
  if newproxy then
    local proxy = newproxy(true)
    getmetatable(proxy).__gc = f
    return proxy
  end
  return setmetatable({}, {__gc = f})
end

-- How long the collector waits between its rounds, how far it goes in one step, and how long that
-- is, as the exponent of a power of two.
local function tune_collector(pause, multiplier, step)
  if _VERSION == "Lua 5.4" then
    collectgarbage("incremental", pause, multiplier, step)
  elseif _VERSION >= "Lua 5.5" then
    collectgarbage("incremental")
    collectgarbage("param", "pause", pause)
    collectgarbage("param", "stepmul", multiplier)
  else
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", multiplier)
  end
end

-- The collector as it is, and one that goes all the way round at every allocation.
local function relaxed_collector() tune_collector(200, 200, 13) end

local farthest = {["Lua 5.1"] = 0, ["Lua 5.4"] = 1000, ["Lua 5.5"] = 0} -- 0: without a limit

local function restless_collector() tune_collector(1, farthest[_VERSION] or 1000000000, 40) end

-- Runs `f` with the restless one.
local function stressed(f)
  restless_collector()
  collectgarbage() -- from its end on the new settings hold
  local ok, err = pcall(f)
  relaxed_collector()
  if not ok then error(err, 0) end
end

local function is_error(value)
  return type(value) == "table" and getmetatable(value) == core.error_mt
end

-- Every error keeps to the shape that core_meta.lua promises.
local function check_error(err)
  assert.is_true(is_error(err))
  local code = core.codes[err.code]
  assert.is_table(code)
  assert.is_string(err.class)
  assert.is_string(err.message)
  assert.are_not.equal("", err.message)
  assert.equal(err.text, tostring(err))
  assert.matches("[" .. err.code .. "]", err.text, 1, true)
  for _, field in ipairs({"hint", "phase", "host", "address", "alert_name", "strerror"}) do
    assert.are_not.equal("", err[field])
  end
end

-- What any method may answer.
local function check_results(first, second)
  if first == nil and second ~= nil then
    check_error(second)
  elseif first == false and second ~= nil then
    assert.matches("^want_%l+$", second)
  end
end

local function throws(expected, f, ...)
  local ok, message = pcall(f, ...)
  assert.equal("throws: " .. expected, (ok and "returns: " or "throws: ") .. expected)
  assert.matches(expected, message, 1, true)
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function methods_of(object) return getmetatable(object).__index end

-- Each kind of object: how one is made, and for each method the arguments of a call that is right.
-- `steps` fail on a closed object, `getters` have nothing to say.
local function some_bio() return (assert(core.bio_pair())) end

-- A BIO of every kind that Lua can make, and chains.
local bios = {
  pair = some_bio,
  socket = function() return (tcp_bio()) end,
  connect = function() return assert(core.bio_connect("127.0.0.1", 1)) end,
  accept = function() return assert(core.bio_accept("127.0.0.1", 0)) end,
  memory = function()
    local bio = assert(core.bio_mem())
    assert(bio:write("one\ntwo\n"))
    return bio
  end,
  read_only_memory = function() return assert(core.bio_mem_buf("one\ntwo\n")) end,
  buffer = function() return assert(core.bio_buffer()) end,
  null = function() return assert(core.bio_null()) end,
  file = function() return assert(core.bio_file("/dev/null", "r+")) end,
  connection = function() return assert(core.bio_conn(connected(), true)) end,
  connection_without_bio = function()
    return assert(core.bio_conn(assert(core.conn(client_ctx()))))
  end,
  wrapped = function() return assert(core.bio_wrap(native.mem("one\ntwo\n"))) end,
  chain = function()
    local bio, behind = assert(core.bio_buffer()), assert(core.bio_mem_buf("one\ntwo\n"))
    assert(bio:push(behind))
    assert(bio:gets())
    return bio
  end,
  owned = function()
    local _, _, bio = connected()
    return bio
  end,
  behind_a_filter = function()
    local bio, behind = assert(core.bio_buffer()), some_bio()
    assert(bio:push(behind))
    return behind
  end,
}

local kinds = {
  ctx = {
    make = function() return assert(core.ctx()) end,
    steps = {
      load_verify_system = {}, load_verify_file = {certs .. "/ca.pem"},
      load_verify_dir = {certs .. "/cadir"}, load_verify_pem = {pem("ca.pem")},
      load_verify_store = {"file:" .. certs .. "/ca.pem"},
      load_verify_der = {assert(core.cert(pem("ca.pem"))):der()},
      load_verify_cert = {core.cert(pem("ca.pem"))},
      load_crl_file = {certs .. "/crl.pem"}, load_crl_pem = {pem("crl.pem")},
      use_certificate_file = {certs .. "/good.pem"}, use_certificate_pem = {pem("good.pem")},
      use_throwaway_certificate = {"localhost"},
      use_private_key_file = {certs .. "/good.key"}, use_private_key_pem = {pem("good.key")},
      set_key_password = {"secret"}, set_min_version = {"1.2"}, set_max_version = {"1.3"},
      set_alpn = {{"h2", "http/1.1"}}, set_verify_client = {"optional"},
      add_pin = {("0"):rep(64)}, set_pin_scope = {"leaf"}, set_ocsp = {"off"},
      use_ocsp_response_file = {"/nowhere"}, use_ocsp_response_der = {"0"},
      set_lenient_eof = {true}, set_insecure_no_verify = {false},
      set_insecure_no_name_check = {false}, set_insecure_min_version = {"1.1"}, check = {},
      set_ciphers = {"HIGH:!aNULL"}, set_insecure_ciphers = {"ALL"}, set_groups = {"P-256"},
      set_ciphersuites = {"TLS_AES_128_GCM_SHA256"}, set_sigalgs = {"ECDSA+SHA256"},
      set_block_padding = {64}, set_max_send_fragment = {512}, set_max_fragment_length = {512},
      set_keylog_file = {certs .. "/core.keylog"}, set_keylog_env = {},
      use_pkcs12_file = {certs .. "/client.p12"}, use_pkcs12_mem = {pem("client.p12")},
      use_certificate_uri = {"file:" .. certs .. "/good.pem"},
      use_private_key_uri = {"file:" .. certs .. "/good.key"}, add_identity = {identity_ctx()},
      add_server_name = {"a.example", identity_ctx()}, set_strict_sni = {true},
      set_retry_verify = {true}, set_x509_lookup = {true}, set_client_hello = {true},
    },
    getters = {files_changed = {}, error = {}},
  },
  bio = {
    make = some_bio,
    steps = {
      push = {some_bio()}, pop = {}, set_nbio = {true}, set_tcp_nodelay = {true},
      set_close = {true}, set_mem_eof_return = {0}, do_handshake = {}, read = {10},
      write = {"x"}, puts = {"line\n"}, gets = {}, flush = {}, reset = {}, peek = {},
      consume = {0}, shutdown_wr = {},
    },
    getters = {
      kind = {}, next = {}, find = {"socket"}, owner = {}, get_close = {}, should_retry = {},
      fd = {}, timeout = {}, address = {}, pending = {}, wpending = {}, eof = {}, native = {},
      error = {},
    },
  },
  conn = {
    make = function() return assert(core.conn(client_ctx())) end,
    steps = {
      set_bio = {some_bio()}, set_server_name = {"localhost"}, set_peer_label = {"there:1"},
      set_peer_address = {"192.0.2.1:1"}, set_connect_state = {}, set_accept_state = {},
      do_handshake = {}, connect = {}, accept = {}, read = {10}, peek = {10}, write = {"x"},
      receive = {10}, fill = {10}, take = {1}, take_some = {10}, transmit = {"x"},
      shutdown = {}, flush = {}, key_update = {}, set_hold_flight = {true}, set_session = {},
      set_ech_config_list = {"x"}, add_tlsa = {3, 1, 1, ("x"):rep(32)},
      export_keying_material = {"label", 32},
      channel_binding = {"tls-exporter"},
      set_trace = {true}, answer_verify = {false, "no"}, answer_x509_lookup = {core.ctx()},
      answer_client_hello = {core.ctx()}, answer_abort = {"no"},
    },
    getters = {
      is_of = {core.ctx()},
      rbio = {}, wbio = {}, get_shutdown = {}, pending = {},
      kept = {}, write_begun = {}, has_pending = {}, last_status = {},
      last_return = {}, ssl_error = {}, error = {}, is_connected = {}, is_server = {},
      state_string = {}, fd = {}, version = {}, cipher = {}, group = {}, alpn = {},
      session_reused = {}, server_name = {}, peer_cert_count = {}, peer_cert = {1},
      is_verified = {}, timeout = {}, session = {}, trace = {}, verify_result = {},
      max_fragment_length = {}, ocsp_status = {}, ocsp_response = {}, dane_depth = {},
      chain_count = {}, chain = {1}, ca_name_count = {}, ca_name = {1},
    },
  },
  dial = {
    make = function() return assert(core.dial()) end,
    steps = {start = {"127.0.0.1", 1}, step = {}, set_tlsa = {"lookup"}},
    getters = {fd = {}, events = {}, timeout = {}, phase = {}, take_fd = {}, address = {},
      error = {}},
  },
  poller = {
    make = function() return assert(core.poller()) end,
    steps = {set = {0, nil}, wait = {0}},
    getters = {},
  },
  cert = {
    make = function()
      local client = connected()
      return (assert(client:peer_cert(1)))
    end,
    steps = {},
    getters = {subject = {}, issuer = {}, serial = {}, names = {}, not_before = {},
      not_after = {}, fingerprint = {}, spki_sha256 = {}, der = {}, pem = {}},
  },
}

kinds.session = {
  make = function()
    local client, server = connected()
    assert(server:write("x"))
    assert(client:read(1))
    return (assert(client:session()))
  end,
  steps = {},
  getters = {server_name = {}, version = {}, time = {}, lifetime = {}},
}

local unpack = table.unpack or unpack -- luacheck: ignore

local function each_method(kind, f)
  for _, group in ipairs({"steps", "getters"}) do
    for _, name in ipairs(sorted_keys(kinds[kind][group])) do
      f(name, kinds[kind][group][name], group)
    end
  end
end

local function call(object, name, arguments)
  return object[name](object, unpack(arguments, 1, 4))
end

-- Begins a Lua program of its own with this code, after a command of the shell: a file to read its
-- output from, of which the first line is its process number.
local function start_lua(code, command)
  local script = os.tmpname()
  local file = assert(io.open(script, "w"))
  file:write('os.remove(arg[0]) io.stdout:setvbuf("no")\n', code)
  file:close()
  return assert(io.popen(("%s; echo $$; exec %s %s 2>&1"):format(command or ":", arg[-1], script)))
end

-- The same to its end: what it wrote.
local function run_lua(code, command)
  local child = start_lua(code, command)
  assert(child:read("*l"))
  local output = child:read("*a")
  child:close()
  return output
end

return {
  certs = certs, pem = pem, slurp = slurp, client_ctx = client_ctx, server_ctx = server_ctx,
  joined = joined, shake = shake, connected = connected, listener = listener,
  wait_dial = wait_dial, tcp = tcp, tcp_bio = tcp_bio, read_all = read_all, finalized = finalized,
  relaxed_collector = relaxed_collector,
  stressed = stressed, check_error = check_error, check_results = check_results, throws = throws,
  sorted_keys = sorted_keys, methods_of = methods_of, some_bio = some_bio, bios = bios,
  kinds = kinds, unpack = unpack, each_method = each_method, call = call, start_lua = start_lua,
  run_lua = run_lua,
}
