/*
 * resolve.c: the queries for one name: ares_getaddrinfo(3) of c-ares, which
 * reads the hosts file and resolv.conf(5) and never blocks.  IPv6 and IPv4 are
 * asked for at once (RFC 8305, section 3), so that each can be used as it
 * comes.
 */
#include "internal.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000, NS_PER_US = 1000 };

/* How long a nameserver may be silent before the next is asked: what newer
 * c-ares have for a default, where 1.18 has 5 seconds. */
enum { NAMESERVER_TIMEOUT_MS = 2000 };

/* What came for one family. */
struct answer {
  struct sslci_resolver *resolver;
  unsigned family;
  int status; /* ARES_* */
  struct sslci_addr *addrs;
  size_t n;
};

struct sslci_resolver {
  ares_channel channel;
  struct sslci_sockets *sockets;
  char *name;
  int port;
  unsigned families;
  unsigned answered; /* and not taken yet */
  unsigned taken;
  int rcode;       /* of the last answer that was a refusal; 0: none */
  bool unwaitable; /* a socket could not be put in */
  struct answer answers[2];
};

/* ------------------------------------------------------ the library's start */

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int library_status;

/* ares_library_init(3) is not for several threads at once. */
static void
init_library(void)
{
  library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

/* ------------------------------------------------------ sockets of c-ares */

static ares_socket_t
open_socket(int family, int type, int protocol, void *arg)
{
  (void)arg;
  int fd = socket(family, type, protocol);
  if (fd < 0)
    return ARES_SOCKET_BAD;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
#if defined(SO_NOSIGPIPE)
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  return fd;
}

static int
close_socket(ares_socket_t fd, void *arg)
{
  (void)arg;
  return close(fd);
}

static int
connect_socket(ares_socket_t fd, const struct sockaddr *sa, ares_socklen_t len,
               void *arg)
{
  (void)arg;
  return connect(fd, sa, len);
}

enum { HEADER = 12, SERVFAIL = 2, NOTIMP = 4, REFUSED = 5 }; /* RFC 1035 */

/* A nameserver that refuses is passed over by c-ares, and older ones report
 * that none could be reached; so what it said is noted here. */
static void
note_refusal(struct sslci_resolver *r, int fd, const unsigned char *packet,
             ssize_t len)
{
  int type = 0;
  socklen_t size = sizeof type;
  if (len < HEADER ||
      getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      type != SOCK_DGRAM)
    return;
  int rcode = packet[3] & 0x0f;
  if (rcode == SERVFAIL || rcode == NOTIMP || rcode == REFUSED)
    r->rcode = rcode;
}

static ares_ssize_t
receive(ares_socket_t fd, void *buf, size_t size, int flags,
        struct sockaddr *sa, ares_socklen_t *len, void *arg)
{
  ssize_t n = recvfrom(fd, buf, size, flags, sa, len);
  if (n > 0 && arg)
    note_refusal(arg, fd, buf, n);
  return n;
}

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0 /* SO_NOSIGPIPE is set */
#endif

static ares_ssize_t
send_vector(ares_socket_t fd, const struct iovec *parts, int n, void *arg)
{
  struct msghdr message;
  (void)arg;
  memset(&message, 0, sizeof message);
  message.msg_iov = (struct iovec *)(uintptr_t)parts;
  /* The type differs: size_t on Linux, int on the BSDs. */
  while (n-- > 0)
    message.msg_iovlen++;
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static const struct ares_socket_functions socket_functions = {
  open_socket, close_socket, connect_socket, receive, send_vector
};

/* c-ares wants other events of a socket from now on; none before it closes. */
static void
watch_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
  struct sslci_resolver *r = arg;
  int events =
    (readable ? SSLC_READABLE : 0) | (writable ? SSLC_WRITABLE : 0);
  if (sslci_sockets_set(r->sockets, fd, events) != SSLC_OK)
    r->unwaitable = true;
}

/* ------------------------------------------------- queries of other kinds */

enum { UDP_SIZE = 1232 }; /* what no path fragments */

int
sslci_ares_channel(struct ares_channeldata **channel, const char *nameservers,
                   void (*watch)(void *arg, int fd, int readable, int writable),
                   void *arg)
{
  struct ares_options options;
  char lookups[] = "b";
  memset(&options, 0, sizeof options);
  options.flags = ARES_FLAG_EDNS | ARES_FLAG_NOCHECKRESP;
  options.ednspsz = UDP_SIZE;
  options.lookups = lookups;
  options.timeout = NAMESERVER_TIMEOUT_MS;
  options.sock_state_cb = watch;
  options.sock_state_cb_data = arg;
  if (!CRYPTO_THREAD_run_once(&once, init_library))
    return ARES_ENOMEM;
  if (library_status != ARES_SUCCESS)
    return library_status;
  int status =
    ares_init_options(channel, &options,
                      ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS |
                        ARES_OPT_TIMEOUTMS | ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS) {
    *channel = NULL;
    return status;
  }
  ares_set_socket_functions(*channel, &socket_functions, NULL);
  return nameservers ? ares_set_servers_ports_csv(*channel, nameservers)
                     : ARES_SUCCESS;
}

/* ----------------------------------------------------------------- answers */

static struct answer *
answer_of(const struct sslci_resolver *r, unsigned family)
{
  return (struct answer *)&r->answers[family == SSLCI_IPV6 ? 0 : 1];
}

/* Copies those of the family; ENODATA where there is none. */
static int
copy_nodes(struct answer *a, const struct ares_addrinfo_node *nodes)
{
  int family = a->family == SSLCI_IPV6 ? AF_INET6 : AF_INET;
  size_t n = 0;
  for (const struct ares_addrinfo_node *i = nodes; i; i = i->ai_next)
    n += i->ai_family == family;
  if (n == 0)
    return ARES_ENODATA;
  a->addrs = OPENSSL_zalloc(n * sizeof *a->addrs);
  if (!a->addrs)
    return ARES_ENOMEM;
  for (const struct ares_addrinfo_node *i = nodes; i; i = i->ai_next)
    if (i->ai_family == family &&
        sslci_addr_from_sockaddr(&a->addrs[a->n], i->ai_addr,
                                 (socklen_t)i->ai_addrlen, a->resolver->port))
      a->n++;
  return ARES_SUCCESS;
}

static void
settle(struct answer *a, int status)
{
  a->status = status;
  a->resolver->answered |= a->family;
}

static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
  struct answer *a = arg;
  (void)timeouts;
  if (status == ARES_SUCCESS)
    status = copy_nodes(a, info->nodes);
  if (info)
    ares_freeaddrinfo(info);
  if (status != ARES_EDESTRUCTION)
    settle(a, status);
}

