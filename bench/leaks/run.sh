#!/bin/sh
# run.sh BUILD [COUNT [FEATURE]]: COUNT (20000) connects with each feature of
# csrc/tests/test_leaks.c, or with one: what is in use and resident after the
# first ones, and how much more at the end, as a table in Markdown.
#
# Bytes in use are malloc's, exact, as nothing is kept at hand for a thread.  A
# feature that grows fails.
set -eu
build=${1:?the directory of the build is missing}
export SSLC_TEST_LEAKS="${2:-20000}"
if [ $# -gt 2 ]; then export SSLC_TEST_LEAK="$3"; fi
export SSLC_TEST_CERTS="${SSLC_TEST_CERTS:-$build/test-certs}"
export GLIBC_TUNABLES=glibc.malloc.tcache_count=0

echo '| feature | connects | s | in use, KiB | more, bytes | resident, KiB | more, KiB |'
echo '| --- | --- | --- | --- | --- | --- | --- |'
result=$(mktemp)
trap 'rm -f "$result"' EXIT
"$build/bin/test_leaks" 2>&1 | tee "$result" | grep --line-buffered '^|' || true
grep -A3 'ERROR' "$result" || true
! grep -q 'FAILED' "$result"
