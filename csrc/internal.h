/*
 * internal.h: every structure of the core, and what its files say to each
 * other.  Nothing outside of csrc/ includes it.
 */
#ifndef SSLC_INTERNAL_H
#define SSLC_INTERNAL_H

/* POSIX, and what the BSDs and glibc add to it (before any header). */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1
#endif

#include "sslconnect.h"

#include "ossl_compat.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <time.h>

#if defined(__GNUC__)
#define SSLCI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#pragma GCC visibility push(hidden)
#else
#define SSLCI_PRINTF(fmt, args)
#endif

/* Memory is OpenSSL's, so that one hook (CRYPTO_set_mem_functions) sees all
 * of it. */
#define sslci_new(type) ((type *)OPENSSL_zalloc(sizeof(type)))

/* ---------------------------------------------------------- error.c */

/* OpenSSL's queue holds 16 at the most. */
enum { SSLCI_QUEUE_MAX = 16 };

/* What was in it, made when there is something: every connection has an error,
 * and hardly any has one with that. */
struct sslci_queue {
  char *text[SSLCI_QUEUE_MAX];
  unsigned long codes[SSLCI_QUEUE_MAX]; /* as ERR_get_error(3)'s */
};

struct sslc_error {
  int code; /* SSLC_CODE_NONE: there is no error */
  int phase;
  int sys_errno;
  int ssl_error;
  int verify_result;
  int verify_depth;
  int alert;
  char *message; /* NULL: the code's sentence stands for it */
  char *hint;    /* NULL: the code's */
  char *host;
  char *address;
  char *text;
  sslc_cert *cert;
  struct sslci_queue *queue; /* NULL: it has none */
  size_t queue_count;
};

void sslci_error_clear(sslc_error *e);
sslc_error *sslci_error_or_null(const sslc_error *e);

/* Begins a new error: clears the old one, sets code, phase and message.  The
 * particulars (host, errno, ...) are filled in after, then finish. */
void sslci_error_begin(sslc_error *e, int code, int phase, const char *fmt, ...)
  SSLCI_PRINTF(4, 5);

/* Says of an error that was begun what it is. */
void sslci_error_explain(sslc_error *e, int code, const char *fmt, ...)
  SSLCI_PRINTF(3, 4);

/* Composes the text; returns the status class of the code. */
sslc_status sslci_error_finish(sslc_error *e);

/* begin and finish in one, for errors without particulars. */
sslc_status sslci_error_set(sslc_error *e, int code, int phase,
                            const char *fmt, ...) SSLCI_PRINTF(4, 5);

sslc_status sslci_error_nomem(sslc_error *e, int phase);
void sslci_error_copy(sslc_error *to, const sslc_error *from);

/* The end of a function that keeps no error in an object: gives the caller a
 * copy (`error` may be NULL), clears its own, returns `status`. */
sslc_status sslci_error_give(sslc_error *e, sslc_status status,
                             sslc_error **error);

/* ERR_clear_error(3), which is slow where there is nothing to clear, as nearly
 * always. */
void sslci_error_clear_queue(void);

/* Moves OpenSSL's error queue into the error. */
void sslci_error_take_queue(sslc_error *e);

/* printf to allocated memory; NULL when memory is short. */
char *sslci_asprintf(const char *fmt, ...) SSLCI_PRINTF(1, 2);
char *sslci_vasprintf(const char *fmt, va_list ap) SSLCI_PRINTF(1, 0);

/* Replaces `*where` by a copy of `s` (NULL: by nothing). */
bool sslci_set_string(char **where, const char *s);

/* A string that grows by appending; `text` is NULL once memory was short. */
struct sslci_text {
  char *text;
  size_t len;
};
void sslci_text_add(struct sslci_text *t, const char *fmt, ...)
  SSLCI_PRINTF(2, 3);

/* The alert's name in the RFC, "" where it has none. */
const char *sslci_alert_name(int alert);

/* ----------------------------------------------------------- name.c */

/* A host is one of the first three. */
enum sslci_name_kind {
  SSLCI_NAME_DNS,
  SSLCI_NAME_IPV4,
  SSLCI_NAME_IPV6,
  SSLCI_NAME_EMAIL,
  SSLCI_NAME_URI
};

/* A host, normalised: lower case, A-labels, no dot at the end, no brackets. */
struct sslci_name {
  enum sslci_name_kind kind;
  char text[256];
  char zone[64]; /* of an IPv6 address, "" for none */
};

/* SSLC_OK, or SSLC_ERR_ARG with `e` set.  `what` names the parameter. */
sslc_status sslci_name_parse(struct sslci_name *name, const char *host,
                             const char *what, sslc_error *e);

/* ------------------------------------------------------ peer_name.c */

/* A name that the peer's certificate may be for. */
struct sslci_peer_name {
  struct sslci_peer_name *next;
  enum sslci_name_kind kind;
  char *text; /* as it is compared */
  bool whole; /* a URI of which more counts than scheme and host */
};

/* One name more: SSLC_OK or a refusal. */
sslc_status sslci_peer_name_add(sslc_conn *conn, const char *text);
void sslci_peer_names_free(struct sslci_peer_name *name);

/* Whether it begins with its kind: "URI:". */
bool sslci_peer_name_has_kind(const char *text);

/* Whether there are names to look for; whether the certificate is for one of
 * them; what to call it where it is not, an X509_V_ERR_*. */
bool sslci_peer_names_wanted(const sslc_conn *conn);
bool sslci_peer_names_match(const sslc_conn *conn, X509 *cert);
int sslci_peer_names_mismatch(const sslc_conn *conn);

/* Whether a verification that was good has found one of them by itself. */
bool sslci_peer_names_found(const sslc_conn *conn, X509_STORE_CTX *store_ctx);

/* Has libssl look for them too; false: memory is short. */
bool sslci_peer_names_set(const sslc_conn *conn);

/* Adds what was looked for: "a", or any of "a", "b". */
void sslci_peer_names_describe(const sslc_conn *conn, struct sslci_text *t);

/* All names, the one that is sent too, as text to be freed; NULL: memory is
 * short. */
char *sslci_peer_names_demand(const sslc_conn *conn);

/* Whether `len` bytes are the same but for the case of ASCII's letters. */
bool sslci_same_text(const char *a, const char *b, size_t len);

/* ------------------------------------------------------------ idn.c */

/* U-labels to A-labels (IDNA 2008).  `why` says what was wrong. */
bool sslci_idn_to_ascii(const char *utf8, char *out, size_t size,
                        const char **why);

/* ----------------------------------------------------------- cert.c */

/* SHA-256 of a key, and "sha256/BASE64=" with its end. */
enum { SSLCI_PIN = 32, SSLCI_PIN_TEXT = 52 };

struct sslc_cert {
  atomic_int refs;
  X509 *x509;
  char *subject;
  char *issuer;
  char *serial;
  char **names;
  size_t name_count;
  char fingerprint[65];
  char spki_sha256[SSLCI_PIN_TEXT];
  unsigned char *der;
  size_t der_len;
  char *pem;
  int64_t not_before;
  int64_t not_after;
};

/* A certificate of its own reference to `x509`; NULL when memory is short. */
sslc_cert *sslci_cert_new(X509 *x509);

/* A name as RFC 2253 writes it; NULL when memory is short. */
char *sslci_name_string(const X509_NAME *name);

/* In seconds since 1970, 0 where it is malformed; false where memory is
 * short. */
bool sslci_time_number(const ASN1_TIME *t, int64_t *number);

/* "2026-01-31 12:00:00 UTC" into a buffer of 32. */
const char *sslci_time_text(int64_t t, char *buf);

/* ------------------------------------------------------------ ctx.c */

/* What tells whether a file is another one than it was. */
struct sslci_stamp {
  dev_t dev;
  ino_t ino;
  off_t size;
  struct timespec modified; /* its contents, as may be pretended */
  struct timespec changed;  /* anything about it */
};

/* False where there is nothing at the path. */
bool sslci_stamp_take(struct sslci_stamp *stamp, const char *path);
bool sslci_stamp_equal(const struct sslci_stamp *a,
                       const struct sslci_stamp *b);

/* A file that was read into a context, as it was then. */
struct sslci_file {
  struct sslci_file *next;
  char *path;
  struct sslci_stamp stamp;
};

