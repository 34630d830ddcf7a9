/*
 * support_forge.c: sealing records: RFC 5246, 6.2.3.3 and 6.3; RFC 5288;
 * RFC 8446, 5.2 and 7.
 */
#include "support_forge.h"

#include <openssl/hmac.h>
#include <string.h>

enum { TAG = 16, MOST = 16384 + 256 + 64 };

/* ------------------------------------------------------------------- keys */

static void
hmac(const void *key, size_t len, const unsigned char *bytes, size_t n,
     unsigned char out[32])
{
  assert_non_null(HMAC(EVP_sha256(), key, (int)len, bytes, n, out, NULL));
}

/* HKDF-Expand-Label without a context. */
static void
expand(const unsigned char secret[32], const char *label, unsigned char *out,
       size_t len)
{
  unsigned char info[64] = { 0, (unsigned char)len };
  unsigned char block[32];
  size_t n = strlen(label);

  info[2] = (unsigned char)(6 + n);
  memcpy(info + 3, "tls13 ", 6);
  memcpy(info + 9, label, n);
  info[9 + n] = 0;
  info[10 + n] = 1;
  hmac(secret, 32, info, 11 + n, block);
  memcpy(out, block, len);
}

static void
use_secret(struct forge *f)
{
  expand(f->secret, "key", f->key, sizeof f->key);
  expand(f->secret, "iv", f->iv, sizeof f->iv);
  f->sequence = 0;
}

/* The lines of SSLKEYLOGFILE; the connection's forge is its app data. */
static const char *wanted_line;
static unsigned char logged[32];

static void
take_secret(const SSL *ssl, const char *line)
{
  size_t n = strlen(wanted_line), i;
  const char *hex = strrchr(line, ' ');

  (void)ssl;
  if (strncmp(line, wanted_line, n) != 0 || line[n] != ' ' || hex == NULL)
    return;
  for (i = 0; i < sizeof logged; i++) {
    int high = OPENSSL_hexchar2int((unsigned char)hex[1 + 2 * i]);
    int low = OPENSSL_hexchar2int((unsigned char)hex[2 + 2 * i]);

    logged[i] = (unsigned char)(high * 16 + low);
  }
}

/* The first 40 bytes of the key block: two keys, two implicit nonces. */
static void
derive_key_block(SSL *ssl, unsigned char block[64])
{
  unsigned char master[48], seed[32 + 13 + 64], a[32], out[32];
  size_t len = SSL_SESSION_get_master_key(SSL_get_session(ssl), master,
                                          sizeof master);

  memcpy(seed + 32, "key expansion", 13);
  SSL_get_server_random(ssl, seed + 32 + 13, 32);
  SSL_get_client_random(ssl, seed + 32 + 45, 32);
  hmac(master, len, seed + 32, sizeof seed - 32, a);
  memcpy(seed, a, 32);
  hmac(master, len, seed, sizeof seed, block);
  hmac(master, len, a, sizeof a, out);
  memcpy(seed, out, 32);
  hmac(master, len, seed, sizeof seed, block + 32);
}

static void
take_keys(struct forge *f, SSL *ssl, int from_client)
{
  unsigned char block[64];

  if (f->version == SSLC_TLS1_3) {
    memcpy(f->secret, logged, sizeof logged);
    use_secret(f);
    return;
  }
  derive_key_block(ssl, block);
  memcpy(f->key, block + (from_client ? 0 : 16), 16);
  memcpy(f->iv, block + (from_client ? 32 : 36), 4);
  f->sequence = 1; /* Finished was 0 */
}

/* ----------------------------------------------------------------- making */

