-- pair.lua: a handshake without any socket, stepped by hand, as one would at a REPL.
--
--   lua pair.lua [HOST PORT CA_FILE]
--
-- A client's connection gets one half of a BIO pair. What it wants to send is read at the other
-- half, here only to be counted; then the pair is cut, and the client says what it thinks of it.
local core = require "sslconnect".core

local near, far = assert(core.bio_pair())
local conn = assert(core.conn(core.ctx()))
assert(conn:set_bio(near))
assert(conn:set_server_name("example.com"))

print(conn:connect()) --> false  want_read
print(conn:state_string(), "and the last return was", conn:last_return())

local hello = far:read(16384)
print(("the ClientHello is %d bytes in a record of type %d"):format(#hello, hello:byte(1)))

far:shutdown_wr() -- the server "closes"
local ok, err = conn:connect()
assert(ok == nil and err.code == "handshake_eof")
print(err)