struct sslci_cache; /* session_cache.c */
struct sslci_signatures; /* signatures.c */
struct sslci_crl_dir; /* crl.c */

/* What is demanded of chains: policy.c. */
struct sslci_policy {
  int depth;            /* intermediates at most; -1: OpenSSL's own bound */
  int64_t time;         /* to judge by, in seconds since 1970; 0: now */
  int purpose;          /* as well as that of the peer's role; 0: none */
  int insecure_purpose; /* in its place; 0: none */
  int level;            /* of security, as it was set; -1: it was not */
  int least_level;      /* that counts as safe */
  bool partial_chain;
  int crl_check; /* 0: not set */
  struct sslci_crl_dir *crl_dirs;
  STACK_OF(X509) *untrusted; /* to build chains with */
};

/* A key from elsewhere: psk.c. */
struct sslci_psk {
  char *identity;
  unsigned char *key; /* wiped when freed */
  size_t key_len;
};

/* Whom a context believes: trust.c. */
struct sslci_trust {
  struct sslci_source *sources; /* in the order of their setters */
  bool named;                   /* else the system is meant */
  bool system;                  /* is among them */
  bool checks_crls;
  pthread_mutex_t lock;         /* over what follows, and the sources' state */
  X509_STORE *store; /* made of them; NULL: the system's, shared */
  uint64_t generation;        /* of the store */
  uint64_t system_generation; /* of the system's part in it */
  bool stale;                 /* the sources are newer */
  int64_t look_at;            /* when to look for changes, as sslc_now counts */
};

enum { SSLCI_DIGEST = 32 }; /* bytes of SHA-256 */

/* A name that another context serves. */
struct sslci_served {
  char *name;
  bool any; /* one label more: "*.name" */
  sslc_ctx *ctx;
};

struct sslc_ctx {
  atomic_int refs;
  uint64_t number;     /* of the context in this process */
  CRYPTO_RWLOCK *lock; /* over the freezing */
  atomic_bool frozen;  /* a connection was made: settings are over */
  SSL_CTX *ssl_ctx;
  sslc_error err;
  sslc_error frozen_err; /* what setters say from then on */
  sslc_status broken;    /* a setting failed: no connection works */
  struct sslci_file *files;
  /* trust */
  struct sslci_trust trust;
  struct sslci_policy policy;
  /* identity */
  X509 *cert;
  STACK_OF(X509) *chain;
  EVP_PKEY *key;
  char *cert_source; /* what errors call them */
  char *key_source;
  char *password;
  int (*get_password)(void *arg, char *buf, size_t size);
  void *get_password_arg;
  bool installed;        /* in the SSL_CTX */
  bool identity_changed; /* after that: what was there before may still be */
  sslc_ctx **identities; /* besides: frozen, each with its own */
  size_t identity_count;
  struct sslci_served *served;
  size_t served_count;
  bool strict_sni;
  /* the rest */
  struct sslci_cache *sessions;
  struct sslci_signatures *signatures;
  unsigned char settings_digest[SSLCI_DIGEST]; /* of what was loaded */
  bool settings_lost; /* it is not of all, because memory was short */
  unsigned char session_domain[SSLCI_DIGEST]; /* all 0: none */
  uint64_t frozen_generation; /* of the trust that was loaded then */
  unsigned char session_secret[32];
  bool has_session_secret;
  unsigned char *alpn; /* in wire format */
  unsigned int alpn_len;
  int verify_client;
  bool lenient_eof;
  bool retry_verify; /* hooks */
  bool x509_lookup;
  bool client_hello;
  bool no_verify;
  bool no_name_check;
  char *groups; /* as libssl was told; NULL: its own */
  size_t block_padding;     /* 0: none */
  size_t max_send_fragment; /* 0: libssl's */
  int keylog_fd;            /* -1: none */
  struct sslci_psk *psks;
  size_t psk_count;
  /* demands beside chain and name */
  unsigned char (*pins)[SSLCI_PIN];
  size_t pin_count;
  int pin_scope;
  int ocsp;
  unsigned char *ocsp_response; /* a server's staple, in DER */
  size_t ocsp_response_len;
};

/* Ends the time of settings; the status each connection starts from. */
sslc_status sslci_ctx_freeze(sslc_ctx *ctx);

/* What each setter asks first: SSLC_OK, or why it may not go on. */
sslc_status sslci_ctx_settable(sslc_ctx *ctx);

/* Marks the context as unusable; returns `status`. */
sslc_status sslci_ctx_broken(sslc_ctx *ctx, sslc_status status);

/* bad_option, naming the setting; finishes and marks the context. */
sslc_status sslci_ctx_bad_option(sslc_ctx *ctx, const char *fmt, ...)
  SSLCI_PRINTF(2, 3);

/* bad_file, with the errno (0: none) and OpenSSL's queue. */
sslc_status sslci_ctx_bad_file(sslc_ctx *ctx, int err, const char *fmt, ...)
  SSLCI_PRINTF(3, 4);

sslc_status sslci_ctx_nomem(sslc_ctx *ctx);

/* A switch's value, 0 or 1; other values are bad_option. */
sslc_status sslci_ctx_switch(sslc_ctx *ctx, bool *where, const char *setting,
                             int on);

/* Whether the peer's certificate is verified: also where the verdict is only
 * shown to a hook. */
bool sslci_ctx_verifies(const sslc_ctx *ctx);

/* What was read, from memory or from a file; `name` is what errors call it. */
struct sslci_data {
  const char *setting; /* whose it is */
  const char *name;
  const void *bytes;
  size_t len;
  unsigned char *owned; /* wiped and freed, where it was a file */
  struct sslci_stamp stamp; /* of the file, taken before it was read */
};

/* Reads a file whole; 0 or an errno. */
int sslci_read_file(struct sslci_data *d, const char *path);
void sslci_data_free(struct sslci_data *d);

/* A setter whose value is a file, or the same in memory: reads it, notes what
 * the file was, and has it used. */
typedef sslc_status sslci_use(sslc_ctx *ctx, const struct sslci_data *d);
sslc_status sslci_use_file(sslc_ctx *ctx, const char *setting,
                           const char *path, sslci_use *use);
sslc_status sslci_use_memory(sslc_ctx *ctx, const char *setting,
                             const void *bytes, size_t len, sslci_use *use);

/* Notes what a path is now, for sslc_ctx_files_changed. */
sslc_status sslci_ctx_note_file(sslc_ctx *ctx, const char *path);

/* ------------------------------------------- trust_name.c, trust_pem.c */

struct sslci_span {
  const unsigned char *p;
  size_t len;
};

/* The subject of the certificate in front, as it is inside of its SEQUENCE;
 * moves `der` to behind the certificate. */
bool sslci_der_subject(struct sslci_span *der, struct sslci_span *subject);

/* Equal names have equal keys, for X509_NAME_cmp(3); false: it is no name. */
bool sslci_name_key(struct sslci_span name, uint32_t *key);
bool sslci_x509_name_key(const X509_NAME *name, uint32_t *key);

/* The certificates of PEM text, one after the other. */
struct sslci_pem {
  struct sslci_span rest;
  bool aux; /* the last one was a TRUSTED CERTIFICATE */
};

/* Decodes the next one to `out`, which has room for all the text: 1, 0 at the
 * end, -1 where it is not in the form that is known here. */
int sslci_pem_next(struct sslci_pem *pem, unsigned char *out, size_t *len);

/* ------------------------------------------ trust_index.c, trust_lookup.c */

enum sslci_loaded {
  SSLCI_LOADED_NONE,
  SSLCI_LOADED_SOME,
  SSLCI_LOADED_BAD,
  SSLCI_LOADED_NOMEM
};

/* Certificates to be found by subject. */
struct sslci_bundle;

struct sslci_bundle *sslci_bundle_new(void); /* NULL: memory is short */
struct sslci_bundle *sslci_bundle_up_ref(struct sslci_bundle *b);
void sslci_bundle_free(struct sslci_bundle *b);

/* Each adds to a bundle that is not shared yet: one; those of PEM, or of DER,
 * which is found out; of DER. */
bool sslci_bundle_add(struct sslci_bundle *b, X509 *x509);
enum sslci_loaded sslci_bundle_read(struct sslci_bundle *b,
                                    const struct sslci_data *d);
