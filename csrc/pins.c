/*
 * pins.c: keys that the peer's chain must have one of: SHA-256 of the
 * SubjectPublicKeyInfo, as RFC 7469, section 2.4, writes it.
 *
 * A pin is demanded in addition to the chain and the name.  Only what was
 * verified counts: a server can send along any certificate it likes, and
 * whoever owns a pinned key has signed nothing by that.
 */
#include "internal.h"

#include <string.h>

static const char prefix[] = "sha256/";

enum { BASE64 = 44 }; /* digits of 32 bytes, one of them padding */

/* ------------------------------------------------------------------ text */

bool
sslci_spki_sha256(const X509 *x509, unsigned char digest[SSLCI_PIN])
{
  unsigned char *der = NULL;
  unsigned int n = 0;
  int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);
  bool ok = len > 0 &&
            EVP_Digest(der, (size_t)len, digest, &n, EVP_sha256(), NULL) &&
            n == SSLCI_PIN;
  OPENSSL_free(der);
  return ok;
}

void
sslci_pin_text(const unsigned char digest[SSLCI_PIN],
               char text[SSLCI_PIN_TEXT])
{
  memcpy(text, prefix, sizeof prefix);
  EVP_EncodeBlock((unsigned char *)text + sizeof prefix - 1, digest, SSLCI_PIN);
}

/* What is decoded has to encode to the same text: EVP_DecodeBlock(3) takes
 * blanks and bits that do not count, too. */
static bool
parse_base64(const char *text, unsigned char pin[SSLCI_PIN])
{
  unsigned char bytes[SSLCI_PIN + 1]; /* with what the padding stands for */
  char again[BASE64 + 1];
  if (strlen(text) != BASE64 ||
      EVP_DecodeBlock(bytes, (const unsigned char *)text, BASE64) !=
        (int)sizeof bytes)
    return false;
  EVP_EncodeBlock((unsigned char *)again, bytes, SSLCI_PIN);
  memcpy(pin, bytes, SSLCI_PIN);
  return memcmp(again, text, BASE64) == 0;
}

static bool
parse_hex(const char *text, unsigned char pin[SSLCI_PIN])
{
  if (strlen(text) != (size_t)2 * SSLCI_PIN)
    return false;
  for (size_t i = 0; i < SSLCI_PIN; i++) {
    int high = OPENSSL_hexchar2int((unsigned char)text[2 * i]);
    int low = OPENSSL_hexchar2int((unsigned char)text[2 * i + 1]);
    if (high < 0 || low < 0)
      return false;
    pin[i] = (unsigned char)(high << 4 | low);
  }
  return true;
}

static bool
parse(const char *text, unsigned char pin[SSLCI_PIN])
{
  size_t n = sizeof prefix - 1;
  return strncmp(text, prefix, n) == 0 ? parse_base64(text + n, pin)
                                       : parse_hex(text, pin);
}

/* -------------------------------------------------------------- settings */

static bool
is_pinned(const sslc_ctx *ctx, const unsigned char digest[SSLCI_PIN])
{
  for (size_t i = 0; i < ctx->pin_count; i++)
    if (memcmp(ctx->pins[i], digest, SSLCI_PIN) == 0)
      return true;
  return false;
}

static sslc_status
add(sslc_ctx *ctx, const unsigned char pin[SSLCI_PIN])
{
  size_t size = (ctx->pin_count + 1) * sizeof *ctx->pins;
  void *pins = OPENSSL_realloc(ctx->pins, size);
  if (!pins)
    return sslci_ctx_nomem(ctx);
  ctx->pins = pins;
  memcpy(ctx->pins[ctx->pin_count++], pin, SSLCI_PIN);
  return SSLC_OK;
}

sslc_status
sslc_ctx_add_pin(sslc_ctx *ctx, const char *text)
{
  unsigned char pin[SSLCI_PIN];
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (!text || !parse(text, pin))
    return sslci_ctx_bad_option(ctx, "pins: \"%.100s\" is no pin: expected "
                                "sha256/ and 44 digits of base64, or 64 "
                                "hexadecimal digits", text ? text : "");
  if (is_pinned(ctx, pin))
    return sslci_ctx_bad_option(ctx, "pins: \"%s\" is there twice", text);
  return add(ctx, pin);
}

sslc_status
sslc_ctx_set_pin_scope(sslc_ctx *ctx, int scope)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (scope != SSLC_PIN_CHAIN && scope != SSLC_PIN_LEAF)
    return sslci_ctx_bad_option(ctx, "pin_scope: %d is no scope", scope);
  ctx->pin_scope = scope;
  return SSLC_OK;
}

