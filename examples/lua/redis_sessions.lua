-- redis_sessions.lua: two processes share their TLS sessions by a Redis server.
--
--   lua redis_sessions.lua HOST PORT CA_FILE
--
-- Starts a redis-server of its own, without any file, then twice an interpreter that connects. The
-- second resumes what the first has left. A program of yours would give `session_store` the
-- functions below, over a Redis client that its loop can wait for.
local socket = require "socket"
local ssl = require "sslconnect"

-- A key of 32 bytes, the same wherever the sessions are to be good: what is in Redis is sealed with
-- it. A real one is random, and kept where private keys are.
local SECRET = ("an example is no secret, is it? "):sub(1, 32)

local host, port, ca, redis_port = arg[1], tonumber(arg[2]), arg[3], arg[4]

--- Sends a command to Redis (RESP) and gives its answer: a string, a number, or nil; nil and why.
local function redis(...)
  local words = {...}
  local lines = {"*" .. #words}
  for _, word in ipairs(words) do
    word = tostring(word)
    lines[#lines + 1] = "$" .. #word .. "\r\n" .. word
  end
  local client, why = socket.connect("127.0.0.1", tonumber(redis_port))
  if not client then return nil, why end
  client:settimeout(5)
  client:send(table.concat(lines, "\r\n") .. "\r\n")
  local line = client:receive("*l") or "-no answer"
  local kind, rest = line:sub(1, 1), line:sub(2)
  local answer
  if kind == "$" and rest ~= "-1" then
    answer = client:receive(tonumber(rest))
  elseif kind == "+" or kind == ":" then
    answer = rest
  elseif kind == "-" then
    why = rest
  end
  client:close()
  return answer, why
end

local store = {
  get = function(key) return redis("GETDEL", key) end, -- a ticket is for one use
  put = function(key, bytes, lifetime) return redis("SETEX", key, lifetime, bytes) end,
  remove = function(key) return redis("DEL", key) end,
}

--- What each of the two processes does.
local function visit()
  local ctx = assert(ssl.context {ca_file = ca, session_secret = SECRET, session_store = store})
  local conn = assert(ctx:connect(host, port))
  assert(conn:write("GET / HTTP/1.0\r\n\r\n"))
  assert(conn:read("a"))
  print(conn:session_reused() and "resumed" or "in full")
  conn:close()
  assert(ctx:stats().store_errors == 0, ctx:stats().store_error)
end

local function quote(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

--- Runs this file once more, in a process of its own; what it prints.
local function another_process()
  local pipe = assert(io.popen(("%s %s %s %d %s %d"):format(arg[-1], quote(arg[0]), quote(host),
    port, quote(ca), redis_port)))
  local said = pipe:read("*l")
  pipe:close()
  return said
end

--- A port that nobody listens on.
local function free_port()
  local probe = assert(socket.bind("127.0.0.1", 0))
  local _, number = probe:getsockname()
  probe:close()
  return number
end

local function start_redis()
  redis_port = free_port()
  local server = assert(io.popen(
    ("redis-server --bind 127.0.0.1 --port %d --save '' --appendonly no >/dev/null"):format(
      redis_port), "w"))
  for _ = 1, 200 do
    if redis("PING") then return server end
    socket.sleep(0.05)
  end
  error("redis-server did not start")
end

if redis_port then return visit() end
local server = start_redis()
local first, second = another_process(), another_process()
redis("SHUTDOWN", "NOSAVE")
server:close()
print("the first process connects " .. first .. ", the second " .. second)
assert(first == "in full" and second == "resumed")
