--- A module that not every program needs, loaded when something of it is first asked for: a process
-- that makes one connection is to be quick at it.
---@param name string  as require takes it
---@return table module
return function(name)
  return setmetatable({}, {__index = function(self, key)
    local value = require(name)[key]
    self[key] = value
    return value
  end})
end
