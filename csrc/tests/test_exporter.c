/*
 * test_exporter.c: exported keying material and channel bindings: equal on both
 * sides, different for all else, and refused where they would bind nothing.
 */
#include "support.h"

#include "internal.h"

#include <openssl/evp.h>
#include <string.h>

enum { LEN = 48 };

static void
export(sslc_conn *conn, unsigned char out[LEN], const char *label,
       const char *context)
{
  assert_ok(sslc_conn_export_keying_material(conn, out, LEN, label, context,
                                             context ? strlen(context) : 0),
            sslc_conn_error(conn));
}

static void
begin(struct peers *p, int version, const char *leaf)
{
  sslc_ctx *client = make_client_ctx();

  assert_ok(sslc_ctx_set_max_version(client, version), sslc_ctx_error(client));
  peers_init(p, client, make_server_ctx(leaf), "localhost");
}

static void
connect_as(struct peers *p, int version, const char *leaf)
{
  begin(p, version, leaf);
  assert_ok(shake(p), sslc_conn_error(p->client));
  assert_status(p->server_status, SSLC_OK, sslc_conn_error(p->server));
}

static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };

/* ---------------------------------------------------------------- exporting */

static void
test_both_sides(void **state)
{
  static const struct {
    const char *label, *context;
  } given[] = { { "EXPORTER-test", NULL }, { "EXPORTER-test", "" },
                { "EXPORTER-test", "context" }, { "EXPORTER-other", NULL } };
  unsigned char client[COUNT(given)][LEN], server[LEN];
  const int version = *(const int *)*state;
  struct peers p;
  size_t i, j;

  connect_as(&p, version, "good");
  for (i = 0; i < COUNT(given); i++) {
    export(p.client, client[i], given[i].label, given[i].context);
    export(p.server, server, given[i].label, given[i].context);
    assert_memory_equal(client[i], server, LEN);
  }
  /* None and an empty context are one in TLS 1.3: RFC 8446, section 7.5. */
  for (i = 0; i < COUNT(given); i++)
    for (j = i + 1; j < COUNT(given); j++)
      if (version == SSLC_TLS1_3 && i == 0 && j == 1)
        assert_memory_equal(client[i], client[j], LEN);
      else
        assert_memory_not_equal(client[i], client[j], LEN);
  peers_free(&p);
}

static void
test_other_connection(void **state)
{
  unsigned char one[LEN], other[LEN];
  struct peers p;

  connect_as(&p, *(const int *)*state, "good");
  export(p.client, one, "EXPORTER-test", NULL);
  peers_free(&p);
  connect_as(&p, *(const int *)*state, "good");
  export(p.client, other, "EXPORTER-test", NULL);
  assert_memory_not_equal(one, other, LEN);
  peers_free(&p);
}

#define assert_refused(conn, call, status, code)          \
  do {                                                    \
    assert_status((call), (status), sslc_conn_error(conn)); \
    assert_code(sslc_conn_error(conn), (code));           \
  } while (0)

