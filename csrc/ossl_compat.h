/*
 * ossl_compat.h: the one place that knows which OpenSSL this is.
 *
 * Everything else is written for OpenSSL 3 and finds here what older ones
 * (1.1.1) call differently or lack, and what newer ones renamed.
 */
#ifndef SSLC_OSSL_COMPAT_H
#define SSLC_OSSL_COMPAT_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <openssl/x509_vfy.h>

#include <stdbool.h>

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#include <openssl/provider.h>
#endif

#if OPENSSL_VERSION_NUMBER < 0x10101000L
#error "sslconnect needs OpenSSL 1.1.1 or newer"
#endif

/* 1.1.1 does not have these reasons to refuse a certificate. */
#ifndef X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH
#define X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH 77
#endif
#ifndef X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY
#define X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY 78
#endif
#ifndef X509_V_ERR_EC_KEY_EXPLICIT_PARAMS
#define X509_V_ERR_EC_KEY_EXPLICIT_PARAMS 94
#endif

/*
 * Whether the key's curve has no name but is described in the certificate (RFC
 * 5480, 2.1.1, forbids that; CVE-2020-0601 lived on it).  3.0 refuses such by
 * itself.
 */
static inline bool
compat_has_explicit_curve(X509 *cert)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  (void)cert;
  return false;
#else
  EVP_PKEY *key = X509_get0_pubkey(cert);
  EC_KEY *ec = key && EVP_PKEY_base_id(key) == EVP_PKEY_EC
    ? EVP_PKEY_get0_EC_KEY(key) : NULL;
  return ec && !(EC_GROUP_get_asn1_flag(EC_KEY_get0_group(ec)) &
                 OPENSSL_EC_NAMED_CURVE);
#endif
}

/* OSSL_PROVIDER_load(3), for tests; NULL where there are no providers. */
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
typedef OSSL_PROVIDER compat_provider;
#else
typedef void compat_provider;
#endif

static inline compat_provider *
compat_provider_load(const char *name)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  return OSSL_PROVIDER_load(NULL, name);
#else
  (void)name;
  return NULL;
#endif
}

static inline void
compat_provider_unload(compat_provider *provider)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  OSSL_PROVIDER_unload(provider);
#else
  (void)provider;
#endif
}

/* 1.1.1 gives the certificate with a reference, 3.0 without. */
static inline X509 *
compat_get1_peer_certificate(const SSL *ssl)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  return SSL_get1_peer_certificate(ssl);
#else
  return SSL_get_peer_certificate(ssl);
#endif
}

#if OPENSSL_VERSION_NUMBER < 0x30000000L
/* The group of the peer's key, as newer ones name it. */
static inline const char *
compat_tmp_key_name(SSL *ssl)
{
  EVP_PKEY *key = NULL;
  if (!SSL_get_peer_tmp_key(ssl, &key))
    return NULL;
  int nid = EVP_PKEY_id(key);
  if (nid == EVP_PKEY_EC)
    nid = EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key)));
  EVP_PKEY_free(key);
  switch (nid) {
  case NID_X9_62_prime256v1:
    return "secp256r1";
  case EVP_PKEY_X25519:
    return "x25519";
  case EVP_PKEY_X448:
    return "x448";
  default:
    return OBJ_nid2sn(nid);
  }
}
#endif

/* The group of the key exchange by its IANA name; NULL where there is none. */
static inline const char *
compat_group_name(SSL *ssl)
{
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
  return SSL_get0_group_name(ssl);
#elif OPENSSL_VERSION_NUMBER >= 0x30000000L
  int group = (int)SSL_get_negotiated_group(ssl);
  return group == 0 ? NULL : SSL_group_to_name(ssl, group);
#else
  return compat_tmp_key_name(ssl);
#endif
}

/* What X509_STORE_set_lookup_crls(3) calls back with, const from 3.0 on. */
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
typedef const X509_STORE_CTX compat_crl_store_ctx;
typedef const X509_NAME compat_crl_name;
#else
typedef X509_STORE_CTX compat_crl_store_ctx;
typedef X509_NAME compat_crl_name;
#endif

/* The hash that openssl-rehash(1) names files by. */
static inline unsigned long
compat_name_hash(compat_crl_name *name)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  return X509_NAME_hash_ex(name, NULL, NULL, NULL);
#else
  return X509_NAME_hash(name);
#endif
}

/* When a session began, in seconds since 1970. */
static inline int64_t
compat_session_time(const SSL_SESSION *session)
{
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
  return (int64_t)SSL_SESSION_get_time_ex(session);
#else
  return (int64_t)SSL_SESSION_get_time(session);
#endif
}

/* Has it begun then. */
static inline void
compat_session_set_time(SSL_SESSION *session, int64_t t)
{
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
  SSL_SESSION_set_time_ex(session, (time_t)t);
#else
  SSL_SESSION_set_time(session, (long)t);
#endif
}

/* Whether the handshake of a client can be suspended from its verification
 * callback: from 3.0 on.  Tests define SSLC_WITHOUT_RETRY_VERIFY to go the way
 * of older ones. */
#if defined(SSL_ERROR_WANT_RETRY_VERIFY) && !defined(SSLC_WITHOUT_RETRY_VERIFY)
#define COMPAT_CAN_RETRY_VERIFY 1
#else
#define COMPAT_CAN_RETRY_VERIFY 0
#endif