enum sslci_loaded sslci_bundle_read_der(struct sslci_bundle *b,
                                        const struct sslci_data *d);

/* Has the file read when the bundle is first asked.  False: memory is short. */
bool sslci_bundle_later(struct sslci_bundle *b, const char *path);

size_t sslci_bundle_count(const struct sslci_bundle *b);

/* Adds all of the subject to the store; how many they are, the first of them
 * borrowed in `*first`. */
size_t sslci_bundle_find(struct sslci_bundle *b, const X509_NAME *name,
                         X509_STORE *store, X509 **first);

/* Adds the subjects of all.  False: memory is short. */
bool sslci_bundle_names(struct sslci_bundle *b, STACK_OF(X509_NAME) *names);

/* Where a store looks for certificates; it goes with the store.  False, NULL:
 * memory is short. */
struct sslci_lookup;

struct sslci_lookup *sslci_lookup_new(X509_STORE *store);
bool sslci_lookup_add(struct sslci_lookup *l, struct sslci_bundle *b);
bool sslci_lookup_add_dir(struct sslci_lookup *l, const char *path);

/* The one that is asked where all others have nothing. */
void sslci_lookup_add_last(struct sslci_lookup *l, struct sslci_bundle *b);

/* -------------------------------------------------------- trust_system.c */

/* The system's trust, loaded or looked at anew where it is time: its number;
 * 0 with `e` set where there is none. */
uint64_t sslci_system_generation(sslc_error *e);

/* The store that all share, with a reference; NULL with `e` set. */
X509_STORE *sslci_system_store(sslc_error *e);

/* Has a store of its own look there too; the number it has then, 0 with `e`
 * set. */
uint64_t sslci_system_join(struct sslci_lookup *l, sslc_error *e);

/* ---------------------------------------------- trust.c, identity.c */

bool sslci_trust_init(sslc_ctx *ctx);
void sslci_trust_free(sslc_ctx *ctx);

/* Makes the context's own store, where it has one; before the freeze. */
sslc_status sslci_trust_finish(sslc_ctx *ctx);

/* The store to verify with, and a reference to it: the context's, or the one
 * of the system that the process shares.  NULL with `e` set where there is
 * none. */
X509_STORE *sslci_trust_store(sslc_ctx *ctx, sslc_error *e);

/* The subjects of the certificates that were loaded into the context, none
 * where the system's are among them.  False: memory is short. */
bool sslci_trust_names(const sslc_ctx *ctx, STACK_OF(X509_NAME) *names);

/* A number that changes with the trust that connections of the context get from
 * now on: what was verified under another one is not resumed.  To be asked for
 * before the store, so that it is not newer. */
uint64_t sslci_trust_generation(sslc_ctx *ctx);

/* How long a change of a file or directory may go unnoticed, in nanoseconds;
 * tests set it. */
extern int64_t sslci_trust_interval;

/* Whether PEM_read_bio_X509(3) and its like ended as nothing more is there. */
bool sslci_is_end_of_pem(void);

/* Uses these in the place of what was set; takes references of its own, but
 * the key alone is taken over.  `source` is what errors call them. */
sslc_status sslci_identity_use(sslc_ctx *ctx, X509 *leaf, EVP_PKEY *key,
                               STACK_OF(X509) *chain, const char *source);
sslc_status sslci_identity_use_cert(sslc_ctx *ctx, X509 *leaf,
                                    STACK_OF(X509) *chain, const char *source);
sslc_status sslci_identity_use_key(sslc_ctx *ctx, EVP_PKEY *key,
                                   const char *source);

/* Why a key was not read: bad_file, by the password and OpenSSL's queue. */
struct sslci_password;
sslc_status sslci_key_problem(sslc_ctx *ctx, const char *name,
                              const struct sslci_password *p);
sslc_status sslci_identity_check(sslc_ctx *ctx);
void sslci_identity_free(sslc_ctx *ctx);

/* A variable of the environment that is neither unset nor empty; NULL, and for
 * a program that runs with more rights than its caller. */
const char *sslci_safe_getenv(const char *name);

/* ------------------------------------------------------ params.c, keylog.c */

/* What a server takes over of the context that was chosen for a connection, and
 * libssl does not by itself. */
bool sslci_params_serve(sslc_conn *conn, const sslc_ctx *ctx);

void sslci_keylog_close(sslc_ctx *ctx);

/* ---------------------------------------------------------- serve.c */

void sslci_served_free(sslc_ctx *ctx);

/* Answers the ClientHello by its server name: SSLC_OK; what is wanted where it
 * is a hook's to answer; a refusal that changes nothing. */
sslc_status sslci_serve_answer(sslc_conn *conn);

/* Has the ClientHello suspend the handshake, where somebody answers it. */
void sslci_hooks_watch_hello(sslc_ctx *ctx);

/* ------------------------------------------------ identity_choose.c */

void sslci_identities_free(sslc_ctx *ctx);

/* Whether the context has a certificate to show, its own or another. */
bool sslci_has_identity(const sslc_ctx *ctx);

/* Uses the identities of the context (NULL: none) in the place of all that the
 * connection has; SSLC_OK or a refusal. */
sslc_status sslci_identity_show(sslc_conn *conn, const sslc_ctx *ctx);

/* As a server: has the authorities named that clients are verified by; and for
 * one connection, those of another context.  False: memory is short. */
sslc_status sslci_identity_name_authorities(sslc_ctx *ctx);
bool sslci_identity_ask_as(SSL *ssl, const sslc_ctx *ctx);

/* Before the handshake: sees to it that the right one is shown. */
sslc_status sslci_identity_prepare(sslc_conn *conn);

/* -------------------------------------------------- identity_read.c */

enum { SSLCI_PASSWORD_MAX = 1023 };

/* The password of the key that is being read: the text, or the function, which
 * is called once and only where there is something to open. */
struct sslci_password {
  char text[SSLCI_PASSWORD_MAX + 1];
  size_t len;
  bool known;
  bool needed; /* what is read is encrypted */
  int (*get)(void *arg, char *buf, size_t size);
  void *arg;
};

/* Takes it from the context (NULL: there is none); wipes it. */
void sslci_password_begin(struct sslci_password *p, const sslc_ctx *ctx);
void sslci_password_end(struct sslci_password *p);
void sslci_password_forget(sslc_ctx *ctx);

/* Has it in `text`, or there is none.  And the same as a pem_password_cb, with
 * the structure as its argument. */
bool sslci_password_find(struct sslci_password *p);
int sslci_password_give(char *buf, int size, int writing, void *arg);

/* A private key in PEM or DER; NULL: see sslci_key_problem. */
EVP_PKEY *sslci_read_key(const struct sslci_data *d, struct sslci_password *p);

/* A certificate in PEM, with those behind it, or in DER.  False: malformed;
 * true without a leaf: there is none. */
bool sslci_read_chain(const struct sslci_data *d, X509 **leaf,
                      STACK_OF(X509) *chain);

/* NULL, false: it is none.  Open: it needs no password. */
PKCS12 *sslci_read_pkcs12(const struct sslci_data *d);
bool sslci_is_pkcs12(const struct sslci_data *d);
bool sslci_pkcs12_is_open(PKCS12 *p12);

/* Room for the text of any address. */
enum { SSLCI_ADDR_TEXT = 128 };

/* ------------------------------------------------------------ bio.c */

struct sslc_bio {
  atomic_int refs;
  int kind;
  BIO *bio; /* chained as the sslc_bio are */
  struct sslci_record *record; /* NULL: none is kept (filters, native BIOs) */
  sslc_bio *next;              /* with a reference */
  sslc_bio *prev;              /* borrowed */
  sslc_conn *owner;            /* borrowed */
  int uses;                    /* by the owner: to read, to write */
  sslc_status retry;           /* what the last step wants */
  bool write_closed;           /* sslc_bio_shutdown_wr was called */
  char address[SSLCI_ADDR_TEXT];
  sslc_error err;
};

/* recv(2) calls and the like in one step; one that takes more than a unit
 * counts as several. */
enum { SSLCI_READS_PER_STEP = 16, SSLCI_READ_UNIT = 16 * 1024 };

/* So many reads that were filled to the last byte say that data comes faster
 * than it is read. */
enum { SSLCI_FILLED_OFTEN = 4 };

