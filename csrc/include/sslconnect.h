/*
 * sslconnect.h: TLS connects that are secure by default and say what went
 * wrong.  The stable C ABI of libsslconnect; it shows no OpenSSL type.
 *
 * The vocabulary is OpenSSL's: a context (SSL_CTX), a connection (SSL), a BIO.
 * A reader of SSL_connect(3), SSL_get_error(3), SSL_shutdown(3) and bio(7)
 * can guess the names here.
 *
 * Conventions, for every function below:
 *
 *  - Objects are opaque.  `_new` returns NULL only when memory is short,
 *    unless its comment says more.  `_free` takes NULL.
 *  - One object belongs to one thread at a time.  A context is the exception:
 *    once a connection was made from it, it is immutable, and any number of
 *    threads may make connections from it.
 *  - A function that can fail returns an `sslc_status`.  What went wrong is
 *    an `sslc_error` that belongs to the object the function was called on.
 *  - A pointer that a getter returns is borrowed: it stays valid until the
 *    next call on that object, unless the comment says otherwise.
 *  - A NULL object gives SSLC_ERR_ARG (or NULL, 0, -1 from a getter), never
 *    a crash.
 *  - Strings are UTF-8 and end in NUL.  Byte counts come out through
 *    pointers, which may not be NULL.
 *  - No function blocks, but those on a BIO that was made blocking and those
 *    whose name ends in `_wait`.  None raises SIGPIPE, prints, exits, or
 *    changes a descriptor's O_NONBLOCK.
 */
#ifndef SSLCONNECT_H
#define SSLCONNECT_H

#include <stddef.h>
#include <stdint.h>

/* SSLC_STATIC is for objects that carry the core inside of them: nothing is
 * exported then. */
#if defined(__GNUC__) && defined(SSLC_STATIC)
#define SSLC_API __attribute__((visibility("hidden")))
#elif defined(__GNUC__)
#define SSLC_API __attribute__((visibility("default")))
#else
#define SSLC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------- versions */

#define SSLC_VERSION "0.1.0"
#define SSLC_VERSION_NUMBER 0x000100 /* 0xMMmmpp */
#define SSLC_ABI_VERSION 0           /* the number in the SONAME */

/* The version of the library that is running, as SSLC_VERSION.  Static. */
SSLC_API const char *sslc_version(void);

/* The same as SSLC_VERSION_NUMBER. */
SSLC_API uint32_t sslc_version_number(void);

/* The OpenSSL that is running, as OpenSSL_version(3) words it.  Static. */
SSLC_API const char *sslc_openssl_version(void);

/* The OpenSSL whose headers this library was compiled with.  Static. */
SSLC_API const char *sslc_openssl_build_version(void);

/* --------------------------------------------------------------- status */

/*
 * What a call came to.  SSLC_OK: done.  Positive: not done yet, nothing is
 * wrong; SSLC_CLOSED is the one positive value that is final.  Negative: it
 * failed; the value is the class of the failure, and the object's error tells
 * the rest.
 *
 * Each SSLC_WANT_* stands for the SSL_ERROR_WANT_* of the same name in
 * SSL_get_error(3), SSLC_CLOSED for SSL_ERROR_ZERO_RETURN.
 */
typedef int sslc_status;

enum {
  SSLC_OK = 0,
  SSLC_WANT_READ = 1,           /* call again when the BIO can be read */
  SSLC_WANT_WRITE = 2,          /* call again when the BIO can be written */
  SSLC_WANT_CONNECT = 3,        /* the transport is not connected yet */
  SSLC_WANT_ACCEPT = 4,         /* the transport has not accepted yet */
  SSLC_WANT_X509_LOOKUP = 5,    /* a certificate is to be chosen */
  SSLC_WANT_ASYNC = 6,          /* an asynchronous engine is at work */
  SSLC_WANT_ASYNC_JOB = 7,      /* no asynchronous job could be started */
  SSLC_WANT_CLIENT_HELLO_CB = 8,/* a ClientHello callback is to be run again */
  SSLC_WANT_RETRY_VERIFY = 9,   /* a verification hook is to answer */
  SSLC_CLOSED = 32,             /* the peer sent close_notify: a clean end */

  SSLC_ERR_ARG = -1,      /* a parameter is not what it must be */
  SSLC_ERR_STATE = -2,    /* the call does not fit the object's state */
  SSLC_ERR_NOMEM = -3,    /* memory is short */
  SSLC_ERR_CONFIG = -4,   /* a setting cannot be used */
  SSLC_ERR_DNS = -5,      /* the name could not be resolved */
  SSLC_ERR_SYS = -6,      /* a system call failed: see the errno */
  SSLC_ERR_TIMEOUT = -7,  /* the deadline passed */
  SSLC_ERR_EOF = -8,      /* the stream ended without close_notify */
  SSLC_ERR_ALERT = -9,    /* the peer sent a fatal alert */
  SSLC_ERR_PROTO = -10,   /* the peer broke the protocol, or speaks another */
  SSLC_ERR_VERIFY = -11,  /* the peer's certificate was not accepted */
  SSLC_ERR_CANCELED = -12,/* ended by this side before it was done */
  SSLC_ERR_INTERNAL = -13 /* none of the above: a bug, here or in libssl */
};

/* "ok", "want_read", "closed", "verify", ...; "unknown" for other values.
 * Static. */
SSLC_API const char *sslc_status_name(sslc_status status);

/* --------------------------------------------------------------- errors */

/*
 * What went wrong, in one word.  More are added at the end; the numbers of
 * those that exist never change.  docs/errors.md tells of each.
 */
enum {
  SSLC_CODE_NONE = 0,
  SSLC_CODE_BAD_OPTION = 1,
  SSLC_CODE_BAD_FILE = 2,
  SSLC_CODE_MISUSE = 3,
  SSLC_CODE_CLOSED = 4,
  SSLC_CODE_BUSY = 5,
  SSLC_CODE_PLAINTEXT_PENDING = 6,
  SSLC_CODE_OUT_OF_MEMORY = 7,
  SSLC_CODE_DNS_FAILED = 8,
  SSLC_CODE_CONNECTION_REFUSED = 9,
  SSLC_CODE_CONNECTION_RESET = 10,
  SSLC_CODE_UNREACHABLE = 11,
  SSLC_CODE_SYSTEM_ERROR = 12,
  SSLC_CODE_TIMEOUT = 13,
  SSLC_CODE_CANCELED = 14,
  SSLC_CODE_HANDSHAKE_EOF = 15,
  SSLC_CODE_TRUNCATED = 16,
  SSLC_CODE_NOT_TLS = 17,
  SSLC_CODE_PROTOCOL_VERSION = 18,
  SSLC_CODE_NO_SHARED_PARAMETERS = 19,
  SSLC_CODE_CLIENT_CERTIFICATE_REQUIRED = 20,
  SSLC_CODE_ALERT = 21,
  SSLC_CODE_PROTOCOL_ERROR = 22,
  SSLC_CODE_CERTIFICATE_MISSING = 23,
  SSLC_CODE_CERTIFICATE_EXPIRED = 24,
  SSLC_CODE_CERTIFICATE_NOT_YET_VALID = 25,
  SSLC_CODE_HOSTNAME_MISMATCH = 26,
  SSLC_CODE_UNKNOWN_AUTHORITY = 27,
  SSLC_CODE_SELF_SIGNED = 28,
  SSLC_CODE_CERTIFICATE_REVOKED = 29,
  SSLC_CODE_REVOCATION_UNKNOWN = 30,
  SSLC_CODE_WEAK_CERTIFICATE = 31,
  SSLC_CODE_UNSUITABLE_CERTIFICATE = 32,
  SSLC_CODE_INVALID_CERTIFICATE = 33,
  SSLC_CODE_VERIFICATION_FAILED = 34,
  SSLC_CODE_INTERNAL = 35,
  SSLC_CODE_RENEGOTIATION_REFUSED = 36,
  SSLC_CODE_PIN_MISMATCH = 37,
  SSLC_CODE_STAPLE_MISSING = 38,
  SSLC_CODE_DANE_MISMATCH = 39
};

/* In what an operation was when it failed. */
enum {
  SSLC_PHASE_NONE = 0,
  SSLC_PHASE_CONFIG = 1,    /* settings, files */
  SSLC_PHASE_DNS = 2,       /* resolving the name */
  SSLC_PHASE_CONNECT = 3,   /* TCP */
  SSLC_PHASE_HANDSHAKE = 4, /* TLS, until the connection can be used */
  SSLC_PHASE_READ = 5,
  SSLC_PHASE_WRITE = 6,
  SSLC_PHASE_SHUTDOWN = 7
};

/* How many codes there are; they are the numbers below this one. */
SSLC_API int sslc_code_count(void);

/* "certificate_expired", ...; NULL for a number that is no code.  Static. */
SSLC_API const char *sslc_code_name(int code);

/* The code of a name; -1 for a name that is none. */
SSLC_API int sslc_code_from_name(const char *name);

/* The status class a code belongs to (SSLC_OK for SSLC_CODE_NONE);
 * SSLC_ERR_INTERNAL for a number that is no code. */
SSLC_API sslc_status sslc_code_status(int code);

/* What the code means, one sentence without a full stop; NULL for a number
 * that is no code.  Static. */
SSLC_API const char *sslc_code_sentence(int code);

/* What to do about it; "" where there is nothing general to say; NULL for a
 * number that is no code.  Static. */
SSLC_API const char *sslc_code_hint(int code);

/* "dns", "handshake", ...; "" for SSLC_PHASE_NONE and other numbers.
 * Static. */
SSLC_API const char *sslc_phase_name(int phase);

typedef struct sslc_error sslc_error;

/* A copy that the caller owns and frees; NULL when memory is short or `err`
 * is NULL. */
SSLC_API sslc_error *sslc_error_dup(const sslc_error *err);
SSLC_API void sslc_error_free(sslc_error *err);

SSLC_API sslc_status sslc_error_status(const sslc_error *err);
SSLC_API int sslc_error_code(const sslc_error *err);
SSLC_API const char *sslc_error_code_name(const sslc_error *err);
SSLC_API int sslc_error_phase(const sslc_error *err);

/* What happened, with the particulars: one sentence, no full stop. */
SSLC_API const char *sslc_error_message(const sslc_error *err);

/* What to do about it; "" where there is nothing to say. */
SSLC_API const char *sslc_error_hint(const sslc_error *err);

/* All of it in one line, for a log: host, phase, message, hint and code. */
SSLC_API const char *sslc_error_text(const sslc_error *err);

/* The errno of the system call that failed; 0 where none did. */
SSLC_API int sslc_error_errno(const sslc_error *err);

/* What SSL_get_error(3) said, as its number in OpenSSL (SSL_ERROR_SSL is 1,
 * SSL_ERROR_SYSCALL 5, ...); 0 where libssl was not asked. */
SSLC_API int sslc_error_ssl_error(const sslc_error *err);

/* The X509_V_ERR_* of X509_verify_cert(3); 0 where verification did not fail.
 * The depth is that of the certificate at fault, 0 for the peer's own; -1
 * where there is none. */
SSLC_API int sslc_error_verify_result(const sslc_error *err);
SSLC_API int sslc_error_verify_depth(const sslc_error *err);

/* The alert that was received (RFC 8446, section 6: 40 is handshake_failure);
 * -1 where there was none.  The name is as in the RFC; "" where none. */
SSLC_API int sslc_error_alert(const sslc_error *err);
SSLC_API const char *sslc_error_alert_name(const sslc_error *err);

/* The host the operation was for ("example.com:443") and the address it had
 * reached ("192.0.2.1:443", "[2001:db8::1]:443"); "" where not known. */
SSLC_API const char *sslc_error_host(const sslc_error *err);
SSLC_API const char *sslc_error_address(const sslc_error *err);

/* OpenSSL's error queue as it was, oldest first, each as
 * ERR_error_string_n(3) words it; NULL from the count on. */
SSLC_API size_t sslc_error_queue_count(const sslc_error *err);
SSLC_API const char *sslc_error_queue(const sslc_error *err, size_t i);

/* --------------------------------------------------------- certificates */

/*
 * An X.509 certificate, immutable, with a count of references.  Its strings
 * live as long as it does.
 */
typedef struct sslc_cert sslc_cert;

/* The certificate at fault; NULL where there is none.  Borrowed. */
SSLC_API const sslc_cert *sslc_error_cert(const sslc_error *err);

/*
 * A certificate of the caller's own, to be freed: the first one in PEM text, or
 * DER that is one certificate and nothing more.  d2i_X509(3).
 *
 * cert   receives it; NULL where that fails
 * error  receives the reason, the caller's to free; NULL where there is none or
 *        memory is too short even for that; may itself be NULL
 *
 * SSLC_OK; SSLC_ERR_CONFIG with bad_file where the bytes are none;
 * SSLC_ERR_ARG for a NULL; SSLC_ERR_NOMEM.
 */
SSLC_API sslc_status sslc_cert_new_pem(const void *pem, size_t len,
                                       sslc_cert **cert, sslc_error **error);
SSLC_API sslc_status sslc_cert_new_der(const void *der, size_t len,
                                       sslc_cert **cert, sslc_error **error);

/* One reference more; returns `cert`. */
SSLC_API sslc_cert *sslc_cert_up_ref(const sslc_cert *cert);
SSLC_API void sslc_cert_free(sslc_cert *cert);

/* Distinguished names as RFC 2253 writes them: "CN=example.com,O=Example". */
SSLC_API const char *sslc_cert_subject(const sslc_cert *cert);
SSLC_API const char *sslc_cert_issuer(const sslc_cert *cert);

/* The serial number in hexadecimal, lower case. */
SSLC_API const char *sslc_cert_serial(const sslc_cert *cert);

/* The subject's alternative names, each with its kind in front:
 * "DNS:example.com", "IP:192.0.2.1", "email:a@b", "URI:...".  Names of other
 * kinds are left out, and bytes outside of printable ASCII stand as \xHH.
 * NULL from the count on. */
