--- Bytes that came and were not taken yet: a list of chunks, joined when taken.
--
-- Whatever is read goes in here before anything else happens to it, so that an error in between
-- (a timeout, a Ctrl-C) loses nothing.
local buffer = {}
buffer.__index = buffer

function buffer.new()
  return setmetatable({first = 1, last = 0, size = 0, offset = 0, scanned = 0}, buffer)
end

function buffer:push(data)
  self.last = self.last + 1
  self[self.last] = data
  self.size = self.size + #data
end

--- Takes `n` bytes, at most `size`.
function buffer:take(n)
  local parts = {}
  self.size, self.scanned = self.size - n, 0
  while n > 0 do
    local chunk = self[self.first]
    local left = #chunk - self.offset
    if left <= n then
      parts[#parts + 1] = self.offset == 0 and chunk or chunk:sub(self.offset + 1)
      self[self.first], self.first, self.offset = nil, self.first + 1, 0
      n = n - left
    else
      parts[#parts + 1] = chunk:sub(self.offset + 1, self.offset + n)
      self.offset, n = self.offset + n, 0
    end
  end
  if self.size == 0 then self.first, self.last = 1, 0 end
  return table.concat(parts)
end

--- How many bytes the first line has, its newline included; nil where none is complete. What was
--- looked at is not looked at again.
function buffer:line_length()
  local index, from, before = self.first, self.offset, 0
  while index <= self.last do
    local length = #self[index] - from
    if before + length > self.scanned then
      local skip = math.max(self.scanned - before, 0)
      local at = self[index]:find("\n", from + skip + 1, true)
      if at then return before + at - from end
    end
    before, index, from = before + length, index + 1, 0
  end
  self.scanned = before
end

return buffer
