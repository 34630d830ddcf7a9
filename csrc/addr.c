/*
 * addr.c: addresses: from text and to text, and which of several to prefer:
 * destination address selection, RFC 6724, section 6.
 */
#include "internal.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------- from text */

/* A zone is the name of an interface or its number (RFC 4007, section 11). */
static bool
find_zone(const char *zone, uint32_t *id)
{
  char *end;
  *id = if_nametoindex(zone);
  if (*id != 0)
    return true;
  unsigned long n = strtoul(zone, &end, 10);
  if (zone[0] < '0' || zone[0] > '9' || *end != '\0' || n == 0 ||
      n > UINT32_MAX)
    return false;
  *id = (uint32_t)n;
  return true;
}

const char *
sslci_addr_from_name(struct sslci_addr *a, const struct sslci_name *name,
                     int port)
{
  memset(a, 0, sizeof *a);
  if (name->kind == SSLCI_NAME_IPV4) {
    a->u.in.sin_family = AF_INET;
    a->u.in.sin_port = htons((uint16_t)port);
    a->len = sizeof a->u.in;
    inet_pton(AF_INET, name->text, &a->u.in.sin_addr);
    return NULL;
  }
  if (name->kind != SSLCI_NAME_IPV6)
    return "it is no IP address";
  a->u.in6.sin6_family = AF_INET6;
  a->u.in6.sin6_port = htons((uint16_t)port);
  a->len = sizeof a->u.in6;
  inet_pton(AF_INET6, name->text, &a->u.in6.sin6_addr);
  if (*name->zone && !find_zone(name->zone, &a->u.in6.sin6_scope_id))
    return "there is no network interface of the name of its zone";
  return NULL;
}

const char *
sslci_addr_from_path(struct sslci_addr *a, const char *path)
{
  memset(a, 0, sizeof *a);
  if (!path || *path == '\0')
    return "it is empty";
  size_t len = strlen(path);
  if (len >= sizeof a->u.un.sun_path)
    return "it is longer than the address of a Unix socket can be";
  a->u.un.sun_family = AF_UNIX;
  a->len = sizeof a->u.un;
  memcpy(a->u.un.sun_path, path, len);
  return NULL;
}

/* Member by member, so that equal addresses are equal bytes. */
bool
sslci_addr_from_sockaddr(struct sslci_addr *a, const struct sockaddr *sa,
                         socklen_t len, int port)
{
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  memset(a, 0, sizeof *a);
  if (sa->sa_family == AF_INET && len >= sizeof in) {
    memcpy(&in, sa, sizeof in);
    a->u.in.sin_family = AF_INET;
    a->u.in.sin_addr = in.sin_addr;
    a->len = sizeof in;
  } else if (sa->sa_family == AF_INET6 && len >= sizeof in6) {
    memcpy(&in6, sa, sizeof in6);
    a->u.in6.sin6_family = AF_INET6;
    a->u.in6.sin6_addr = in6.sin6_addr;
    a->u.in6.sin6_scope_id = in6.sin6_scope_id;
    a->len = sizeof in6;
  }
  sslci_addr_set_port(a, port);
  return a->len > 0;
}

void
sslci_addr_set_port(struct sslci_addr *a, int port)
{
  if (a->u.sa.sa_family == AF_INET)
    a->u.in.sin_port = htons((uint16_t)port);
  else if (a->u.sa.sa_family == AF_INET6)
    a->u.in6.sin6_port = htons((uint16_t)port);
}

/* --------------------------------------------------------------- to text */

static void
ipv6_text(const struct sockaddr_in6 *in6, char *buf, size_t size)
{
  char text[INET6_ADDRSTRLEN] = "", name[IF_NAMESIZE], zone[32] = "";
  uint32_t id = in6->sin6_scope_id;
  inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
  if (id != 0 && if_indextoname(id, name))
    snprintf(zone, sizeof zone, "%%%s", name);
  else if (id != 0)
    snprintf(zone, sizeof zone, "%%%u", (unsigned)id);
  snprintf(buf, size, "[%s%s]:%d", text, zone, ntohs(in6->sin6_port));
}

