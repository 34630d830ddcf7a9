--- The method of an object that may have an __index of any kind; nil where it has none.
---@param object any
---@param name string
---@return any
return function(object, name)
  local kind = type(object)
  if kind ~= "table" and kind ~= "userdata" then return nil end
  local ok, found = pcall(function() return object[name] end)
  return ok and found or nil
end
