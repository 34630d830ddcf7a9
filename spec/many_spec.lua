-- many_spec.lua: a thousand handshakes in flight at once in one process: all verified, none lost,
-- no descriptor left. #many
--
-- SSLC_MANY tells how many, 1000 where it is not set. Descriptors go past 1024 with it, so a loop
-- that waits with select(2) cannot take part.
local helper = require "helper"
local loops = require "support.loops"

local count = tonumber(os.getenv("SSLC_MANY") or 1000)

local server = helper.serve {"good/echo"}
teardown(function() server:stop() end)

--- The output of many.lua under a limit that has room for all; nil where it cannot be raised. A
-- dial has two descriptors until it is connected: its own, and the socket.
local function many(name)
  local words = {helper.interpreter(), helper.root() .. "/spec/support/many.lua", name,
    server:port("good/echo"), count}
  for i, word in ipairs(words) do words[i] = helper.quote(tostring(word)) end
  local limit = ("ulimit -n %d 2>/dev/null || { echo limit; exit; }; "):format(2 * count + 500)
  local child = assert(io.popen(limit .. "exec " .. table.concat(words, " ") .. " 2>&1", "r"))
  local output = child:read("*a")
  child:close()
  return output ~= "limit\n" and output or nil
end

describe(count .. " handshakes at once #many", function()
  for _, name in ipairs {"coroutine", "embedded", "cqueues", "luv"} do
    it("under " .. name, function()
      local under = loops.get(name)
      if under.missing then return pending(under.missing) end
      local output = many(name)
      if not output then return pending("the limit of descriptors cannot be raised") end
      local numbers = {}
      for key, number in output:gmatch("(%w+)=(%d+)") do numbers[key] = tonumber(number) end
      for _, key in ipairs {"most", "connected", "verified", "answered"} do
        assert.equal(count, numbers[key], key .. ": " .. output)
      end
      assert.is_true(numbers.open >= numbers.before + count, output)
      assert.equal(numbers.before, numbers.after, output)
    end)
  end
end)
