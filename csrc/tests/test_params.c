/*
 * test_params.c: lists of ciphers, groups and signature algorithms, and sizes
 * of records: what is taken, what is refused, and what comes of it.
 */
#include "support.h"

#include <string.h>

typedef sslc_status set_list(sslc_ctx *ctx, const char *list);

/* ------------------------------------------------------------------- lists */

static const struct list_row {
  const char *test;
  set_list *set;
  const char *list;
  const char *says; /* NULL: it is taken */
} list_rows[] = {
  { "ciphers: names and a combination", sslc_ctx_set_ciphers,
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE+AESGCM", NULL },
  { "ciphers: every separator of OpenSSL's", sslc_ctx_set_ciphers,
    "ECDHE+AESGCM,AES128-GCM-SHA256 AES256-GCM-SHA384:!aNULL", NULL },
  { "ciphers: what is kept out may be long forgotten", sslc_ctx_set_ciphers,
    "HIGH:!aNULL:!eNULL:!EXPORT:!RC4:!SSLv2:!3DES:@STRENGTH", NULL },
  { "ciphers: the default", sslc_ctx_set_ciphers, "DEFAULT", NULL },
  { "ciphers: a higher level", sslc_ctx_set_ciphers, "DEFAULT:@SECLEVEL=3",
    NULL },
  { "ciphers: a typing error among good ones", sslc_ctx_set_ciphers,
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA385",
    "\"ECDHE-RSA-AES256-GCM-SHA385\" is no cipher of TLS 1.2 that this "
    "OpenSSL has" },
  { "ciphers: a typing error in what is to be kept out", sslc_ctx_set_ciphers,
    "HIGH:!aNUL", "\"!aNUL\" is no cipher" },
  { "ciphers: what is forgotten cannot be asked for", sslc_ctx_set_ciphers,
    "HIGH:EXPORT:!aNULL", "\"EXPORT\" is no cipher" },
  { "ciphers: one of TLS 1.3", sslc_ctx_set_ciphers, "TLS_AES_128_GCM_SHA256",
    "is no cipher of TLS 1.2" },
  { "ciphers: anonymous ones that nobody meant", sslc_ctx_set_ciphers, "HIGH",
    "which authenticates nobody" },
  { "ciphers: anonymous ones by name", sslc_ctx_set_ciphers,
    "ECDHE+AESGCM:ADH-AES256-GCM-SHA384", "which authenticates nobody" },
  { "ciphers: without encryption", sslc_ctx_set_ciphers, "NULL-SHA256",
    "NULL-SHA256 is among them, which encrypts nothing" },
  { "ciphers: a level below the one in force", sslc_ctx_set_ciphers,
    "DEFAULT:@SECLEVEL=0", "is lower than the level in force" },
  { "ciphers: no level at all", sslc_ctx_set_ciphers, "DEFAULT:@SECLEVEL=9",
    "is no level" },
  { "ciphers: two digits for a level", sslc_ctx_set_ciphers,
    "DEFAULT:@SECLEVEL=21", "is no level" },
  { "ciphers: another command", sslc_ctx_set_ciphers, "DEFAULT:@BOGUS",
    "\"@BOGUS\" is no cipher" },
  { "ciphers: nothing", sslc_ctx_set_ciphers, "", "the list is empty" },
  { "ciphers: separators alone", sslc_ctx_set_ciphers, ":, ;",
    "the list is empty" },
  { "ciphers: none left", sslc_ctx_set_ciphers, "AES128-GCM-SHA256:!ALL",
    "OpenSSL does not take the list" },
  { "ciphers: missing", sslc_ctx_set_ciphers, NULL, "the list is missing" },
  { "insecure_ciphers: anonymous", sslc_ctx_set_insecure_ciphers,
    "ADH-AES256-GCM-SHA384:@SECLEVEL=0", NULL },
  { "insecure_ciphers: all there are", sslc_ctx_set_insecure_ciphers,
    "ALL:COMPLEMENTOFALL", NULL },
  { "insecure_ciphers: still no typing errors", sslc_ctx_set_insecure_ciphers,
    "ALL:BOGUS", "insecure_ciphers: \"BOGUS\" is no cipher" },
  { "ciphersuites: two", sslc_ctx_set_ciphersuites,
    "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", NULL },
  { "ciphersuites: a typing error behind a good one",
    sslc_ctx_set_ciphersuites, "TLS_AES_128_GCM_SHA256:TLS_AES_128_GCM_SHA255",
    "\"TLS_AES_128_GCM_SHA255\" is no cipher suite of TLS 1.3" },
  { "ciphersuites: one of TLS 1.2", sslc_ctx_set_ciphersuites,
    "AES128-GCM-SHA256", "is no cipher suite" },
  { "ciphersuites: nothing", sslc_ctx_set_ciphersuites, "", "is empty" },
  { "groups: names", sslc_ctx_set_groups, "P-384:X25519:prime256v1", NULL },
  { "groups: without the hybrid, whether there is one or not",
    sslc_ctx_set_groups, "X25519:!X25519MLKEM768", NULL },
  { "groups: a typing error", sslc_ctx_set_groups, "X25519:P-257",
    "\"P-257\" is no group that this OpenSSL has" },
  { "groups: another kept out", sslc_ctx_set_groups, "X25519:!P-256",
    "\"!P-256\" is no hybrid" },
  { "groups: nothing but what is kept out", sslc_ctx_set_groups,
    "!X25519MLKEM768", "no group is left" },
  { "groups: signs of later lists", sslc_ctx_set_groups, "?P-256",
    "is no name of a group" },
  { "groups: a tuple of later lists", sslc_ctx_set_groups, "P-256/X25519",
    "is no name of a group" },
  { "groups: nothing", sslc_ctx_set_groups, "", "the list is empty" },
  { "sigalgs: both ways to write them", sslc_ctx_set_sigalgs,
    "ECDSA+SHA256:rsa_pss_rsae_sha256:ed25519", NULL },
  { "sigalgs: a typing error", sslc_ctx_set_sigalgs,
    "ECDSA+SHA256:ECDSA+SHA257",
    "\"ECDSA+SHA257\" is no signature algorithm" },
  { "sigalgs: SHA-1", sslc_ctx_set_sigalgs, "ECDSA+SHA256:RSA+SHA1",
    "\"RSA+SHA1\" can be forged" },
  { "sigalgs: SHA-1 by its other name", sslc_ctx_set_sigalgs,
    "rsa_pkcs1_sha1", "can be forged" },
  { "sigalgs: what would be left out", sslc_ctx_set_sigalgs, "?ed25519",
    "is no name of an algorithm" },
  { "sigalgs: nothing", sslc_ctx_set_sigalgs, "", "the list is empty" },
};

static void
test_list(void **state)
{
  const struct list_row *row = *state;
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn;

  if (row->says == NULL) {
    assert_ok(row->set(ctx, row->list), sslc_ctx_error(ctx));
  } else {
    assert_status(row->set(ctx, row->list), SSLC_ERR_CONFIG,
                  sslc_ctx_error(ctx));
    assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
    assert_has(sslc_error_message(sslc_ctx_error(ctx)), row->says);
    /* A list that was not taken makes no weaker connection. */
    conn = sslc_conn_new(ctx);
    assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
    assert_int_equal(sslc_conn_connect(conn), SSLC_ERR_CONFIG);
    sslc_conn_free(conn);
  }
  sslc_ctx_free(ctx);
}

/* A name that is longer than any there is. */
static void
test_long_name(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  char name[1000];

  (void)state;
  memset(name, 'A', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  assert_int_equal(sslc_ctx_set_ciphers(ctx, name), SSLC_ERR_CONFIG);
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
  sslc_ctx_free(ctx);
}

static void
test_frozen(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn = sslc_conn_new(ctx);

  (void)state;
  assert_int_equal(sslc_ctx_set_ciphers(ctx, "DEFAULT"), SSLC_ERR_STATE);
  assert_int_equal(sslc_ctx_set_groups(ctx, "P-256"), SSLC_ERR_STATE);
  assert_int_equal(sslc_ctx_set_block_padding(ctx, 16), SSLC_ERR_STATE);
  assert_int_equal(sslc_ctx_set_ciphers(NULL, "DEFAULT"), SSLC_ERR_ARG);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
}

/* ------------------------------------------------------- what comes of them */

static sslc_ctx *
client(int version, set_list *set, const char *list)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  assert_ok(set(ctx, list), sslc_ctx_error(ctx));
  return ctx;
}

static void
test_chosen_cipher(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, client(SSLC_TLS1_2, sslc_ctx_set_ciphers,
                        "ECDHE-ECDSA-CHACHA20-POLY1305"),
             make_server_ctx("good"), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_string_equal(sslc_conn_cipher(p.client),
                      "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
  peers_free(&p);
  peers_init(&p, client(SSLC_TLS1_3, sslc_ctx_set_ciphersuites,
                        "TLS_AES_128_GCM_SHA256"),
             make_server_ctx("good"), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_string_equal(sslc_conn_cipher(p.client), "TLS_AES_128_GCM_SHA256");
  peers_free(&p);
}

static void
test_chosen_group(void **state)
{
  static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };
  struct peers p;
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(versions); i++) {
    peers_init(&p, client(versions[i], sslc_ctx_set_groups,
                          "P-384:!X25519MLKEM768"),
               make_server_ctx("rsa"), "localhost");
    assert_ok(shake(&p), sslc_conn_error(p.client));
    assert_string_equal(sslc_conn_group(p.client), "secp384r1");
    peers_free(&p);
  }
}

/* Whoever has no part in common is told so. */
static void
test_nothing_in_common(void **state)
{
  struct peers p;
  sslc_ctx *server = make_server_ctx("good");

  (void)state;
  assert_ok(sslc_ctx_set_groups(server, "P-521:!X25519MLKEM768"),
            sslc_ctx_error(server));
  peers_init(&p, client(SSLC_TLS1_3, sslc_ctx_set_groups,
                        "P-384:!X25519MLKEM768"),
             server, "localhost");
  shake(&p);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_NO_SHARED_PARAMETERS);
  peers_free(&p);
  /* The server's certificate is ECDSA's. */
  peers_init(&p, client(SSLC_TLS1_3, sslc_ctx_set_sigalgs,
                        "rsa_pss_rsae_sha256"),
             make_server_ctx("good"), "localhost");
  shake(&p);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_NO_SHARED_PARAMETERS);
  peers_free(&p);
}