/* What a BIO saw itself, which libssl may not pass on.  The data of each of
 * our BIOs begins with it. */
struct sslci_record {
  bool eof;      /* the end of the stream was read */
  bool quiet;    /* must not block now, whatever else is set */
  bool level;    /* of a socket: sslc_conn_set_level_triggered */
  int sys_errno; /* of the call of this step that failed; 0: none */
  int reads_left;          /* in this step: a peer must not hold it for ever */
  int filled;              /* reads that were, SSLCI_FILLED_OFTEN at most */
  sslc_status want;        /* what the flags of a BIO have no word for */
  const sslc_error *error; /* of what is below, borrowed; NULL: none */
};

/* BIO_ctrl(3) commands of our own BIOs; others answer 0. */
enum {
  SSLCI_CTRL_QUIET = 0x5351, /* num: must not block from now on */
  SSLCI_CTRL_NODELAY,        /* num: TCP_NODELAY; 1, or minus an errno */
  SSLCI_CTRL_TIMEOUT,        /* ptr: int64_t, nanoseconds */
  SSLCI_CTRL_ADDRESS,        /* ptr: char[SSLCI_ADDR_TEXT] */
  SSLCI_CTRL_DIAL_WAIT,      /* ptr: struct sslci_dial_wait; 0: nobody dials */
  SSLCI_CTRL_SELF            /* ptr: the sslc_bio it is of; NULL: freed */
};

/* Waits for what a BIO dials, below a connection as well. */
struct sslci_dial_wait {
  int64_t deadline;
  const sslc_error *error; /* where that passed: how far the dial had come */
};

/* Takes over `bio`, in any case; NULL: memory is short, also where `bio` is.
 * `record` says whether its data begins with one. */
sslc_bio *sslci_bio_wrap(BIO *bio, int kind, bool record);

/* The one at the end of the chain. */
sslc_bio *sslci_bio_last(const sslc_bio *bio);

/* Whether it ends in something that bytes can come from and go to, and not in
 * a filter. */
bool sslci_bio_is_complete(const sslc_bio *bio);

/* Bytes that a buffer has read ahead, and that wait in it to be written. */
size_t sslci_bio_held(const sslc_bio *bio);
size_t sslci_bio_wheld(const sslc_bio *bio);

/* Of the records of the chain: whether the end was read; the errno, 0 for
 * none; the failure of what is below, NULL for none; what is wanted that flags
 * cannot say, SSLC_OK for nothing. */
bool sslci_bio_saw_eof(const sslc_bio *bio);
int sslci_bio_errno(const sslc_bio *bio);
const sslc_error *sslci_bio_below(const sslc_bio *bio, int *kind);
sslc_status sslci_bio_want(const sslc_bio *bio);

/* The same, by the flags of the chain as well: what is to be waited for before
 * the last call on it is repeated; SSLC_OK where it is not to be. */
sslc_status sslci_bio_wanted(const sslc_bio *bio);

/* Whether all that the chain reads from keeps a record. */
bool sslci_bio_has_record(const sslc_bio *bio);

/* A step on the BIO: begins it, with SSLC_OK or why it cannot be; ends it by
 * what OpenSSL returned, -2 where there is no such method.  `what` is what the
 * BIO then cannot. */
sslc_status sslci_bio_step_begin(sslc_bio *bio);
sslc_status sslci_bio_step_end(sslc_bio *bio, int phase, long ret,
                               const char *what);

/* Other ends of a step: the parameter is wrong, the kind of BIO cannot, the
 * system failed. */
sslc_status sslci_bio_bad_argument(sslc_bio *bio, int phase, const char *why);
sslc_status sslci_bio_cannot(sslc_bio *bio, int phase, const char *what);
sslc_status sslci_bio_system_failure(sslc_bio *bio, int phase, int err);

/* The first of the chain that wants to be called again; NULL: none. */
BIO *sslci_bio_retrying(const sslc_bio *bio);

/* Whether it ends in a file of OpenSSL's. */
bool sslci_bio_is_file(const sslc_bio *bio);

/* Begins a step: forgets the errno, sets the bound on reading anew where that
 * is not the one of a step above. */
void sslci_bio_begin(sslc_bio *bio, bool bound);

/* What OpenSSL's own BIOs put into the error queue, by its code: the errno that
 * it stands for; 0 for none. */
int sslci_native_errno(unsigned long code);

/* Says of an error that was begun what failed below. */
void sslci_explain_below(sslc_error *e, const sslc_error *below, int kind);

/* Whether a connection may take the BIO for its own; it then notes that it has
 * (once for reading, once for writing), and lets go of it. */
bool sslci_bio_is_free_for(const sslc_bio *bio, const sslc_conn *conn);
void sslci_bio_acquire(sslc_bio *bio, sslc_conn *conn);
void sslci_bio_release(sslc_bio *bio);

/* What an operation of the connection reads and writes must not block now. */
void sslci_bio_set_quiet(sslc_bio *bio, bool quiet);

/* A command for what the chain ends in; 0 for NULL and where it is not known
 * there. */
long sslci_bio_ctrl(const sslc_bio *bio, int cmd, long num, void *ptr);

/* The address of whom the chain reads from and writes to. */
void sslci_bio_peer_address(const sslc_bio *bio, char buf[SSLCI_ADDR_TEXT]);

/* For the methods of BIOs.  may_read stops one read of a step that reads on
 * and on; whoever comes again after that may. */
bool sslci_record_may_read(struct sslci_record *record, BIO *bio);
void sslci_set_retry(BIO *bio, struct sslci_record *record, sslc_status want);

struct sslci_method {
  int (*write)(BIO *bio, const char *buf, int len);
  int (*read)(BIO *bio, char *buf, int len);
  int (*puts)(BIO *bio, const char *str);
  int (*gets)(BIO *bio, char *buf, int size); /* NULL: it cannot */
  long (*ctrl)(BIO *bio, int cmd, long num, void *ptr);
  int (*destroy)(BIO *bio);
};
BIO_METHOD *sslci_bio_method(_Atomic(BIO_METHOD *) *made, const char *name,
                             int type, const struct sslci_method *calls);

/* A BIO of `method`, its data set and initialised; NULL: memory is short. */
BIO *sslci_bio_make(BIO_METHOD *method, void *data);

/* ----------------------------------------------------- bio_socket.c */

struct sslci_socket {
  struct sslci_record record; /* first */
  int fd;
  bool close;
  bool nbio;
  bool asked; /* written to since it was read last */
};

/* The methods of a socket, for what is one after a while. */
int sslci_socket_write(BIO *bio, const char *buf, int len);
int sslci_socket_read(BIO *bio, char *buf, int len);
long sslci_socket_ctrl(BIO *bio, int cmd, long num, void *ptr);

/* Sets a socket's state for the descriptor. */
void sslci_socket_init(struct sslci_socket *s, int fd, bool close_it);

/* Waits until it is ready, for a BIO that was made blocking. */
void sslci_socket_wait(int fd, short events);

/* ------------------------------------------------------- bio_conn.c */

/* Whether the chain ends in the connection, or in one that is over it. */
bool sslci_bio_is_over(const sslc_bio *bio, const sslc_conn *conn);

/* ------------------------------------------------------- bio_hold.c */

/* A filter before the BIOs of a connection, libssl's only BIO for both ways.
 * What is written is held while `holding`; afterwards what was held leaves in
 * one piece with the next write, or when a read has nothing. */
struct sslci_hold {
  struct sslci_record record; /* first; not looked at */
  sslc_conn *conn;            /* whose BIOs are behind it */
  bool holding;
  bool gathers; /* what is written at once, and no flight */
  unsigned char *bytes;
  size_t len;
  size_t size;
};
BIO *sslci_hold_bio(sslc_conn *conn); /* NULL: memory is short */

/* The same, to gather up to so many bytes of what is written. */
BIO *sslci_gather_bio(sslc_conn *conn, size_t room);
struct sslci_hold *sslci_hold_of(BIO *bio);

/* Sends what is held, in the middle of the handshake too, and flushes what is
 * behind; what BIO_flush(3) returns. */
int sslci_hold_send(BIO *bio);

/* ----------------------------------------------------------- conn.c */

enum { SSLCI_HEADER = 5 }; /* bytes of a TLS record's header */

