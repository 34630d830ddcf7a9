-- loop-table.lua: which behaviour is tested under which loop, as a table in Markdown.
--
--   lua loop-table.lua LOG...
--
-- The logs are TAP of spec/loops_spec.lua (build/logs/spec-*.log after ./dev test). There a test is
-- called "under LOOP BEHAVIOUR". A cell tells in how many of the logs it passed.
local loops = {"blocking", "coroutine", "embedded", "cqueues", "luv", "copas"}
local order, passed = {}, {}

local function note(name, behaviour, ok)
  if not passed[behaviour] then
    passed[behaviour] = {}
    order[#order + 1] = behaviour
  end
  if ok then passed[behaviour][name] = (passed[behaviour][name] or 0) + 1 end
end

local function read(path)
  for line in io.lines(path) do
    local verdict, name, behaviour = line:match("^([not ]*ok) %d+ %- under (%l+) (.+)$")
    if verdict then note(name, behaviour, verdict == "ok") end
  end
end

for _, path in ipairs(arg) do read(path) end
print("| under LOOP ... | " .. table.concat(loops, " | ") .. " |")
print("| --- |" .. (" --- |"):rep(#loops))
for _, behaviour in ipairs(order) do
  local cells = {}
  for i, name in ipairs(loops) do cells[i] = passed[behaviour][name] or "" end
  print("| " .. behaviour .. " | " .. table.concat(cells, " | ") .. " |")
end
