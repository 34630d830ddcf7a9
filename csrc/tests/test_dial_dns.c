/*
 * test_dial_dns.c: names, by c-ares and a nameserver that says what it is
 * told to (RFC 1035); what is resolved goes to loopback.
 */
#include "support_dial.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS INT64_C(1000000)

#define NAME "host.example"
#define BOTH(rcode, after)                                                     \
  {                                                                            \
    { NAME, TYPE_AAAA, rcode, after, NULL },                                   \
      { NAME, TYPE_A, rcode, after, NULL },                                    \
    {                                                                          \
      NULL, 0, 0, 0, NULL                                                      \
    }                                                                          \
  }

enum { SERVFAIL = 2, NXDOMAIN = 3, NOTIMP = 4, REFUSED = 5 };

static sslc_dial *
start_name(struct dns *dns, const char *name, int port)
{
  sslc_dial *dial = sslc_dial_new();

  dns_use(dns, dial);
  assert_ok(sslc_dial_start(dial, name, port), sslc_dial_error(dial));
  return dial;
}

/* ---------------------------------------------------------- names reached */

/* The listener is where `reached` says; 127.0.0.1 is the one address of IPv4
 * that is used, ::1 that of IPv6. */
static const struct good {
  const char *name, *reached;
  struct dns_rule rules[3];
  int least, most; /* milliseconds it takes; 0: whatever */
} goods[] = {
  { "IPv6 is reached where there are both", "::1",
    { { NAME, TYPE_AAAA, 0, 0, "::1" }, { NAME, TYPE_A, 0, 0, "127.0.0.1" } },
    0, 0 },
  { "IPv4 alone", "127.0.0.1",
    { { NAME, TYPE_AAAA, 0, 0, NULL }, { NAME, TYPE_A, 0, 0, "127.0.0.1" } },
    0, 0 },
  { "IPv6 alone", "::1",
    { { NAME, TYPE_AAAA, 0, 0, "::1" }, { NAME, TYPE_A, 0, 0, NULL } }, 0, 0 },
  { "slow IPv6 is waited for no longer than the resolution delay",
    "127.0.0.1",
    { { NAME, TYPE_AAAA, 0, 15000, "::1" },
      { NAME, TYPE_A, 0, 0, "127.0.0.1" } }, 50, 10000 },
  { "slow IPv4 is not waited for", "::1",
    { { NAME, TYPE_AAAA, 0, 0, "::1" },
      { NAME, TYPE_A, 0, 15000, "127.0.0.1" } }, 0, 10000 },
  { "IPv6 that does not exist does not hinder IPv4", "127.0.0.1",
    { { NAME, TYPE_AAAA, NXDOMAIN, 0, NULL },
      { NAME, TYPE_A, 0, 0, "127.0.0.1" } }, 0, 0 },
  { "IPv6 that fails does not hinder IPv4", "127.0.0.1",
    { { NAME, TYPE_AAAA, SERVFAIL, 0, NULL },
      { NAME, TYPE_A, 0, 0, "127.0.0.1" } }, 0, 0 },
  { "IPv6 that is never answered does not hinder IPv4", "127.0.0.1",
    { { NAME, TYPE_AAAA, -1, 0, NULL },
      { NAME, TYPE_A, 0, 0, "127.0.0.1" } }, 50, 10000 },
  { "IPv4 that is never answered does not hinder IPv6", "::1",
    { { NAME, TYPE_AAAA, 0, 0, "::1" }, { NAME, TYPE_A, -1, 0, NULL } },
    0, 10000 },
  { "IPv4 that is refused is taken over by IPv6 that comes late", "::1",
    { { NAME, TYPE_AAAA, 0, 100, "::1" },
      { NAME, TYPE_A, 0, 0, "127.0.0.2" } }, 100, 10000 },
  { "the last of several", "127.0.0.1",
    { { NAME, TYPE_AAAA, 0, 0, NULL },
      { NAME, TYPE_A, 0, 0, "127.0.0.2 127.0.0.3 127.0.0.1" } }, 0, 0 },
};

