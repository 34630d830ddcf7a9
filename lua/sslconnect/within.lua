--- Contexts within a context: its further identities, those of server names, and what a hook gives
-- in the middle of a handshake. Loaded where there is any of it.
local context = require "sslconnect.context"
local id = require "sslconnect.identity"
local options = require "sslconnect.options"

local within = {}

--- A kind: a list of identities, each a context or a table; checked copies of these.
function within.identities(value)
  if type(value) ~= "table" or getmetatable(value) or #value < 1 then
    return nil, "a list of tables with cert and key, or of contexts"
  end
  local copy, count = {}, 0
  for i, given in ipairs(value) do
    copy[i] = given
    if getmetatable(given) ~= context.Context then
      local checked, err = options.check(given, id.kinds)
      local whole, missing = id.is_whole(checked or {})
      if not (checked and whole) then
        return nil, ("a list of identities; number %d: %s"):format(i,
          err and err.message or "it has no " .. missing)
      end
      copy[i] = checked
    end
  end
  for _ in pairs(value) do count = count + 1 end
  if count ~= #copy then return nil, "a list of identities" end
  return copy
end

--- A kind for what counts nothing in a context that a server name has chosen.
local function set_outside()
  return nil, "it to be set beside server_names, not within"
end

--- The settings that a server name can have.
local function served_kinds()
  local kinds = context.setting_kinds()
  for _, name in ipairs {"server_names", "strict_sni", "client_hello_hook"} do
    kinds[name] = set_outside
  end
  return kinds
end

--- A kind: server names, each with a context or the settings of one; made into contexts when they
-- are set, and a checked copy until then.
function within.server_names(value)
  local expected = "a table of names, each with a context or a table of settings"
  if type(value) ~= "table" or getmetatable(value) or next(value) == nil then
    return nil, expected
  end
  local copy = {}
  for name, given in pairs(value) do
    if type(name) ~= "string" or name:find("%z") then return nil, expected end
    local checked, err = given, nil
    if getmetatable(given) ~= context.Context then
      if type(given) ~= "table" then return nil, expected end
      checked, err = options.check(given, served_kinds())
    end
    if not checked then
      return nil, ('a table of settings for each name; "%s": %s'):format(name:sub(1, 60),
        err.message)
    end
    copy[name] = checked
  end
  return copy
end

--- The names, sorted: which of two that are equal is the bad one is always the same.
local function sorted_names(served)
  local names = {}
  for name in pairs(served) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- Settings become contexts here, in the table itself, which is our own: their hooks are looked
-- for there.
function within.add_server_names(ctx, served)
  for _, name in ipairs(sorted_names(served)) do
    local ok, err
    if getmetatable(served[name]) ~= context.Context then
      served[name], err = context.make(served[name])
      if not served[name] then return nil, err end
    end
    ok, err = ctx:add_server_name(name, served[name].ctx)
    if not ok then return nil, err end
  end
  return true
end

--- Each is a context of its own in the core.
function within.add_identities(ctx, list)
  for _, given in ipairs(list) do
    local part, err
    if getmetatable(given) == context.Context then
      part = given.ctx
    else
      part, err = context.make_checked(given)
    end
    if not part then return nil, err end
    local ok
    ok, err = ctx:add_identity(part)
    if not ok then return nil, err end
  end
  return true
end

--- The core context with the certificate that a hook gave; nil alone for what is none.
function within.identity(given)
  if getmetatable(given) == context.Context then return given.ctx end
  if type(given) ~= "table" then return nil end
  local checked, err = options.check(given, id.kinds)
  if not checked then return nil, err end
  local whole, missing = id.is_whole(checked)
  if not whole then return options.bad("certificate_hook gave a table without %s", missing) end
  return context.make_checked(checked)
end

--- The core context that a hook chose, and the hooks that hold from then on; nil for what is none.
function within.chosen(given)
  if getmetatable(given) ~= context.Context then return nil end
  return given.ctx, given.hooks
end

return within
