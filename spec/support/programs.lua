--- Programs of others that speak TLS, on loopback: servers to connect to, clients to accept.
--
-- Each ends when it is told to, and by itself after a while where a run was broken off.
local core = require "sslconnect.core"
local helper = require "helper"
local lfs = require "lfs"

local programs = {}

-- Seconds after which a program is ended that nobody ended.
local LONGEST = 120

local function exists(path)
  return lfs.attributes(path, "mode") ~= nil
end

--- Where a program of the PATH is; nil where it is not installed.
function programs.find(name)
  for directory in (os.getenv("PATH") .. ":/usr/sbin"):gmatch("[^:]+") do
    local path = directory .. "/" .. name
    if exists(path) then return path end
  end
end

--- Debian's nginx, installed or unpacked where SSLC_NGINX_ROOT says.
function programs.find_nginx()
  local path = (os.getenv("SSLC_NGINX_ROOT") or "") .. "/usr/sbin/nginx"
  return exists(path) and path or programs.find("nginx")
end

local function words(list)
  local quoted = {}
  for i, word in ipairs(list) do quoted[i] = helper.quote(word) end
  return ("timeout %d "):format(LONGEST) .. table.concat(quoted, " ")
end

-- Servers ----------------------------------------------------------------------------------------

local Server = {}
Server.__index = Server

function Server:stop()
  os.execute(("kill %d 2>/dev/null"):format(self.pid))
  self.output:close()
end

