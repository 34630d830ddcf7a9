# check.sh: what the check scripts share; read with `.`.
#
# Each check is one line of TAP, "ok - NAME" or "not ok - NAME" with what was
# found behind it, so that `./dev test` counts checks as it counts tests.

failed=0
export LC_ALL=C

# check NAME COMMAND...
check() {
  name=$1
  shift
  if output=$("$@" 2>&1); then
    echo "ok - $name"
  else
    echo "not ok - $name"
    printf '%s\n' "$output" | sed 's/^/# /; 60s/$/\n# .../; 60q'
    failed=1
  fi
}

# nothing COMMAND...: what the command prints is what is wrong, and so is what
# it complains about.
nothing() {
  found=$("$@" 2>&1)
  [ -z "$found" ] || { printf '%s\n' "$found"; return 1; }
}

# same WHAT FILE WHAT FILE: two lists, one entry a line, sorted or not.
same() {
  sort "$2" >"$work/same.1"
  sort "$4" >"$work/same.2"
  comm -23 "$work/same.1" "$work/same.2" | sed "s|^|only in $1: |" \
    >"$work/same.diff"
  comm -13 "$work/same.1" "$work/same.2" | sed "s|^|only in $3: |" \
    >>"$work/same.diff"
  [ ! -s "$work/same.diff" ] || { cat "$work/same.diff"; return 1; }
}

# exports_only NAME FILE: nothing else can be linked to.
exports_only() {
  nm -D --defined-only "$2" | awk '{ print $3 }' >"$work/exported"
  echo "$1" >"$work/wanted"
  same "$2" "$work/exported" "what is wanted" "$work/wanted"
}

# The public header without its comments.
header_code() {
  cc -fpreprocessed -dD -E -P -w csrc/include/sslconnect.h
}

# The functions that it declares, one a line.
header_functions() {
  header_code | grep -o '\bsslc_[a-z0-9_]*(' |
    tr -d '(' | sort -u
}

finish() {
  exit $failed
}
