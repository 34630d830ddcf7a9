/*
 * exporter.c: secrets for the application that no one but the two ends of a
 * connection can have: SSL_export_keying_material(3), RFC 5705 and RFC 8446,
 * section 7.5; and what binds a login to the connection it is made on: RFC 9266
 * (tls-exporter), RFC 5929 (tls-server-end-point).
 *
 * RFC 5929's tls-unique is left out: without extended master secret it is not
 * unique, and TLS 1.3 has it no more.
 */
#include "internal.h"

#include <string.h>

enum {
  LABEL_MAX = 249, /* RFC 8446: 255 with "tls13 " before it */
  CONTEXT_MAX = 65535
};

/* SSLC_OK where the connection has secrets to give. */
static sslc_status
begin(sslc_conn *conn)
{
  if (!conn)
    return SSLC_ERR_ARG;
  conn->misused = false;
  if (conn->fatal != SSLC_OK)
    return sslci_conn_fatal(conn);
  if (conn->closed)
    return sslci_conn_refuse(conn, SSLC_CODE_CLOSED, SSLC_PHASE_NONE,
                             "the connection is closed");
  if (!conn->connected)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_NONE,
                             "the handshake is not done");
  ERR_clear_error();
  return SSLC_OK;
}

static sslc_status
bad(sslc_conn *conn, const char *why)
{
  return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE, "%s",
                           why);
}

static sslc_status
explain(sslc_conn *conn, const char *why)
{
  bool short_of_memory = sslci_is_out_of_memory(ERR_peek_last_error());
  ERR_clear_error();
  return short_of_memory ? sslci_conn_nomem(conn, SSLC_PHASE_NONE)
                         : bad(conn, why);
}

static sslc_status
export(sslc_conn *conn, void *out, size_t len, const char *label,
       const void *context, size_t context_len)
{
  if (SSL_export_keying_material(conn->ssl, out, len, label, strlen(label),
                                 context, context_len, context != NULL) > 0)
    return SSLC_OK;
  OPENSSL_cleanse(out, len);
  return explain(conn, "keying material cannot be exported: the label is "
                       "TLS's own, or too much is asked for");
}

sslc_status
sslc_conn_export_keying_material(sslc_conn *conn, void *out, size_t len,
                                 const char *label, const void *context,
                                 size_t context_len)
{
  sslc_status status = begin(conn);
  size_t label_len = label ? strlen(label) : 0;
  if (status != SSLC_OK)
    return status;
  if (!out || len == 0)
    return bad(conn, "there is no room for what is to be exported");
  if (label_len == 0 || label_len > LABEL_MAX)
    return bad(conn, "the label of what is to be exported has to have 1 to "
                     "249 bytes");
  if (context_len > CONTEXT_MAX || (!context && context_len > 0))
    return bad(conn, context ? "the context is longer than 65535 bytes"
                             : "the context is missing");
  return export(conn, out, len, label, context, context_len);
}

/* -------------------------------------------------------- channel bindings */

/* RFC 9266, section 2: not where two connections can have the same. */
static sslc_status
bind_exporter(sslc_conn *conn, void *out, size_t *n)
{
  if (SSL_version(conn->ssl) < TLS1_3_VERSION &&
      SSL_get_extms_support(conn->ssl) != 1)
    return bad(conn, "tls-exporter needs TLS 1.3 or the extended master "
                     "secret (RFC 7627), which this connection does not have");
  *n = 32;
  return export(conn, out, *n, "EXPORTER-Channel-Binding", "", 0);
}

/* RFC 5929, section 4.1: the digest of the certificate's signature, but SHA-256
 * for those that are weak; NULL where it has none of its own. */
static const EVP_MD *
binding_digest(X509 *cert)
{
  int digest = NID_undef;
  if (!X509_get_signature_info(cert, &digest, NULL, NULL, NULL))
    return NULL;
  if (digest == NID_md5 || digest == NID_sha1 || digest == NID_md5_sha1)
    digest = NID_sha256;
  return digest == NID_undef ? NULL : EVP_get_digestbynid(digest);
}

static sslc_status
hash_certificate(sslc_conn *conn, X509 *cert, void *out, size_t *n)
{
  unsigned int len = 0;
  const EVP_MD *digest = binding_digest(cert);
  if (!digest)
    return explain(conn, "tls-server-end-point is not defined for a "
                         "certificate whose signature has no digest of its "
                         "own, as Ed25519's");
  if (!X509_digest(cert, digest, out, &len))
    return explain(conn, "the certificate's digest cannot be made");
  *n = len;
  return SSLC_OK;
}

/* The server's certificate, with a reference; NULL where there is none.  A
 * server that resumed may not have chosen one at all this time. */
static X509 *
server_certificate(const sslc_conn *conn)
{
  if (conn->role == 0)
    return sslci_peer_x509(conn);
  X509 *own = SSL_get_certificate(conn->ssl);
  if (!own || (SSL_session_reused(conn->ssl) && conn->ctx->x509_lookup))
    return NULL;
  X509_up_ref(own);
  return own;
}

static sslc_status
bind_end_point(sslc_conn *conn, void *out, size_t *n)
{
  X509 *cert = server_certificate(conn);
  if (!cert)
    return bad(conn, "tls-server-end-point needs the server's certificate, "
                     "which this connection does not know");
  sslc_status status = hash_certificate(conn, cert, out, n);
  X509_free(cert);
  return status;
}

sslc_status
sslc_conn_channel_binding(sslc_conn *conn, const char *kind, void *out,
                          size_t size, size_t *n)
{
  if (!n)
    return SSLC_ERR_ARG;
  *n = 0;
  sslc_status status = begin(conn);
  if (status != SSLC_OK)
    return status;
  if (!out || size < SSLC_CHANNEL_BINDING_MAX)
    return bad(conn, "there is no room for the channel binding");
  if (kind && strcmp(kind, "tls-exporter") == 0)
    return bind_exporter(conn, out, n);
  if (kind && strcmp(kind, "tls-server-end-point") == 0)
    return bind_end_point(conn, out, n);
  return bad(conn, "the kind of channel binding is neither tls-exporter nor "
                   "tls-server-end-point");
}