/* What the hosts file says of a name holds for both families. */
static void
on_hosts(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
  struct sslci_resolver *r = arg;
  (void)timeouts;
  if (status == ARES_SUCCESS)
    for (size_t i = 0; i < 2; i++)
      settle(&r->answers[i], copy_nodes(&r->answers[i], info->nodes));
  if (info)
    ares_freeaddrinfo(info);
}

/* ---------------------------------------------------------------- starting */

/* "f" looks into the hosts file, "b" asks nameservers. */
static int
open_channel(struct sslci_resolver *r, ares_channel *channel, const char *where)
{
  struct ares_options options;
  char lookups[2] = { where[0], '\0' };
  memset(&options, 0, sizeof options);
  options.lookups = lookups;
  options.timeout = NAMESERVER_TIMEOUT_MS;
  options.sock_state_cb = watch_socket;
  options.sock_state_cb_data = r;
  return ares_init_options(channel, &options,
                           ARES_OPT_LOOKUPS | ARES_OPT_TIMEOUTMS |
                             ARES_OPT_SOCK_STATE_CB);
}

static void
ask(ares_channel channel, const char *name, int family,
    ares_addrinfo_callback callback, void *arg)
{
  struct ares_addrinfo_hints hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NOSORT; /* addr.c does it */
  ares_getaddrinfo(channel, name, NULL, &hints, callback, arg);
}

/* First, and alone: a name that stands there is not asked for anywhere. */
static int
look_into_hosts(struct sslci_resolver *r)
{
  ares_channel channel;
  int status = open_channel(r, &channel, "f");
  if (status != ARES_SUCCESS)
    return status;
  ask(channel, r->name, AF_UNSPEC, on_hosts, r);
  ares_destroy(channel);
  return ARES_SUCCESS;
}

/* Section 3 of RFC 8305: AAAA first, A right behind it. */
static int
ask_nameservers(struct sslci_resolver *r, const char *nameservers)
{
  int status = open_channel(r, &r->channel, "b");
  if (status != ARES_SUCCESS) {
    r->channel = NULL;
    return status;
  }
  ares_set_socket_functions(r->channel, &socket_functions, r);
  if (nameservers)
    status = ares_set_servers_ports_csv(r->channel, nameservers);
  if (status != ARES_SUCCESS)
    return status;
  if (r->families & SSLCI_IPV6)
    ask(r->channel, r->name, AF_INET6, on_answer, &r->answers[0]);
  if (r->families & SSLCI_IPV4)
    ask(r->channel, r->name, AF_INET, on_answer, &r->answers[1]);
  return ARES_SUCCESS;
}

