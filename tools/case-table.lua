-- case-table.lua: the cases of chain and name with their verdicts, as tables in Markdown.
--
--   lua case-table.lua CASEKIT
--
-- Run from the top of the tree; CASEKIT is the program that the build puts into bin/. With the
-- option -u it puts them into docs/cases.md, in place of those that are there.
local cases = dofile("spec/support/cases.lua")

local page = "docs/cases.md"
local update = arg[1] == "-u"
local program = arg[update and 2 or 1]
if not program then
  io.stderr:write("usage: lua tools/case-table.lua [-u] CASEKIT\n")
  os.exit(1)
end

local rows = table.concat(cases.rows(cases.read(program)), "\n") .. "\n"
if not update then
  io.write(rows)
  os.exit(0)
end

local file = assert(io.open(page))
local head = assert(file:read("*a"):match("^(.-\n## The cases\n)"), page .. " has no place for it")
file:close()
file = assert(io.open(page, "w"))
assert(file:write(head, rows))
file:close()
