--- A chain that is verified without a connection: certificates from text and from lists, and what
-- may be asked of them.
local core = require "sslconnect.core"
local options = require "sslconnect.options"
local policy = require "sslconnect.policy"

local verify = {}

-- How many certificates the core takes.
local MOST = 256

local PEM = "%-%-%-%-%-BEGIN [%u%d ]-%-%-%-%-%-.-%-%-%-%-%-END [%u%d ]-%-%-%-%-%-"

local kinds = {
  name = "some_names", time = policy.time, purpose = options.one_of("server", "client"),
}

--- Adds the certificates of a string: all that its PEM holds, or one in DER.
local function add_string(certs, text)
  local before = #certs
  for pem in text:gmatch(PEM) do
    local cert, err = core.cert(pem)
    if not cert then return nil, err end
    certs[#certs + 1] = cert
  end
  if #certs > before then return true end
  local err
  certs[#certs + 1], err = core.cert(text)
  return #certs > before or nil, err
end

local function add(certs, value)
  if type(value) == "string" then return add_string(certs, value) end
  if core.is_cert(value) then
    certs[#certs + 1] = value
    return true
  end
  return options.bad("the chain has a %s in it; expected PEM, DER or certificates", type(value))
end

--- The certificates of a chain, the leaf first.
local function parse(chain)
  local certs = {}
  local list = type(chain) == "table" and chain or {chain}
  for i = 1, #list do
    local ok, err = add(certs, list[i])
    if not ok then return nil, err end
  end
  if #certs == 0 then return options.bad("the chain has no certificate") end
  if #certs > MOST then return options.bad("the chain has more than %d certificates", MOST) end
  return certs
end

--- Verifies a chain against a core context.
---@param chain string|table|userdata
---@param given table|nil
---@return true|nil ok
---@return table|nil err
function verify.chain(ctx, chain, given)
  local checked, err = options.check(given, kinds)
  if not checked then return nil, err end
  local certs
  certs, err = parse(chain)
  if not certs then return nil, err end
  local leaf = table.remove(certs, 1)
  local names = checked.name
  if names and #names == 1 then names = names[1] end
  return ctx:verify_chain(leaf, certs, names, checked.time, checked.purpose)
end

return verify
