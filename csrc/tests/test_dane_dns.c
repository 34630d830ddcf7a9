/*
 * test_dane_dns.c: TLSA records that are looked up: which answers count, and
 * that none is not the same as no answer.  RFC 6698, RFC 6840, section 5.
 */
#include "internal.h"

#include "support_dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "host.example"
#define DIGEST \
  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define GOOD "030101" DIGEST

enum { SERVFAIL = 2, NXDOMAIN = 3, REFUSED = 5 };

/* What the nameserver says, and what becomes of that: a code, or how many
 * records are demanded. */
static const struct row {
  const char *test;
  int rcode; /* -1: it says nothing */
  const char *says;
  int lookup, required; /* SSLC_CODE_* below 0, else the count */
} rows[] = {
  { "a record that was checked counts", 0, "AD " GOOD, 1, 1 },
  { "two records count", 0, "AD " GOOD " 020001" DIGEST, 2, 2 },
  { "two that are the same are one", 0, "AD " GOOD " " GOOD, 1, 1 },
  { "a record that was not checked does not count", 0, GOOD, 0,
    -SSLC_CODE_DANE_MISMATCH },
  { "that there is none may be true", 0, "AD", 0, -SSLC_CODE_DANE_MISMATCH },
  { "that there is none may be unchecked", 0, NULL, 0,
    -SSLC_CODE_DANE_MISMATCH },
  { "a name that does not exist has none", NXDOMAIN, "AD", 0,
    -SSLC_CODE_DANE_MISMATCH },
  { "a nameserver that fails is not one that says there is none", SERVFAIL,
    NULL, -SSLC_CODE_DNS_FAILED, -SSLC_CODE_DNS_FAILED },
  { "nor is one that refuses", REFUSED, NULL, -SSLC_CODE_DNS_FAILED,
    -SSLC_CODE_DNS_FAILED },
  { "a failure that says it was checked is one all the same", SERVFAIL,
    "AD " GOOD, -SSLC_CODE_DNS_FAILED, -SSLC_CODE_DNS_FAILED },
  { "records of kinds that are not known leave the others", 0,
    "AD 040101" DIGEST " 030201" DIGEST " 030103" DIGEST " " GOOD, 1, 1 },
  { "records of no kind that is known are no reason to do without", 0,
    "AD 040101" DIGEST, -SSLC_CODE_DANE_MISMATCH, -SSLC_CODE_DANE_MISMATCH },
  { "a digest of the wrong length is none", 0, "AD " GOOD "00",
    -SSLC_CODE_DANE_MISMATCH, -SSLC_CODE_DANE_MISMATCH },
  { "a record of two bytes is none", 0, "AD 0301", -SSLC_CODE_DANE_MISMATCH,
    -SSLC_CODE_DANE_MISMATCH },
};

/* ------------------------------------------------------------------- dials */

struct world {
  struct dns dns;
  struct dns_rule rules[4];
  char name[64];
  int listener, port;
};

static void
world_init(struct world *w, int rcode, const char *says, int after)
{
  w->port = 0;
  w->listener = listen_on("127.0.0.1", &w->port);
  snprintf(w->name, sizeof w->name, "_%d._tcp." NAME, w->port);
  memset(w->rules, 0, sizeof w->rules);
  w->rules[0] = (struct dns_rule){ NAME, TYPE_A, 0, 0, "127.0.0.1" };
  w->rules[1] = (struct dns_rule){ NAME, TYPE_AAAA, 0, 0, NULL };
  w->rules[2] = (struct dns_rule){ w->name, TYPE_TLSA, rcode, after, says };
  dns_init(&w->dns, w->rules);
}

static void
world_free(struct world *w)
{
  dns_free(&w->dns);
  close(w->listener);
}

static sslc_dial *
dial_in(struct world *w, int mode)
{
  sslc_dial *dial = sslc_dial_new();

  dns_use(&w->dns, dial);
  assert_ok(sslc_dial_set_tlsa(dial, mode), sslc_dial_error(dial));
  assert_ok(sslc_dial_start(dial, NAME, w->port), sslc_dial_error(dial));
  return dial;
}

/* What the dial gives a connection to demand. */
static void
check_records(sslc_dial *dial, size_t count)
{
  static const unsigned char kind[] = { 3, 1, 1 };
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_ok(sslc_conn_use_tlsa(conn, dial), sslc_conn_error(conn));
  assert_int_equal(conn->tlsa_count, count);
  if (count > 0) {
    const struct sslci_tlsa *last = &conn->tlsa[count - 1];

    assert_memory_equal(last->kind, kind, sizeof kind);
    assert_int_equal(last->len, 32);
    assert_int_equal(last->data[31], 0x1f);
  }
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
}

