/*
 * test_session_export.c: sessions as bytes: who may use them, and what is done
 * with bytes that are none.
 */
#include "internal.h"

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

/* ------------------------------------------------------------ connections */

static const char secret[32] = "thirty-two bytes that nobody...";
static const char other_secret[32] = "thirty-two bytes of others......";

static sslc_ctx *
client_of(int version, const char *key)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  if (key != NULL)
    assert_ok(sslc_ctx_set_session_secret(ctx, key, 32), sslc_ctx_error(ctx));
  return ctx;
}

static void
finish(struct peers *p)
{
  assert_ok(shake(p), sslc_conn_error(p->client));
  assert_status(p->server_status, SSLC_OK, sslc_conn_error(p->server));
  send_through(p->server, p->client, "hello", 5);
}

static sslc_session *
make_session(sslc_ctx *client, sslc_ctx *server)
{
  struct peers p;
  sslc_session *session;

  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server),
             "localhost");
  finish(&p);
  session = sslc_conn_get1_session(p.client);
  assert_non_null(session);
  peers_free(&p);
  return session;
}

struct blob {
  unsigned char bytes[8192];
  size_t len;
};

static void
export(sslc_ctx *ctx, const sslc_session *session, struct blob *b)
{
  size_t len;

  assert_ok(sslc_ctx_export_session(ctx, session, NULL, 0, &len, NULL), NULL);
  assert_true(len <= sizeof b->bytes);
  assert_ok(sslc_ctx_export_session(ctx, session, b->bytes, sizeof b->bytes,
                                    &b->len, NULL), NULL);
  assert_int_equal(b->len, len);
}

/* The bytes of a session that a context of its own took; the server lives on
 * to know it. */
static void
make_blob(struct blob *b, int version, const char *key, sslc_ctx *server)
{
  sslc_ctx *ctx = client_of(version, key);
  sslc_session *session = make_session(ctx, server);

  export(ctx, session, b);
  sslc_session_free(session);
  sslc_ctx_free(ctx);
}

/* Not let in, with a part of the reason. */
static void
check_refused(sslc_ctx *ctx, const void *bytes, size_t len, const char *why)
{
  sslc_session *session = (sslc_session *)ctx;
  sslc_error *error = NULL;

  assert_status(sslc_ctx_import_session(ctx, bytes, len, &session, &error),
                SSLC_ERR_CONFIG, error);
  assert_null(session);
  assert_code(error, SSLC_CODE_BAD_OPTION);
  if (why != NULL)
    assert_has(sslc_error_message(error), why);
  sslc_error_free(error);
}

static sslc_session *
import(sslc_ctx *ctx, const struct blob *b)
{
  sslc_session *session = NULL;
  sslc_error *error = NULL;

  assert_ok(sslc_ctx_import_session(ctx, b->bytes, b->len, &session, &error),
            error);
  assert_non_null(session);
  assert_null(error);
  return session;
}

/* -------------------------------------------------------------- resuming */

static const struct way {
  int version;
  const char *secret;
} ways[] = {
  { SSLC_TLS1_2, NULL }, { SSLC_TLS1_3, NULL },
  { SSLC_TLS1_2, secret }, { SSLC_TLS1_3, secret },
};

static void
test_resumes(void **state)
{
  const struct way *way = *state;
  sslc_ctx *server = make_server_ctx("good");
  sslc_ctx *ctx = client_of(way->version, way->secret);
  struct peers p;
  struct blob b;
  sslc_session *session;

  make_blob(&b, way->version, way->secret, server);
  session = import(ctx, &b);
  assert_string_equal(sslc_session_server_name(session), "localhost");
  peers_init(&p, sslc_ctx_up_ref(ctx), server, "localhost");
  assert_ok(sslc_conn_set_session(p.client, session),
            sslc_conn_error(p.client));
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.client), 1);
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  assert_string_equal(sslc_cert_subject(sslc_conn_peer_cert(p.client, 0)),
                      "CN=good");
  peers_free(&p);
  sslc_session_free(session);
  sslc_ctx_free(ctx);
}

