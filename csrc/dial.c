/*
 * dial.c: from host and port to a connected socket.  The answers of resolve.c
 * and the sockets made here run in the race of race.c; all that is waited for
 * is kept by dial_sockets.c.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000 };

/* RFC 8305, section 8. */
enum { ATTEMPT_DELAY = 250, RESOLUTION_DELAY = 50 };

/* How long after a Unix socket's full queue it is tried again: the kernel
 * tells nobody when there is room. */
enum { RETRY_DELAY = 10 };

/* --------------------------------------------------------------- making */

sslc_dial *
sslc_dial_new(void)
{
  sslc_dial *dial = sslci_new(sslc_dial);
  if (!dial)
    return NULL;
  dial->fd = -1;
  dial->tcp_nodelay = true;
  dial->attempt_delay = (int64_t)ATTEMPT_DELAY * NS_PER_MS;
  dial->resolution_delay = (int64_t)RESOLUTION_DELAY * NS_PER_MS;
  dial->retry_at = SSLC_FOREVER;
  sslci_error_clear(&dial->err);
  sslci_error_clear(&dial->misuse);
  return dial;
}

static void
close_attempt(sslc_dial *dial, struct sslci_attempt *a)
{
  if (a->fd < 0)
    return;
  sslci_sockets_set(&dial->sockets, a->fd, 0);
  close(a->fd);
  a->fd = -1;
}

/* Everything that was under way; the sockets' descriptor stays. */
static void
stop(sslc_dial *dial)
{
  for (size_t i = 0; i < dial->race.tried; i++)
    close_attempt(dial, &dial->race.attempts[i]);
  sslci_race_free(&dial->race);
  sslci_resolver_free(dial->resolver);
  dial->resolver = NULL;
  dial->retry_at = SSLC_FOREVER;
}

void
sslc_dial_free(sslc_dial *dial)
{
  if (!dial)
    return;
  stop(dial);
  sslci_tlsa_free(dial->tlsa);
  sslci_sockets_free(&dial->sockets);
  if (dial->fd >= 0)
    close(dial->fd);
  sslci_error_clear(&dial->err);
  sslci_error_clear(&dial->misuse);
  OPENSSL_free(dial->nameservers);
  OPENSSL_free(dial->given);
  OPENSSL_free(dial->host);
  OPENSSL_free(dial);
}

/* --------------------------------------------------------------- errors */

const sslc_error *
sslc_dial_error(const sslc_dial *dial)
{
  if (!dial)
    return NULL;
  return sslci_error_or_null(dial->misused ? &dial->misuse : &dial->err);
}

sslc_status
sslci_dial_refuse(sslc_dial *dial, int code, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  char *why = sslci_vasprintf(fmt, ap);
  va_end(ap);
  sslci_error_begin(&dial->misuse, code, SSLC_PHASE_NONE, why ? "%s" : NULL,
                    why);
  OPENSSL_free(why);
  sslci_set_string(&dial->misuse.host, dial->host);
  dial->misused = true;
  return sslci_error_finish(&dial->misuse);
}

/* Says whom the error is about, and ends the dial. */
static sslc_status
fail(sslc_dial *dial)
{
  dial->phase = dial->err.phase;
  dial->state = SSLCI_DIAL_FAILED;
  if (dial->fd >= 0) /* connected, but not to whom it should be */
    close(dial->fd);
  dial->fd = -1;
  sslci_set_string(&dial->err.host, dial->host);
  stop(dial);
  return sslci_error_finish(&dial->err);
}

static sslc_status
fail_nomem(sslc_dial *dial)
{
  sslci_error_begin(&dial->err, SSLC_CODE_OUT_OF_MEMORY,
                    sslc_dial_phase(dial), NULL);
  return fail(dial);
}

static sslc_status
fail_system(sslc_dial *dial, int err)
{
  sslci_error_begin(&dial->err, sslci_errno_code(err), sslc_dial_phase(dial),
                    "%s", strerror(err));
  dial->err.sys_errno = err;
  return fail(dial);
}

