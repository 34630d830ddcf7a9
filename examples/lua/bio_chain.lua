-- bio_chain.lua: a chain of BIOs, bio(7): lines of text, over TLS, over TCP.
--
--   lua bio_chain.lua HOST [PORT [CA_FILE]]
--
-- A buffer gathers what is written and gives lines; behind it stands a connection, which shakes
-- hands when it is first needed; and that one's BIO connects when that is needed. So a program
-- does nothing but write, flush and read lines, and waits where a step says so.
local core = require "sslconnect".core

local host, port, ca_file = arg[1], tonumber(arg[2] or 443), arg[3]

local ctx = assert(core.ctx())
if ca_file then assert(ctx:load_verify_file(ca_file)) end
local conn = assert(core.conn(ctx))
assert(conn:set_server_name(host))
assert(conn:set_connect_state())
assert(conn:set_bio(assert(core.bio_connect(host, port))))

local http = assert(core.bio_buffer())
assert(http:push(assert(core.bio_conn(conn, true)))) -- true: closed with the chain

-- Repeats a step until it is done. What a BIO that connects wants is to be read.
local function step(method, ...)
  while true do
    local result, why = http[method](http, ...)
    if result ~= false then return result, why end
    assert(core.wait(http:fd(), why == "want_write" and "w" or "r", http:timeout() or 10) ~= nil)
  end
end

assert(step("puts", "GET / HTTP/1.0\r\nHost: " .. host .. "\r\n\r\n"))
print(http) --> sslconnect.bio: buffer, 37 to be sent -> connection
assert(step("flush"))
print(http) --> sslconnect.bio: buffer -> connection fd 3 (127.0.0.1:443)

local count = 0
while true do
  local line, err = step("gets")
  assert(line or not err, err)
  if not line then break end -- close_notify: a clean end
  if count == 0 then print((line:gsub("%s+$", ""))) end
  count = count + 1
end
print(count .. " lines, " .. conn:version())
http:close()
assert(count > 0)
