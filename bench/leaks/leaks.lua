-- leaks.lua [COUNT [FEATURE]]: the same for Lua: COUNT (20000) connections with each feature, over
-- BIO pairs, and what is in use of Lua and resident after the first ones and at the end.
--
-- The environment is that of the specs: LUA_PATH with lua/ and spec/, LUA_CPATH, SSLC_TEST_CERTS.
local core = require "sslconnect.core"
local ssl = require "sslconnect"
local support = require "support.core"

local COUNT, ONLY = tonumber(arg[1]) or 20000, arg[2]
local FIRST = math.min(1000, COUNT)

-- KiB that may be more at the end: what is left to the collector comes and goes in megabytes.
local LUA_BOUND, RSS_BOUND = 256, 8192

local function resident()
  local file = io.open("/proc/self/statm")
  if not file then return 0 end
  local pages = tonumber(file:read("*l"):match("^%d+ (%d+)"))
  file:close()
  return pages * 4
end

local function in_use()
  for _ = 1, 3 do collectgarbage() end
  return collectgarbage("count")
end

-- Features ---------------------------------------------------------------------------------------

local function shaken(options)
  local client, server = support.connected(options)
  assert(server:write("hello"))
  assert(client:read(10) == "hello")
  return client, server
end

local function closing(f)
  return function(contexts)
    local client, server = f(contexts)
    client:close()
    server:close()
  end
end

local function with(settings)
  return function()
    local client = support.client_ctx()
    for name, value in pairs(settings) do assert(client["set_" .. name](client, value)) end
    return {client = client, server = support.server_ctx()}
  end
end

-- Each: its name, what makes the contexts, and what is done with them again and again.
local features = {
  {"closed", with {}, closing(shaken)},
  {"left to the collector", with {}, function(contexts) shaken(contexts) end},
  {"contexts too", with {}, closing(function() return shaken() end)},
  {"exporter, certificates", with {}, closing(function(contexts)
    local client, server = shaken(contexts)
    assert(client:export_keying_material("EXPORTER-x", 32))
    assert(client:channel_binding("tls-exporter"))
    assert(#client:peer_cert(1):pem() > 0)
    return client, server
  end)},
  {"trace", with {}, closing(function(contexts)
    local client, server = support.joined(contexts)
    assert(client:set_trace(true))
    assert(support.shake(client, server))
    assert(#client:trace() > 0)
    return client, server
  end)},
  {"session", with {}, closing(function(contexts)
    local client, server = support.joined(contexts)
    if contexts.session then assert(client:set_session(contexts.session)) end
    assert(support.shake(client, server))
    assert(server:write("hello"))
    assert(client:read(10))
    contexts.session = assert(client:session())
    return client, server
  end)},
  {"verify hook", with {retry_verify = true}, closing(function(contexts)
    local client, server = support.joined(contexts)
    client:do_handshake()
    server:do_handshake()
    assert(select(2, client:do_handshake()) == "want_retry_verify")
    assert(client:answer_verify(true))
    assert(support.shake(client, server))
    return client, server
  end)},
  {"refused, an error object", with {}, function(contexts)
    local client, server = support.joined({client = contexts.client, server = contexts.server,
      name = "other.example"})
    local ok, err = support.shake(client, server)
    assert(not ok and err.code == "hostname_mismatch" and #tostring(err) > 0)
  end},
  {"a context that is refused", with {}, function()
    local ctx, err = ssl.context {ciphers = "BOGUS"}
    assert(not ctx and err.code == "bad_option")
  end},
  {"BIOs left to the collector", with {}, function()
    local near = assert(core.bio_pair())
    assert(near:write("x"))
  end},
}

-- Running ----------------------------------------------------------------------------------------

local failed = false

local function run(name, make, step)
  local contexts = make()
  for _ = 1, FIRST do step(contexts) end
  local lua, rss, began = in_use(), resident(), os.clock()
  for _ = 1, COUNT do step(contexts) end
  local took = os.clock() - began
  local more_lua, more_rss = in_use() - lua, resident() - rss
  print(("| %s | %d | %.1f | %.0f | %+.1f | %d | %+d |"):format(name, COUNT, took, lua, more_lua,
    rss, more_rss))
  io.stdout:flush()
  if more_lua > LUA_BOUND or more_rss > RSS_BOUND then
    failed = true
    print("# " .. name .. " grows")
  end
end

print("| feature | connections | s | in use, KiB | more, KiB | resident, KiB | more, KiB |")
print("| --- | --- | --- | --- | --- | --- | --- |")
for _, feature in ipairs(features) do
  if not ONLY or ONLY == feature[1] then run(feature[1], feature[2], feature[3]) end
end
os.exit(failed and 1 or 0)