SSLC_API size_t sslc_cert_name_count(const sslc_cert *cert);
SSLC_API const char *sslc_cert_name(const sslc_cert *cert, size_t i);

/* The validity, in seconds since 1970-01-01 00:00:00 UTC. */
SSLC_API int64_t sslc_cert_not_before(const sslc_cert *cert);
SSLC_API int64_t sslc_cert_not_after(const sslc_cert *cert);

/* SHA-256 of the certificate: 64 hexadecimal digits, lower case. */
SSLC_API const char *sslc_cert_fingerprint(const sslc_cert *cert);

/* SHA-256 of its SubjectPublicKeyInfo, as sslc_ctx_add_pin takes it:
 * "sha256/" and 44 digits of base64. */
SSLC_API const char *sslc_cert_spki_sha256(const sslc_cert *cert);

/* The certificate in DER, its length in `*len`. */
SSLC_API const unsigned char *sslc_cert_der(const sslc_cert *cert, size_t *len);

/* The certificate in PEM. */
SSLC_API const char *sslc_cert_pem(const sslc_cert *cert);

/* ------------------------------------------------------------- contexts */

/*
 * What connections share: trust, identity, versions, ALPN.  SSL_CTX_new(3).
 *
 * A new context trusts what the system trusts, verifies chain and name of
 * every server, and speaks TLS 1.2 or newer.  Setters work until the first
 * connection is made from the context; after that they return SSLC_ERR_STATE
 * and change nothing.  A setter that fails leaves the context unusable
 * (connections from it fail with the same error), so that a bad setting that
 * was not looked at can never make a weaker connection.
 */
typedef struct sslc_ctx sslc_ctx;

SSLC_API sslc_ctx *sslc_ctx_new(void);

/* One reference more; returns `ctx`.  Any thread. */
SSLC_API sslc_ctx *sslc_ctx_up_ref(sslc_ctx *ctx);

/* One reference less; the last one frees it.  Any thread. */
SSLC_API void sslc_ctx_free(sslc_ctx *ctx);

/* Why the last setter or sslc_ctx_check failed; NULL where none did. */
SSLC_API const sslc_error *sslc_ctx_error(const sslc_ctx *ctx);

/* Everything that can be said of the settings before a connection is made:
 * that the key is the certificate's, that the versions leave one to use, that
 * the trust can be loaded.  SSLC_OK, or SSLC_ERR_CONFIG with bad_option or
 * bad_file, or SSLC_ERR_NOMEM. */
SSLC_API sslc_status sslc_ctx_check(sslc_ctx *ctx);

/* 1 when a file or directory that was loaded into the context, or into those
 * that were added to it (sslc_ctx_add_identity, sslc_ctx_add_server_name), is
 * no longer the one it was (another inode, size or time of change), else 0. */
SSLC_API int sslc_ctx_files_changed(const sslc_ctx *ctx);

/*
 * Trust.  With none of these called the system's trust is used.  As soon as
 * one is called, only what is named counts; to add to the system's trust,
 * name that too.  Each returns SSLC_OK or SSLC_ERR_CONFIG with bad_file
 * (the path, the errno) or bad_option.  SSL_CTX_load_verify_locations(3).
 *
 * system: SSL_CERT_FILE and SSL_CERT_DIR where they are set, otherwise the
 *         hashed directory OpenSSL was built to look in, then its file.  Loaded
 *         once for a process, at the first connection that needs it.
 * file:   a file of certificates in PEM ("TRUSTED CERTIFICATE" with what it
 *         says of its use), or of one in DER; none in it is an error.
 * dir:    a directory as openssl-rehash(1) makes it; looked into during
 *         handshakes, for the issuers that are asked for.
 * pem:    the same as file, in memory; copied.
 * der:    one certificate in DER, and nothing behind it; copied.
 * cert:   a certificate; takes a reference of its own.  SSLC_ERR_CONFIG with
 *         bad_option for a NULL.
 * store:  the certificates of an OpenSSL store, OSSL_STORE_open(3), by its URI
 *         ("file:/etc/ca.pem", "pkcs11:..."), read at once.
 *
 * A certificate is parsed when somebody asks for its subject: what is malformed
 * behind that in one of many is then passed over, and nobody trusts it.
 *
 * Files, directories and the system's trust are looked at again as connections
 * begin, about once a second.  What has changed counts for the connections from
 * then on, and sessions from before are not resumed.  A file that is gone or
 * malformed at that moment changes nothing: what it was stays in force.  So do
 * revocation lists.  In a directory files are seen to come and go; a file that
 * is written to in its place is not seen, so put another one there.
 */
SSLC_API sslc_status sslc_ctx_load_verify_system(sslc_ctx *ctx);
SSLC_API sslc_status sslc_ctx_load_verify_file(sslc_ctx *ctx, const char *path);
SSLC_API sslc_status sslc_ctx_load_verify_dir(sslc_ctx *ctx, const char *path);
SSLC_API sslc_status sslc_ctx_load_verify_pem(sslc_ctx *ctx, const void *pem,
                                              size_t len);
SSLC_API sslc_status sslc_ctx_load_verify_der(sslc_ctx *ctx, const void *der,
                                              size_t len);
SSLC_API sslc_status sslc_ctx_load_verify_cert(sslc_ctx *ctx,
                                               const sslc_cert *cert);
SSLC_API sslc_status sslc_ctx_load_verify_store(sslc_ctx *ctx, const char *uri);

/* Certificate revocation lists in PEM.  Once one is given, the peer's own
 * certificate must be covered by a list that is in force and not be on it
 * (X509_V_FLAG_CRL_CHECK): certificate_revoked, revocation_unknown.  SSLC_OK,
 * or SSLC_ERR_CONFIG with bad_file. */
SSLC_API sslc_status sslc_ctx_load_crl_file(sslc_ctx *ctx, const char *path);
SSLC_API sslc_status sslc_ctx_load_crl_pem(sslc_ctx *ctx, const void *pem,
                                           size_t len);

/* A directory of lists as openssl-rehash(1) makes it ("5ad8a5d6.r0"), looked
 * into during handshakes, each time anew: a list that is put there or replaced
 * counts from then on.  Certificates in it are not trusted.  The same
 * errors. */
SSLC_API sslc_status sslc_ctx_load_crl_dir(sslc_ctx *ctx, const char *path);

/* Whose revocation is looked at: X509_VERIFY_PARAM_set_flags(3). */
enum {
  SSLC_CRL_CHECK_LEAF = 1, /* the peer's own certificate: the default */
  SSLC_CRL_CHECK_CHAIN = 2 /* all of the chain, each by a list of its issuer */
};

/* Without a list to check by it is an error of sslc_ctx_check.  SSLC_OK, or
 * SSLC_ERR_CONFIG with bad_option. */
SSLC_API sslc_status sslc_ctx_set_crl_check(sslc_ctx *ctx, int what);

/*
 * Certificates to build chains with, beside those that the peer sends: for
 * servers that leave out their intermediates.  None of them is trusted for it:
 * a chain still has to end in the trust.  May be called again, for more.  The
 * untrusted certificates of X509_STORE_CTX_init(3).  SSLC_OK, or
 * SSLC_ERR_CONFIG with bad_file or bad_option.
 */
SSLC_API sslc_status sslc_ctx_load_untrusted_file(sslc_ctx *ctx,
                                                  const char *path);
SSLC_API sslc_status sslc_ctx_load_untrusted_pem(sslc_ctx *ctx, const void *pem,
                                                 size_t len);
SSLC_API sslc_status sslc_ctx_add_untrusted(sslc_ctx *ctx,
                                            const sslc_cert *cert);

/* What a certificate is for: X509_check_purpose(3), the extended key usage. */
enum {
  SSLC_PURPOSE_SERVER = 1, /* it is shown to clients: serverAuth */
  SSLC_PURPOSE_CLIENT = 2, /* it is shown to servers: clientAuth */
  SSLC_PURPOSE_ANY = 3
};

/*
 * What is demanded of the peer's chain: X509_VERIFY_PARAM_set_flags(3).  Each
 * returns SSLC_OK, or SSLC_ERR_CONFIG with bad_option.
 *
 * verify_depth    how many intermediates may stand between the peer's
 *                 certificate and the trusted one, 0 to 100 (as at first)
 * verify_time     the time that certificates and revocation lists are judged
 *                 by, in seconds since 1970; 0, as at first: now
 * purpose         SSLC_PURPOSE_SERVER or _CLIENT: the chain must be good for
 *                 this as well as for what the peer's role says (a server's
 *                 certificate for SERVER, a client's for CLIENT)
 * partial_chain   1: a trusted certificate ends the chain also where it is not
 *                 a root (self-signed), be it the peer's own.  0, as at first
 * security_level  of keys and digests in chain and handshake, 0 to 5, not below
 *                 OpenSSL's own or 2 (112 bits): SSL_CTX_set_security_level(3)
 */
SSLC_API sslc_status sslc_ctx_set_verify_depth(sslc_ctx *ctx, int depth);
SSLC_API sslc_status sslc_ctx_set_verify_time(sslc_ctx *ctx, int64_t t);
SSLC_API sslc_status sslc_ctx_set_purpose(sslc_ctx *ctx, int purpose);
SSLC_API sslc_status sslc_ctx_set_partial_chain(sslc_ctx *ctx, int on);
SSLC_API sslc_status sslc_ctx_set_security_level(sslc_ctx *ctx, int level);

/*
 * Whether the context remembers chains whose signatures were found good, for an
 * hour and some 250 of them: on, 1, at first.  The next handshake in which the
 * same certificates lead to the same trusted one does not check again that one
 * signed the other, which takes a good part of the time of a handshake.  All
 * else is looked at each time: who is trusted now, times, names, revocation,
 * purposes, strength, pins, TLSA records; and that the server has the key.
 * 0: signatures are checked each time as well.
 *
 * SSLC_OK, or SSLC_ERR_CONFIG with bad_option.
 */
SSLC_API sslc_status sslc_ctx_set_signature_cache(sslc_ctx *ctx, int on);

/*
 * Identity: our certificate with the chain behind it, and its private key, in
 * PEM or DER (which has no room for a chain); in PEM all of it may stand in one
 * file.  A client's is sent to servers that ask for one; a server must have
 * one.  Both are read at once.  A key that does not belong to the certificate
 * is an error of the one set last, a lone one an error of sslc_ctx_check.  An
 * encrypted key needs the password set before it; nobody is ever prompted.
 * SSL_CTX_use_certificate(3).  SSLC_OK, or SSLC_ERR_CONFIG with bad_file or
 * bad_option.
 */
SSLC_API sslc_status sslc_ctx_use_certificate_file(sslc_ctx *ctx,
                                                   const char *path);
SSLC_API sslc_status sslc_ctx_use_certificate_pem(sslc_ctx *ctx,
                                                  const void *pem, size_t len);
SSLC_API sslc_status sslc_ctx_use_private_key_file(sslc_ctx *ctx,
                                                   const char *path);
SSLC_API sslc_status sslc_ctx_use_private_key_pem(sslc_ctx *ctx,
                                                  const void *pem, size_t len);

/*
 * An identity for tests and for trying things out: a certificate for `name` (as
 * in sslc_conn_set_server_name), good as a server's and as a client's, from an
 * hour ago until a day from now.  Made anew at each call, with P-256 keys, by
 * an authority of its own whose key exists no more when this returns.
 *
 * Nobody trusts it who was not told to: `*authority` receives the authority's
 * certificate, the caller's to free, for sslc_ctx_load_verify_pem of the other
 * side's context.  NULL: not wanted.
 *
 * In the place of an identity set before.  SSLC_OK; SSLC_ERR_CONFIG with
 * bad_option for the name; SSLC_ERR_NOMEM; SSLC_ERR_INTERNAL where libcrypto
 * does not make it, with its queue.  `*authority` is NULL then.
 */
SSLC_API sslc_status sslc_ctx_use_throwaway_certificate(sslc_ctx *ctx,
                                                        const char *name,
                                                        sslc_cert **authority);

/* Certificate, chain and key out of one file of PKCS #12 (RFC 7292), in the
 * place of what was set before.  The chain is put in order, its root left out.
 * The password is set before, as a key's.  PKCS12_parse(3).  SSLC_OK;
 * SSLC_ERR_CONFIG with bad_file, where it is none, the password does not open
 * it, a key or its certificate is missing, or it is encrypted by an algorithm
 * of old that OpenSSL 3 has only in its legacy provider. */
SSLC_API sslc_status sslc_ctx_use_pkcs12_file(sslc_ctx *ctx, const char *path);
SSLC_API sslc_status sslc_ctx_use_pkcs12_mem(sslc_ctx *ctx, const void *data,
                                             size_t len);

/* The same two by URI, ossl_store(7): "file:..." is known to every OpenSSL,
 * others ("pkcs11:...") to the provider that openssl.cnf loads for them.  What
 * the store has behind the certificate is its chain.  These may block, as what
 * they call does.  SSLC_OK, or SSLC_ERR_CONFIG with bad_file or bad_option. */
SSLC_API sslc_status sslc_ctx_use_certificate_uri(sslc_ctx *ctx,
                                                  const char *uri);
SSLC_API sslc_status sslc_ctx_use_private_key_uri(sslc_ctx *ctx,
                                                  const char *uri);

/* The password of the key (or PKCS #12 file) that is set next; NULL forgets it.
 * Copied, and wiped once the key was read.  At most 1023 bytes. */
SSLC_API sslc_status sslc_ctx_set_key_password(sslc_ctx *ctx,
                                               const char *password);

/* Who is asked for the password where none is set: called from within the
 * setter of a key, once, and only where the key is encrypted.  It writes up to
 * `size` bytes, 1023, into `buf` and returns how many; below 0: there is none.
 * What it wrote is wiped once the key was read.  It may call nothing on the
 * context.  NULL: nobody.  SSLC_OK or SSLC_ERR_STATE. */
SSLC_API sslc_status sslc_ctx_set_key_password_function(
  sslc_ctx *ctx, int (*get)(void *arg, char *buf, size_t size), void *arg);