static void
test_arguments(void **state)
{
  unsigned char out[LEN], kept[LEN];
  char label[251];
  struct peers p;
  sslc_conn *conn;

  (void)state;
  connect_as(&p, SSLC_TLS1_3, "good");
  conn = p.client;
  memset(label, 'x', sizeof label);
  label[250] = '\0';
  assert_refused(conn, sslc_conn_export_keying_material(conn, out, LEN, label,
                                                        NULL, 0),
                 SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  assert_refused(conn, sslc_conn_export_keying_material(conn, out, LEN, "",
                                                        NULL, 0),
                 SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  assert_refused(conn, sslc_conn_export_keying_material(conn, out, LEN, NULL,
                                                        NULL, 0),
                 SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  assert_refused(conn, sslc_conn_export_keying_material(conn, out, 0, "x",
                                                        NULL, 0),
                 SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  assert_refused(conn, sslc_conn_export_keying_material(conn, NULL, LEN, "x",
                                                        NULL, 0),
                 SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  assert_refused(conn, sslc_conn_export_keying_material(conn, out, LEN, "x",
                                                        NULL, 5),
                 SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  assert_refused(conn, sslc_conn_export_keying_material(conn, out, LEN, "x",
                                                        out, 65536),
                 SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  assert_int_equal(sslc_conn_export_keying_material(NULL, out, LEN, "x", NULL,
                                                    0), SSLC_ERR_ARG);
  /* The connection is none the worse for it. */
  label[249] = '\0';
  export(conn, kept, label, NULL);
  send_text(p.client, "still here");
  expect_text(p.server, "still here");
  peers_free(&p);
}

/* With TLS 1.2 the labels of the handshake itself would give its secrets. */
static void
test_reserved_label(void **state)
{
  static const unsigned char zeros[LEN];
  unsigned char out[LEN];
  struct peers p;

  (void)state;
  connect_as(&p, SSLC_TLS1_2, "good");
  memset(out, 1, sizeof out);
  assert_refused(p.client,
                 sslc_conn_export_keying_material(p.client, out, LEN,
                                                  "master secret", NULL, 0),
                 SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  assert_memory_equal(out, zeros, LEN);
  peers_free(&p);
}

static void
test_too_much(void **state)
{
  static unsigned char out[255 * 48 + 1];
  struct peers p;

  (void)state;
  connect_as(&p, SSLC_TLS1_3, "good");
  assert_refused(p.client,
                 sslc_conn_export_keying_material(p.client, out, sizeof out,
                                                  "EXPORTER-x", NULL, 0),
                 SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  peers_free(&p);
}

static void
test_states(void **state)
{
  unsigned char out[SSLC_CHANNEL_BINDING_MAX];
  struct peers p;
  size_t n;

  (void)state;
  begin(&p, SSLC_TLS1_3, "good");
  assert_refused(p.client,
                 sslc_conn_export_keying_material(p.client, out, 32, "x", NULL,
                                                  0),
                 SSLC_ERR_STATE, SSLC_CODE_MISUSE);
  assert_refused(p.client,
                 sslc_conn_channel_binding(p.client, "tls-exporter", out,
                                           sizeof out, &n),
                 SSLC_ERR_STATE, SSLC_CODE_MISUSE);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  sslc_conn_close(p.client);
  assert_refused(p.client,
                 sslc_conn_export_keying_material(p.client, out, 32, "x", NULL,
                                                  0),
                 SSLC_ERR_STATE, SSLC_CODE_CLOSED);
  peers_free(&p);
}

/* Who was not let in gets no secrets either. */
static void
test_failed(void **state)
{
  unsigned char out[LEN];
  struct peers p;

  (void)state;
  begin(&p, SSLC_TLS1_3, "expired");
  shake(&p);
  assert_refused(p.client,
                 sslc_conn_export_keying_material(p.client, out, LEN, "x",
                                                  NULL, 0),
                 SSLC_ERR_VERIFY, SSLC_CODE_CERTIFICATE_EXPIRED);
  peers_free(&p);
}

/* ------------------------------------------------------------- tls-exporter */

static size_t
binding(sslc_conn *conn, const char *kind,
        unsigned char out[SSLC_CHANNEL_BINDING_MAX])
{
  size_t n;

  assert_ok(sslc_conn_channel_binding(conn, kind, out,
                                      SSLC_CHANNEL_BINDING_MAX, &n),
            sslc_conn_error(conn));
  return n;
}

/* RFC 9266, section 2: this label, an empty context, 32 bytes. */
static void
test_tls_exporter(void **state)
{
  unsigned char client[SSLC_CHANNEL_BINDING_MAX];
  unsigned char server[SSLC_CHANNEL_BINDING_MAX], want[LEN];
  struct peers p;

  connect_as(&p, *(const int *)*state, "good");
  assert_int_equal(binding(p.client, "tls-exporter", client), 32);
  assert_int_equal(binding(p.server, "tls-exporter", server), 32);
  assert_memory_equal(client, server, 32);
  assert_ok(sslc_conn_export_keying_material(
              p.client, want, 32, "EXPORTER-Channel-Binding", "", 0),
            sslc_conn_error(p.client));
  assert_memory_equal(client, want, 32);
  peers_free(&p);
}

/* A server that knows no extended master secret, as who wants to be in the
 * middle of two connections with the same one would be. */
static void
test_without_extended_master_secret(void **state)
{
  unsigned char out[SSLC_CHANNEL_BINDING_MAX];
  struct peers p;
  size_t n;

  (void)state;
  begin(&p, SSLC_TLS1_2, "good");
#if defined(SSL_OP_NO_EXTENDED_MASTER_SECRET)
  SSL_set_options(p.server->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
#else
  peers_free(&p);
  skip(); /* OpenSSL 1.1.1 cannot be without it */
#endif
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_refused(p.client,
                 sslc_conn_channel_binding(p.client, "tls-exporter", out,
                                           sizeof out, &n),
                 SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), "RFC 7627");
  assert_int_equal(n, 0);
  /* The certificate is what it is. */
  assert_int_equal(binding(p.client, "tls-server-end-point", out), 32);
  peers_free(&p);
}

/* ----------------------------------------------------- tls-server-end-point */

static void
digest_of(const sslc_conn *client, const EVP_MD *md,
             unsigned char out[SSLC_CHANNEL_BINDING_MAX])
{
  size_t len;
  const unsigned char *der =
    sslc_cert_der(sslc_conn_peer_cert(client, 0), &len);

  assert_int_equal(EVP_Digest(der, len, out, NULL, md, NULL), 1);
}

static void
check_end_point(struct peers *p, const EVP_MD *md)
{
  unsigned char client[SSLC_CHANNEL_BINDING_MAX];
  unsigned char server[SSLC_CHANNEL_BINDING_MAX];
  unsigned char want[SSLC_CHANNEL_BINDING_MAX];
  size_t len = (size_t)EVP_MD_size(md);

  digest_of(p->client, md, want);
  assert_int_equal(binding(p->client, "tls-server-end-point", client), len);
  assert_int_equal(binding(p->server, "tls-server-end-point", server), len);
  assert_memory_equal(client, want, len);
  assert_memory_equal(server, want, len);
}

/* The server's certificate as it is on the wire: what was known of it before it
 * was changed is forgotten. */
static void
read_anew(sslc_ctx *ctx)
{
  unsigned char *der = NULL;
  int len = i2d_X509(ctx->cert, &der);
  const unsigned char *next = der;

  X509_free(ctx->cert);
  ctx->cert = d2i_X509(NULL, &next, len);
  OPENSSL_free(der);
  assert_int_equal(SSL_CTX_use_cert_and_key(ctx->ssl_ctx, ctx->cert, ctx->key,
                                            NULL, 1), 1);
}

/* A server whose certificate is signed with its own key. */
static sslc_ctx *
resigned(const EVP_MD *md, int pss)
{
  sslc_ctx *ctx = make_lax_server_ctx("rsa");
  EVP_MD_CTX *md_ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX *key_ctx;

  assert_int_equal(EVP_DigestSignInit(md_ctx, &key_ctx, md, NULL, ctx->key),
                   1);
  if (pss)
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(key_ctx,
                                                  RSA_PKCS1_PSS_PADDING), 1);
  assert_true(X509_sign_ctx(ctx->cert, md_ctx) > 0);
  EVP_MD_CTX_free(md_ctx);
  read_anew(ctx);
  return ctx;
}

static void
check_resigned(const EVP_MD *md, int pss, const EVP_MD *want)
{
  sslc_ctx *client = sslc_ctx_new();
  struct peers p;

  assert_ok(sslc_ctx_set_insecure_no_verify(client, 1),
            sslc_ctx_error(client));
  assert_ok(sslc_ctx_set_insecure_min_version(client, SSLC_TLS1_1),
            sslc_ctx_error(client));
  peers_init(&p, client, resigned(md, pss), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  check_end_point(&p, want);
  peers_free(&p);
}

static void
test_end_point(void **state)
{
  struct peers p;

  connect_as(&p, *(const int *)*state, "good");
  check_end_point(&p, EVP_sha256());
  peers_free(&p);
}

/* RFC 5929, section 4.1. */
static void
test_end_point_digests(void **state)
{
  (void)state;
  check_resigned(EVP_sha384(), 0, EVP_sha384());
  check_resigned(EVP_sha512(), 0, EVP_sha512());
  check_resigned(EVP_sha512(), 1, EVP_sha512());
  check_resigned(EVP_sha1(), 0, EVP_sha256());
  check_resigned(EVP_md5(), 0, EVP_sha256());
}

/* A signature of Ed25519 has no digest of its own. */
static void
test_end_point_undefined(void **state)
{
  unsigned char out[SSLC_CHANNEL_BINDING_MAX];
  sslc_ctx *server = make_server_ctx("ed25519");
  sslc_ctx *client = sslc_ctx_new();
  struct peers p;
  size_t n;

  (void)state;
  assert_true(X509_sign(server->cert, server->key, NULL) > 0);
  read_anew(server);
  assert_ok(sslc_ctx_set_insecure_no_verify(client, 1),
            sslc_ctx_error(client));
  peers_init(&p, client, server, "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_refused(p.client,
                 sslc_conn_channel_binding(p.client, "tls-server-end-point",
                                           out, sizeof out, &n),
                 SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), "not defined");
  peers_free(&p);
}

/* The certificate is not sent again, but it is known. */
static void
test_end_point_resumed(void **state)
{
  sslc_ctx *client = make_client_ctx(), *server = make_server_ctx("good");
  sslc_session *session;
  struct peers p;

  (void)state;
  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server),
             "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  send_through(p.server, p.client, "x", 1);
  session = sslc_conn_get1_session(p.client);
  sslc_conn_close(p.client);
  peers_free(&p);
  peers_init(&p, client, server, "localhost");
  assert_ok(sslc_conn_set_session(p.client, session),
            sslc_conn_error(p.client));
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_session_reused(p.client), 1);
  check_end_point(&p, EVP_sha256());
  sslc_session_free(session);
  peers_free(&p);
}

static void
test_other_kinds(void **state)
{
  static const char *const kinds[] = { NULL, "", "tls-unique", "TLS-EXPORTER",
                                       "tls-exporter " };
  unsigned char out[SSLC_CHANNEL_BINDING_MAX];
  struct peers p;
  size_t i, n;

  (void)state;
  connect_as(&p, SSLC_TLS1_2, "good");
  for (i = 0; i < COUNT(kinds); i++)
    assert_refused(p.client,
                   sslc_conn_channel_binding(p.client, kinds[i], out,
                                             sizeof out, &n),
                   SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  assert_refused(p.client,
                 sslc_conn_channel_binding(p.client, "tls-exporter", out,
                                           sizeof out - 1, &n),
                 SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION);
  assert_int_equal(sslc_conn_channel_binding(p.client, "tls-exporter", out,
                                             sizeof out, NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_channel_binding(NULL, "tls-exporter", out,
                                             sizeof out, &n), SSLC_ERR_ARG);
  peers_free(&p);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(versions); i++) {
    add_test("both sides have the same", test_both_sides, &versions[i]);
    add_test("another connection has another", test_other_connection,
             &versions[i]);
    add_test("tls-exporter", test_tls_exporter, &versions[i]);
    add_test("tls-server-end-point", test_end_point, &versions[i]);
  }
  add_test("wrong arguments", test_arguments, NULL);
  add_test("labels of the handshake", test_reserved_label, NULL);
  add_test("more than there is", test_too_much, NULL);
  add_test("before the handshake and after close", test_states, NULL);
  add_test("a handshake that failed", test_failed, NULL);
  add_test("tls-exporter without extended master secret",
           test_without_extended_master_secret, NULL);
  add_test("tls-server-end-point by digest", test_end_point_digests, NULL);
  add_test("tls-server-end-point without digest", test_end_point_undefined,
           NULL);
  add_test("tls-server-end-point resumed", test_end_point_resumed, NULL);
  add_test("other kinds", test_other_kinds, NULL);
  return run_all("exporter");
}