/* Both sides insist on a cipher that authenticates nobody: the client still
 * lets nobody in whom it has not verified. */
static void
test_anonymous(void **state)
{
  struct peers p;
  sslc_ctx *server = make_server_ctx("good");
  sslc_ctx *ctx = client(SSLC_TLS1_2, sslc_ctx_set_insecure_ciphers,
                         "AECDH-AES256-SHA:@SECLEVEL=0");

  (void)state;
  assert_ok(sslc_ctx_set_ocsp(ctx, SSLC_OCSP_OFF), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_insecure_ciphers(server, "AECDH:@SECLEVEL=0"),
            sslc_ctx_error(server));
  peers_init(&p, ctx, server, "localhost");
  shake(&p);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CERTIFICATE_MISSING);
  assert_int_equal(sslc_conn_is_verified(p.client), 0);
  peers_free(&p);
}

/* A context that a server chooses brings its parameters along. */
static void
test_chosen_context(void **state)
{
  struct peers p;
  sslc_ctx *front = sslc_ctx_new(), *chosen = make_server_ctx("good");

  (void)state;
  assert_ok(sslc_ctx_set_client_hello(front, 1), sslc_ctx_error(front));
  assert_ok(sslc_ctx_set_groups(chosen, "P-384:!X25519MLKEM768"),
            sslc_ctx_error(chosen));
  assert_ok(sslc_ctx_set_ciphersuites(chosen, "TLS_AES_128_GCM_SHA256"),
            sslc_ctx_error(chosen));
  assert_ok(sslc_ctx_set_max_send_fragment(chosen, 512),
            sslc_ctx_error(chosen));
  peers_init(&p, make_client_ctx(), front, "localhost");
  shake(&p);
  assert_ok(sslc_conn_answer_client_hello(p.server, chosen),
            sslc_conn_error(p.server));
  sslc_ctx_free(chosen);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_string_equal(sslc_conn_group(p.client), "secp384r1");
  peers_free(&p);
}