/* Whether a key, or a file of PKCS #12, needs a password: 1; 0 where it does
 * not, or is none. */
SSLC_API int sslc_key_file_is_encrypted(const char *path);
SSLC_API int sslc_key_mem_is_encrypted(const void *data, size_t len);
SSLC_API int sslc_key_uri_is_encrypted(const char *uri);

/* A digest that is the same for the same `len` bytes, to know settings again by
 * without keeping the secrets among them: HMAC-SHA-256 by a random key of this
 * process, so that it tells nothing outside of it.  SSLC_OK; SSLC_ERR_ARG;
 * SSLC_ERR_NOMEM, and all bytes are 0, where memory is short or there are no
 * random bytes.  Any thread. */
enum { SSLC_SECRET_DIGEST = 32 };
SSLC_API sslc_status sslc_secret_digest(
  const void *data, size_t len, unsigned char digest[SSLC_SECRET_DIGEST]);

/*
 * One identity more: that of another context, of which nothing else counts and
 * which is in use from now on (its settings are over).  It keeps a reference.
 *
 * A client that is asked for a certificate shows the first, its own before
 * those that were added, that the server has use for: whose chain was issued by
 * one of the authorities that the server names, and whose key can sign as it
 * asks.  Where it names none, any authority will do; where it does and none
 * fits, no certificate is shown.  (One that is alone is shown in any case.)
 * A server has one for each kind of key, RSA and ECDSA above all: the first of
 * its kind.  The x509_lookup hook comes before all of this.
 *
 * SSLC_OK; SSLC_ERR_CONFIG with bad_option where it has no certificate and key
 * or a bad setting; SSLC_ERR_NOMEM.  SSL_check_chain(3).
 */
SSLC_API sslc_status sslc_ctx_add_identity(sslc_ctx *ctx, sslc_ctx *identity);

/*
 * A server of several names: a client that asks for `name` (RFC 6066, section
 * 3) is served by `other`, with all of its settings, as when the client_hello
 * hook chose it.  "*.example" stands for one label and the rest; a name that
 * stands there itself comes before.  `other` is in use from now on (its
 * settings are over) and has a reference; its own server names do not count.
 *
 * A name that is not among them, or none, is the client_hello hook's where that
 * is set; else this context serves.  It may have no certificate, and does not
 * serve then, nor where strict_sni is set: the handshake ends with the alert
 * unrecognized_name (handshake_failure where there is no name), and canceled.
 *
 * SSLC_OK; SSLC_ERR_CONFIG with bad_option where it is no name, stands there
 * already, or the context has no certificate or a bad setting; SSLC_ERR_NOMEM.
 */
SSLC_API sslc_status sslc_ctx_add_server_name(sslc_ctx *ctx, const char *name,
                                              sslc_ctx *other);
SSLC_API sslc_status sslc_ctx_set_strict_sni(sslc_ctx *ctx, int on);

/* Versions, the numbers of the protocol. */
enum {
  SSLC_TLS1 = 0x0301,
  SSLC_TLS1_1 = 0x0302,
  SSLC_TLS1_2 = 0x0303,
  SSLC_TLS1_3 = 0x0304
};

/* The oldest and newest version to speak: SSLC_TLS1_2 or SSLC_TLS1_3; 0 for
 * the default (TLS 1.2; the newest there is).  A minimum above the maximum is
 * an error of sslc_ctx_check.  SSL_CTX_set_min_proto_version(3).  SSLC_OK, or
 * SSLC_ERR_CONFIG with bad_option. */
SSLC_API sslc_status sslc_ctx_set_min_version(sslc_ctx *ctx, int version);
SSLC_API sslc_status sslc_ctx_set_max_version(sslc_ctx *ctx, int version);

/* The application protocols (RFC 7301): `n` names of 1 to 255 bytes, the
 * preferred one first, copied; n == 0 takes them away.  A client offers them
 * all.  A server picks its first that the client offers, and ends the
 * handshake with no_application_protocol where there is none. */
SSLC_API sslc_status sslc_ctx_set_alpn(sslc_ctx *ctx, const char *const *names,
                                       size_t n);

/*
 * Parameters, for those who insist: without these the choice is that of OpenSSL
 * and of the distribution, which moves on with time.  A list is what OpenSSL
 * takes, its elements with ":" between; a name that this OpenSSL does not have
 * is an error (OpenSSL would leave it out), and so is an empty list.  SSLC_OK,
 * or SSLC_ERR_CONFIG with bad_option.
 *
 * ciphers:       for TLS 1.2: SSL_CTX_set_cipher_list(3).  A list with ciphers
 *                that authenticate nobody, encrypt nothing or have fewer than
 *                112 bits ("ALL", "HIGH" without "!aNULL") is an error, as is
 *                an @SECLEVEL below the one in force; insecure_ciphers
 *                takes both
 * ciphersuites:  for TLS 1.3: SSL_CTX_set_ciphersuites(3)
 * groups:        for the key exchange, the preferred one first:
 *                SSL_CTX_set1_groups_list(3), names alone.  The post-quantum
 *                hybrid that OpenSSL offers by itself (X25519MLKEM768, from 3.5
 *                on) stays in front, unless the list names it, at its place or
 *                as "!X25519MLKEM768" to keep it out; that is no error where
 *                OpenSSL has none
 * sigalgs:       for the peer's signatures: SSL_CTX_set1_sigalgs_list(3).  With
 *                SHA-1 and MD5 they are an error, unless insecure_min_version
 *                was set before
 */
SSLC_API sslc_status sslc_ctx_set_ciphers(sslc_ctx *ctx, const char *list);
SSLC_API sslc_status sslc_ctx_set_insecure_ciphers(sslc_ctx *ctx,
                                                   const char *list);
SSLC_API sslc_status sslc_ctx_set_ciphersuites(sslc_ctx *ctx, const char *list);
SSLC_API sslc_status sslc_ctx_set_groups(sslc_ctx *ctx, const char *list);
SSLC_API sslc_status sslc_ctx_set_sigalgs(sslc_ctx *ctx, const char *list);

/*
 * Records, in bytes.  Each SSLC_OK, or SSLC_ERR_CONFIG with bad_option.
 *
 * block_padding:        TLS 1.3 pads what it sends to a multiple of this, so
 *                       that less can be told from lengths; 0 to 16384, 0: not.
 *                       SSL_CTX_set_block_padding(3)
 * max_send_fragment:    the most that a record sent carries: 512 to 16384.
 *                       SSL_CTX_set_max_send_fragment(3)
 * max_fragment_length:  a client asks that no record either way carries more:
 *                       512, 1024, 2048, 4096; 0: it does not ask.  A server
 *                       may not heed it: sslc_conn_max_fragment_length.  RFC
 *                       6066, SSL_CTX_set_tlsext_max_fragment_length(3)
 */
SSLC_API sslc_status sslc_ctx_set_block_padding(sslc_ctx *ctx, size_t size);
SSLC_API sslc_status sslc_ctx_set_max_send_fragment(sslc_ctx *ctx, size_t size);
SSLC_API sslc_status sslc_ctx_set_max_fragment_length(sslc_ctx *ctx,
                                                      size_t size);

/*
 * The key log: the secrets of each connection are appended to a file, a line
 * each, with which Wireshark reads what was recorded of them (RFC 9850,
 * SSL_CTX_set_keylog_callback(3)).  Whoever can read the file can read the
 * connections: for debugging, and for nothing else.
 *
 * The file is opened at once, and made with mode 0600 where there is none.  One
 * that others may read or write, another user's, a symbolic link or what is no
 * file at all is refused: SSLC_ERR_CONFIG with bad_file.  Processes and threads
 * may share it.  A line that cannot be written (a full disk) is lost, and the
 * connection goes on.
 *
 * env: the file that the environment's SSLKEYLOGFILE names.  Nothing where that
 * is unset or empty, or the program runs with more rights than its caller.  The
 * variable counts for nothing unless this is called.
 */
SSLC_API sslc_status sslc_ctx_set_keylog_file(sslc_ctx *ctx, const char *path);
SSLC_API sslc_status sslc_ctx_set_keylog_env(sslc_ctx *ctx);

/* What a server asks of its clients: SSL_CTX_set_verify(3).  It names the
 * authorities that were loaded into its context, unless the system's are among
 * them. */
enum {
  SSLC_VERIFY_CLIENT_NONE = 0,     /* no certificate: the default */
  SSLC_VERIFY_CLIENT_OPTIONAL = 1, /* one that verifies, or none */
  SSLC_VERIFY_CLIENT_REQUIRED = 2  /* one that verifies */
};
SSLC_API sslc_status sslc_ctx_set_verify_client(sslc_ctx *ctx, int mode);

/* 1: the end of the stream without close_notify counts as a clean end, for
 * protocols that frame their own length.  0: it is `truncated`, the default.
 * Never changes what an end inside of the handshake is. */
SSLC_API sslc_status sslc_ctx_set_lenient_eof(sslc_ctx *ctx, int on);

/*
 * Hooks: the handshake is suspended, the step returns what is wanted, and goes
 * on once it was answered.  No function is called back, so the answer may take
 * its time.  1: suspend; 0: do not, the default.
 *
 * retry_verify:  SSLC_WANT_RETRY_VERIFY, when the peer's certificate was found
 *                good, to be refused or not: sslc_conn_answer_verify.  One
 *                found bad has failed already and is not asked about, but with
 *                insecure_no_verify, where the answer is all there is.  Asked
 *                of resumed connections too.  SSL_set_retry_verify(3).  A
 *                server, and a client with an OpenSSL before 3.0, is asked
 *                when the handshake is done, which then does not count as
 *                done until it was answered.
 * x509_lookup:   SSLC_WANT_X509_LOOKUP, when a client is asked for its
 *                certificate, or a server needs its own (the context then
 *                needs none): sslc_conn_answer_x509_lookup.
 *                SSL_CTX_set_cert_cb(3).
 * client_hello:  SSLC_WANT_CLIENT_HELLO_CB, when a server has read the
 *                client's first message (the context then needs no
 *                certificate): sslc_conn_answer_client_hello.
 *                SSL_CTX_set_client_hello_cb(3).
 */
SSLC_API sslc_status sslc_ctx_set_retry_verify(sslc_ctx *ctx, int on);
SSLC_API sslc_status sslc_ctx_set_x509_lookup(sslc_ctx *ctx, int on);
SSLC_API sslc_status sslc_ctx_set_client_hello(sslc_ctx *ctx, int on);

/*
 * Adds a key that both sides have from elsewhere (external PSK), which stands
 * in the place of certificates: RFC 8446, section 2.2, RFC 4279, RFC 5489, RFC
 * 9257; SSL_set_psk_use_session_callback(3), SSL_set_psk_client_callback(3).
 *
 * identity  what it is called, in the clear: 1 to 127 bytes.  Copied
 * key       16 to 64 bytes that cannot be guessed: no password.  Copied, and
 *           wiped when the context is freed
 *
 * A client has one, and takes nothing else for a proof: a server that shows a
 * certificate instead is refused (verification_failed), and server_name may be
 * missing.  A server may have any number, and needs no certificate; with one,
 * clients that have no key of it are served by that.  Only with forward
 * secrecy: TLS 1.3 with a cipher of SHA-256, or an ECDHE-PSK or DHE-PSK cipher
 * of TLS 1.2.  Nothing is resumed in such a context, and there is no early
 * data.
 *
 * Who has the key may be either side: the same one must not be used by a
 * program as a client and as a server (RFC 9257, section 4.1), nor by more than
 * two parties.
 *
 * SSLC_OK; SSLC_ERR_CONFIG with bad_option for lengths that are not allowed and
 * an identity that is there already; and, by sslc_ctx_check and in the first
 * connection, for a context that demands certificates or decides about them as
 * well: insecure_no_verify, retry_verify, pins, SSLC_OCSP_REQUIRED,
 * SSLC_VERIFY_CLIENT_REQUIRED, client_hello, server names, max_early_data.
 */
SSLC_API sslc_status sslc_ctx_add_psk(sslc_ctx *ctx, const char *identity,
                                      const void *key, size_t key_len);

/*
 * Pins: keys, one of which the peer's chain must have, beside all else that is
 * verified.  Each call adds one to the set, so that there can be backups for
 * the day on which the key is changed.  RFC 7469, section 2.4.
 *
 * pin    SHA-256 of a SubjectPublicKeyInfo: "sha256/" and 44 digits of base64,
 *        or 64 hexadecimal digits; what sslc_cert_spki_sha256 gives
 * scope  SSLC_PIN_CHAIN, the default: the key of any certificate of the chain
 *        that was verified, never of what was merely sent along.
 *        SSLC_PIN_LEAF: the peer's own key
 *
 * With insecure_no_verify the pins hold all the same, and alone: for the peer's
 * own key, as no chain was verified.  A server with pins must verify clients; a
 * client that shows no certificate, where it may, is not what they are about.
 * What is resumed was verified with the same pins.  pin_mismatch, whose message
 * has the pins of what there is.  SSLC_OK; SSLC_ERR_CONFIG with bad_option for
 * what is no pin and for one that is there already.
 */
enum { SSLC_PIN_CHAIN = 0, SSLC_PIN_LEAF = 1 };
SSLC_API sslc_status sslc_ctx_add_pin(sslc_ctx *ctx, const char *pin);
SSLC_API sslc_status sslc_ctx_set_pin_scope(sslc_ctx *ctx, int scope);

/*
 * Whether a server is asked to staple an OCSP response, a proof of its
 * authority, hours or days old, that its certificate was not revoked: RFC 6066,
 * section 8; SSL_set_tlsext_status_type(3).  Of clients; servers ask for none.
 *
 * IF_STAPLED, the default: one that comes is checked, and has to be good;
 * a certificate that promises one (must-staple, RFC 7633) has to come with one.
 * REQUIRED: every server's has to; not to be had with insecure_no_verify.
 * OFF: none is asked for, and nothing checked.
 *
 * certificate_revoked; staple_missing; revocation_unknown, for one that is
 * there and not good: expired, malformed, of another certificate, or signed by
 * nobody whom the issuer has authorised.  A chain of one certificate, which is
 * trusted itself, has no issuer, and counts as without a staple.  With
 * insecure_no_verify none is asked for.  SSLC_OK, or SSLC_ERR_CONFIG with
 * bad_option.
 */
