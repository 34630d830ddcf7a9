#!/bin/sh
# run-examples.sh: every example does what it says, on a server of our own.
#
#   with-server.sh BUILD run-examples.sh PREFIX BUILD
#
# Examples in C are compiled against the library installed in PREFIX, with
# warnings as errors; those in Lua run with the module in BUILD.  The server is
# in SSLC_EXAMPLE_HOST, SSLC_EXAMPLE_PORT and SSLC_EXAMPLE_CA.  How an example
# is run stands in `run` below: with HOST PORT CA_FILE, where nothing else does.
top=$(cd "$(dirname "$0")/.." && pwd)
prefix=$(cd "$1" && pwd) || exit 1
build=$(cd "$2" && pwd) || exit 1
. "$top/tools/check.sh"
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
cd "$top" || exit 1
host=$SSLC_EXAMPLE_HOST
port=$SSLC_EXAMPLE_PORT
ca=$SSLC_EXAMPLE_CA
LD_LIBRARY_PATH=$(dirname "$(find "$prefix" -name libsslconnect.so)")
LUA_PATH="$top/lua/?.lua;$top/lua/?/init.lua;;"
SSLC_BIN="$build/bin"
SSLC_TEST_CERTS="$build/certs"
export LD_LIBRARY_PATH LUA_PATH SSLC_BIN SSLC_TEST_CERTS

flags=$(PKG_CONFIG_PATH="$LD_LIBRARY_PATH/pkgconfig" \
  pkg-config --cflags --libs sslconnect)

# Word splitting of the flags is meant.
compile() {
  gcc -std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic -Wshadow \
    -Wconversion -Werror "$1" -o "$2" $flags
}

# run EXAMPLE COMMAND...: the command is the compiled program or `lua5.4 FILE`.
run() {
  example=$1
  shift
  case $example in
    *) timeout 60 "$@" "$host" "$port" "$ca" ;;
  esac
}

# Debian has copas for some versions of Lua only.
version_for() {
  case $1 in
    */copas.lua) echo 5.2 ;;
    *) echo 5.4 ;;
  esac
}

count=0
for example in examples/c/*.c; do
  [ -f "$example" ] || continue
  count=$((count + 1))
  program=$work/$(basename "$example" .c)
  check "$example is compiled" compile "$example" "$program"
  check "$example" run "$example" "$program"
done
for example in examples/lua/*.lua examples/lua/loops/*.lua; do
  [ -f "$example" ] || continue
  count=$((count + 1))
  lua=$(version_for "$example")
  export LUA_CPATH="$build/$lua/?.so;;"
  check "$example" run "$example" "lua$lua" "$example"
done
check "there are examples" [ "$count" -gt 1 ]
finish
