/*
 * psk.c: keys that both sides have from elsewhere, in the place of
 * certificates: RFC 4279, RFC 5489, RFC 8446, section 2.2, RFC 9257;
 * SSL_set_psk_use_session_callback(3), SSL_set_psk_client_callback(3).
 *
 * A client with such a key takes nothing else for a proof: no certificate can
 * stand in its place.  A server with some takes certificates besides.  Nothing
 * is resumed where they are in use, so that in TLS 1.3, where a handshake with
 * an external key counts as resumed to libssl, there is nothing to mistake for
 * one.
 */
#include "internal.h"

#include <string.h>

enum { LEAST_KEY = 16, MOST_KEY = 64, MOST_IDENTITY = 127 };

/* --------------------------------------------------------------- settings */

static struct sslci_psk *
find(const sslc_ctx *ctx, const void *identity, size_t len)
{
  for (size_t i = 0; i < ctx->psk_count; i++)
    if (strlen(ctx->psks[i].identity) == len &&
        memcmp(ctx->psks[i].identity, identity, len) == 0)
      return &ctx->psks[i];
  return NULL;
}

static void
free_psk(struct sslci_psk *psk)
{
  OPENSSL_free(psk->identity);
  OPENSSL_clear_free(psk->key, psk->key_len);
}

void
sslci_psk_free(sslc_ctx *ctx)
{
  for (size_t i = 0; i < ctx->psk_count; i++)
    free_psk(&ctx->psks[i]);
  OPENSSL_free(ctx->psks);
}

static sslc_status
add(sslc_ctx *ctx, const char *identity, const void *key, size_t key_len)
{
  size_t n = ctx->psk_count;
  struct sslci_psk *more = OPENSSL_realloc(ctx->psks, (n + 1) * sizeof *more);
  if (!more)
    return sslci_ctx_nomem(ctx);
  ctx->psks = more;
  more[n].identity = OPENSSL_strdup(identity);
  more[n].key = OPENSSL_memdup(key, key_len);
  more[n].key_len = key_len;
  if (!more[n].identity || !more[n].key) {
    free_psk(&more[n]);
    return sslci_ctx_nomem(ctx);
  }
  ctx->psk_count = n + 1;
  sslci_ctx_note_setting(ctx, "psk", identity, strlen(identity));
  return SSLC_OK;
}

sslc_status
sslc_ctx_add_psk(sslc_ctx *ctx, const char *identity, const void *key,
                 size_t key_len)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  size_t len = identity ? strlen(identity) : 0;
  if (len == 0 || len > MOST_IDENTITY)
    return sslci_ctx_bad_option(ctx, "psk: an identity of %zu bytes; 1 to %d "
                                "are allowed", len, MOST_IDENTITY);
  if (!key || key_len < LEAST_KEY || key_len > MOST_KEY)
    return sslci_ctx_bad_option(ctx, "psk: a key of %zu bytes; %d to %d are "
                                "allowed", key ? key_len : 0, LEAST_KEY,
                                MOST_KEY);
  if (find(ctx, identity, len))
    return sslci_ctx_bad_option(ctx, "psk: the identity \"%s\" is there twice",
                                identity);
  if (!COMPAT_HAS_PSK)
    return sslci_ctx_bad_option(ctx, "psk: this OpenSSL has no PSK");
  return add(ctx, identity, key, key_len);
}

/* What demands a certificate, or would let something in beside the key. */
static const char *
contradiction(const sslc_ctx *ctx)
{
  if (ctx->no_verify)
    return "insecure_no_verify";
  if (ctx->retry_verify)
    return "verify_hook";
  if (ctx->pin_count > 0)
    return "pins";
  if (ctx->ocsp == SSLC_OCSP_REQUIRED)
    return "ocsp = \"required\"";
  if (ctx->verify_client == SSLC_VERIFY_CLIENT_REQUIRED)
    return "verify_client = \"required\"";
  if (ctx->client_hello)
    return "client_hello_hook";
  if (ctx->served_count > 0)
    return "server_names";
  if (SSL_CTX_get_max_early_data(ctx->ssl_ctx) > 0)
    return "max_early_data";
  return NULL;
}

sslc_status
sslci_psk_check(sslc_ctx *ctx)
{
  const char *other = ctx->psk_count > 0 ? contradiction(ctx) : NULL;
  return other ? sslci_ctx_bad_option(ctx, "psk and %s exclude each other",
                                      other)
               : SSLC_OK;
}