enum { SSLC_OCSP_OFF = 0, SSLC_OCSP_IF_STAPLED = 1, SSLC_OCSP_REQUIRED = 2 };
SSLC_API sslc_status sslc_ctx_set_ocsp(sslc_ctx *ctx, int mode);

/* What a server staples to its certificate: an OCSP response in DER, from its
 * authority's responder.  Read at once and copied; to renew it, make another
 * context.  Only whether it is one is looked at.  SSLC_OK, or SSLC_ERR_CONFIG
 * with bad_file. */
SSLC_API sslc_status sslc_ctx_use_ocsp_response_file(sslc_ctx *ctx,
                                                     const char *path);
SSLC_API sslc_status sslc_ctx_use_ocsp_response_der(sslc_ctx *ctx,
                                                    const void *der,
                                                    size_t len);

/* Switches that take safety away.
 * no_verify:     nothing of the peer's certificate is checked, but pins.
 * no_name_check: the chain is checked, the name is not.
 * min_version:   SSLC_TLS1 or SSLC_TLS1_1; these need SHA-1 and short keys,
 *                so OpenSSL's security level is set to 0 as well, unless one
 *                was set.
 * purpose:       SSLC_PURPOSE_*: what the peer's certificate must be for in
 *                the place of what its role says; any: for nothing at all.
 * security_level: as sslc_ctx_set_security_level, and below that too. */
SSLC_API sslc_status sslc_ctx_set_insecure_no_verify(sslc_ctx *ctx, int on);
SSLC_API sslc_status sslc_ctx_set_insecure_no_name_check(sslc_ctx *ctx, int on);
SSLC_API sslc_status sslc_ctx_set_insecure_min_version(sslc_ctx *ctx,
                                                       int version);
SSLC_API sslc_status sslc_ctx_set_insecure_purpose(sslc_ctx *ctx, int purpose);
SSLC_API sslc_status sslc_ctx_set_insecure_security_level(sslc_ctx *ctx,
                                                          int level);

/* ---------------------------------------- a chain without a connection */

/* Start from SSLC_VERIFY_OPTIONS_INIT, so that members added later are at their
 * defaults. */
typedef struct sslc_verify_options {
  size_t size;      /* of the structure, for later versions of it */
  const char *name; /* as in sslc_conn_set_server_name, or with its kind as in
                       sslc_conn_add_peer_name; a server must have one */
  int64_t time;     /* to judge by, in seconds since 1970; 0: the context's */
  int purpose;      /* whose certificate it is: SSLC_PURPOSE_SERVER (also 0) or
                       _CLIENT */
  const char *const *names; /* `name_count` more that will do */
  size_t name_count;
} sslc_verify_options;

#define SSLC_VERIFY_OPTIONS_INIT                                              \
  { sizeof(sslc_verify_options), NULL, 0, 0, NULL, 0 }

/*
 * Verifies a chain as a handshake does in which the peer shows it: the same
 * trust and settings of the context, the same code, the same errors.
 * X509_verify_cert(3).
 *
 * leaf           the peer's own certificate
 * intermediates  `n` more that it would send along, in any order; none of them
 *                is trusted for being here; may be NULL for 0
 * options        NULL for the defaults
 * error          receives the reason on failure, the caller's to free: code,
 *                message, verify_result, depth and certificate are those of a
 *                handshake, the phase is none; NULL on success, and where
 *                memory is too short even for that; may itself be NULL
 *
 * It counts as a use of the context, which ends the time of its settings.  Any
 * thread, as with connections.  Hooks are not asked, and what only a handshake
 * can show is not looked at.  With insecure_no_verify it succeeds, as a
 * handshake would.
 *
 * SSLC_OK; SSLC_ERR_VERIFY; SSLC_ERR_ARG for a NULL (without an error), and
 * with bad_option for what is wrong with the options, a missing name above all;
 * SSLC_ERR_CONFIG where the context has a bad setting; SSLC_ERR_NOMEM.
 */
SSLC_API sslc_status sslc_ctx_verify_chain(
  sslc_ctx *ctx, const sslc_cert *leaf, const sslc_cert *const *intermediates,
  size_t n, const sslc_verify_options *options, sslc_error **error);

/* ----------------------------------------------------------------- BIOs */

/*
 * Where the bytes of a connection go to and come from: bio(7).
 *
 * Counted references: sslc_conn_set_bio and sslc_bio_push take their own, so
 * the caller frees its one whenever it likes, before the others or after.
 *
 * BIOs can be chained: what is written to a filter goes on, changed or held,
 * to the one behind it.  A function that is called on a filter and is not the
 * filter's own business (the descriptor, say) is answered by the chain behind.
 *
 * A BIO never blocks, but a file, and a socket (or what connects or accepts
 * one) after sslc_bio_set_nbio(bio, 0), and native ones as they were made.
 */
typedef struct sslc_bio sslc_bio;
typedef struct sslc_conn sslc_conn;

enum { SSLC_NOCLOSE = 0, SSLC_CLOSE = 1 };

/* The kinds of BIOs. */
enum {
  SSLC_BIO_SOCKET = 1,
  SSLC_BIO_CONNECT = 2,
  SSLC_BIO_ACCEPT = 3,
  SSLC_BIO_PAIR = 4,
  SSLC_BIO_MEM = 5,
  SSLC_BIO_BUFFER = 6, /* a filter */
  SSLC_BIO_NULL = 7,
  SSLC_BIO_FILE = 8,
  SSLC_BIO_FUNCTIONS = 9,
  SSLC_BIO_CONN = 10,
  SSLC_BIO_NATIVE = 11
};

/* The kind; 0 for NULL. */
SSLC_API int sslc_bio_kind(const sslc_bio *bio);

/* "socket", "connect", ...; NULL for a number that is none.  Static. */
SSLC_API const char *sslc_bio_kind_name(int kind);

/* A BIO on a connected stream socket: BIO_s_socket(3).  With SSLC_CLOSE the
 * descriptor is the BIO's from now on, and closed with its last reference;
 * with SSLC_NOCLOSE it stays the caller's.  The BIO never blocks, whatever the
 * descriptor's O_NONBLOCK says, until sslc_bio_set_nbio(bio, 0).
 * Returns NULL when memory is short or `fd` is negative (it is not closed). */
SSLC_API sslc_bio *sslc_bio_new_socket(int fd, int close_flag);

/* A BIO that connects to host and port by itself, when it is first read,
 * written or stepped (sslc_bio_do_handshake), and is a socket's from then on:
 * BIO_s_connect(3), done by an sslc_dial.  Until it is connected each of these
 * gives SSLC_WANT_CONNECT, or the failure of the dial, which is final.  What
 * is wrong with `host` or `port` is told then as well.  To be verified, the
 * name has to be given to the connection too.  NULL: memory is short. */
SSLC_API sslc_bio *sslc_bio_new_connect(const char *host, int port);

/* A BIO that listens on a local address (a literal one; NULL: any) and port
 * (0: one that is free) and accepts one connection at a time: BIO_s_accept(3).
 * The first sslc_bio_do_handshake listens, each later one accepts: until
 * somebody comes, SSLC_WANT_ACCEPT; then the BIO of that connection stands
 * behind this one, and is taken from there by sslc_bio_pop(sslc_bio_next(bio))
 * (the next do_handshake is refused until it is).  To read or to write does
 * all this as it is needed, and goes on to the one behind.  A descriptor that
 * was accepted is closed with its BIO.  NULL: memory is short. */
SSLC_API sslc_bio *sslc_bio_new_accept(const char *address, int port);

/* Two BIOs joined: what is written to one is read from the other.  `size1`
 * and `size2` are how many bytes each can hold that were written to it and
 * not yet read from the other; 0 for 17 KiB, enough for a TLS record.  Both
 * belong to one thread at a time.  BIO_s_bio(3).
 * SSLC_OK, SSLC_ERR_ARG, SSLC_ERR_NOMEM. */
SSLC_API sslc_status sslc_bio_new_pair(sslc_bio **bio1, size_t size1,
                                       sslc_bio **bio2, size_t size2);

/* Memory: BIO_s_mem(3).  mem: what is written can be read; it grows as it has
 * to.  mem_buf: `len` bytes to read, copied; not to be written.  NULL: memory
 * is short, or `data` is missing. */
SSLC_API sslc_bio *sslc_bio_new_mem(void);
SSLC_API sslc_bio *sslc_bio_new_mem_buf(const void *data, size_t len);

/* What an empty memory BIO says to a reader: 0, that the stream has ended (so
 * it is at first for mem_buf); -1, to come again (at first for mem).
 * BIO_set_mem_eof_return(3).  SSLC_OK; SSLC_ERR_ARG where it is no memory BIO
 * or another value. */
SSLC_API sslc_status sslc_bio_set_mem_eof_return(sslc_bio *bio, int value);

/* A filter that gathers what is written, until it is full or flushed, and
 * reads ahead: BIO_f_buffer(3).  `size` bytes each way, 4096 at the least.  A
 * step on a chain that ends in one is SSLC_ERR_STATE.  NULL: memory is short,
 * or `size` is beyond INT_MAX. */
SSLC_API sslc_bio *sslc_bio_new_buffer(size_t size);

/* Takes everything and gives nothing: BIO_s_null(3). */
SSLC_API sslc_bio *sslc_bio_new_null(void);

/* A file, opened as by fopen(3): BIO_s_file(3).  It blocks, as files do.
 * NULL, with errno set, where it cannot be opened or memory is short. */
SSLC_API sslc_bio *sslc_bio_new_file(const char *path, const char *mode);

/*
 * A BIO of the caller's functions: BIO_meth_new(3).
 *
 * read, write   as sslc_bio_read and sslc_bio_write: SSLC_OK with `*n` above
 *               0, SSLC_WANT_READ or SSLC_WANT_WRITE, SSLC_CLOSED at the end
 *               (read only), SSLC_ERR_SYS with errno set.  Another value is
 *               taken for `internal`.  len is 1 or more.  NULL: cannot be done
 * flush         SSLC_OK, SSLC_WANT_WRITE, SSLC_ERR_SYS.  NULL: nothing to do
 * pending       bytes that read would give at once, that `fd` does not know of:
 *               a step reads so often and no more, and who waits after it has
 *               to ask sslc_bio_pending first (`_wait` does).  NULL: 0
 * close         when the last reference goes, or when there is no memory for
 *               the BIO.  NULL: nothing to do
 * fd            what to wait for.  NULL: -1
 *
 * They are called with `arg`, from within calls on the BIO and on connections
 * that use it, on whose objects they may call nothing.
 */
typedef struct sslc_bio_functions {
  size_t size; /* of the structure, for later versions of it */
  sslc_status (*read)(void *arg, void *buf, size_t len, size_t *n);
  sslc_status (*write)(void *arg, const void *buf, size_t len, size_t *n);
  sslc_status (*flush)(void *arg);
  size_t (*pending)(void *arg);
  void (*close)(void *arg);
  int (*fd)(void *arg);
} sslc_bio_functions;

/* The structure is copied.  NULL: memory is short; or `functions` is NULL or of
 * no size that there has been, and then none of them is called. */
SSLC_API sslc_bio *sslc_bio_new_functions(const sslc_bio_functions *functions,
                                          void *arg);

/* A BIO whose bytes are the plaintext of a connection: BIO_f_ssl(3), for TLS
 * in TLS.  It takes a reference to the connection; with SSLC_CLOSE its last
 * reference closes that (sslc_conn_close).  The handshake of the connection is
 * done as it is needed.  Whatever it wants is wanted through this one; its
 * failures are told with "the connection below: " before them.  NULL: memory
 * is short or `conn` is NULL. */
SSLC_API sslc_bio *sslc_bio_new_conn(sslc_conn *conn, int close_flag);

/* The `BIO *` of OpenSSL, for what is not done here.  Borrowed; the chain
 * behind it is one with sslc's.  NULL for NULL. */
SSLC_API void *sslc_bio_native(const sslc_bio *bio);

/* A BIO made of OpenSSL's own, a `BIO *` with all of its chain, which counts
 * as one here.  The caller's reference becomes this BIO's.  It must be of the
 * libcrypto that this library runs with (sslc_openssl_version).  What it does,
 * it does as OpenSSL has it: BIO_s_socket(3) may raise SIGPIPE.  NULL, and the
 * reference stays the caller's: memory is short or `native` is NULL. */
SSLC_API sslc_bio *sslc_bio_wrap(void *native);

SSLC_API sslc_bio *sslc_bio_up_ref(sslc_bio *bio);
SSLC_API void sslc_bio_free(sslc_bio *bio);

/* ---- chains */

/* Puts `append`, with all that is behind it, behind the last of the chain that
 * begins at `bio`, which takes a reference to it: BIO_push(3).  SSLC_OK;
 * SSLC_ERR_ARG; SSLC_ERR_STATE with misuse where the last is no filter,
 * `append` stands in a chain already (also in this one), or a connection uses
 * it. */
SSLC_API sslc_status sslc_bio_push(sslc_bio *bio, sslc_bio *append);

/* Takes `bio` out of its chain, which closes over the gap: BIO_pop(3).  The
 * chain's reference to it goes with that, so the caller needs one of its own;
 * where it was the first, its reference to the rest goes.
 * SSLC_OK, also where it stood alone; SSLC_ERR_STATE with misuse where it is
 * the first of a connection's, or a filter that holds bytes: those are not
 * thrown away (flush or read them first). */
SSLC_API sslc_status sslc_bio_pop(sslc_bio *bio);

/* The one behind; NULL where there is none.  Borrowed.  BIO_next(3). */
SSLC_API sslc_bio *sslc_bio_next(const sslc_bio *bio);