void
forge_init(struct forge *f, int version, int from_client, int lenient)
{
  sslc_ctx *client = make_client_ctx(), *server = make_server_ctx("good");
  SSL *ssl;

  assert_ok(sslc_ctx_set_max_version(client, version), NULL);
  assert_ok(sslc_ctx_set_lenient_eof(from_client ? server : client, lenient),
            NULL);
  wire_init(&f->w, client, server, "localhost");
  f->version = version;
  f->victim = from_client ? f->w.server : f->w.client;
  f->half = from_client ? f->w.to_server : f->w.to_client;
  ssl = f->w.client->ssl;
  assert_true(SSL_set_ciphersuites(ssl, "TLS_AES_128_GCM_SHA256"));
  assert_true(SSL_set_cipher_list(ssl, "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                       "ECDHE-RSA-AES128-GCM-SHA256"));
  SSL_set_num_tickets(f->w.server->ssl, 0);
  wanted_line = from_client ? "CLIENT_TRAFFIC_SECRET_0"
                            : "SERVER_TRAFFIC_SECRET_0";
  SSL_CTX_set_keylog_callback(f->w.server->ctx->ssl_ctx, take_secret);
  assert_ok(wire_shake(&f->w, 1000), sslc_conn_error(f->w.client));
  take_keys(f, f->w.server->ssl, from_client);
}

void
forge_free(struct forge *f)
{
  wire_free(&f->w);
}

/* ---------------------------------------------------------------- sealing */

static void
put_sequence(const struct forge *f, unsigned char *out)
{
  size_t i;

  for (i = 0; i < 8; i++)
    out[i] = (unsigned char)(f->sequence >> (56 - 8 * i));
}

/* What TLS 1.3 seals: the type stands behind the bytes. */
static size_t
header_13(struct forge *f, unsigned char *record, size_t len,
          unsigned char nonce[12])
{
  unsigned char sequence[8];
  size_t i, sealed = len + TAG;

  put_sequence(f, sequence);
  memcpy(nonce, f->iv, 12);
  for (i = 0; i < 8; i++)
    nonce[4 + i] ^= sequence[i];
  record[0] = SSL3_RT_APPLICATION_DATA;
  record[3] = (unsigned char)(sealed >> 8);
  record[4] = (unsigned char)sealed;
  return 5;
}

static size_t
header_12(struct forge *f, unsigned char *record, int type, size_t len,
          unsigned char nonce[12])
{
  size_t sealed = len + 8 + TAG;

  memcpy(nonce, f->iv, 4);
  put_sequence(f, nonce + 4);
  put_sequence(f, record + 5);
  record[0] = (unsigned char)type;
  record[3] = (unsigned char)(sealed >> 8);
  record[4] = (unsigned char)sealed;
  return 13;
}

static void
encrypt(const struct forge *f, const unsigned char nonce[12],
        const unsigned char *aad, size_t aad_len, const unsigned char *plain,
        size_t len, unsigned char *out)
{
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  int n;

  assert_non_null(ctx);
  assert_true(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, f->key, nonce));
  assert_true(EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len));
  assert_true(EVP_EncryptUpdate(ctx, out, &n, plain, (int)len));
  assert_true(EVP_EncryptFinal_ex(ctx, out + n, &n));
  assert_true(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, out + len));
  EVP_CIPHER_CTX_free(ctx);
}

void
forge_record(struct forge *f, int type, const void *bytes, size_t len)
{
  static unsigned char record[MOST + 32], plain[MOST + 1];
  unsigned char nonce[12], aad[13];
  size_t at;

  assert_true(len <= MOST - 64);
  memcpy(plain, bytes, len);
  record[1] = record[2] = 3;
  if (f->version == SSLC_TLS1_3) {
    plain[len++] = (unsigned char)type;
    at = header_13(f, record, len, nonce);
    encrypt(f, nonce, record, 5, plain, len, record + at);
  } else {
    at = header_12(f, record, type, len, nonce);
    put_sequence(f, aad);
    memcpy(aad + 8, record, 3);
    aad[11] = (unsigned char)(len >> 8);
    aad[12] = (unsigned char)len;
    encrypt(f, nonce, aad, sizeof aad, plain, len, record + at);
  }
  f->sequence++;
  inject(f->half, record, at + len + TAG);
}

void
forge_text(struct forge *f, const char *text)
{
  forge_record(f, SSL3_RT_APPLICATION_DATA, text, strlen(text));
}

void
forge_alert(struct forge *f, int level, int description)
{
  const unsigned char alert[] = { (unsigned char)level,
                                  (unsigned char)description };

  forge_record(f, SSL3_RT_ALERT, alert, sizeof alert);
}

void
forge_key_update(struct forge *f, int request)
{
  const unsigned char message[] = { SSL3_MT_KEY_UPDATE, 0, 0, 1,
                                    (unsigned char)request };
  unsigned char next[32];

  forge_record(f, SSL3_RT_HANDSHAKE, message, sizeof message);
  expand(f->secret, "traffic upd", next, sizeof next);
  memcpy(f->secret, next, sizeof next);
  use_secret(f);
}

/* -------------------------------------------------------- what came of it */

void
forge_expect(struct forge *f, const char *text)
{
  char buf[64];
  size_t n;

  assert_ok(sslc_conn_read(f->victim, buf, sizeof buf, &n),
            sslc_conn_error(f->victim));
  assert_int_equal(n, strlen(text));
  assert_memory_equal(buf, text, n);
}

void
forge_expect_nothing(struct forge *f)
{
  char byte;
  size_t n;

  assert_status(sslc_conn_read(f->victim, &byte, 1, &n), SSLC_WANT_READ,
                sslc_conn_error(f->victim));
  assert_null(sslc_conn_error(f->victim));
}

void
forge_expect_error(struct forge *f, int code, const char *part)
{
  int again;

  for (again = 0; again < 2; again++) {
    char byte;
    size_t n = 7;
    sslc_status status = sslc_conn_read(f->victim, &byte, 1, &n);
    const sslc_error *error = sslc_conn_error(f->victim);

    assert_status(status, sslc_code_status(code), error);
    assert_int_equal(n, 0);
    assert_code(error, code);
    assert_phase(error, SSLC_PHASE_READ);
    assert_has(sslc_error_message(error), part);
  }
}
