-- openresty_spec.lua: connections inside of a real nginx with its Lua module, over ngx.socket.tcp.
--
-- nginx listens on a socket in a directory of its own and runs the Lua that it is sent; what that
-- prints is the answer. The module is the one built for LuaJIT, whatever Lua runs this file.
--
-- SSLC_NGINX_ROOT tells where Debian's packages were unpacked, where they are not installed: those
-- of nginx's Lua module and those of luajit exclude each other.
local helper = require "helper"
local lfs = require "lfs"
local socket = require "socket"
local unix = require "socket.unix"

local root = os.getenv("SSLC_NGINX_ROOT") or ""
local MODULES = root .. "/usr/lib/nginx/modules"

local function exists(path)
  return lfs.attributes(path, "mode") ~= nil
end

local function find_nginx()
  for _, path in ipairs {root .. "/usr/sbin/nginx", "/usr/sbin/nginx"} do
    if exists(path) then return path end
  end
end

-- BUILD/bin and BUILD/jit.
local jit_module = os.getenv("SSLC_BIN"):gsub("/bin/?$", "") .. "/jit"

local function why_not()
  if not find_nginx() then return "nginx is not installed" end
  if not exists(MODULES .. "/ngx_http_lua_module.so") then
    return "nginx's Lua module is not installed (libnginx-mod-http-lua)"
  end
  if not exists(jit_module .. "/sslconnect/core.so") then
    return "the module is not built for LuaJIT, which nginx runs"
  end
end

local reason = why_not()
if reason then
  describe("nginx", function()
    it("runs connections", function() pending(reason) end)
  end)
  return
end

-- nginx -------------------------------------------------------------------------------------------

local configuration = [[
load_module MODULES/ndk_http_module.so;
load_module MODULES/ngx_http_lua_module.so;
daemon off;
master_process off;
pid PREFIX/nginx.pid;
error_log PREFIX/error.log notice;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path PREFIX/body;
  proxy_temp_path PREFIX/proxy;
  fastcgi_temp_path PREFIX/fastcgi;
  uwsgi_temp_path PREFIX/uwsgi;
  scgi_temp_path PREFIX/scgi;
  lua_package_path "ROOT/lua/?.lua;ROOT/lua/?/init.lua;SYSTEM/usr/share/lua/5.1/?.lua;;";
  lua_package_cpath "JIT/?.so;;";
  lua_socket_log_errors off;
  init_worker_by_lua_block {
    -- Ends with whoever reads this: a run that is broken off leaves nothing behind.
    local function tell(line)
      if not (io.stdout:write(line, "\n") and io.stdout:flush()) then os.exit(0) end
    end
    tell("ready")
    ngx.timer.every(1, function() tell(".") end)
  }
  server {
    listen unix:PREFIX/socket;
    client_body_buffer_size 64k;
    location /run {
      content_by_lua_block {
        ngx.req.read_body()
        local f = assert(loadstring(ngx.req.get_body_data()))
        local ok, result = xpcall(f, debug.traceback)
        ngx.print(ok and "" or "thrown: ", tostring(result))
      }
    }
    location /resolver {
      resolver 127.0.0.1:DNS_PORT ipv6=off;
      content_by_lua_block {
        ngx.req.read_body()
        ngx.print(tostring(assert(loadstring(ngx.req.get_body_data()))()))
      }
    }
  }
}
]]

local Nginx = {}
Nginx.__index = Nginx

--- Before the command: where the libraries of what was unpacked are.
local function library_path()
  if root == "" then return "" end
  local pipe = assert(io.popen("dirname $(find " .. root .. "/usr/lib -name 'libluajit*.so.2')"))
  local path = pipe:read("*l")
  pipe:close()
  return "LD_LIBRARY_PATH=" .. path .. " "
end

local function root_of_checkout()
  local path = helper.root()
  return path:sub(1, 1) == "/" and path or lfs.currentdir() .. "/" .. path
end