sslc_status
sslci_pins_check(sslc_ctx *ctx)
{
  if (ctx->pin_scope != SSLC_PIN_CHAIN && ctx->pin_count == 0)
    return sslci_ctx_bad_option(ctx, "pin_scope is set, but there are no "
                                "pins");
  return SSLC_OK;
}

/* -------------------------------------------------------------- verifying */

/* Whether the certificate has a pinned key; what its pin would be goes into
 * the text. */
static bool
look_at(const sslc_conn *conn, const X509 *x509, struct sslci_text *has)
{
  unsigned char digest[SSLCI_PIN];
  char pin[SSLCI_PIN_TEXT];
  if (!sslci_spki_sha256(x509, digest))
    return false;
  if (is_pinned(conn->ctx, digest))
    return true;
  char *name = sslci_name_string(X509_get_subject_name(x509));
  sslci_pin_text(digest, pin);
  sslci_text_add(has, "%s%s (%s)", has->len ? ", " : "", pin,
                 name && *name ? name : "no subject");
  OPENSSL_free(name);
  return false;
}

static bool
mismatch(sslc_conn *conn, const struct sslci_text *has)
{
  bool chain = conn->ctx->pin_scope == SSLC_PIN_CHAIN;
  char *text = sslci_asprintf(
    "the %s's certificate%s has none of the pinned keys; there is: %s",
    sslci_conn_peer(conn), chain ? " or what vouches for it" : "",
    has->text ? has->text : "nothing");
  return sslci_demand_fail(conn, SSLC_CODE_PIN_MISMATCH,
                           X509_V_ERR_CERT_REJECTED, text);
}

/* `chain`: what was verified, NULL where nothing was. */
static bool
matches(sslc_conn *conn, const X509 *leaf, const STACK_OF(X509) *chain)
{
  struct sslci_text has = { NULL, 0 };
  bool more = conn->ctx->pin_scope == SSLC_PIN_CHAIN;
  bool found = look_at(conn, leaf, &has);
  for (int i = 1; more && !found && i < sk_X509_num(chain); i++)
    found = look_at(conn, sk_X509_value(chain, i), &has);
  if (!found)
    mismatch(conn, &has);
  OPENSSL_free(has.text);
  return found;
}

bool
sslci_pins_verify(sslc_conn *conn, X509_STORE_CTX *store_ctx, bool good)
{
  X509 *leaf = X509_STORE_CTX_get0_cert(store_ctx);
  if (conn->ctx->pin_count == 0 ||
      matches(conn, leaf, good ? X509_STORE_CTX_get0_chain(store_ctx) : NULL))
    return true;
  sslci_verify_blame(conn, store_ctx, X509_V_ERR_CERT_REJECTED);
  return false;
}

/* A session is of the context, whose pins are the same for ever: they held
 * when it began. */
static bool
was_looked_at(const sslc_conn *conn)
{
  return SSL_session_reused(conn->ssl) &&
         (conn->role == 1 ||
          (conn->session && conn->session->ctx_number == conn->ctx->number));
}

/* A client that shows no certificate, where the server does not demand one, is
 * not what pins are about. */
bool
sslci_pins_done(sslc_conn *conn)
{
  if (conn->ctx->pin_count == 0)
    return true;
  X509 *leaf = compat_get1_peer_certificate(conn->ssl);
  bool good = sslci_ctx_verifies(conn->ctx) &&
              SSL_get_verify_result(conn->ssl) == X509_V_OK;
  STACK_OF(X509) *chain = good ? SSL_get0_verified_chain(conn->ssl) : NULL;
  struct sslci_text none = { NULL, 0 };
  bool held = leaf ? was_looked_at(conn) || matches(conn, leaf, chain)
                   : conn->role == 1 || mismatch(conn, &none);
  X509_free(leaf);
  return held;
}

/* A server that asks for no certificate would have pins that say nothing. */
sslc_status
sslci_pins_prepare(sslc_conn *conn, const sslc_ctx *ctx)
{
  if (ctx->pin_count == 0 || conn->role != 1)
    return SSLC_OK;
  if (!ctx->no_verify && ctx->verify_client != SSLC_VERIFY_CLIENT_NONE)
    return SSLC_OK;
  return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_HANDSHAKE,
                           "pins are of no use to a server that verifies no "
                           "client: set verify_client");
}

void
sslci_pins_free(sslc_ctx *ctx)
{
  OPENSSL_free(ctx->pins);
}
