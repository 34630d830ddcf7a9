--- What was measured, as a table in Markdown and as JSON.
local json = require "harness.json"

local report = {}

local function number(value)
  local digits = value >= 1000 and 0 or value >= 100 and 1 or value >= 10 and 2 or 3
  return ("%." .. digits .. "f"):format(value)
end

report.number = number

--- "1326 (1.00; 1290-1411)": the median, its ratio to the baseline, the quartiles.
local function cell(entry)
  if not entry then return "" end
  if entry.failed then return "failed: " .. entry.failed:sub(1, 80) end
  local text = number(entry.median)
  if entry.ratio then text = text .. (" (%.2f"):format(entry.ratio) else text = text .. " (-" end
  if #entry.samples > 1 then
    text = text .. ("; %s-%s"):format(number(entry.q1), number(entry.q3))
  end
  return text .. ")"
end

--- Beside the figure: the largest peak memory, and the wall time of an operation, of a row.
local function beside(row, labels)
  local walls, memory = {}, 0
  for _, label in ipairs(labels) do
    local entry = row.variants[label]
    if entry and entry.wall then
      walls[#walls + 1] = number(entry.wall * 1e6)
      memory = math.max(memory, entry.maxrss or 0)
    end
  end
  return table.concat(walls, " / "), memory > 0 and ("%.1f"):format(memory / 1024) or ""
end

local function row_of(cells)
  return "| " .. table.concat(cells, " | ") .. " |"
end

--- What is said of a contender below the table.
local function notes(result, lines)
  for _, row in ipairs(result.rows) do
    local said = {}
    if row.version then said[#said + 1] = row.version end
    if row.note then said[#said + 1] = row.note end
    if row.refuses then
      if not row.refuses.host then
        said[#said + 1] = "**accepts a certificate for another host**"
      end
      if not row.refuses.authority then said[#said + 1] = "**accepts any authority**" end
    end
    if #said > 0 then
      lines[#lines + 1] = ("- %s: %s"):format(row.name, table.concat(said, "; "))
    end
  end
  for _, left in ipairs(result.left_out) do
    lines[#lines + 1] = ("- left out: %s: %s"):format(left.name, left.why)
  end
end

function report.markdown(result)
  local labels = result.labels
  local head, rule = {"contender"}, {"---"}
  for _, label in ipairs(labels) do
    head[#head + 1] = label ~= "" and label or "median (ratio; quartiles)"
    rule[#rule + 1] = "---"
  end
  head[#head + 1], rule[#rule + 1] = "wall, µs an operation", "---"
  head[#head + 1], rule[#rule + 1] = "peak memory, MiB", "---"
  local lines = {
    "# " .. result.title, "",
    ("In %s; less is better. Each cell: the median of %d, then its ratio to plain C on libssl " ..
      "in the same run, and the quartiles."):format(result.unit, result.reps), "",
    row_of(head), row_of(rule),
  }
  for _, row in ipairs(result.rows) do
    local cells = {row.name}
    for _, label in ipairs(labels) do cells[#cells + 1] = cell(row.variants[label]) end
    cells[#cells + 1], cells[#cells + 2] = beside(row, labels)
    lines[#lines + 1] = row_of(cells)
  end
  lines[#lines + 1] = ""
  notes(result, lines)
  lines[#lines + 1] = ""
  lines[#lines + 1] = ("%s, load %s; %s; %s; %s"):format(result.machine.date, result.machine.load,
    result.machine.processor, result.machine.kernel, result.machine.openssl)
  return table.concat(lines, "\n") .. "\n"
end

function report.json(result)
  local rows = {}
  for _, row in ipairs(result.rows) do
    rows[#rows + 1] = {
      id = row.id, name = row.name, version = row.version, note = row.note,
      refuses = row.refuses, variants = row.variants,
    }
  end
  return json.encode {
    name = result.name, title = result.title, unit = result.unit, reps = result.reps,
    labels = result.labels, machine = result.machine, rows = rows, left_out = result.left_out,
  }
end

return report
