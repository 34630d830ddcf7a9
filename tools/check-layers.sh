#!/bin/sh
# check-layers.sh: the arrows of the design point down only.  Who may include,
# require and ask about versions of what; and that functions stay readable.
cd "$(dirname "$0")/.." || exit 1
. tools/check.sh
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT

libc='assert|ctype|dlfcn|errno|fcntl|inttypes|limits|math|poll|signal|stdarg|stdbool'
libc="$libc|stdatomic|stddef|stdint|stdio|stdlib|string|strings|time|unistd|sys/[a-z]+"
libc="$libc|arpa/inet|net/if|netdb|netinet/in|netinet/tcp"

# Word splitting of lists of files is meant, here and below.
c_files_but() {
  for file in csrc/*.[ch] lua/core/*.[ch]; do
    [ "$file" = "$1" ] || echo "$file"
  done
}

# Files that have to be there: a pattern that matches none is a fault.
present() {
  for file in "$@"; do
    [ -f "$file" ] || { echo "there is no $file"; return 1; }
  done
}

# includes FILES: "file:line:what is included", for each #include.
includes() {
  grep -nHE '^[[:space:]]*#[[:space:]]*include' "$@" |
    sed -E 's/^([^:]*:[0-9]+):.*include[[:space:]]*([<"][^>"]*[>"]).*/\1:\2/'
}

binding_includes() {
  own=$(cd lua/core && echo *.h | tr ' ' '|' | sed 's/\./\\./g')
  includes lua/core/*.[ch] |
    grep -vE ":\"(sslconnect\.h|$own)\"\$" |
    grep -vE ':[<"](lua|lauxlib|lualib|luajit)\.h[>"]$' |
    grep -vE ":<($libc)\.h>\$"
}

header_includes() {
  includes csrc/include/*.h | grep -vE ':<(stddef|stdint)\.h>$'
}

core_includes_lua() {
  includes csrc/*.[ch] | grep -E '(lua|lauxlib|lualib)[^/]*\.h'
}

tests_reach_lua() {
  includes csrc/tests/*.[ch] | grep -E '(lua|lauxlib|lualib)[^/]*\.h'
}

# conditionals PATTERN FILES: preprocessor conditions that ask for it, over
# continued lines too.
conditionals() {
  pattern=$1
  shift
  awk -v pattern="$pattern" '
    { line = more ? line $0 : $0; more = sub(/\\$/, "", line) }
    more { next }
    line ~ /^[ \t]*#[ \t]*(if|elif|ifdef|ifndef)/ && line ~ pattern {
      print FILENAME ":" FNR ": " line
    }' "$@"
}

openssl_conditionals() {
  conditionals 'OPENSSL_|LIBRESSL|BORINGSSL|AWSLC' \
    $(c_files_but csrc/ossl_compat.h)
}

lua_conditionals() {
  conditionals 'LUA_VERSION|LUAJIT|LUA_RELEASE' \
    $(c_files_but lua/core/lcompat.h)
}

lua_files() {
  find lua/sslconnect -name '*.lua' | sort
}

# Lua without its comments, "file:line:code".
lua_code() {
  grep -nH '' "$@" | sed -E 's/^([^:]*:[0-9]+:)[[:space:]]*--.*/\1/; s/ -- .*//'
}

# Adapters require the loop they adapt to; nobody else requires a stranger.
lua_requires() {
  lua_code $(lua_files | grep -v '^lua/sslconnect/loop/') |
    grep -oE '^[^:]*:[0-9]+:|require *[,(]? *["'\''][^"'\'']*' |
    awk '/^[^:]*:[0-9]+:$/ { where = $0; next }
      !/["'\'']sslconnect(\.[a-z0-9_.]+)?$/ { print where " " $0 }'
}

lua_forbidden() {
  lua_code $(lua_files) |
    sed 's/debug\.traceback//g' |
    grep -E ':(.*[^A-Za-z0-9_.:])?(debug\.[a-z]|os\.execute|io\.popen)'
  lua_code $(lua_files) | grep -E 'require *\(? *["'\'']debug'
}

# Functions that need scrolling twice: their braces stand in column 0.
long_functions() {
  awk -v most=80 '
    /^{/ { begin = FNR; head = last }
    /^}/ && begin {
      if (FNR - begin + 1 > most)
        print FILENAME ":" begin ": " head ": " FNR - begin + 1 " lines"
      begin = 0
    }
    { last = $0 }' csrc/*.[ch] csrc/tests/*.c lua/core/*.[ch] spec/support/*.c
}

long_lines() {
  awk 'length($0) > 80 { print FILENAME ":" FNR ": " length($0) " columns" }' \
    csrc/*.[ch] csrc/include/*.h csrc/tests/*.[ch] lua/core/*.[ch]
}

# Every name that the header gives away begins with ours.
foreign_names() {
  header_code |
    grep -oE '^#define [A-Za-z_0-9]+|^ *[A-Z][A-Z0-9_]+ *=' |
    grep -vE '(SSLC_|SSLCONNECT_H$)'
}

# A function declared without SSLC_API would be missing from the library.
undeclared() {
  header_code | tr '\n' ' ' | tr ';{' '\n\n' | grep -E 'sslc_[a-z0-9_]*\(' |
    grep -v 'SSLC_API'
}

symbols() {
  header_functions >"$work/header"
  [ -s "$work/header" ] || { echo "the header declares nothing"; return 1; }
  same sslconnect.h "$work/header" symbols.txt csrc/abi/symbols.txt
}

check "there is a core, a header, a binding and a module" \
  present csrc/*.c csrc/include/sslconnect.h csrc/ossl_compat.h \
  lua/core/*.c lua/core/lcompat.h lua/sslconnect/init.lua
check "lua/core includes the public header, Lua's and libc's only" \
  nothing binding_includes
check "the public header includes stddef.h and stdint.h only" \
  nothing header_includes
check "the core does not include Lua" nothing core_includes_lua
check "the core's tests do not include Lua" nothing tests_reach_lua
check "conditions on OpenSSL stand in ossl_compat.h only" \
  nothing openssl_conditionals
check "conditions on Lua stand in lcompat.h only" nothing lua_conditionals
check "lua/sslconnect requires sslconnect only" nothing lua_requires
check "lua/sslconnect takes only tracebacks of debug, and starts no process" \
  nothing lua_forbidden
check "C functions have 80 lines at most" nothing long_functions
check "C lines have 80 columns at most" nothing long_lines
check "the header's names begin with SSLC_" nothing foreign_names
check "the header's functions are declared with SSLC_API" nothing undeclared
check "symbols.txt lists what the header declares" symbols
finish
