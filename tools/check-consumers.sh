#!/bin/sh
# check-consumers.sh: programs outside of the tree find an installed
# sslconnect by pkg-config and by CMake, as C99 and C++17, shared and static;
# they are built, run, and connect.
#
#   with-server.sh BUILD check-consumers.sh PREFIX
#
# The prefix is copied elsewhere first: what is installed may be moved.
tools=$(cd "$(dirname "$0")" && pwd)
prefix=$(cd "$1" && pwd) || exit 1
. "$tools/check.sh"
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
cp -R "$tools/../csrc/tests/consumer" "$work/source" || exit 1
cp -R "$prefix" "$work/moved" || exit 1
cp -R "$prefix" "$work/static" || exit 1
find "$work/static" -name 'libsslconnect*.so*' -exec rm {} +
cd "$work" || exit 1

strict='-Wall -Wextra -Wpedantic -Werror'

# The directory of the library below a prefix.
libdir() {
  dirname "$(find "$1" -name 'libsslconnect.a')"
}

# pkg_flags PREFIX FLAGS...
pkg_flags() {
  PKG_CONFIG_PATH="$(libdir "$1")/pkgconfig" pkg-config --cflags --libs \
    "$2" sslconnect
}

# Word splitting of the flags is meant, here and below.
shared_c() {
  gcc -std=c99 $strict source/consumer.c -o shared_c \
    $(pkg_flags "$work/moved" --shared)
}

shared_cpp() {
  g++ -std=c++17 $strict source/consumer.cpp -o shared_cpp \
    $(pkg_flags "$work/moved" --shared)
}

static_c() {
  gcc -std=c99 $strict source/consumer.c -o static_c \
    $(pkg_flags "$work/static" --static)
}

static_cpp() {
  g++ -std=c++17 $strict source/consumer.cpp -o static_cpp \
    $(pkg_flags "$work/static" --static)
}

runs() {
  LD_LIBRARY_PATH="$(libdir "$work/moved")" "$1" \
    "$SSLC_EXAMPLE_HOST" "$SSLC_EXAMPLE_PORT" "$SSLC_EXAMPLE_CA"
}

needs_shared() {
  readelf -dW "$1" | grep -q 'NEEDED.*libsslconnect' || {
    echo "$1 does not load the shared library"
    return 1
  }
}

carries_core() {
  ! readelf -dW "$1" | grep 'NEEDED.*libsslconnect'
}

# What a user of the shared library links to is the library alone.
only_sslconnect() {
  pkg_flags "$work/moved" --shared | grep -E -e '-l(ssl|crypto)\b'
}

configure() {
  cmake -S source -B built -DCMAKE_PREFIX_PATH="$work/moved" &&
    cmake --build built
}

for built in shared_c shared_cpp static_c static_cpp; do
  check "pkg-config: $built is built" $built
  check "pkg-config: $built connects" runs ./$built
done
check "pkg-config names OpenSSL only for static linking" \
  nothing only_sslconnect
check "find_package: the consumers are built" configure
for language in c cpp; do
  for kind in sslconnect sslconnect_static; do
    check "find_package: ${language}_$kind connects" \
      runs built/${language}_$kind
  done
done
for program in shared_c shared_cpp built/c_sslconnect built/cpp_sslconnect; do
  check "$program loads the shared library" needs_shared $program
done
for program in static_c static_cpp built/c_sslconnect_static \
  built/cpp_sslconnect_static; do
  check "$program carries the core inside" carries_core $program
done
finish
