--- Medians and spreads.
local stats = {}

local function quantile(sorted, q)
  local at = 1 + (#sorted - 1) * q
  local low = math.floor(at)
  local high = math.min(low + 1, #sorted)
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low)
end

--- median, q1, q3, min, max of some numbers, one at least.
function stats.summary(samples)
  local sorted = {table.unpack(samples)}
  table.sort(sorted)
  return {
    median = quantile(sorted, 0.5), q1 = quantile(sorted, 0.25), q3 = quantile(sorted, 0.75),
    min = sorted[1], max = sorted[#sorted],
  }
end

return stats