static void
test_good(void **state)
{
  const struct good *row = *state;
  int port = 0, listener = listen_on(row->reached, &port), before;
  int64_t begin = sslc_now(), took;
  struct dns dns;
  sslc_dial *dial;

  if (listener < 0)
    skip(); /* this machine has no IPv6 */
  before = open_fds();
  dns_init(&dns, row->rules);
  dial = start_name(&dns, NAME, port);
  assert_int_equal(sslc_dial_phase(dial), SSLC_PHASE_DNS);
  assert_string_equal(sslc_dial_address(dial), "");
  assert_ok(drive(dial, &dns), sslc_dial_error(dial));
  took = sslc_now() - begin;
  assert_has(sslc_dial_address(dial), row->reached);
  assert_int_equal(sslc_dial_phase(dial), SSLC_PHASE_CONNECT);
  assert_true(took >= row->least * MS);
  assert_true(row->most == 0 || took < row->most * MS);
  /* c-ares has closed its sockets; ours are poller, socket and nameserver. */
  assert_int_equal(open_fds(), before + 3);
  sslc_dial_free(dial);
  dns_free(&dns);
  assert_int_equal(open_fds(), before);
  close(listener);
}

/* ------------------------------------------------------- names that are not */

static const struct bad {
  const char *name;
  struct dns_rule rules[3];
  const char *message;
} bads[] = {
  { "a name that does not exist", BOTH(NXDOMAIN, 0),
    "\"" NAME "\" does not exist" },
  { "a name without an address", BOTH(0, 0),
    "\"" NAME "\" has no address" },
  { "a nameserver that fails", BOTH(SERVFAIL, 0),
    "\"" NAME "\" could not be resolved: the nameserver failed (SERVFAIL)" },
  { "a nameserver that refuses", BOTH(REFUSED, 0),
    "\"" NAME "\" could not be resolved: the nameserver refused the query "
    "(REFUSED)" },
  { "a nameserver that does not do it", BOTH(NOTIMP, 0),
    "\"" NAME "\" could not be resolved: the nameserver does not do such "
    "queries (NOTIMP)" },
  { "a nameserver that says nothing", BOTH(-1, 0),
    "\"" NAME "\" could not be resolved: no nameserver answered" },
  { "two answers that differ",
    { { NAME, TYPE_AAAA, 0, 0, NULL }, { NAME, TYPE_A, -1, 0, NULL } },
    "\"" NAME "\" could not be resolved: IPv6: there is no address; IPv4: "
    "no nameserver answered" },
};

static void
test_bad(void **state)
{
  const struct bad *row = *state;
  int before = open_fds();
  struct dns dns;
  sslc_dial *dial;

  dns_init(&dns, row->rules);
  dial = start_name(&dns, NAME, 443);
  assert_status(drive(dial, &dns), SSLC_ERR_DNS, sslc_dial_error(dial));
  assert_code(sslc_dial_error(dial), SSLC_CODE_DNS_FAILED);
  assert_phase(sslc_dial_error(dial), SSLC_PHASE_DNS);
  assert_int_equal(sslc_dial_phase(dial), SSLC_PHASE_DNS);
  assert_string_equal(sslc_error_message(sslc_dial_error(dial)),
                      row->message);
  assert_string_equal(sslc_error_host(sslc_dial_error(dial)), NAME ":443");
  sslc_dial_free(dial);
  dns_free(&dns);
  assert_int_equal(open_fds(), before);
}

static void
test_no_nameserver(void **state)
{
  struct dns dns;
  sslc_dial *dial;

  (void)state;
  dns_init(&dns, NULL);
  dial = sslc_dial_new();
  dns_use(&dns, dial);
  dns_free(&dns);
  assert_ok(sslc_dial_start(dial, NAME, 443), sslc_dial_error(dial));
  assert_status(drive(dial, NULL), SSLC_ERR_DNS, sslc_dial_error(dial));
  assert_has(sslc_error_message(sslc_dial_error(dial)),
             "no nameserver could be reached");
  sslc_dial_free(dial);
}

