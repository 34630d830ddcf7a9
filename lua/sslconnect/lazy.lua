--- A module that not every program needs, loaded when something of it is first asked for: a process
-- that makes one connection is to be quick at it.

--- A field of it, which loads it.
local function field(name, key)
  return require(name)[key]
end

--- A function of it, which loads it when it is called.
local function later(name, key)
  return function(...) return require(name)[key](...) end
end

---@param name string  as require takes it
---@param what? string "functions": it is not even loaded where a function of it is only mentioned
---@return table module
return function(name, what)
  local get = what == "functions" and later or field
  return setmetatable({}, {__index = function(self, key)
    local value = get(name, key)
    self[key] = value
    return value
  end})
end