void
sslci_addr_text(const struct sslci_addr *a, char *buf, size_t size)
{
  char text[INET_ADDRSTRLEN] = "";
  buf[0] = '\0';
  switch (a->u.sa.sa_family) {
  case AF_INET:
    inet_ntop(AF_INET, &a->u.in.sin_addr, text, sizeof text);
    snprintf(buf, size, "%s:%d", text, ntohs(a->u.in.sin_port));
    break;
  case AF_INET6:
    ipv6_text(&a->u.in6, buf, size);
    break;
  case AF_UNIX:
    snprintf(buf, size, "%.*s", (int)sizeof a->u.un.sun_path,
             a->u.un.sun_path);
    break;
  default:
    break;
  }
}

void
sslci_peer_address(int fd, char *buf, size_t size)
{
  struct sslci_addr a;
  memset(&a, 0, sizeof a);
  a.len = sizeof a.u;
  buf[0] = '\0';
  if (fd >= 0 && getpeername(fd, &a.u.sa, &a.len) == 0)
    sslci_addr_text(&a, buf, size);
}

/* ------------------------------------------- what RFC 6724 asks of a pair */

/* An address as 16 bytes; IPv4 as IPv4-mapped. */
static void
as_ipv6(const struct sslci_addr *a, unsigned char bytes[16])
{
  if (a->u.sa.sa_family == AF_INET6) {
    memcpy(bytes, &a->u.in6.sin6_addr, 16);
    return;
  }
  memset(bytes, 0, 10);
  bytes[10] = bytes[11] = 0xff;
  memcpy(bytes + 12, &a->u.in.sin_addr, 4);
}

/* How many leading bits are the same, `most` at the most. */
static int
common_bits(const unsigned char a[16], const unsigned char b[16], int most)
{
  int n = 0;
  while (n < most && !((a[n / 8] ^ b[n / 8]) & (0x80 >> n % 8)))
    n++;
  return n;
}

/* The default policy table: section 2.1; the longest prefix first. */
static const struct policy {
  unsigned char prefix[16];
  int bits;
  int precedence;
  int label;
} policies[] = {
  { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 128, 50, 0 },
  { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96, 35, 4 },
  { { 0 }, 96, 1, 3 },             /* ::/96 */
  { { 0x20, 0x01 }, 32, 5, 5 },    /* Teredo */
  { { 0x20, 0x02 }, 16, 30, 2 },   /* 6to4 */
  { { 0x3f, 0xfe }, 16, 1, 12 },   /* 6bone */
  { { 0xfe, 0xc0 }, 10, 1, 11 },   /* site-local */
  { { 0xfc }, 7, 3, 13 },          /* unique local */
  { { 0 }, 0, 40, 1 },
};

static const struct policy *
policy_of(const unsigned char bytes[16])
{
  const struct policy *p = policies;
  while (common_bits(bytes, p->prefix, p->bits) < p->bits)
    p++;
  return p;
}

enum { SCOPE_LINK = 2, SCOPE_SITE = 5, SCOPE_GLOBAL = 14 };

/* Section 3.1, and 3.2 for IPv4: loopback counts as link-local. */
static int
scope_of(const unsigned char bytes[16])
{
  static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0,
                                            0, 0, 0, 0xff, 0xff };
  static const unsigned char loopback[16] = { [15] = 1 };
  if (memcmp(bytes, mapped, sizeof mapped) == 0) {
    bool link = bytes[12] == 127 || (bytes[12] == 169 && bytes[13] == 254);
    return link ? SCOPE_LINK : SCOPE_GLOBAL;
  }
  if (bytes[0] == 0xff)
    return bytes[1] & 0x0f;
  if (memcmp(bytes, loopback, sizeof loopback) == 0)
    return SCOPE_LINK;
  if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80)
    return SCOPE_LINK;
  if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0xc0)
    return SCOPE_SITE;
  return SCOPE_GLOBAL;
}

/* The interface's part of a source does not count for its prefix: its length
 * is 64 in all networks that configure themselves (RFC 4291, 2.5.4). */
enum { PREFIX_BITS = 64 };

void
sslci_addr_rank(struct sslci_addr *a, const struct sslci_addr *source,
                bool deprecated)
{
  unsigned char to[16], from[16];
  struct sslci_rank *rank = &a->rank;
  as_ipv6(a, to);
  memset(rank, 0, sizeof *rank);
  rank->ranked = true;
  rank->precedence = policy_of(to)->precedence;
  rank->scope = scope_of(to);
  if (!source)
    return;
  as_ipv6(source, from);
  rank->usable = true;
  rank->deprecated = deprecated;
  rank->same_scope = scope_of(from) == rank->scope;
  rank->same_label = policy_of(from)->label == policy_of(to)->label;
  if (a->u.sa.sa_family == AF_INET6 && source->u.sa.sa_family == AF_INET6)
    rank->prefix = common_bits(to, from, PREFIX_BITS);
}

