--- The cases of chain and name that the program casekit makes (spec/support/casekit/casekit.h tells
-- what the fields are), and the table of docs/cases.md. Needs nothing but Lua, as tools do.
local cases = {}

local function read_field(pipe)
  local head = pipe:read("*l")
  if not head then return nil end
  local name, length = head:match("^(%l+) (%d+)$")
  assert(name, "the output of casekit cannot be read: " .. head)
  length = tonumber(length)
  local value = length > 0 and pipe:read(length) or ""
  assert(#value == length and pipe:read("*l") == "", "the output of casekit is cut off")
  return name, value
end

--- All cases: a list of tables, field -> string.
---@param program string  the path of casekit
---@return table[]
function cases.read(program)
  local list, case = {}, {}
  local pipe = assert(io.popen("exec '" .. program .. "'", "r"))
  for name, value in read_field, pipe do
    if name == "end" then
      list[#list + 1] = case
      case = {}
    else
      case[name] = value
    end
  end
  pipe:close()
  return list
end

--- The certificates of a case, each in DER.
function cases.certificates(case)
  local list, at, der = {}, 1, case.der
  while at <= #der do
    local high, middle, low = der:byte(at, at + 2)
    local length = (high * 256 + middle) * 256 + low
    list[#list + 1] = der:sub(at + 3, at + 2 + length)
    at = at + 3 + length
  end
  return list
end

local function row(case)
  local code = case.code ~= "" and "`" .. case.code .. "`" or ""
  return ("| `%s` | %s | %s | %s | %s |"):format(case.name, case.what, case.rule, case.verdict,
    code)
end

--- The table in Markdown: a list of lines, those of each group under a heading.
---@param list table[]
---@return string[]
function cases.rows(list)
  local lines, group = {}, nil
  for _, case in ipairs(list) do
    if case.group ~= group then
      group = case.group
      lines[#lines + 1] = ""
      lines[#lines + 1] = "### " .. group
      lines[#lines + 1] = ""
      lines[#lines + 1] = "| case | what it shows | by | verdict | code |"
      lines[#lines + 1] = "| --- | --- | --- | --- | --- |"
    end
    lines[#lines + 1] = row(case)
  end
  return lines
end

return cases
