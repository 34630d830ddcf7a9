#!/bin/sh
# segments.sh SERVER CLIENT: what CLIENT prints, and how many TCP segments the
# two commands have sent to each other when it has ended. In a network of their
# own, ip-netns(8), so that nobody else's are counted. SERVER says "ready" when
# it is.
set -eu
PATH=$PATH:/usr/sbin:/sbin

cannot() {
  echo "segments.sh: $*" >&2
  exit 77
}

# The sum of what went out; on a loopback all that came in went out before.
sent() {
  awk '/^Tcp:/ && !names { for (i = 1; i <= NF; i++) if ($i == "OutSegs") at = i
                           names = 1; next }
       /^Tcp:/ { print $at }' /proc/net/snmp
}

if [ "${1-}" != --inside ]; then
  command -v ip >/dev/null || cannot "ip is not installed"
  as_root=
  [ "$(id -u)" -eq 0 ] || as_root=--map-root-user
  unshare $as_root --net true 2>/dev/null ||
    cannot "network namespaces are not allowed here"
  exec unshare $as_root --net "$0" --inside "$@"
fi

shift
ip link set lo up
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkfifo "$work/server"
sh -c "exec $1" >"$work/server" &
exec 3<"$work/server"
while read -r line <&3; do
  [ "$line" != ready ] || break
done
sh -c "exec $2"
exec 3<&-
wait
sent
