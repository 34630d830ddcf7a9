#!/bin/sh
# run.sh: what a resumed connect costs beside a full one, in C and in Lua, on a
# server of our own.
#
#   tools/with-server.sh BUILD bench/resumption/run.sh BUILD
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd) || exit 1
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
gcc -std=c99 -O2 "-I$top/csrc/include" "$top/bench/resumption/resumed.c" \
  -o "$work/resumed" "-L$build" "-Wl,-rpath,$build" -lsslconnect || exit 1
"$work/resumed" "$SSLC_EXAMPLE_HOST" "$SSLC_EXAMPLE_PORT" "$SSLC_EXAMPLE_CA" ||
  exit 1
LUA_PATH="$top/lua/?.lua;$top/lua/?/init.lua;;" LUA_CPATH="$build/5.4/?.so;;" \
  lua5.4 "$top/bench/resumption/resumed.lua" "$SSLC_EXAMPLE_HOST" \
  "$SSLC_EXAMPLE_PORT" "$SSLC_EXAMPLE_CA"
