#!/bin/sh
# check-abi.sh: what the shared library exports is what is promised.
#
#   check-abi.sh BUILD            compare with the baseline in csrc/abi
#   check-abi.sh BUILD --write    write the baseline
#
# BUILD is one without optimization, and with what a debugger needs.
#
# abidw(1) and abidiff(1) look at what the public header shows; the structures
# behind it are opaque and may change.  What is new is compatible, whatever
# else differs has failed unless csrc/abi/suppressions.ini lets it pass.  The
# header's constants are of no type that a function has, so that abidiff does
# not know them; they are compared with a list.
cd "$(dirname "$0")/.." || exit 1
. tools/check.sh
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT

build=$1
library=$build/libsslconnect.so
baseline=csrc/abi/$(uname -m).abi
numbers=csrc/abi/constants.txt
number=$(sed -n 's/^#define SSLC_ABI_VERSION \([0-9]*\).*/\1/p' \
  csrc/include/sslconnect.h)

describe() {
  abidw --headers-dir csrc/include --drop-private-types \
    --exported-interfaces-only --type-id-style hash \
    --no-show-locs --no-corpus-path --no-comp-dir-path --no-elf-needed \
    --out-file "$1" "$library"
}

# The header's enumerators, "NAME VALUE".
constants() {
  {
    printf '#include <sslconnect.h>\n#include <stdio.h>\nint main(void)\n{\n'
    header_code | grep -o '\bSSLC_[A-Z0-9_]* *=' | tr -d ' =' | sort |
      sed 's/.*/  printf("& %d\\n", &);/'
    echo '  return 0;'
    echo '}'
  } >"$work/constants.c"
  cc -Icsrc/include "$work/constants.c" -o "$work/constants" &&
    "$work/constants"
}

if [ "$2" = --write ]; then
  describe "$baseline" && constants >"$numbers" &&
    echo "wrote $baseline and $numbers"
  exit
fi

same_numbers() {
  constants >"$work/numbers" && [ -s "$work/numbers" ] &&
    same sslconnect.h "$work/numbers" "$numbers" "$numbers" ||
    { echo "./dev abi-baseline writes it anew where it only grew"; return 1; }
}

exported() {
  nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' |
    sed 's/@.*//' >"$work/exported"
  same libsslconnect.so "$work/exported" symbols.txt csrc/abi/symbols.txt
}

# dynamic PATTERN: the dynamic section says so.
dynamic() {
  readelf -dW "$library" | grep -E "$1" ||
    { readelf -dW "$library"; return 1; }
}

# Symbols that no debugging information tells of would be compared by name only.
described() {
  grep -o "elf-symbol-id='sslc_[a-z0-9_]*" "$1" | cut -d"'" -f2 |
    sort -u >"$work/described"
  same "$1" "$work/described" symbols.txt csrc/abi/symbols.txt
}

baseline_described() {
  described "$baseline" || { echo "./dev abi-baseline writes it anew"; return 1; }
}

compatible() {
  abidiff --no-added-syms --suppressions csrc/abi/suppressions.ini \
    "$baseline" "$work/now.abi"
}

check "the shared library exports symbols.txt and nothing else" exported
check "the SONAME is the ABI's number" \
  dynamic "SONAME.*\[libsslconnect\.so\.$number\]"
check "the library is never unloaded" dynamic 'FLAGS_1.*NODELETE'
check "the library is bound at once" dynamic 'FLAGS_1.*NOW'
check "the library needs no path" \
  nothing sh -c "readelf -dW '$library' | grep -E 'RPATH|RUNPATH'"
describe "$work/now.abi"
check "abidw sees every function" described "$work/now.abi"
check "the baseline has every function" baseline_described
check "the constants are what they were" same_numbers
check "the ABI is compatible with the baseline" compatible
finish
