--- What is due at a time, the earliest first: a binary heap.
--
-- The items are tables of the caller's, each in one heap at most; `due` and `slot` of them are
-- the heap's. So nothing is allocated for a timer, and one that is not needed any more is taken
-- out at once: of 10,000 waits with a deadline nearly all end long before it.
local heap = {}
heap.__index = heap

function heap.new()
  return setmetatable({count = 0}, heap)
end

local function put(self, item, slot)
  self[slot], item.slot = item, slot
end

local function rise(self, item)
  local slot = item.slot
  while slot > 1 do
    local above = math.floor(slot / 2)
    local parent = self[above]
    if parent.due <= item.due then break end
    put(self, parent, slot)
    slot = above
  end
  put(self, item, slot)
end

local function sink(self, item)
  local slot = item.slot
  while slot * 2 <= self.count do
    local below = slot * 2
    if below < self.count and self[below + 1].due < self[below].due then below = below + 1 end
    if self[below].due >= item.due then break end
    put(self, self[below], slot)
    slot = below
  end
  put(self, item, slot)
end

function heap:add(item, due)
  self.count = self.count + 1
  item.due, item.slot = due, self.count
  rise(self, item)
end

--- Takes an item out, if it is in.
function heap:remove(item)
  local slot = item.slot
  if not slot then return end
  local last = self[self.count]
  self[self.count], self.count = nil, self.count - 1
  item.slot = nil
  if last == item then return end
  last.slot = slot
  rise(self, last)
  sink(self, last)
end

--- The item that is due first; nil where there is none.
function heap:first()
  return self[1]
end

return heap