/* A session goes on being as old as its verification, wherever it goes. */
static void
test_inherits(void **state)
{
  const struct way *way = *state;
  sslc_ctx *server = make_server_ctx("good");
  sslc_ctx *from = client_of(way->version, way->secret);
  sslc_ctx *to = client_of(way->version, way->secret);
  sslc_session *session = make_session(from, server), *again;
  struct blob b;
  struct peers p;

  session->verified_at -= 1000;
  session->good_until -= 500;
  export(from, session, &b);
  again = import(to, &b);
  assert_int_equal(again->verified_at, session->verified_at);
  assert_int_equal(again->good_until, session->good_until);
  sslc_session_free(again);
  session->verified_at -= 24 * 3600;
  export(from, session, &b);
  again = import(to, &b);
  peers_init(&p, sslc_ctx_up_ref(to), server, "localhost");
  assert_ok(sslc_conn_set_session(p.client, again), NULL);
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.client), 0);
  peers_free(&p);
  sslc_session_free(again);
  sslc_session_free(session);
  sslc_ctx_free(from);
  sslc_ctx_free(to);
}

static void
test_other_name(void **state)
{
  const struct way *way = *state;
  sslc_ctx *server = make_server_ctx("good");
  sslc_ctx *ctx = client_of(way->version, way->secret);
  struct blob b;
  struct peers p;
  sslc_session *session;

  make_blob(&b, way->version, way->secret, server);
  session = import(ctx, &b);
  peers_init(&p, sslc_ctx_up_ref(ctx), server, "127.0.0.1");
  assert_status(sslc_conn_set_session(p.client, session), SSLC_ERR_ARG, NULL);
  peers_free(&p);
  sslc_session_free(session);
  sslc_ctx_free(ctx);
}

/* --------------------------------------------------------- other settings */

/* Each makes the context another one than that of the session. */
static void
no_verify(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_insecure_no_verify(ctx, 1), NULL);
}

static void
no_name_check(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_insecure_no_name_check(ctx, 1), NULL);
}

static void
more_trust(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")), NULL);
}

static void
system_trust(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_load_verify_system(ctx), NULL);
}

static void
crl(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_load_crl_file(ctx, cert_path("crl.pem")), NULL);
}

static void
pin(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_add_pin(ctx, "0123456789abcdef0123456789abcdef"
                                  "0123456789abcdef0123456789abcdef"), NULL);
}

static void
ocsp(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_ocsp(ctx, SSLC_OCSP_OFF), NULL);
}

static void
hook(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_retry_verify(ctx, 1), NULL);
}

static void
own_certificate(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_use_certificate_file(ctx, cert_path("client.pem")), NULL);
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path("client.key")), NULL);
}

static void
min_version(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_min_version(ctx, SSLC_TLS1_3), NULL);
}

static void
alpn(sslc_ctx *ctx)
{
  const char *const names[] = { "h2" };

  assert_ok(sslc_ctx_set_alpn(ctx, names, 1), NULL);
}

static void
ciphers(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384"), NULL);
}

static void
domain(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_session_domain(ctx, "another"), NULL);
}

static void
purpose(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_purpose(ctx, SSLC_PURPOSE_SERVER), NULL);
}

static void
insecure_purpose(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_insecure_purpose(ctx, SSLC_PURPOSE_ANY), NULL);
}

static void
verify_time(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_verify_time(ctx, 1), NULL);
}

static void
verify_depth(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_verify_depth(ctx, 3), NULL);
}

static void
partial_chain(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_partial_chain(ctx, 1), NULL);
}

static void
security_level(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_insecure_security_level(ctx, 1), NULL);
}

static void
trusted_certificate(sslc_ctx *ctx)
{
  size_t len;
  char *pem = read_file(cert_path("otherca.pem"), &len);
  sslc_cert *cert;

  assert_ok(sslc_cert_new_pem(pem, len, &cert, NULL), NULL);
  assert_ok(sslc_ctx_load_verify_cert(ctx, cert), NULL);
  sslc_cert_free(cert);
  free(pem);
}

static const struct other {
  const char *test;
  void (*change)(sslc_ctx *ctx);
} others[] = {
  { "does not verify", no_verify },
  { "does not check the name", no_name_check },
  { "has been given more trust", more_trust },
  { "trusts the system", system_trust },
  { "has a revocation list", crl },
  { "has a pin", pin },
  { "looks at no staples", ocsp },
  { "has a hook", hook },
  { "has a certificate of its own", own_certificate },
  { "has another version", min_version },
  { "has another ALPN", alpn },
  { "has other ciphers", ciphers },
  { "is of another domain", domain },
  { "wants another purpose", purpose },
  { "wants no purpose", insecure_purpose },
  { "judges by another time", verify_time },
  { "has another depth", verify_depth },
  { "takes partial chains", partial_chain },
  { "has another security level", security_level },
  { "trusts a certificate more", trusted_certificate },
};