/* ----------------------------------------------------------- the ordering */

/* Below 0 where a true fact speaks for a, above where for b. */
static int
prefer(int a, int b)
{
  return (a < b) - (a > b);
}

/* The rules of section 6 by their numbers.  4 (home addresses) and 7 (native
 * transport) ask for what a program cannot know. */
int
sslci_addr_compare(const struct sslci_addr *a, const struct sslci_addr *b)
{
  const struct sslci_rank *x = &a->rank, *y = &b->rank;
  int c = 0;
  if (!x->ranked || !y->ranked)
    return 0;
  c = c ? c : prefer(x->usable, y->usable);           /* 1 */
  c = c ? c : prefer(x->same_scope, y->same_scope);   /* 2 */
  c = c ? c : prefer(y->deprecated, x->deprecated);   /* 3 */
  c = c ? c : prefer(x->same_label, y->same_label);   /* 5 */
  c = c ? c : prefer(x->precedence, y->precedence);   /* 6 */
  c = c ? c : prefer(y->scope, x->scope);             /* 8 */
  if (a->u.sa.sa_family == b->u.sa.sa_family)
    c = c ? c : prefer(x->prefix, y->prefix);         /* 9 */
  return c;                                           /* 10 */
}

/* ------------------------------------------------- asking the kernel for it */

bool
sslci_addr_source(const struct sslci_addr *to, struct sslci_addr *source)
{
  memset(source, 0, sizeof *source);
  source->len = sizeof source->u;
  /* To connect a datagram socket sends nothing: it selects route and source. */
  int fd = socket(to->u.sa.sa_family, SOCK_DGRAM, 0);
  if (fd < 0)
    return false;
  bool ok = connect(fd, &to->u.sa, to->len) == 0 &&
            getsockname(fd, &source->u.sa, &source->len) == 0;
  close(fd);
  return ok;
}

#if defined(__linux__)

enum { FLAG_DEPRECATED = 0x20 }; /* IFA_F_DEPRECATED of rtnetlink(7) */
enum { DIGITS = 32 };

/* A line of the file in which Linux tells of its IPv6 addresses: the address,
 * then four more numbers, the flags being the last, then the interface. */
static bool
tells_deprecated(const char *line, const char *digits)
{
  unsigned long flags = 0;
  char *at = (char *)(uintptr_t)line + DIGITS;
  if (strncmp(line, digits, DIGITS) != 0)
    return false;
  for (int i = 0; i < 4; i++)
    flags = strtoul(at, &at, 16);
  return (flags & FLAG_DEPRECATED) != 0;
}

bool
sslci_addr_is_deprecated(const struct sslci_addr *a)
{
  char line[128], digits[DIGITS + 1];
  bool found = false;
  FILE *file = a->u.sa.sa_family == AF_INET6 ? fopen("/proc/net/if_inet6", "re")
                                             : NULL;
  if (!file)
    return false;
  for (size_t i = 0; i < sizeof a->u.in6.sin6_addr.s6_addr; i++)
    snprintf(digits + 2 * i, 3, "%02x", a->u.in6.sin6_addr.s6_addr[i]);
  while (!found && fgets(line, sizeof line, file))
    found = tells_deprecated(line, digits);
  fclose(file);
  return found;
}

#else

bool
sslci_addr_is_deprecated(const struct sslci_addr *a)
{
  (void)a;
  return false;
}

#endif

void
sslci_addr_rank_here(struct sslci_addr *a, const struct sslci_addr *bound)
{
  struct sslci_addr found;
  const struct sslci_addr *source = &found;
  if (bound && bound->u.sa.sa_family == a->u.sa.sa_family)
    source = bound;
  else if (bound || !sslci_addr_source(a, &found))
    source = NULL;
  sslci_addr_rank(a, source, source && sslci_addr_is_deprecated(source));
}

/* ---------------------------------------------------------------- sockets */

int
sslci_stream_socket(int family)
{
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
  int fd = socket(family, SOCK_STREAM, 0);
  if (fd >= 0) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  return fd;
#endif
}