/* --------------------------------------------------------------- TLS 1.3 */

/* What sessions of keys are bound to, and no others. */
static const unsigned char id_context[] = "sslconnect psk";

/* A session that stands for a key is marked with it.  The mark is of this
 * process: no ticket and nothing that was stored has it. */
static pthread_once_t mark_once = PTHREAD_ONCE_INIT;
static int mark_index = -1;

static void
make_mark(void)
{
  mark_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static bool
mark(SSL_SESSION *session, const struct sslci_psk *psk)
{
  pthread_once(&mark_once, make_mark);
  return mark_index >= 0 &&
         SSL_SESSION_set_ex_data(session, mark_index, (void *)psk);
}

static bool
is_marked(const SSL_SESSION *session, const struct sslci_psk *psk)
{
  return psk && mark_index >= 0 &&
         SSL_SESSION_get_ex_data(session, mark_index) == psk;
}

/* A key is used with one hash alone: SHA-256, where nothing else is said (RFC
 * 8446, section 4.2.11). */
static SSL_SESSION *
make_session(SSL *ssl, const struct sslci_psk *psk)
{
  static const unsigned char aes_128_gcm_sha256[] = { 0x13, 0x01 };
  const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, aes_128_gcm_sha256);
  SSL_SESSION *session = SSL_SESSION_new();
  if (session && cipher &&
      SSL_SESSION_set1_master_key(session, psk->key, psk->key_len) &&
      SSL_SESSION_set_cipher(session, cipher) &&
      SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) &&
      SSL_SESSION_set1_id_context(session, id_context,
                                  sizeof id_context - 1) &&
      mark(session, psk))
    return session;
  SSL_SESSION_free(session);
  return NULL;
}

static bool
is_sha256(const EVP_MD *md)
{
  return md && EVP_MD_type(md) == NID_sha256;
}

/* Called for each ClientHello; for the second one with the hash that it has to
 * be. */
static int
offer_13(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_len,
         SSL_SESSION **session)
{
  sslc_conn *conn = SSL_get_app_data(ssl);
  const struct sslci_psk *psk = conn->ctx->psks;
  *id = NULL;
  *id_len = 0;
  *session = NULL;
  conn->psk_13 = NULL;
  if (md && !is_sha256(md))
    return 1;
  *session = make_session(ssl, psk);
  if (!*session)
    return 0;
  conn->psk_13 = psk;
  *id = (const unsigned char *)psk->identity;
  *id_len = strlen(psk->identity);
  return 1;
}

/* For one that is not known libssl goes on without. */
static int
find_13(SSL *ssl, const unsigned char *identity, size_t len,
        SSL_SESSION **session)
{
  sslc_conn *conn = SSL_get_app_data(ssl);
  const struct sslci_psk *psk = find(conn->ctx, identity, len);
  *session = NULL;
  conn->psk_13 = NULL;
  if (!psk)
    return 1;
  *session = make_session(ssl, psk);
  if (*session)
    conn->psk_13 = psk;
  return *session != NULL;
}

/* --------------------------------------------------------------- TLS 1.2 */

/* libssl asks these two for TLS 1.3 too, where the others gave nothing. */
static unsigned int
give_12(sslc_conn *conn, const struct sslci_psk *psk, unsigned char *key,
        unsigned int size)
{
  conn->psk_12 = NULL;
  if (!psk || SSL_version(conn->ssl) != TLS1_2_VERSION || psk->key_len > size)
    return 0;
  memcpy(key, psk->key, psk->key_len);
  conn->psk_12 = psk;
  return (unsigned int)psk->key_len;
}

static unsigned int
offer_12(SSL *ssl, const char *hint, char *identity, unsigned int identity_size,
         unsigned char *key, unsigned int key_size)
{
  sslc_conn *conn = SSL_get_app_data(ssl);
  const struct sslci_psk *psk = conn->ctx->psks;
  size_t size = strlen(psk->identity) + 1;
  (void)hint;
  if (size > identity_size)
    return 0;
  memcpy(identity, psk->identity, size);
  return give_12(conn, psk, key, key_size);
}

