--- Who is measured. Each:
--
--   id, name   in files and commands; in tables and plots
--   run        the words of its command, before the workload
--   lua        the Lua it runs in, for what it finds its modules by
--   modules    of that Lua, which it needs
--   needs      a command that succeeds where the rest of what it needs is there
--   version    a command that prints its version
--   many       whether it does many at a time
--   resumes    whether it can resume sessions
--   ours       whether it is one of ours, for colours and for the smoke run
--   note       what a reader of the tables has to know
local process = require "harness.process"

local all = {}

local function add(contender) all[#all + 1] = contender end

add {
  id = "baseline", name = "C, libssl", run = {"bin/bench-baseline"}, many = true,
  note = "one SSL_CTX, chain and host verified, epoll; what the others are measured by",
}
add {id = "c", name = "C, sslconnect", run = {"bin/bench-ours"}, many = true, ours = true}

local names = {["5.4"] = "Lua 5.4", jit = "LuaJIT"}
local libraries = {cqueues = {"cqueues"}, luv = {"luv"}}
for _, lua in ipairs {"5.4", "jit"} do
  for _, loop in ipairs {"blocking", "embedded", "cqueues", "luv"} do
    add {
      id = ("lua%s-%s"):format(lua, loop),
      name = ("%s, sslconnect, %s"):format(names[lua], loop),
      run = {"lua" .. lua, "bench/lua/ours.lua", loop}, lua = lua, modules = libraries[loop] or {},
      many = loop ~= "blocking", ours = true,
    }
  end
end

local function version_of(lua, expression)
  return ("lua%s -e %s"):format(lua, process.quote("print(" .. expression .. ")"))
end

for _, lua in ipairs {"5.4", "jit"} do
  add {
    id = "luasec-" .. lua, name = names[lua] .. ", LuaSec", run = {"lua" .. lua,
      "bench/peers/luasec.lua"}, lua = lua, modules = {"socket", "ssl"},
    version = version_of(lua, "'LuaSec ' .. require 'ssl'._VERSION"),
  }
  add {
    id = "cqueues-" .. lua, name = names[lua] .. ", cqueues, luaossl", run = {"lua" .. lua,
      "bench/peers/cqueues.lua"}, lua = lua, modules = {"cqueues", "openssl.ssl"}, many = true,
    version = version_of(lua, "'cqueues ' .. require 'cqueues'.VERSION"),
  }
end
add {
  id = "copas-jit", name = "LuaJIT, copas, LuaSec", run = {"luajit", "bench/peers/copas.lua"},
  lua = "jit", modules = {"copas", "ssl"}, many = true,
  version = version_of("jit", "require 'copas'._VERSION"),
  note = "Debian's copas knows no TLS: what LuaSec waits for is waited for by its functions",
}
add {
  id = "python", name = "Python, ssl", run = {"python3", "bench/peers/python_ssl.py"},
  needs = "python3 -c 'import ssl'", resumes = true,
  version = "python3 -c 'import sys, ssl; print(sys.version.split()[0], ssl.OPENSSL_VERSION)'",
  note = "sends no close_notify",
}
add {
  id = "asyncio", name = "Python, asyncio", run = {"python3", "bench/peers/python_asyncio.py"},
  needs = "python3 -c 'import asyncio, ssl'", many = true,
  version = "python3 -c 'import sys, ssl; print(sys.version.split()[0], ssl.OPENSSL_VERSION)'",
}
add {
  id = "node", name = "Node", run = {"node", "bench/peers/node.js"}, needs = "node --version",
  many = true, resumes = true,
  version = "node -p '\"Node \" + process.version + \", OpenSSL \" + process.versions.openssl'",
  note = "with an OpenSSL and a list of authorities of its own",
}

local contenders = {all = all}

--- Sets the environment for Lua's modules, in front of a command.
function contenders.environment(contender, build)
  if not contender.lua then return {} end
  return {
    "env", "LUA_PATH=bench/lua/?.lua;lua/?.lua;lua/?/init.lua;;",
    ("LUA_CPATH=%s/%s/?.so;;"):format(build, contender.lua),
  }
end

--- The words that run it; what is built is below `build`.
function contenders.words(contender, build)
  local words = contenders.environment(contender, build)
  for i, word in ipairs(contender.run) do
    words[#words + 1] = i == 1 and word:find("^bin/") and build .. "/" .. word or word
  end
  return words
end

--- What it lacks here; nil where it can be run.
function contenders.lacks(contender, build)
  if contender.needs and not process.capture(contender.needs, 20) then
    return "not installed"
  end
  for _, module in ipairs(contender.modules or {}) do
    local words = contenders.environment(contender, build)
    for _, word in ipairs {"lua" .. contender.lua, "-e", ("require %q"):format(module)} do
      words[#words + 1] = word
    end
    if not process.capture(process.command(words), 20) then
      return ("there is no module %s for it"):format(module)
    end
  end
end

return contenders