/* ----------------------------------------------------------------- records */

/* Lengths of the records that one write of `len` bytes makes. */
static size_t
record_lengths(struct peers *p, size_t len, size_t lengths[], size_t most)
{
  static char bytes[16384];
  sslc_trace_entry entry = { sizeof entry, 0, 0, 0, 0, 0, NULL };
  size_t n, count = 0;

  assert_ok(sslc_conn_set_trace(p->client, 1), sslc_conn_error(p->client));
  assert_ok(sslc_conn_write(p->client, bytes, len, &n),
            sslc_conn_error(p->client));
  while (sslc_conn_trace_next(p->client, &entry))
    if (entry.sent && entry.content_type == SSLC_TRACE_APPLICATION_DATA &&
        count < most)
      lengths[count++] = entry.length;
  return count;
}

enum { TAG = 16, TYPE = 1 };

static void
test_padding(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  struct peers p;
  size_t lengths[1];

  (void)state;
  assert_ok(sslc_ctx_set_block_padding(ctx, 1000), sslc_ctx_error(ctx));
  peers_init(&p, ctx, make_server_ctx("good"), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(record_lengths(&p, 5, lengths, 1), 1);
  assert_int_equal((lengths[0] - TAG) % 1000, 0);
  assert_int_equal(record_lengths(&p, 1001, lengths, 1), 1);
  assert_int_equal((lengths[0] - TAG) % 1000, 0);
  assert_true(lengths[0] > 2000);
  peers_free(&p);
}

static void
test_send_fragment(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  struct peers p;
  size_t lengths[8];

  (void)state;
  assert_ok(sslc_ctx_set_max_send_fragment(ctx, 600), sslc_ctx_error(ctx));
  peers_init(&p, ctx, make_server_ctx("good"), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(record_lengths(&p, 600, lengths, 8), 1);
  assert_int_equal(lengths[0], 600 + TYPE + TAG);
  peers_free(&p);
}

/* The server sends no longer records than it was asked for. */
static void
check_fragments(int version)
{
  sslc_ctx *ctx = make_client_ctx();
  char bytes[2000] = "", got[2000];
  struct peers p;
  size_t n;

  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_max_fragment_length(ctx, 1024), sslc_ctx_error(ctx));
  peers_init_sockets(&p, ctx, make_server_ctx("good"), "localhost");
  assert_int_equal(sslc_conn_max_fragment_length(p.client), 0);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_max_fragment_length(p.client), 1024);
  assert_int_equal(sslc_conn_max_fragment_length(p.server), 1024);
  assert_ok(sslc_conn_write(p.server, bytes, sizeof bytes, &n),
            sslc_conn_error(p.server));
  assert_ok(sslc_conn_read(p.client, got, sizeof got, &n),
            sslc_conn_error(p.client));
  assert_int_equal(n, 1024);
  peers_free(&p);
}

