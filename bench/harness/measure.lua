--- The ways of measuring: each gives a figure of one contender in one variant of a workload, and
-- beside it the wall time (seconds for an operation) and the peak memory (kilobytes), where known.
-- nil and why not, where it failed; `false` for the reason where it cannot be had on this machine.
--
-- A place is a table: build, ports, certs, ca, pin (words that keep a command on one processor),
-- quick.
local contenders = require "harness.contenders"
local json = require "harness.json"
local process = require "harness.process"
local trust = require "harness.trust"

local measure = {}

local LIMIT = 300

local function append(words, ...)
  for _, word in ipairs {...} do words[#words + 1] = word end
  return words
end

local function count_of(place, variant)
  return place.quick and variant.quick or variant.count
end

--- The words of a contender's command for a variant.
local function words_for(place, contender, variant, given)
  local words = contenders.words(contender, place.build)
  return append(words, variant.run, given.address or "127.0.0.1",
    given.port or place.ports[variant.server], "localhost", given.ca or place.ca,
    ("%d"):format(given.count or count_of(place, variant)), ("%d"):format(variant.param or 0),
    place.ports.stall or 0)
end

local function pinned(place, words)
  return process.command(place.pin) .. " " .. process.command(words)
end

local function sample_of(output, why)
  local sample = json.numbers(output)
  if sample and sample.ops then return sample end
  return nil, why or "it printed no result"
end

--- What a contender tells of itself.
function measure.own(place, contender, variant, workload)
  local command = pinned(place, words_for(place, contender, variant, {}))
  local sample, why = sample_of(process.capture(command, LIMIT))
  if not sample then return nil, why end
  return {
    figure = workload.figure(sample) * (variant.scale or 1), wall = sample.wall / sample.ops,
    maxrss = sample.maxrss,
  }
end

--- Whole processes, with the system's trust: see trust.lua for what that is here.
function measure.process(place, contender, variant)
  local words = append({"env"}, table.unpack(trust.environment(place, contender, variant.trust)))
  append(words, place.build .. "/bin/bench-run", ("%d"):format(count_of(place, variant)))
  append(words, table.unpack(words_for(place, contender, variant, {ca = "system", count = 1})))
  local sample, why = sample_of(process.capture(pinned(place, words), LIMIT))
  if not sample then return nil, why end
  local wall = sample.wall / sample.ops
  return {figure = wall * 1000, wall = wall, maxrss = sample.maxrss}
end

-- ------------------------------------------------------------------------- differences of two

--- Runs twice, a few times and then many, and divides what `total` finds the second time more than
-- the first: what a process costs before and after is not in it, and the warm-up is like the rest.
---@param total function  of a count: what was found, and the line that the contender printed
local function difference(place, variant, total)
  local found, done = {}, {}
  for i, count in ipairs {5, 5 + count_of(place, variant)} do
    local output
    found[i], output = total(count)
    if not found[i] then return found[i], output end
    local sample, why = sample_of(output)
    if not sample then return nil, why end
    done[i] = sample.ops + sample.warm
  end
  return {figure = (found[2] - found[1]) / (done[2] - done[1])}
end

local function strace_total(file)
  for line in io.lines(file) do
    local total = line:match("^%s*(%d+)%s+total%s*$")
    if total then return tonumber(total) end
  end
  return nil, "strace counted nothing"
end

function measure.strace(place, contender, variant)
  if not process.capture("strace -V", 20) then return false, "there is no strace" end
  local counts = os.tmpname()
  local result, why = difference(place, variant, function(count)
    local words = append({"strace", "-f", "-c", "-U", "calls,name", "-o", counts},
      table.unpack(words_for(place, contender, variant, {count = count})))
    local output, failed = process.capture(pinned(place, words), LIMIT)
    if not output then return nil, failed end
    local total, why_not = strace_total(counts)
    return total, why_not or output
  end)
  os.remove(counts)
  return result, why
end

--- "totals: 123", of all threads, in the file that callgrind writes.
local function callgrind_total(file)
  for line in io.lines(file) do
    local total = line:match("^totals: (%d+)") or line:match("^summary: (%d+)")
    if total then return tonumber(total) / 1000 end
  end
  return nil, "callgrind counted nothing"
end

--- Thousands of instructions of a command, and what it printed.
local function instructions(place, words)
  local counts = os.tmpname()
  local command = append({"valgrind", "-q", "--tool=callgrind", "--trace-children=yes",
    "--callgrind-out-file=" .. counts}, table.unpack(words))
  local output, why = process.capture(pinned(place, command), LIMIT)
  local total
  if output then total, why = callgrind_total(counts) end
  os.remove(counts)
  return total, why or output
end

--- Of an operation; or of a whole process, where that is meant.
function measure.callgrind(place, contender, variant)
  if not process.capture("valgrind --version", 20) then return false, "there is no valgrind" end
  if variant.trust then
    local words = append({"env"}, table.unpack(trust.environment(place, contender, variant.trust)))
    append(words, table.unpack(words_for(place, contender, variant, {ca = "system"})))
    local total, why = instructions(place, words)
    return total and {figure = total}, why
  end
  return difference(place, variant, function(count)
    return instructions(place, words_for(place, contender, variant, {count = count}))
  end)
end

-- ------------------------------------------------------------------- networks of the run's own

--- The server's command for a network of its own, where it has the same ports.
local function server_for(place, variant, address)
  return process.command(append({}, table.unpack(place.server_words(address,
    {variant.server .. "=" .. place.ports[variant.server]}))))
end

--- The kernel's count of segments, in a network where nobody else sends any.
function measure.segments(place, contender, variant)
  local script = place.bench .. "/segments.sh"
  return difference(place, variant, function(count)
    local output, why = process.capture(process.command {
      script, server_for(place, variant, "127.0.0.1"),
      pinned(place, words_for(place, contender, variant, {count = count})),
    }, LIMIT)
    if not output then
      local cannot = why:match("^segments.sh: (.*)")
      if cannot then return false, cannot end
      return nil, why
    end
    return tonumber(output:match("(%d+)%s*$")), output:match("^[^\n]*")
  end)
end

function measure.delay(place, contender, variant)
  local client = pinned(place, words_for(place, contender, variant, {address = "10.99.0.2"}))
  local output, why = process.capture(process.command {
    place.build .. "/bin/bench-delay", "5", "exec " .. server_for(place, variant, "10.99.0.2"),
    "exec " .. client,
  }, LIMIT)
  if not output and why:find("^delay: ") then return false, why:match("^delay: (.*)") end
  local sample
  sample, why = sample_of(output, why)
  if not sample then return nil, why end
  local wall = sample.wall / sample.ops
  return {figure = wall * 1000, wall = wall, maxrss = sample.maxrss}
end

-- ------------------------------------------------------------------------------ verification

--- Whether the contender refuses a wrong authority, and a wrong host: {authority =, host =}.
function measure.refusals(place, contender)
  local function refuses(host, ca)
    local words = contenders.words(contender, place.build)
    append(words, "full", "127.0.0.1", place.ports.handshake, host, ca, "1")
    return process.capture(process.command(words), 30) == nil
  end
  return {
    authority = refuses("localhost", place.other_ca),
    host = refuses("wrong.example", place.ca),
    accepts = not refuses("localhost", place.ca),
  }
end

return measure
