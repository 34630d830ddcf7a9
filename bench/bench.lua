--- The benchmarks: bench.lua [--quick] [--reps N] [--only WORD[,WORD...]] [--variant TEXT]
--   [WORKLOAD...] BUILD
--
-- Run by `./dev bench`, from the top of the tree, with what it needs built in BUILD. Contenders
-- take turns in each repetition, so that a slow minute is a slow minute for all. README.md tells
-- what is measured and how to read it.
package.path = "bench/?.lua;" .. package.path

local contenders = require "harness.contenders"
local measure = require "harness.measure"
local plot = require "harness.plot"
local process = require "harness.process"
local report = require "harness.report"
local stats = require "harness.stats"
local trust = require "harness.trust"
local workloads = require "harness.workloads"

local REPS = 7

local function say(...) print(string.format(...)) end

local function die(...)
  io.stderr:write("bench: ", string.format(...), "\n")
  os.exit(1)
end

-- ----------------------------------------------------------------------------------- arguments

local function read_arguments(list)
  local given, i = {names = {}}, 1
  while list[i] do
    local word = list[i]
    if word == "--quick" then
      given.quick = true
    elseif word == "--reps" or word == "--only" or word == "--variant" then
      i = i + 1
      given[word:sub(3)] = list[i] or die("%s needs a value", word)
    elseif word:sub(1, 1) == "-" then
      die("there is no option %s; there are --quick, --reps N, --only WORD[,WORD...], " ..
        "--variant TEXT", word)
    else
      given.names[#given.names + 1] = word
    end
    i = i + 1
  end
  given.build = table.remove(given.names) or
    die("usage: bench.lua [OPTION...] [WORKLOAD...] BUILD")
  return given
end

--- The workloads of these names; all of them for none.
local function selected(names)
  if #names == 0 then return workloads end
  local by_name, known, list = {}, {}, {}
  for i, workload in ipairs(workloads) do
    by_name[workload.name], known[i] = workload, workload.name
  end
  for i, name in ipairs(names) do
    list[i] = by_name[name] or
      die("there is no benchmark %s; there are: %s", name, table.concat(known, " "))
  end
  return list
end

-- ------------------------------------------------------------------------------------ the place

local MODES = {
  "handshake", "echo", "echo-noticket", "echo-early", "source-128", "source-256", "sink-128",
  "sink-256", "stall",
}

--- On more than one processor the server has one to itself, and so has the client.
local function pins()
  local count = tonumber(process.line("nproc") or "1")
  if count < 2 or not process.capture("taskset -c 0 true", 20) then return {"env"}, {"env"} end
  return {"taskset", "-c", "0"}, {"taskset", "-c", "1"}
end

local function make_place(given)
  local build = given.build
  local certs = build .. "/certs"
  local place = {
    build = build, bench = "bench", ca = certs .. "/ca.pem", ca_dir = certs .. "/cadir",
    other_ca = certs .. "/otherca.pem", trust = build .. "/trust", quick = given.quick,
  }
  local server_pin
  place.pin, server_pin = pins()
  function place.server_words(address, modes)
    local words = {table.unpack(server_pin)}
    for _, word in ipairs {build .. "/bin/bench-server", certs .. "/good.pem", certs .. "/good.key",
      address, table.unpack(modes)} do
      words[#words + 1] = word
    end
    return words
  end
  place.server, place.ports = process.serve(process.command(place.server_words("127.0.0.1", MODES)))
  return place
end

local function machine()
  local processor = process.line("sed -n 's/^model name.*: //p' /proc/cpuinfo") or "?"
  local load = io.open("/proc/loadavg")
  return {
    date = os.date("!%Y-%m-%d %H:%M UTC"), load = load and load:read("l"):match("%S+") or "?",
    processor = ("%s, %s processors"):format(processor, process.line("nproc") or "?"),
    kernel = process.line("uname -sr") or "?",
    openssl = process.line("openssl version") or "?",
  }
end

-- ------------------------------------------------------------------------------------- measuring

local function matches(contender, only)
  if not only then return true end
  for word in only:gmatch("[^,]+") do
    if contender.id == word or contender.id:sub(1, #word + 1) == word .. "-" then return true end
  end
  return false
end

--- Those who can be measured here; and those who cannot, with the reason. Whether each refuses what
-- it has to is looked at, not believed.
local function find_contenders(place, given)
  local list, left_out = {}, {}
  for _, contender in ipairs(contenders.all) do
    local is_meant = contender.id == "baseline" or matches(contender, given.only)
    local lacks = is_meant and contenders.lacks(contender, place.build)
    if lacks then
      left_out[#left_out + 1] = {name = contender.name, why = lacks}
      say("left out: %s: %s", contender.name, lacks)
    elseif is_meant then
      contender.refuses = measure.refusals(place, contender)
      if not contender.refuses.accepts then
        die("%s cannot connect", contender.name)
      end
      contender.version = contender.version and process.line(contender.version)
      list[#list + 1] = contender
    end
  end
  return list, left_out
end

--- The variants that are meant: all, those for a smoke run, those with a text in the label.
local function variants_of(workload, given)
  local list, labels, at = {}, {}, {}
  for _, variant in ipairs(workload.variants) do
    if (not given.quick or variant.quick) and
      variant.label:find(given.variant or "", 1, true) then
      list[#list + 1] = variant
      labels[#labels + 1], at[#at + 1] = variant.label, variant.at
    end
  end
  return list, labels, at
end

local function new_result(workload, list, left_out, given)
  local reps = given.quick and 1 or tonumber(given.reps) or workload.reps or REPS
  local variants, labels, at = variants_of(workload, given)
  local result = {
    name = workload.name, title = workload.title, unit = workload.unit, reps = reps,
    variants = variants, labels = labels, at = at, axis = workload.axis, rows = {},
    own_scales = workload.own_scales, left_out = left_out, machine = machine(),
  }
  for _, contender in ipairs(list) do
    if not workload.only or workload.only(contender) then
      result.rows[#result.rows + 1] = {
        id = contender.id, name = contender.name, version = contender.version,
        note = contender.note, ours = contender.ours, refuses = contender.refuses,
        contender = contender, variants = {},
      }
    end
  end
  return result
end

local function keep(entry, sample)
  entry.samples[#entry.samples + 1] = sample.figure
  if sample.wall then
    entry.walls[#entry.walls + 1] = sample.wall
    entry.maxrss = math.max(entry.maxrss or 0, sample.maxrss)
  end
end

--- One contender, one variant, once. Who failed is not asked again.
local function sample_row(place, workload, variant, row, prefix)
  local entry = row.variants[variant.label] or {samples = {}, walls = {}}
  row.variants[variant.label] = entry
  if entry.failed then return true end
  local sample, why = measure[workload.how or "own"](place, row.contender, variant, workload)
  if sample == false then return false, why end
  if sample then keep(entry, sample) else entry.failed = why end
  local found = sample and report.number(sample.figure) or "failed: " .. why
  say("%s  %-34s %s", prefix, row.name, found)
  return true
end

local function sample_all(place, workload, result)
  for rep = 1, result.reps do
    for _, variant in ipairs(result.variants) do
      local prefix = ("%s %d/%d %-16s"):format(workload.name, rep, result.reps, variant.label)
      for _, row in ipairs(result.rows) do
        local is_meant = not variant.only or variant.only(row.contender)
        local ok, why = true, nil
        if is_meant then ok, why = sample_row(place, workload, variant, row, prefix) end
        if not ok then return nil, why end
      end
    end
  end
  return true
end

--- Medians, spreads, and ratios to the baseline.
local function finish(result)
  for _, label in ipairs(result.labels) do
    local baseline = result.rows[1].variants[label]
    for _, row in ipairs(result.rows) do
      local entry = row.variants[label]
      if entry and not entry.failed then
        for name, value in pairs(stats.summary(entry.samples)) do entry[name] = value end
        entry.wall = #entry.walls > 0 and stats.summary(entry.walls).median or nil
        local one = baseline and baseline.median
        entry.ratio = one and one > 0 and entry.median / one or nil
      end
    end
  end
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function write_results(place, workload, result)
  local path = place.build .. "/results/" .. result.name
  local markdown = report.markdown(result)
  write(path .. ".json", report.json(result))
  write(path .. ".md", markdown)
  write(path .. ".svg", (workload.plot == "lines" and plot.lines or plot.bars)(result))
  say("\n%s\nwritten: %s.md, .json, .svg\n", markdown, path)
end

local function count_failures(result)
  local count = 0
  for _, row in ipairs(result.rows) do
    for _, entry in pairs(row.variants) do
      if entry.failed and (row.ours or row.id == "baseline") then count = count + 1 end
    end
  end
  return count
end

local function warn_of_load(result)
  local load = tonumber(result.machine.load)
  if load and load > 1 then
    say("The machine is busy (its load was %.1f): these figures tell only that it runs.", load)
  end
end

--- How many of ours failed.
local function run(place, workload, list, left_out, given)
  local result = new_result(workload, list, left_out, given)
  for _, variant in ipairs(result.variants) do
    if variant.trust then trust.make(place) end
  end
  local ok, why = sample_all(place, workload, result)
  if not ok then
    say("%s: skipped: %s", workload.name, why)
    return 0
  end
  finish(result)
  write_results(place, workload, result)
  warn_of_load(result)
  return count_failures(result)
end

local function main()
  local given = read_arguments(arg)
  local chosen = selected(given.names)
  assert(process.capture("mkdir -p " .. process.quote(given.build .. "/results"), 20))
  local place = make_place(given)
  local list, left_out = find_contenders(place, given)
  local failures = 0
  for _, workload in ipairs(chosen) do
    failures = failures + run(place, workload, list, left_out, given)
  end
  place.server:close()
  if failures > 0 then die("%d figures of ours are missing", failures) end
end

main()