/* How many certificates of a chain are shared with other connections. */
enum { SSLCI_SHARED = 4 };
struct sslci_shared; /* share.c */

/* How many sessions of a connection are remembered, the newest. */
enum { SSLCI_TICKETS = 4 };

/* A question of the handshake: see sslc_ctx_set_retry_verify. */
enum sslci_answer {
  SSLCI_NOT_ASKED,
  SSLCI_ASKED,
  SSLCI_ACCEPTED, /* answered, and the handshake goes on */
  SSLCI_REFUSED,
  SSLCI_ABORTED
};

/* How far our close_notify has come. */
enum sslci_goodbye {
  SSLCI_UNSAID,  /* not sent, or in part */
  SSLCI_WRITTEN, /* to a BIO that may hold it */
  SSLCI_SAID
};

/* How far early data has come: to be sent, or to be read. */
enum sslci_early {
  SSLCI_EARLY_NONE,
  SSLCI_EARLY_BEGUN, /* the call is to be repeated */
  SSLCI_EARLY_READING,
  SSLCI_EARLY_SENT /* all of it; or all was read */
};

struct sslci_trace; /* trace.c */

/* Certificates, made when they are asked for. */
struct sslci_certs {
  sslc_cert **items;
  size_t count;
  bool made; /* else it is tried again */
};

/* A TLSA record: usage, selector, matching type; and what they are of. */
struct sslci_tlsa {
  unsigned char kind[3];
  unsigned char *data;
  size_t len;
};

struct sslc_conn {
  atomic_int refs;
  sslc_ctx *ctx;
  SSL *ssl;
  sslc_bio *rbio;
  sslc_bio *wbio;
  BIO *hold; /* with a reference; NULL: the last flight is not held */
  bool hold_flight;
  int role; /* -1: not set, 0: client, 1: server */
  bool started;
  bool connected;
  bool closed;
  bool nested; /* in a step of a connection above, whose bounds hold */
  size_t write_pending; /* the length of a write that is to be repeated */
  size_t gathered; /* so many bytes of that are in records that are to leave */
  bool key_update_pending; /* one that is to be repeated */
  bool ended; /* an end that lenient_eof let pass for a clean one */
  enum sslci_goodbye goodbye;
  bool close_notify_came;
  bool reads_much;   /* libssl has a large buffer to read into */
  bool buffers_made; /* for a message that came after the handshake */
  bool half_made; /* a state was set without memory: its BIOs stay */
  bool verified;
  sslc_status fatal; /* what every step from now on returns; SSLC_OK: none */
  int fatal_return;  /* and what libssl's function returned then */
  sslc_status last_status;
  int last_return;
  int ssl_error;
  bool failed; /* err is the last step's */
  sslc_error err;
  sslc_error misuse; /* of a step that changed nothing */
  bool misused;
  char *server_name;
  enum sslci_name_kind name_kind;
  struct sslci_peer_name *peer_names; /* in the place of server_name */
  char *label;   /* what errors call the peer */
  char *address; /* and its address */
  /* what the callbacks saw */
  unsigned char header[SSLCI_HEADER];
  size_t header_len; /* of the first record received */
  bool cert_requested;
  int verify_result;
  int verify_depth;
  X509 *verify_cert;
  X509 *named_cert; /* was found to be for the name; NULL: none was */
  X509_STORE *store; /* that the peer is verified with; NULL: none */
  int (*check_signatures)(X509_STORE_CTX *store_ctx); /* OpenSSL's own */
  struct sslci_shared *shared[SSLCI_SHARED]; /* certificates, with others */
  size_t shared_count;
  STACK_OF(X509) *replaced; /* by these; NULL: none */
  int left_errno; /* by a BIO that keeps no record; 0: none */
  bool left_eof;
  bool renegotiation_asked; /* by the peer, and refused */
  bool went_on;             /* it sent data after that */
  struct sslci_trace *trace; /* NULL: nothing is noted */
  /* hooks.c */
  enum sslci_answer verify_answer;
  enum sslci_answer lookup_answer;
  enum sslci_answer hello_answer;
  char *answer_reason;
  char hello_name[256];   /* the server name of the ClientHello; "": none */
  const char *hello_fault; /* what was wrong with that; NULL: nothing */
  int hook_result; /* what verification came to, for the hook; -1: nothing */
  STACK_OF(X509) *hook_chain;
  struct sslci_certs chain; /* made when asked for, as what follows */
  char **ca_names;
  size_t ca_name_count;
  bool ca_names_made;
  enum sslci_early early;
  size_t early_len;
  /* session.c */
  sslc_session *session; /* to be resumed */
  bool session_cached;   /* it was taken from the cache */
  bool session_offered;
  char *session_scope;   /* NULL: nothing is kept or offered by itself */
  char *session_key;     /* in the cache, once the handshake began */
  char session_name[2 * SSLCI_DIGEST + 1]; /* in stores of others */
  uint64_t trust_generation;
  int64_t good_until; /* what was verified beside the chain holds until then,
                         in seconds since 1970; 0: for as long as the chain */
  sslc_session *tickets[SSLCI_TICKETS]; /* that came, the newest last */
  size_t ticket_count;
  size_t tickets_kept;  /* of them, in the cache */
  size_t tickets_taken; /* by sslc_conn_take_session */
  /* psk.c: what was offered or found, by version; borrowed of the context */
  const struct sslci_psk *psk_12, *psk_13;
  const struct sslci_psk *psk; /* that was proven; NULL: none */
  /* demand.c: what is not met */
  int demand_code; /* SSLC_CODE_NONE: nothing so far */
  int demand_result;
  char *demand_text;
  const char *demand_hint; /* static; NULL: the code's */
  struct sslci_tlsa *tlsa;
  size_t tlsa_count;
  bool dane; /* libssl was told of them */
  bool tlsa_asked; /* they were looked up: some may be of no use */
  bool ocsp_looked;
  bool ocsp_good;
  /* made when asked for */
  struct sslci_certs certs;
  char *alpn;
};

/* Fails the connection for good: fills in who and where, finishes conn->err. */
sslc_status sslci_conn_fail(sslc_conn *conn);

/* The failure of a connection that has failed for good, once more. */
sslc_status sslci_conn_fatal(sslc_conn *conn);

/* Takes the filter away that held a flight. */
void sslci_conn_end_hold(sslc_conn *conn);

/* The BIO that the last step waits for; NULL: there is none. */
const sslc_bio *sslci_conn_waits_for(const sslc_conn *conn);

/* "server" or "client": what the peer is. */
const char *sslci_conn_peer(const sslc_conn *conn);

/* Refuses a call that changes nothing: `misuse` or another code. */
sslc_status sslci_conn_refuse(sslc_conn *conn, int code, int phase,
                              const char *fmt, ...) SSLCI_PRINTF(4, 5);

/* What each setter asks first: SSLC_OK, or that it is too late. */
sslc_status sslci_conn_begin_setting(sslc_conn *conn);

/* The same for want of memory. */
sslc_status sslci_conn_nomem(sslc_conn *conn, int phase);

/* Begins the handshake, where that has not begun; SSLC_OK or a refusal. */
sslc_status sslci_conn_start(sslc_conn *conn);

/* ----------------------------------------------------- early_data.c */

/* Before a step of the handshake, SSLC_OK or a refusal; and after the last. */
sslc_status sslci_early_begin(sslc_conn *conn);
void sslci_early_done(sslc_conn *conn);

/* ---------------------------------------------------------- hooks.c */

/* Sets up what suspends the handshake of this connection. */
void sslci_hooks_prepare(sslc_conn *conn);

/* Before a step of the handshake: SSLC_OK, or what is still to be answered, or
 * that it was refused. */
sslc_status sslci_hooks_begin(sslc_conn *conn);

/* After one: its status, or what is asked when libssl's part is done. */
sslc_status sslci_hooks_end(sslc_conn *conn, sslc_status status);

/* Whether verification ends well that came to `result`: asks the hook, or says
 * what was answered. */
int sslci_hooks_verdict(sslc_conn *conn, X509_STORE_CTX *store_ctx, int result);

/* Whether the refusal of the hook is what failed; then conn->err says so. */
bool sslci_hooks_explain(sslc_conn *conn);
void sslci_hooks_free(sslc_conn *conn);

/* ---------------------------------------------------------- trace.c */