/* The first of a kind, from `bio` on; NULL where there is none.  Borrowed.
 * BIO_find_type(3). */
SSLC_API sslc_bio *sslc_bio_find(sslc_bio *bio, int kind);

/* The connection that reads or writes through the chain that begins here; NULL
 * where there is none.  Borrowed.  A BIO has one owner at a time. */
SSLC_API sslc_conn *sslc_bio_owner(const sslc_bio *bio);

/* ---- settings */

/* 1: calls that would block return (the default).  0: they block, over
 * interrupted system calls too.  For what has a socket; others have nothing to
 * block on: SSLC_ERR_ARG.  BIO_set_nbio(3). */
SSLC_API sslc_status sslc_bio_set_nbio(sslc_bio *bio, int nonblocking);

/* TCP_NODELAY, as BIO_set_tcp_ndelay: 1 turns Nagle's algorithm off.  At any
 * time; for a BIO that is not connected yet, once it is.
 * SSLC_OK; SSLC_ERR_ARG where it is no socket; SSLC_ERR_SYS. */
SSLC_API sslc_status sslc_bio_set_tcp_nodelay(sslc_bio *bio, int on);

/* Whether the descriptor (file, connection) is closed with the BIO's last
 * reference: SSLC_CLOSE or SSLC_NOCLOSE.  BIO_set_close(3).  SSLC_OK, or
 * SSLC_ERR_ARG where there is nothing to close.  The getter: -1 there. */
SSLC_API sslc_status sslc_bio_set_close(sslc_bio *bio, int close_flag);
SSLC_API int sslc_bio_get_close(const sslc_bio *bio);

/* ---- steps: each gives SSLC_OK, SSLC_WANT_* where it cannot be done now (the
 * one wanted: a socket's write SSLC_WANT_WRITE, TLS in TLS either), or a
 * failure that sslc_bio_error tells of: SSLC_ERR_SYS; what is below failed
 * with; SSLC_ERR_ARG with bad_option for what this kind of BIO cannot do. */

/* Makes it ready: connects, listens and accepts, shakes hands below, each as
 * the kind of BIO demands; others are ready.  BIO_do_handshake(3). */
SSLC_API sslc_status sslc_bio_do_handshake(sslc_bio *bio);

/* Reads up to `len` bytes (at least 1) into `buf`; `*n` tells how many.
 * SSLC_CLOSED at the end. */
SSLC_API sslc_status sslc_bio_read(sslc_bio *bio, void *buf, size_t len,
                                   size_t *n);

/* Writes up to `len` bytes (at least 1); `*n` tells how many were taken.
 * SSLC_CLOSED after sslc_bio_shutdown_wr. */
SSLC_API sslc_status sslc_bio_write(sslc_bio *bio, const void *buf, size_t len,
                                    size_t *n);

/* Writes a string, without its end: BIO_puts(3).  As write. */
SSLC_API sslc_status sslc_bio_puts(sslc_bio *bio, const char *text, size_t *n);

/* Reads a line, with its newline, and ends it with NUL: BIO_gets(3).  At most
 * `size` - 1 bytes, so a longer line comes in parts, and so does one whose end
 * has not come; `*n` tells how many.  For pair, memory, file and buffer: put a
 * buffer before others. */
SSLC_API sslc_status sslc_bio_gets(sslc_bio *bio, char *buf, size_t size,
                                   size_t *n);

/* Sends on what filters hold: BIO_flush(3). */
SSLC_API sslc_status sslc_bio_flush(sslc_bio *bio);

/* To its beginning: BIO_reset(3).  Memory that can be written is emptied, that
 * which cannot is read anew; a file is read from its start; a buffer throws
 * away what it holds, and then the same of what is behind it, or nothing where
 * that cannot be reset (a pair, a socket). */
SSLC_API sslc_status sslc_bio_reset(sslc_bio *bio);

/* What can be read without moving it: `*data` points to `*n` bytes in the BIO,
 * until the next call on it; consume takes up to that many away.  There may be
 * more than `*n`: ask again after.  BIO_nread0(3), BIO_nread.  For pair and
 * memory.  peek: SSLC_OK with *n above 0, or as read.  consume: SSLC_OK, or
 * SSLC_ERR_ARG for more bytes than peek gives. */
SSLC_API sslc_status sslc_bio_peek(sslc_bio *bio, const void **data, size_t *n);
SSLC_API sslc_status sslc_bio_consume(sslc_bio *bio, size_t n);

/* No more will be written: what filters hold is flushed, and the other end
 * reads what there is, then the end.  BIO_shutdown_wr for a pair, shutdown(2)
 * for a socket. */
SSLC_API sslc_status sslc_bio_shutdown_wr(sslc_bio *bio);

/* ---- asking */

/* What the last step wanted: SSLC_WANT_*; SSLC_OK where it is not to be
 * repeated.  BIO_should_retry(3), BIO_get_retry_reason. */
SSLC_API sslc_status sslc_bio_should_retry(const sslc_bio *bio);

/* The descriptor; -1 where there is none.  BIO_get_fd(3).  While a BIO
 * connects it is that of the dial, to be waited for as readable, and after
 * that the socket's: to be asked after each step. */
SSLC_API int sslc_bio_fd(const sslc_bio *bio);

/* How long to wait at most before the next step, in nanoseconds: what a BIO
 * that connects needs for its timers.  -1: for ever. */
SSLC_API int64_t sslc_bio_timeout(const sslc_bio *bio);

/* Of a BIO that connects, the address tried last or reached; of one that
 * accepts, the one it listens on; of a socket's, the peer's: "192.0.2.1:443",
 * "[2001:db8::1]:443"; "" where there is none. */
SSLC_API const char *sslc_bio_address(const sslc_bio *bio);

/* Bytes that can be read, and bytes written and not yet gone on, without a
 * system call: BIO_ctrl_pending(3), BIO_ctrl_wpending. */
SSLC_API size_t sslc_bio_pending(const sslc_bio *bio);
SSLC_API size_t sslc_bio_wpending(const sslc_bio *bio);

/* 1 once the end of the stream was read (a socket, a file), or the other half
 * was shut down and emptied (a pair), or there is nothing to read and more
 * will not come (memory): BIO_eof. */
SSLC_API int sslc_bio_eof(const sslc_bio *bio);

/* Why the last call failed; NULL where it did not. */
SSLC_API const sslc_error *sslc_bio_error(const sslc_bio *bio);

/* ---------------------------------------------------------- connections */

/*
 * One TLS connection: ssl(7).  Made from a context, given a BIO and, as a
 * client, the server's name; then stepped until it is done.
 *
 * A step that returns SSLC_WANT_* did nothing wrong and is to be repeated,
 * with the same arguments, when the BIO is ready.  A step that fails for good
 * is remembered: every later step returns the same status and error and never
 * enters libssl again.  The classes ARG and STATE and the timeouts of `_wait`
 * are not final: the connection is as it was.
 */

/* A connection of its own reference to `ctx`.  NULL when memory is short or
 * ctx is NULL.  Where the context has a bad setting the connection is made
 * all the same, and each step returns that error. */
SSLC_API sslc_conn *sslc_conn_new(sslc_ctx *ctx);

/* One reference more; returns `conn`.  SSL_up_ref(3). */
SSLC_API sslc_conn *sslc_conn_up_ref(sslc_conn *conn);

/* One reference less; the last one frees it with its references to BIOs and
 * context.  Sends nothing: see sslc_conn_close. */
SSLC_API void sslc_conn_free(sslc_conn *conn);

/* Sends close_notify where that is allowed and possible without waiting, and
 * lets go of the BIOs.  Afterwards every step fails with `closed`; getters
 * answer what they did before.  Never blocks, never fails; a second call does
 * nothing. */
SSLC_API void sslc_conn_close(sslc_conn *conn);

/* One reference less, as free, but the last one closes before: what a garbage
 * collector or a destructor does, which knows of no other reference. */
SSLC_API void sslc_conn_release(sslc_conn *conn);

/* The BIOs to read from and write to; they may be the same.  The connection
 * takes a reference of its own to each, and lets go of those it had.
 * SSL_set_bio(3).  At any time: what was received already stays, and a record
 * that was sent in part goes on in the new BIO, so the bytes must come out of
 * and go into the same stream.  SSLC_OK; SSLC_ERR_ARG; SSLC_ERR_STATE with
 * misuse where a BIO stands behind another or is another connection's. */
SSLC_API sslc_status sslc_conn_set_bio(sslc_conn *conn, sslc_bio *rbio,
                                       sslc_bio *wbio);

/* Borrowed for as long as the connection keeps it; NULL where there is none. */
SSLC_API sslc_bio *sslc_conn_rbio(const sslc_conn *conn);
SSLC_API sslc_bio *sslc_conn_wbio(const sslc_conn *conn);

/*
 * Whom a client wants to talk to: the name sent in SNI (RFC 6066) and the one
 * the certificate must be for (RFC 9525).  Copied.
 *
 * "example.com"    SNI and a DNS name; case does not matter
 * "example.com."   one dot at the end is taken off, for both
 * "192.0.2.1", "2001:db8::1", "[2001:db8::1]"
 *                  an IP name in the certificate; no SNI
 * "fe80::1%eth0"   the zone is taken off
 * "bücher.example" turned into A-labels (IDNA 2008) by libidn2 where the
 *                  system has it, else an error that asks for the A-labels
 * "xn--bcher-kva.example" taken as it is
 *
 * Anything else is SSLC_ERR_ARG with bad_option: an empty name, a wildcard, an
 * empty label or one of more than 63 bytes, more than 253 bytes, other
 * characters than letters, digits, "-" and "_", a name whose last label is a
 * number without being an IPv4 address of four parts.
 *
 * A connection that has none when it verifies names does not begin its
 * handshake: do_handshake returns SSLC_ERR_ARG with bad_option.
 * SSLC_ERR_STATE once the handshake has begun.
 */
SSLC_API sslc_status sslc_conn_set_server_name(sslc_conn *conn,
                                               const char *name);

/*
 * A name that the peer's certificate may be for, in the place of the server
 * name, which is then only sent: once such names are given, one of them must be
 * among the subject's alternative names, whichever side this is.  Called again
 * for each that will do: SSL_add1_host(3), RFC 9525.  Copied.
 *
 * "example.com", "192.0.2.1"
 *                  as sslc_conn_set_server_name takes them; also with their
 *                  kind in front, as sslc_cert_name has it: "DNS:", "IP:"
 * "email:ann@example.com"
 *                  an e-mail address; case matters before the "@"
 * "URI:sip:example.com", "URI:https://example.com"
 *                  a URI of this scheme and host ("://", "sip:" and "sips:"
 *                  have one), whatever comes behind the host; never by a
 *                  wildcard, nor by one that names a user
 * "URI:spiffe://example.com/web"
 *                  any other URI, one with a path above all: byte for byte
 *
 * SSLC_OK; SSLC_ERR_ARG with bad_option for what is none of these;
 * SSLC_ERR_STATE once the handshake has begun; SSLC_ERR_NOMEM.  The handshake
 * does not begin (bad_option) where the names could not be looked at: in a
 * context with insecure_no_verify or insecure_no_name_check, and for a server
 * that does not require the client's certificate.
 */
SSLC_API sslc_status sslc_conn_add_peer_name(sslc_conn *conn, const char *name);

/* What errors call the peer ("example.com:443"); nothing else depends on it.
 * Copied.  Without it the server name is used. */
SSLC_API sslc_status sslc_conn_set_peer_label(sslc_conn *conn,
                                              const char *label);

/* What errors say its address is ("192.0.2.1:443"); nothing else depends on
 * it.  Copied.  Without it the socket is asked, which may not know any more. */
SSLC_API sslc_status sslc_conn_set_peer_address(sslc_conn *conn,
                                                const char *address);

/* Hides the server name from who watches: the encrypted ClientHello, by the
 * list of configurations that the server has in the DNS (its HTTPS record's
 * "ech"), as bytes or in base64: SSL_set1_ech_config_list(3).  Copied.  For a
 * client, until the handshake has begun, else SSLC_ERR_STATE.  SSLC_ERR_ARG
 * with bad_option for a list that cannot be used, and with an OpenSSL that has
 * no such thing (before 4.0): never is the name sent in the clear instead. */
SSLC_API sslc_status sslc_conn_set_ech_config_list(sslc_conn *conn,
                                                   const void *list,
                                                   size_t len);

/* Client or server: SSL_set_connect_state(3).  SSLC_ERR_STATE once the
 * handshake has begun. */
SSLC_API sslc_status sslc_conn_set_connect_state(sslc_conn *conn);
SSLC_API sslc_status sslc_conn_set_accept_state(sslc_conn *conn);

/* 1: whoever waits for the connection's socket waits for its state, as poll(2)
 * and a level-triggered epoll(7) do, not for a change of it.  A step that has
 * just sent something then gives SSLC_WANT_READ without having looked in vain
 * for the answer: one system call fewer.  0, the default: SSLC_WANT_READ is
 * given only where a read has found nothing.  Of the BIO that the connection
 * has now; nothing changes where that is no socket.  SSLC_ERR_ARG for NULL. */
SSLC_API sslc_status sslc_conn_set_level_triggered(sslc_conn *conn, int on);

/* 1: the last flight of the handshake is held when it is done, and leaves in
 * one piece with what is written first: one segment and one system call fewer.
 * It leaves without that when a read or peek has nothing to give (so before
 * anybody waits), in shutdown, close and flush.  0: it leaves at once, the
 * default: who waits for the descriptor without having tried to read must not
 * hold anything.  Until the handshake has begun, else SSLC_ERR_STATE. */
SSLC_API sslc_status sslc_conn_set_hold_flight(sslc_conn *conn, int on);

