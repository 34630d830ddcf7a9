#!/bin/sh
# with-server.sh: runs a command while a TLS server of our own is there.
#
#   with-server.sh BUILD COMMAND...
#
# The server is spec/support/testserver.c with the certificates of certkit,
# both in BUILD.  It answers requests in the manner of HTTP/1.0, on a port of
# loopback that the system picks.  The command finds it by
#
#   SSLC_EXAMPLE_HOST SSLC_EXAMPLE_PORT SSLC_EXAMPLE_CA
build=$(cd "$1" && pwd) || exit 1
shift
work=$(mktemp -d)
server=

stop() {
  [ -z "$server" ] || kill "$server" 2>/dev/null
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 1' INT TERM

mkfifo "$work/output"
"$build/bin/testserver" "$build/certs" good \
  >"$work/output" 2>"$work/errors" &
server=$!

# "good PORT", then "ready".  `read` takes one byte at a time, so nothing is
# lost to it; the server ends once its output has no reader, so one stays.
exec 3<"$work/output"
lines='read -r name port && read -r ready && echo "$name $port $ready"'
said=$(timeout 30 sh -c "$lines" <&3)
case $said in
  'good '*' ready') ;;
  *)
    echo "the server did not start; it said '$said'" >&2
    cat "$work/errors" >&2
    exit 1
    ;;
esac
said=${said#good }
export SSLC_EXAMPLE_HOST=localhost
export SSLC_EXAMPLE_PORT="${said% ready}"
export SSLC_EXAMPLE_CA="$build/certs/ca.pem"
status=0
"$@" || status=$?
if [ "$status" -ne 0 ] && [ -s "$work/errors" ]; then
  echo "the server said:" >&2
  cat "$work/errors" >&2
fi
exit "$status"