--- Starts nginx with a configuration; it listens on a socket in its own directory.
--- @param values table  what stands in the configuration in capitals
--- @param environment string|nil  variables, as the shell has them
local function start(text, values, environment)
  local self = setmetatable({prefix = helper.temporary_directory()}, Nginx)
  values.PREFIX, values.ROOT = self.prefix, root_of_checkout()
  values.MODULES, values.JIT, values.SYSTEM = MODULES, jit_module, root
  helper.write_file(self.prefix .. "/nginx.conf", (text:gsub("%u[%u_]+", values)))
  local command = ("echo $$; %sexec %s -p %s -c %s/nginx.conf -e %s/error.log"):format(
    library_path(), find_nginx(), self.prefix, self.prefix, self.prefix)
  self.output = assert(io.popen((environment or "") .. command .. " 2>&1 </dev/null"))
  self.pid = tonumber(self.output:read("*l"))
  local said = {}
  for line in self.output:lines() do
    if line == "ready" then return self end
    said[#said + 1] = line
  end
  error("nginx did not start: " .. table.concat(said, "\n") .. "\n" .. self:log())
end

function Nginx:log()
  local path = self.prefix .. "/error.log"
  return exists(path) and helper.slurp(path) or "(no log)"
end

function Nginx:stop()
  os.execute("kill " .. self.pid)
  self.output:close()
  os.execute("rm -rf " .. helper.quote(self.prefix))
end

--- Sends Lua to be run; the socket to read the answer from.
function Nginx:send(script, location)
  local sock = assert(unix())
  assert(sock:connect(self.prefix .. "/socket"))
  sock:settimeout(helper.patience)
  assert(sock:send(("POST %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s"):format(
    location or "/run", #script, script)))
  return sock
end

function Nginx:receive(sock)
  local answer, err, partial = sock:receive("*a")
  sock:close()
  local body = (answer or partial):match("^HTTP/1.1 200.-\r\n\r\n(.*)$")
  if not body then
    error(("nginx answered %q (%s)\n%s"):format(answer or partial, tostring(err), self:log()))
  end
  return body
end

-- What every script begins with.
local prelude = [[
local ssl = require "sslconnect"
local ports, ca = %s, %q
local function connect(scenario, given)
  given = given or {}
  given.ca_file = ca
  return ssl.connect(given.host or "127.0.0.1", ports[scenario], (function()
    local rest = {}
    for name, value in pairs(given) do if name ~= "host" then rest[name] = value end end
    return rest
  end)())
end
local function tell(ok, err) return ok and "connected" or err.code .. " " .. tostring(err.phase) end
]]

local server, nginx, silent, start_of_script

local function literal(ports)
  local fields = {}
  for scenario, port in pairs(ports) do
    fields[#fields + 1] = ("[%q] = %d"):format(scenario, port)
  end
  return "{" .. table.concat(fields, ", ") .. "}"
end

setup(function()
  server = helper.serve {"good", "good/echo", "good/slow", "good/truncate", "good/goodbye",
    "good/name", "expired/echo", "wronghost/echo", "raw/stall", "raw/reset"}
  silent = assert(socket.udp()) -- where a name server could be, which never answers
  assert(silent:setsockname("127.0.0.1", 0))
  local refused, keep = helper.refusing()
  server.ports.refused, server.keep = refused, keep
  nginx = start(configuration, {DNS_PORT = tostring((select(2, silent:getsockname())))})
  start_of_script = prelude:format(literal(server.ports), helper.ca)
end)

teardown(function()
  nginx:stop()
  server:stop()
  silent:close()
end)

local function begin(script, location)
  return nginx:send(start_of_script .. script, location)
end

local function run(script, location)
  return nginx:receive(begin(script, location))
end

-- ------------------------------------------------------------------------------------------------

describe("in nginx", function()
  it("a connect is verified and talks over TLS", function()
    assert.equal("HTTP/1.0 200 OK\r, true, true", run [[
      local conn = assert(connect("good"))
      assert(conn:write("GET / HTTP/1.0\r\n\r\n"))
      local line = conn:read("l")
      local rest = conn:read("a")
      local verified = conn:info().verified
      return table.concat({line, tostring(#rest > 0), tostring(verified)}, ", ")
    ]])
  end)

  it("does not go through a descriptor of ours", function()
    assert.equal("nil", run [[return tostring(assert(connect("good/echo")):getfd())]])
  end)

  it("a connect says why it failed", function()
    assert.equal("certificate_expired handshake", run [[return tell(connect("expired/echo"))]])
    assert.equal("hostname_mismatch handshake", run [[return tell(connect("wronghost/echo"))]])
    assert.equal("connection_refused connect", run [[return tell(connect("refused"))]])
    assert.equal("handshake_eof handshake",
      (run([[return tell(connect("raw/reset"))]]):gsub("connection_reset", "handshake_eof")))
  end)

  it("names the host in an error", function()
    assert.equal(("127.0.0.1:%d"):format(server:port("expired/echo")),
      run [[return select(2, connect("expired/echo")).host]])
  end)

  it("the deadline holds in the handshake", function()
    assert.equal("timeout handshake in time", run [[
      local begin = ssl.core.now()
      local text = tell(connect("raw/stall", {timeout = 0.2}))
      local took = ssl.core.now() - begin
      return text .. (took > 0.15 and took < 5 and " in time" or " after " .. took)
    ]])
  end)

  it("the deadline holds over a name that is not resolved", function()
    assert.equal("timeout connect in time", run([[
      local begin = ssl.core.now()
      local text = tell(connect("good", {host = "never.example", timeout = 0.2}))
      local took = ssl.core.now() - begin
      return text .. (took > 0.15 and took < 5 and " in time" or " after " .. took)
    ]], "/resolver"))
  end)

  it("a name needs nginx's resolver, and the error says so", function()
    local text = run [[
      local _, err = connect("good", {host = "some.example"})
      return tell(nil, err) .. ": " .. err.hint
    ]]
    assert.equal("dns_failed dns: nginx resolves names by its directive `resolver`; or give the " ..
      "addresses", text)
  end)

  it("a name is checked before anything is done with it", function()
    assert.equal("bad_option", run([[
      return select(2, connect("good", {host = "*.example"})).code
    ]]))
  end)

  it("the server's name can be another than the host", function()
    assert.equal("test.example", run [[
      return assert(connect("good/name", {server_name = "test.example"})):read("l")
    ]])
  end)

  it("the end of the stream is never guessed", function()
    assert.equal("truncated partial", run [[
      local _, err, partial = assert(connect("good/truncate")):read("a")
      return err.code .. " " .. partial
    ]])
    assert.equal("bye nil", run [[
      local conn = assert(connect("good/goodbye"))
      return conn:read("l") .. " " .. tostring(conn:read("l"))
    ]])
  end)

  it("a read that timed out can be repeated", function()
    assert.equal("tick timeout timeout", run [[
      local conn = assert(connect("good/slow"))
      local line = conn:read("l")
      conn:settimeout(0.05)
      return line .. " " .. select(2, conn:read("l")).code .. " " .. select(2, conn:read("l")).code
    ]])
  end)

  it("50 connections at once, each with an answer of its own", function()
    assert.equal("50", run [[
      local threads, good = {}, 0
      for i = 1, 50 do
        threads[i] = ngx.thread.spawn(function()
          local conn = assert(connect("good/echo"))
          assert(conn:write("number ", i, "\n"))
          local line = conn:read("l")
          conn:close()
          return line == "number " .. i
        end)
      end
      for i = 1, 50 do
        local ok, mine = ngx.thread.wait(threads[i])
        if ok and mine then good = good + 1 end
      end
      return tostring(good)
    ]])
  end)

  it("one light thread reads while another writes, both a megabyte", function()
    assert.equal("1048576 true", run [[
      local conn = assert(connect("good/echo"))
      local size, block = 1024 * 1024, ("x"):rep(65536)
      local reader = ngx.thread.spawn(function() return conn:read(size) end)
      local writer = ngx.thread.spawn(function()
        for _ = 1, size / #block do assert(conn:write(block)) end
        return true
      end)
      local _, data = ngx.thread.wait(reader)
      local _, written = ngx.thread.wait(writer)
      return #data .. " " .. tostring(written)
    ]])
  end)

  it("a second reader is told that there is one", function()
    assert.equal("busy", run [[
      local conn = assert(connect("good/slow"))
      conn:read("l")
      conn:settimeout(1)
      local reader = ngx.thread.spawn(function() return conn:read("l") end)
      local _, err = conn:read("l")
      ngx.thread.kill(reader)
      return err.code
    ]])
  end)

  it("a connection that waits holds up nobody else", function()
    local waiting = begin [[return tell(connect("raw/stall", {timeout = 1.5}))]]
    assert.equal("connected", run [[return tell(connect("good/echo"))]])
    waiting:settimeout(0)
    local _, err = waiting:receive(1)
    assert.equal("timeout", err) -- it has not answered yet
    waiting:settimeout(helper.patience)
    assert.equal("timeout handshake", nginx:receive(waiting))
  end)

  it("a socket of nginx's can be wrapped, and be left open", function()
    assert.equal("hello true", run [[
      local sock = ngx.socket.tcp()
      assert(sock:connect("127.0.0.1", ports["good/echo"]))
      local conn = assert(ssl.context{ca_file = ca}:wrap(sock, {server_name = "localhost",
        take = false}))
      assert(conn:write("hello\n"))
      local line = conn:read("l")
      conn:close()
      return line .. " " .. tostring(sock:close() == 1)
    ]])
  end)

  it("close closes nginx's socket", function()
    assert.equal("nil closed", run [[
      local sock = ngx.socket.tcp()
      assert(sock:connect("127.0.0.1", ports["good/echo"]))
      local conn = assert(ssl.context{ca_file = ca}:wrap(sock, {server_name = "localhost"}))
      conn:close()
      local ok, err = sock:send("x")
      return tostring(ok) .. " " .. err
    ]])
  end)

  it("a loop that is named is used", function()
    assert.equal("true", run [[
      local conn = assert(connect("good/echo", {loop = "blocking"}))
      return tostring(conn:getfd() ~= nil)
    ]])
  end)

  it("leaves no descriptor behind", function()
    assert.equal("0", run [[
      local function count()
        collectgarbage()
        local pipe = io.popen("ls -l /proc/" .. ngx.worker.pid() .. "/fd | grep -c socket")
        local n = tonumber(pipe:read("*a"))
        pipe:close()
        return n
      end
      connect("good/echo"):close()
      local before = count()
      for _ = 1, 10 do
        assert(connect("good/echo")):close()
        connect("expired/echo")
        connect("raw/stall", {timeout = 0.02})
      end
      return tostring(count() - before)
    ]])
  end)
end)

describe("the example for nginx", function()
  -- What only a test needs: modules by their path, a socket of its own, a word when it listens.
  local function adapted()
    local text = helper.slurp(root_of_checkout() .. "/examples/lua/loops/openresty.conf")
    local listens = text:gsub("127%.0%.0%.1:8080", "unix:PREFIX/socket")
    assert.are_not.equal(text, listens)
    local before = "load_module MODULES/ndk_http_module.so;\n" ..
      "load_module MODULES/ngx_http_lua_module.so;\nmaster_process off;\n"
    return before .. listens:gsub("http {", [[http {
      client_body_temp_path PREFIX/body; proxy_temp_path PREFIX/proxy;
      fastcgi_temp_path PREFIX/fastcgi; uwsgi_temp_path PREFIX/uwsgi; scgi_temp_path PREFIX/scgi;
      lua_package_path "ROOT/lua/?.lua;ROOT/lua/?/init.lua;SYSTEM/usr/share/lua/5.1/?.lua;;";
      lua_package_cpath "JIT/?.so;;";
      init_worker_by_lua_block { io.stdout:write("ready\n") io.stdout:flush() }]], 1)
  end

  it("asks two at once", function()
    local environment = ("export SSLC_EXAMPLE_HOST=127.0.0.1 SSLC_EXAMPLE_PORT=%d %s=%s; "):format(
      server:port("good"), "SSLC_EXAMPLE_CA", helper.ca)
    local example = start(adapted(), {}, environment)
    local answer = example:receive(example:send("", "/"))
    example:stop()
    assert.matches("^%d+ bytes at once\n$", answer)
  end)
end)
