/*
 * casekit.h: cases of chain and name, right and wrong ones, and what is to
 * become of each.
 *
 *   casekit
 *
 * makes the keys and certificates of all cases anew and writes the cases to
 * its output.  Each is a number of fields, `NAME LENGTH`, a newline, so many
 * bytes, a newline; the last of a case is `end 0`.  The fields:
 *
 *   name group what rule   which case, what it shows, which section says so
 *   role      server, or client: whose chain it is
 *   host      the name that the server must have
 *   verdict   accepted or refused
 *   code      of the error, "" where it is accepted
 *   result    the number of its X509_V_ERR, 0 where that is left open
 *   set       a setting of whoever judges, `NAME=VALUE`; may be empty
 *   sent      the chain as it is sent, in PEM, the leaf first
 *   der       the same in DER, three octets with the length in front of each
 *   key       the leaf's key, in PEM
 *   trust     the authorities that are trusted, in PEM
 *   crl       revocation lists, in PEM; may be empty
 *   extra     certificates for the setting `intermediates`; may be empty
 *   flight    where no library would serve such a chain with TLS 1.2: the
 *             bytes of a TLS 1.2 server up to its Certificate; else empty
 *   served    1 where a library serves it with TLS 1.3, else 0
 */
#ifndef CASEKIT_H
#define CASEKIT_H

#include <stddef.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

/* --------------------------------------------------------------- recipes */

enum key_kind {
  P256 = 0, P384, P224, P192, EXPLICIT, ED25519, ED448, RSA512, RSA1024,
  RSA2048, RSA_PSS
};

enum {
  AUTHORITY = 1,     /* the extensions of an authority; all but a leaf's own */
  PLAIN = 2,         /* not the usual extensions, which only those listed are */
  BAD_SIGNATURE = 4, /* its last byte is changed */
  MANY_NAMES = 8,    /* 500 names in front of those that are given */
  END_ENTITY = 16,   /* the extensions of a leaf, whatever the id */
  CLIENT = 32,       /* those of a client's leaf */
  CUT = 64,          /* its last ten bytes are missing */
  LONGER = 128       /* there are bytes behind it */
};

/* Fields of the TBSCertificate: RFC 5280, 4.1. */
enum field {
  NO_FIELD, VERSION, SERIAL, ALGORITHM, ISSUER, VALIDITY, SUBJECT, PUBLIC_KEY,
  EXTENSIONS, FIELDS
};

#define MAX_EXTENSIONS 4
#define MAX_PATCHES 2
#define MAX_RECIPES 7

#define DAY 86400L

/* A certificate.  What is not said is as usual: the root signs itself, "int"
 * is by the root, everything else by "int". */
struct recipe {
  const char *id;      /* "root", "int", "leaf", or one of the case's own */
  const char *by;      /* the issuer's id */
  const char *subject; /* the common name; NULL: the id; "": no subject */
  const char *issuer;  /* the common name, where it is not the issuer's */
  const char *names;   /* subjectAltName; NULL: a leaf is for host.example;
                          "": none */
  const char *extensions[MAX_EXTENSIONS]; /* "name=value" in place of the
                          usual one; with no value, it is left out */
  long from, to;       /* seconds from now; both 0: a month either way */
  enum key_kind key;
  const char *key_of;  /* the id of the certificate that has the same key */
  const char *digest;  /* NULL: SHA-256, or what the key asks for */
  const char *algorithm; /* the one outside of what is signed, as hex */
  struct {
    enum field field;
    const char *hex;   /* what stands there instead, tag and length too */
  } patches[MAX_PATCHES];
  const char *raw;     /* the bytes to be sent instead, as hex */
  unsigned flags;
};

struct list {
  const char *by;      /* the id of whom it is signed by */
  const char *issuer;  /* whose name it has; NULL: the same */
  const char *revoked; /* an id; NULL: nobody */
  long from, to;       /* seconds from now; both 0: a month either way */
  int broken;          /* a wrong signature */
};

#define MAX_LISTS 3

struct row {
  const char *name;
  const char *what;
  const char *rule;
  struct recipe recipes[MAX_RECIPES];
  struct list lists[MAX_LISTS];
  const char *sent;   /* ids; NULL: "leaf int" */
  const char *trust;  /* ids; NULL: "root" */
  const char *extra;  /* ids; NULL: none */
  const char *host;   /* NULL: host.example */
  const char *set;    /* "NAME=VALUE"; NULL: nothing */
  long time;          /* the setting verify_time, seconds from now; 0: none */
  const char *code;   /* NULL: it is accepted */
  int result;         /* X509_V_ERR_*; 0: left open */
  enum {
    BY_LIBRARY = 0, /* serves it with any version */
    NOT_1_2,        /* serves it with TLS 1.3 alone */
    FORGED          /* would not serve it */
  } served;
  int client;         /* 1: the chain of a client */
};

struct group {
  const char *name;
  const struct row *rows;
  size_t count;
};

extern const struct group group_names, group_constraints, group_times,
  group_paths, group_signatures, group_extensions, group_revocations,
  group_clients, group_settings;

#define GROUP(NAME) \
  const struct group group_##NAME = { \
    #NAME, rows, sizeof rows / sizeof rows[0] \
  }

/* ------------------------------------------------------------------ bytes */

struct bytes {
  unsigned char *at;
  size_t len;
};

/* All of these end the program where something fails, which says what. */
void need(int ok, const char *what);

void bytes_add(struct bytes *b, const void *at, size_t len);

/* "30 03 'abc'": hexadecimal, and text in quotes. */
void bytes_add_hex(struct bytes *b, const char *hex);
void bytes_free(struct bytes *b);

/* The tag, the length, and the contents. */
void der_add(struct bytes *b, unsigned tag, const struct bytes *contents);

/* The same TBSCertificate with other fields. */
struct bytes der_patched(const struct recipe *r, X509 *cert);

/* A certificate of these three. */
struct bytes der_certificate(const struct bytes *tbs,
                             const struct bytes *algorithm,
                             const struct bytes *signature);

/* A number of so many octets in front of what comes. */
void add_sized(struct bytes *b, int size, const struct bytes *contents);

/* What a TLS 1.2 server sends up to its Certificate (RFC 5246, 7.4), whose
 * list of certificates this is. */
struct bytes make_flight(const struct bytes *list);

/* ----------------------------------------------------------- certificates */

/* A certificate that was made: as it is sent, and what issuing asks for. */
struct made {
  const struct recipe *recipe;
  struct bytes der;
  X509 *cert; /* before it was patched */
  EVP_PKEY *key;
};

/* All of a case. */
struct made_case {
  const struct row *row;
  struct made made[MAX_RECIPES + 3];
  size_t count;
};

extern time_t now;

/* The certificate of this id, made on demand. */
struct made *get_made(struct made_case *c, const char *id);
void forget_made(struct made_case *c);

/* A key for the certificate; those of one kind and id are the same. */
EVP_PKEY *get_key(enum key_kind kind, const char *id);
void forget_keys(void);

/* Signs what was encoded; NULL digest: the key's own way. */
struct bytes sign_bytes(EVP_PKEY *key, const char *digest,
                        const struct bytes *tbs);

/* The list in PEM. */
void add_list(struct made_case *c, const struct list *l, BIO *pem);

#endif