/*
 * A TLSA record of the server, RFC 6698, which the caller got from a DNS that
 * is signed and was checked (sslc_dial_set_tlsa does that).  Once there is one,
 * the server has to show what one of them is about, in the handshake or in the
 * one that is resumed: dane_mismatch.  Before the handshake;
 * SSL_dane_tlsa_add(3).
 *
 * usage          0 (PKIX-TA), an authority of the chain, and 1 (PKIX-EE), the
 *                server's certificate: beside the context's trust
 *                2 (DANE-TA): the authority named here stands in the place of
 *                the context's trust
 *                3 (DANE-EE): the server's certificate named here counts
 *                whoever issued it, and whether or not it has expired or was
 *                revoked (RFC 7671, section 5.1)
 *                With each the name is checked as ever
 * selector       0: the certificate, 1: its SubjectPublicKeyInfo
 * matching_type  0: the whole of it, 1: its SHA-256, 2: its SHA-512.  Of
 *                records that differ in this alone, those of the strongest
 *                digest count
 * data           `len` bytes; copied
 *
 * SSLC_OK, also for one that is there already; SSLC_ERR_ARG with bad_option for
 * one that cannot be used; SSLC_ERR_STATE once the handshake has begun.  Whole
 * certificates and keys are looked at when the handshake begins, which then
 * fails, as it does for a server that has no name, one that accepts, and with
 * insecure_no_verify.
 */
SSLC_API sslc_status sslc_conn_add_tlsa(sslc_conn *conn, int usage,
                                        int selector, int matching_type,
                                        const void *data, size_t len);

/* One step of the handshake: SSL_do_handshake(3).  connect and accept set the
 * state first where none is set; on a connection of the other kind they are
 * SSLC_ERR_STATE.  SSLC_OK when it is done (also when it was done before),
 * SSLC_WANT_*, or a failure.  Never SSLC_CLOSED: close_notify inside of a
 * handshake is SSLC_ERR_EOF with handshake_eof. */
SSLC_API sslc_status sslc_conn_do_handshake(sslc_conn *conn);
SSLC_API sslc_status sslc_conn_connect(sslc_conn *conn);
SSLC_API sslc_status sslc_conn_accept(sslc_conn *conn);

/* Reads up to `len` bytes (at least 1), or looks at them: SSL_read_ex(3),
 * SSL_peek_ex.  `*n` tells how many; 0 unless SSLC_OK.  SSLC_CLOSED after the
 * peer's close_notify; SSLC_ERR_EOF with truncated where the stream ends
 * without one; SSLC_ERR_STATE before the handshake is done. */
SSLC_API sslc_status sslc_conn_read(sslc_conn *conn, void *buf, size_t len,
                                    size_t *n);
SSLC_API sslc_status sslc_conn_peek(sslc_conn *conn, void *buf, size_t len,
                                    size_t *n);

/* Writes up to `len` bytes: SSL_write_ex(3).  `*n` tells how many were taken,
 * which may be fewer.  len == 0 is SSLC_OK and does nothing.  After
 * SSLC_WANT_* the same bytes are to be given again; the buffer may have moved.
 * SSLC_ERR_STATE before the handshake is done, and with `closed` after
 * sslc_conn_shutdown. */
SSLC_API sslc_status sslc_conn_write(sslc_conn *conn, const void *buf,
                                     size_t len, size_t *n);

/* How many bytes of a write that is to be repeated, or has failed, the peer may
 * have all the same.  Of more than a record several are sent in one piece, and
 * taken when the last has left. */
SSLC_API size_t sslc_conn_write_begun(const sslc_conn *conn);

/* Sends what is held: a flight (sslc_conn_set_hold_flight), and what the
 * filters of the BIO hold.  SSLC_OK, SSLC_WANT_WRITE, or a failure. */
SSLC_API sslc_status sslc_conn_flush(sslc_conn *conn);

/* New keys for what this side sends, and with `request` 1 for what the peer
 * does too, which it renews before it writes next: SSL_key_update(3), RFC 8446,
 * section 4.6.3.  To be repeated as any step.  SSLC_ERR_STATE before the
 * handshake is done, while a write is not finished, after sslc_conn_shutdown,
 * and with TLS 1.2, which has no such thing. */
SSLC_API sslc_status sslc_conn_key_update(sslc_conn *conn, int request);

/* Sends close_notify; then, called again, waits for the peer's:
 * SSL_shutdown(3).  SSLC_WANT_READ with a last return of 0: ours is sent, the
 * peer's has not come; one may stop here, or read on until SSLC_CLOSED.
 * SSLC_OK: both were exchanged.  SSLC_ERR_STATE inside of a handshake. */
SSLC_API sslc_status sslc_conn_shutdown(sslc_conn *conn);

/* Which close_notify was seen: SSL_get_shutdown(3). */
enum { SSLC_SENT_SHUTDOWN = 1, SSLC_RECEIVED_SHUTDOWN = 2 };
SSLC_API int sslc_conn_get_shutdown(const sslc_conn *conn);

/* Bytes that read gives without touching the BIO: SSL_pending(3). */
SSLC_API size_t sslc_conn_pending(const sslc_conn *conn);

/* 1 where anything is buffered that the BIO's readiness does not tell of:
 * SSL_has_pending(3).  Read until SSLC_WANT_READ before waiting. */
SSLC_API int sslc_conn_has_pending(const sslc_conn *conn);

/* The last step: its status; what libssl's function returned (1, 0, below 0);
 * what SSL_get_error(3) made of that.  A step that was refused, or failed
 * without libssl, has -1 and 0; one after a failure for good has what that
 * had.  See docs/ssl_connect.md for what libssl's 0 and -1 come to. */
SSLC_API sslc_status sslc_conn_last_status(const sslc_conn *conn);
SSLC_API int sslc_conn_last_return(const sslc_conn *conn);
SSLC_API int sslc_conn_ssl_error(const sslc_conn *conn);

/* Why the last step failed; NULL where it did not. */
SSLC_API const sslc_error *sslc_conn_error(const sslc_conn *conn);

/* 1 once the handshake is done. */
SSLC_API int sslc_conn_is_connected(const sslc_conn *conn);

/* 1 for an accepting connection, 0 for a connecting one, -1 while that is
 * not set: SSL_is_server(3). */
SSLC_API int sslc_conn_is_server(const sslc_conn *conn);

/* Where the handshake is, in libssl's words: SSL_state_string_long(3).
 * Static. */
SSLC_API const char *sslc_conn_state_string(const sslc_conn *conn);

/* What to wait for before the next step: the descriptor of the BIO read from
 * (written to, after SSLC_WANT_WRITE, where that is another), -1 where there
 * is none; and how long at most, as in sslc_bio_timeout.  After
 * SSLC_WANT_CONNECT and SSLC_WANT_ACCEPT it is waited for as readable, and
 * may be another one after each step. */
SSLC_API int sslc_conn_fd(const sslc_conn *conn);
SSLC_API int64_t sslc_conn_timeout(const sslc_conn *conn);

/*
 * What was negotiated.  NULL (0, -1) before the handshake is done and where
 * there is none.  Strings live as long as the connection.
 */
SSLC_API const char *sslc_conn_version(const sslc_conn *conn); /* "TLSv1.3" */
SSLC_API const char *sslc_conn_cipher(const sslc_conn *conn);  /* RFC's name */
SSLC_API const char *sslc_conn_group(const sslc_conn *conn);   /* "x25519" */
SSLC_API const char *sslc_conn_alpn(const sslc_conn *conn);
SSLC_API int sslc_conn_session_reused(const sslc_conn *conn);

/* A client: the name as it was set, normalised.  A server: the name the client
 * sent in SNI.  NULL where there is none. */
SSLC_API const char *sslc_conn_server_name(const sslc_conn *conn);

/* The peer's certificates as it sent them, its own first.  NULL from the count
 * on.  Borrowed for as long as the connection lives. */
SSLC_API size_t sslc_conn_peer_cert_count(const sslc_conn *conn);
SSLC_API const sslc_cert *sslc_conn_peer_cert(const sslc_conn *conn, size_t i);

/* 1 when chain and (as a client) name were checked and found good; 0 when they
 * were not checked (an insecure switch, a client without a certificate) or the
 * handshake is not done. */
SSLC_API int sslc_conn_is_verified(const sslc_conn *conn);

/* The identity of the key (sslc_ctx_add_psk) that the peer has proven to have,
 * in the place of a certificate: the connection counts as verified.  NULL where
 * there is none, or the handshake is not done.  Borrowed of the context. */
SSLC_API const char *sslc_conn_psk_identity(const sslc_conn *conn);

/* "good" when the server stapled an OCSP response that was checked, else
 * "none": there was none, none was asked for, or the connection was resumed.
 * NULL before the handshake is done. */
SSLC_API const char *sslc_conn_ocsp_status(const sslc_conn *conn);

/* The stapled response in DER, its length in `*len`; NULL where there is none,
 * and on a server.  Kept as long as the connection. */
SSLC_API const unsigned char *sslc_conn_ocsp_response(const sslc_conn *conn,
                                                      size_t *len);

/* What was agreed on with sslc_ctx_set_max_fragment_length, in bytes; 0 where
 * nothing was. */
SSLC_API size_t sslc_conn_max_fragment_length(const sslc_conn *conn);

/* ------------------------------------------------------- exported secrets */

/*
 * Secrets that only the two ends of this connection can have:
 * SSL_export_keying_material(3), RFC 5705.  `len` bytes into `out`, the same on
 * both sides for the same label (1 to 249 bytes) and context.  `context` NULL:
 * none; with TLS 1.2 that is another than an empty one.  With TLS 1.2 and a
 * peer that has no extended master secret (RFC 7627) whoever is in between can
 * make two connections that export the same.
 *
 * SSLC_OK; SSLC_ERR_STATE before the handshake is done and after close, and the
 * failure of a connection that has failed; SSLC_ERR_ARG with bad_option, also
 * for a label that TLS uses itself; SSLC_ERR_NOMEM.
 */
SSLC_API sslc_status sslc_conn_export_keying_material(
  sslc_conn *conn, void *out, size_t len, const char *label,
  const void *context, size_t context_len);

/* Room for any channel binding. */
enum { SSLC_CHANNEL_BINDING_MAX = 64 };

/*
 * What a login can be bound to, so that it is of no use on another connection
 * (SCRAM-PLUS, RFC 5802): `*n` bytes into `out`, which has room for `size`,
 * SSLC_CHANNEL_BINDING_MAX at the least.
 *
 * "tls-exporter"          RFC 9266, of this very connection: 32 bytes.  Not
 *                         with TLS 1.2 without extended master secret
 * "tls-server-end-point"  RFC 5929, the digest of the server's certificate.
 *                         Not for one signed by Ed25519 and the like, for which
 *                         there is no definition; not for a server that resumed
 *                         with the hook x509_lookup, which did not choose one
 *
 * As sslc_conn_export_keying_material; SSLC_ERR_ARG with bad_option where there
 * is no such binding.  "tls-unique" is not offered: TLS 1.3 has none.
 */
SSLC_API sslc_status sslc_conn_channel_binding(sslc_conn *conn,
                                               const char *kind, void *out,
                                               size_t size, size_t *n);

/* The depth in the chain of what a TLSA record was about: 0 is the server's own
 * certificate; SSL_get0_dane_authority(3).  -1 where there were no records, the
 * handshake is not done or was resumed. */
SSLC_API int sslc_conn_dane_depth(const sslc_conn *conn);

/* ---------------------------------------------------------------- hooks */

/*
 * While a step gives SSLC_WANT_RETRY_VERIFY (sslc_ctx_set_retry_verify):
 *
 * verify_result  what verification came to, X509_V_OK (0) or an X509_V_ERR_*
 *                of X509_verify_cert(3).  Later, and without the hook, that of
 *                the handshake; -1 before there is one
 * chain          the certificates of the chain that was built, the peer's own
 *                first, the authority trusted last; what there was of it where
 *                none could be built, and as they were sent where the
 *                handshake was resumed.  Kept as long as the connection.
 *                sslc_conn_peer_cert gives them as they were sent
 */
SSLC_API int sslc_conn_verify_result(const sslc_conn *conn);
SSLC_API size_t sslc_conn_chain_count(const sslc_conn *conn);
SSLC_API const sslc_cert *sslc_conn_chain(const sslc_conn *conn, size_t i);

/* The answer: 1 accepts, 0 refuses, and the next step fails with
 * verification_failed and `reason` in its message (NULL: none is given); the
 * peer gets an alert where it can.  SSLC_OK; SSLC_ERR_STATE with misuse where
 * nothing was asked, or it was answered already.  SSLC_ERR_NOMEM: not
 * answered. */
SSLC_API sslc_status sslc_conn_answer_verify(sslc_conn *conn, int accept,
                                             const char *reason);

/* While a client's step gives SSLC_WANT_X509_LOOKUP: the names of the
 * authorities that the server asked for, as sslc_cert_subject has them.  NULL
 * from the count on, which is 0 where it named none. */
SSLC_API size_t sslc_conn_ca_name_count(const sslc_conn *conn);
SSLC_API const char *sslc_conn_ca_name(const sslc_conn *conn, size_t i);

/* The answer: the certificate, key and chain of `identity`, a context that is
 * used for nothing else here; NULL: no certificate.  The connection keeps what
 * it needs.  SSLC_OK; SSLC_ERR_STATE with misuse where nothing was asked;
 * SSLC_ERR_CONFIG with bad_option where `identity` has no certificate, or a
 * bad setting; SSLC_ERR_NOMEM.  After a failure it is still to be answered. */
SSLC_API sslc_status sslc_conn_answer_x509_lookup(sslc_conn *conn,
                                                  sslc_ctx *identity);

/* Instead of any of the three answers: ends the handshake.  The next step
 * fails with `canceled` and `reason` in its message, NULL for none.  SSLC_OK;
 * SSLC_ERR_STATE with misuse where nothing was asked; SSLC_ERR_NOMEM. */
SSLC_API sslc_status sslc_conn_answer_abort(sslc_conn *conn,
                                            const char *reason);

