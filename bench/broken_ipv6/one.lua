-- one.lua CLIENT HOST PORT CA LIMIT: times one client's connect: "SECONDS OUTCOME" in a line, the
-- outcome "connected" or what the client says went wrong.
local now = require("sslconnect.core").now

local client, host, port, ca, limit = table.unpack(arg)
local run = assert(loadfile(arg[0]:gsub("[^/]*$", "") .. client .. ".lua"))
port, limit = tonumber(port), tonumber(limit)

-- Once for what a process loads and looks up the first time, then for the time.
run("filed.wild.example", port, ca, limit)
local start = now()
local ok, err = run(host, port, ca, limit)
print(("%.4f %s"):format(now() - start, ok and "connected" or tostring(err)))
