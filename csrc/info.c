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
  /* To libssl an external key is a session as well. */
  return conn && conn->connected && !conn->psk ? SSL_session_reused(conn->ssl)
                                               : 0;
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

/* In the middle of a client's handshake there is only the chain. */
X509 *
sslci_peer_x509(const sslc_conn *conn)
{
  X509 *own = compat_get1_peer_certificate(conn->ssl);
  STACK_OF(X509) *sent = SSL_get_peer_cert_chain(conn->ssl);
  if (!own && conn->role == 0 && sk_X509_num(sent) > 0) {
    own = sk_X509_value(sent, 0);
    X509_up_ref(own);
  }
  return own;
}

bool
sslci_has_peer_cert(const sslc_conn *conn)
{
  X509 *x509 = compat_get1_peer_certificate(conn->ssl);
  X509_free(x509);
  return x509 != NULL;
}

/* Room for that many, none or more. */
static bool
certs_begin(struct sslci_certs *certs, size_t n)
{
  certs->items = OPENSSL_zalloc((n + 1) * sizeof *certs->items);
  return certs->items != NULL;
}

static bool
certs_add(struct sslci_certs *certs, sslc_cert *cert)
{
  if (cert)
    certs->items[certs->count++] = cert;
  return cert != NULL;
}

static bool
certs_add_from(struct sslci_certs *certs, const STACK_OF(X509) *stack, int i)
{
  for (int n = sk_X509_num(stack); i < n; i++)
    if (!certs_add(certs, sslci_cert_new(sk_X509_value(stack, i))))
      return false;
  return true;
}

static void
certs_free(struct sslci_certs *certs)
{
  for (size_t i = 0; i < certs->count; i++)
    sslc_cert_free(certs->items[i]);
  OPENSSL_free(certs->items);
  certs->items = NULL;
  certs->count = 0;
}

/* When memory is short there is nothing, and it is tried again next time. */
static void
certs_end(struct sslci_certs *certs, bool made)
{
  certs->made = made;
  if (!made)
    certs_free(certs);
}

/* The peer's own certificate is the chain's first for a client only. */
static void
make_certs(sslc_conn *conn)
{
  struct sslci_certs *certs = &conn->certs;
  STACK_OF(X509) *sent = SSL_get_peer_cert_chain(conn->ssl);
  X509 *own = sslci_peer_x509(conn);
  int n = sk_X509_num(sent);
  certs_end(certs, !own || (certs_begin(certs, n > 0 ? (size_t)n + 1 : 1) &&
                            certs_add(certs, sslci_cert_new(own)) &&
                            certs_add_from(certs, sent, conn->role == 0)));
  X509_free(own);
}

size_t
sslc_conn_peer_cert_count(const sslc_conn *conn)
{
  if (!conn ||
      (!conn->connected && conn->verify_answer == SSLCI_NOT_ASKED))
    return 0;
  if (!conn->certs.made)
    make_certs((sslc_conn *)conn);
  return conn->certs.count;
}

const sslc_cert *
sslc_conn_peer_cert(const sslc_conn *conn, size_t i)
{
  return i < sslc_conn_peer_cert_count(conn) ? conn->certs.items[i] : NULL;
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
      !sslci_ctx_verifies(conn->ctx) ||
      !(SSL_get_verify_mode(conn->ssl) & SSL_VERIFY_PEER))
    return -1;
  return (int)SSL_get_verify_result(conn->ssl);
}

/* A session keeps the certificates as they were sent, and no more. */
static bool
copy_sent(sslc_conn *conn)
{
  size_t n = sslc_conn_peer_cert_count(conn);
  if (!conn->certs.made || !certs_begin(&conn->chain, n))
    return false;
  for (size_t i = 0; i < n; i++)
    certs_add(&conn->chain, sslc_cert_up_ref(conn->certs.items[i]));
  return true;
}

static void
make_chain(sslc_conn *conn)
{
  const STACK_OF(X509) *chain = conn->hook_chain;
  if (!chain)
    chain = SSL_get0_verified_chain(conn->ssl);
  int n = sk_X509_num(chain);
  certs_end(&conn->chain,
            chain ? certs_begin(&conn->chain, n > 0 ? (size_t)n : 0) &&
                      certs_add_from(&conn->chain, chain, 0)
                  : copy_sent(conn));
  ERR_clear_error();
}

size_t
sslc_conn_chain_count(const sslc_conn *conn)
{
  if (!conn || (conn->verify_answer == SSLCI_NOT_ASKED &&
                !sslc_conn_is_verified(conn)))
    return 0;
  if (!conn->chain.made)
    make_chain((sslc_conn *)conn);
  return conn->chain.count;
}

const sslc_cert *
sslc_conn_chain(const sslc_conn *conn, size_t i)
{
  return i < sslc_conn_chain_count(conn) ? conn->chain.items[i] : NULL;
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
  conn->ca_names = OPENSSL_zalloc(((n > 0 ? (size_t)n : 0) + 1) *
                                  sizeof *conn->ca_names);
  if (!conn->ca_names)
    return false;
  for (int i = 0; i < n; i++) {
    char *name = sslci_name_string(sk_X509_NAME_value(names, i));
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
  certs_free(&conn->certs);
  certs_free(&conn->chain);
  free_ca_names(conn);
  OPENSSL_free(conn->alpn);
}