/* Where addresses fail, the error tells of the other query as well. */
static void
test_refused_and_servfail(void **state)
{
  static const struct dns_rule rules[] = {
    { NAME, TYPE_AAAA, SERVFAIL, 0, NULL },
    { NAME, TYPE_A, 0, 0, "127.0.0.1" }, { NULL, 0, 0, 0, NULL }
  };
  struct dns dns;
  sslc_dial *dial;

  (void)state;
  dns_init(&dns, rules);
  dial = start_name(&dns, NAME, unused_port());
  assert_status(drive(dial, &dns), SSLC_ERR_SYS, sslc_dial_error(dial));
  assert_code(sslc_dial_error(dial), SSLC_CODE_CONNECTION_REFUSED);
  assert_has(sslc_error_message(sslc_dial_error(dial)), "127.0.0.1:");
  assert_has(sslc_error_message(sslc_dial_error(dial)),
             "IPv6 addresses: the nameserver failed (SERVFAIL)");
  sslc_dial_free(dial);
  dns_free(&dns);
}

/* ---------------------------------------------------- which names are asked */

static const struct search {
  const char *name, *host, *reached;
} searches[] = {
  { "a single label is looked for in the search domains", "box", "127.0.0.1" },
  { "a name with dots is asked for as it is first", "box.sub", "127.0.0.1" },
  { "a dot at the end keeps the search domains out", "box.", NULL },
};

static void
test_search(void **state)
{
  static const struct dns_rule rules[] = {
    { "box.search.example", TYPE_A, 0, 0, "127.0.0.1" },
    { "box.search.example", TYPE_AAAA, 0, 0, NULL },
    { "box.sub", TYPE_A, 0, 0, "127.0.0.1" },
    { "box.sub", TYPE_AAAA, 0, 0, NULL }, { NULL, 0, 0, 0, NULL }
  };
  const struct search *row = *state;
  int port = 0, listener = listen_on("127.0.0.1", &port);
  struct dns dns;
  sslc_dial *dial;

  dns_init(&dns, rules);
  dial = start_name(&dns, row->host, port);
  if (row->reached != NULL) {
    assert_ok(drive(dial, &dns), sslc_dial_error(dial));
  } else {
    assert_status(drive(dial, &dns), SSLC_ERR_DNS, sslc_dial_error(dial));
    assert_int_equal(dns.asked, 2);
  }
  sslc_dial_free(dial);
  dns_free(&dns);
  close(listener);
}

/* Literals, localhost, given addresses: the nameserver is not asked. */
static void
test_not_asked(void **state)
{
  static const char *const hosts[] = { "127.0.0.1", "localhost",
                                       "x.localhost", "given.example" };
  static const char *const given[] = { "127.0.0.1" };
  int port = 0, listener = listen_on("127.0.0.1", &port);
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(hosts); i++) {
    struct dns dns;
    sslc_dial *dial = sslc_dial_new();

    dns_init(&dns, NULL);
    dns_use(&dns, dial);
    if (i == 3)
      assert_ok(sslc_dial_set_addresses(dial, given, 1),
                sslc_dial_error(dial));
    assert_ok(sslc_dial_start(dial, hosts[i], port), sslc_dial_error(dial));
    assert_ok(drive(dial, &dns), sslc_dial_error(dial));
    assert_int_equal(dns.asked, 0);
    sslc_dial_free(dial);
    dns_free(&dns);
  }
  close(listener);
}

