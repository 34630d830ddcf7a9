-- table.lua: turns lines "CLIENT NETWORK SECONDS OUTCOME" into a table of medians.
local clients, order = {}, {}

for line in io.lines() do
  local client, network, seconds, outcome = line:match("^(%S+) (%S+) (%S+) (.*)$")
  assert(client, line)
  if not clients[client] then
    clients[client] = {healthy = {}, broken6 = {}, broken4 = {}, outcome = {}}
    order[#order + 1] = client
  end
  table.insert(clients[client][network], tonumber(seconds))
  clients[client].outcome[network] = outcome
end

local function cell(client, network)
  local times = clients[client][network]
  table.sort(times)
  local median = times[math.floor((#times + 1) / 2)]
  local shown = median < 0.1 and ("%.1f ms"):format(median * 1000) or ("%.2f s"):format(median)
  local outcome = clients[client].outcome[network]
  return outcome == "connected" and shown or shown .. ", then failed: " .. outcome
end

local names = {
  sslconnect_blocking = "sslconnect, blocking",
  sslconnect_coroutine = "sslconnect, in a coroutine",
  luasocket = "LuaSocket and LuaSec",
  cqueues = "cqueues",
  luv = "luv (TCP alone, the first address)",
}

print("| client | both in order | broken IPv6 | broken IPv4 |")
print("| --- | --- | --- | --- |")
for _, client in ipairs(order) do
  print(("| %s | %s | %s | %s |"):format(names[client], cell(client, "healthy"),
    cell(client, "broken6"), cell(client, "broken4")))
end
