--- Who runs: a coroutine, or the main program, which has nobody to yield to.
--
-- 5.1 has no isyieldable; its `running` gives nil for the main program, that of 5.2 true.
local yieldable = {}

--- The coroutine that runs; nil for the main program.
---@return thread|nil
function yieldable.coroutine()
  local co, is_main = coroutine.running()
  return not is_main and co or nil
end

-- PUC 5.1 cannot yield inside of pcall. Not found out by trying: nginx would take part in that.
local through_pcall = _VERSION ~= "Lua 5.1" or package.loaded.jit ~= nil

--- Whether what runs now may go on in a pcall and wait there.
---@return boolean
function yieldable.through_pcall()
  return through_pcall or yieldable.coroutine() == nil
end

return yieldable