/* A local address leaves one family, and one query. */
static void
test_bound(void **state)
{
  static const struct dns_rule rules[] = {
    { NAME, TYPE_AAAA, 0, 0, "::1" }, { NAME, TYPE_A, 0, 0, "127.0.0.1" },
    { NULL, 0, 0, 0, NULL }
  }, none[] = BOTH(0, 0);
  int port = 0, listener = listen_on("127.0.0.1", &port), i;

  (void)state;
  for (i = 0; i < 2; i++) {
    struct dns dns;
    sslc_dial *dial = sslc_dial_new();

    dns_init(&dns, i == 0 ? rules : none);
    dns_use(&dns, dial);
    assert_ok(sslc_dial_set_bind(dial, "127.0.0.1"), sslc_dial_error(dial));
    assert_ok(sslc_dial_start(dial, NAME, port), sslc_dial_error(dial));
    if (i == 0) {
      assert_ok(drive(dial, &dns), sslc_dial_error(dial));
    } else {
      assert_status(drive(dial, &dns), SSLC_ERR_DNS, sslc_dial_error(dial));
      assert_string_equal(sslc_error_message(sslc_dial_error(dial)),
                          "\"" NAME "\" has no IPv4 address");
    }
    /* Where it has none, the search domain is asked as well. */
    assert_int_equal(dns.asked, 1 + i);
    sslc_dial_free(dial);
    dns_free(&dns);
  }
  close(listener);
}

/* A name of this machine's hosts file that is no localhost: hosts(5). */
static bool
find_in_hosts(char *address, char *name)
{
  char line[512];
  bool found = false;
  FILE *file = fopen("/etc/hosts", "r");

  while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
    found = sscanf(line, "%63s %63s", address, name) == 2 &&
            strncmp(address, "127.", 4) == 0 &&
            strstr(name, "localhost") == NULL;
  if (file != NULL)
    fclose(file);
  return found;
}

static void
test_hosts_file(void **state)
{
  char address[64], name[64];
  int port = 0, listener;
  struct dns dns;
  sslc_dial *dial;

  (void)state;
  if (!find_in_hosts(address, name))
    skip();
  listener = listen_on(address, &port);
  dns_init(&dns, NULL);
  dial = start_name(&dns, name, port);
  assert_true(sslc_dial_timeout(dial) == 0);
  assert_ok(drive(dial, &dns), sslc_dial_error(dial));
  assert_has(sslc_dial_address(dial), address);
  assert_int_equal(dns.asked, 0);
  sslc_dial_free(dial);
  dns_free(&dns);
  close(listener);
}

/* --------------------------------------------------------- ends in between */

static void
test_deadline(void **state)
{
  static const struct dns_rule rules[] = BOTH(-1, 0);
  int before = open_fds();
  struct dns dns;
  sslc_dial *dial;

  (void)state;
  dns_init(&dns, rules);
  dial = start_name(&dns, NAME, 443);
  assert_status(sslc_dial_wait(dial, sslc_deadline(30)), SSLC_ERR_TIMEOUT,
                sslc_dial_error(dial));
  assert_code(sslc_dial_error(dial), SSLC_CODE_TIMEOUT);
  assert_phase(sslc_dial_error(dial), SSLC_PHASE_DNS);
  assert_string_equal(sslc_error_message(sslc_dial_error(dial)),
                      "the deadline passed while the name was being resolved");
  assert_string_equal(sslc_error_host(sslc_dial_error(dial)), NAME ":443");
  assert_status(sslc_dial_step(dial), SSLC_WANT_CONNECT,
                sslc_dial_error(dial));
  sslc_dial_free(dial);
  dns_free(&dns);
  assert_int_equal(open_fds(), before);
}