static void
test_fragment_length(void **state)
{
  struct peers p;

  (void)state;
  check_fragments(SSLC_TLS1_2);
  check_fragments(SSLC_TLS1_3);
  peers_connect(&p);
  assert_int_equal(sslc_conn_max_fragment_length(p.client), 0);
  peers_free(&p);
  assert_int_equal(sslc_conn_max_fragment_length(NULL), 0);
}

typedef sslc_status set_size(sslc_ctx *ctx, size_t size);

static const struct size_row {
  const char *test;
  set_size *set;
  size_t size;
  int good;
} size_rows[] = {
  { "block_padding of 0", sslc_ctx_set_block_padding, 0, 1 },
  { "block_padding of 16384", sslc_ctx_set_block_padding, 16384, 1 },
  { "block_padding of 16385", sslc_ctx_set_block_padding, 16385, 0 },
  { "max_send_fragment of 511", sslc_ctx_set_max_send_fragment, 511, 0 },
  { "max_send_fragment of 512", sslc_ctx_set_max_send_fragment, 512, 1 },
  { "max_send_fragment of 16384", sslc_ctx_set_max_send_fragment, 16384, 1 },
  { "max_send_fragment of 16385", sslc_ctx_set_max_send_fragment, 16385, 0 },
  { "max_send_fragment beyond all", sslc_ctx_set_max_send_fragment,
    (size_t)-1, 0 },
  { "max_fragment_length of 0", sslc_ctx_set_max_fragment_length, 0, 1 },
  { "max_fragment_length of 512", sslc_ctx_set_max_fragment_length, 512, 1 },
  { "max_fragment_length of 4096", sslc_ctx_set_max_fragment_length, 4096, 1 },
  { "max_fragment_length of 256", sslc_ctx_set_max_fragment_length, 256, 0 },
  { "max_fragment_length of 1000", sslc_ctx_set_max_fragment_length, 1000, 0 },
  { "max_fragment_length of 8192", sslc_ctx_set_max_fragment_length, 8192, 0 },
};

static void
test_size(void **state)
{
  const struct size_row *row = *state;
  sslc_ctx *ctx = sslc_ctx_new();

  assert_status(row->set(ctx, row->size),
                row->good ? SSLC_OK : SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  if (!row->good)
    assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
  sslc_ctx_free(ctx);
}

/* --------------------------------------------------------------------- ECH */

/* Where OpenSSL has none that is said, and the name never goes out in the
 * clear instead. */
static void
test_ech(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);

  (void)state;
  assert_int_equal(sslc_conn_set_ech_config_list(NULL, "x", 1), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_set_ech_config_list(conn, "", 0), SSLC_ERR_ARG);
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
  assert_int_equal(sslc_conn_set_ech_config_list(conn, "nonsense", 8),
                   SSLC_ERR_ARG);
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_conn_error(conn)), "ech_config_list: ");
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(list_rows); i++)
    add_test(list_rows[i].test, test_list, &list_rows[i]);
  add_test("a name longer than any", test_long_name, NULL);
  add_test("a context in use", test_frozen, NULL);
  add_test("the cipher that was asked for", test_chosen_cipher, NULL);
  add_test("the group that was asked for", test_chosen_group, NULL);
  add_test("nothing in common", test_nothing_in_common, NULL);
  add_test("anonymous ciphers let nobody in", test_anonymous, NULL);
  add_test("of a chosen context", test_chosen_context, NULL);
  add_test("records are padded", test_padding, NULL);
  add_test("records are no longer than set", test_send_fragment, NULL);
  add_test("a server heeds the length", test_fragment_length, NULL);
  for (i = 0; i < COUNT(size_rows); i++)
    add_test(size_rows[i].test, test_size, &size_rows[i]);
  add_test("ECH is there or it is said", test_ech, NULL);
  return run_all("params");
}
