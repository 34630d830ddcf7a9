--- How certificates, keys and their passwords are given, and how they get into a core context.
--
-- A certificate or key is the name of a file, its text in PEM, its bytes in DER, or (cert_uri,
-- key_uri) a URI. A password is a string, or a function that is asked once, and only where there
-- is something encrypted. It is called from here, before the core reads the key, so it may wait.
local core = require "sslconnect.core"
local options = require "sslconnect.options"

local identity = {}

-- How DER begins: a SEQUENCE whose length takes one byte or more.
local DER = "^0[\129-\132]"

local function in_memory(value)
  return value:find("-----BEGIN", 1, true) ~= nil or value:find(DER) ~= nil
end

--- A kind: a file's name, or what would be in it, which alone may have zero bytes.
function identity.data(value)
  if type(value) ~= "string" then return nil, "a string" end
  if value:find("%z") and not in_memory(value) then
    return nil, "a path, or a certificate or key in PEM or DER"
  end
  return value
end

--- A kind: a password, or a function that gives it.
function identity.password(value)
  local meta = type(value) == "table" and getmetatable(value)
  if type(value) == "function" or (type(meta) == "table" and meta.__call) then return value end
  if type(value) ~= "string" or value:find("%z") then
    return nil, "a string without zero bytes or a function that gives one"
  end
  return value
end

-- Where a value comes from: the ends of the core's functions for it.
local function place(value)
  return in_memory(value) and "mem" or "file"
end

--- What errors and the password function call it.
local function name_of(value, where)
  return where == "mem" and "in memory" or value
end

--- Makes the password known to the core, where one is needed.
local function set_password(ctx, value, where, given)
  local password = given.key_password
  if password == nil then return true end
  if type(password) ~= "string" then
    if not core["key_" .. where .. "_is_encrypted"](value) then return true end
    local answer, reason = password(name_of(value, where))
    if answer == nil or answer == false then
      return options.bad("key_password gave no password for %s%s", name_of(value, where),
        reason ~= nil and ": " .. tostring(reason) or "")
    end
    if type(answer) ~= "string" or answer:find("%z") then
      return options.bad("key_password gave no string for %s (%s)", name_of(value, where),
        type(answer))
    end
    password = answer
  end
  return ctx:set_key_password(password)
end

--- A password that cannot be one is told where there is no key as well.
function identity.check_password(ctx, password)
  if type(password) ~= "string" then return true end
  return ctx:set_key_password(password)
end

--- The certificate alone.
function identity.use_cert(ctx, value)
  if place(value) == "mem" then return ctx:use_certificate_pem(value) end
  return ctx:use_certificate_file(value)
end

--- A setter of what may be encrypted.
local function with_password(methods, at)
  return function(ctx, value, given)
    local where = at or place(value)
    local ok, err = set_password(ctx, value, where, given)
    if not ok then return nil, err end
    return ctx[methods[where]](ctx, value)
  end
end

identity.use_key = with_password {mem = "use_private_key_pem", file = "use_private_key_file"}
identity.use_pkcs12 = with_password {mem = "use_pkcs12_mem", file = "use_pkcs12_file"}
identity.use_key_uri = with_password({uri = "use_private_key_uri"}, "uri")

--- What a table with an identity may have.
identity.kinds = {
  cert = identity.data, key = identity.data, key_password = identity.password,
  pkcs12 = identity.data, cert_uri = "string", key_uri = "string",
}

--- Whether the settings name one: nil, and which half is missing, where they do not.
function identity.is_whole(given)
  if given.pkcs12 then return true end
  if not (given.cert or given.cert_uri) then return nil, "cert" end
  if not (given.key or given.key_uri) then return nil, "key" end
  return true
end

--- What is wrong with the settings taken together: two values for one thing.
function identity.check(given)
  for _, pair in ipairs {{"cert", "cert_uri"}, {"key", "key_uri"}, {"pkcs12", "cert"},
    {"pkcs12", "cert_uri"}, {"pkcs12", "key"}, {"pkcs12", "key_uri"}} do
    if given[pair[1]] ~= nil and given[pair[2]] ~= nil then
      return options.bad("%s and %s exclude each other", pair[1], pair[2])
    end
  end
  return true
end

return identity
