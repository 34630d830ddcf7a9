--- What the contenders in Lua share: arguments, the workloads, measuring, the line that is printed.
-- See c/work.h, whose twin this is. For every Lua from 5.1 on.
--
-- A contender is a table:
--
--   setup(job)        once, before all else
--   open(job, port)   a connection, shaken hands, chain and host verified as far as it can
--   write(conn, s), read(conn, n), close(conn)   all of s; n bytes exactly
--   session(conn), open_early(job, port, s, session)   optional: what is resumed, with s as early
--                     data; the answer to it is for read
--   resumed(conn)     optional: whether a session was resumed, which open then does by itself
--   run(main)         optional: runs it in a loop; and with that
--   all(n, f)         optional: calls f n times at once, and waits until all have returned
--   spawn(f)          optional: begins with f, and lets it go on beside the rest
local usage = require "benchusage"

local REQUEST, ECHO = ("r"):rep(16), ("e"):rep(64)
local WARM_MOST = 50

local stream -- of the workloads that use one connection
local kept = {} -- connections that stay until the process ends

local function full(client, job)
  client.close(client.open(job, job.port))
end

local function exchange(client, conn, text)
  client.write(conn, text)
  assert(#client.read(conn, #text) == #text, "the answer is short")
end

local function first(client, job)
  local conn = client.open(job, job.port)
  exchange(client, conn, REQUEST)
  client.close(conn)
end

local function begin_stream(client, job)
  stream = client.open(job, job.port)
  job.block = ("b"):rep(job.param)
end

local workloads = {
  full = {op = full},
  checked = {op = full},
  cold = {op = full},
  first = {op = first},
  fastopen = {op = first}, -- the same with TCP Fast Open, which is set by who connects
  resumed = {
    begin = function(client, job)
      assert(client.resumed, "it cannot resume sessions")
      first(client, job)
    end,
    op = function(client, job)
      local conn = client.open(job, job.port)
      assert(client.resumed(conn), "it was not resumed")
      exchange(client, conn, REQUEST)
      client.close(conn)
    end,
  },
  early = {
    begin = function(client, job)
      assert(client.open_early, "it has no early data")
      -- Those that are new would come only behind the answer to early data.
      job.sessions = {}
      for i = 1, job.count + math.floor(job.count / 8) + 1 do
        local conn = client.open(job, job.port)
        exchange(client, conn, REQUEST)
        job.sessions[i] = client.session(conn)
        client.close(conn)
      end
    end,
    op = function(client, job)
      local conn = client.open_early(job, job.port, REQUEST, table.remove(job.sessions))
      assert(#client.read(conn, #REQUEST) == #REQUEST, "the answer is short")
      client.close(conn)
    end,
  },
  inflight = {
    is_burst = true,
    op = function(client, job)
      local conns = {}
      client.all(job.param, function()
        local conn = client.open(job, job.port) -- which yields, so the place is found after
        conns[#conns + 1] = conn
      end)
      assert(#conns == job.param, "some handshakes failed")
      for _, conn in ipairs(conns) do client.close(conn) end
    end,
  },
  stalled = {
    begin = function(client, job)
      for _ = 1, job.param do
        client.spawn(function() client.open(job, job.stall_port) end)
      end
    end,
    op = full,
  },
  download = {
    begin = begin_stream,
    op = function(client, job)
      assert(#client.read(stream, job.param) == job.param, "the stream has ended")
    end,
  },
  upload = {
    begin = begin_stream,
    op = function(client, job) client.write(stream, job.block) end,
  },
  echo = {
    begin = begin_stream,
    op = function(client) exchange(client, stream, ECHO) end,
  },
  memory = {
    op = function(client, job)
      local conn = client.open(job, job.port)
      if job.param > 0 then exchange(client, conn, REQUEST) end
      kept[#kept + 1] = conn
    end,
  },
}

local function warm_count(job)
  if job.workload == "cold" then return 0 end
  return math.min(math.floor(job.count / 8) + 1, WARM_MOST)
end

local function mark() return {usage()} end

local line = '{"ops": %d, "warm": %d, "user": %.6f, "sys": %.6f, "wall": %.6f, ' ..
  '"maxrss": %d, "rss": %d}\n'

local function report(job, workload, from, to)
  local each = workload.is_burst and job.param or 1
  io.write(line:format(job.count * each, warm_count(job) * each, to[1] - from[1], to[2] - from[2],
    to[3] - from[3], to[4], to[5] - from[5]))
  io.flush()
end

local function measure(client, job)
  local workload = assert(workloads[job.workload], "there is no such workload here")
  local from = mark()
  client.setup(job)
  if workload.begin then workload.begin(client, job) end
  local warm = warm_count(job)
  for _ = 1, warm do workload.op(client, job) end
  if warm > 0 then from = mark() end
  for _ = 1, job.count do workload.op(client, job) end
  report(job, workload, from, mark())
end

--- Where it was, and at last what it was.
local function explain(err)
  return debug.traceback("", 2) .. "\n" .. tostring(err)
end

local work = {}

--- For contenders that know no trust of the system's: a file, or else a directory.
function work.trust(job)
  if job.ca ~= "system" then return job.ca end
  local directory = os.getenv "SSL_CERT_DIR"
  if directory then return nil, directory end
  return os.getenv "SSL_CERT_FILE"
end

--- The whole program. It ends at once, as what is stalled never would.
---@param client table
---@param arguments table  WORKLOAD ADDRESS PORT HOST CA COUNT [PARAM [STALL_PORT]]
function work.main(client, arguments)
  local job = {
    workload = arguments[1], address = arguments[2], port = tonumber(arguments[3]),
    host = arguments[4], ca = arguments[5], count = tonumber(arguments[6]),
    param = tonumber(arguments[7] or 0), stall_port = tonumber(arguments[8] or 0),
  }
  assert(job.count, "usage: WORKLOAD ADDRESS PORT HOST CA COUNT [PARAM [STALL_PORT]]")
  local function main()
    local ok, err = xpcall(function() return measure(client, job) end, explain)
    if not ok then io.stderr:write(err, "\n") end
    os.exit(ok and 0 or 1)
  end
  -- PUC 5.1 cannot yield inside of xpcall; of those here only LuaJIT is a 5.1, and it can.
  return (client.run or function(f) f() end)(main)
end

return work