--- Starts a server; what the pattern `ready` finds in one of its first lines comes as `found`.
function programs.serve(list, ready)
  local self = setmetatable({}, Server)
  self.output = assert(io.popen("echo $$; unset LD_PRELOAD; exec " ..
    words(list) .. " 2>&1 </dev/null", "r"))
  self.pid = tonumber(self.output:read("*l"))
  local said = {}
  for line in self.output:lines() do
    self.found = line:match(ready)
    if self.found then return self end
    said[#said + 1] = line
  end
  error(list[1] .. " did not start: " .. table.concat(said, "\n"))
end

--- A port that nobody listens on just now, for a program that cannot choose one itself.
local function free_port()
  local port, listener = helper.listen()
  listener:close()
  return port
end

local function file(leaf, kind) return helper.cert(leaf .. "." .. kind) end

--- openssl-s_server(1): answers every request with a page about the connection.
function programs.s_server(leaf, demands, staple)
  local list = {
    "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", file(leaf, "pem"), "-key",
    file(leaf, "key"), "-cert_chain", file(leaf, "pem"), "-CAfile", helper.ca,
    "-alpn", "http/1.1",
  }
  local function add(...)
    for _, word in ipairs {...} do list[#list + 1] = word end
  end
  if demands then add("-Verify", "3", "-verify_return_error", "-verify_quiet") end
  if staple then add("-status_file", staple) end
  local server = programs.serve(list, "^ACCEPT .*:(%d+)$")
  server.port = tonumber(server.found)
  return server
end

--- gnutls-serv(1), the same. It cannot be told to keep to loopback.
function programs.gnutls_serv(leaf, demands, staple)
  local port = free_port()
  local list = {
    "gnutls-serv", "--http", "--port", tostring(port), "--x509certfile", file(leaf, "pem"),
    "--x509keyfile", file(leaf, "key"), "--x509cafile", helper.ca, "--alpn", "http/1.1",
  }
  local function add(...)
    for _, word in ipairs {...} do list[#list + 1] = word end
  end
  if demands then add("--require-client-cert", "--verify-client-cert") end
  if staple then add("--ocsp-response", staple) end
  local server = programs.serve(list, "IPv4 .*(done)$")
  server.port = port
  return server
end

local nginx_configuration = [[
daemon off;
master_process off;
pid PREFIX/nginx.pid;
error_log stderr notice;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path PREFIX/body;
  proxy_temp_path PREFIX/proxy;
  fastcgi_temp_path PREFIX/fastcgi;
  uwsgi_temp_path PREFIX/uwsgi;
  scgi_temp_path PREFIX/scgi;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_client_certificate CA;
SERVERS
}
]]

-- One cache for each: a session of one is none of another's.
local nginx_server = [[
  server {
    listen unix:PREFIX/NAME ssl;
    ssl_certificate CERT;
    ssl_certificate_key KEY;
    ssl_session_cache shared:NAME:1m;
    ssl_verify_client VERIFY;
    STAPLE
    location / {
      return 200 "$ssl_protocol, reused: $ssl_session_reused, client: $ssl_client_verify\n";
    }
  }
]]

--- nginx, one process for all: `servers` are lists of a name, a leaf, whether a certificate is
-- demanded, and the file of a stapled response. It listens on sockets PREFIX/NAME.
function programs.nginx(servers)
  local prefix, blocks = helper.temporary_directory(), {}
  for _, server in ipairs(servers) do
    local values = {
      NAME = server[1], CERT = file(server[2], "pem"), KEY = file(server[2], "key"),
      VERIFY = server[3] and "on" or "off",
      STAPLE = server[4] and "ssl_stapling on; ssl_stapling_file " .. server[4] .. ";" or "",
    }
    blocks[#blocks + 1] = nginx_server:gsub("%u%u+", values)
  end
  local text = nginx_configuration:gsub("SERVERS", (table.concat(blocks):gsub("%%", "%%%%")))
  text = text:gsub("%u%u+", {PREFIX = prefix, CA = helper.ca})
  helper.write_file(prefix .. "/nginx.conf", text)
  local nginx = programs.serve({programs.find_nginx(), "-p", prefix, "-c", prefix .. "/nginx.conf",
    "-e", "stderr"}, "(getrlimit)")
  nginx.prefix = prefix
  return nginx
end

--- The file of an OCSP response for the leaf, that its issuer has signed: openssl-ocsp(1).
--- @param state string|nil  the first letter of its line in the issuer's index: "V", which is
---   the default, or "R" for one that is revoked
function programs.ocsp_response(leaf, issuer, directory, state)
  state = state or "V"
  local out = ("%s/%s-%s.ocsp"):format(directory, leaf, state)
  local script = ([[
    set -e
    serial=$(openssl x509 -in LEAF.pem -noout -serial | cut -d= -f2)
    printf 'STATE\t491231000000Z\tREVOKED\t%s\tunknown\t/CN=leaf\n' "$serial" >OUT.index
    openssl ocsp -issuer ISSUER.pem -cert LEAF.pem -no_nonce -reqout OUT.request
    openssl ocsp -index OUT.index -CA ISSUER.pem -rsigner ISSUER.pem -rkey ISSUER.key \
      -reqin OUT.request -respout OUT -ndays 7
  ]]):gsub("%u%u%u+", {LEAF = helper.cert(leaf), ISSUER = helper.cert(issuer),
    OUT = out, STATE = state, REVOKED = state == "R" and "250101000000Z,keyCompromise" or ""})
  local pipe = assert(io.popen("{ " .. script .. "} 2>&1"))
  local said = pipe:read("*a")
  pipe:close()
  return lfs.attributes(out, "size") and out or error(said)
end

-- Clients ----------------------------------------------------------------------------------------

local Client = {}
Client.__index = Client

--- Starts a client, and gives it what it is to send; its input stays open until `finish`.
function programs.client(list, input)
  local self = setmetatable({log = os.tmpname()}, Client)
  -- A sanitizer that is to be in Lua's process alone has made curl hang.
  self.input = assert(io.popen("unset LD_PRELOAD; " .. words(list) .. " >" .. self.log ..
    " 2>&1", "w"))
  if input then
    self.input:write(input)
    self.input:flush()
  end
  return self
end

--- Waits for its end; what it said.
function Client:finish()
  self.input:close()
  local said = helper.slurp(self.log)
  os.remove(self.log)
  return said
end

--- Calls `serve` with the next connection of the listener, or gives up.
function programs.accept(listener, serve)
  local deadline = core.now() + helper.patience
  listener:settimeout(deadline - core.now())
  return serve(assert(listener:accept()))
end

return programs
