--- What is measured. Each workload:
--
--   name, title   in commands and files; in tables and plots
--   unit          of the figure
--   how           the way of measuring: see measure.lua; "own" where nothing is said
--   figure        what is made of a contender's line of JSON, for "own"
--   only          which contenders: a function
--   plot          "lines" where the variants are points of an axis, labelled `axis`
--   own_scales    whether the bars of each variant have a scale of their own
--   reps          repetitions, where not the usual number
--   variants      each with a label, the contender's workload `run`, the server's mode, `count`,
--                 and for some `param` and `only`; `quick` is the count of a smoke run
local GIB = 2 ^ 30

local function cpu(sample) return (sample.user + sample.sys) / sample.ops end

local function cpu_us(sample) return cpu(sample) * 1e6 end

local function is_ours(contender) return contender.ours end

local function is_ours_or_baseline(contender)
  return contender.ours or contender.id == "baseline"
end

local function is_many(contender) return contender.many end

--- Those that do one after another by nature, and of those with a loop one for each is enough.
local function is_plain(contender)
  return not contender.ours or not contender.many or contender.id == "c" or
    contender.id:find("embedded")
end

--- As if no server had been seen before: to the others none ever has.
local function remembers(contender)
  return is_plain(contender) and (contender.ours or contender.id == "baseline")
end

local function can_resume(contender)
  return is_plain(contender) and
    (contender.resumes or contender.ours or contender.id == "baseline")
end

local function each(list, make)
  local variants = {}
  for i, item in ipairs(list) do variants[i] = make(item) end
  return variants
end

local function one(run, server, count, quick, more)
  local variant = {label = "", run = run, server = server, count = count, quick = quick}
  for name, value in pairs(more or {}) do variant[name] = value end
  return {variant}
end

--- Two ways a connection is used that are worth counting at: handshake alone, and one exchange.
local function hand_and_first(count, quick)
  return {
    {label = "handshake", run = "full", server = "handshake", count = count, quick = quick},
    {label = "with a request", run = "first", server = "echo", count = count, quick = quick},
  }
end

local blocks = {16384, 131072}
local ciphers = {"128", "256"}

local function bulk(run, mode)
  local variants = {}
  for _, cipher in ipairs(ciphers) do
    for _, block in ipairs(blocks) do
      variants[#variants + 1] = {
        label = ("AES-%s, %d KiB"):format(cipher, block // 1024), run = run,
        server = mode .. "-" .. cipher, param = block, count = 2 ^ 28 // block, quick = 64,
        scale = GIB / block,
      }
    end
  end
  return variants
end

return {
  {
    name = "full", title = "Full handshakes, one after another", unit = "µs of CPU per handshake",
    figure = cpu_us, only = is_plain, variants = {
      {label = "", run = "full", server = "handshake", count = 400, quick = 10},
      {label = "all signatures checked", run = "checked", server = "handshake", count = 400,
        quick = 10, only = remembers},
    },
  },
  {
    name = "resumed", title = "Resumed handshakes, with a request", figure = cpu_us,
    unit = "µs of CPU per connection", only = can_resume,
    variants = one("resumed", "echo", 400, 10),
  },
  {
    name = "inflight", title = "Handshakes, N at a time", unit = "µs of CPU per handshake",
    figure = cpu_us, only = is_many, plot = "lines", axis = "in flight", reps = 3,
    variants = each({10, 100, 1000, 5000}, function(n)
      return {
        label = tostring(n), run = "inflight", server = "handshake", param = n, at = n,
        count = math.max(2000 // n, 1), quick = n <= 100 and 1 or nil,
      }
    end),
  },
  {
    name = "stalled", title = "Handshakes, one at a time beside N that are stalled",
    unit = "µs of CPU per handshake", figure = cpu_us, only = is_many, plot = "lines",
    axis = "stalled", reps = 5,
    variants = each({10, 300, 900, 3000}, function(n)
      return {
        label = tostring(n), run = "stalled", server = "handshake", param = n, at = n, count = 200,
        quick = n <= 300 and 10 or nil,
      }
    end),
  },
  {
    name = "download", title = "Download", unit = "seconds of CPU per GiB", figure = cpu,
    variants = bulk("download", "source"), only = is_plain,
  },
  {
    name = "upload", title = "Upload", unit = "seconds of CPU per GiB", figure = cpu,
    variants = bulk("upload", "sink"), only = is_plain,
  },
  {
    name = "echo", title = "64 bytes there and back", unit = "µs of CPU per round trip",
    figure = cpu_us, only = is_plain, variants = one("echo", "echo", 20000, 100),
  },
  {
    name = "cold", title = "A process with one verified connection, the system's trust",
    unit = "milliseconds from start to end", how = "process", only = is_plain,
    variants = {
      {label = "bundle", run = "cold", server = "handshake", trust = "bundle", count = 20,
        quick = 2},
      {label = "hashed directory", run = "cold", server = "handshake", trust = "directory",
        count = 20, quick = 2},
    },
  },
  {
    name = "memory", title = "Memory of an idle connection", unit = "KiB per connection", reps = 3,
    figure = function(sample) return sample.rss / sample.ops / 1024 end, only = is_plain,
    variants = {
      {label = "after the handshake", run = "memory", server = "echo", param = 0, count = 2000,
        quick = 50},
      {label = "after an exchange", run = "memory", server = "echo", param = 1, count = 2000,
        quick = 50},
    },
  },
  {
    name = "syscalls", title = "System calls", unit = "calls per connection", how = "strace",
    only = is_plain, reps = 3, variants = hand_and_first(50, 10),
  },
  {
    name = "segments", title = "TCP segments, both directions", unit = "segments per connection",
    how = "segments", only = is_plain, reps = 5, variants = hand_and_first(50, 10),
  },
  {
    name = "delay", title = "From connect to the first reply, 10 ms there and back",
    unit = "milliseconds", how = "delay", only = is_plain, reps = 3, variants = {
      {label = "tickets", run = "first", server = "echo", count = 20, quick = 2},
      {label = "no tickets", run = "first", server = "echo-noticket", count = 20, quick = 2},
      {label = "TCP Fast Open", run = "fastopen", server = "echo", count = 20, quick = 2,
        only = is_ours_or_baseline},
      {label = "early data", run = "early", server = "echo-early", count = 20, quick = 2,
        only = is_ours},
    },
  },
  {
    name = "instructions", title = "Instructions in user space", how = "callgrind", reps = 1,
    own_scales = true,
    unit = "thousands of instructions per operation",
    only = function(contender)
      return is_plain(contender) and contender.id ~= "node" -- which valgrind cannot run
    end,
    variants = {
      {label = "full", run = "full", server = "handshake", count = 20, quick = 2},
      {label = "all signatures checked", run = "checked", server = "handshake", count = 20,
        quick = 2, only = remembers},
      {label = "with a request", run = "first", server = "echo", count = 20, quick = 2},
      {label = "resumed", run = "resumed", server = "echo", count = 20, only = can_resume},
      {label = "a whole process, bundle", run = "cold", server = "handshake", trust = "bundle",
        count = 1},
      {label = "a whole process, hashed directory", run = "cold", server = "handshake",
        trust = "directory", count = 1},
      {label = "echo of 64 bytes", run = "echo", server = "echo", count = 200},
      {label = "download of 16 KiB", run = "download", server = "source-128", param = 16384,
        count = 200},
      {label = "upload of 16 KiB", run = "upload", server = "sink-128", param = 16384,
        count = 200},
    },
  },
}