/* Neither what it gives nor what it takes. */
static void
test_other(void **state)
{
  const struct other *other = *state;
  sslc_ctx *server = make_server_ctx("good");
  sslc_ctx *strict = client_of(SSLC_TLS1_3, secret);
  sslc_ctx *changed = client_of(SSLC_TLS1_3, secret);
  sslc_session *session = make_session(strict, server);
  sslc_session moved;
  struct blob b;

  other->change(changed);
  export(strict, session, &b);
  check_refused(changed, b.bytes, b.len, "other settings");
  moved = *session;
  moved.ctx_number = changed->number;
  export(changed, &moved, &b);
  check_refused(strict, b.bytes, b.len, "other settings");
  sslc_session_free(session);
  sslc_ctx_free(strict);
  sslc_ctx_free(changed);
  sslc_ctx_free(server);
}

/* ------------------------------------------------------------- bad bytes */

static void
test_changed(void **state)
{
  const struct way *way = *state;
  sslc_ctx *server = make_server_ctx("good");
  sslc_ctx *ctx = client_of(way->version, way->secret);
  struct blob b;
  size_t i;

  make_blob(&b, way->version, way->secret, server);
  for (i = 0; i < b.len; i++) {
    b.bytes[i] ^= (unsigned char)(1 << i % 8);
    check_refused(ctx, b.bytes, b.len, NULL);
    b.bytes[i] ^= (unsigned char)(1 << i % 8);
  }
  for (i = 0; i < b.len; i++)
    check_refused(ctx, b.bytes, i, NULL);
  b.bytes[b.len] = 0;
  check_refused(ctx, b.bytes, b.len + 1, NULL);
  sslc_session_free(import(ctx, &b));
  sslc_ctx_free(server);
  sslc_ctx_free(ctx);
}

static void
set_sum(struct blob *b)
{
  assert_int_equal(EVP_Digest(b->bytes + 38, b->len - 38, b->bytes + 6, NULL,
                              EVP_sha256(), NULL), 1);
}

/* Whoever can write to a store without a seal can make the sum fit, and is
 * believed: the header says so.  Nothing comes to harm by it, though: there is
 * a handshake in full, one that fails, or a server that has the same secrets,
 * and only a good verdict is passed on. */
static void
try_forged(sslc_ctx *ctx, sslc_ctx *server, const struct blob *b)
{
  sslc_session *session = NULL;
  struct peers p;

  if (sslc_ctx_import_session(ctx, b->bytes, b->len, &session, NULL) != SSLC_OK)
    return;
  peers_init(&p, sslc_ctx_up_ref(ctx), sslc_ctx_up_ref(server), "localhost");
  if (sslc_conn_set_session(p.client, session) == SSLC_OK &&
      shake(&p) == SSLC_OK)
    assert_int_equal(sslc_conn_is_verified(p.client), 1);
  peers_free(&p);
  sslc_session_free(session);
}

static void
test_forged(void **state)
{
  const struct way *way = *state;
  size_t i, step = under_valgrind() ? 149 : 17;
  sslc_ctx *server = make_server_ctx("good");
  sslc_ctx *ctx = client_of(way->version, NULL);
  struct blob b;

  make_blob(&b, way->version, NULL, server);
  for (i = 38; i < b.len; i += step) {
    unsigned char was = b.bytes[i];

    b.bytes[i] ^= (unsigned char)(1 << i % 8);
    set_sum(&b);
    try_forged(ctx, server, &b);
    b.bytes[i] = was;
  }
  /* Every end, and lengths that lead beyond. */
  for (i = b.len - 1; i > 38; i -= i > step ? step : i) {
    b.len = i;
    set_sum(&b);
    check_refused(ctx, b.bytes, b.len, NULL);
  }
  sslc_ctx_free(server);
  sslc_ctx_free(ctx);
}