void sslci_trace_note(sslc_conn *conn, int sent, int type,
                      const unsigned char *bytes, size_t len);
void sslci_trace_free(sslc_conn *conn);

/* -------------------------------------------------------- session.c */

struct sslc_session {
  atomic_int refs;
  SSL_SESSION *session;
  uint64_t ctx_number; /* of the context that it belongs to */
  uint64_t generation; /* of the trust that its peer was verified with */
  int64_t verified_at; /* in seconds since 1970, as what follows */
  int64_t good_until;  /* when the first of the certificates expires */
  char *server_name;   /* "": none */
  char *demands;       /* sslci_verify_demands */
};

/* Has libssl tell of the sessions that come. */
void sslci_session_watch(SSL_CTX *ssl_ctx);

/* Notes the session that is to be offered, NULL for none, and offers it, or
 * one of the cache, when the handshake begins; each SSLC_OK or a refusal. */
sslc_status sslci_session_set(sslc_conn *conn, sslc_session *session);
sslc_status sslci_session_prepare(sslc_conn *conn);

/* When the handshake is done, and when the connection has failed; after any
 * other step, keeps what came.  And before the end of it. */
void sslci_session_done(sslc_conn *conn);
void sslci_session_failed(sslc_conn *conn);
void sslci_session_settle(sslc_conn *conn);
void sslci_session_closed(sslc_conn *conn);
void sslci_session_free(sslc_conn *conn);

/* Of the scope and demands of the connection, whose scope is set; to be freed.
 * NULL when memory is short. */
char *sslci_session_make_key(const sslc_conn *conn);

/* From when on it is not offered, in seconds since 1970: by its server, by its
 * certificates, and `lifetime` seconds after these were verified. */
int64_t sslci_session_expires(const sslc_session *session, int64_t lifetime);

/* ------------------------------------------------- session_export.c */

/* Has a setting count for the question whether the sessions of another context
 * are good for this one, where nothing else of it tells what it was. */
void sslci_ctx_note_setting(sslc_ctx *ctx, const char *name, const void *bytes,
                            size_t len);

/* -------------------------------------------------- session_cache.c */

enum { SSLCI_BUCKETS = 256 };

/* What sslc_ctx_stats tells. */
struct sslci_stats {
  atomic_uint_least64_t connects, offered, resumed, refused, failed, misses;
  atomic_uint_least64_t stored, expired, evicted, dropped;
  atomic_uint_least64_t early_accepted, early_rejected;
};

struct sslci_kept {
  struct sslci_kept *older, *newer; /* of all, by when they were put in */
  struct sslci_kept *next;          /* in the bucket, from new to old */
  char *key;
  sslc_session *session;
};

struct sslci_cache {
  size_t size;      /* how many it keeps at most; 0: it is off */
  int64_t lifetime; /* in seconds, from the verification on */
  struct sslci_stats stats;
  CRYPTO_RWLOCK *lock; /* over what follows */
  size_t count;
  struct sslci_kept *newest, *oldest;
  struct sslci_kept *buckets[SSLCI_BUCKETS];
};

struct sslci_cache *sslci_cache_new(void); /* NULL: memory is short */
void sslci_cache_free(struct sslci_cache *cache);

/* Keeps it under the key; not where memory is short. */
void sslci_cache_put(struct sslci_cache *cache, const char *key,
                     sslc_session *session);

/* The newest of the key that was verified under the trust of `generation` and
 * is good still, with a reference: taken out, if it is for one use. */
sslc_session *sslci_cache_take(struct sslci_cache *cache, const char *key,
                               uint64_t generation);

/* The one, or all of the key, where it is there; a NULL does nothing. */
void sslci_cache_remove(struct sslci_cache *cache, const char *key,
                        const sslc_session *session);
void sslci_cache_remove_all(struct sslci_cache *cache, const char *key);

void sslci_count(atomic_uint_least64_t *counter);

/* --------------------------------------------------------- demand.c */

/* Notes what is not met, the first time; takes the text, NULL: the sentence of
 * the code.  False. */
bool sslci_demand_fail(sslc_conn *conn, int code, int result, char *text);

/* Whether that is what failed; then conn->err says so. */
bool sslci_demand_explain(sslc_conn *conn);

/* After the handshake: SSLC_OK, or the failure of the connection. */
sslc_status sslci_demand_done(sslc_conn *conn);
void sslci_demand_free(sslc_conn *conn);

/* ------------------------------------------------------------ psk.c */

void sslci_psk_free(sslc_ctx *ctx);
sslc_status sslci_psk_check(sslc_ctx *ctx);

/* Before the handshake, SSLC_OK or a refusal: of a client whose context has a
 * key, in the place of all verification; of a server that takes on `ctx`. */
sslc_status sslci_psk_connect(sslc_conn *conn);
sslc_status sslci_psk_serve(sslc_conn *conn, const sslc_ctx *ctx);

/* When libssl is done: whether the peer has proven that it has a key. */
bool sslci_psk_done(sslc_conn *conn);

/* Whether nothing but a key counts: for a client, and for a server that has no
 * certificate either; and notes that it was not proven: false. */
bool sslci_psk_is_all(const sslc_conn *conn);
bool sslci_psk_refuse(sslc_conn *conn);

/* ----------------------------------------------------------- dane.c */

/* For all connections; false where memory is short. */
bool sslci_dane_install(SSL_CTX *ssl_ctx);

/* Why such a record cannot be used; NULL: it can, as far as can be seen. */
const char *sslci_tlsa_fault(int usage, int selector, int mtype, size_t len);

/* Tells libssl of the records, before the name is set; SSLC_OK, a refusal or a
 * failure.  And the second look, after the handshake. */
sslc_status sslci_dane_prepare(sslc_conn *conn);
bool sslci_dane_done(sslc_conn *conn);
void sslci_dane_free(sslc_conn *conn);

/* As sslci_verify_demands, of the records, which there have to be. */
char *sslci_dane_demands(const sslc_conn *conn);

/* ----------------------------------------------------------- pins.c */

/* Of the certificate's SubjectPublicKeyInfo; and such a digest as text. */
bool sslci_spki_sha256(const X509 *x509, unsigned char digest[SSLCI_PIN]);
void sslci_pin_text(const unsigned char digest[SSLCI_PIN],
                    char text[SSLCI_PIN_TEXT]);

/* The settings as a whole; and what they are of the context that a connection
 * is of from now on. */
sslc_status sslci_pins_check(sslc_ctx *ctx);
sslc_status sslci_pins_prepare(sslc_conn *conn, const sslc_ctx *ctx);

/* In the middle of verification, which was good or (without a verdict) is of no
 * matter; and after the handshake.  False where there is no pinned key. */
bool sslci_pins_verify(sslc_conn *conn, X509_STORE_CTX *store_ctx, bool good);
bool sslci_pins_done(sslc_conn *conn);
void sslci_pins_free(sslc_ctx *ctx);

/* ----------------------------------------------------------- ocsp.c */

/* For both sides of all connections; false where memory is short. */
bool sslci_ocsp_install(SSL_CTX *ssl_ctx);
sslc_status sslci_ocsp_check(sslc_ctx *ctx);
void sslci_ocsp_free(sslc_ctx *ctx);

/* Asks the server for a staple; and looks at what came of it, once. */
sslc_status sslci_ocsp_prepare(sslc_conn *conn);
bool sslci_ocsp_done(sslc_conn *conn);
/* ------------------------------------------------- policy.c, crl.c */

void sslci_policy_init(sslc_ctx *ctx);
void sslci_policy_free(sslc_ctx *ctx);

/* What is wrong with the settings as a whole. */
sslc_status sslci_policy_check(sslc_ctx *ctx);

/* Lowers the security level as far as TLS 1.0 needs it, unless one was set. */
void sslci_policy_allow_old_versions(sslc_ctx *ctx);

/* Sets what the context demands on the connection, whose role is known; false:
 * memory is short. */
bool sslci_policy_apply(const sslc_conn *conn, const sslc_ctx *ctx);

/* The time that certificates are judged by, in seconds since 1970. */
int64_t sslci_policy_time(const sslc_conn *conn);

/* X509_verify_cert(3), with the context's intermediates. */
int sslci_policy_verify(const sslc_ctx *ctx, X509_STORE_CTX *store_ctx);

