-- run-session.lua: runs the lines that a document shows at a prompt, and compares what is printed
-- with what stands below them.
--
--   lua tools/run-session.lua [--write] docs/repl.md ...
--
-- A session is in fenced blocks that begin with a line at the prompt "> ". The other lines of the
-- block are what is printed. All blocks of a document are one session, at the prompt of Lua 5.3 and
-- later: the values of an expression are printed, nothing is of a statement.
--
-- Figures of bytes ("306 bytes") differ from one OpenSSL to another and are taken for equal; and
-- nothing else is. --write puts what is printed into the document.
local write = arg[1] == "--write" and table.remove(arg, 1) ~= nil
local load_string = rawget(_G, "loadstring") or load
local pack = table.pack or function(...) return {n = select("#", ...), ...} end
local unpack = table.unpack or unpack -- luacheck: ignore

local function read_lines(path)
  local lines = {}
  for line in assert(io.open(path)):lines() do lines[#lines + 1] = line end
  return lines
end

local function split(text)
  local lines = {}
  for line in (text:gsub("\n$", "") .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = line end
  return lines
end

-- What the prompt prints for a line: a list of lines.
local function run(input)
  local printed = {}
  local function show(...)
    local values = pack(...)
    for i = 1, values.n do values[i] = tostring(values[i]) end
    printed[#printed + 1] = table.concat(values, "\t")
  end
  local chunk, message = load_string("return " .. input, "=stdin")
  if not chunk then chunk, message = load_string(input, "=stdin") end
  if not chunk then return {message} end
  local real_print = print
  print = show -- luacheck: ignore
  local results = pack(pcall(chunk))
  print = real_print -- luacheck: ignore
  if not results[1] or results.n > 1 then show(unpack(results, 2, results.n)) end
  return #printed > 0 and split(table.concat(printed, "\n")) or {}
end

local function comparable(line)
  return (line:gsub("%d+ bytes?", "N bytes"):gsub("%s+$", ""))
end

local function is_same(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do
    if comparable(a[i]) ~= comparable(b[i]) then return false end
  end
  return true
end

-- The entries of a document: {input, at, expected, first, last}, the lines that it has for what is
-- printed being first to last.
local function entries_of(lines)
  local entries, entry, in_block, in_session = {}, nil, false, false
  for i, line in ipairs(lines) do
    if line:find("^```") then
      in_block = not in_block
      in_session = in_block and (lines[i + 1] or ""):find("^> ") ~= nil
      entry = nil
    elseif in_session and line:find("^> ") then
      entry = {input = line:sub(3), at = i, expected = {}}
      entries[#entries + 1] = entry
    elseif in_session then
      entry.expected[#entry.expected + 1] = line
    end
  end
  return entries
end

local function complain(path, entry, printed)
  print(("not ok - %s:%d: > %s"):format(path, entry.at, entry.input))
  for _, line in ipairs(entry.expected) do print("# expected: " .. line) end
  for _, line in ipairs(printed) do print("# printed:  " .. line) end
end

-- The document with what is printed now.
local function rewrite(path, lines, entries)
  local out, i = {}, 1
  for _, entry in ipairs(entries) do
    while i <= entry.at do
      out[#out + 1] = lines[i]
      i = i + 1
    end
    for _, line in ipairs(entry.printed) do out[#out + 1] = line end
    i = i + #entry.expected
  end
  while i <= #lines do
    out[#out + 1] = lines[i]
    i = i + 1
  end
  local file = assert(io.open(path, "w"))
  file:write(table.concat(out, "\n"), "\n")
  file:close()
end

local failed = #arg == 0 and "no document given"
for _, path in ipairs(arg) do
  local lines = read_lines(path)
  local entries, wrong = entries_of(lines), 0
  for _, entry in ipairs(entries) do
    entry.printed = run(entry.input)
    if not is_same(entry.expected, entry.printed) then
      wrong = wrong + 1
      if not write then complain(path, entry, entry.printed) end
    end
  end
  if write then rewrite(path, lines, entries) end
  if #entries == 0 then failed = path .. " has no session" end
  if wrong > 0 and not write then failed = ("%s: %d lines differ"):format(path, wrong) end
  if not failed then print(("ok - %s: %d lines as printed"):format(path, #entries)) end
end
if failed then print("not ok - " .. failed) end
os.exit(failed and 1 or 0)
