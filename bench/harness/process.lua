--- Running other programs: contenders, the server.
local process = {}

--- A word for sh.
function process.quote(word)
  if word:find("^[%w_./:=@%%+-]+$") then return word end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

function process.command(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = process.quote(tostring(word)) end
  return table.concat(quoted, " ")
end

--- What a failed program said it was: its last line that is not of a traceback.
local function reason(said, status)
  local found
  for line in said:gmatch("[^\n]+") do
    if not line:find("^%s") and line ~= "stack traceback:" then found = line end
  end
  return found or ("it ended with status %d"):format(status)
end

--- Runs a command: its output; nil and why not where it failed.
---@param command string
---@param limit integer  seconds
function process.capture(command, limit)
  local said = os.tmpname()
  local pipe = assert(io.popen(("timeout %d sh -c %s 2>%s"):format(limit,
    process.quote("exec " .. command), said)))
  local output = pipe:read("a")
  local ok, _, status = pipe:close()
  local file = assert(io.open(said))
  local why = file:read("a")
  file:close()
  os.remove(said)
  if ok then return output end
  if status == 124 then return nil, ("it took longer than %d seconds"):format(limit) end
  return nil, reason(why, status)
end

--- The first line of a command's output, or nil.
function process.line(command)
  local output = process.capture(command, 20)
  return output and output:match("[^\n]+")
end

--- Starts the server: what ends it when it is closed, and the port of each mode.
function process.serve(command)
  local pipe, ports = assert(io.popen("exec " .. command)), {}
  for line in pipe:lines() do
    if line == "ready" then return pipe, ports end
    local name, port = line:match("^(%S+) (%d+)$")
    ports[assert(name, line)] = tonumber(port)
  end
  error("the server did not start")
end

return process
