/*
 * tlsa.c: the query for the TLSA records of a server: _443._tcp.example.com,
 * RFC 6698, section 3, by ares_send(3) of c-ares.
 *
 * What an unsigned answer says, anybody on the way could have said.  So records
 * count only where the nameserver says that it checked their signatures (the
 * bit AD, RFC 6840, section 5.8), and its word only where it comes over a way
 * that is trusted: from a nameserver that the caller named or of this machine,
 * or where resolv.conf(5) says "options trust-ad".  A nameserver that found
 * them forged says SERVFAIL: no answer is never taken for the answer that there
 * are none.
 */
#include "internal.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

enum { NS_PER_MS = 1000000, NS_PER_US = 1000 };

/* RFC 1035, section 4.1; RFC 6698, section 7.1; RFC 6891. */
enum {
  HEADER = 12,
  LABEL = 63,
  NAME = 255,
  TYPE_TLSA = 52,
  CLASS_IN = 1,
  NOERROR = 0,
  NXDOMAIN = 3,
  AD = 0x20, /* of the fourth byte */
  QUERY = HEADER + NAME + 4 + 11
};

struct sslci_tlsa_query {
  ares_channel channel;
  struct sslci_sockets *sockets;
  char name[NAME + 16];
  bool trusted; /* the nameserver's word counts */
  bool unwaitable;
  bool done;
  bool secure;      /* what it said is so */
  char failure[80]; /* "": none */
  struct sslci_tlsa *records;
  size_t count;
  size_t unusable;
};

/* --------------------------------------------------------------- the answer */

static void
fail(struct sslci_tlsa_query *q, const char *why)
{
  snprintf(q->failure, sizeof q->failure, "%s", why);
}

/* Where a name ends, 0 where it runs over the end. */
static size_t
skip_name(const unsigned char *packet, size_t len, size_t at)
{
  while (at < len && packet[at] != 0) {
    if ((packet[at] & 0xc0) == 0xc0)
      return at + 2 <= len ? at + 2 : 0;
    at += (size_t)packet[at] + 1;
  }
  return at < len ? at + 1 : 0;
}

static unsigned
read16(const unsigned char *p)
{
  return (unsigned)p[0] << 8 | p[1];
}

/* A record of a kind that is not known here is passed over. */
static bool
take_record(struct sslci_tlsa_query *q, const unsigned char *rdata, size_t len)
{
  enum { KIND = 3 };
  if (len < KIND ||
      sslci_tlsa_fault(rdata[0], rdata[1], rdata[2], len - KIND)) {
    q->unusable++;
    return true;
  }
  struct sslci_tlsa *more =
    OPENSSL_realloc(q->records, (q->count + 1) * sizeof *more);
  if (!more)
    return false;
  q->records = more;
  struct sslci_tlsa *r = &more[q->count];
  memcpy(r->kind, rdata, KIND);
  r->len = len - KIND;
  r->data = OPENSSL_memdup(rdata + KIND, r->len);
  q->count += r->data != NULL;
  return r->data != NULL;
}

/* One resource record of the answer, which may be an alias on the way; where it
 * ends, 0 where it is malformed. */
static size_t
read_record(struct sslci_tlsa_query *q, const unsigned char *packet, size_t len,
            size_t at)
{
  enum { FIXED = 10 };
  at = skip_name(packet, len, at);
  if (at == 0 || len - at < FIXED)
    return 0;
  const unsigned char *p = packet + at;
  size_t n = read16(p + 8);
  at += FIXED;
  if (len - at < n)
    return 0;
  if (read16(p) == TYPE_TLSA && read16(p + 2) == CLASS_IN &&
      !take_record(q, packet + at, n)) {
    fail(q, "memory is short");
    return 0;
  }
  return at + n;
}

static void
read_answer(struct sslci_tlsa_query *q, const unsigned char *packet, size_t len)
{
  size_t at = HEADER;
  for (unsigned i = read16(packet + 4); i > 0 && at; i--) {
    at = skip_name(packet, len, at);
    at = at && len - at >= 4 ? at + 4 : 0;
  }
  for (unsigned i = read16(packet + 6); i > 0 && at; i--)
    at = read_record(q, packet, len, at);
  if (at == 0 && !*q->failure)
    fail(q, "the nameserver's answer is malformed");
}

