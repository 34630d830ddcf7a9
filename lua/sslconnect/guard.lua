--- Methods that say what was meant where they are called with a dot.

--- Puts a check of `self` before each method of a class.
---@param class table    whose __name is in the message
---@param quick? table   the names of those that check by themselves, as true
---@return function      that check: of `self` and the method's name, for the method itself to call
return function(class, quick)
  local function check(self, name)
    if getmetatable(self) == class then return end
    error(("bad self for '%s' (%s expected, got %s)"):format(name, class.__name, type(self)), 3)
  end
  for name, method in pairs(class) do
    if type(method) == "function" and not name:find("^__") and not (quick and quick[name]) then
      class[name] = function(self, ...)
        check(self, name)
        return method(self, ...)
      end
    end
  end
  return check
end