static void
run_row(const struct row *row, int mode)
{
  int want = mode == SSLC_TLSA_REQUIRED ? row->required : row->lookup;
  struct world w;
  sslc_dial *dial;
  sslc_status status;

  world_init(&w, row->rcode, row->says, 0);
  dial = dial_in(&w, mode);
  status = drive(dial, &w.dns);
  if (want >= 0) {
    assert_ok(status, sslc_dial_error(dial));
    check_records(dial, (size_t)want);
    close(sslc_dial_take_fd(dial));
  } else {
    assert_code(sslc_dial_error(dial), -want);
    assert_phase(sslc_dial_error(dial), SSLC_PHASE_DNS);
    assert_has(sslc_error_message(sslc_dial_error(dial)), w.name);
    assert_int_equal(sslc_dial_take_fd(dial), -1);
    assert_int_equal(sslc_dial_step(dial), status);
  }
  sslc_dial_free(dial);
  world_free(&w);
}

static void
test_row(void **state)
{
  int fds = open_fds();

  run_row(*state, SSLC_TLSA_LOOKUP);
  run_row(*state, SSLC_TLSA_REQUIRED);
  assert_int_equal(open_fds(), fds);
}

/* ------------------------------------------------------------------- times */

/* The address is there at once, the record later: there is no connection
 * before. */
static void
test_late(void **state)
{
  struct world w;
  sslc_dial *dial;

  (void)state;
  world_init(&w, 0, "AD " GOOD, 200);
  dial = dial_in(&w, SSLC_TLSA_LOOKUP);
  assert_int_equal(drive_until(dial, &w.dns, sslc_deadline(50)),
                   SSLC_WANT_CONNECT);
  assert_int_equal(sslc_dial_take_fd(dial), -1);
  assert_ok(drive(dial, &w.dns), sslc_dial_error(dial));
  check_records(dial, 1);
  sslc_dial_free(dial);
  world_free(&w);
}

/* One that never comes ends with the deadline, or with c-ares' patience. */
static void
test_never(void **state)
{
  struct world w;
  sslc_dial *dial;

  (void)state;
  world_init(&w, -1, NULL, 0);
  dial = dial_in(&w, SSLC_TLSA_LOOKUP);
  assert_int_equal(drive_until(dial, &w.dns, sslc_deadline(100)),
                   SSLC_WANT_CONNECT);
  assert_int_equal(sslc_dial_phase(dial), SSLC_PHASE_DNS);
  assert_int_equal(sslc_dial_wait(dial, 0), SSLC_ERR_TIMEOUT);
  assert_phase(sslc_dial_error(dial), SSLC_PHASE_DNS);
  assert_has(sslc_error_message(sslc_dial_error(dial)), "TLSA");
  assert_int_equal(sslc_dial_take_fd(dial), -1);
  sslc_dial_free(dial); /* in the middle of it */
  world_free(&w);
}

static void
test_unasked(void **state)
{
  struct world w;
  sslc_dial *dial;

  (void)state;
  world_init(&w, 0, "AD " GOOD, 0);
  dial = dial_in(&w, SSLC_TLSA_OFF);
  assert_ok(drive(dial, &w.dns), sslc_dial_error(dial));
  assert_int_equal(w.dns.asked, 2);
  check_records(dial, 0);
  sslc_dial_free(dial);
  world_free(&w);
}

/* Addresses that are given change nothing of whom the name is. */
static void
test_given_addresses(void **state)
{
  static const char *const addresses[] = { "127.0.0.1" };
  struct world w;
  sslc_dial *dial = sslc_dial_new();

  (void)state;
  world_init(&w, 0, "AD " GOOD, 0);
  dns_use(&w.dns, dial);
  assert_ok(sslc_dial_set_tlsa(dial, SSLC_TLSA_REQUIRED), NULL);
  assert_ok(sslc_dial_set_addresses(dial, addresses, 1), NULL);
  assert_ok(sslc_dial_start(dial, NAME, w.port), sslc_dial_error(dial));
  assert_ok(drive(dial, &w.dns), sslc_dial_error(dial));
  check_records(dial, 1);
  sslc_dial_free(dial);
  world_free(&w);
}

