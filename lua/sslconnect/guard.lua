--- Methods that say what was meant where they are called with a dot.

--- Puts a check of `self` before each method of a class.
---@param class table  whose __name is in the message
return function(class)
  for name, method in pairs(class) do
    if type(method) == "function" and not name:find("^__") then
      class[name] = function(self, ...)
        if getmetatable(self) ~= class then
          error(("bad self for '%s' (%s expected, got %s)"):format(name, class.__name,
            type(self)), 2)
        end
        return method(self, ...)
      end
    end
  end
end