/* What became of each address and of each query. */
static void
list_tried(const sslc_dial *dial, struct sslci_text *t)
{
  static const unsigned families[] = { SSLCI_IPV6, SSLCI_IPV4 };
  char address[SSLCI_ADDR_TEXT];
  for (size_t i = 0; i < dial->race.tried; i++) {
    const struct sslci_attempt *a = &dial->race.attempts[i];
    bool failed = a->state == SSLCI_ATTEMPT_FAILED;
    sslci_addr_text(&a->addr, address, sizeof address);
    sslci_text_add(t, "%s%s: %s", t->len ? ", " : "", address,
                   failed ? strerror(a->err) : "no answer yet");
  }
  for (size_t i = 0; i < 2; i++) {
    const char *why = sslci_resolver_trouble(dial->resolver, families[i]);
    if (why)
      sslci_text_add(t, "%s%s addresses: %s", t->len ? ", " : "",
                     families[i] == SSLCI_IPV6 ? "IPv6" : "IPv4", why);
  }
}

/* That there is no way there says less than what one that was reached said. */
static bool
is_no_way(int err)
{
  return err == ENETUNREACH || err == EHOSTUNREACH || err == EADDRNOTAVAIL ||
         err == EAFNOSUPPORT;
}

/* The failure that stands for all: of the first tried that tells most. */
static const struct sslci_attempt *
most_telling(const struct sslci_race *race)
{
  const struct sslci_attempt *best = &race->attempts[0];
  for (size_t i = 1; i < race->tried && is_no_way(best->err); i++)
    if (!is_no_way(race->attempts[i].err))
      best = &race->attempts[i];
  return best;
}

static sslc_status
fail_connect(sslc_dial *dial)
{
  const struct sslci_attempt *a = most_telling(&dial->race);
  struct sslci_text tried = { NULL, 0 };
  list_tried(dial, &tried);
  sslci_addr_text(&a->addr, dial->address, sizeof dial->address);
  sslci_error_begin(&dial->err, sslci_errno_code(a->err), SSLC_PHASE_CONNECT,
                    "%s", tried.text ? tried.text : strerror(a->err));
  dial->err.sys_errno = a->err;
  sslci_set_string(&dial->err.address, dial->address);
  OPENSSL_free(tried.text);
  return fail(dial);
}

/* Nothing was left to try. */
static sslc_status
lose(sslc_dial *dial)
{
  if (dial->race.tried > 0)
    return fail_connect(dial);
  sslci_resolver_explain(dial->resolver, &dial->err);
  return fail(dial);
}

static sslc_status
time_out(sslc_dial *dial)
{
  int phase = sslc_dial_phase(dial);
  bool dns = phase == SSLC_PHASE_DNS;
  struct sslci_text tried = { NULL, 0 };
  if (dns || dial->race.tried > 1)
    list_tried(dial, &tried);
  sslci_error_begin(&dial->err, SSLC_CODE_TIMEOUT, phase,
                    "the deadline passed while %s%s%s%s",
                    dial->state == SSLCI_DIAL_CONNECTED
                      ? "its TLSA records were asked for"
                      : dns ? "the name was being resolved" : "connecting",
                    tried.len ? " (" : "", tried.text ? tried.text : "",
                    tried.len ? ")" : "");
  OPENSSL_free(tried.text);
  sslci_set_string(&dial->err.host, dial->host);
  if (!dns)
    sslci_set_string(&dial->err.address, dial->address);
  return sslci_error_finish(&dial->err);
}

/* -------------------------------------------------------------- starting */

static unsigned
families(const sslc_dial *dial)
{
  if (dial->bound.len == 0)
    return SSLCI_IPV4 | SSLCI_IPV6;
  return dial->bound.u.sa.sa_family == AF_INET ? SSLCI_IPV4 : SSLCI_IPV6;
}

static void
rank(const sslc_dial *dial, struct sslci_addr *a)
{
  sslci_addr_rank_here(a, dial->bound.len ? &dial->bound : NULL);
}