/* The addresses that failed are told, though it is the query that lasts. */
static void
test_deadline_after_refusal(void **state)
{
  static const struct dns_rule rules[] = {
    { NAME, TYPE_AAAA, -1, 0, NULL }, { NAME, TYPE_A, 0, 0, "127.0.0.1" },
    { NULL, 0, 0, 0, NULL }
  };
  struct dns dns;
  sslc_dial *dial;

  (void)state;
  setenv("RES_OPTIONS", "retrans:20000 timeout:20", 1);
  dns_init(&dns, rules);
  dial = start_name(&dns, NAME, unused_port());
  assert_int_equal(drive_until(dial, &dns, sslc_deadline(300)),
                   SSLC_WANT_CONNECT);
  assert_status(sslc_dial_wait(dial, 0), SSLC_ERR_TIMEOUT,
                sslc_dial_error(dial));
  assert_phase(sslc_dial_error(dial), SSLC_PHASE_DNS);
  assert_has(sslc_error_message(sslc_dial_error(dial)), "127.0.0.1:");
  sslc_dial_free(dial);
  dns_free(&dns);
}

static void
test_cancel(void **state)
{
  static const struct dns_rule rules[] = BOTH(-1, 0);
  int before = open_fds(), i;

  (void)state;
  for (i = 0; i < 3; i++) {
    struct dns dns;
    sslc_dial *dial;

    dns_init(&dns, rules);
    dial = start_name(&dns, NAME, 443);
    assert_true(open_fds() > before + 1); /* c-ares has a socket */
    if (i > 0)
      assert_int_equal(drive_until(dial, &dns, sslc_deadline(i == 1 ? 0 : 50)),
                       SSLC_WANT_CONNECT);
    sslc_dial_free(dial);
    dns_free(&dns);
    assert_int_equal(open_fds(), before);
  }
}

/* ---------------------------------------------------------------- threads */

enum { THREADS = 8 };

static void *
dial_a_name(void *nameserver)
{
  sslc_dial *dial = sslc_dial_new();
  sslc_status status = sslc_dial_set_nameservers(dial, nameserver);

  if (status == SSLC_OK)
    status = sslc_dial_start(dial, NAME, 443);
  if (status == SSLC_OK)
    status = sslc_dial_wait(dial, sslc_deadline(PATIENCE));
  sslc_dial_free(dial);
  return (void *)(intptr_t)status;
}

/* The first use of c-ares in a process is not for several threads at once;
 * this test comes first. */
static void
test_threads(void **state)
{
  pthread_t threads[THREADS];
  char nameserver[32];
  struct dns dns;
  size_t i;

  (void)state;
  dns_init(&dns, NULL);
  snprintf(nameserver, sizeof nameserver, "127.0.0.1:%d", dns.port);
  dns_free(&dns);
  for (i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, dial_a_name,
                                    nameserver), 0);
  for (i = 0; i < THREADS; i++) {
    void *status;

    assert_int_equal(pthread_join(threads[i], &status), 0);
    assert_int_equal((intptr_t)status, SSLC_ERR_DNS);
  }
}

int
main(void)
{
  size_t i;

  /* c-ares 1.18 calls them so, later ones as resolv.conf(5). */
  setenv("RES_OPTIONS", "retrans:500 retry:1 timeout:1 attempts:1", 1);
  setenv("LOCALDOMAIN", "search.example", 1);
  add_test("names in several threads at once", test_threads, NULL);
  for (i = 0; i < COUNT(goods); i++)
    add_test(goods[i].name, test_good, &goods[i]);
  for (i = 0; i < COUNT(bads); i++)
    add_test(bads[i].name, test_bad, &bads[i]);
  add_test("a nameserver that is not there", test_no_nameserver, NULL);
  add_test("failed addresses and a failed query in one message",
           test_refused_and_servfail, NULL);
  for (i = 0; i < COUNT(searches); i++)
    add_test(searches[i].name, test_search, &searches[i]);
  add_test("nobody is asked for what is known", test_not_asked, NULL);
  add_test("a local address leaves one family", test_bound, NULL);
  add_test("a name of the hosts file is not asked for", test_hosts_file, NULL);
  add_test("a deadline in the phase of names", test_deadline, NULL);
  add_test("freed while a query is under way, nothing stays open",
           test_cancel, NULL);
  add_test("a deadline while one query lasts tells of failed addresses",
           test_deadline_after_refusal, NULL);
  return run_all("dial_dns");
}