/* The depth of the first certificate of a chain that was built which is not for
 * the context's purpose as well; -1: all are. */
int sslci_policy_unsuited(const sslc_ctx *ctx, X509_STORE_CTX *store_ctx);

/* A directory of revocation lists more; and that a store of the context's looks
 * into them.  False: memory is short. */
bool sslci_crl_add_dir(sslc_ctx *ctx, const char *path);
bool sslci_crl_attach(sslc_ctx *ctx, X509_STORE *store);
void sslci_crl_free(sslc_ctx *ctx);

/* ----------------------------------------------------- signatures.c */

enum { SSLCI_SIGNED_SETS = 64, SSLCI_SIGNED_WAYS = 4 };

/* A chain whose signatures were found good. */
struct sslci_signed {
  unsigned char digest[SSLCI_DIGEST]; /* of all its bytes */
  int64_t until;                      /* as sslc_now counts */
};

struct sslci_signatures {
  bool off;
  atomic_uint_least64_t used; /* how often a chain was known */
  CRYPTO_RWLOCK *lock;        /* over what follows */
  struct sslci_signed *chains; /* NULL: none is known yet */
};

/* How long a chain is remembered, in nanoseconds; tests set it. */
extern int64_t sslci_signatures_lifetime;

struct sslci_signatures *sslci_signatures_new(void); /* NULL: no memory */
void sslci_signatures_free(struct sslci_signatures *s);

/* By what they are remembered; for the rest of the library there is this: has
 * the chain that is about to be built looked up among them. */
bool sslci_signatures_known(struct sslci_signatures *s,
                            const unsigned char digest[SSLCI_DIGEST]);
void sslci_signatures_remember(struct sslci_signatures *s,
                               const unsigned char digest[SSLCI_DIGEST]);
void sslci_signatures_watch(sslc_conn *conn, X509_STORE_CTX *store_ctx);

/* ---------------------------------------------------- verify.c, info.c */

/* Sets what is to be verified; SSLC_OK or a refusal. */
sslc_status sslci_verify_prepare(sslc_conn *conn);

/* The same for a server, by the settings of `ctx`. */
sslc_status sslci_verify_serve(sslc_conn *conn, sslc_ctx *ctx);

/* The same for a chain that is looked at without a handshake. */
sslc_status sslci_verify_prepare_chain(sslc_conn *conn);

/* What this connection, beside its context, demands of the peer, as text: equal
 * texts are equal demands.  A session resumes only under those that it comes
 * from, as no certificate is shown again.  To be freed; NULL when memory is
 * short. */
char *sslci_verify_demands(const sslc_conn *conn);

/* Verifies as libssl does, and the name for certain: X509_V_OK, or the reason,
 * which is then noted in both. */
int sslci_verify_chain(sslc_conn *conn, X509_STORE_CTX *store_ctx);

/* That in a handshake: what SSL_CTX_set_cert_verify_callback(3) takes. */
int sslci_verify_callback(X509_STORE_CTX *store_ctx, void *unused);

/* Fails the verification that is under way for another reason. */
int sslci_verify_blame(sslc_conn *conn, X509_STORE_CTX *store_ctx, int result);

/* Whether the leaf of a chain that was verified has a wildcard for a name that
 * one of its authorities may not issue for (constraints.c): an X509_V_ERR. */
int sslci_constraints_check(X509_STORE_CTX *store_ctx);

/* After the handshake: nobody is let in that was not looked at. */
sslc_status sslci_verify_done(sslc_conn *conn);

/* Fills conn->err from what the callback saw. */
void sslci_verify_error(sslc_conn *conn);

/* The peer's certificate, with a reference; NULL: none is known yet, or none
 * was sent.  And whether libssl has one when its part is done. */
X509 *sslci_peer_x509(const sslc_conn *conn);
bool sslci_has_peer_cert(const sslc_conn *conn);

void sslci_info_free(sslc_conn *conn);

/* --------------------------------------------------------- status.c */

/* Before a step and after it: the one mapping of SSL_get_error(3). */
sslc_status sslci_step_begin(sslc_conn *conn, int phase);
sslc_status sslci_step_end(sslc_conn *conn, int phase, int ret);

/* After BIO_flush(3): the same for what it returned. */
sslc_status sslci_flush_end(sslc_conn *conn, BIO *bio, int phase, int ret);

/* Whether an entry of OpenSSL's error queue says that memory was short. */
bool sslci_is_out_of_memory(unsigned long code);

/* errno to one of the codes of SSLC_ERR_SYS. */
int sslci_errno_code(int err);

/* ----------------------------------------------------------- share.c */

/* Puts certificates that other connections were shown too in the place of those
 * that the peer sent, before they are looked at. */
void sslci_share_chain(sslc_conn *conn, X509_STORE_CTX *store_ctx);

/* When the handshake is over; and at the end. */
void sslci_share_settle(sslc_conn *conn);
void sslci_share_free(sslc_conn *conn);

/* ------------------------------------------------------------ idle.c */

/* After a step: gives back what is not needed while nothing happens. */
void sslci_idle(sslc_conn *conn);

/* ------------------------------------------------------------ addr.c */

/* What RFC 6724 compares addresses by. */
struct sslci_rank {
  bool ranked; /* else it stays where it was given */
  bool usable; /* there is a route and a source address */
  bool deprecated;
  bool same_scope; /* as the source's */
  bool same_label;
  int precedence;
  int scope;
  int prefix; /* bits in common with the source; IPv6 only */
};

struct sslci_addr {
  union {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
  } u;
  socklen_t len;
  struct sslci_rank rank;
};

/* Each NULL, or what is wrong with it. */
const char *sslci_addr_from_name(struct sslci_addr *a,
                                 const struct sslci_name *name, int port);
const char *sslci_addr_from_path(struct sslci_addr *a, const char *path);

/* False for anything but IPv4 and IPv6. */
bool sslci_addr_from_sockaddr(struct sslci_addr *a, const struct sockaddr *sa,
                              socklen_t len, int port);
void sslci_addr_set_port(struct sslci_addr *a, int port);

/* "192.0.2.1:443", "[fe80::1%eth0]:443", "/run/socket"; "" for other
 * families. */
void sslci_addr_text(const struct sslci_addr *a, char *buf, size_t size);

/* The same of the peer of a connected socket. */
void sslci_peer_address(int fd, char *buf, size_t size);

/* Ranks an address by the source that would be used; NULL: there is none. */
void sslci_addr_rank(struct sslci_addr *a, const struct sslci_addr *source,
                     bool deprecated);

/* Below 0 where `a` is to be tried first, above where `b`. */
int sslci_addr_compare(const struct sslci_addr *a, const struct sslci_addr *b);

/* The source the kernel would use; false where there is no way. */
bool sslci_addr_source(const struct sslci_addr *to, struct sslci_addr *source);

/* Whether an address of this machine is not to be used any more. */
bool sslci_addr_is_deprecated(const struct sslci_addr *a);

/* A stream socket of the family, nonblocking and close-on-exec; -1 with errno
 * set. */
int sslci_stream_socket(int family);

/* Ranks with what this machine has; `bound`, where set, is the source. */
void sslci_addr_rank_here(struct sslci_addr *a, const struct sslci_addr *bound);

/* ------------------------------------------------------------ race.c */

enum { SSLCI_IPV4 = 1, SSLCI_IPV6 = 2 };

enum sslci_attempt_state {
  SSLCI_ATTEMPT_WAITING,
  SSLCI_ATTEMPT_TRYING,
  SSLCI_ATTEMPT_FAILED,
  SSLCI_ATTEMPT_WON
};

struct sslci_attempt {
  struct sslci_addr addr;
  enum sslci_attempt_state state;
  int err; /* why it failed */
  int fd;  /* the user's */
};

struct sslci_race {
  struct sslci_attempt *attempts; /* in front those tried, then the others */
  size_t count;
  size_t size;
  size_t tried;
  size_t trying;    /* under way */
  unsigned awaited; /* families whose answers are to come */
  bool won;
  size_t winner;
  int64_t resolution_delay; /* in nanoseconds, like all times */
  int64_t attempt_delay;
  int64_t hold_until; /* IPv4 is held back for IPv6 until then */
  int64_t next_at;    /* when the next may set out while others are trying */
};

