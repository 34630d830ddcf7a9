--- Who runs: a coroutine, or the main program, which has nobody to yield to.
--
-- 5.1 has no isyieldable; its `running` gives nil for the main program, that of 5.2 true.
local yieldable = {}

-- Stands for the main program, which 5.1 has no coroutine for.
local MAIN = {}

--- What runs, to be remembered: the coroutine, or what stands for the main program.
---@return thread|table
function yieldable.current()
  return coroutine.running() or MAIN
end

--- Whether what was remembered is another one that may still go on. One that has died cannot.
---@param who thread|table|nil
---@return boolean
function yieldable.is_another(who)
  if not who or who == yieldable.current() then return false end
  return who == MAIN or coroutine.status(who) ~= "dead"
end

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

--- pcall of what may wait. Where PUC 5.1 would not let a wait through it nothing is caught: there
-- an error ends the coroutine, as who waits in it cannot be called in a pcall of the user's either.
function yieldable.pcall(f, ...)
  if not yieldable.through_pcall() then return true, f(...) end
  return pcall(f, ...)
end

return yieldable
