#!/bin/sh
# check-header.sh: the public header compiles alone, as the oldest C and C++
# it is for and as newer ones, with nothing in reach but what a compiler brings
# of its own (stddef.h, stdint.h): no OpenSSL, not even a C library.
cd "$(dirname "$0")/.." || exit 1
. tools/check.sh
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT

strict='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only'
alone='-ffreestanding -nostdinc -Icsrc/include'
echo '#include <sslconnect.h>' >"$work/alone.c"
echo '#include <openssl/ssl.h>' >"$work/openssl.c"
cp "$work/alone.c" "$work/alone.cpp"

# The headers that each compiler brings.
gcc_own=$(gcc -print-file-name=include)
clang_own=$(clang -print-resource-dir)/include

# compiles LANGUAGE-STANDARD COMPILER: word splitting of the flags is meant.
as_c() {
  "$2" -std="$1" $strict $alone -isystem "$own" "$work/alone.c"
}

as_cpp() {
  "$2" -std="$1" $strict $alone -nostdinc++ -isystem "$own" "$work/alone.cpp"
}

openssl_in_reach() {
  gcc $alone -isystem "$own" -fsyntax-only "$work/openssl.c" 2>/dev/null &&
    echo "openssl/ssl.h was found"
}

own=$gcc_own
check "OpenSSL is out of reach" nothing openssl_in_reach
for standard in c99 c11 c17; do
  check "gcc -std=$standard compiles the header alone" as_c $standard gcc
done
for standard in c++11 c++17 c++20; do
  check "g++ -std=$standard compiles the header alone" as_cpp $standard g++
done
own=$clang_own
check "clang -std=c99 compiles the header alone" as_c c99 clang
check "clang++ -std=c++17 compiles the header alone" as_cpp c++17 clang++
finish