static sslc_status
start_failure(sslc_error *e, const char *name, int status)
{
  if (status == ARES_ENOMEM)
    return sslci_error_nomem(e, SSLC_PHASE_DNS);
  return sslci_error_set(e, SSLC_CODE_DNS_FAILED, SSLC_PHASE_DNS,
                         "\"%s\" could not be resolved: %s", name,
                         ares_strerror(status));
}

static struct sslci_resolver *
make(struct sslci_sockets *sockets,
     const struct sslci_resolver_options *options)
{
  struct sslci_resolver *r = sslci_new(struct sslci_resolver);
  if (!r)
    return NULL;
  r->sockets = sockets;
  r->port = options->port;
  r->families = options->families;
  r->name = OPENSSL_strdup(options->name);
  for (size_t i = 0; i < 2; i++) {
    r->answers[i].resolver = r;
    r->answers[i].family = i == 0 ? SSLCI_IPV6 : SSLCI_IPV4;
  }
  return r;
}

sslc_status
sslci_resolver_start(struct sslci_resolver **out, struct sslci_sockets *sockets,
                     const struct sslci_resolver_options *options,
                     sslc_error *e)
{
  struct sslci_resolver *r = *out = make(sockets, options);
  if (!r || !r->name)
    return sslci_error_nomem(e, SSLC_PHASE_DNS);
  if (!CRYPTO_THREAD_run_once(&once, init_library))
    return sslci_error_nomem(e, SSLC_PHASE_DNS);
  int status = library_status;
  if (status == ARES_SUCCESS)
    status = look_into_hosts(r);
  if (status == ARES_SUCCESS && r->answered == 0)
    status = ask_nameservers(r, options->nameservers);
  r->answered &= r->families;
  if (status != ARES_SUCCESS)
    return start_failure(e, options->name, status);
  return SSLC_OK;
}

void
sslci_resolver_free(struct sslci_resolver *r)
{
  if (!r)
    return;
  if (r->channel)
    ares_destroy(r->channel);
  for (size_t i = 0; i < 2; i++)
    OPENSSL_free(r->answers[i].addrs);
  OPENSSL_free(r->name);
  OPENSSL_free(r);
}

/* ------------------------------------------------------------------- steps */

/* What cannot be waited for would never come. */
static void
give_up_waiting(struct sslci_resolver *r)
{
  for (size_t i = 0; i < 2; i++) {
    struct answer *a = &r->answers[i];
    if (a->family & r->families & ~(r->answered | r->taken))
      settle(a, ARES_ENOMEM);
  }
}

void
sslci_resolver_process(struct sslci_resolver *r, int fd, int events)
{
  if (!r->channel)
    return;
  ares_process_fd(r->channel, events & SSLC_READABLE ? fd : ARES_SOCKET_BAD,
                  events & SSLC_WRITABLE ? fd : ARES_SOCKET_BAD);
  if (r->unwaitable)
    give_up_waiting(r);
}

int64_t
sslci_resolver_due(const struct sslci_resolver *r)
{
  struct timeval tv;
  if (!r->channel || !ares_timeout(r->channel, NULL, &tv))
    return SSLC_FOREVER;
  /* It counts in milliseconds, and cuts the rest off. */
  return sslc_now() + ((int64_t)tv.tv_sec * 1000 + 1) * NS_PER_MS +
         (int64_t)tv.tv_usec * NS_PER_US;
}

unsigned
sslci_resolver_answered(const struct sslci_resolver *r)
{
  return r->answered;
}

struct sslci_addr *
sslci_resolver_take(struct sslci_resolver *r, unsigned family, size_t *n)
{
  struct answer *a = answer_of(r, family);
  r->answered &= ~family;
  r->taken |= family;
  *n = a->n;
  return a->addrs;
}

/* ----------------------------------------------------------------- reasons */

static const struct reason {
  int status;
  const char *says;
} reasons[] = {
  { ARES_ENOTFOUND, "the name does not exist" },
  { ARES_ETIMEOUT, "no nameserver answered" },
  { ARES_ECONNREFUSED, "no nameserver could be reached" },
  { ARES_ESERVFAIL, "the nameserver failed (SERVFAIL)" },
  { ARES_ENOTIMP, "the nameserver does not do such queries (NOTIMP)" },
  { ARES_EREFUSED, "the nameserver refused the query (REFUSED)" },
  { ARES_EFORMERR, "the nameserver did not understand the query (FORMERR)" },
  { ARES_EBADRESP, "the nameserver's answer is malformed" },
  { ARES_EBADNAME, "the name cannot be asked for" },
};

