-- check-bench.lua: what bench/harness makes of figures, without measuring any. Run from the top.
package.path = "bench/?.lua;" .. package.path

local json = require "harness.json"
local plot = require "harness.plot"
local process = require "harness.process"
local report = require "harness.report"
local stats = require "harness.stats"

local function entry(samples, ratio)
  local made = stats.summary(samples)
  made.samples, made.ratio = samples, ratio
  return made
end

-- Medians and quartiles, whatever the order and however few.
local odd, even, one = stats.summary {5, 1, 3, 2, 4}, stats.summary {4, 1, 3, 2}, stats.summary {7}
assert(odd.median == 3 and odd.q1 == 2 and odd.q3 == 4 and odd.min == 1 and odd.max == 5)
assert(even.median == 2.5 and even.q1 == 1.75 and even.q3 == 3.25)
assert(one.median == 7 and one.q1 == 7 and one.max == 7)

-- What contenders print, and what is no result.
local found = json.numbers '{"ops": 400, "user": 0.25, "rss": -4096, "wall": 1e-05}\n'
assert(found.ops == 400 and found.user == 0.25 and found.rss == -4096 and found.wall == 1e-05)
assert(json.numbers "it failed" == nil and json.numbers(nil) == nil)
assert(json.encode {name = 'a "b"\n', list = {1, 2.5}}
  == '{\n  "list": [1, 2.5],\n  "name": "a \\"b\\"\\n"\n}\n')

-- A failure is told by its last line that is not of a traceback.
local output, why = process.capture("lua5.4 -e 'error \"too bad\"'", 60)
assert(output == nil and why:find("too bad$"), why)
assert(process.capture("echo 'a b'", 60) == "a b\n")

local function result_of(figures)
  local result = {
    name = "x", title = "Less < more", unit = "µs", reps = 2, labels = {"10", "100"},
    at = {10, 100}, axis = "in flight", rows = {}, left_out = {},
    machine = {date = "", load = "0", processor = "", kernel = "", openssl = ""},
  }
  for i, figure in ipairs(figures) do
    result.rows[i] = {
      id = i == 1 and "baseline" or "c" .. i, name = "contender " .. i, ours = i == 2,
      variants = {["10"] = entry({figure, figure}, figure / figures[1]), ["100"] =
        i == 3 and {failed = "it died", samples = {}} or entry({figure + 1, figure}, 1)},
    }
  end
  return result
end

-- Labels of lines that end in one place do not stand in one another, nor outside.
local lines = plot.lines(result_of {100, 100, 101, 101, 102, 100, 99, 100, 500, 1, 2, 3})
local last, count = nil, 0
for y, name in lines:gmatch 'y="([%d.]+)" fill="[^"]+">(contender [^<]+)<' do
  assert(not last or tonumber(y) - last >= 13.9, name)
  assert(tonumber(y) > 0 and tonumber(y) < 656, name)
  last, count = tonumber(y), count + 1
end
assert(count == 12, count)
assert(lines:find("contender 3, not 100", 1, true) and lines:find("Less &lt; more", 1, true))

-- Bars are sorted, the least first; who failed has none.
local widths, bars = {}, plot.bars(result_of {30, 10, 20})
for width in bars:gmatch '<rect x="%d+" y="[%d.]+" width="([%d.]+)"' do
  widths[#widths + 1] = tonumber(width)
end
assert(#widths == 5 and widths[1] < widths[2] and widths[2] < widths[3] and widths[4] < widths[5])

-- The table tells medians, ratios and failures.
local text = report.markdown(result_of {30, 15, 20})
assert(text:find("| contender 2 | 15.00 (0.50; 15.00-15.00) |", 1, true), text)
assert(text:find("failed: it died", 1, true))