/* Lengths inside that are too large, at each place where there is one. */
static void
test_lengths(void **state)
{
  sslc_ctx *server = make_server_ctx("good");
  sslc_ctx *ctx = client_of(SSLC_TLS1_3, NULL);
  size_t at[] = { 38 + 48, 38 + 48 + 4 + 9, 0 };
  struct blob b;
  size_t i, k;

  (void)state;
  make_blob(&b, SSLC_TLS1_3, NULL, server);
  at[2] = at[1] + 4 + (size_t)(b.bytes[at[1] + 2] << 8 | b.bytes[at[1] + 3]);
  for (i = 0; i < COUNT(at); i++)
    for (k = 0; k < 4; k++) {
      unsigned char was = b.bytes[at[i] + k];

      b.bytes[at[i] + k] = 0xff;
      set_sum(&b);
      check_refused(ctx, b.bytes, b.len, "malformed");
      b.bytes[at[i] + k] = was;
    }
  sslc_ctx_free(server);
  sslc_ctx_free(ctx);
}

static void
test_seal(void **state)
{
  sslc_ctx *server = make_server_ctx("good");
  sslc_ctx *plain = client_of(SSLC_TLS1_3, NULL);
  sslc_ctx *sealed = client_of(SSLC_TLS1_3, secret);
  sslc_ctx *other = client_of(SSLC_TLS1_3, other_secret);
  struct blob b, again;

  (void)state;
  make_blob(&b, SSLC_TLS1_3, NULL, server);
  check_refused(sealed, b.bytes, b.len, "is not sealed");
  make_blob(&b, SSLC_TLS1_3, secret, server);
  check_refused(plain, b.bytes, b.len, "session_secret is not set");
  check_refused(other, b.bytes, b.len, "another session_secret");
  sslc_session *session = import(sealed, &b);
  export(sealed, session, &again);
  assert_int_equal(again.len, b.len); /* with another nonce */
  assert_memory_not_equal(again.bytes, b.bytes, b.len);
  sslc_session_free(session);
  /* The name is to be read in the one only. */
  assert_null(memmem(b.bytes, b.len, "localhost", 9));
  sslc_ctx_free(server);
  sslc_ctx_free(plain);
  sslc_ctx_free(sealed);
  sslc_ctx_free(other);
}

/* ------------------------------------------------------------------- keys */

static void
get_key(char key[65], sslc_ctx *ctx, const char *scope, const char *name)
{
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(conn);
  assert_ok(sslc_conn_set_server_name(conn, name), NULL);
  assert_null(sslc_conn_session_key(conn));
  assert_ok(sslc_conn_set_session_scope(conn, scope), NULL);
  assert_int_equal(strlen(sslc_conn_session_key(conn)), 64);
  strcpy(key, sslc_conn_session_key(conn));
  sslc_conn_free(conn);
}

static void
test_key(void **state)
{
  sslc_ctx *one = client_of(SSLC_TLS1_3, NULL);
  sslc_ctx *same = client_of(SSLC_TLS1_3, NULL);
  sslc_ctx *lax = client_of(SSLC_TLS1_3, NULL);
  char key[65], other[65];

  (void)state;
  no_verify(lax);
  get_key(key, one, "here:443", "localhost");
  get_key(other, same, "here:443", "localhost");
  assert_string_equal(key, other);
  get_key(other, one, "there:443", "localhost");
  assert_string_not_equal(key, other);
  get_key(other, one, "here:443", "127.0.0.1");
  assert_string_not_equal(key, other);
  get_key(other, lax, "here:443", "localhost");
  assert_string_not_equal(key, other);
  assert_null(sslc_conn_session_key(NULL));
  sslc_ctx_free(one);
  sslc_ctx_free(same);
  sslc_ctx_free(lax);
}

/* ------------------------------------------------------------------ trust */

static void
write_trust(const char *path, const char *more)
{
  size_t len;
  char *pem = read_file(cert_path("ca.pem"), &len);
  FILE *f = fopen(path, "w");

  assert_non_null(f);
  assert_int_equal(fprintf(f, "%s%s", pem, more), (int)(len + strlen(more)));
  assert_int_equal(fclose(f), 0);
  free(pem);
}

/* A file of trust that changes under a context: what was verified by the old
 * one is not resumed, nor passed on. */