enum sslci_race_move {
  SSLCI_RACE_WAIT, /* for an answer, an attempt or the time that is due */
  SSLCI_RACE_TRY,  /* set out for the attempt */
  SSLCI_RACE_WON,  /* by the attempt */
  SSLCI_RACE_LOST  /* nothing is left to be tried or to come */
};

void sslci_race_init(struct sslci_race *race, int64_t resolution_delay,
                     int64_t attempt_delay);
void sslci_race_free(struct sslci_race *race);

/* Addresses known from the start, or those that answer a query.  An answer of
 * none says that there is none.  False where memory is short. */
bool sslci_race_add(struct sslci_race *race, const struct sslci_addr *addrs,
                    size_t n);
void sslci_race_await(struct sslci_race *race, unsigned families);
bool sslci_race_answer(struct sslci_race *race, unsigned family,
                       const struct sslci_addr *addrs, size_t n, int64_t now);

/* What to do now; to be asked until it says WAIT or the race is over. */
enum sslci_race_move sslci_race_next(struct sslci_race *race, int64_t now,
                                     size_t *which);

/* What became of an attempt that was set out for. */
void sslci_race_connected(struct sslci_race *race, size_t which);
void sslci_race_failed(struct sslci_race *race, size_t which, int err,
                       int64_t now);

/* When sslci_race_next has something to do without a further event;
 * SSLC_FOREVER: never. */
int64_t sslci_race_due(const struct sslci_race *race, int64_t now);

/* Whether it is (also) about addresses, not only about their answers. */
bool sslci_race_is_running(const struct sslci_race *race, int64_t now);

/* ---------------------------------------------------- dial_sockets.c */

/* The sockets that a dial waits for; all zero at first. */
struct sslci_sockets {
  struct pollfd *fds;
  size_t count;
  size_t size;
  bool asked;          /* what poll(2) told is not all passed on yet */
  sslc_poller *poller; /* the same sockets; NULL: nobody asked for it */
  int unwaitable;      /* errno, where it could not be made */
};

/* Changes what a socket is waited for; 0: nothing, before it is closed. */
sslc_status sslci_sockets_set(struct sslci_sockets *s, int fd, int events);

/* Waits until one is ready, the deadline passes or a signal comes: SSLC_OK, or
 * SSLC_ERR_SYS and errno. */
sslc_status sslci_sockets_wait(struct sslci_sockets *s, int64_t deadline);

/* The same without waiting, but for where a wait was before. */
sslc_status sslci_sockets_look(struct sslci_sockets *s);

/* The next that was found ready, and for what; an error is both.  -1: no
 * more. */
int sslci_sockets_next(struct sslci_sockets *s, int *events);

/* The only one there is, and what it is waited for; -1: none, or several. */
int sslci_sockets_sole(const struct sslci_sockets *s, int *events);

/* A descriptor that is readable when one is ready, the same from now on; -1:
 * there is none (the system has only poll(2), or `unwaitable` says why). */
int sslci_sockets_fd(struct sslci_sockets *s);

void sslci_sockets_free(struct sslci_sockets *s);

/* --------------------------------------------------------- resolve.c */

/* The queries for one name, of c-ares. */
struct sslci_resolver;

struct sslci_resolver_options {
  const char *name; /* a dot at its end: as it is, without search domains */
  int port;
  unsigned families;       /* SSLCI_IPV4 | SSLCI_IPV6 */
  const char *nameservers; /* NULL: the system's */
};

/* Starts the queries; their sockets are put to the dial's.  `*out` may be
 * set where it fails, and is to be freed in any case, before these. */
sslc_status sslci_resolver_start(struct sslci_resolver **out,
                                 struct sslci_sockets *sockets,
                                 const struct sslci_resolver_options *options,
                                 sslc_error *e);
void sslci_resolver_free(struct sslci_resolver *r);

/* One of its sockets is ready; or (-1) time has gone by. */
void sslci_resolver_process(struct sslci_resolver *r, int fd, int events);

/* When it is to be called without its sockets being ready. */
int64_t sslci_resolver_due(const struct sslci_resolver *r);

/* The answers that have come and were not taken yet: the families. */
unsigned sslci_resolver_answered(const struct sslci_resolver *r);

/* Takes one: borrowed until the resolver is freed. */
struct sslci_addr *sslci_resolver_take(struct sslci_resolver *r,
                                       unsigned family, size_t *n);

/* Why the name has no address at all; begins the error. */
void sslci_resolver_explain(const struct sslci_resolver *r, sslc_error *e);

/* The same in a few words for one family: "no nameserver answered"; NULL
 * where it has addresses, or has none without anything being wrong. */
const char *sslci_resolver_trouble(const struct sslci_resolver *r,
                                   unsigned family);

/* Checks a list of nameservers: "192.0.2.53", "[2001:db8::53]:5353", with
 * commas in between.  SSLC_OK, or `e` set. */
sslc_status sslci_nameservers_check(const char *list, sslc_error *e);

/* A channel of c-ares' for a query of another kind, with sockets as those
 * above, which `watch` is told of; ARES_*.  Whatever a nameserver answers is
 * passed on.  To be freed where it is not NULL. */
struct ares_channeldata;
int sslci_ares_channel(struct ares_channeldata **channel,
                       const char *nameservers,
                       void (*watch)(void *arg, int fd, int readable,
                                     int writable), void *arg);

/* ----------------------------------------------------------- tlsa.c */

/* The query for the TLSA records of one server. */
struct sslci_tlsa_query;

/* Begins it, its sockets put to the dial's.  To be freed before these.
 * NULL: memory is short. */
struct sslci_tlsa_query *sslci_tlsa_start(struct sslci_sockets *sockets,
                                          const char *host, int port,
                                          const char *nameservers);
void sslci_tlsa_free(struct sslci_tlsa_query *q);

/* As those of the resolver. */
void sslci_tlsa_process(struct sslci_tlsa_query *q, int fd, int events);
int64_t sslci_tlsa_due(const struct sslci_tlsa_query *q);
bool sslci_tlsa_is_done(const struct sslci_tlsa_query *q);

/* What to make of it once it is done: SSLC_OK, or an error that was begun. */
sslc_status sslci_tlsa_judge(const struct sslci_tlsa_query *q, bool required,
                             sslc_error *e);

/* The records that count, borrowed; of NULL there are none. */
const struct sslci_tlsa *sslci_tlsa_records(const struct sslci_tlsa_query *q,
                                            size_t *n);

/* Whether such a file as resolv.conf(5) trusts what nameservers say. */
bool sslci_trusts_ad(const char *path);

/* -------------------------------------------------- dial.c, dial_set.c */

enum sslci_dial_state {
  SSLCI_DIAL_NEW,
  SSLCI_DIAL_RUNNING,
  SSLCI_DIAL_CONNECTED,
  SSLCI_DIAL_FAILED /* for good: err tells why */
};

struct sslc_dial {
  enum sslci_dial_state state;
  sslc_error err;
  sslc_error misuse; /* of a call that changed nothing */
  bool misused;
  /* settings */
  char *nameservers;         /* NULL: the system's */
  struct sslci_addr *given;  /* NULL: the name is to be resolved */
  size_t given_count;
  struct sslci_addr bound;   /* the local address; len 0: any */
  int64_t attempt_delay;     /* in nanoseconds */
  int64_t resolution_delay;
  bool tcp_nodelay;
  int keepalive; /* in seconds; 0: off */
  bool fastopen;
  int tlsa_mode;
  /* under way */
  struct sslci_tlsa_query *tlsa; /* NULL: none is asked for */
  char *host; /* what errors call it */
  int port;
  struct sslci_sockets sockets;
  struct sslci_resolver *resolver; /* NULL: there is no query */
  struct sslci_race race;
  int64_t retry_at; /* a Unix socket's queue was full */
  int phase;        /* once it is over */
  int fd;           /* once it is connected */
  char address[SSLCI_ADDR_TEXT]; /* tried last, or reached */
};

/* Refuses a call that changes nothing. */
sslc_status sslci_dial_refuse(sslc_dial *dial, int code, const char *fmt, ...)
  SSLCI_PRINTF(3, 4);

/* ----------------------------------------------------------- clock.c */

/* What poll(2) takes: milliseconds until the deadline, rounded up, -1 for
 * ever. */
int sslci_poll_timeout(int64_t deadline);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
