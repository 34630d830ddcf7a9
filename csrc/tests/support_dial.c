/*
 * support_dial.c: listeners, a nameserver (RFC 1035) and the loop for the tests
 * of dialling.
 */
#include "support_dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int
open_fds(void)
{
  int fd, n = 0;

  for (fd = 0; fd < 1024; fd++)
    n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

/* -------------------------------------------------------------- listeners */

static socklen_t
make_address(struct sockaddr_storage *ss, const char *ip, int port)
{
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
  struct sockaddr_in *in = (struct sockaddr_in *)ss;

  memset(ss, 0, sizeof *ss);
  if (inet_pton(AF_INET6, ip, &in6->sin6_addr) == 1) {
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons((uint16_t)port);
    return sizeof *in6;
  }
  assert_int_equal(inet_pton(AF_INET, ip, &in->sin_addr), 1);
  in->sin_family = AF_INET;
  in->sin_port = htons((uint16_t)port);
  return sizeof *in;
}

static int
bind_to(const char *ip, int type, int *port)
{
  struct sockaddr_storage ss;
  socklen_t len = make_address(&ss, ip, *port);
  int fd = socket(ss.ss_family, type, 0), on = 1;

  if (fd < 0)
    return -1;
  if (ss.ss_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&ss, len) != 0) {
    close(fd);
    return -1;
  }
  assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
  *port = ntohs(((struct sockaddr_in *)&ss)->sin_port);
  return fd;
}

int
listen_on(const char *ip, int *port)
{
  int fd = bind_to(ip, SOCK_STREAM, port);

  if (fd >= 0)
    assert_int_equal(listen(fd, 64), 0);
  return fd;
}

int
full_init(struct full *full, const char *ip, int port)
{
  struct sockaddr_storage ss;
  socklen_t len;
  size_t i;

  full->port = port;
  full->listener = bind_to(ip, SOCK_STREAM, &full->port);
  if (full->listener < 0)
    return 0;
  assert_int_equal(listen(full->listener, 0), 0);
  len = make_address(&ss, ip, full->port);
  for (i = 0; i < COUNT(full->inside); i++) {
    full->inside[i] = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(full->inside[i], (struct sockaddr *)&ss, len);
  }
  return 1;
}

void
full_free(struct full *full)
{
  size_t i;

  for (i = 0; i < COUNT(full->inside); i++)
    close(full->inside[i]);
  close(full->listener);
}

/* ------------------------------------------------------------ a nameserver */

void
dns_init(struct dns *dns, const struct dns_rule *rules)
{
  memset(dns, 0, sizeof *dns);
  dns->rules = rules;
  dns->fd = bind_to("127.0.0.1", SOCK_DGRAM, &dns->port);
  assert_true(dns->fd >= 0);
}

void
dns_free(struct dns *dns)
{
  close(dns->fd);
}

void
dns_use(const struct dns *dns, sslc_dial *dial)
{
  char text[32];

  snprintf(text, sizeof text, "127.0.0.1:%d", dns->port);
  assert_ok(sslc_dial_set_nameservers(dial, text), sslc_dial_error(dial));
}

enum { HEADER = 12, ANSWER = 12 /* and the address */ };

/* The name and type of a query's question; where it ends. */
static size_t
read_question(const unsigned char *packet, size_t len, char *name, int *type)
{
  size_t at = HEADER, to = 0, i;

  while (at < len && packet[at] != 0) {
    size_t n = packet[at++];

    if (to > 0)
      name[to++] = '.';
    for (i = 0; i < n; i++)
      name[to++] = (char)packet[at++];
  }
  name[to] = '\0';
  *type = packet[at + 1] << 8 | packet[at + 2];
  return at + 5;
}

static const struct dns_rule *
find_rule(const struct dns *dns, const char *name, int type)
{
  static const struct dns_rule none = { "", 0, 3, 0, NULL };
  const struct dns_rule *rule = dns->rules;

  for (; rule != NULL && rule->name != NULL; rule++)
    if (strcmp(rule->name, name) == 0 && rule->type == type)
      return rule;
  return &none;
}

/* Digits as they come, whatever they mean. */
static size_t
add_record(unsigned char *packet, const char *digits)
{
  static const unsigned char begin[ANSWER] = { 0xc0, HEADER, 0, TYPE_TLSA, 0, 1,
                                               0, 0, 0, 60, 0, 0 };
  size_t size = strlen(digits) / 2, i;
  unsigned byte;

  memcpy(packet, begin, ANSWER);
  packet[11] = (unsigned char)size;
  for (i = 0; i < size; i++) {
    assert_int_equal(sscanf(digits + 2 * i, "%2x", &byte), 1);
    packet[ANSWER + i] = (unsigned char)byte;
  }
  return ANSWER + size;
}

static size_t
add_answer(unsigned char *packet, const char *ip, int type)
{
  static const unsigned char begin[ANSWER] = { 0xc0, HEADER, 0, 0, 0, 1,
                                               0, 0, 0, 60, 0, 0 };
  size_t size = type == TYPE_A ? 4 : 16;

  memcpy(packet, begin, ANSWER);
  packet[3] = (unsigned char)type;
  packet[11] = (unsigned char)size;
  assert_int_equal(inet_pton(type == TYPE_A ? AF_INET : AF_INET6, ip,
                             packet + ANSWER), 1);
  return ANSWER + size;
}