/* RFC 6761, section 6: names that nobody is to be asked for. */
static bool
is_below(const char *name, const char *top)
{
  size_t len = strlen(name), n = strlen(top);
  return len >= n && strcmp(name + len - n, top) == 0 &&
         (len == n || name[len - n - 1] == '.');
}

static sslc_status
use_loopback(sslc_dial *dial)
{
  static const char *const texts[] = { "::1", "127.0.0.1" };
  for (size_t i = 0; i < 2; i++) {
    struct sslci_name name;
    struct sslci_addr a;
    if (!(families(dial) & (i == 0 ? SSLCI_IPV6 : SSLCI_IPV4)))
      continue;
    sslci_name_parse(&name, texts[i], "address", &dial->err);
    sslci_addr_from_name(&a, &name, dial->port);
    rank(dial, &a);
    if (!sslci_race_add(&dial->race, &a, 1))
      return fail_nomem(dial);
  }
  return SSLC_OK;
}

/* In the order they were given; the families take turns all the same. */
static sslc_status
use_given(sslc_dial *dial)
{
  for (size_t i = 0; i < dial->given_count; i++)
    sslci_addr_set_port(&dial->given[i], dial->port);
  if (!sslci_race_add(&dial->race, dial->given, dial->given_count))
    return fail_nomem(dial);
  return SSLC_OK;
}

static sslc_status
no_such_name(sslc_dial *dial, const char *name)
{
  sslci_error_begin(&dial->err, SSLC_CODE_DNS_FAILED, SSLC_PHASE_DNS,
                    "\"%s\" does not exist", name);
  return fail(dial);
}

/* The answers that are there, into the race. */
static sslc_status
take_answers(sslc_dial *dial)
{
  static const unsigned order[] = { SSLCI_IPV6, SSLCI_IPV4 };
  for (size_t i = 0; i < 2 && dial->resolver; i++) {
    size_t n;
    if (!(sslci_resolver_answered(dial->resolver) & order[i]))
      continue;
    struct sslci_addr *a = sslci_resolver_take(dial->resolver, order[i], &n);
    for (size_t j = 0; j < n; j++)
      rank(dial, &a[j]);
    if (!sslci_race_answer(&dial->race, order[i], a, n, sslc_now()))
      return fail_nomem(dial);
  }
  return SSLC_OK;
}

static sslc_status
ask(sslc_dial *dial, const char *name)
{
  struct sslci_resolver_options options = { name, dial->port, families(dial),
                                            dial->nameservers };
  sslci_race_await(&dial->race, families(dial));
  if (sslci_resolver_start(&dial->resolver, &dial->sockets, &options,
                           &dial->err) != SSLC_OK)
    return fail(dial);
  return take_answers(dial);
}

/* `absolute`: the host had a dot at its end, so that no search domain is to
 * be put behind it. */
static sslc_status
find_addresses(sslc_dial *dial, const struct sslci_name *name, bool absolute)
{
  char text[sizeof name->text + 1];
  struct sslci_addr a;
  snprintf(text, sizeof text, "%s%s", name->text, absolute ? "." : "");
  if (dial->given)
    return use_given(dial);
  if (name->kind == SSLCI_NAME_DNS && is_below(name->text, "localhost"))
    return use_loopback(dial);
  if (name->kind == SSLCI_NAME_DNS && is_below(name->text, "invalid"))
    return no_such_name(dial, name->text);
  if (name->kind == SSLCI_NAME_DNS)
    return ask(dial, text);
  sslci_addr_from_name(&a, name, dial->port);
  return sslci_race_add(&dial->race, &a, 1) ? SSLC_OK : fail_nomem(dial);
}

/* Names that nobody is to be asked for have no records, nor has an address. */
static sslc_status
ask_tlsa(sslc_dial *dial, const struct sslci_name *name)
{
  bool named = name && name->kind == SSLCI_NAME_DNS &&
               !is_below(name->text, "localhost") &&
               !is_below(name->text, "invalid");
  if (dial->tlsa_mode == SSLC_TLSA_OFF ||
      (!named && dial->tlsa_mode != SSLC_TLSA_REQUIRED))
    return SSLC_OK;
  if (!named) {
    sslci_error_begin(&dial->err, SSLC_CODE_DANE_MISMATCH, SSLC_PHASE_DNS,
                      "TLSA records are required, and \"%s\" is no name that "
                      "has any", dial->host);
    return fail(dial);
  }
  dial->tlsa = sslci_tlsa_start(&dial->sockets, name->text, dial->port,
                                dial->nameservers);
  return dial->tlsa ? SSLC_OK : fail_nomem(dial);
}

