-- resumed.lua: CPU of full and resumed connects of the module, in one run.
--
--   lua resumed.lua HOST PORT CA_FILE
--
-- Each repetition does some connects of one kind, then as many of the other. The medians are of the
-- CPU, user and system, that this process spent on a connect with a request and its answer.
local ssl = require "sslconnect"

local ROUNDS, CONNECTS = 15, 20
local host, port, ca = arg[1], tonumber(arg[2]), arg[3]

local function connects(ctx, resumed)
  local before = os.clock()
  for _ = 1, CONNECTS do
    local conn = assert(ctx:connect(host, port))
    assert(conn:session_reused() == resumed)
    assert(conn:write("GET / HTTP/1.0\r\n\r\n"))
    assert(conn:read("a"))
    conn:close()
  end
  return (os.clock() - before) / CONNECTS * 1e6
end

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

local full = assert(ssl.context {ca_file = ca, session_cache = false})
local resuming = assert(ssl.context {ca_file = ca})
local first = assert(resuming:connect(host, port))
assert(first:write("GET / HTTP/1.0\r\n\r\n") and first:read("a"))
first:close()
connects(full, false)

local of_full, of_resumed = {}, {}
for round = 1, ROUNDS do
  of_full[round], of_resumed[round] = connects(full, false), connects(resuming, true)
end
local a, b = median(of_full), median(of_resumed)
print(("Lua: full %.0f µs, resumed %.0f µs, %.1f to 1"):format(a, b, a / b))
