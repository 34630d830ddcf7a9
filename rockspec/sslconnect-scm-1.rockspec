-- The rock: `luarocks make rockspec/sslconnect-scm-1.rockspec` in a checkout.
-- Core and binding are compiled into one module; tools/check-sources.lua compares the lists with
-- what is on disk.
rockspec_format = "3.0"
package = "sslconnect"
version = "scm-1"
source = {
  url = "git+file://.", -- replaced by the address of a release
}
description = {
  summary = "TLS connects that are secure by default and say what went wrong",
  detailed = [[
One line connects and verifies: blocking in a script, yielding in a coroutine. The C core wraps
OpenSSL's libssl behind a stable ABI of its own.]],
  license = "MIT",
}
dependencies = {
  "lua >= 5.1, < 5.6",
}
external_dependencies = {
  OPENSSL = {header = "openssl/ssl.h", library = "ssl"},
  CRYPTO = {library = "crypto"},
  CARES = {header = "ares.h", library = "cares"},
}
build = {
  type = "builtin",
  modules = {
    ["sslconnect.core"] = {
      sources = {
        "csrc/addr.c",
        "csrc/bio.c",
        "csrc/bio_accept.c",
        "csrc/bio_chain.c",
        "csrc/bio_conn.c",
        "csrc/bio_connect.c",
        "csrc/bio_functions.c",
        "csrc/bio_hold.c",
        "csrc/bio_io.c",
        "csrc/bio_mem.c",
        "csrc/bio_native.c",
        "csrc/bio_pair.c",
        "csrc/bio_socket.c",
        "csrc/bio_status.c",
        "csrc/cert.c",
        "csrc/clock.c",
        "csrc/codes.c",
        "csrc/conn.c",
        "csrc/ctx.c",
        "csrc/dial.c",
        "csrc/dial_set.c",
        "csrc/error.c",
        "csrc/hooks.c",
        "csrc/identity.c",
        "csrc/idn.c",
        "csrc/info.c",
        "csrc/name.c",
        "csrc/open.c",
        "csrc/poller.c",
        "csrc/race.c",
        "csrc/resolve.c",
        "csrc/session.c",
        "csrc/status.c",
        "csrc/throwaway.c",
        "csrc/trace.c",
        "csrc/trust.c",
        "csrc/verify.c",
        "csrc/version.c",
        "csrc/wait.c",
        "lua/core/args.c",
        "lua/core/bio.c",
        "lua/core/bio_new.c",
        "lua/core/bio_text.c",
        "lua/core/cert.c",
        "lua/core/conn.c",
        "lua/core/core.c",
        "lua/core/ctx.c",
        "lua/core/dial.c",
        "lua/core/error.c",
        "lua/core/hooks.c",
        "lua/core/object.c",
        "lua/core/poller.c",
        "lua/core/session.c",
        "lua/core/trace.c",
        "lua/core/wait.c",
      },
      incdirs = {"csrc/include", "csrc", "$(OPENSSL_INCDIR)", "$(CARES_INCDIR)"},
      libdirs = {"$(OPENSSL_LIBDIR)", "$(CRYPTO_LIBDIR)", "$(CARES_LIBDIR)"},
      defines = {"SSLC_STATIC"},
      libraries = {"ssl", "crypto", "cares"},
    },
    ["sslconnect"] = "lua/sslconnect/init.lua",
    ["sslconnect.buffer"] = "lua/sslconnect/buffer.lua",
    ["sslconnect.connect"] = "lua/sslconnect/connect.lua",
    ["sslconnect.context"] = "lua/sslconnect/context.lua",
    ["sslconnect.core_meta"] = "lua/sslconnect/core_meta.lua",
    ["sslconnect.drive"] = "lua/sslconnect/drive.lua",
    ["sslconnect.guard"] = "lua/sslconnect/guard.lua",
    ["sslconnect.held"] = "lua/sslconnect/held.lua",
    ["sslconnect.hooks"] = "lua/sslconnect/hooks.lua",
    ["sslconnect.loop"] = "lua/sslconnect/loop/init.lua",
    ["sslconnect.loop.blocking"] = "lua/sslconnect/loop/blocking.lua",
    ["sslconnect.loop.copas"] = "lua/sslconnect/loop/copas.lua",
    ["sslconnect.loop.coroutine"] = "lua/sslconnect/loop/coroutine.lua",
    ["sslconnect.loop.cqueues"] = "lua/sslconnect/loop/cqueues.lua",
    ["sslconnect.loop.luv"] = "lua/sslconnect/loop/luv.lua",
    ["sslconnect.loop.yieldable"] = "lua/sslconnect/loop/yieldable.lua",
    ["sslconnect.loop.embedded"] = "lua/sslconnect/loop/embedded.lua",
    ["sslconnect.loop.heap"] = "lua/sslconnect/loop/heap.lua",
    ["sslconnect.method"] = "lua/sslconnect/method.lua",
    ["sslconnect.options"] = "lua/sslconnect/options.lua",
    ["sslconnect.repl"] = "lua/sslconnect/repl.lua",
    ["sslconnect.repl.connection"] = "lua/sslconnect/repl/connection.lua",
    ["sslconnect.repl.help"] = "lua/sslconnect/repl/help.lua",
    ["sslconnect.repl.report"] = "lua/sslconnect/repl/report.lua",
    ["sslconnect.stream"] = "lua/sslconnect/stream.lua",
    ["sslconnect.transport"] = "lua/sslconnect/transport.lua",
    ["sslconnect.transport.connection"] = "lua/sslconnect/transport/connection.lua",
    ["sslconnect.transport.cosocket"] = "lua/sslconnect/transport/cosocket.lua",
    ["sslconnect.transport.generic"] = "lua/sslconnect/transport/generic.lua",
    ["sslconnect.transport.luv"] = "lua/sslconnect/transport/luv.lua",
  },
  platforms = {
    linux = {
      modules = {
        ["sslconnect.core"] = {libraries = {"ssl", "crypto", "cares", "dl", "pthread"}},
      },
    },
  },
}