static unsigned int
find_12(SSL *ssl, const char *identity, unsigned char *key, unsigned int size)
{
  sslc_conn *conn = SSL_get_app_data(ssl);
  const struct sslci_psk *psk =
    identity ? find(conn->ctx, identity, strlen(identity)) : NULL;
  return give_12(conn, psk, key, size);
}

/* ---------------------------------------------------------------- ciphers */

/* The suites of both kinds, and whether some of them go with a key. */
struct suites {
  struct sslci_text tls13, tls12;
  bool any_13, any_12;
};

static bool
is_forward_secret_psk(const SSL_CIPHER *c)
{
  int kx = SSL_CIPHER_get_kx_nid(c);
  return SSL_CIPHER_get_auth_nid(c) == NID_auth_psk &&
         (kx == NID_kx_ecdhe_psk || kx == NID_kx_dhe_psk);
}

/* Neither plain PSK nor RSA-PSK: whoever learns the key later would read all
 * that was recorded before. */
static bool
is_certified(const SSL_CIPHER *c)
{
  int kx = SSL_CIPHER_get_kx_nid(c);
  return kx != NID_kx_any && kx != NID_kx_psk && kx != NID_kx_rsa_psk &&
         kx != NID_kx_dhe_psk && kx != NID_kx_ecdhe_psk;
}

static void
append(struct sslci_text *t, const SSL_CIPHER *c)
{
  sslci_text_add(t, "%s%s", t->len ? ":" : "", SSL_CIPHER_get_name(c));
}

/* Those of SHA-256 come first: with another one no key can be used. */
static void
sort_13(struct suites *s, const STACK_OF(SSL_CIPHER) *all, bool sha256)
{
  for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
    const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);
    if (SSL_CIPHER_get_kx_nid(c) != NID_kx_any ||
        is_sha256(SSL_CIPHER_get_handshake_digest(c)) != sha256)
      continue;
    append(&s->tls13, c);
    s->any_13 = s->any_13 || sha256;
  }
}

static void
sort_12(struct suites *s, const STACK_OF(SSL_CIPHER) *all, bool certified)
{
  for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
    const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);
    bool psk = is_forward_secret_psk(c);
    if (psk || (certified && is_certified(c)))
      append(&s->tls12, c);
    s->any_12 = s->any_12 || psk;
  }
}

/* Has libssl use these; a version that has none is not spoken. */
static bool
set_suites(SSL *ssl, const struct suites *s)
{
  bool ok = s->tls13.text
    ? SSL_set_ciphersuites(ssl, s->tls13.text)
    : SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
  if (!ok)
    return false;
  return s->tls12.text ? SSL_set_cipher_list(ssl, s->tls12.text)
                       : SSL_set_min_proto_version(ssl, TLS1_3_VERSION);
}

static bool
goes_with_key(const SSL *ssl, const struct suites *s)
{
  long min = SSL_get_min_proto_version((SSL *)ssl);
  long max = SSL_get_max_proto_version((SSL *)ssl);
  return (s->any_13 && (max == 0 || max >= TLS1_3_VERSION)) ||
         (s->any_12 && min <= TLS1_2_VERSION &&
          (max == 0 || max >= TLS1_2_VERSION));
}

static sslc_status
apply_suites(sslc_conn *conn, const struct suites *s)
{
  if (!goes_with_key(conn->ssl, s))
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_HANDSHAKE,
                             "psk: no cipher that is allowed goes with a key: "
                             "that takes one of TLS 1.3 with SHA-256, or an "
                             "ECDHE-PSK or DHE-PSK of TLS 1.2");
  return set_suites(conn->ssl, s)
    ? SSLC_OK : sslci_conn_nomem(conn, SSLC_PHASE_HANDSHAKE);
}

/* The lists that are in force, without what does not go with a key: a client
 * that offers it might be answered with it.  `certified`: a certificate will do
 * as well. */
static sslc_status
choose_suites(sslc_conn *conn, bool certified)
{
  struct suites s = { { NULL, 0 }, { NULL, 0 }, false, false };
  const STACK_OF(SSL_CIPHER) *all = SSL_get_ciphers(conn->ssl);
  sort_13(&s, all, true);
  if (certified)
    sort_13(&s, all, false);
  sort_12(&s, all, certified);
  sslc_status status = apply_suites(conn, &s);
  OPENSSL_free(s.tls13.text);
  OPENSSL_free(s.tls12.text);
  return status;
}

