/*
 * test_share.c: certificates that several connections are shown are kept once;
 * and nothing else is shared: each handshake comes to a verdict of its own.
 */
#include "support.h"
#include "support_memory.h"

#include <stdlib.h>
#include <string.h>

/* A chain of two takes more than that. */
enum { CHAIN = 6 * 1024 };

static void
open_peers(struct peers *p, const char *leaf)
{
  peers_init(p, make_client_ctx(), make_server_ctx(leaf), "localhost");
  assert_ok(shake(p), sslc_conn_error(p->client));
}

/* Fails with the code, beside a connection to the same server that is good. */
static void
refuses(sslc_ctx *client, sslc_ctx *server, const char *name, int code)
{
  struct peers good, p;

  open_peers(&good, "good");
  peers_init(&p, client, server, name);
  assert_int_not_equal(shake(&p), SSLC_OK);
  assert_code(sslc_conn_error(p.client), code);
  send_text(good.client, "still");
  expect_text(good.server, "still");
  peers_free(&p);
  peers_free(&good);
}

/* -------------------------------------------------------------- what it is */

static size_t
cost(struct peers *p)
{
  size_t before = memory_in_use();

  open_peers(p, "good");
  return memory_in_use() - before;
}

static void
test_kept_once(void **state)
{
  struct peers warm, first, second;
  size_t alone, beside;

  (void)state;
  open_peers(&warm, "good");
  peers_free(&warm);
  alone = cost(&first);
  beside = cost(&second);
  assert_true(beside + CHAIN < alone);
  peers_free(&first);
  peers_free(&second);
}

/* In any order, and those that are new while others go. */
static void
test_lifetimes(void **state)
{
  struct peers p[6];
  size_t i;

  (void)state;
  for (i = 0; i < 3; i++)
    open_peers(&p[i], i == 1 ? "rsa" : "good");
  for (i = 3; i < 6; i++) {
    peers_free(&p[i - 3]);
    open_peers(&p[i], "good");
    assert_int_equal(sslc_conn_peer_cert_count(p[i].client), 2);
    assert_has(sslc_cert_subject(sslc_conn_peer_cert(p[i].client, 0)),
               "CN=good");
  }
  for (i = 3; i < 6; i++) {
    assert_has(sslc_cert_pem(sslc_conn_peer_cert(p[i].client, 1)), "BEGIN");
    peers_free(&p[i]);
  }
}

static void
test_nothing_stays(void **state)
{
  struct peers p;
  size_t before;
  int i;

  (void)state;
  open_peers(&p, "good");
  peers_free(&p);
  before = memory_in_use();
  for (i = 0; i < 20; i++) {
    open_peers(&p, "good");
    peers_free(&p);
  }
  assert_in_range(memory_in_use(), 0, before + 1024);
}

/* One allocation after the other fails, in a handshake beside another: who gets
 * through has seen its peer, and the other goes on as before. */
static void
test_memory_is_short(void **state)
{
  long n = 1, step = memory_step(29), tried = n;
  struct peers good, p;

  (void)state;
  open_peers(&good, "good");
  for (; tried >= n; n += step) {
    peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
    memory_fail_at(n);
    shake(&p);
    tried = memory_count();
    memory_fail_at(0);
    if (sslc_conn_is_connected(p.client))
      assert_int_equal(sslc_conn_peer_cert_count(p.client), 2);
    peers_free(&p);
  }
  send_text(good.client, "still");
  expect_text(good.server, "still");
  peers_free(&good);
}

/* ----------------------------------------------------------- what it is not */

static void
test_another_name(void **state)
{
  (void)state;
  refuses(make_client_ctx(), make_server_ctx("good"), "wrong.example",
          SSLC_CODE_HOSTNAME_MISMATCH);
}

static void
test_another_trust(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("otherca.pem")), NULL);
  refuses(ctx, make_server_ctx("good"), "localhost",
          SSLC_CODE_UNKNOWN_AUTHORITY);
}

static void
test_another_time(void **state)
{
  sslc_ctx *ctx = make_client_ctx();

  (void)state;
  assert_ok(sslc_ctx_set_verify_time(ctx, INT64_C(4000000000)), NULL);
  refuses(ctx, make_server_ctx("good"), "localhost",
          SSLC_CODE_CERTIFICATE_EXPIRED);
}

static void
test_another_pin(void **state)
{
  sslc_ctx *ctx = make_client_ctx();

  (void)state;
  assert_ok(sslc_ctx_add_pin(
              ctx, "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            sslc_ctx_error(ctx));
  refuses(ctx, make_server_ctx("good"), "localhost", SSLC_CODE_PIN_MISMATCH);
}

/* The leaf of good.pem with one byte changed, and what is behind it. */
static char *
forged_chain(size_t from_end)
{
  static const char end[] = "-----END CERTIFICATE-----";
  size_t len, size;
  char *pem = read_file(cert_path("good.pem"), &len), *chain;
  const char *rest = strstr(pem, end) + strlen(end);
  sslc_cert *leaf = NULL, *forged = NULL;
  unsigned char *der;

  assert_ok(sslc_cert_new_pem(pem, strlen(pem), &leaf, NULL), NULL);
  sslc_cert_der(leaf, &len);
  der = malloc(len);
  assert_non_null(der);
  memcpy(der, sslc_cert_der(leaf, &len), len);
  der[len - from_end] ^= 1;
  assert_ok(sslc_cert_new_der(der, len, &forged, NULL), NULL);
  size = strlen(sslc_cert_pem(forged)) + strlen(rest) + 1;
  chain = malloc(size);
  assert_non_null(chain);
  strcpy(chain, sslc_cert_pem(forged));
  strcat(chain, rest);
  sslc_cert_free(leaf);
  sslc_cert_free(forged);
  free(der);
  free(pem);
  return chain;
}

/* The end of the signature is what certificates are found by: it stays in one
 * of the two. */
static void
test_forged(void **state)
{
  const size_t *from_end = *state;
  sslc_ctx *server = sslc_ctx_new();
  char *chain = forged_chain(*from_end);

  assert_ok(sslc_ctx_use_certificate_pem(server, chain, strlen(chain)),
            sslc_ctx_error(server));
  assert_ok(sslc_ctx_use_private_key_file(server, cert_path("good.key")),
            sslc_ctx_error(server));
  refuses(make_client_ctx(), server, "localhost",
          SSLC_CODE_INVALID_CERTIFICATE);
  free(chain);
}

int
main(void)
{
  static const size_t from_end[] = { 1, 20 };
  size_t i;

  memory_install();
  add_test("certificates of several connections are kept once", test_kept_once,
           NULL);
  add_test("a certificate stays for as long as somebody uses it",
           test_lifetimes, NULL);
  add_test("nothing stays when all have gone", test_nothing_stays, NULL);
  add_test("nothing is lost or mixed up where memory is short",
           test_memory_is_short, NULL);
  add_test("a name is looked for in each handshake", test_another_name, NULL);
  add_test("trust is looked at in each handshake", test_another_trust, NULL);
  add_test("time is looked at in each handshake", test_another_time, NULL);
  add_test("pins are looked at in each handshake", test_another_pin, NULL);
  for (i = 0; i < COUNT(from_end); i++)
    add_test("a forged certificate is not the one that it resembles",
             test_forged, &from_end[i]);
  return run_all("share");
}
