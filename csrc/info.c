/*
 * info.c: what a handshake came to: SSL_get_version(3) and its neighbours.
 */
#include "internal.h"

#include <string.h>

const char *
sslc_conn_version(const sslc_conn *conn)
{
  return conn && conn->connected ? SSL_get_version(conn->ssl) : NULL;
}

const char *
sslc_conn_cipher(const sslc_conn *conn)
{
  if (!conn || !conn->connected)
    return NULL;
  return SSL_CIPHER_standard_name(SSL_get_current_cipher(conn->ssl));
}

const char *
sslc_conn_group(const sslc_conn *conn)
{
  return conn && conn->connected ? compat_group_name(conn->ssl) : NULL;
}

const char *
sslc_conn_alpn(const sslc_conn *conn)
{
  const unsigned char *name = NULL;
  unsigned int len = 0;
  if (!conn || !conn->connected)
    return NULL;
  if (!conn->alpn) {
    SSL_get0_alpn_selected(conn->ssl, &name, &len);
    /* Made once, in a connection that nobody sees change. */
    ((sslc_conn *)conn)->alpn = len ? OPENSSL_strndup((const char *)name, len)
                                    : NULL;
  }
  return conn->alpn;
}

int
sslc_conn_session_reused(const sslc_conn *conn)
{
  return conn && conn->connected ? SSL_session_reused(conn->ssl) : 0;
}

const char *
sslc_conn_server_name(const sslc_conn *conn)
{
  if (!conn)
    return NULL;
  if (conn->role != 1)
    return conn->server_name;
  return conn->started
    ? SSL_get_servername(conn->ssl, TLSEXT_NAMETYPE_host_name) : NULL;
}

int
sslc_conn_is_verified(const sslc_conn *conn)
{
  return conn && conn->connected ? conn->verified : 0;
}

/* --------------------------------------------------------- the peer's chain */

static bool
add_cert(sslc_conn *conn, X509 *x509)
{
  sslc_cert *cert = sslci_cert_new(x509);
  if (cert)
    conn->certs[conn->cert_count++] = cert;
  return cert != NULL;
}

/* The peer's own certificate is the chain's first for a client only. */
static bool
fill_certs(sslc_conn *conn, X509 *own, STACK_OF(X509) *chain)
{
  int n = chain ? sk_X509_num(chain) : 0;
  conn->certs = OPENSSL_zalloc(((size_t)n + 1) * sizeof *conn->certs);
  if (!conn->certs || !add_cert(conn, own))
    return false;
  for (int i = conn->role == 0 ? 1 : 0; i < n; i++)
    if (!add_cert(conn, sk_X509_value(chain, i)))
      return false;
  return true;
}

static void
free_certs(sslc_conn *conn)
{
  for (size_t i = 0; i < conn->cert_count; i++)
    sslc_cert_free(conn->certs[i]);
  OPENSSL_free(conn->certs);
  conn->certs = NULL;
  conn->cert_count = 0;
}

/* Made when first asked for; when memory is short, tried again next time. */
static void
make_certs(sslc_conn *conn)
{
  X509 *own = compat_get1_peer_certificate(conn->ssl);
  conn->certs_made = !own ||
    fill_certs(conn, own, SSL_get_peer_cert_chain(conn->ssl));
  if (!conn->certs_made)
    free_certs(conn);
  X509_free(own);
}

size_t
sslc_conn_peer_cert_count(const sslc_conn *conn)
{
  if (!conn || !conn->connected)
    return 0;
  if (!conn->certs_made)
    make_certs((sslc_conn *)conn);
  return conn->cert_count;
}

const sslc_cert *
sslc_conn_peer_cert(const sslc_conn *conn, size_t i)
{
  return i < sslc_conn_peer_cert_count(conn) ? conn->certs[i] : NULL;
}

void
sslci_info_free(sslc_conn *conn)
{
  free_certs(conn);
  OPENSSL_free(conn->alpn);
}
