#!/bin/sh
# check-install.sh: what `cmake --install` put into a prefix works from there
# in every Lua it was built for, outside of the checkout.
#
#   with-server.sh BUILD check-install.sh PREFIX LUA_VERSION...
#
# A Lua version is 5.1 to 5.4, or jit, which uses what is there for 5.1.
tools=$(cd "$(dirname "$0")" && pwd)
prefix=$(cd "$1" && pwd) || exit 1
shift
. "$tools/check.sh"
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT

connects() {
  version=$(echo "$1" | sed 's/jit/5.1/')
  share=$work/moved/share/lua/$version
  (cd "$work" &&
    LUA_PATH="$share/?.lua;$share/?/init.lua"
    LUA_CPATH="$work/moved/lib/lua/$version/?.so"
    export LUA_PATH LUA_CPATH
    "lua$1" "$tools/check-connect.lua" "$work/moved")
}

cp -R "$prefix" "$work/moved" || exit 1
for version in "$@"; do
  check "the installed module connects in Lua $version" connects "$version"
done
for module in "$work"/moved/lib/lua/*/sslconnect/core.so; do
  check "${module#"$work/moved/"} exports luaopen_sslconnect_core only" \
    exports_only luaopen_sslconnect_core "$module"
done
finish
