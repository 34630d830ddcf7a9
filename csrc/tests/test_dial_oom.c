/*
 * test_dial_oom.c: dials when memory runs out at each place where it can, the
 * core's (CRYPTO_set_mem_functions) and c-ares' (ares_library_init_mem(3))
 * alike.  Nothing crashes, nothing stays open, and what failed says so; that
 * nothing leaks, the leak checkers tell that the tests are run with.
 */
#include "support_dial.h"

#include <ares.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define NAME "host.example"

/* ------------------------------------------------------------- the memory */

static struct {
  long count;   /* of allocations since it was set */
  long fail_at; /* which of them fails; 0: none */
} memory;

static int
fails(void)
{
  return ++memory.count == memory.fail_at;
}

static void *
plain_malloc(size_t size)
{
  return size == 0 || fails() ? NULL : malloc(size);
}

static void *
plain_realloc(void *block, size_t size)
{
  return fails() ? NULL : realloc(block, size);
}

static void *
oom_malloc(size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return plain_malloc(size);
}

static void
oom_free(void *block, const char *file, int line)
{
  (void)file;
  (void)line;
  free(block);
}

static void *
oom_realloc(void *block, size_t size, const char *file, int line)
{
  if (size == 0) {
    oom_free(block, file, line);
    return NULL;
  }
  return plain_realloc(block, size);
}

static void
fail_at(long n)
{
  memory.count = 0;
  memory.fail_at = n;
}

/* ---------------------------------------------------------- the scenarios */

static const struct dns_rule rules[] = {
  { NAME, TYPE_AAAA, 0, 0, "::1" },
  { NAME, TYPE_A, 0, 0, "127.0.0.2 127.0.0.1" }, { NULL, 0, 0, 0, NULL }
}, none[] = {
  { NAME, TYPE_AAAA, 0, 0, NULL }, { NAME, TYPE_A, 0, 0, NULL },
  { NULL, 0, 0, 0, NULL }
};

static const struct scenario {
  const char *name, *host;
  int given, listens;
  const struct dns_rule *rules;
} scenarios[] = {
  { "a name", NAME, 0, 1, rules },
  { "a name that is refused", NAME, 0, 0, rules },
  { "a name without an address", NAME, 0, 0, none },
  { "an address", "127.0.0.1", 0, 1, none },
  { "localhost", "localhost", 0, 1, none },
  { "given addresses", "given.example", 1, 1, none },
  { "given addresses that are refused", "given.example", 1, 0, none },
};

static sslc_status
set_up(const struct scenario *s, sslc_dial *dial, const char *nameservers)
{
  static const char *const given[] = { "127.0.0.2", "127.0.0.1" };
  sslc_status status = sslc_dial_set_nameservers(dial, nameservers);

  if (status == SSLC_OK && s->given)
    status = sslc_dial_set_addresses(dial, given, 2);
  return status;
}

/* One dial, all the way; its status. */
static sslc_status
run(const struct scenario *s, int port, long n)
{
  struct dns dns;
  char nameservers[32];
  sslc_dial *dial;
  sslc_status status;

  dns_init(&dns, s->rules);
  snprintf(nameservers, sizeof nameservers, "127.0.0.1:%d", dns.port);
  fail_at(n);
  dial = sslc_dial_new();
  status = dial == NULL ? SSLC_ERR_NOMEM : set_up(s, dial, nameservers);
  if (status == SSLC_OK)
    status = sslc_dial_start(dial, s->host, port);
  if (status == SSLC_OK)
    status = drive(dial, &dns);
  memory.fail_at = 0;
  if (dial != NULL && status < 0)
    assert_non_null(sslc_dial_error(dial));
  if (dial != NULL && status < 0)
    assert_int_equal(sslc_error_status(sslc_dial_error(dial)), status);
  sslc_dial_free(dial);
  dns_free(&dns);
  return status;
}

static void
test_scenario(void **state)
{
  const struct scenario *s = *state;
  int port = 0, listener = listen_on("127.0.0.1", &port), before;
  sslc_status whole, status;
  long n, failed = 0;

  if (!s->listens) {
    close(listener);
    listener = -1;
  }
  before = open_fds();
  whole = run(s, port, 0);
  for (n = 1;; n++) {
    status = run(s, port, n);
    assert_int_equal(open_fds(), before);
    if (memory.count < n)
      break;
    /* It may do without what is only for a message, or for one family. */
    failed += status == SSLC_ERR_NOMEM;
  }
  assert_int_equal(status, whole);
  assert_true(failed > 0);
  if (listener >= 0)
    close(listener);
}

int
main(void)
{
  size_t i;

  /* Before anything else: later it is refused. */
  if (!CRYPTO_set_mem_functions(oom_malloc, oom_realloc, oom_free))
    return EXIT_FAILURE;
  if (ares_library_init_mem(ARES_LIB_INIT_ALL, plain_malloc, free,
                            plain_realloc) != ARES_SUCCESS)
    return EXIT_FAILURE;
  setenv("RES_OPTIONS", "retrans:200 retry:1 timeout:1 attempts:1", 1);
  for (i = 0; i < COUNT(scenarios); i++)
    add_test(scenarios[i].name, test_scenario, &scenarios[i]);
  return run_all("dial_oom");
}