/* -------------------------------------------------------------- preparing */

static bool
resume_nothing(SSL *ssl)
{
  SSL_set_options(ssl, SSL_OP_NO_TICKET);
  return SSL_set_num_tickets(ssl, 0) &&
         SSL_set_session_id_context(ssl, id_context, sizeof id_context - 1);
}

/* Or a hook may have one. */
static bool
has_certificate(const sslc_ctx *ctx)
{
  return sslci_has_identity(ctx) || ctx->x509_lookup;
}

sslc_status
sslci_psk_serve(sslc_conn *conn, const sslc_ctx *ctx)
{
  if (ctx->psk_count == 0)
    return SSLC_OK;
  if (ctx != conn->ctx)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_HANDSHAKE,
                             "a context with psk cannot be chosen by the "
                             "ClientHello");
  if (!resume_nothing(conn->ssl))
    return sslci_conn_nomem(conn, SSLC_PHASE_HANDSHAKE);
  SSL_set_options(conn->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
  compat_set_psk_server(conn->ssl, find_12);
  SSL_set_psk_find_session_callback(conn->ssl, find_13);
  return choose_suites(conn, has_certificate(ctx));
}

/* What the client demands beside the key. */
static const char *
demand(const sslc_conn *conn)
{
  if (conn->ctx->psk_count > 1)
    return "a client has one psk, and there are more";
  if (conn->peer_names)
    return "peer_names are of a certificate, and with psk none is shown";
  if (conn->tlsa_count > 0)
    return "TLSA records are of a certificate, and with psk none is shown";
  if (conn->session)
    return "with psk no session is resumed";
  return NULL;
}

sslc_status
sslci_psk_connect(sslc_conn *conn)
{
  SSL *ssl = conn->ssl;
  const char *wrong = demand(conn);
  if (wrong)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_HANDSHAKE,
                             "%s", wrong);
  bool named = conn->server_name && conn->name_kind == SSLCI_NAME_DNS;
  if (!resume_nothing(ssl) ||
      (named && !SSL_set_tlsext_host_name(ssl, conn->server_name)))
    return sslci_conn_nomem(conn, SSLC_PHASE_HANDSHAKE);
  SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
  compat_set_psk_client(ssl, offer_12);
  SSL_set_psk_use_session_callback(ssl, offer_13);
  return choose_suites(conn, false);
}

/* ------------------------------------------------------------- afterwards */

/* Where the other side has shown that it has the key: the binder and Finished
 * of TLS 1.3, Finished of TLS 1.2. */
static const struct sslci_psk *
proven(const sslc_conn *conn)
{
  const SSL_SESSION *session = SSL_get0_session(conn->ssl);
  const SSL_CIPHER *cipher = SSL_get_current_cipher(conn->ssl);
  bool reused = SSL_session_reused(conn->ssl);
  if (!session || !cipher || sslci_has_peer_cert(conn))
    return NULL;
  if (SSL_version(conn->ssl) == TLS1_3_VERSION)
    return reused && is_marked(session, conn->psk_13) ? conn->psk_13 : NULL;
  return SSL_version(conn->ssl) == TLS1_2_VERSION && !reused &&
         is_forward_secret_psk(cipher) ? conn->psk_12 : NULL;
}

bool
sslci_psk_done(sslc_conn *conn)
{
  conn->psk = conn->ctx->psk_count > 0 ? proven(conn) : NULL;
  return conn->psk != NULL;
}

bool
sslci_psk_is_all(const sslc_conn *conn)
{
  return conn->ctx->psk_count > 0 &&
         (conn->role == 0 || !has_certificate(conn->ctx));
}

bool
sslci_psk_refuse(sslc_conn *conn)
{
  char *text = conn->role == 1
    ? sslci_asprintf("the client did not prove that it has the key of a psk")
    : sslci_asprintf("the server did not prove that it has the key of the psk "
                     "\"%s\"", conn->ctx->psks[0].identity);
  return sslci_demand_fail(conn, SSLC_CODE_VERIFICATION_FAILED,
                           X509_V_ERR_APPLICATION_VERIFICATION, text);
}

const char *
sslc_conn_psk_identity(const sslc_conn *conn)
{
  return conn && conn->connected && conn->psk ? conn->psk->identity : NULL;
}
