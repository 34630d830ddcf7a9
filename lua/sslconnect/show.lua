--- Settings as a person may see them: tostring(context).
local trust = require "sslconnect.trust"

local show = {}

--- Settings whose values may be shown; of all others, secrets among them, the name alone.
local may_show = {
  ca_file = true, ca_dir = true, crl_file = true, alpn = true, min_version = true,
  max_version = true, insecure_min_version = true, verify_client = true, ciphers = true,
  insecure_ciphers = true, ciphersuites = true, groups = true, sigalgs = true,
  block_padding = true, max_send_fragment = true, max_fragment_length = true, keylog = true,
  pin_scope = true, ocsp = true, crl_dir = true, crl_check = true, verify_depth = true,
  verify_time = true, purpose = true, insecure_purpose = true, security_level = true,
  insecure_security_level = true,
}

--- One of them.
---@return string
function show.setting(name, value)
  if type(value) == "boolean" then return name .. "=" .. tostring(value) end
  if name == "trust" then return "trust=" .. trust.show(value) end
  if not may_show[name] then return name end
  return name .. "=" .. (type(value) == "table" and table.concat(value, ",") or value)
end

return show
