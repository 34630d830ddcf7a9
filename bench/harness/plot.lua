--- Plots in SVG: bars that are sorted, or lines over an axis of powers of ten.
local report = require "harness.report"

local plot = {}

local WIDTH, LEFT, RIGHT = 860, 250, 110
local TOP, BAR, GAP, GROUP = 76, 16, 6, 40
local OURS, BASELINE, PEER = "#1668b8", "#444444", "#b9bec6"

-- For lines, told apart by colour, and each labelled at its end.
local COLOURS = {
  "#444444", "#1668b8", "#d1495b", "#2e933c", "#e0a100", "#7b4fa3", "#17a2a2", "#8c564b",
  "#f06ba8", "#7f8c2d", "#5c7cfa", "#a0522d", "#ff7f50", "#6c757d",
}

local function escape(text)
  return (text:gsub("[&<>]", {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;"}))
end

local function text(x, y, what, more)
  return ('<text x="%.1f" y="%.1f" %s>%s</text>'):format(x, y, more or "", escape(what))
end

local function line(x1, y1, x2, y2, more)
  return ('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>'):format(x1, y1, x2, y2, more)
end

local function document(result, height, parts)
  local head = {
    ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" ' ..
      'font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="12" fill="#222">')
      :format(WIDTH, height, WIDTH, height),
    ('<rect width="%d" height="%d" fill="white"/>'):format(WIDTH, height),
    text(16, 26, result.title, 'font-size="17" font-weight="bold"'),
    text(16, 46, result.unit .. "; less is better", 'fill="#555"'),
  }
  table.insert(head, table.concat(parts, "\n"))
  table.insert(head, "</svg>\n")
  return table.concat(head, "\n")
end

--- A round step that parts 0 to `largest` into 4 to 8.
local function step_for(largest)
  local power = 10 ^ math.floor(math.log(largest, 10))
  for _, factor in ipairs {0.1, 0.2, 0.25, 0.5, 1, 2} do
    if largest / (power * factor) <= 8 then return power * factor end
  end
  return power * 5
end

local function tick_text(value)
  return value == math.floor(value) and ("%d"):format(value) or ("%.10g"):format(value)
end

--- The largest figure of some labels.
local function largest_of(rows, labels)
  local largest = 0
  for _, row in ipairs(rows) do
    for _, label in ipairs(labels) do
      local entry = row.variants[label]
      if entry and entry.median then largest = math.max(largest, entry.q3, entry.median) end
    end
  end
  return largest > 0 and largest or 1
end

-- ---------------------------------------------------------------------------------------- bars

--- The rows that have a figure for a label, the least first.
local function sorted(rows, label)
  local list = {}
  for _, row in ipairs(rows) do
    local entry = row.variants[label]
    if entry and entry.median then list[#list + 1] = {row = row, entry = entry} end
  end
  table.sort(list, function(a, b) return a.entry.median < b.entry.median end)
  return list
end

local function colour_of(row)
  return row.id == "baseline" and BASELINE or row.ours and OURS or PEER
end

local function bar(parts, item, y, scale)
  local entry, x = item.entry, LEFT + item.entry.median * scale
  local middle = y + BAR / 2
  local label = report.number(entry.median)
  if entry.ratio then label = ("%s  (%.2f)"):format(label, entry.ratio) end
  parts[#parts + 1] = text(LEFT - 8, y + BAR - 4, item.row.name, 'text-anchor="end"')
  parts[#parts + 1] = ('<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>'):format(LEFT, y,
    math.max(x - LEFT, 1), BAR, colour_of(item.row))
  if #entry.samples > 1 then
    parts[#parts + 1] = line(LEFT + entry.q1 * scale, middle, LEFT + entry.q3 * scale, middle,
      'stroke="#e4572e" stroke-width="2"')
  end
  parts[#parts + 1] = text(math.max(x, LEFT + entry.q3 * scale) + 6, y + BAR - 4, label)
end

local function vertical_ticks(parts, largest, scale, top, bottom)
  local step = step_for(largest)
  for i = 0, math.floor(largest / step) do
    local x = LEFT + i * step * scale
    parts[#parts + 1] = line(x, top, x, bottom, 'stroke="#ddd"')
    parts[#parts + 1] = text(x, bottom + 16, tick_text(i * step),
      'text-anchor="middle" fill="#555"')
  end
end

--- A group of bars for each label, sorted each by itself.
function plot.bars(result)
  local parts, y = {}, TOP
  for _, label in ipairs(result.labels) do
    local list = sorted(result.rows, label)
    local largest = largest_of(result.rows, result.own_scales and {label} or result.labels)
    local scale = (WIDTH - LEFT - RIGHT) / largest
    if label ~= "" then
      parts[#parts + 1] = text(LEFT, y, label, 'font-weight="bold"')
      y = y + 10
    end
    local bottom = y + #list * (BAR + GAP)
    vertical_ticks(parts, largest, scale, y - 2, bottom)
    for i, item in ipairs(list) do bar(parts, item, y + (i - 1) * (BAR + GAP), scale) end
    parts[#parts + 1] = text(WIDTH - RIGHT, bottom + 32, result.unit,
      'text-anchor="end" fill="#555" font-size="11"')
    y = bottom + GROUP + 14
  end
  parts[#parts + 1] = text(LEFT, y, "the number behind a bar: the median (its ratio to plain C " ..
    "on libssl); the stroke in it: the quartiles", 'fill="#555" font-size="11"')
  return document(result, y + 16, parts)
end

-- --------------------------------------------------------------------------------------- lines

local PLOT_HEIGHT = 520

local function points_of(result, row, x_of, y_of)
  local points = {}
  for i, label in ipairs(result.labels) do
    local entry = row.variants[label]
    if entry and entry.median then
      points[#points + 1] = {x_of(result.at[i]), y_of(entry.median)}
    end
  end
  return points
end

local LABEL = 14 -- the least distance of two labels

--- Moves labels apart that would stand in one another, as little as can be: those that do are a
-- block, which stands where its labels want to be on the average.
local function spread(labels)
  table.sort(labels, function(a, b) return a.y < b.y end)
  local blocks = {}
  for i, label in ipairs(labels) do
    local block = {first = i, count = 1, sum = label.y - i * LABEL}
    local before = blocks[#blocks]
    while before and before.sum / before.count > block.sum / block.count do
      block = {
        first = before.first, count = before.count + block.count, sum = before.sum + block.sum,
      }
      blocks[#blocks] = nil
      before = blocks[#blocks]
    end
    blocks[#blocks + 1] = block
  end
  for _, block in ipairs(blocks) do
    for i = block.first, block.first + block.count - 1 do
      labels[i].y = block.sum / block.count + i * LABEL
    end
  end
end

local function axes(parts, result, largest, x_of, y_of)
  local left, right, bottom = x_of(result.at[1]), x_of(result.at[#result.at]), TOP + PLOT_HEIGHT
  local step = step_for(largest)
  for i = 0, math.floor(largest / step) do
    local y = y_of(i * step)
    parts[#parts + 1] = line(left, y, right, y, 'stroke="#ddd"')
    parts[#parts + 1] = text(left - 8, y + 4, tick_text(i * step), 'text-anchor="end" fill="#555"')
  end
  for _, at in ipairs(result.at) do
    parts[#parts + 1] = line(x_of(at), TOP, x_of(at), bottom, 'stroke="#eee"')
    parts[#parts + 1] = text(x_of(at), bottom + 18, tick_text(at), 'text-anchor="middle"')
  end
  parts[#parts + 1] = text((left + right) / 2, bottom + 38, "connections " .. result.axis ..
    " (logarithmic)", 'text-anchor="middle" fill="#555"')
end

local function polyline(points, colour, width)
  local list = {}
  for i, point in ipairs(points) do list[i] = ("%.1f,%.1f"):format(point[1], point[2]) end
  return ('<polyline points="%s" fill="none" stroke="%s" stroke-width="%s"/>'):format(
    table.concat(list, " "), colour, width)
end

--- ", not 5000": where its line ends early because it failed.
local function failing(result, row)
  for _, label in ipairs(result.labels) do
    if row.variants[label] and row.variants[label].failed then return ", not " .. label end
  end
  return ""
end

--- A line for each row; what fails has a shorter one.
function plot.lines(result)
  local largest, low, high = largest_of(result.rows, result.labels), result.at[1],
    result.at[#result.at]
  local left, right = 70, WIDTH - 250
  local function x_of(at)
    return left + (right - left) * math.log(at / low) / math.log(high / low)
  end
  local function y_of(value) return TOP + PLOT_HEIGHT * (1 - value / largest) end
  local parts, labels = {}, {}
  axes(parts, result, largest, x_of, y_of)
  for i, row in ipairs(result.rows) do
    local points = points_of(result, row, x_of, y_of)
    local colour, last = COLOURS[(i - 1) % #COLOURS + 1], points[#points]
    if last then
      parts[#parts + 1] = polyline(points, colour, (row.ours or i == 1) and 2.5 or 1.5)
      for _, point in ipairs(points) do
        parts[#parts + 1] = ('<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>'):format(point[1],
          point[2], colour)
      end
      labels[#labels + 1] = {
        y = last[2], from = last, name = row.name .. failing(result, row), colour = colour,
      }
    end
  end
  spread(labels)
  for _, label in ipairs(labels) do
    parts[#parts + 1] = line(label.from[1] + 4, label.from[2], right + 16, label.y,
      ('stroke="%s" stroke-width="0.6" stroke-dasharray="2 2"'):format(label.colour))
    parts[#parts + 1] = text(right + 20, label.y + 4, label.name,
      ('fill="%s"'):format(label.colour))
  end
  return document(result, TOP + PLOT_HEIGHT + 60, parts)
end

return plot
