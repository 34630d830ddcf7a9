#!/bin/sh
# run.sh BUILD [RUNS]: how long a connect takes to a host whose IPv6 is a black
# hole, beside one with both in order (and one whose IPv4 is a black hole), for
# sslconnect and for others: a table of medians (of 5 runs). BUILD is where
# CMake built, with SSLC_TOOLS and the binding for Lua 5.4. Needs Debian's
# lua5.4, lua-socket, lua-sec, lua-cqueues, lua-luaossl, lua-luv and iproute2;
# fetches nothing. The network is one of its own, which spec/support/netns.sh
# makes: all names are in its hosts file, with an IPv4 and an IPv6 address each.
#
# Every client gets a limit of 30 seconds and TLS certificates to verify (but
# luv, which has no TLS). Broken ones run side by side, as they only wait.
set -eu
limit=30
clients='sslconnect_blocking sslconnect_coroutine luasocket cqueues luv'
root=$(cd "$(dirname "$0")/../.." && pwd)
bench=$root/bench/broken_ipv6

# measure CLIENT NETWORK HOST: appends a line to the results.
measure() {
  line=$(lua5.4 "$bench/one.lua" "$1" "$3" "$port" "$work/ca.pem" $limit 2>&1 |
    tail -n 1)
  echo "$1 $2 $line" >>"$work/results"
}

measure_all() {
  for client in $clients; do
    for run in $(seq "$runs"); do
      measure "$client" healthy filed.wild.example
    done
  done
  waiting=
  for run in $(seq "$runs"); do
    for client in $clients; do
      measure "$client" broken6 filed-broken6.wild.example &
      waiting="$waiting $!"
      measure "$client" broken4 filed-broken4.wild.example &
      waiting="$waiting $!"
    done
  done
  wait $waiting
}

# The server ends when nobody reads its output any more.
start_server() {
  mkfifo "$work/server"
  "$build/bin/testserver" "$work" good@any >"$work/server" &
  exec 3<"$work/server"
  read -r _ port <&3
}

if [ "${1-}" = --inside ]; then
  build=$2 runs=$3 work=$4
  export LUA_PATH="$root/lua/?.lua;$root/lua/?/init.lua;;"
  export LUA_CPATH="$build/5.4/?.so;;"
  start_server
  measure_all
  sort -s -k1,1 "$work/results" >"$work/sorted"
  for client in $clients; do grep "^$client " "$work/sorted"; done |
    lua5.4 "$bench/table.lua"
  exit
fi

build=$(cd "${1:?usage: run.sh BUILD [RUNS]}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$build/bin/certkit" "$work"
"$root/spec/support/netns.sh" "$0" --inside "$build" "${2:-5}" "$work"
