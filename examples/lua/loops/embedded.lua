-- embedded.lua: three requests at once in the loop that comes with sslconnect.
--
--   lua embedded.lua HOST PORT [CA_FILE]
local ssl = require "sslconnect"

local host, port, ca_file = arg[1], tonumber(arg[2]), arg[3]

local function ask(path)
  local conn, err = ssl.connect(host, port, {ca_file = ca_file, timeout = 10})
  if not conn then return nil, err end
  conn:write("GET ", path, " HTTP/1.0\r\nHost: ", host, "\r\n\r\n")
  local answer
  answer, err = conn:read("a")
  conn:close()
  return answer, err
end

ssl.run(function()
  local begin = ssl.core.now()
  local clock = ssl.spawn(function() -- goes on while the others wait
    while ssl.sleep(0.1) do print(("%.1f s"):format(ssl.core.now() - begin)) end
  end)
  local one, two, three, errors = ssl.all({
    function() return ask("/one") end,
    function() return ask("/two") end,
    function() return ssl.timeout(5, ask, "/three") end, -- no longer than this
  }, {cancel = true})
  clock:cancel()
  for _, err in pairs(errors or {}) do error(tostring(err), 0) end
  print(("%d bytes at once"):format(#one + #two + #three))
end)
