--- sslconnect as a contender: ours.lua LOOP WORKLOAD..., with LOOP blocking, embedded, cqueues or
-- luv. Nothing is set that is not the default, but the authority and where the host is.
local ssl = require "sslconnect"
local work = require "work"

local client, ctx, options = {}, nil, nil

function client.setup(job)
  local settings = {ca_file = job.ca ~= "system" and job.ca or nil}
  -- By default every handshake but the first would be a resumed one.
  if job.workload ~= "resumed" then settings.session_cache = false end
  if job.workload == "checked" then settings.signature_cache = false end
  ctx = assert(ssl.context(settings))
  options = {addresses = job.address, timeout = 600, fastopen = job.workload == "fastopen"}
end

function client.open(job, port)
  return assert(ctx:connect(job.host, port, options))
end

--- The same with data that goes with the ClientHello.
function client.open_early(job, port, text, session)
  options.early_data, options.session = text, session
  local conn = client.open(job, port)
  options.early_data, options.session = nil, nil
  assert(conn:early_data() == "accepted", "early data was not taken")
  return conn
end

function client.write(conn, text) assert(conn:write(text)) end

function client.read(conn, n) return assert(conn:read(n)) end

function client.close(conn) conn:close() end

function client.session(conn) return assert(conn:session()) end

function client.resumed(conn) return conn:session_reused() end

local loops = {blocking = function() end}

function loops.embedded()
  client.run, client.spawn = ssl.run, ssl.spawn
  function client.all(n, f)
    local tasks = {}
    for i = 1, n do tasks[i] = ssl.spawn(f) end
    for i = 1, n do assert(select("#", tasks[i]:wait()) == 0) end
  end
end

--- n tasks of the loop, and what is told when all of them have ended.
local function group(n, f, start, wake)
  local left = n
  for _ = 1, n do
    start(function()
      f()
      left = left - 1
      if left == 0 then wake() end
    end)
  end
end

function loops.cqueues()
  local cqueues, condition = require "cqueues", require "cqueues.condition"
  local loop = cqueues.new()
  function client.spawn(f) loop:wrap(f) end
  function client.run(main)
    loop:wrap(main)
    assert(loop:loop())
  end
  function client.all(n, f)
    local done = condition.new()
    group(n, f, client.spawn, function() done:signal() end)
    done:wait()
  end
end

function loops.luv()
  local uv = require "luv"
  assert(ssl.set_loop "luv")
  function client.spawn(f) assert(coroutine.resume(coroutine.create(f))) end
  function client.run(main)
    client.spawn(main)
    uv.run()
  end
  function client.all(n, f)
    local me, is_waiting, is_done = coroutine.running(), false, false
    group(n, f, client.spawn, function()
      is_done = true
      if is_waiting then assert(coroutine.resume(me)) end
    end)
    is_waiting = true
    if not is_done then coroutine.yield() end
  end
end

assert(loops[arg[1]], "there is no such loop")()
table.remove(arg, 1)
work.main(client, arg)