/* Does that; false where it cannot be done. */
static inline bool
compat_set_retry_verify(SSL *ssl)
{
#if COMPAT_CAN_RETRY_VERIFY
  return SSL_set_retry_verify(ssl);
#else
  (void)ssl;
  return false;
#endif
}

/* Sends one more ticket at the next write, SSL_new_session_ticket(3); false
 * before 3.0, which cannot. */
static inline bool
compat_new_session_ticket(SSL *ssl)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  return SSL_new_session_ticket(ssl);
#else
  (void)ssl;
  return false;
#endif
}

/* The name that X509_LOOKUP_meth_set_get_by_subject(3)'s function is given. */
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
typedef const X509_NAME compat_lookup_name;
#else
typedef X509_NAME compat_lookup_name;
#endif

/* The DER that a name was made of; 1.1.1 only forgot to say const. */
static inline bool
compat_name_der(const X509_NAME *name, const unsigned char **der, size_t *len)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  return X509_NAME_get0_der(name, der, len);
#else
  return X509_NAME_get0_der((X509_NAME *)name, der, len);
#endif
}

/*
 * SSL_set_connect_state(3) and SSL_set_accept_state; false where memory was
 * short.  From 3.2 on they make the record layer anew and cannot say that this
 * has failed, but in the error queue; libssl then takes it for made.
 */
static inline bool
compat_set_state(SSL *ssl, int accept)
{
  ERR_clear_error();
  if (accept)
    SSL_set_accept_state(ssl);
  else
    SSL_set_connect_state(ssl);
  return ERR_peek_error() == 0;
}

/* The error queue's oldest entry with its text. */
static inline unsigned long
compat_err_get(const char **data, int *flags)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  return ERR_get_error_all(NULL, NULL, NULL, data, flags);
#else
  return ERR_get_error_line_data(NULL, NULL, data, flags);
#endif
}

/* Puts an entry that was taken from the error queue back into it; the text may
 * be NULL. */
static inline void
compat_err_put(unsigned long code, const char *text)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  ERR_new();
  ERR_set_error(ERR_GET_LIB(code), ERR_GET_REASON(code), text ? "%s" : NULL,
                text);
#else
  ERR_put_error(ERR_GET_LIB(code), ERR_GET_FUNC(code), ERR_GET_REASON(code),
                "", 0);
  if (text)
    ERR_add_error_data(1, text);
#endif
}

/* Whether an entry of the error queue says that no provider has an algorithm;
 * before 3.0 there were none, and the algorithm is one of its own. */
static inline bool
compat_is_unsupported(unsigned long code)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  return ERR_GET_REASON(code) == ERR_R_UNSUPPORTED ||
         (ERR_GET_LIB(code) == ERR_LIB_EVP &&
          ERR_GET_REASON(code) == EVP_R_UNSUPPORTED_ALGORITHM);
#else
  return ERR_GET_LIB(code) == ERR_LIB_EVP &&
         ERR_GET_REASON(code) == EVP_R_UNKNOWN_PBE_ALGORITHM;
#endif
}

/* The callbacks for keys of TLS 1.2, where it was built with them. */
#if defined(OPENSSL_NO_PSK)
#define COMPAT_HAS_PSK 0
typedef unsigned int (*compat_psk_client)(SSL *ssl, const char *hint,
                                          char *identity,
                                          unsigned int identity_size,
                                          unsigned char *key,
                                          unsigned int key_size);
typedef unsigned int (*compat_psk_server)(SSL *ssl, const char *identity,
                                          unsigned char *key,
                                          unsigned int key_size);
#else
#define COMPAT_HAS_PSK 1
typedef SSL_psk_client_cb_func compat_psk_client;
typedef SSL_psk_server_cb_func compat_psk_server;
#endif

static inline void
compat_set_psk_client(SSL *ssl, compat_psk_client callback)
{
#if COMPAT_HAS_PSK
  SSL_set_psk_client_callback(ssl, callback);
#else
  (void)ssl;
  (void)callback;
#endif
}

static inline void
compat_set_psk_server(SSL *ssl, compat_psk_server callback)
{
#if COMPAT_HAS_PSK
  SSL_set_psk_server_callback(ssl, callback);
#else
  (void)ssl;
  (void)callback;
#endif
}

/* An end of the stream without close_notify, as 3.0 reports it. */
#if defined(SSL_R_UNEXPECTED_EOF_WHILE_READING)
#define COMPAT_R_UNEXPECTED_EOF SSL_R_UNEXPECTED_EOF_WHILE_READING
#else
#define COMPAT_R_UNEXPECTED_EOF (-1)
#endif

#if defined(SSL_OP_IGNORE_UNEXPECTED_EOF)
#define COMPAT_OP_IGNORE_EOF SSL_OP_IGNORE_UNEXPECTED_EOF
#else
#define COMPAT_OP_IGNORE_EOF 0
#endif

/* The encrypted ClientHello, from 4.0 on: 1; 0 where the list is not taken; -1
 * where there is none. */
#if OPENSSL_VERSION_NUMBER >= 0x40000000L && !defined(OPENSSL_NO_ECH)
#include <openssl/ech.h>
#endif

static inline int
compat_set_ech_config_list(SSL *ssl, const unsigned char *list, size_t len)
{
#if OPENSSL_VERSION_NUMBER >= 0x40000000L && !defined(OPENSSL_NO_ECH)
  return SSL_set1_ech_config_list(ssl, list, len) == 1;
#else
  (void)ssl;
  (void)list;
  (void)len;
  return -1;
#endif
}

#endif