/* Before 1.20 c-ares reports every refusal as ECONNREFUSED. */
static int
true_status(const struct sslci_resolver *r, const struct answer *a)
{
  if (a->status != ARES_ECONNREFUSED)
    return a->status;
  switch (r->rcode) {
  case SERVFAIL:
    return ARES_ESERVFAIL;
  case NOTIMP:
    return ARES_ENOTIMP;
  case REFUSED:
    return ARES_EREFUSED;
  default:
    return a->status;
  }
}

const char *
sslci_resolver_trouble(const struct sslci_resolver *r, unsigned family)
{
  if (!r || !(r->taken & family))
    return NULL;
  int status = true_status(r, answer_of(r, family));
  if (status == ARES_SUCCESS || status == ARES_ENODATA)
    return NULL;
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
    if (reasons[i].status == status)
      return reasons[i].says;
  return ares_strerror(status);
}

static bool
any_is(const struct sslci_resolver *r, int status)
{
  for (size_t i = 0; i < 2; i++)
    if ((r->answers[i].family & r->families) && r->answers[i].status == status)
      return true;
  return false;
}

static const char *
family_name(unsigned families)
{
  if (families == SSLCI_IPV6)
    return "IPv6 ";
  return families == SSLCI_IPV4 ? "IPv4 " : "";
}

/* Two queries, one sentence: the same trouble is told once, and of two that
 * differ each with its family. */
void
sslci_resolver_explain(const struct sslci_resolver *r, sslc_error *e)
{
  const char *six = sslci_resolver_trouble(r, SSLCI_IPV6);
  const char *four = sslci_resolver_trouble(r, SSLCI_IPV4);
  const char *one = six ? six : four;
  bool same = six && four && strcmp(six, four) == 0;
  bool missing = any_is(r, ARES_ENOTFOUND) &&
                 (same || family_name(r->families)[0]);
  if (any_is(r, ARES_ENOMEM))
    sslci_error_begin(e, SSLC_CODE_OUT_OF_MEMORY, SSLC_PHASE_DNS, NULL);
  else if (missing)
    sslci_error_begin(e, SSLC_CODE_DNS_FAILED, SSLC_PHASE_DNS,
                      "\"%s\" does not exist", r->name);
  else if (!one)
    sslci_error_begin(e, SSLC_CODE_DNS_FAILED, SSLC_PHASE_DNS,
                      "\"%s\" has no %saddress", r->name,
                      family_name(r->families));
  else if (same || family_name(r->families)[0])
    sslci_error_begin(e, SSLC_CODE_DNS_FAILED, SSLC_PHASE_DNS,
                      "\"%s\" could not be resolved: %s", r->name, one);
  else
    sslci_error_begin(e, SSLC_CODE_DNS_FAILED, SSLC_PHASE_DNS,
                      "\"%s\" could not be resolved: IPv6: %s; IPv4: %s",
                      r->name, six ? six : "there is no address",
                      four ? four : "there is no address");
}

/* ------------------------------------------------------------- nameservers */

static bool
is_port(const char *text)
{
  char *end;
  long n = strtol(text, &end, 10);
  return text[0] >= '0' && text[0] <= '9' && *end == '\0' && n >= 1 &&
         n <= 65535;
}

/* "192.0.2.53", "192.0.2.53:53", "2001:db8::53", "[2001:db8::53]:53"; takes
 * the text apart. */
static bool
is_nameserver(char *text)
{
  struct in6_addr addr;
  char *port = NULL, *colon = strchr(text, ':');
  int family = AF_INET;
  if (text[0] == '[') {
    char *end = strchr(++text, ']');
    if (!end || (end[1] != '\0' && end[1] != ':'))
      return false;
    port = end[1] == ':' ? end + 2 : NULL;
    *end = '\0';
    family = AF_INET6;
  } else if (colon && strchr(colon + 1, ':')) {
    family = AF_INET6;
  } else if (colon) {
    *colon = '\0';
    port = colon + 1;
  }
  return inet_pton(family, text, &addr) == 1 && (!port || is_port(port));
}

sslc_status
sslci_nameservers_check(const char *list, sslc_error *e)
{
  const char *at = list;
  while (at) {
    char one[64];
    size_t len = strcspn(at, ",");
    if (len < sizeof one) {
      memcpy(one, at, len);
      one[len] = '\0';
    }
    if (len >= sizeof one || !is_nameserver(one))
      return sslci_error_set(e, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                             "nameservers \"%.100s\" cannot be used: expected "
                             "addresses, each with or without a port, with "
                             "commas in between", list);
    at = at[len] == ',' ? at + len + 1 : NULL;
  }
  return SSLC_OK;
}
