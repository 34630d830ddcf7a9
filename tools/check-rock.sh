#!/bin/sh
# check-rock.sh: `luarocks make` puts a module into an empty tree that works
# from there, outside of the checkout, and shows nothing of its core.
#
#   with-server.sh BUILD check-rock.sh LUA_VERSION...
tools=$(cd "$(dirname "$0")" && pwd)
. "$tools/check.sh"
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
mkdir "$work/source" "$work/elsewhere"
# luarocks builds in place, so it gets a copy.
(cd "$tools/.." && tar -cf - csrc lua rockspec README.md LICENSE) |
  (cd "$work/source" && tar -xf -)

make_rock() {
  (cd "$work/source" &&
    luarocks --lua-version "$1" --tree "$work/tree" make --no-manifest \
      rockspec/sslconnect-scm-1.rockspec)
}

connects() {
  (cd "$work/elsewhere" &&
    LUA_PATH="$work/tree/share/lua/$1/?.lua;$work/tree/share/lua/$1/?/init.lua"
    LUA_CPATH="$work/tree/lib/lua/$1/?.so"
    export LUA_PATH LUA_CPATH
    "lua$1" "$tools/check-connect.lua" "$work/tree")
}

for version in "$@"; do
  rm -rf "$work/tree"
  check "luarocks make for Lua $version" make_rock "$version"
  check "the rock for Lua $version exports luaopen_sslconnect_core only" \
    exports_only luaopen_sslconnect_core \
    "$work/tree/lib/lua/$version/sslconnect/core.so"
  check "the rock for Lua $version connects" connects "$version"
done
finish
