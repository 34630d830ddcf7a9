-- What luacheck looks for: code for every Lua from 5.1 to 5.4 and LuaJIT.
std = "min"
max_line_length = 100
self = false -- a method that does not need its object is still a method

-- The module stands on nothing of the process but what it says.  What some Luas have and others
-- lack is asked for before it is used.
files["lua"] = {
  not_globals = {"os.execute", "io.popen"},
  read_globals = {
    debug = {fields = {"traceback"}},
    coroutine = {fields = {"close", "isyieldable"}},
    table = {fields = {"unpack", "pack"}},
    "unpack",
    "jit",
  },
}
files["spec"] = {std = "min+busted"}
files["examples"] = {std = "max"} -- run by Lua 5.4
files["bench"] = {std = "max"}
files["tools"] = {std = "max"}
