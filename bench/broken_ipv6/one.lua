-- one.lua CLIENT HOST PORT CA LIMIT: times one client's connect: "SECONDS OUTCOME" in a line, the
-- outcome "connected" or what the client says went wrong.
local now = require("sslconnect.core").now

local client = table.remove(arg, 1)
local run = assert(loadfile(arg[0]:gsub("[^/]*$", "") .. client .. ".lua"))

-- Once for what a process loads and looks up the first time, then for the time.
local target = arg[1]
arg[1] = "filed.wild.example"
run()
arg[1] = target
local start = now()
local ok, err = run()
print(("%.4f %s"):format(now() - start, ok and "connected" or tostring(err)))