static void
on_answer(void *arg, int status, int timeouts, unsigned char *packet, int len)
{
  struct sslci_tlsa_query *q = arg;
  (void)timeouts;
  if (status == ARES_EDESTRUCTION)
    return;
  q->done = true;
  if (!packet || len < HEADER) {
    fail(q, status == ARES_SUCCESS ? "the nameserver's answer is malformed"
                                   : ares_strerror(status));
    return;
  }
  int rcode = packet[3] & 0x0f;
  if (rcode != NOERROR && rcode != NXDOMAIN) {
    snprintf(q->failure, sizeof q->failure,
             rcode == 2 ? "the nameserver failed (SERVFAIL): it may have found "
                          "them forged"
                        : "the nameserver refused (its code is %d)", rcode);
    return;
  }
  q->secure = q->trusted && (packet[3] & AD);
  if (q->secure)
    read_answer(q, packet, (size_t)len);
}

/* ------------------------------------------------------------- the question */

/* In wire format; where it ends, 0 where it cannot be asked for. */
static size_t
write_name(unsigned char *to, const char *name)
{
  size_t at = 0;
  for (;;) {
    size_t n = strcspn(name, ".");
    if (n == 0 || n > LABEL || at + n + 2 > NAME)
      return 0;
    to[at++] = (unsigned char)n;
    memcpy(to + at, name, n);
    at += n;
    if (name[n] == '\0')
      break;
    name += n + 1;
  }
  to[at++] = 0;
  return at;
}

/* Asks to be told whether it was checked: RFC 6840, section 5.7.  Its length; 0
 * where it cannot be made. */
static size_t
write_query(unsigned char packet[QUERY], const char *name)
{
  static const unsigned char type[] = { 0, TYPE_TLSA, 0, CLASS_IN };
  static const unsigned char edns[] = { 0, 0, 41, 1232 >> 8, 1232 & 0xff, 0, 0,
                                        0, 0, 0, 0 };
  memset(packet, 0, HEADER);
  size_t n = write_name(packet + HEADER, name);
  if (n == 0 || RAND_bytes(packet, 2) != 1)
    return 0;
  packet[2] = 1; /* recursion desired */
  packet[3] = AD;
  packet[5] = 1;  /* a question */
  packet[11] = 1; /* and EDNS */
  n += HEADER;
  memcpy(packet + n, type, sizeof type);
  memcpy(packet + n + sizeof type, edns, sizeof edns);
  return n + sizeof type + sizeof edns;
}

/* ------------------------------------------------------------------- trust */

