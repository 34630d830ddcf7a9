--- Whom a context is to believe: the option `trust`, one source or a list of them.
--
-- What a string is can be seen from it, and nothing is ever taken for two of these:
--   "system"                         the system's trust
--   PEM, with "-----BEGIN" in it     its certificates
--   DER, as it begins in binary      one certificate
--   a scheme and a colon, "pkcs11:"  an OpenSSL store
--   anything else                    the path of a file (PEM or DER), or of a hashed directory
-- A path with a colon is written with "./" or "/" in front.
local core = require "sslconnect.core"

local trust = {}

local EXPECTED = '"system", a path, PEM, DER, the URI of a store, a certificate, or a list of these'

--- What a source is; nil for what is none.
local function kind_of(source)
  if type(source) ~= "string" then return core.is_cert(source) and "cert" or nil end
  if source == "system" then return "system" end
  if source:find("-----BEGIN", 1, true) then return "pem" end
  -- A SEQUENCE of 128 bytes and more. No UTF-8 begins in this way.
  if source:find("^0[\129-\132]") then return "der" end
  if source == "" or source:find("%z") then return nil end
  return source:find("^%a[%w+.-]*:") and "store" or "path"
end

--- A kind of option: the sources, checked, as a new list.
---@param value any
---@return table|nil
---@return string|nil expected
function trust.sources(value)
  local list = type(value) == "table" and not getmetatable(value) and value or {value}
  local copy, count = {}, 0
  for i = 1, #list do
    if not kind_of(list[i]) then return nil, EXPECTED end
    copy[i] = list[i]
  end
  for _ in pairs(list) do count = count + 1 end
  if count ~= #copy then return nil, EXPECTED end
  if count == 0 then return nil, EXPECTED .. ", of one at least: nobody would be trusted" end
  return copy
end

local function is_directory(path)
  local file = io.open(path .. "/.")
  if file then file:close() end
  return file ~= nil
end

local add = {}

function add.system(ctx) return ctx:load_verify_system() end
function add.pem(ctx, pem) return ctx:load_verify_pem(pem) end
function add.der(ctx, der) return ctx:load_verify_der(der) end
function add.store(ctx, uri) return ctx:load_verify_store(uri) end
function add.cert(ctx, cert) return ctx:load_verify_cert(cert) end

function add.path(ctx, path)
  return ctx[is_directory(path) and "load_verify_dir" or "load_verify_file"](ctx, path)
end

--- Makes the sources known to a core context.
---@param sources table  from trust.sources
---@return true|nil done
---@return table|nil err
function trust.load(ctx, sources)
  for _, source in ipairs(sources) do
    local ok, err = add[kind_of(source)](ctx, source)
    if not ok then return nil, err end
  end
  return true
end

--- The sources in a few words: paths as they are, of others what they are.
---@param sources table
---@return string
function trust.show(sources)
  local words = {}
  for i, source in ipairs(sources) do
    local kind = kind_of(source)
    words[i] = kind == "path" and source or kind
  end
  return table.concat(words, ",")
end

return trust