/* While a server's step gives SSLC_WANT_CLIENT_HELLO_CB,
 * sslc_conn_server_name is the name that the client sent.  The answer: the
 * context whose connection this is from here on, with its certificate, client
 * verification, ALPN, versions, security level, lenient_eof, parameters (but
 * groups only where it has some), key log and other hooks (only the keys of
 * tickets stay, and each is good for the context it was given in); NULL: the
 * connection's own.  SSLC_OK; SSLC_ERR_STATE with misuse where nothing was
 * asked; SSLC_ERR_CONFIG where `ctx` has a bad setting, or neither a
 * certificate nor the hook that gives one.  After a failure that is not final
 * it is still to be answered. */
SSLC_API sslc_status sslc_conn_answer_client_hello(sslc_conn *conn,
                                                   sslc_ctx *ctx);

/* The context whose connection this is: the one it was made of, until a server
 * name or the client_hello hook has chosen another; from then on what this one
 * is set to holds.  To compare with those one knows: no reference comes with
 * it, and it is good until the next step or answer.  NULL for NULL.
 * SSL_get_SSL_CTX(3). */
SSLC_API const sslc_ctx *sslc_conn_ctx(const sslc_conn *conn);

/* ---------------------------------------------------------------- trace */

/* What kinds of things a trace tells of: RFC 8446, section 5.1. */
enum {
  SSLC_TRACE_CHANGE_CIPHER_SPEC = 20,
  SSLC_TRACE_ALERT = 21,
  SSLC_TRACE_HANDSHAKE = 22,
  SSLC_TRACE_APPLICATION_DATA = 23
};

typedef struct sslc_trace_entry {
  size_t size;      /* of the structure, set by the caller */
  int sent;         /* 1: by this side, 0: received */
  int content_type; /* SSLC_TRACE_* */
  int type;         /* of a handshake message; an alert's description */
  int level;        /* an alert's: 1 warning, 2 fatal; else 0 */
  size_t length;    /* bytes: of the message with its header; of application
                       data as its record carries it */
  const char *name; /* "ClientHello", "close_notify", "ApplicationData";
                       static */
} sslc_trace_entry;

/* 1: notes each message that goes by, SSL_set_msg_callback(3); 0: no more, and
 * forgets what was noted and not taken.  At any time.  At most 256 are kept,
 * the newest.  SSLC_OK or SSLC_ERR_NOMEM. */
SSLC_API sslc_status sslc_conn_set_trace(sslc_conn *conn, int on);

/* Takes the oldest message noted into `*entry`: 1; 0 where there is none, or
 * the entry's size is none that there has been. */
SSLC_API int sslc_conn_trace_next(sslc_conn *conn, sslc_trace_entry *entry);

/* ------------------------------------------------------------- sessions */

/* What a resumption needs: SSL_SESSION.  Immutable, with a count of
 * references. */
typedef struct sslc_session sslc_session;

/* The session of a connection, with a reference that is the caller's;
 * SSL_get1_session(3).  NULL where it could not be resumed: the handshake is
 * not done, the server has sent no ticket yet (with TLS 1.3 it comes with the
 * first data), the peer was not verified (unless the context does not verify),
 * the connection failed, or memory is short. */
SSLC_API sslc_session *sslc_conn_get1_session(const sslc_conn *conn);

SSLC_API sslc_session *sslc_session_up_ref(sslc_session *session);
SSLC_API void sslc_session_free(sslc_session *session);

/* The name its connection was verified for, "" for none; the version of TLS;
 * for how many seconds it may be resumed, from when it began (seconds since
 * 1970). */
SSLC_API const char *sslc_session_server_name(const sslc_session *session);
SSLC_API const char *sslc_session_version(const sslc_session *session);
SSLC_API int64_t sslc_session_lifetime(const sslc_session *session);
SSLC_API int64_t sslc_session_time(const sslc_session *session);

/* Offers to resume the session: SSL_set_session(3).  Whether the server did
 * tells sslc_conn_session_reused.  For a client, before the handshake, with
 * the context that the session is of and its server name, which may be set
 * after.  A session of another context or name is never offered, because the
 * certificate is not sent again: SSLC_ERR_ARG with bad_option, here or when
 * the handshake begins.  The connection takes a reference of its own; NULL
 * takes back what was set.  SSLC_ERR_STATE once the handshake has begun. */
SSLC_API sslc_status sslc_conn_set_session(sslc_conn *conn,
                                           sslc_session *session);

/*
 * The sessions that a context keeps, so that connections resume by themselves.
 *
 * A client whose place is told (sslc_conn_set_session_scope; sslc_open_wait
 * does) offers the newest session that the context has of it, unless it was
 * given one, and leaves its own for the next.  Kept are those of connections
 * that were verified and have not failed, for the same place, server name and
 * demands on the certificate.  A ticket of TLS 1.3 is offered once (RFC 8446,
 * appendix C.4), of which 4 are kept for a place; a session of TLS 1.2, until
 * there is a newer one.
 *
 * size      how many are kept at most, 1024 at first, up to 1000000; the
 *           oldest goes first.  0: none is kept or offered
 * lifetime  for how many seconds after the certificate was verified a session
 *           is offered, however often it was renewed meanwhile: 1 to 604800 (7
 *           days); 0: 86400, as at first.  Never for longer than the server
 *           says, or after a certificate of its chain has expired
 *
 * SSLC_OK, or SSLC_ERR_CONFIG with bad_option.
 */
SSLC_API sslc_status sslc_ctx_set_session_cache(sslc_ctx *ctx, size_t size,
                                                int64_t lifetime);

/* Where the connection leads, such as "example.com:443": sessions are kept and
 * offered by themselves only among connections of equal texts.  Copied.  NULL,
 * as at first: neither.  SSLC_OK; SSLC_ERR_STATE once the handshake has begun;
 * SSLC_ERR_NOMEM. */
SSLC_API sslc_status sslc_conn_set_session_scope(sslc_conn *conn,
                                                 const char *scope);

/* The next session that came on a client with a scope and was not taken yet,
 * for those who keep sessions themselves; a reference that is the caller's.
 * With TLS 1.3 they come along with data, any number of them: to be asked until
 * NULL, which is also where sslc_conn_get1_session gives NULL, and where a hook
 * chose the client's certificate.  The newest 4 wait to be taken. */
SSLC_API sslc_session *sslc_conn_take_session(sslc_conn *conn);

/*
 * Sessions as bytes, for other processes and machines: i2d_SSL_SESSION(3).
 *
 * What is exported from one context is imported by those that verify as it
 * does: the same trust (files by path and contents; the system's is taken for
 * the same everywhere), pins, certificate of our own, versions, ciphers, ALPN,
 * insecure switches, domain, and version of this library.  The server name and
 * the demands on its certificate go along, and are compared when the session
 * is offered.  Once a file or directory of trust has changed under a context,
 * it gives and takes nothing more: bad_option.
 *
 * The bytes are as secret as the traffic of the connections that are resumed
 * with them, and who can put others in their place can pass for the server.  So
 * they are to be kept like a private key, or sealed:
 *
 * session_secret  32 random bytes, the same wherever the sessions are to be
 *                 good.  They are then sealed with them (AES-256-GCM), and what
 *                 is not, or was changed, is not let in.  Copied
 * session_domain  a text that has to be the same as well, for what one wants to
 *                 be kept apart; NULL, as at first: none.  Its SHA-256 is kept
 *
 * SSLC_OK; SSLC_ERR_CONFIG with bad_option; SSLC_ERR_NOMEM.
 */
SSLC_API sslc_status sslc_ctx_set_session_secret(sslc_ctx *ctx,
                                                 const void *secret,
                                                 size_t len);
SSLC_API sslc_status sslc_ctx_set_session_domain(sslc_ctx *ctx,
                                                 const char *domain);

/* Writes the session, which is of this context, to `buf` of `size` bytes;
 * `*len` tells how many it is.  NULL for `buf`: only that.  Once called, the
 * settings of the context are over, as with a first connection.
 *
 * SSLC_OK; SSLC_ERR_ARG where a parameter is missing; SSLC_ERR_CONFIG with
 * bad_option: it is of another context, or the buffer is too short (and of a
 * context with a bad setting, with that); SSLC_ERR_NOMEM.  `*error` receives
 * the reason of the last two, the caller's to free; NULL otherwise, and where
 * memory is too short even for that.  `error` may be NULL. */
SSLC_API sslc_status sslc_ctx_export_session(sslc_ctx *ctx,
                                             const sslc_session *session,
                                             void *buf, size_t size,
                                             size_t *len, sslc_error **error);

/* Makes a session of this context of what was exported; `*session` is the
 * caller's, NULL on failure.  What comes from wherever is no danger: it is let
 * in or not.  Whether it is too old turns out when it is offered, and it is
 * then left out.  Errors as above, bad_option where the bytes are no session,
 * were changed or cut, or are of a context with other settings. */
SSLC_API sslc_status sslc_ctx_import_session(sslc_ctx *ctx, const void *bytes,
                                             size_t len,
                                             sslc_session **session,
                                             sslc_error **error);

/* Under which name to keep what is exported, to be found by connections that
 * could resume it, in whatever process: 64 hexadecimal digits, of the scope,
 * the server name, the demands, and what the context verifies.  For a client
 * with a scope and a server name.  NULL without a scope, when the trust has
 * changed, and when memory is short.  Borrowed for as long as the connection
 * lives. */
SSLC_API const char *sslc_conn_session_key(sslc_conn *conn);

/* What a context has counted of its clients since it was made. */
typedef struct sslc_ctx_statistics {
  size_t size;       /* of the structure, set by the caller */
  uint64_t connects; /* handshakes that were done */
  uint64_t offered;  /* handshakes begun with a session to resume */
  uint64_t resumed;  /* of these: the server took it up */
  uint64_t refused;  /* it did not, and the handshake was done in full */
  uint64_t failed;   /* the handshake failed, or was given up */
  uint64_t misses;   /* the cache was asked and had none */
  uint64_t stored;   /* sessions put into the cache */
  uint64_t expired;  /* taken out unused: too old, or trust has changed */
  uint64_t evicted;  /* taken out for want of room */
  uint64_t dropped;  /* taken out as their connection failed, or the server
                        did not know them */
  uint64_t kept;     /* in the cache now */
  uint64_t early_data_accepted; /* connections whose early data the server */
  uint64_t early_data_rejected; /* took, or did not take */
} sslc_ctx_statistics;

/* Fills in `*statistics`: 1; 0 where its size is none that there has been, or a
 * parameter is NULL.  At any time, by any thread. */
SSLC_API int sslc_ctx_stats(const sslc_ctx *ctx,
                            sslc_ctx_statistics *statistics);

/*
 * Early data: what a client sends along with the first flight of a resumed
 * handshake of TLS 1.3, so that its answer comes a round trip earlier:
 * SSL_write_early_data(3), RFC 8446, section 2.3.
 *
 * Whoever records it can send it again, and not every server notices.  So it
 * has to be such as may come twice: a GET without effects, a query.  And it is
 * sent under the keys of the session, before the server has shown that it is
 * there.
 */

/* Sends all of `len` bytes as early data, in the place of the first step of the
 * handshake, once; then come the other steps.  `*n` is `len` when they have
 * gone.  0 with SSLC_OK: there is no session that allows so many, and nothing
 * has gone.  In either case the handshake is then to be done, and the data
 * written as any other where sslc_conn_early_data is not ACCEPTED.
 * SSLC_WANT_*: to be repeated with the same bytes.  SSLC_ERR_STATE once the
 * handshake
 * has begun; SSLC_ERR_ARG for no data; and what a step of the handshake
 * gives. */
SSLC_API sslc_status sslc_conn_write_early_data(sslc_conn *conn,
                                                const void *buf, size_t len,
                                                size_t *n);

/* What became of it, once the handshake is done: SSL_get_early_data_status(3).
 * On a server, of the client's. */
enum {
  SSLC_EARLY_DATA_NOT_SENT = 0,
  SSLC_EARLY_DATA_REJECTED = 1, /* the server has not seen it */
  SSLC_EARLY_DATA_ACCEPTED = 2
};
SSLC_API int sslc_conn_early_data(const sslc_conn *conn);

/* How many bytes the server lets the session send so; 0: none. */
SSLC_API uint32_t sslc_session_max_early_data(const sslc_session *session);

/* A server takes so many bytes of early data; 0, as at first: none.  It then
 * keeps its sessions in memory and each for one use, so that data which is sent
 * again is not taken again; another server with the same keys would not know.
 * SSL_CTX_set_max_early_data(3).  SSLC_OK, or SSLC_ERR_CONFIG. */
SSLC_API sslc_status sslc_ctx_set_max_early_data(sslc_ctx *ctx, uint32_t size);

/* A server reads early data, in the place of the first steps of the handshake:
 * SSL_read_early_data(3).  To be repeated, also after SSLC_WANT_*, until it is
 * SSLC_OK with `*n` 0: there is no more, and the other steps come.  Without it
 * early data is not taken.  SSLC_ERR_STATE once the handshake has begun. */
SSLC_API sslc_status sslc_conn_read_early_data(sslc_conn *conn, void *buf,
                                               size_t len, size_t *n);

/* ------------------------------------------------------- time and waits */

/*
 * Deadlines are points of the monotonic clock, in nanoseconds, so that one
 * deadline can hold over many calls.
 */
#define SSLC_FOREVER INT64_MAX

/* Now. */
SSLC_API int64_t sslc_now(void);

/* The deadline `milliseconds` from now; SSLC_FOREVER for a negative number. */
SSLC_API int64_t sslc_deadline(int64_t milliseconds);

enum { SSLC_READABLE = 1, SSLC_WRITABLE = 2 };

/* Waits until `fd` is readable or writable (`events`), once.  `*revents` tells
 * which; an error or a hang-up counts as all that was asked for.  SSLC_OK, with
 * *revents == 0 where a signal came in between; SSLC_ERR_TIMEOUT;
 * SSLC_ERR_ARG; SSLC_ERR_SYS with errno set.  poll(2). */
SSLC_API sslc_status sslc_fd_wait(int fd, int events, int64_t deadline,
                                  int *revents);

