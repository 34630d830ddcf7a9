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
  /* What the hook was asked for is what it stays: a second ClientHello may
   * name another. */
  if (conn->hello_answer != SSLCI_NOT_ASKED)
    return *conn->hello_name ? conn->hello_name : NULL;
  return conn->started
    ? SSL_get_servername(conn->ssl, TLSEXT_NAMETYPE_host_name) : NULL;
}

int
sslc_conn_is_verified(const sslc_conn *conn)
{
  return conn && conn->connected ? conn->verified : 0;
}

/* --------------------------------------------------------- the peer's chain */

bool
sslci_has_peer_cert(const sslc_conn *conn)
{
  X509 *x509 = compat_get1_peer_certificate(conn->ssl);
  X509_free(x509);
  return x509 != NULL;
}

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
  STACK_OF(X509) *sent = SSL_get_peer_cert_chain(conn->ssl);
  /* In the middle of a client's handshake there is only the chain. */
  if (!own && conn->role == 0 && sk_X509_num(sent) > 0) {
    own = sk_X509_value(sent, 0);
    X509_up_ref(own);
  }
  conn->certs_made = !own || fill_certs(conn, own, sent);
  if (!conn->certs_made)
    free_certs(conn);
  X509_free(own);
}

size_t
sslc_conn_peer_cert_count(const sslc_conn *conn)
{
  if (!conn ||
      (!conn->connected && conn->verify_answer == SSLCI_NOT_ASKED))
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

/* -------------------------------------------------------- what hooks ask */

int
sslc_conn_verify_result(const sslc_conn *conn)
{
  if (!conn)
    return -1;
  if (conn->hook_result >= 0)
    return conn->hook_result;
  if (conn->verify_result != X509_V_OK)
    return conn->verify_result;
  if (!conn->connected || !sslci_has_peer_cert(conn) ||
      !(SSL_get_verify_mode(conn->ssl) & SSL_VERIFY_PEER))
    return -1;
  return (int)SSL_get_verify_result(conn->ssl);
}

static void
free_chain(sslc_conn *conn)
{
  for (size_t i = 0; i < conn->chain_count; i++)
    sslc_cert_free(conn->chain[i]);
  OPENSSL_free(conn->chain);
  conn->chain = NULL;
  conn->chain_count = 0;
}

static bool
fill_chain(sslc_conn *conn, const STACK_OF(X509) *chain)
{
  int n = sk_X509_num(chain);
  conn->chain = n > 0 ? OPENSSL_zalloc((size_t)n * sizeof *conn->chain) : NULL;
  for (int i = 0; i < n; i++) {
    sslc_cert *cert =
      conn->chain ? sslci_cert_new(sk_X509_value(chain, i)) : NULL;
    if (!cert)
      return false;
    conn->chain[conn->chain_count++] = cert;
  }
  return true;
}

/* A session keeps the certificates as they were sent, and no more. */
static bool
copy_sent(sslc_conn *conn)
{
  size_t n = sslc_conn_peer_cert_count(conn);
  conn->chain = n > 0 ? OPENSSL_zalloc(n * sizeof *conn->chain) : NULL;
  if (!conn->chain)
    return n == 0 && conn->certs_made;
  while (conn->chain_count < n) {
    conn->chain[conn->chain_count] =
      sslc_cert_up_ref(sslc_conn_peer_cert(conn, conn->chain_count));
    conn->chain_count++;
  }
  return true;
}

static void
make_chain(sslc_conn *conn)
{
  const STACK_OF(X509) *chain = conn->hook_chain;
  if (!chain)
    chain = SSL_get0_verified_chain(conn->ssl);
  conn->chain_made = chain ? fill_chain(conn, chain) : copy_sent(conn);
  if (!conn->chain_made)
    free_chain(conn);
  ERR_clear_error();
}

size_t
sslc_conn_chain_count(const sslc_conn *conn)
{
  if (!conn || (conn->verify_answer == SSLCI_NOT_ASKED &&
                !sslc_conn_is_verified(conn)))
    return 0;
  if (!conn->chain_made)
    make_chain((sslc_conn *)conn);
  return conn->chain_count;
}

const sslc_cert *
sslc_conn_chain(const sslc_conn *conn, size_t i)
{
  return i < sslc_conn_chain_count(conn) ? conn->chain[i] : NULL;
}

static void
free_ca_names(sslc_conn *conn)
{
  for (size_t i = 0; i < conn->ca_name_count; i++)
    OPENSSL_free(conn->ca_names[i]);
  OPENSSL_free(conn->ca_names);
  conn->ca_names = NULL;
  conn->ca_name_count = 0;
}

static bool
fill_ca_names(sslc_conn *conn, const STACK_OF(X509_NAME) *names)
{
  int n = sk_X509_NAME_num(names);
  conn->ca_names = n > 0 ? OPENSSL_zalloc((size_t)n * sizeof(char *)) : NULL;
  for (int i = 0; i < n; i++) {
    char *name = conn->ca_names
      ? sslci_name_string(sk_X509_NAME_value(names, i)) : NULL;
    if (!name)
      return false;
    conn->ca_names[conn->ca_name_count++] = name;
  }
  return true;
}

static void
make_ca_names(sslc_conn *conn)
{
  conn->ca_names_made =
    fill_ca_names(conn, SSL_get0_peer_CA_list(conn->ssl));
  if (!conn->ca_names_made)
    free_ca_names(conn);
  ERR_clear_error();
}

size_t
sslc_conn_ca_name_count(const sslc_conn *conn)
{
  if (!conn || conn->lookup_answer == SSLCI_NOT_ASKED)
    return 0;
  if (!conn->ca_names_made)
    make_ca_names((sslc_conn *)conn);
  return conn->ca_name_count;
}

const char *
sslc_conn_ca_name(const sslc_conn *conn, size_t i)
{
  return i < sslc_conn_ca_name_count(conn) ? conn->ca_names[i] : NULL;
}

void
sslci_info_free(sslc_conn *conn)
{
  free_certs(conn);
  free_chain(conn);
  free_ca_names(conn);
  OPENSSL_free(conn->alpn);
}