/* Turns the query in the packet into the reply; its length. */
static size_t
make_reply(unsigned char *packet, size_t end, const struct dns_rule *rule)
{
  char list[512] = "", *ip, *rest = NULL;
  int count = 0, checked = 0;

  if (rule->addresses != NULL)
    snprintf(list, sizeof list, "%s", rule->addresses);
  for (ip = strtok_r(list, " ", &rest); ip != NULL;
       ip = strtok_r(NULL, " ", &rest)) {
    checked |= strcmp(ip, "AD") == 0;
    if (strcmp(ip, "AD") == 0)
      continue;
    count++;
    end += rule->type == TYPE_TLSA ? add_record(packet + end, ip)
                                   : add_answer(packet + end, ip, rule->type);
  }
  packet[2] = 0x81; /* a response; recursion was desired */
  packet[3] = (unsigned char)(0x80 | (checked ? 0x20 : 0) | rule->rcode);
  packet[7] = (unsigned char)count;
  memset(packet + 8, 0, 4);
  return end;
}

static void
dns_read(struct dns *dns)
{
  struct dns_reply *reply = &dns->replies[dns->count];
  socklen_t to_len = sizeof reply->to;
  const struct dns_rule *rule;
  char name[256];
  int type;
  ssize_t n = recvfrom(dns->fd, reply->packet, 512, MSG_DONTWAIT,
                       (struct sockaddr *)reply->to, &to_len);

  if (n <= HEADER)
    return;
  dns->asked++;
  reply->to_len = to_len;
  reply->len = read_question(reply->packet, (size_t)n, name, &type);
  rule = find_rule(dns, name, type);
  if (rule->rcode < 0)
    return;
  reply->len = make_reply(reply->packet, reply->len, rule);
  reply->at = sslc_deadline(rule->after);
  assert_true(++dns->count < COUNT(dns->replies));
}

/* Sends what is due; when the next is. */
static int64_t
dns_write(struct dns *dns)
{
  int64_t next = SSLC_FOREVER;
  size_t i = 0;

  while (i < dns->count) {
    struct dns_reply *reply = &dns->replies[i];

    if (reply->at > sslc_now()) {
      next = reply->at < next ? reply->at : next;
      i++;
      continue;
    }
    sendto(dns->fd, reply->packet, reply->len, 0,
           (struct sockaddr *)reply->to, reply->to_len);
    *reply = dns->replies[--dns->count];
  }
  return next;
}

/* --------------------------------------------------------------- the loop */

sslc_dial *
start(const char *host, int port)
{
  sslc_dial *dial = sslc_dial_new();

  assert_non_null(dial);
  assert_ok(sslc_dial_start(dial, host, port), sslc_dial_error(dial));
  return dial;
}

sslc_dial *
start_given(const char *const *addresses, size_t n, int port, int delay)
{
  sslc_dial *dial = sslc_dial_new();

  assert_ok(sslc_dial_set_addresses(dial, addresses, n),
            sslc_dial_error(dial));
  if (delay > 0)
    assert_ok(sslc_dial_set_attempt_delay(dial, delay), sslc_dial_error(dial));
  assert_ok(sslc_dial_start(dial, "name.example", port),
            sslc_dial_error(dial));
  return dial;
}

static int
milliseconds_until(int64_t at)
{
  int64_t left = at - sslc_now();

  if (left <= 0)
    return 0;
  return left > PATIENCE * 1000000LL ? PATIENCE : (int)(left / 1000000) + 1;
}

static int64_t
earlier(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

sslc_status
drive_until(sslc_dial *dial, struct dns *dns, int64_t deadline)
{
  int64_t patience = sslc_deadline(PATIENCE);
  int fd = sslc_dial_fd(dial);

  if (fd < 0) { /* it could not be made */
    sslc_status why = sslc_dial_step(dial);

    assert_true(why < 0);
    return why;
  }
  for (;;) {
    struct pollfd fds[2] = { { fd, POLLIN, 0 }, { -1, POLLIN, 0 } };
    sslc_status status = sslc_dial_step(dial);
    int64_t timeout = sslc_dial_timeout(dial), at;

    assert_int_equal(sslc_dial_fd(dial), fd);
    assert_int_equal(sslc_dial_events(dial), SSLC_READABLE);
    if (status != SSLC_WANT_CONNECT || sslc_now() >= deadline)
      return status;
    assert_null(sslc_dial_error(dial));
    assert_true(sslc_now() < patience);
    at = earlier(deadline, patience);
    if (timeout >= 0)
      at = earlier(at, sslc_now() + timeout);
    if (dns != NULL) {
      fds[1].fd = dns->fd;
      at = earlier(at, dns_write(dns));
    }
    if (poll(fds, 2, milliseconds_until(at)) > 0 && fds[1].revents != 0)
      dns_read(dns);
  }
}

sslc_status
drive(sslc_dial *dial, struct dns *dns)
{
  return drive_until(dial, dns, SSLC_FOREVER);
}