/* The steps of the same names, repeated and waited for, until they are done or
 * the deadline passes: SSLC_ERR_TIMEOUT.  For BIOs with a descriptor;
 * otherwise a step that is not done is SSLC_ERR_STATE.
 * write: all of `len` bytes, `*n` telling how many were taken where it fails.
 * shutdown: sends ours and waits for the peer's; what it sends before is
 * dropped. */
SSLC_API sslc_status sslc_conn_do_handshake_wait(sslc_conn *conn,
                                                 int64_t deadline);
SSLC_API sslc_status sslc_conn_read_wait(sslc_conn *conn, void *buf, size_t len,
                                         size_t *n, int64_t deadline);
SSLC_API sslc_status sslc_conn_write_wait(sslc_conn *conn, const void *buf,
                                          size_t len, size_t *n,
                                          int64_t deadline);
SSLC_API sslc_status sslc_conn_shutdown_wait(sslc_conn *conn, int64_t deadline);

/* ------------------------------------------------------------- dialling */

/*
 * From host and port to a connected TCP socket, stepped like a connection.
 * Names are resolved by c-ares, IPv6 and IPv4 at once; addresses are ordered
 * by RFC 6724 and raced by Happy Eyeballs, RFC 8305: the families take turns,
 * the next address sets out when the one before has not connected within the
 * attempt delay, or at once when it has failed; the first to connect wins.
 *
 * A dial has one descriptor to wait for, whatever it is doing, and a timeout:
 *
 *   sslc_dial_start(dial, "example.com", 443);
 *   while ((status = sslc_dial_step(dial)) == SSLC_WANT_CONNECT)
 *     ... wait until sslc_dial_fd(dial) is readable, at most for
 *     sslc_dial_timeout(dial) ...
 *
 * Example: examples/c/poll.c.
 */
typedef struct sslc_dial sslc_dial;

SSLC_API sslc_dial *sslc_dial_new(void);

/* At any time: ends what is under way and frees it, at once. */
SSLC_API void sslc_dial_free(sslc_dial *dial);

/*
 * Settings, before the start.  Each returns SSLC_OK; SSLC_ERR_ARG with
 * bad_option, and nothing has changed; SSLC_ERR_STATE with misuse once the
 * dial was started; SSLC_ERR_NOMEM.
 */

/* Asks these nameservers, not those of resolv.conf(5): addresses with commas
 * in between, each with its port where that is not 53:
 * "127.0.0.1:5353,[::1]:53".  Copied.  NULL: the system's.  The hosts file
 * still comes first. */
SSLC_API sslc_status sslc_dial_set_nameservers(sslc_dial *dial,
                                               const char *nameservers);

/* Goes to these addresses and resolves nothing: `n` (1 or more) literal ones,
 * IPv4 or IPv6, without ports.  They are tried in this order, but the
 * families take turns.  Copied.  What the connection is verified for is not
 * changed by it: that is sslc_conn_set_server_name's. */
SSLC_API sslc_status sslc_dial_set_addresses(sslc_dial *dial,
                                             const char *const *addresses,
                                             size_t n);

/* Comes from this local address, a literal one; the port is the system's to
 * choose.  Addresses of the other family are then not asked for, and those
 * that were given fail.  NULL: the system's choice.  bind(2). */
SSLC_API sslc_status sslc_dial_set_bind(sslc_dial *dial, const char *address);

/* How long an attempt has to connect before the next one sets out beside it:
 * 10 milliseconds or more; 250.  RFC 8305, section 5. */
SSLC_API sslc_status sslc_dial_set_attempt_delay(sslc_dial *dial,
                                                 int64_t milliseconds);

/* How long IPv4 addresses that came first wait for IPv6 ones: 0 milliseconds
 * or more; 50.  RFC 8305, section 3. */
SSLC_API sslc_status sslc_dial_set_resolution_delay(sslc_dial *dial,
                                                    int64_t milliseconds);

/* TCP_NODELAY of the socket, tcp(7): 1 (so it is at first) or 0. */
SSLC_API sslc_status sslc_dial_set_tcp_nodelay(sslc_dial *dial, int on);

/* SO_KEEPALIVE of the socket: the peer is probed after so many seconds without
 * traffic, and as often from then on; 1 to 32767.  0: never, as at first. */
SSLC_API sslc_status sslc_dial_set_keepalive(sslc_dial *dial, int seconds);

/* TCP Fast Open, RFC 7413: 1, or 0 as at first.  Where the kernel has a cookie
 * of the server's, from a connection before, what is written first leaves with
 * the SYN, and the answer comes a round trip earlier.  connect(2) is then done
 * at once and without a packet: the first address that there is a cookie for is
 * taken, no other is tried beside it, and that nobody answers there shows in
 * the handshake.  A SYN may come twice, and with it a ClientHello, which does
 * no harm; early data has its own rules.  Without an effect where the system
 * does not have it: see tcp(7), and TCP_FASTOPEN_CONNECT of Linux. */
SSLC_API sslc_status sslc_dial_set_fastopen(sslc_dial *dial, int on);

/*
 * Looks up the server's TLSA records, beside its addresses: those of
 * _PORT._tcp.HOST, RFC 6698; the host as it stands, without search domains.
 * The dial is connected once they have come, for sslc_conn_use_tlsa.
 *
 * They count only where the answer says that its signatures were checked (the
 * bit AD), and comes from a nameserver that is believed: one that
 * sslc_dial_set_nameservers named, those of resolv.conf(5) where all of them
 * are of this machine's loopback, or where it says "options trust-ad".
 *
 * OFF:      nothing is looked up, the default
 * LOOKUP:   those that count are demanded; where there are none (a zone that is
 *           not signed; a host that is an address), all is as without
 * REQUIRED: there have to be some: dane_mismatch
 *
 * Where the nameserver fails (it does so on what is forged), or does not
 * answer, the dial fails with dns_failed, in both modes; with records of which
 * none can be used, with dane_mismatch.  SSLC_OK, or SSLC_ERR_ARG with
 * bad_option.
 */
enum { SSLC_TLSA_OFF = 0, SSLC_TLSA_LOOKUP = 1, SSLC_TLSA_REQUIRED = 2 };
SSLC_API sslc_status sslc_dial_set_tlsa(sslc_dial *dial, int mode);

/* Demands the records that a dial has looked up, none or more, as
 * sslc_conn_add_tlsa does.  Once the dial is connected, before the handshake.
 * SSLC_OK; SSLC_ERR_ARG; SSLC_ERR_STATE; SSLC_ERR_NOMEM, on which the handshake
 * is not to be begun. */
SSLC_API sslc_status sslc_conn_use_tlsa(sslc_conn *conn,
                                        const sslc_dial *dial);

/*
 * Sets out for `host`, a name as sslc_conn_set_server_name takes it (an IPv6
 * zone is kept here), and `port`, 1 to 65535.  Never blocks.  Once, though
 * after SSLC_ERR_ARG again.
 *
 * A literal address is taken as it is; "localhost" and what ends in
 * ".localhost" is ::1 and 127.0.0.1, what ends in ".invalid" does not exist
 * (RFC 6761).  Other names are looked for in the hosts file, hosts(5); then
 * nameservers are asked, in the search domains of resolv.conf(5) as well,
 * unless the name ends in a dot.
 *
 * SSLC_OK; SSLC_ERR_ARG with bad_option; SSLC_ERR_STATE with misuse on a
 * second call; SSLC_ERR_DNS, SSLC_ERR_NOMEM, SSLC_ERR_SYS, which are final.
 */
SSLC_API sslc_status sslc_dial_start(sslc_dial *dial, const char *host,
                                     int port);

/* The same for a Unix-domain stream socket, unix(7), by its path.  Settings
 * that are about TCP do not apply. */
SSLC_API sslc_status sslc_dial_start_unix(sslc_dial *dial, const char *path);

/* Does what is due and never blocks; to call it too often does no harm.
 * SSLC_OK: connected.  SSLC_WANT_CONNECT: call again when the descriptor is
 * ready or the timeout is over.  Failures are final.  SSLC_ERR_DNS with
 * dns_failed: the name has no address.  SSLC_ERR_SYS (SSLC_ERR_TIMEOUT where
 * the system itself gave up waiting): every address failed; the message lists
 * each with its reason, code and errno are those of the first that tells more
 * than that there is no way to it.  SSLC_ERR_NOMEM. */
SSLC_API sslc_status sslc_dial_step(sslc_dial *dial);

/* What to wait for before the next step.  The descriptor is the same from when
 * it is first asked for until the dial is freed, and holds the sockets of all
 * queries and attempts: epoll(7) or kqueue(2); not to be read, or closed.  -1
 * before the start, and always where the system has only poll(2): there a dial
 * is waited for by sslc_dial_wait alone.  -1 as well where it cannot be made,
 * which the next step tells: SSLC_ERR_SYS.  The events are SSLC_READABLE
 * wherever there is a descriptor. */
SSLC_API int sslc_dial_fd(sslc_dial *dial);
SSLC_API int sslc_dial_events(sslc_dial *dial);

/* The only socket that the dial waits for, and in `*events` (may be NULL) for
 * what; -1 and 0 where there are several, or none.  For a loop that keeps
 * nothing of a descriptor when it has waited for it: the next step may close
 * the socket.  Whoever waits for it spares the dial the making of sslc_dial_fd,
 * and is to wait no longer than sslc_dial_timeout all the same. */
SSLC_API int sslc_dial_sole_fd(const sslc_dial *dial, int *events);

/* How long to wait at most, in nanoseconds; 0: step now; -1: for ever.  To be
 * asked anew after each step. */
SSLC_API int64_t sslc_dial_timeout(const sslc_dial *dial);

/* Steps, repeated and waited for, until it is connected or has failed or the
 * deadline passes: SSLC_ERR_TIMEOUT, after which it can be gone on with.  With
 * a deadline that has passed (0) it waits for nothing: so a loop that keeps
 * the deadline itself gets the error that tells how far the dial had come. */
SSLC_API sslc_status sslc_dial_wait(sslc_dial *dial, int64_t deadline);

/* Waits once for what the dial waits for, in poll(2), no longer than its
 * timeout or the deadline, and steps: as sslc_dial_step.  SSLC_WANT_CONNECT
 * also where a signal came, or the deadline.  For who has something to do in
 * between, such as handlers of signals. */
SSLC_API sslc_status sslc_dial_wait_once(sslc_dial *dial, int64_t deadline);

/* The phase it is in: SSLC_PHASE_DNS while there is no address to try,
 * otherwise SSLC_PHASE_CONNECT. */
SSLC_API int sslc_dial_phase(const sslc_dial *dial);

/* The connected socket, which is the caller's from now on: nonblocking,
 * close-on-exec.  -1 where there is none (any more). */
SSLC_API int sslc_dial_take_fd(sslc_dial *dial);

/* The address tried last, or reached: "192.0.2.1:443", "[2001:db8::1]:443",
 * "[fe80::1%eth0]:443", the path of a Unix socket; "" where there is none. */
SSLC_API const char *sslc_dial_address(const sslc_dial *dial);

/* Why the last call failed; NULL where it did not. */
SSLC_API const sslc_error *sslc_dial_error(const sslc_dial *dial);

/* ------------------------------------------------------------- readiness */

/* A set of descriptors to wait for: epoll(7) or kqueue(2) where there is one,
 * else poll(2). */
typedef struct sslc_poller sslc_poller;

/* NULL also where there is no descriptor left, with errno set. */
SSLC_API sslc_poller *sslc_poller_new(void);
SSLC_API void sslc_poller_free(sslc_poller *poller);

/* A descriptor that is readable whenever one of the set is ready, so that a
 * set can be waited for in another loop; the poller's own, until it is freed.
 * -1 where the system has only poll(2). */
SSLC_API int sslc_poller_fd(const sslc_poller *poller);

/* Waits for `events` of `fd` from now on; 0 takes it out, which has to be done
 * before it is closed.  SSLC_OK; SSLC_ERR_ARG (also for a descriptor that
 * cannot be waited for); SSLC_ERR_NOMEM; SSLC_ERR_SYS. */
SSLC_API sslc_status sslc_poller_set(sslc_poller *poller, int fd, int events);

/* Waits until one is ready or the deadline passes; `*n` tells how many are.
 * SSLC_OK, with 0 at the deadline and where a signal came in between;
 * SSLC_ERR_SYS. */
SSLC_API sslc_status sslc_poller_wait(sslc_poller *poller, int64_t deadline,
                                      size_t *n);

/* The i-th that is ready, 0 to n-1: its descriptor (-1 beyond), the events in
 * `*events`. */
SSLC_API int sslc_poller_ready(const sslc_poller *poller, size_t i,
                               int *events);

/* ------------------------------------------------- all of it, in one call */

/* Start from SSLC_OPEN_OPTIONS_INIT, so that members added later are at their
 * defaults. */
typedef struct sslc_open_options {
  size_t size;             /* of the structure, for later versions of it */
  const char *server_name; /* verified and sent; NULL: the host */
  int64_t deadline;        /* over name, TCP and TLS; 0: 30 seconds from now */
  int hold_flight;         /* as sslc_conn_set_hold_flight; 0: it is not */
} sslc_open_options;

#define SSLC_OPEN_OPTIONS_INIT { sizeof(sslc_open_options), NULL, 0, 0 }

/*
 * Resolves, connects and shakes hands, waiting for as long as the deadline
 * allows.
 *
 * ctx      NULL for a context of the defaults, made for this connection
 * host     as in sslc_dial_start
 * port     1 to 65535
 * options  NULL for the defaults
 * conn     receives the connection, the caller's to free; NULL on failure
 * error    receives the reason on failure, the caller's to free; NULL on
 *          success, and where memory is too short even for that; may itself
 *          be NULL
 *
 * SSLC_OK or any failure.  Read on with sslc_conn_read_wait.
 * Example: examples/c/get.c.
 */
SSLC_API sslc_status sslc_open_wait(sslc_ctx *ctx, const char *host, int port,
                                    const sslc_open_options *options,
                                    sslc_conn **conn, sslc_error **error);

#ifdef __cplusplus
}
#endif

#endif
