-- stream_spec.lua: a connection as a stream, in the manner of Lua's io library: what reading and
-- writing give, and what is left after failures. Everything is tried blocking and in a coroutine.
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core

local server = helper.serve {
  "good", "good/echo", "good/truncate", "good/goodbye", "good/half", "good/sink", "good/slow",
  "good/stallread", "good/reset", "good/tls12",
}
teardown(function() server:stop() end)

local mode

local function connect(scenario, given)
  local options = {ca_file = helper.ca, loop = mode, timeout = helper.patience}
  for name, value in pairs(given or {}) do options[name] = value end
  local conn = assert(ssl.connect("localhost", server:port(scenario), options))
  assert(conn:settimeout(helper.patience))
  return conn
end

-- A connection from which these bytes and then the end can be read.
local function sending(data)
  local conn = connect("good/echo")
  assert(conn:write(data))
  assert(conn:shutdown())
  return conn
end

-- A test in both modes.
local function test(name, f)
  for _, each in ipairs(helper.modes) do
    it(name .. " (" .. each .. ")", function()
      mode = each
      helper.in_mode(each, f)
    end)
  end
end

-- In 5.1 an iterator cannot yield.
local function test_iterator(name, f)
  local yields = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil
  if yields then return test(name, f) end
  it(name .. " (blocking)", function()
    mode = "blocking"
    f()
  end)
end