/* What both ways of starting begin with; takes `host` over. */
static sslc_status
begin(sslc_dial *dial, char *host)
{
  if (!host)
    return sslci_error_nomem(&dial->err, SSLC_PHASE_DNS);
  OPENSSL_free(dial->host);
  dial->host = host;
  sslci_race_init(&dial->race, dial->resolution_delay, dial->attempt_delay);
  dial->state = SSLCI_DIAL_RUNNING;
  return SSLC_OK;
}

static sslc_status
startable(sslc_dial *dial)
{
  if (!dial)
    return SSLC_ERR_ARG;
  if (dial->state != SSLCI_DIAL_NEW)
    return sslci_dial_refuse(dial, SSLC_CODE_MISUSE,
                             "the dial was started before");
  dial->misused = false;
  sslci_error_clear(&dial->err);
  return SSLC_OK;
}

/* A zone that this machine does not have is told before anything begins. */
static sslc_status
check_zone(sslc_dial *dial, const struct sslci_name *name)
{
  struct sslci_addr a;
  const char *bad = *name->zone ? sslci_addr_from_name(&a, name, 0) : NULL;
  if (!bad)
    return SSLC_OK;
  return sslci_error_set(&dial->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                         "host \"%s%%%s\" cannot be used: %s", name->text,
                         name->zone, bad);
}

sslc_status
sslc_dial_start(sslc_dial *dial, const char *host, int port)
{
  struct sslci_name name;
  sslc_status status = startable(dial);
  if (status != SSLC_OK)
    return status;
  status = sslci_name_parse(&name, host, "host", &dial->err);
  if (status == SSLC_OK)
    status = check_zone(dial, &name);
  if (status != SSLC_OK)
    return status;
  if (port < 1 || port > 65535)
    return sslci_error_set(&dial->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "port %d is not between 1 and 65535", port);
  bool v6 = name.kind == SSLCI_NAME_IPV6;
  dial->port = port;
  status =
    begin(dial, sslci_asprintf(v6 ? "[%s]:%d" : "%s:%d", name.text, port));
  if (status == SSLC_OK)
    status = ask_tlsa(dial, &name);
  if (status == SSLC_OK)
    status = find_addresses(dial, &name, host[strlen(host) - 1] == '.');
  return status;
}

sslc_status
sslc_dial_start_unix(sslc_dial *dial, const char *path)
{
  struct sslci_addr a;
  sslc_status status = startable(dial);
  if (status != SSLC_OK)
    return status;
  const char *bad = sslci_addr_from_path(&a, path);
  if (bad)
    return sslci_error_set(&dial->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "path \"%.200s\" cannot be used: %s",
                           path ? path : "", bad);
  status = begin(dial, OPENSSL_strdup(path));
  if (status == SSLC_OK)
    status = ask_tlsa(dial, NULL);
  if (status == SSLC_OK && !sslci_race_add(&dial->race, &a, 1))
    status = fail_nomem(dial);
  return status;
}

/* --------------------------------------------------------------- attempts */

/* The port is chosen at connect(2) where that can be, ip(7): then many
 * sockets can share one, as long as they go to different peers. */
static int
bind_socket(const sslc_dial *dial, int fd)
{
#if defined(IP_BIND_ADDRESS_NO_PORT)
  int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
  return bind(fd, &dial->bound.u.sa, dial->bound.len);
}

/* What is written first may leave with the SYN: connect(2) is then done before
 * anything has been sent. */
static void
set_fastopen(int fd)
{
#if defined(TCP_FASTOPEN_CONNECT)
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
#else
  (void)fd;
#endif
}

