#!/bin/sh
# check-bench.sh BUILD: the benchmarks run, with counts too small to tell of
# anything but that. Plain C and ours only; what others are there is theirs.
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd) || exit 1
. "$top/tools/check.sh"
cd "$top" || exit 1

# A figure for each row of the table, and a plot that is one.
is_complete() {
  results=$build/results/$1
  grep -q '^| C, libssl | [0-9]' "$results.md" &&
    grep -q '^| Lua 5.4, sslconnect, embedded | [0-9]' "$results.md" &&
    grep -q '^</svg>' "$results.svg" && grep -q '"median": [0-9]' "$results.json"
}

check 'figures, tables and plots' lua5.4 tools/check-bench.lua
names='full resumed inflight stalled download upload echo memory'
check 'the benchmarks run' lua5.4 bench/bench.lua --quick \
  --only c,lua5.4-blocking,lua5.4-embedded $names "$build"
for name in $names; do
  check "results of $name" is_complete "$name"
done
finish