describe("read", function()
  test("gives lines without their newlines", function()
    local conn = sending("one\ntwo\n\nfour")
    assert.equal("one", conn:read("l"))
    assert.equal("two", conn:read())
    assert.equal("", conn:read("*l"))
    assert.equal("four", conn:read("*l"))
    assert.equal(1, select("#", conn:read("l")))
    assert.is_nil((conn:read("l")))
  end)

  test("gives lines with their newlines", function()
    local conn = sending("one\n\nthree")
    assert.equal("one\n", conn:read("L"))
    assert.equal("\n", conn:read("*L"))
    assert.equal("three", conn:read("L"))
    assert.is_nil((conn:read("L")))
  end)

  test("leaves a carriage return in the line, as io does", function()
    local conn = sending("one\r\ntwo\r\n")
    assert.equal("one\r", conn:read("l"))
    assert.equal("two\r\n", conn:read("L"))
  end)

  test("gives everything to the end, and nothing but that", function()
    local conn = sending("one\ntwo\0three")
    assert.equal("one\ntwo\0three", conn:read("a"))
    assert.equal("", conn:read("a"))
    assert.equal("", conn:read("*a"))
    assert.is_nil((conn:read("l")))
  end)

  test("gives as many bytes as asked for, or what is left", function()
    local conn = sending("abcdefgh")
    assert.equal("abc", conn:read(3))
    assert.equal("", conn:read(0))
    assert.equal("d", conn:read(1))
    assert.equal("efgh", conn:read(100))
    assert.is_nil((conn:read(1)))
    assert.is_nil((conn:read(0)))
  end)

  test("gives nil alone at a clean end", function()
    local conn = connect("good/goodbye")
    assert.equal("bye", conn:read("l"))
    for _, format in ipairs {"l", "L", 1, 0} do
      local results = helper.pack(conn:read(format))
      assert.is_nil(results[1])
      assert.is_nil(results[2])
    end
    local results = helper.pack(conn:read_some(10))
    assert.is_nil(results[1])
    assert.is_nil(results[2])
  end)

  test("gives a line that spans many records", function()
    local conn = connect("good/echo")
    local line = ("0123456789abcdef"):rep(2 ^ 13)
    assert(conn:write(line, "\nrest\n"))
    assert.equal(line, conn:read("l"))
    assert.equal("rest", conn:read("l"))
  end)

  test("gives a number of bytes that spans many records", function()
    local conn = connect("good/echo")
    local data = ("0123456789abcde\n"):rep(2 ^ 13)
    assert(conn:write(data))
    assert.equal(data:sub(1, 100000), conn:read(100000))
    assert.equal(data:sub(100001), conn:read(#data - 100000))
  end)

  test("refuses a format that is none", function()
    local conn = connect("good/echo")
    for _, format in ipairs {"x", "", "*", "lines", -1, 1.5, 0 / 0, math.huge, true, {}} do
      helper.fails({code = "bad_option", phase = "read",
        has = 'expected "l", "L", "a" or a number of bytes'}, conn:read(format))
    end
    assert(conn:write("still fine\n"))
    assert.equal("still fine", conn:read("l"))
  end)

  test("gives what a file would give, in any order of formats", function()
    local path = os.tmpname()
    local content = {}
    for i = 1, 200 do content[i] = ("x"):rep(i * 7919 % 50) .. (i % 3 == 0 and "\r\n" or "\n") end
    content = table.concat(content) .. "end"
    helper.write_file(path, content)
    local file = assert(io.open(path, "rb"))
    local conn = sending(content)
    local seed, expected = 1
    repeat
      seed = (seed * 16807) % 2147483647
      local format = ({"*l", seed % 37, 0})[seed % 3 + 1]
      expected = file:read(format)
      assert.equal(expected, (conn:read(format)))
    until not expected
    assert.equal(file:read("*a"), conn:read("*a"))
    file:close()
    os.remove(path)
  end)
end)

describe("read_some", function()
  test("gives what there is, and waits only for the first byte", function()
    local conn = connect("good/echo")
    assert(conn:write("abc"))
    local got = assert(conn:read_some())
    while #got < 3 do got = got .. assert(conn:read_some(100)) end
    assert.equal("abc", got)
  end)

  test("gives no more than asked for, and keeps the rest", function()
    local conn = connect("good/echo")
    assert(conn:write("abcdef\n"))
    assert.equal("a", conn:read_some(1))
    assert.equal("bc", conn:read(2))
    assert.equal("d", conn:read_some(1))
    assert.equal("ef", conn:read("l"))
  end)

  test("gives nil at the end", function()
    local conn = sending("x")
    assert.equal("x", conn:read_some(10))
    assert.is_nil((conn:read_some(10)))
  end)

  test("refuses a number that is none", function()
    local conn = connect("good/echo")
    for _, max in ipairs {0, -1, 1.5, 0 / 0, "x", true, {}} do
      helper.fails({code = "bad_option", phase = "read", has = "expected a number of bytes"},
        conn:read_some(max))
    end
  end)
end)

describe("lines", function()
  test_iterator("gives every line to the clean end", function()
    local conn = sending("one\r\ntwo\n\nfour")
    local got = {}
    for line in conn:lines() do got[#got + 1] = line end
    assert.same({"one\r", "two", "", "four"}, got)
  end)

  test_iterator("gives what another format gives", function()
    local got = {}
    for line in sending("one\ntwo\n"):lines("L") do got[#got + 1] = line end
    for piece in sending("abcde"):lines(2) do got[#got + 1] = piece end
    assert.same({"one\n", "two\n", "ab", "cd", "e"}, got)
  end)

  it("throws the error object where reading fails", function()
    mode = "blocking"
    local conn = connect("good/truncate")
    local ok, err = pcall(function()
      for line in conn:lines() do assert.is_nil(line) end
    end)
    assert.is_false(ok)
    helper.check_error(err, {code = "truncated", phase = "read"})
  end)

  it("of a format that is none throws the error object", function()
    mode = "blocking"
    local ok, err = pcall(function() return connect("good/echo"):lines("x")() end)
    assert.is_false(ok)
    helper.check_error(err, {code = "bad_option"})
  end)
end)

describe("write", function()
  test("writes strings and numbers, as io does, and gives the connection", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write("a", 1, 2.5, -3, 1e100, "", "b\0c", "\n")
    file:close()
    local conn = connect("good/echo")
    assert.equal(conn, conn:write("a", 1, 2.5, -3, 1e100, "", "b\0c", "\n"))
    assert.equal(helper.slurp(path), conn:read("L"))
    os.remove(path)
  end)

  test("of nothing does nothing", function()
    local conn = connect("good/echo")
    assert.equal(conn, conn:write())
    assert.equal(conn, conn:write(""))
    assert.equal(conn, conn:write("", ""))
    assert(conn:write("x\n"))
    assert.equal("x", conn:read("l"))
  end)

  test("of 10 MB writes all of it", function()
    local conn = connect("good/half")
    assert.equal(conn, conn:write(("0123456789"):rep(1000000)))
    assert(conn:shutdown())
    assert.equal("10000000", conn:read("l"))
  end)

  test("of many arguments writes them in order", function()
    local conn, words = connect("good/echo"), {}
    for i = 1, 200 do words[i] = tostring(i) end
    assert(conn:write(helper.unpack(words)))
    assert.equal(table.concat(words), conn:read(#table.concat(words)))
  end)

  test("refuses what is neither string nor number, and writes nothing of it", function()
    local conn = connect("good/echo")
    for _, value in ipairs {true, {}, print, conn} do
      helper.fails({code = "bad_option", phase = "write",
        has = "argument 2 is a " .. type(value) .. "; expected a string"}, conn:write("x", value))
    end
    helper.fails({code = "bad_option", has = "argument 1 is a nil"}, conn:write(nil))
    helper.fails({code = "bad_option", has = "argument 2 is a nil"}, conn:write("x", nil))
    helper.fails({code = "bad_option", has = "argument 1 is a nil"}, conn:write(nil, "x"))
    assert(conn:write("clean\n"))
    assert.equal("clean", conn:read("l"))
  end)

  test("that times out says how much was taken, and ends writing", function()
    local conn = connect("good/stallread")
    assert(conn:settimeout(0.2))
    local size = 2 ^ 24 -- more than the buffers of both sides
    local done, err = conn:write(("x"):rep(size))
    helper.fails({code = "timeout", phase = "write"}, done, err)
    assert.is_true(err.written > 0 and err.written < size, tostring(err.written))
    helper.fails({code = "misuse", phase = "write"}, conn:write("x"))
    assert.is_true(conn:close())
  end)

  test("to a peer that is gone fails and says so", function()
    local conn = connect("good/reset")
    assert(conn:write("x"))
    assert.is_nil((conn:read("l")))
    local done, err = conn:write("y")
    helper.fails({code = "connection_reset"}, done, err)
    assert.equal(0, err.written)
  end)

  test("that fails in the middle says how much was taken", function()
    local conn = connect("good/reset")
    local size = 2 ^ 24 -- more than the buffers of both sides
    local done, err = conn:write(("x"):rep(size))
    helper.fails({code = "connection_reset", phase = "write"}, done, err)
    assert.is_true(err.written > 0 and err.written < size, tostring(err.written))
  end)
end)

describe("an end without close_notify", function()
  test("is a failure that keeps what came before", function()
    for _, format in ipairs {"a", "l", "L", 100} do
      local conn = connect("good/truncate")
      local data, err, partial = conn:read(format)
      helper.fails({code = "truncated", phase = "read"}, data, err)
      assert.equal("partial", partial)
    end
  end)

  test("comes behind what was asked for", function()
    local conn = connect("good/truncate")
    assert.equal("part", conn:read(4))
    local data, err, partial = conn:read("a")
    helper.fails({code = "truncated"}, data, err)
    assert.equal("ial", partial)
  end)

  test("is a failure of read_some behind the data", function()
    local conn = connect("good/truncate")
    local got = ""
    while #got < 7 do got = got .. assert(conn:read_some()) end
    assert.equal("partial", got)
    helper.fails({code = "truncated", phase = "read"}, conn:read_some())
    helper.fails({code = "truncated", phase = "read"}, conn:read_some())
  end)

  test("is a clean end where lenient_eof is set", function()
    local conn = connect("good/truncate", {lenient_eof = true})
    assert.equal("partial", conn:read("a"))
    assert.is_nil((conn:read("l")))
    conn = connect("good/truncate", {lenient_eof = true})
    assert.equal("partial", conn:read("l"))
    local results = helper.pack(conn:read("l"))
    assert.is_nil(results[1])
    assert.is_nil(results[2])
  end)
end)

describe("a reset", function()
  test("is a failure even where lenient_eof is set", function()
    local conn = connect("good/reset", {lenient_eof = true})
    assert(conn:write("x"))
    helper.fails({code = "connection_reset", phase = "read"}, conn:read("a"))
  end)
end)

describe("a timeout", function()
  test("of a read leaves the connection usable, and loses nothing", function()
    local conn = connect("good/echo")
    assert(conn:write("abc"))
    assert(conn:settimeout(0.2))
    for _, format in ipairs {"l", "L", "a", 7} do
      local data, err, partial = conn:read(format)
      helper.fails({code = "timeout", phase = "read"}, data, err)
      assert.is_nil(partial)
    end
    assert(conn:settimeout(helper.patience))
    assert(conn:write("def\n"))
    assert.equal("abcdef", conn:read("l"))
  end)

  test("of read_some leaves the connection usable", function()
    local conn = connect("good/slow")
    assert.equal("tick", conn:read("l"))
    assert(conn:settimeout(0.1))
    helper.fails({code = "timeout", phase = "read"}, conn:read_some())
    helper.fails({code = "timeout", phase = "read"}, conn:read_some())
    assert(conn:write("x"))
  end)

  test("of nothing gives what is there already", function()
    local conn = connect("good/echo")
    assert(conn:write("abc\ndef\n"))
    assert.equal("a", conn:read(1))
    assert.equal("bc", conn:read("l"))
    assert.equal("d", conn:read(1))
    assert(conn:settimeout(0))
    assert.equal("ef", conn:read("l"))
    helper.fails({code = "timeout", phase = "read"}, conn:read("l"))
  end)

  test("is of each operation by itself", function()
    local conn = connect("good/echo")
    assert(conn:settimeout(0.5))
    local late = core.now() + 0.7
    while core.now() < late do
      assert(conn:write("x\n"))
      assert.equal("x", conn:read("l"))
    end
  end)

  it("is one for all of a read, however often something comes", function()
    mode = "coroutine"
    local before, done = core.now(), false
    local results = helper.run {function()
      local conn = connect("good/echo")
      assert(conn:settimeout(0.3))
      local results = helper.run {
        function()
          local data, err = conn:read("l")
          done = true
          return data, err
        end,
        function()
          while not done and conn:write("x") do coroutine.yield() end
        end,
      }
      return helper.unpack(results[1], 1, 2)
    end}
    helper.fails({code = "timeout", phase = "read"}, helper.unpack(results[1], 1, 2))
    assert.is_true(core.now() - before < 10)
  end)

  test("can be taken away again", function()
    local conn = connect("good/echo")
    assert(conn:settimeout(0))
    assert.is_true(conn:settimeout(nil))
    assert(conn:write("x\n"))
    assert.equal("x", conn:read("l"))
  end)

  it("that is none is refused", function()
    mode = "blocking"
    local conn = connect("good/echo")
    for _, seconds in ipairs {-1, 0 / 0, "1", true, {}} do
      helper.fails({code = "bad_option", phase = "config", has = "expected a number of seconds"},
        conn:settimeout(seconds))
    end
    assert.is_true(conn:settimeout(math.huge))
    assert(conn:write("x\n"))
    assert.equal("x", conn:read("l"))
  end)
end)

describe("shutdown", function()
  test("ends our side: the peer sees it, and can be read to its end", function()
    local conn = connect("good/half")
    assert(conn:write("12345"))
    assert.is_true(conn:shutdown())
    assert.equal("5", conn:read("l"))
    assert.is_nil((conn:read("l")))
  end)

  test("a second time does nothing, before the peer's end and after", function()
    -- In TLS 1.2 nothing but the answer can be there to be read.
    local conn = connect("good/half", {max_version = "1.2"})
    assert.is_true(conn:shutdown())
    assert.is_true(conn:shutdown())
    assert.equal("r", core.wait(conn:getfd(), "r", helper.patience))
    assert.is_true(conn:shutdown())
    assert.equal("0\n", conn:read("a"))
    assert.is_true(conn:shutdown())
  end)

  test("leaves nothing to be written", function()
    local conn = connect("good/half")
    assert.is_true(conn:shutdown())
    helper.fails({code = "closed", phase = "write"}, conn:write("x"))
    assert.equal("0", conn:read("l"))
  end)

  test("works after the peer's end", function()
    local conn = connect("good/goodbye")
    assert.equal("bye\n", conn:read("a"))
    assert.is_true(conn:shutdown())
  end)
end)

describe("close", function()
  test("ends everything, a second time too", function()
    local conn = connect("good/echo")
    assert.is_true(conn:close())
    assert.is_true(conn:close())
    helper.fails({code = "closed", phase = "read"}, conn:read("l"))
    helper.fails({code = "closed", phase = "read"}, conn:read_some())
    helper.fails({code = "closed", phase = "write"}, conn:write("x"))
    helper.fails({code = "closed", phase = "shutdown"}, conn:shutdown())
    assert.is_nil(conn:getfd())
  end)

  test("sends close_notify: the peer sees a clean end", function()
    local port, listener = helper.listen()
    local ctx = assert(ssl.context {cert = helper.cert("good.pem"), key = helper.cert("good.key")})
    local results = helper.run {
      function()
        local conn = assert(ctx:accept(helper.accept(listener), {loop = "coroutine"}))
        return conn:read("a")
      end,
      function()
        local conn = assert(ssl.connect("localhost", port,
          {ca_file = helper.ca, loop = "coroutine"}))
        assert(conn:write("bye"))
        conn:close()
      end,
    }
    listener:close()
    assert.equal("bye", results[1][1])
    assert.is_nil(results[1][2])
  end)

  test("with bytes unread does not block", function()
    local conn = connect("good/echo")
    assert(conn:write(("x"):rep(100000)))
    assert.equal("x", conn:read(1))
    local before = core.now()
    assert.is_true(conn:close())
    assert.is_true(core.now() - before < 5)
  end)

  test("does not block where the peer does not read", function()
    local conn = connect("good/stallread")
    assert(conn:settimeout(0.1))
    assert.is_nil((conn:write(("x"):rep(2 ^ 24))))
    local before = core.now()
    assert.is_true(conn:close())
    assert.is_true(core.now() - before < 5)
  end)

  test("leaves bytes that were read before unreadable", function()
    local conn = connect("good/echo")
    assert(conn:write("one\ntwo\n"))
    assert.equal("one", conn:read("l"))
    conn:close()
    helper.fails({code = "closed"}, conn:read("l"))
    assert.is_false(conn:dirty())
  end)
end)

describe("for other loops a connection", function()
  test("tells its descriptor, what to wait for, and how long", function()
    local conn = connect("good/echo")
    local fd = conn:getfd()
    assert.is_number(fd)
    assert.equal(fd, conn:pollfd())
    assert.equal("r", conn:events())
    assert.is_nil(conn:timeout())
    assert.is_false(conn:dirty())
    assert(conn:write("ab"))
    assert.equal("a", conn:read(1))
    assert.equal("b", conn:read(1))
    assert.is_false(conn:dirty())
  end)

  test("tells that it holds bytes which the descriptor does not show", function()
    local conn = connect("good/echo")
    assert(conn:write("one\ntwo\n"))
    assert.equal("one", conn:read("l"))
    while not conn:dirty() do
      assert(conn:settimeout(0))
      local data = conn:read(100)
      assert.is_nil(data)
    end
    assert.equal(0, conn:timeout())
    assert.equal("two", conn:read("l"))
    assert.is_nil(conn:timeout())
  end)

  test("tells nothing once it is closed", function()
    local conn = connect("good/echo")
    conn:close()
    assert.is_nil(conn:getfd())
    assert.is_nil(conn:pollfd())
    assert.is_nil(conn:events())
    assert.is_nil(conn:timeout())
    assert.is_false(conn:dirty())
  end)

  it("works in LuaSocket's select", function()
    mode = "blocking"
    local socket = require "socket"
    local conn = connect("good/echo")
    assert(conn:write("x\n"))
    local ready = socket.select({conn}, nil, helper.patience)
    assert.equal(conn, ready[1])
    assert.equal("x", conn:read("l"))
    assert.equal(0, #(socket.select({conn}, nil, 0)))
  end)
end)