static void
test_trust_changes(void **state)
{
  char path[] = "/tmp/sslc-trust-XXXXXX";
  int fd = mkstemp(path);
  sslc_ctx *server = make_server_ctx("good");
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_session *session;
  sslc_error *error = NULL;
  struct blob b;
  struct peers p;
  size_t len;

  (void)state;
  assert_true(fd >= 0);
  close(fd);
  sslci_trust_interval = 0;
  write_trust(path, "");
  assert_ok(sslc_ctx_load_verify_file(ctx, path), sslc_ctx_error(ctx));
  session = make_session(ctx, server);
  export(ctx, session, &b);
  write_trust(path, "changed\n");
  peers_init(&p, sslc_ctx_up_ref(ctx), server, "localhost");
  assert_ok(sslc_conn_set_session(p.client, session), NULL);
  assert_ok(sslc_conn_set_session_scope(p.client, "here:443"), NULL);
  assert_null(sslc_conn_session_key(p.client));
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.client), 0);
  assert_status(sslc_ctx_export_session(ctx, session, NULL, 0, &len, &error),
                SSLC_ERR_CONFIG, error);
  assert_has(sslc_error_message(error), "has changed");
  sslc_error_free(error);
  check_refused(ctx, b.bytes, b.len, "has changed");
  peers_free(&p);
  sslc_session_free(session);
  sslc_ctx_free(ctx);
  unlink(path);
}

/* ---------------------------------------------------------------- misuse */

static void
test_misuse(void **state)
{
  sslc_ctx *server = make_server_ctx("good");
  sslc_ctx *ctx = client_of(SSLC_TLS1_3, NULL), *other = make_client_ctx();
  sslc_session *session = make_session(ctx, server), *out;
  sslc_error *error;
  char buf[16];
  size_t len;

  (void)state;
  assert_int_equal(sslc_ctx_export_session(NULL, session, NULL, 0, &len, NULL),
                   SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_export_session(ctx, NULL, NULL, 0, &len, NULL),
                   SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_export_session(ctx, session, NULL, 0, NULL, NULL),
                   SSLC_ERR_ARG);
  assert_status(sslc_ctx_export_session(ctx, session, buf, sizeof buf, &len,
                                        &error), SSLC_ERR_CONFIG, error);
  assert_has(sslc_error_message(error), "too short");
  assert_true(len > sizeof buf);
  sslc_error_free(error);
  assert_status(sslc_ctx_export_session(other, session, NULL, 0, &len, &error),
                SSLC_ERR_CONFIG, error);
  assert_has(sslc_error_message(error), "another context");
  sslc_error_free(error);
  assert_int_equal(sslc_ctx_import_session(NULL, buf, 1, &out, NULL),
                   SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_import_session(ctx, NULL, 1, &out, NULL),
                   SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_import_session(ctx, buf, 1, NULL, NULL),
                   SSLC_ERR_ARG);
  check_refused(ctx, "", 0, "no session");
  assert_status(sslc_ctx_set_session_domain(other, "x"), SSLC_ERR_STATE,
                sslc_ctx_error(other));
  sslc_session_free(session);
  sslc_ctx_free(server);
  sslc_ctx_free(ctx);
  sslc_ctx_free(other);
}

/* A context with a bad setting, here a secret, gives and takes nothing. */
static void
test_bad_secret(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_session *session = NULL;
  sslc_error *error = NULL;

  (void)state;
  assert_status(sslc_ctx_set_session_secret(ctx, secret, 31), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "session_secret has 31");
  assert_status(sslc_ctx_import_session(ctx, "x", 1, &session, &error),
                SSLC_ERR_CONFIG, error);
  assert_has(sslc_error_message(error), "session_secret");
  sslc_error_free(error);
  sslc_ctx_free(ctx);
}

int
main(void)
{
  static const struct {
    const char *test;
    CMUnitTestFunction function;
  } each[] = {
    { "another context resumes what was exported", test_resumes },
    { "a session is as old as its verification", test_inherits },
    { "it is for no other name", test_other_name },
    { "no change of its bytes is let in", test_changed },
  };
  size_t i, k;

  for (i = 0; i < COUNT(each); i++)
    for (k = 0; k < COUNT(ways); k++)
      add_test(each[i].test, each[i].function, &ways[k]);
  for (i = 0; i < COUNT(others); i++)
    add_test(others[i].test, test_other, &others[i]);
  for (k = 0; k < 2; k++)
    add_test("a change that was made to fit", test_forged, &ways[k]);
  add_test("lengths that lead beyond the end", test_lengths, NULL);
  add_test("what is sealed and what is not", test_seal, NULL);
  add_test("a key of a store is of all that counts", test_key, NULL);
  add_test("trust that has changed", test_trust_changes, NULL);
  add_test("what is no use of it is an error", test_misuse, NULL);
  add_test("a secret of another length", test_bad_secret, NULL);
  return run_all("session_export");
}