static int
open_socket(const sslc_dial *dial, const struct sslci_addr *to)
{
  int family = to->u.sa.sa_family;
  bool binds = dial->bound.len != 0 && family != AF_UNIX;
  if (binds && dial->bound.u.sa.sa_family != family) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  int fd = sslci_stream_socket(family);
  if (fd >= 0 && dial->fastopen && family != AF_UNIX)
    set_fastopen(fd);
  if (fd < 0 || !binds || bind_socket(dial, fd) == 0)
    return fd;
  int err = errno;
  close(fd);
  errno = err;
  return -1;
}

static void
attempt_failed(sslc_dial *dial, size_t i, int err)
{
  close_attempt(dial, &dial->race.attempts[i]);
  sslci_race_failed(&dial->race, i, err, sslc_now());
}

/* connect(2): connected, on its way, failed, or to be called again. */
static void
connect_attempt(sslc_dial *dial, size_t i)
{
  struct sslci_attempt *a = &dial->race.attempts[i];
  bool local = a->addr.u.sa.sa_family == AF_UNIX;
  dial->retry_at = SSLC_FOREVER;
  if (connect(a->fd, &a->addr.u.sa, a->addr.len) == 0) {
    sslci_race_connected(&dial->race, i);
  } else if (errno == EINPROGRESS || errno == EINTR) {
    if (sslci_sockets_set(&dial->sockets, a->fd, SSLC_WRITABLE) != SSLC_OK)
      attempt_failed(dial, i, errno);
  } else if (local && errno == EAGAIN) {
    dial->retry_at = sslc_now() + (int64_t)RETRY_DELAY * NS_PER_MS;
  } else {
    attempt_failed(dial, i, errno);
  }
}

static void
attempt(sslc_dial *dial, size_t i)
{
  struct sslci_attempt *a = &dial->race.attempts[i];
  sslci_addr_text(&a->addr, dial->address, sizeof dial->address);
  a->fd = open_socket(dial, &a->addr);
  if (a->fd < 0)
    attempt_failed(dial, i, errno);
  else
    connect_attempt(dial, i);
}

/* Linux tells of an error by POLLERR as well, tcp(7); where it did not there
 * is none to be asked for. */
#if defined(__linux__)
enum { TELLS_ERRORS = true };
#else
enum { TELLS_ERRORS = false };
#endif

/* Something was told of an attempt's socket.  That there is no error yet does
 * not mean that it is connected, but that it can be written.  Nobody asked
 * whether it can be read: that tells of an error. */
