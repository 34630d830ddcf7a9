-- bio_spec.lua: the BIOs of sslconnect.core: their kinds, chains of them, who owns what, and
-- connections over them. bio(7). What sockets and pairs do by themselves is in core_objects_spec.
local core = require("sslconnect.core")
local native = require("support.native")
local support = require("support.core")

local client_ctx = support.client_ctx
local server_ctx = support.server_ctx
local joined = support.joined
local shake = support.shake
local connected = support.connected
local tcp_bio = support.tcp_bio
local check_error = support.check_error
local check_results = support.check_results
local throws = support.throws

-- The results of a call: how many there are counts too.
local function results(...) return {n = select("#", ...), ...} end

-- It failed with this code, and a message that has these words in it.
local function fails(code, words, first, err)
  assert.is_nil(first)
  check_error(err)
  assert.equal(code, err.code)
  if words then assert.matches(words, err.message, 1, true) end
end

-- It is to be repeated for this reason, and the BIO (nil: a connection's) says so too.
local function wants(want, bio, first, why)
  assert.is_false(first)
  assert.equal(want, why)
  if bio then assert.equal(want, bio:should_retry()) end
end

-- The end of the stream: nil alone.
local function ended(...) assert.same({n = 1}, results(...)) end

-- A file of this content, which is removed with the test.
local paths = {}
local function temporary(content)
  local path = os.tmpname()
  paths[#paths + 1] = path
  local file = assert(io.open(path, "wb"))
  file:write(content or "")
  file:close()
  return path
end

after_each(function()
  for i, path in ipairs(paths) do
    os.remove(path)
    paths[i] = nil
  end
end)

-- Collects what there is, objects that only a finalizer let go of too.
local function collect()
  collectgarbage()
  collectgarbage()
end

describe("memory", function()
  it("gives what was written to it, zero bytes too", function()
    local bio = assert(core.bio_mem())
    wants("want_read", bio, bio:read(10))
    assert.equal(3, bio:write("a\0b"))
    assert.equal(2, bio:write("-cde", 2, 3))
    assert.equal(5, bio:pending())
    assert.equal("a\0", bio:read(2))
    assert.is_nil(bio:should_retry())
    assert.equal("bcd", bio:read(10))
    wants("want_read", bio, bio:read(10))
    assert.is_false(bio:eof())
    assert.equal(0, bio:write(""))
  end)

  it("grows as it has to", function()
    local bio = assert(core.bio_mem())
    local piece = ("0123456789"):rep(1000)
    for _ = 1, 50 do assert.equal(#piece, bio:write(piece)) end
    assert.equal(500000, bio:pending())
    local parts = {}
    while bio:pending() > 0 do parts[#parts + 1] = assert(bio:read(2 ^ 31 - 1)) end
    assert.is_true(piece:rep(50) == table.concat(parts))
  end)

  it("is empty again after reset", function()
    local bio = assert(core.bio_mem())
    assert(bio:write("abc"))
    assert.is_true(bio:reset())
    assert.equal(0, bio:pending())
    wants("want_read", bio, bio:read(1))
  end)

  it("that is read-only ends after what it was given, and begins anew", function()
    local bio = assert(core.bio_mem_buf("a\0c"))
    for _ = 1, 2 do
      assert.is_false(bio:eof())
      assert.equal("a\0c", bio:read(10))
      assert.is_true(bio:eof())
      ended(bio:read(10))
      assert.is_true(bio:reset())
    end
    fails("bad_option", "read-only", bio:write("x"))
    assert.equal(3, bio:pending())
    ended(assert(core.bio_mem_buf("")):read(1))
  end)

  it("says when empty what it is told to", function()
    local bio = assert(core.bio_mem())
    assert.is_true(bio:set_mem_eof_return(0))
    ended(bio:read(1))
    assert.is_true(bio:eof())
    assert.is_true(bio:set_mem_eof_return(-1))
    wants("want_read", bio, bio:read(1))
    assert.is_false(bio:eof())
    fails("bad_option", "0 or -1", bio:set_mem_eof_return(1))
    fails("bad_option", "memory", assert(core.bio_null()):set_mem_eof_return(0))
  end)
end)

describe("the null BIO", function()
  it("takes everything and gives nothing", function()
    local bio = assert(core.bio_null())
    assert.equal(100000, bio:write(("x"):rep(100000)))
    ended(bio:read(1))
    assert.equal(0, bio:pending())
    assert.is_true(bio:flush())
  end)
end)

describe("a file", function()
  it("is read, and read from its start", function()
    local bio = assert(core.bio_file(temporary("one\ntwo"), "r"))
    for _ = 1, 2 do
      assert.equal("one\n", bio:gets())
      assert.is_false(bio:eof())
      assert.equal("two", bio:read(10))
      ended(bio:read(10))
      assert.is_true(bio:eof())
      assert.is_true(bio:reset())
    end
  end)

  it("is written, as far as it was flushed", function()
    local path = temporary()
    local bio = assert(core.bio_file(path, "w"))
    assert.equal(4, bio:write("a\0b\n"))
    assert.is_true(bio:flush())
    assert.equal("a\0b\n", support.slurp(path))
    assert.equal(3, bio:puts("end"))
    bio:close()
    assert.equal("a\0b\nend", support.slurp(path))
  end)

  it("that cannot be opened tells path, mode and errno", function()
    local bio, err = core.bio_file("/nonexistent/file", "r")
    fails("bad_file", "\"/nonexistent/file\" (mode \"r\"): No such file", bio, err)
    assert.equal(2, err.errno)
    assert.equal("/nonexistent/file", err.path)
    bio, err = core.bio_file("/", "w")
    fails("bad_file", "directory", bio, err)
    assert.equal(21, err.errno)
    fails("bad_file", "(mode \"q\")", core.bio_file(temporary(), "q"))
  end)
end)

describe("lines", function()
  -- Each kind that can be read by lines, with these bytes to be read.
  local makers = {
    memory = function(text) return assert(core.bio_mem_buf(text)) end,
    file = function(text) return assert(core.bio_file(temporary(text), "r")) end,
    pair = function(text)
      local one, two = assert(core.bio_pair(100000, 100000))
      assert(two:write(text))
      assert(two:shutdown_wr())
      return one
    end,
    buffer = function(text)
      local buffer = assert(core.bio_buffer())
      assert(buffer:push(assert(core.bio_mem_buf(text))))
      return buffer
    end,
  }

  for kind, make in pairs(makers) do
    it("of a " .. kind .. " come one at a time, a long one in parts", function()
      local bio = make("one\ntwo\n\nlonger than that\nlast")
      assert.equal("one\n", bio:gets())
      assert.equal("two\n", bio:gets(100))
      assert.equal("\n", bio:gets(1))
      assert.equal("longer ", bio:gets(7))
      assert.equal("than that\n", bio:gets(10))
      assert.equal("last", bio:gets())
      ended(bio:gets())
    end)

    it("of a " .. kind .. " may be as long as one call gives, and longer", function()
      local long = ("x"):rep(17 * 1024)
      local bio = make(long .. "y\n")
      local got = {}
      for line in function() return (bio:gets()) end do
        got[#got + 1] = line
        assert.is_true(#line <= 17 * 1024)
      end
      assert.is_true(long .. "y\n" == table.concat(got))
    end)
  end

  it("that have not come to their end come in parts", function()
    local one, two = assert(core.bio_pair())
    assert(two:write("be"))
    assert.equal("be", one:gets())
    wants("want_read", one, one:gets())
    assert(two:puts("gin\nnext"))
    assert.equal("gin\n", one:gets())
    assert.equal("next", one:gets())
  end)

  it("of a socket need a buffer before it", function()
    local bio, peer = tcp_bio()
    fails("bad_option", "put a buffer before it", bio:gets())
    local buffer = assert(core.bio_buffer())
    assert(buffer:push(bio))
    assert(peer:send("one\ntwo\n"))
    assert.equal("r", core.wait(bio:fd(), "r", 10))
    assert.equal("one\n", buffer:gets())
    assert.equal(4, buffer:pending())
    assert.equal("two\n", buffer:gets())
    assert.equal(2, buffer:puts("x\n"))
    assert.equal(2, buffer:wpending())
    assert.is_true(buffer:flush())
    assert.equal("x", peer:receive())
    peer:close()
  end)

  it("are written by puts, which takes no zero bytes", function()
    local bio = assert(core.bio_mem())
    assert.equal(0, bio:puts(""))
    assert.equal(4, bio:puts("a b\n"))
    assert.equal("a b\n", bio:read(10))
    throws("string without zero bytes expected", bio.puts, bio, "a\0b")
    assert.equal(3, bio:puts("abc", 3, 3)) -- not a part of it
  end)
end)

describe("peek", function()
  local makers = {
    memory = function()
      local bio = assert(core.bio_mem())
      return bio, bio
    end,
    pair = function() return assert(core.bio_pair(8, 8)) end,
  }

  for kind, make in pairs(makers) do
    it("of a " .. kind .. " leaves the bytes where they are, and consume takes them", function()
      local one, two = make()
      wants("want_read", one, one:peek())
      assert.equal(6, two:write("a\0cdef"))
      assert.equal("a\0cdef", one:peek())
      assert.equal("a\0", one:peek(2))
      assert.equal(6, one:pending())
      assert.is_true(one:consume(0))
      assert.is_true(one:consume(4))
      assert.equal("ef", one:peek())
      fails("bad_option", "more bytes", one:consume(3))
      assert.equal("ef", one:read(10))
      assert.is_true(one:consume(0))
      fails("bad_option", "more bytes", one:consume(1))
    end)
  end

  it("of a pair may give less than there is, where its ring ends", function()
    local one, two = makers.pair()
    assert.equal(6, two:write("abcdef"))
    assert.equal("abcd", one:read(4))
    assert.equal(6, two:write("ghijkl"))
    local parts = {}
    while one:pending() > 0 do
      parts[#parts + 1] = assert(one:peek())
      assert(one:consume(#parts[#parts]))
    end
    assert.equal("efghijkl", table.concat(parts))
  end)

  it("tells the end", function()
    local one, two = makers.pair()
    assert(two:shutdown_wr())
    ended(one:peek())
    ended(assert(core.bio_mem_buf("")):peek())
  end)

  it("is for pair and memory", function()
    fails("bad_option", "null", assert(core.bio_null()):peek())
    fails("bad_option", nil, assert(core.bio_null()):consume(1))
  end)

  it("copies no more at once than a read", function()
    local bio = assert(core.bio_mem_buf(("x"):rep(100000)))
    assert.equal(17 * 1024, #bio:peek())
    assert.equal(17 * 1024, #bio:peek(2 ^ 31 - 1))
  end)
end)

describe("what cannot be meant", function()
  it("throws", function()
    local bio = assert(core.bio_mem())
    local conn = support.kinds.conn.make()
    local faults = {
      {"string expected", core.bio_connect},
      {"number expected", core.bio_connect, "localhost"},
      {"string without zero bytes expected", core.bio_connect, "a\0", 1},
      {"string expected", core.bio_accept, {}, 0},
      {"number expected", core.bio_accept, nil},
      {"no integer representation", core.bio_accept, nil, 0.5},
      {"string expected", core.bio_mem_buf},
      {"number from 0 to 2147483647 expected", core.bio_buffer, -1},
      {"string expected", core.bio_file},
      {"string expected", core.bio_file, "/dev/null"},
      {"string without zero bytes expected", core.bio_file, "/dev/null\0.pem", "r"},
      {"sslconnect.conn expected", core.bio_conn, bio},
      {"boolean expected", core.bio_conn, conn, 1},
      {"boolean expected", core.bio_socket, 0, "true"},
      {"light userdata (a BIO *) expected", core.bio_wrap, bio},
      {"light userdata (a BIO *) expected", core.bio_wrap, 0},
      {"light userdata (a BIO *) expected", core.bio_wrap},
      {"sslconnect.bio expected", bio.push, bio},
      {"sslconnect.bio expected", bio.push, bio, conn},
      {"string expected", bio.find, bio},
      {"there is no kind of BIO called 'mem'", bio.find, bio, "mem"},
      {"boolean expected", bio.set_close, bio, 1},
      {"number expected", bio.set_mem_eof_return, bio},
      {"number expected", bio.set_mem_eof_return, bio, false},
      {"number from 1 to 2147483647 expected", bio.gets, bio, 0},
      {"number from 1 to 2147483647 expected", bio.peek, bio, -1},
      {"number from 0 to 2147483647 expected", bio.consume, bio, -1},
      {"number expected", bio.consume, bio},
      {"string expected", bio.puts, bio, nil},
    }
    for _, fault in ipairs(faults) do throws(support.unpack(fault, 1, 4)) end
  end)
end)

describe("a chain", function()
  -- buffer -> buffer -> one half of a pair; and the other half.
  local function chain()
    local first, second = assert(core.bio_buffer()), assert(core.bio_buffer())
    local near, far = assert(core.bio_pair())
    assert.is_true(first:push(second))
    assert.is_true(first:push(near))
    return first, second, near, far
  end

  it("knows its parts", function()
    local first, second, near = chain()
    assert.is_true(first:next() == second)
    assert.is_true(second:next() == near)
    assert.is_true(first:next():next() == near)
    assert.is_nil(near:next())
    assert.is_true(first:find("buffer") == first)
    assert.is_true(second:find("buffer") == second)
    assert.is_true(first:find("pair") == near)
    assert.is_nil(first:find("socket"))
    assert.is_nil(near:find("buffer"))
    assert.is_false(first:next() == first)
  end)

  it("passes on what is written and read", function()
    local first, second, near, far = chain()
    assert.equal(3, first:write("abc"))
    assert.equal(0, far:pending())
    assert.equal(3, first:wpending())
    assert.is_true(first:flush())
    assert.equal("abc", far:read(10))
    assert(far:write("xyz"))
    assert.equal("x", first:read(1))
    assert.equal(2, first:pending())
    assert.equal(0, near:pending())
    fails("misuse", "holds bytes", first:pop())
    assert.equal("yz", first:read(10))
    assert.is_true(first:pop())
    assert.is_nil(first:next())
    assert.is_true(second:next() == near)
  end)

  it("closes over the gap", function()
    local first, second, near, far = chain()
    assert.is_true(second:pop())
    assert.is_nil(second:next())
    assert.is_true(first:next() == near)
    assert(first:write("abc"))
    assert(first:flush())
    assert.equal("abc", far:read(10))
    assert.is_true(near:pop())
    assert.is_nil(first:next())
    assert.is_true(near:pop())
  end)

  it("that ends in a buffer is no use yet, and says so", function()
    local first = chain():find("buffer")
    local alone = assert(core.bio_buffer())
    fails("misuse", "ends in a buffer", alone:write("x"))
    fails("misuse", "ends in a buffer", alone:read(1))
    assert.is_true(alone:push(first))
  end)

  it("is made of filters, each in one place", function()
    local first, second, near, far = chain()
    fails("misuse", "in a chain already", first:push(second))
    fails("misuse", "in a chain already", first:push(first))
    fails("misuse", "in a chain already", second:push(near))
    fails("misuse", "in a chain already", second:push(first))
    fails("misuse", "only behind a filter", first:push(far))
    fails("misuse", "only behind a filter", far:push(assert(core.bio_mem())))
    local conn = support.kinds.conn.make()
    assert(conn:set_bio(far))
    fails("misuse", "a connection uses", assert(core.bio_buffer()):push(far))
    fails("misuse", "behind another BIO", conn:set_bio(near))
    assert.is_true(conn:set_bio(first))
    fails("misuse", "a connection uses it", first:pop())
  end)

  it("cannot be made with one that is closed", function()
    local buffer, mem = assert(core.bio_buffer()), assert(core.bio_mem())
    mem:close()
    fails("closed", nil, buffer:push(mem))
    fails("closed", nil, mem:push(buffer))
    assert.is_nil(buffer:next())
  end)

  -- Every order in which three can go.
  local orders = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}}

  for _, order in ipairs(orders) do
    local name = table.concat(order, ", ")
    it("holds until its first part is closed, in the order " .. name, function()
      local parts = {chain()}
      local far = parts[4]
      assert(parts[1]:write("abc"))
      for _, i in ipairs(order) do
        local first_is_open = parts[1]:kind()
        if first_is_open then assert.equal(3, parts[1]:wpending()) end
        parts[i]:close()
        collect()
        if parts[1]:kind() then
          assert.equal("pair", parts[1]:find("pair"):kind())
          assert.equal("pair", parts[1]:next():next():kind())
        end
      end
      check_results(far:read(1))
    end)

    it("may be collected in the order " .. name, function()
      local parts = {chain()}
      parts[4] = nil
      for _, i in ipairs(order) do
        parts[i] = nil
        collect()
        for j = 1, 3 do
          if parts[j] then assert.is_string(tostring(parts[j])) end
        end
      end
    end)

    it("may be taken apart in the order " .. name, function()
      local parts = {chain()}
      for _, i in ipairs(order) do
        assert.is_true(parts[i]:pop())
        assert.is_nil(parts[i]:next())
        collect()
      end
      assert.equal(1, parts[3]:write("x"))
      assert.equal("x", parts[4]:read(1))
    end)
  end

  it("keeps what nobody else has", function()
    local buffer = assert(core.bio_buffer())
    local far
    do
      local near
      near, far = assert(core.bio_pair())
      assert(buffer:push(near))
    end
    collect()
    assert(buffer:write("abc"))
    assert(buffer:flush())
    assert.equal("abc", far:read(10))
  end)

  it("gives its parts references that outlive it", function()
    local first, _, near, far = chain()
    local found = first:find("pair")
    first:close()
    near:close()
    collect()
    assert.equal(2, found:write("ok"))
    assert.equal("ok", far:read(2))
  end)

  it("is reset from its first part on", function()
    local buffer, mem = assert(core.bio_buffer()), assert(core.bio_mem_buf("one\ntwo\n"))
    assert(buffer:push(mem))
    assert.equal("one\n", buffer:gets())
    assert.is_true(buffer:reset())
    assert.equal("one\n", buffer:gets())
  end)
end)

describe("settings", function()
  it("that are not of a kind are refused by name", function()
    for _, bio in ipairs({assert(core.bio_mem()), assert(core.bio_null()), (core.bio_pair())}) do
      fails("bad_option", "socket", bio:set_nbio(true))
      fails("bad_option", "socket", bio:set_tcp_nodelay(true))
      fails("bad_option", "nothing that the BIO could close", bio:set_close(true))
      assert.is_nil(bio:get_close())
    end
  end)

  it("of who closes the descriptor can be changed", function()
    local bio, peer, fd = tcp_bio()
    assert.is_true(bio:get_close())
    assert.is_true(bio:set_close(false))
    assert.is_false(bio:get_close())
    bio:close()
    assert.is_true(core.close_fd(fd))
    peer:close()
    bio, peer, fd = tcp_bio()
    assert.is_true(bio:set_close(false))
    assert.is_true(bio:set_close(true))
    bio:close()
    fails("system_error", nil, core.close_fd(fd))
    peer:close()
  end)

  it("reach the socket behind filters", function()
    local bio, peer, fd = tcp_bio()
    local buffer = assert(core.bio_buffer())
    assert(buffer:push(bio))
    assert.equal(fd, buffer:fd())
    assert.equal(bio:address(), buffer:address())
    assert.is_true(buffer:set_tcp_nodelay(true))
    assert.is_true(buffer:set_nbio(false))
    assert.is_true(buffer:get_close())
    assert(peer:send("blocking\n"))
    assert.equal("blocking\n", buffer:gets())
    peer:close()
  end)
end)

describe("printing", function()
  local function prints(expected, bio)
    assert.equal("sslconnect.bio: " .. expected, tostring(bio))
  end

  it("tells what it is, what is in it and whether it has ended", function()
    local mem = assert(core.bio_mem())
    prints("memory", mem)
    assert(mem:write("abc"))
    prints("memory, 3 to read", mem)
    assert(mem:read(3))
    assert(mem:set_mem_eof_return(0))
    prints("memory, at its end", mem)
    prints("null", assert(core.bio_null()))
    prints("buffer", assert(core.bio_buffer()))
    prints("file", assert(core.bio_file(temporary("x"), "r")))
    prints("native", assert(core.bio_wrap(native.base64())))
    local one, two = assert(core.bio_pair())
    assert(one:write("abc"))
    assert(one:shutdown_wr())
    prints("pair, 0 to read, 3 to be read", one)
    prints("pair, 3 to read, 0 to be read", two)
    assert(two:read(3))
    prints("pair, 0 to read, 0 to be read, at its end", two)
    mem:close()
    prints("(closed)", mem)
  end)

  it("tells of a chain what each part holds itself", function()
    local bio, peer, fd = tcp_bio()
    local _, port = peer:getsockname()
    local first, second = assert(core.bio_buffer()), assert(core.bio_buffer())
    assert(first:push(second))
    assert(second:write(("x"):rep(10)) == nil)
    assert(second:push(bio))
    local socket = ("socket fd %d (127.0.0.1:%d)"):format(fd, port)
    prints("buffer -> buffer -> " .. socket, first)
    assert(first:write("abc"))
    assert(second:write("defgh"))
    prints("buffer, 3 to be sent -> buffer, 5 to be sent -> " .. socket, first)
    assert(peer:send("one\ntwo\n"))
    peer:close()
    assert.equal("r", core.wait(fd, "r", 10))
    assert.equal("one\n", second:gets())
    prints("buffer, 4 to read, 5 to be sent -> " .. socket, second)
    assert.equal("two\n", second:gets())
    assert.equal("r", core.wait(fd, "r", 10))
    ended(second:gets())
    assert.matches(" -> socket fd " .. fd .. ".*, at its end$", tostring(first))
  end)

  it("of a long chain ends somewhere", function()
    local first = assert(core.bio_buffer())
    for _ = 1, 200 do assert(first:push(assert(core.bio_buffer()))) end
    assert.equal(1023, #tostring(first))
    assert.matches("^sslconnect%.bio: buffer %-> buffer .*%.%.%.$", tostring(first))
  end)

  it("of a connection tells what it waits for", function()
    local client, server = joined()
    client:connect()
    assert.matches("^sslconnect%.conn: client localhost %(handshaking: .+, want_read%)$",
      tostring(client))
    assert(shake(client, server))
    assert.matches("%(connected%)$", tostring(client))
    assert.is_false(client:read(1))
    assert.matches("%(connected, want_read%)$", tostring(client))
    client:shutdown()
    assert.matches("%(shut down, want_read%)$", tostring(client))
    server:read(1)
    assert.matches("%(shut down by the peer%)$", tostring(server))
  end)
end)

describe("a BIO of OpenSSL's own", function()
  it("is wrapped with its reference", function()
    local bio = assert(core.bio_wrap(native.mem("abc")))
    assert.equal("native", bio:kind())
    assert.equal("ab", bio:read(2))
    assert.equal("c", bio:read(2))
    ended(bio:read(2))
    assert.equal(1, bio:write("x"))
    bio:close()
  end)

  it("lives on with who else has a reference", function()
    local pointer = native.up_ref(native.mem("abc"))
    local bio = assert(core.bio_wrap(pointer))
    assert.equal(pointer, bio:native())
    bio:close()
    collect()
    assert.equal("abc", native.read(pointer, 10))
    native.free(pointer)
  end)

  it("may be a filter, before one of ours", function()
    local filter, mem = assert(core.bio_wrap(native.base64())), assert(core.bio_mem())
    assert.is_true(filter:push(mem))
    assert.equal(5, filter:write("hello"))
    assert.is_true(filter:flush())
    assert.equal("aGVsbG8=", mem:peek())
    assert.is_true(filter:pop())
    assert.equal("aGVsbG8=", mem:read(20))
  end)

  it("counts as one with all of its chain", function()
    local chain = native.push(native.base64(), native.mem("aGVsbG8="))
    local bio = assert(core.bio_wrap(chain))
    assert.is_nil(bio:next())
    assert.equal("hello", bio:read(10))
    local buffer = assert(core.bio_buffer())
    assert.is_true(buffer:push(bio))
    buffer:close()
    bio:close()
  end)

  it("is what native gives of ours", function()
    local bio = assert(core.bio_mem())
    assert(bio:write("abc"))
    assert.equal("userdata", type(bio:native()))
    assert.equal(bio:native(), bio:native())
    assert.equal("ab", native.read(bio:native(), 2))
    assert.equal(1, bio:pending())
    local other = native.up_ref(bio:native())
    bio:close()
    assert.equal("c", native.read(other, 2))
    native.free(other)
    assert.is_nil(bio:native())
    throws("BIO * expected, got NULL", core.bio_wrap, native.null)
  end)
end)

describe("a connection", function()
  -- Moves what has been written to one BIO into another.
  local function move(from, to)
    while from:pending() > 0 do assert(to:write(assert(from:read(2 ^ 31 - 1)))) end
  end

  -- A client over memory, one BIO to read and another to write, and a server over a pair; with a
  -- function that moves what there is to be moved.
  local function over_memory()
    local client, server = assert(core.conn(client_ctx())), assert(core.conn(server_ctx()))
    local to_client, from_client = assert(core.bio_mem()), assert(core.bio_mem())
    local near, far = assert(core.bio_pair())
    assert(client:set_bio(to_client, from_client))
    assert(server:set_bio(far))
    assert(client:set_server_name("localhost"))
    assert(client:set_connect_state())
    assert(server:set_accept_state())
    local function pump()
      move(from_client, near)
      move(near, to_client)
    end
    return client, server, pump, to_client, from_client, near
  end

  local function shake_over_memory(client, server, pump)
    local client_done, server_done
    for _ = 1, 20 do
      client_done = assert.is_not_nil(client:do_handshake()) and client:is_connected()
      pump()
      server_done = assert.is_not_nil(server:do_handshake()) and server:is_connected()
      pump()
      if client_done and server_done then return end
    end
    error("the handshake does not end")
  end

  it("reads from one memory BIO and writes to another", function()
    local client, server, pump, to_client, from_client = over_memory()
    assert.is_true(client:rbio() == to_client)
    assert.is_true(client:wbio() == from_client)
    assert.is_false(client:rbio() == client:wbio())
    shake_over_memory(client, server, pump)
    assert.equal(4, client:write("ping"))
    pump()
    assert.equal("ping", server:read(10))
    assert.equal(4, server:write("pong"))
    pump()
    assert.equal("pong", client:read(10))
  end)

  it("takes an empty memory BIO for the end only where it is told to", function()
    local client, server, pump, to_client = over_memory()
    shake_over_memory(client, server, pump)
    wants("want_read", nil, client:read(1))
    assert.is_true(to_client:set_mem_eof_return(0))
    fails("truncated", nil, client:read(1))
  end)

  it("is the owner of its BIOs", function()
    local client, server, _, to_client, from_client = over_memory()
    assert.is_true(to_client:owner() == client)
    assert.is_true(from_client:owner() == client)
    assert.is_false(to_client:owner() == server)
    assert.is_nil(assert(core.bio_mem()):owner())
    fails("misuse", "another connection's", server:set_bio(to_client))
    client:close()
    assert.is_nil(to_client:owner())
    assert.is_false(client == client:rbio())
  end)

  it("lives as long as somebody has it who asked the BIO for it", function()
    local client, server, near = connected()
    local owner = near:owner()
    assert.is_true(owner == client)
    getmetatable(client).__gc(client) -- as the collector does
    assert.is_false(owner == client)
    assert.equal(2, owner:write("ok"))
    assert.equal("ok", server:read(10))
    assert.is_true(near:owner() == owner)
    collect() -- what that comparison had
    getmetatable(owner).__gc(owner)
    ended(server:read(1)) -- close_notify, with the last reference
    assert.is_nil(near:owner())
  end)

  it("that one userdata closes is closed for the other", function()
    local client, server, near = connected()
    local owner = near:owner()
    client:close()
    ended(server:read(1))
    fails("closed", nil, owner:read(1))
    assert.is_nil(near:owner())
    assert.is_string(tostring(owner))
    assert.is_true(owner:close())
  end)

  it("keeps its BIOs when Lua lets go of them", function()
    for _, how in ipairs({"close", "__gc"}) do
      local client, server, near, far = joined()
      for _, bio in ipairs({near, far}) do
        (bio[how] or getmetatable(bio)[how])(bio)
      end
      collect()
      assert(shake(client, server))
      assert(client:write("x"))
      assert.equal("x", server:read(1))
      assert.equal("pair", client:rbio():kind())
    end
  end)

  it("keeps a chain whose parts Lua lets go of, in any order", function()
    for _, order in ipairs({{1, 2}, {2, 1}}) do
      local client, server = joined()
      local near, far = assert(core.bio_pair())
      local parts = {assert(core.bio_buffer()), near}
      assert(parts[1]:push(near))
      assert(client:set_bio(parts[1]))
      assert(server:set_bio(far))
      near = nil -- luacheck: ignore
      for _, i in ipairs(order) do
        parts[i]:close()
        parts[i] = nil
        collect()
      end
      assert(shake(client, server))
      assert.equal("buffer", client:wbio():kind())
      assert.equal("pair", client:wbio():next():kind())
      assert.is_nil(client:wbio():next():owner())
    end
  end)

  it("goes on over other BIOs in the middle, where they carry the same bytes", function()
    local client, server = connected()
    wants("want_read", nil, client:read(1)) -- the tickets are in it, and not in the old BIO
    for round = 1, 3 do
      local near, far = assert(core.bio_pair())
      assert.is_true(client:set_bio(near))
      assert.is_true(server:set_bio(far))
      collect()
      assert.equal(5, client:write("round"))
      assert.equal("round", server:read(10))
      assert.equal(1, server:write(tostring(round)))
      assert.equal(tostring(round), client:read(1))
    end
  end)

  it("goes on with a record that was sent in part in the BIO that takes the place", function()
    local client, server, _, far = connected()
    local near, short = assert(core.bio_pair(100))
    assert(client:set_bio(client:rbio(), near))
    local text = ("0123456789"):rep(100)
    wants("want_write", nil, client:write(text))
    local rest = assert(core.bio_mem())
    assert(client:set_bio(client:rbio(), rest))
    assert.equal(1000, client:write(text))
    local stream = assert(core.bio_mem())
    move(short, stream)
    assert.equal(100, stream:pending())
    move(rest, stream)
    assert(server:set_bio(stream, far))
    assert.equal(text, server:read(2000))
  end)

  it("has BIOs of which each may be changed alone", function()
    local client, server, pump, to_client, from_client, near = over_memory()
    shake_over_memory(client, server, pump)
    local other = assert(core.bio_mem())
    assert.is_true(client:set_bio(client:rbio(), other))
    assert.is_nil(from_client:owner())
    assert.is_true(to_client:owner() == client)
    assert.equal(3, client:write("new"))
    assert.equal(0, from_client:pending())
    move(other, near)
    assert.equal("new", server:read(10))
    assert.is_true(client:set_bio(from_client, other))
    assert.is_nil(to_client:owner())
  end)
end)

-- Steps until it is something else than "not yet", and waits in between as a loop would.
local function until_done(bio, method, ...)
  local deadline = core.now() + 10
  repeat
    local first, why = bio[method](bio, ...)
    if first ~= false then return first, why end
    local events = why == "want_write" and "w" or "r"
    assert(core.wait(bio:fd(), events, math.min(bio:timeout() or 10, 10)) ~= nil)
  until core.now() > deadline
  error(method .. " does not end")
end

-- A BIO that listens, and the port that it has.
local function accepting()
  local listener = assert(core.bio_accept("127.0.0.1", 0))
  assert.is_true(listener:do_handshake())
  return listener, tonumber(listener:address():match("^127%.0%.0%.1:(%d+)$"))
end

-- Both ends of a connection that two BIOs made, and the one that listens.
local function both_ends()
  local listener, port = accepting()
  local client = assert(core.bio_connect("127.0.0.1", port))
  assert.is_true(until_done(client, "do_handshake"))
  assert.is_true(until_done(listener, "do_handshake"))
  local server = listener:next()
  assert.is_true(server:pop())
  return client, server, listener
end

describe("a BIO that connects and one that accepts", function()
  it("find each other", function()
    local listener, port = accepting()
    assert.equal("accept", listener:kind())
    assert.matches("^sslconnect%.bio: accept fd %d+ %(127%.0%.0%.1:" .. port .. "%)$",
      tostring(listener))
    wants("want_accept", listener, listener:do_handshake())
    local client = assert(core.bio_connect("127.0.0.1", port))
    assert.equal("connect", client:kind())
    assert.is_true(until_done(client, "do_handshake"))
    assert.equal("127.0.0.1:" .. port, client:address())
    assert.is_nil(client:timeout())
    assert.is_true(until_done(listener, "do_handshake"))
    assert.equal("127.0.0.1:" .. port, listener:address())
    local server = listener:next()
    assert.equal("socket", server:kind())
    assert.equal(("sslconnect.bio: accept (127.0.0.1:%d) -> socket fd %d (%s)"):format(port,
      server:fd(), server:address()), tostring(listener))
    fails("misuse", "pop it first", listener:do_handshake())
    assert.is_true(server:pop())
    assert.is_nil(listener:next())
    assert.equal(4, client:write("ping"))
    assert.equal("ping", until_done(server, "read", 10))
    assert.equal(4, server:write("pong"))
    assert.equal("pong", until_done(client, "read", 10))
    wants("want_accept", listener, listener:do_handshake())
  end)

  it("do it all when they are first read and written", function()
    local listener, port = accepting()
    local client = assert(core.bio_connect("127.0.0.1", port))
    assert.equal(4, until_done(client, "write", "ping"))
    assert.equal("ping", until_done(listener, "read", 10))
    assert.equal("socket", listener:next():kind())
  end)

  it("tell what is wrong at the first step", function()
    local cases = {
      {"port 0", core.bio_connect("127.0.0.1", 0)},
      {"port 65536", core.bio_connect("127.0.0.1", 65536)},
      {"host", core.bio_connect("", 1)},
      {"port -1", core.bio_accept(nil, -1)},
      {"port 65536", core.bio_accept(nil, 65536)},
      {"an IPv4 or IPv6 address is expected", core.bio_accept("localhost", 0)},
    }
    for _, case in ipairs(cases) do fails("bad_option", case[1], case[2]:do_handshake()) end
    local listener, port = accepting()
    listener:close()
    local client = assert(core.bio_connect("127.0.0.1", port))
    local done, err = until_done(client, "do_handshake")
    fails("connection_refused", nil, done, err)
    fails("connection_refused", nil, client:write("x"))
    fails("system_error", "to listen on", assert(core.bio_accept("192.0.2.1", 0)):do_handshake())
  end)

  it("carry a connection of TLS", function()
    local near, far = both_ends()
    local client, server = joined()
    assert(client:set_bio(near))
    assert(server:set_bio(far))
    local client_done, server_done
    repeat
      client_done = client_done or client:connect()
      server_done = server_done or server:accept()
    until client_done and server_done
    assert.equal(near:fd(), client:fd())
    client:close()
    server:close()
  end)

  it("close their descriptors with the last reference", function()
    local near, far, listener = both_ends()
    for _, bio in ipairs({near, far, listener}) do
      local fd = bio:fd()
      assert.is_number(fd)
      bio:close()
      collect()
      fails("system_error", nil, core.close_fd(fd))
    end
  end)

  it("may be dropped at any moment", function()
    for _ = 1, 5 do
      local listener, port = accepting()
      local client = assert(core.bio_connect("127.0.0.1", port))
      client:do_handshake()
      client = nil -- luacheck: ignore
      listener:do_handshake()
      local behind = listener:next()
      listener = nil -- luacheck: ignore
      collect()
      if behind then check_results(behind:read(1)) end
    end
  end)
end)

describe("TLS in TLS", function()
  -- A connection of TLS over another, from one end to the other.
  local function nested(close)
    local outer_client, outer_server, near, far = connected()
    local client, server = assert(core.conn(client_ctx())), assert(core.conn(server_ctx()))
    assert(client:set_server_name("localhost"))
    assert(client:set_bio(assert(core.bio_conn(outer_client, close))))
    assert(server:set_bio(assert(core.bio_conn(outer_server, close))))
    assert(client:set_connect_state())
    assert(server:set_accept_state())
    return client, server, outer_client, outer_server, near, far
  end

  it("carries bytes through both", function()
    local client, server, outer_client, _, near = nested()
    assert(shake(client, server))
    local bio = client:rbio()
    assert.equal("connection", bio:kind())
    assert.is_true(bio:owner() == client)
    assert.is_true(near:owner() == outer_client)
    assert.matches("^sslconnect%.bio: connection", tostring(bio))
    assert.equal(4, client:write("ping"))
    assert.equal("ping", server:read(10))
    assert.equal(4, server:write("pong"))
    assert.equal("pong", client:read(10))
    client:shutdown()
    ended(server:read(1))
  end)

  it("does the handshake of the one below as it is needed", function()
    local outer_client, outer_server = joined()
    local one = assert(core.bio_conn(outer_client))
    local two = assert(core.bio_conn(outer_server))
    assert.is_false((one:write("hello")))
    local got
    for _ = 1, 10 do
      if not got and outer_client:is_connected() then one:write("hello") end
      one:do_handshake()
      got = two:read(10) or nil
      if got then break end
    end
    assert.equal("hello", got)
  end)

  it("outlives what Lua had of the one below, whoever goes first", function()
    for _, close in ipairs({true, false}) do
      local client, server, outer_client = nested(close)
      getmetatable(outer_client).__gc(outer_client)
      collect() -- the other one below
      assert(shake(client, server))
      assert.equal(2, client:write("ok"))
      assert.equal("ok", server:read(10))
    end
  end)

  it("closes the one below with its last BIO, where it is told to", function()
    local client, server, outer_client, outer_server = nested(true)
    assert(shake(client, server))
    assert.is_true(client:rbio():get_close())
    client:close()
    collect()
    fails("closed", nil, outer_client:read(1))
    ended(server:read(1))
    repeat until not server:rbio():read(100)
    assert.is_true(outer_server:get_shutdown().received)
  end)

  it("leaves the one below open, where it is not", function()
    local client, server, outer_client, outer_server = nested()
    assert(shake(client, server))
    assert.is_false(client:rbio():get_close())
    client:close()
    server:close()
    collect()
    repeat until not outer_server:read(100) -- the close_notify of the one above
    assert.equal(5, outer_client:write("still"))
    assert.equal("still", outer_server:read(10))
  end)

  it("tells what failed below", function()
    local client, _, _, _, _, far = nested()
    far:shutdown_wr()
    local done, err
    repeat done, err = client:connect() until done ~= false
    assert.is_nil(done)
    check_error(err)
    assert.matches("the connection below: ", err.message, 1, true)
  end)

  it("is not made of a connection that is closed", function()
    local client = connected()
    client:close()
    fails("closed", nil, core.bio_conn(client))
  end)

  it("over itself is refused", function()
    local one, two = support.kinds.conn.make(), support.kinds.conn.make()
    fails("misuse", "itself", one:set_bio(assert(core.bio_conn(one))))
    local near = core.bio_pair()
    fails("misuse", "itself", one:set_bio(near, assert(core.bio_conn(one))))
    assert.is_nil(near:owner())
    assert.is_true(one:set_bio(assert(core.bio_conn(two))))
    fails("misuse", "itself", two:set_bio(assert(core.bio_conn(one))))
    local buffer = assert(core.bio_buffer())
    assert.is_true(two:set_bio(buffer))
    fails("misuse", nil, buffer:push(assert(core.bio_conn(one))))
    fails("misuse", nil, buffer:push(assert(core.bio_conn(two))))
    local through = assert(core.bio_buffer())
    assert.is_true(through:push(assert(core.bio_conn(two))))
    fails("misuse", "itself", two:set_bio(through))
  end)

  it("is read by lines through a buffer", function()
    local outer_client, outer_server = connected()
    local client, server = assert(core.bio_buffer()), assert(core.bio_buffer())
    assert(client:push(assert(core.bio_conn(outer_client))))
    assert(server:push(assert(core.bio_conn(outer_server))))
    assert.equal(4, client:puts("one\n"))
    assert.equal(4, client:puts("two\n"))
    assert.is_true(client:flush())
    assert.equal("one\n", server:gets())
    assert.equal("two\n", server:gets())
    wants("want_read", server, server:gets())
  end)
end)

describe("docs/bio.md", function()
  local doc = support.slurp("docs/bio.md")

  local function blocks(language)
    return doc:gmatch("```" .. language .. "\n(.-)```")
  end

  -- Runs a piece of Lua; what it printed, a line each.
  local function printed(code)
    local lines = {}
    local client, server = joined()
    local function print(...)
      local words = results(...)
      for i = 1, words.n do words[i] = tostring(words[i]) end
      local text = table.concat(words, " ") .. "\n"
      for line in text:gmatch("(.-)\n") do lines[#lines + 1] = line end
    end
    local environment = setmetatable({core = core, client = client, server = server,
      print = print}, {__index = _G})
    local chunk
    if rawget(_G, "setfenv") then
      chunk = assert(loadstring(code)) -- luacheck: ignore
      setfenv(chunk, environment) -- luacheck: ignore
    else
      chunk = assert(load(code, "=bio.md", "t", environment)) -- luacheck: ignore
    end
    chunk()
    return lines
  end

  it("prints what it says", function()
    local count = 0
    for code in blocks("lua") do
      local expected = {}
      for line in code:gmatch("%-%-> ?([^\n]*)") do expected[#expected + 1] = line end
      assert.same(expected, printed(code))
      count = count + #expected
    end
    assert.is_true(count > 20)
  end)

  it("shows C that is in the example", function()
    local example, count = support.slurp("examples/c/mem.c"), 0
    for code in blocks("c") do
      assert(example:find(code, 1, true), code)
      count = count + 1
    end
    assert.is_true(count > 0)
  end)

  it("has every kind and constructor", function()
    local bios = support.bios
    for _, make in pairs(bios) do assert.matches("| `" .. make():kind() .. "` |", doc, 1, true) end
    for name in pairs(core) do
      if name:find("^bio_") then assert.matches("`core." .. name .. "(", doc, 1, true) end
    end
  end)
end)