/* --------------------------------------------------------- what has no name */

static void
check_nameless(const char *host, int mode, sslc_status want)
{
  int port = 0, listener = listen_on("127.0.0.1", &port);
  sslc_dial *dial = sslc_dial_new();
  sslc_status status;

  assert_ok(sslc_dial_set_tlsa(dial, mode), NULL);
  status = sslc_dial_start(dial, host, port);
  if (status == SSLC_OK)
    status = drive(dial, NULL);
  assert_status(status, want, sslc_dial_error(dial));
  if (want != SSLC_OK)
    assert_code(sslc_dial_error(dial), SSLC_CODE_DANE_MISMATCH);
  sslc_dial_free(dial);
  close(listener);
}

static void
test_nameless(void **state)
{
  sslc_dial *dial = sslc_dial_new();

  (void)state;
  check_nameless("127.0.0.1", SSLC_TLSA_LOOKUP, SSLC_OK);
  check_nameless("127.0.0.1", SSLC_TLSA_REQUIRED, SSLC_ERR_VERIFY);
  check_nameless("localhost", SSLC_TLSA_LOOKUP, SSLC_OK);
  check_nameless("localhost", SSLC_TLSA_REQUIRED, SSLC_ERR_VERIFY);
  assert_ok(sslc_dial_set_tlsa(dial, SSLC_TLSA_REQUIRED), NULL);
  assert_int_equal(sslc_dial_start_unix(dial, "/nowhere/at/all"),
                   SSLC_ERR_VERIFY);
  sslc_dial_free(dial);
}

static void
test_misuse(void **state)
{
  struct world w;
  sslc_dial *dial = sslc_dial_new();
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn = sslc_conn_new(ctx);

  (void)state;
  world_init(&w, 0, "AD " GOOD, 0);
  assert_int_equal(sslc_dial_set_tlsa(NULL, 1), SSLC_ERR_ARG);
  assert_status(sslc_dial_set_tlsa(dial, 3), SSLC_ERR_ARG, NULL);
  assert_status(sslc_dial_set_tlsa(dial, -1), SSLC_ERR_ARG, NULL);
  assert_int_equal(sslc_conn_use_tlsa(NULL, dial), SSLC_ERR_ARG);
  assert_status(sslc_conn_use_tlsa(conn, NULL), SSLC_ERR_ARG, NULL);
  assert_status(sslc_conn_use_tlsa(conn, dial), SSLC_ERR_STATE, NULL);
  sslc_dial_free(dial);
  dial = dial_in(&w, SSLC_TLSA_LOOKUP);
  assert_status(sslc_dial_set_tlsa(dial, 0), SSLC_ERR_STATE, NULL);
  assert_status(sslc_conn_use_tlsa(conn, dial), SSLC_ERR_STATE, NULL);
  sslc_dial_free(dial);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
  world_free(&w);
}

/* ---------------------------------------------------------------- trust-ad */

static void
test_trust_ad(void **state)
{
  static const struct {
    const char *text;
    int trusts;
  } files[] = {
    { "", 0 },
    { "nameserver 192.0.2.53\n", 0 },
    { "options trust-ad\n", 1 },
    { "nameserver 192.0.2.53\noptions edns0 trust-ad\n", 1 },
    { "# options trust-ad\n", 0 },
    { "search trust-ad\n", 0 },
    { "options trust-add\n", 0 },
    { "options\n", 0 },
  };
  char path[] = "/tmp/sslconnect-resolv-XXXXXX";
  int fd = mkstemp(path);
  size_t i;

  (void)state;
  assert_true(fd >= 0);
  for (i = 0; i < COUNT(files); i++) {
    size_t len = strlen(files[i].text);

    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, files[i].text, len, 0), (ssize_t)len);
    assert_int_equal(sslci_trusts_ad(path), files[i].trusts);
  }
  close(fd);
  unlink(path);
  assert_false(sslci_trusts_ad(path));
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_row, &rows[i]);
  add_test("records that are late are waited for", test_late, NULL);
  add_test("records that never come end with the deadline", test_never, NULL);
  add_test("nobody asks who was not told to", test_unasked, NULL);
  add_test("addresses that are given have the name's records",
           test_given_addresses, NULL);
  add_test("what has no name has no records", test_nameless, NULL);
  add_test("the calls come in their order", test_misuse, NULL);
  add_test("resolv.conf says whether a nameserver is believed", test_trust_ad,
           NULL);
  return run_all("dane_dns");
}
