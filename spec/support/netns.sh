#!/bin/sh
# netns.sh COMMAND...: runs a command in a network of its own, ip-netns(8),
# with a part that works and parts that do not. Nothing is left of it after
# the command. For root, and for whoever may make user namespaces,
# user_namespaces(7); otherwise it says what is missing and ends with 77.
#
#   127.0.0.1, ::1                 this machine
#   198.51.100.1, 2001:db8:1::1    this machine, as if from outside
#   192.0.2.0/24, 2001:db8::/64    a black hole: packets go out, and that is all
#   203.0.113.0/24, 2001:db8:dead::/64    no route
#   2001:db8:2::/64                a router that says "unreachable"
#
# The nameserver is 127.0.0.1, the search domain wild.example; the hosts file is
# dns/etc_hosts. The addresses are those for documentation, RFC 5737 and 3849.
set -eu
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)

cannot() {
  echo "netns.sh: $*" >&2
  exit 77
}

# A pair of interfaces of which the far one takes whatever comes and drops it,
# as it is addressed to nobody. Neighbours are not asked for: no answer would
# be an answer.
black_hole() {
  ip link add void0 type veth peer name void1 &&
  ip link set void0 arp off up &&
  ip link set void1 arp off up &&
  ip addr add 192.0.2.254/24 dev void0 &&
  ip -6 addr add 2001:db8::fe/64 dev void0 nodad
}

lay_out() {
  ip link set lo up &&
  black_hole &&
  ip addr add 198.51.100.1/32 dev lo &&
  ip -6 addr add 2001:db8:1::1/128 dev lo nodad &&
  ip -6 route add unreachable 2001:db8:2::/64 &&
  mount --bind "$here/dns/etc_hosts" /etc/hosts &&
  mount --bind "$here/dns/resolv.conf" /etc/resolv.conf
}

# What is preloaded, a sanitizer say, is for the command alone.
preload=${SSLC_NETNS_PRELOAD-${LD_PRELOAD-}}
unset LD_PRELOAD

if [ "${1-}" = --inside ]; then
  shift
  said=$(lay_out 2>&1) || cannot "$said"
  unset SSLC_NETNS_PRELOAD
  [ -z "$preload" ] || export LD_PRELOAD="$preload"
  exec "$@"
fi

command -v ip >/dev/null || cannot "ip is not installed"
as_root=
[ "$(id -u)" -eq 0 ] || as_root=--map-root-user
unshare $as_root --net --mount true 2>/dev/null ||
  cannot "network namespaces are not allowed here"
export SSLC_NETNS_PRELOAD="$preload"
exec unshare $as_root --net --mount "$here/netns.sh" --inside "$@"