static bool
is_loopback(const struct ares_addr_node *node)
{
  if (node->family == AF_INET6)
    return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)&node->addr.addr6);
  return node->family == AF_INET &&
         ntohl(node->addr.addr4.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool
are_local(ares_channel channel)
{
  struct ares_addr_node *servers = NULL;
  bool local = ares_get_servers(channel, &servers) == ARES_SUCCESS && servers;
  for (const struct ares_addr_node *s = servers; s && local; s = s->next)
    local = is_loopback(s);
  if (servers)
    ares_free_data(servers);
  return local;
}

/* resolv.conf(5): "options edns0 trust-ad". */
static bool
says_trust_ad(char *line)
{
  char *rest = NULL;
  const char *word = strtok_r(line, " \t\r\n", &rest);
  if (!word || strcmp(word, "options") != 0)
    return false;
  while ((word = strtok_r(NULL, " \t\r\n", &rest)) != NULL)
    if (strcmp(word, "trust-ad") == 0)
      return true;
  return false;
}

bool
sslci_trusts_ad(const char *path)
{
  char line[1024];
  bool trusts = false;
  FILE *f = fopen(path, "re");
  while (f && !trusts && fgets(line, sizeof line, f))
    trusts = says_trust_ad(line);
  if (f)
    fclose(f);
  return trusts;
}

/* -------------------------------------------------------------- its course */

/* c-ares wants other events of a socket from now on; none before it closes. */
static void
watch(void *arg, ares_socket_t fd, int readable, int writable)
{
  struct sslci_tlsa_query *q = arg;
  int events =
    (readable ? SSLC_READABLE : 0) | (writable ? SSLC_WRITABLE : 0);
  if (sslci_sockets_set(q->sockets, fd, events) != SSLC_OK)
    q->unwaitable = true;
}

static void
ask(struct sslci_tlsa_query *q)
{
  unsigned char packet[QUERY];
  size_t len = write_query(packet, q->name);
  if (len == 0) {
    q->done = true;
    fail(q, "the name cannot be asked for");
    return;
  }
  ares_send(q->channel, packet, (int)len, on_answer, q);
}

struct sslci_tlsa_query *
sslci_tlsa_start(struct sslci_sockets *sockets, const char *host, int port,
                 const char *nameservers)
{
  struct sslci_tlsa_query *q = sslci_new(struct sslci_tlsa_query);
  if (!q)
    return NULL;
  q->sockets = sockets;
  snprintf(q->name, sizeof q->name, "_%d._tcp.%s", port, host);
  int status = sslci_ares_channel(&q->channel, nameservers, watch, q);
  if (status != ARES_SUCCESS) {
    q->done = true;
    fail(q, ares_strerror(status));
    return q;
  }
  q->trusted = nameservers || are_local(q->channel) ||
               sslci_trusts_ad("/etc/resolv.conf");
  ask(q);
  return q;
}

void
sslci_tlsa_free(struct sslci_tlsa_query *q)
{
  if (!q)
    return;
  if (q->channel)
    ares_destroy(q->channel);
  for (size_t i = 0; i < q->count; i++)
    OPENSSL_free(q->records[i].data);
  OPENSSL_free(q->records);
  OPENSSL_free(q);
}

void
sslci_tlsa_process(struct sslci_tlsa_query *q, int fd, int events)
{
  if (q->done)
    return;
  ares_process_fd(q->channel, events & SSLC_READABLE ? fd : ARES_SOCKET_BAD,
                  events & SSLC_WRITABLE ? fd : ARES_SOCKET_BAD);
  if (q->unwaitable && !q->done) {
    q->done = true;
    fail(q, "its socket cannot be waited for");
  }
}

int64_t
sslci_tlsa_due(const struct sslci_tlsa_query *q)
{
  struct timeval tv;
  if (q->done || !ares_timeout(q->channel, NULL, &tv))
    return SSLC_FOREVER;
  return sslc_now() + ((int64_t)tv.tv_sec * 1000 + 1) * NS_PER_MS +
         (int64_t)tv.tv_usec * NS_PER_US;
}

bool
sslci_tlsa_is_done(const struct sslci_tlsa_query *q)
{
  return q->done;
}

/* ---------------------------------------------------------------- verdicts */

static sslc_status
no_use(const struct sslci_tlsa_query *q, sslc_error *e, const char *why)
{
  sslci_error_begin(e, SSLC_CODE_DANE_MISMATCH, SSLC_PHASE_DNS,
                    "the TLSA records of %s %s", q->name, why);
  return SSLC_ERR_VERIFY;
}

/* One that has records wants to be checked by them: that none of them is of a
 * kind known here is no reason to do without. */
sslc_status
sslci_tlsa_judge(const struct sslci_tlsa_query *q, bool required, sslc_error *e)
{
  if (*q->failure) {
    sslci_error_begin(e, SSLC_CODE_DNS_FAILED, SSLC_PHASE_DNS,
                      "the TLSA records of %s could not be looked up: %s",
                      q->name, q->failure);
    return SSLC_ERR_DNS;
  }
  if (q->secure && q->count == 0 && q->unusable > 0)
    return no_use(q, e, "are of no kind that can be used");
  if (!required || q->count > 0)
    return SSLC_OK;
  if (!q->trusted)
    return no_use(q, e, "do not count: the nameserver is not trusted to have "
                        "checked them");
  return no_use(q, e, q->secure ? "are missing: there are none"
                                : "do not count: the nameserver did not check "
                                  "that they are signed");
}

const struct sslci_tlsa *
sslci_tlsa_records(const struct sslci_tlsa_query *q, size_t *n)
{
  *n = q ? q->count : 0;
  return q ? q->records : NULL;
}