static void
look(sslc_dial *dial, size_t i, int events)
{
  int err = 0;
  socklen_t len = sizeof err;
  int fd = dial->race.attempts[i].fd;
  bool well = TELLS_ERRORS && events == SSLC_WRITABLE;
  if (!(events & SSLC_WRITABLE))
    return;
  if (!well && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
    err = errno;
  if (err == 0)
    sslci_race_connected(&dial->race, i);
  else
    attempt_failed(dial, i, err);
}

/* ------------------------------------------------------------------- steps */

static void
set_keepalive(const sslc_dial *dial)
{
  int on = 1, seconds = dial->keepalive;
  setsockopt(dial->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
#if defined(TCP_KEEPIDLE)
  setsockopt(dial->fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
#elif defined(TCP_KEEPALIVE) /* macOS */
  setsockopt(dial->fd, IPPROTO_TCP, TCP_KEEPALIVE, &seconds, sizeof seconds);
#endif
#if defined(TCP_KEEPINTVL)
  setsockopt(dial->fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
#endif
}

/* One has connected: it is kept, everything else is let go. */
static sslc_status
win(sslc_dial *dial, size_t i)
{
  struct sslci_attempt *a = &dial->race.attempts[i];
  int family = a->addr.u.sa.sa_family, on = 1;
  sslci_addr_text(&a->addr, dial->address, sizeof dial->address);
  sslci_sockets_set(&dial->sockets, a->fd, 0);
  dial->fd = a->fd;
  a->fd = -1;
  stop(dial);
  if (family != AF_UNIX && dial->tcp_nodelay)
    setsockopt(dial->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (family != AF_UNIX && dial->keepalive > 0)
    set_keepalive(dial);
  dial->phase = SSLC_PHASE_CONNECT;
  dial->state = SSLCI_DIAL_CONNECTED;
  return SSLC_OK;
}

/* True where the descriptor is an attempt's; c-ares has the others. */
static bool
is_attempt(const sslc_dial *dial, int fd, size_t *which)
{
  for (*which = 0; *which < dial->race.tried; ++*which)
    if (dial->race.attempts[*which].fd == fd)
      return true;
  return false;
}

/* Each passes over what is not its own. */
static void
pass_on(sslc_dial *dial, int fd, int events)
{
  if (dial->resolver)
    sslci_resolver_process(dial->resolver, fd, events);
  if (dial->tlsa)
    sslci_tlsa_process(dial->tlsa, fd, events);
}

/* Passes on what is told of the sockets, without waiting for it.  No attempt
 * begins in here: no descriptor of an old event is that of a new socket. */
static sslc_status
collect(sslc_dial *dial)
{
  size_t which;
  int events = 0, fd;
  if (sslci_sockets_look(&dial->sockets) != SSLC_OK)
    return fail_system(dial, errno);
  while (!dial->race.won &&
         (fd = sslci_sockets_next(&dial->sockets, &events)) >= 0) {
    if (is_attempt(dial, fd, &which))
      look(dial, which, events);
    else
      pass_on(dial, fd, events);
  }
  pass_on(dial, -1, 0);
  if (sslc_now() >= dial->retry_at)
    connect_attempt(dial, 0);
  return take_answers(dial);
}

static sslc_status
run(sslc_dial *dial)
{
  size_t which;
  for (;;) {
    switch (sslci_race_next(&dial->race, sslc_now(), &which)) {
    case SSLCI_RACE_TRY:
      attempt(dial, which);
      break;
    case SSLCI_RACE_WON:
      return win(dial, which);
    case SSLCI_RACE_LOST:
      return lose(dial);
    default:
      return SSLC_WANT_CONNECT;
    }
  }
}

static bool
awaits_tlsa(const sslc_dial *dial)
{
  return dial->tlsa && !sslci_tlsa_is_done(dial->tlsa);
}

/* There is a connection, and no use of it without the records. */
static sslc_status
collect_tlsa(sslc_dial *dial)
{
  int events = 0, fd;
  if (sslci_sockets_look(&dial->sockets) != SSLC_OK)
    return fail_system(dial, errno);
  while ((fd = sslci_sockets_next(&dial->sockets, &events)) >= 0)
    sslci_tlsa_process(dial->tlsa, fd, events);
  sslci_tlsa_process(dial->tlsa, -1, 0);
  return SSLC_OK;
}

static sslc_status
advance(sslc_dial *dial)
{
  bool connected = dial->state == SSLCI_DIAL_CONNECTED;
  sslc_status status = SSLC_OK;
  if (dial->sockets.unwaitable)
    return fail_system(dial, dial->sockets.unwaitable);
  if (!connected)
    status = collect(dial);
  else if (awaits_tlsa(dial))
    status = collect_tlsa(dial);
  return status == SSLC_OK && !connected ? run(dial) : status;
}

/* Records that are no good end the dial at once; those that have not come hold
 * it up. */
static sslc_status
with_tlsa(sslc_dial *dial, sslc_status status)
{
  if (status < 0 || !dial->tlsa)
    return status;
  if (awaits_tlsa(dial))
    return SSLC_WANT_CONNECT;
  bool required = dial->tlsa_mode == SSLC_TLSA_REQUIRED;
  if (sslci_tlsa_judge(dial->tlsa, required, &dial->err) != SSLC_OK)
    return fail(dial);
  return status;
}

sslc_status
sslc_dial_step(sslc_dial *dial)
{
  if (!dial)
    return SSLC_ERR_ARG;
  dial->misused = false;
  if (dial->state == SSLCI_DIAL_FAILED)
    return sslc_error_status(&dial->err);
  if (dial->state == SSLCI_DIAL_NEW)
    return sslci_dial_refuse(dial, SSLC_CODE_MISUSE,
                             "the dial was not started");
  sslci_error_clear(&dial->err);
  return with_tlsa(dial, advance(dial));
}

/* When the dial has something to do that its descriptor does not tell of. */
static int64_t
due(const sslc_dial *dial)
{
  if (dial->state == SSLCI_DIAL_CONNECTED)
    return dial->tlsa ? sslci_tlsa_due(dial->tlsa) : SSLC_FOREVER;
  int64_t at = sslci_race_due(&dial->race, sslc_now());
  if (dial->tlsa && sslci_tlsa_due(dial->tlsa) < at)
    at = sslci_tlsa_due(dial->tlsa);
  int64_t other = dial->resolver ? sslci_resolver_due(dial->resolver)
                                 : SSLC_FOREVER;
  if (other < at)
    at = other;
  return dial->retry_at < at ? dial->retry_at : at;
}

static bool
is_over(const sslc_dial *dial)
{
  return dial->state != SSLCI_DIAL_RUNNING && !awaits_tlsa(dial);
}

sslc_status
sslc_dial_wait_once(sslc_dial *dial, int64_t deadline)
{
  if (!dial || dial->state == SSLCI_DIAL_NEW || is_over(dial) ||
      dial->sockets.unwaitable)
    return sslc_dial_step(dial);
  int64_t at = due(dial);
  if (sslci_sockets_wait(&dial->sockets, at < deadline ? at : deadline) !=
      SSLC_OK)
    return fail_system(dial, errno);
  return sslc_dial_step(dial);
}

sslc_status
sslc_dial_wait(sslc_dial *dial, int64_t deadline)
{
  sslc_status status = sslc_dial_step(dial);
  while (status == SSLC_WANT_CONNECT) {
    if (deadline != SSLC_FOREVER && sslc_now() >= deadline)
      return time_out(dial);
    status = sslc_dial_wait_once(dial, deadline);
  }
  return status;
}

/* ---------------------------------------------------------------- asking */

int
sslc_dial_fd(sslc_dial *dial)
{
  if (!dial || dial->state == SSLCI_DIAL_NEW)
    return -1;
  return sslci_sockets_fd(&dial->sockets);
}

int
sslc_dial_events(sslc_dial *dial)
{
  return sslc_dial_fd(dial) >= 0 ? SSLC_READABLE : 0;
}

int
sslc_dial_sole_fd(const sslc_dial *dial, int *events)
{
  int wanted = 0;
  int fd = dial ? sslci_sockets_sole(&dial->sockets, &wanted) : -1;
  if (events)
    *events = fd >= 0 ? wanted : 0;
  return fd;
}

int64_t
sslc_dial_timeout(const sslc_dial *dial)
{
  if (!dial || dial->state == SSLCI_DIAL_NEW)
    return -1;
  if (is_over(dial))
    return 0;
  int64_t at = due(dial), now = sslc_now();
  if (at == SSLC_FOREVER)
    return -1;
  return at > now ? at - now : 0;
}

int
sslc_dial_phase(const sslc_dial *dial)
{
  if (!dial)
    return SSLC_PHASE_NONE;
  if (dial->state == SSLCI_DIAL_NEW)
    return SSLC_PHASE_DNS;
  if (dial->state == SSLCI_DIAL_CONNECTED && awaits_tlsa(dial))
    return SSLC_PHASE_DNS;
  if (dial->state != SSLCI_DIAL_RUNNING)
    return dial->phase;
  return sslci_race_is_running(&dial->race, sslc_now()) ? SSLC_PHASE_CONNECT
                                                        : SSLC_PHASE_DNS;
}

int
sslc_dial_take_fd(sslc_dial *dial)
{
  if (!dial)
    return -1;
  int fd = awaits_tlsa(dial) ? -1 : dial->fd;
  if (fd >= 0)
    dial->fd = -1;
  return fd;
}

const char *
sslc_dial_address(const sslc_dial *dial)
{
  return dial ? dial->address : "";
}
