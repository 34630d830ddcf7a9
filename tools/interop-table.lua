-- interop-table.lua: what was tested with whom, as a table in Markdown.
--
--   lua interop-table.lua LOG...
--
-- The logs are TAP of spec/interop_spec.lua (build/logs/spec-5.4.log after ./dev test). There a
-- test is called "our client and PEER VERSION KEY FEATURE", or "our server and ...". A cell has the
-- kinds of keys with which it passed, and those with which it did not; "all" are the four of them.
local peers = {
  "our client and s_server", "our client and gnutls-serv", "our client and nginx",
  "our server and s_client", "our server and gnutls-cli", "our server and curl",
}
local versions = {"TLS 1.2", "TLS 1.3"}
local keys = {"ECDSA", "RSA", "RSA-PSS", "Ed25519"}
local features = {"verified", "refused", "resumed", "client certificate", "stapled", "ALPN"}
local verdicts = {}

local function read(path)
  for line in io.lines(path) do
    local verdict, name = line:match("^([not ]*ok) %d+ %- (our .+)$")
    if verdict then verdicts[name] = (verdicts[name] ~= false) and verdict == "ok" end
  end
end

local function join(list) return table.concat(list, ", ") end

local function cell(peer, version, feature)
  local good, bad = {}, {}
  for _, key in ipairs(keys) do
    local verdict = verdicts[("%s %s %s %s"):format(peer, version, key, feature)]
    if verdict ~= nil then table.insert(verdict and good or bad, key) end
  end
  local text = #good == #keys and "all" or join(good)
  return bad[1] and text .. " not " .. join(bad) or text
end

for _, path in ipairs(arg) do read(path) end
print("| | | " .. table.concat(features, " | ") .. " |")
print("| --- |" .. (" --- |"):rep(#features + 1))
for _, peer in ipairs(peers) do
  for _, version in ipairs(versions) do
    local cells = {}
    for i, feature in ipairs(features) do cells[i] = cell(peer, version, feature) end
    print(("| %s | %s | %s |"):format(peer, version, table.concat(cells, " | ")))
  end
end
