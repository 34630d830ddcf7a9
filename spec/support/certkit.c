/*
 * certkit: makes the keys, certificates and revocation lists of the tests.
 *
 *   certkit DIR
 *
 * Everything is made anew at each run and stays in force for a year; nothing
 * is printed where all went well.  Certificates are those of RFC 5280; how
 * libcrypto builds them is in X509_sign(3), X509V3_EXT_nconf (x509v3_config(5))
 * and X509_CRL_sign(3).
 *
 * Each NAME in the table below gives
 *
 *   NAME.pem   the certificate and, behind it, what a server sends with it:
 *              the intermediates up to the root, which is left out
 *   NAME.key   its private key
 *
 * Authorities
 *   ca               the root that the tests trust
 *   otherca          a root that nobody trusts
 *   intermediate     below ca; rsa-int with an RSA key; expired-int, notca-int,
 *                    pathlen-int, pathlen-sub, nameconstraint-int, nosign-int
 *                    with the fault that their leaves show
 *
 * Servers that are to be accepted as localhost
 *   good             through intermediate; also test.example, *.wild.example,
 *                    127.0.0.1 and ::1
 *   direct           by ca itself
 *   rsa, rsapss, ed25519
 *                    the same with other keys (good has P-256)
 *   iponly           by its address, 127.0.0.1, alone
 *   idn              by its name, xn--bcher-kva.example, alone
 *
 * Servers that are to be refused
 *   expired notyet   outside of their time
 *   expiredca        through an intermediate that is
 *   wronghost        for wrong.example and other.example
 *   cnonly           localhost in the subject only
 *   wildcard         *.example: a wildcard for a top level
 *   nul              a name with a zero byte in it
 *   ipindns          an address written as a DNS name
 *   unknown          by otherca; unknown-root sends otherca along
 *   selfsigned       by itself
 *   noint            by intermediate, which is not sent
 *   notca            by a certificate that is no authority
 *   nosign           by an authority that may not sign certificates
 *   pathlen          below an authority that may have none below it
 *   nameconstraint   below an authority for allowed.example only
 *   clientonly       for clients only
 *   critical         an unknown critical extension
 *   badsig           a broken signature
 *   revoked          on crl.pem
 *   weak             RSA with 1024 bits
 *   sha1, md5        signed over a weak digest; left out where libcrypto
 *                    refuses to make them
 *
 * Clients
 *   client           by ca
 *   client-unknown   by otherca
 *   client-expired   by ca, past its time
 *   client-int       through intermediate, RSA
 *
 * and besides
 *   cadir/           ca.pem as openssl-rehash(1) names it
 *   crl.pem          ca's list, in force, with revoked on it
 *   crl_expired.pem  the same, a year too old
 *   client-enc.key   client's key, encrypted with the password "secret"
 *   client.p12       client and its key in PKCS #12, with the same password
 *   mismatch.key     a key that no certificate has
 *   empty.pem        no bytes
 *   garbage.pem      text that is not PEM
 *   broken.pem       a PEM block that does not hold a certificate
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* ----------------------------------------------------------------- table */

enum key_kind { P256 = 0, RSA1024, RSA2048, ED25519, RSAPSS };

enum {
  AUTHORITY = 1, /* the extensions of an authority, not those of a server */
  BAD_SIGNATURE = 2,
  MAY_BE_REFUSED = 4 /* libcrypto's policy may forbid to make it */
};

#define MAX_EXTENSIONS 4

struct entry {
  const char *name;
  const char *issuer;  /* an entry further up; NULL: signed by itself */
  const char *subject; /* the common name; NULL: the subject is empty */
  const char *names;   /* subjectAltName; NULL: none */
  int from, to;        /* validity in days from now; both 0: a year of it */
  enum key_kind key;
  unsigned flags;
  const char *digest; /* NULL: SHA-256, or what the issuer's key asks for */
  const char *sent;   /* entries to send with it, separated by blanks; NULL:
                         its issuers up to the root */
  const char *extensions[MAX_EXTENSIONS]; /* "name=value" in place of the
                         usual one; with no value, it is left out */
};

#define HERE "DNS:localhost,DNS:test.example,IP:127.0.0.1,IP:::1"

/* 2 GeneralName "localhost\0.evil.example" */
#define NUL_NAME \
  "subjectAltName=DER:30:19:82:17:6c:6f:63:61:6c:68:6f:73:74:00:2e:65:76:69:" \
  "6c:2e:65:78:61:6d:70:6c:65"

static const struct entry table[] = {
  { .name = "ca", .subject = "sslconnect test CA", .flags = AUTHORITY,
    .from = -3650, .to = 3650 },
  { .name = "otherca", .subject = "sslconnect other CA", .flags = AUTHORITY,
    .from = -3650, .to = 3650 },
  { .name = "intermediate", .issuer = "ca", .flags = AUTHORITY,
    .subject = "sslconnect test intermediate", .from = -3650, .to = 3650 },
  { .name = "expired-int", .issuer = "ca", .flags = AUTHORITY,
    .subject = "sslconnect expired intermediate", .from = -730, .to = -365 },
  { .name = "notca-int", .issuer = "ca", .subject = "sslconnect no CA" },
  { .name = "nosign-int", .issuer = "ca", .flags = AUTHORITY,
    .subject = "sslconnect signs no certificates",
    .extensions = { "keyUsage=critical,cRLSign" } },
  { .name = "rsa-int", .issuer = "ca", .flags = AUTHORITY, .key = RSA2048,
    .subject = "sslconnect RSA intermediate" },
  { .name = "pathlen-int", .issuer = "ca", .flags = AUTHORITY,
    .subject = "sslconnect last intermediate",
    .extensions = { "basicConstraints=critical,CA:TRUE,pathlen:0" } },
  { .name = "pathlen-sub", .issuer = "pathlen-int", .flags = AUTHORITY,
    .subject = "sslconnect one intermediate too many" },
  { .name = "nameconstraint-int", .issuer = "ca", .flags = AUTHORITY,
    .subject = "sslconnect constrained intermediate",
    .extensions = {
      "nameConstraints=critical,permitted;DNS:allowed.example" } },

  { .name = "good", .issuer = "intermediate", .subject = "good",
    .names = HERE ",DNS:*.wild.example" },
  { .name = "direct", .issuer = "ca", .subject = "direct", .names = HERE },
  { .name = "rsa", .issuer = "rsa-int", .subject = "rsa", .names = HERE,
    .key = RSA2048 },
  { .name = "rsapss", .issuer = "rsa-int", .subject = "rsapss", .names = HERE,
    .key = RSAPSS },
  { .name = "ed25519", .issuer = "intermediate", .subject = "ed25519",
    .names = HERE, .key = ED25519 },
  { .name = "iponly", .issuer = "ca", .subject = "iponly",
    .names = "IP:127.0.0.1" },
  { .name = "idn", .issuer = "ca", .subject = "idn",
    .names = "DNS:xn--bcher-kva.example" },

  { .name = "expired", .issuer = "ca", .subject = "expired", .names = HERE,
    .from = -730, .to = -365 },
  { .name = "notyet", .issuer = "ca", .subject = "notyet", .names = HERE,
    .from = 365, .to = 730 },
  { .name = "expiredca", .issuer = "expired-int", .subject = "expiredca",
    .names = HERE },
  { .name = "wronghost", .issuer = "ca", .subject = "wronghost",
    .names = "DNS:wrong.example,DNS:other.example" },
  { .name = "cnonly", .issuer = "ca", .subject = "localhost" },
  { .name = "wildcard", .issuer = "ca", .subject = "wildcard",
    .names = "DNS:*.example" },
  { .name = "nul", .issuer = "ca", .subject = "nul",
    .extensions = { NUL_NAME } },
  { .name = "ipindns", .issuer = "ca", .subject = "ipindns",
    .names = "DNS:127.0.0.1" },
  { .name = "unknown", .issuer = "otherca", .subject = "unknown",
    .names = HERE },
  { .name = "unknown-root", .issuer = "otherca", .subject = "unknown-root",
    .names = HERE, .sent = "otherca" },
  { .name = "selfsigned", .subject = "selfsigned", .names = HERE },
  { .name = "noint", .issuer = "intermediate", .subject = "noint",
    .names = HERE, .sent = "" },
  { .name = "notca", .issuer = "notca-int", .subject = "notca",
    .names = HERE },
  { .name = "nosign", .issuer = "nosign-int", .subject = "nosign",
    .names = HERE },
  { .name = "pathlen", .issuer = "pathlen-sub", .subject = "pathlen",
    .names = HERE },
  { .name = "nameconstraint", .issuer = "nameconstraint-int",
    .subject = "nameconstraint", .names = "DNS:localhost" },
  { .name = "clientonly", .issuer = "ca", .subject = "clientonly",
    .names = HERE, .extensions = { "extendedKeyUsage=clientAuth" } },
  { .name = "critical", .issuer = "ca", .subject = "critical", .names = HERE,
    .extensions = { "1.3.6.1.4.1.99999.1=critical,DER:05:00" } },
  { .name = "badsig", .issuer = "ca", .subject = "badsig", .names = HERE,
    .flags = BAD_SIGNATURE },
  { .name = "revoked", .issuer = "ca", .subject = "revoked", .names = HERE },
  { .name = "weak", .issuer = "ca", .subject = "weak", .names = HERE,
    .key = RSA1024 },
  { .name = "sha1", .issuer = "ca", .subject = "sha1", .names = HERE,
    .digest = "SHA1", .flags = MAY_BE_REFUSED },
  { .name = "md5", .issuer = "rsa-int", .subject = "md5", .names = HERE,
    .digest = "MD5", .flags = MAY_BE_REFUSED },

  { .name = "client", .issuer = "ca", .subject = "client",
    .extensions = { "extendedKeyUsage=clientAuth" } },
  { .name = "client-int", .issuer = "intermediate", .subject = "client-int",
    .key = RSA2048, .extensions = { "extendedKeyUsage=clientAuth" } },
  { .name = "client-unknown", .issuer = "otherca", .subject = "client-unknown",
    .extensions = { "extendedKeyUsage=clientAuth" } },
  { .name = "client-expired", .issuer = "ca", .subject = "client-expired",
    .from = -730, .to = -365,
    .extensions = { "extendedKeyUsage=clientAuth" } },
};

static const struct list {
  const char *name, *issuer, *revoked;
  int from, to;
} lists[] = {
  { "crl", "ca", "revoked", -1, 365 },
  { "crl_expired", "ca", "revoked", -730, -365 },
};

static const char *const authority_extensions[] = {
  "basicConstraints=critical,CA:TRUE",
  "keyUsage=critical,keyCertSign,cRLSign",
  "subjectKeyIdentifier=hash",
  "authorityKeyIdentifier=keyid",
  NULL
};

static const char *const server_extensions[] = {
  "basicConstraints=critical,CA:FALSE",
  "keyUsage=critical,digitalSignature",
  "extendedKeyUsage=serverAuth",
  "subjectKeyIdentifier=hash",
  "authorityKeyIdentifier=keyid",
  NULL
};

#define TABLE_SIZE (sizeof table / sizeof table[0])

/* What was made of each entry; NULL where libcrypto refused. */
static struct {
  X509 *cert;
  EVP_PKEY *key;
} made[TABLE_SIZE];

static const char *dir;
static time_t now;

/* ------------------------------------------------------------- complaints */

static void
die(const char *what, const char *name)
{
  fprintf(stderr, "certkit: %s: %s", name, what);
  if (errno != 0 && ERR_peek_error() == 0)
    fprintf(stderr, ": %s", strerror(errno));
  fputc('\n', stderr);
  ERR_print_errors_fp(stderr);
  exit(EXIT_FAILURE);
}

static void
need(int ok, const char *what, const char *name)
{
  if (!ok)
    die(what, name);
}

/* The entry's place in the table. */
static size_t
find(const char *name, size_t len)
{
  size_t i;

  for (i = 0; i < TABLE_SIZE; i++)
    if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
      return i;
  die("no such entry in the table", name);
  return 0;
}

/* ------------------------------------------------------------------ files */

static BIO *
create(const char *name, const char *suffix)
{
  char path[4096];
  int len = snprintf(path, sizeof path, "%s/%s%s", dir, name, suffix);
  BIO *file;

  need(len > 0 && (size_t)len < sizeof path, "the path is too long", name);
  file = BIO_new_file(path, "w");
  need(file != NULL, "cannot create the file", path);
  return file;
}

static void
finish(BIO *file, const char *name)
{
  need(BIO_flush(file) == 1, "cannot write the file", name);
  BIO_free(file);
}

static void
write_text(const char *name, const char *text)
{
  BIO *file = create(name, "");
  int len = (int)strlen(text);

  need(len == 0 || BIO_write(file, text, len) == len, "cannot write", name);
  finish(file, name);
}

/* With a password the key is encrypted. */
static void
write_key(const char *name, EVP_PKEY *key, const char *password)
{
  BIO *file = create(name, ".key");
  const EVP_CIPHER *cipher = password != NULL ? EVP_aes_256_cbc() : NULL;
  int len = password != NULL ? (int)strlen(password) : 0;

  /* 1.1.1 has no const there. */
  need(PEM_write_bio_PKCS8PrivateKey(file, key, cipher, (char *)password, len,
                                     NULL, NULL), "cannot write the key", name);
  finish(file, name);
}

static void
make_dir(const char *path)
{
  need(mkdir(path, 0777) == 0 || errno == EEXIST, "cannot make the directory",
       path);
  errno = 0;
}

/* ------------------------------------------------------------------- keys */

static EVP_PKEY *
make_key(enum key_kind kind, const char *name)
{
  static const int ids[] = { EVP_PKEY_EC, EVP_PKEY_RSA, EVP_PKEY_RSA,
                             EVP_PKEY_ED25519, EVP_PKEY_RSA_PSS };
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(ids[kind], NULL);
  EVP_PKEY *key = NULL;
  int ok = ctx != NULL && EVP_PKEY_keygen_init(ctx) > 0;

  if (kind == P256)
    ok = ok && EVP_PKEY_CTX_set_ec_paramgen_curve_nid(
                 ctx, NID_X9_62_prime256v1) > 0;
  else if (kind != ED25519)
    ok = ok && EVP_PKEY_CTX_set_rsa_keygen_bits(
                 ctx, kind == RSA1024 ? 1024 : 2048) > 0;
  need(ok && EVP_PKEY_keygen(ctx, &key) > 0, "cannot make a key", name);
  EVP_PKEY_CTX_free(ctx);
  return key;
}

/* ----------------------------------------------------------- certificates */

static void
set_subject(X509 *cert, const struct entry *e)
{
  X509_NAME *name = X509_NAME_new();
  int ok = name != NULL;

  if (e->subject != NULL)
    ok = ok && X509_NAME_add_entry_by_txt(
                 name, "CN", MBSTRING_UTF8, (const unsigned char *)e->subject,
                 -1, -1, 0);
  need(ok && X509_set_subject_name(cert, name), "subject", e->name);
  X509_NAME_free(name);
}

static void
set_validity(X509 *cert, const struct entry *e)
{
  int usual = e->from == 0 && e->to == 0;
  int from = usual ? -1 : e->from;
  int to = usual ? 365 : e->to;

  need(X509_time_adj_ex(X509_getm_notBefore(cert), from, 0, &now) != NULL &&
       X509_time_adj_ex(X509_getm_notAfter(cert), to, 0, &now) != NULL,
       "validity", e->name);
}

static void
add_extension(X509 *cert, X509 *issuer, const struct entry *e,
              const char *name, const char *value)
{
  X509V3_CTX ctx;
  X509_EXTENSION *ext;

  X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
  ext = X509V3_EXT_nconf(NULL, &ctx, name, value);
  need(ext != NULL && X509_add_ext(cert, ext, -1), name, e->name);
  X509_EXTENSION_free(ext);
}

/* Adds the extension of the text "name=value"; none where the value is
 * empty. */
static void
add_extension_text(X509 *cert, X509 *issuer, const struct entry *e,
                   const char *text)
{
  const char *equals = strchr(text, '=');
  char name[64];

  need(equals != NULL && (size_t)(equals - text) < sizeof name, text, e->name);
  memcpy(name, text, (size_t)(equals - text));
  name[equals - text] = '\0';
  if (equals[1] != '\0')
    add_extension(cert, issuer, e, name, equals + 1);
}

/* Whether the entry has an extension of its own with the name of `text`. */
static int
is_replaced(const struct entry *e, const char *text)
{
  size_t len = (size_t)(strchr(text, '=') - text) + 1;
  size_t i;

  for (i = 0; i < MAX_EXTENSIONS && e->extensions[i] != NULL; i++)
    if (strncmp(e->extensions[i], text, len) == 0)
      return 1;
  return 0;
}

static void
add_extensions(X509 *cert, X509 *issuer, const struct entry *e)
{
  const char *const *usual =
    (e->flags & AUTHORITY) != 0 ? authority_extensions : server_extensions;
  size_t i;

  for (; *usual != NULL; usual++)
    if (!is_replaced(e, *usual))
      add_extension_text(cert, issuer, e, *usual);
  if (e->names != NULL)
    add_extension(cert, issuer, e, "subjectAltName", e->names);
  for (i = 0; i < MAX_EXTENSIONS && e->extensions[i] != NULL; i++)
    add_extension_text(cert, issuer, e, e->extensions[i]);
}

static X509 *
make_unsigned(size_t index, size_t issuer)
{
  const struct entry *e = &table[index];
  X509 *cert = X509_new();
  X509 *above = issuer == index ? cert : made[issuer].cert;

  need(cert != NULL && X509_set_version(cert, 2) &&
       ASN1_INTEGER_set(X509_get_serialNumber(cert), (long)index + 1) &&
       X509_set_pubkey(cert, made[index].key), "certificate", e->name);
  set_subject(cert, e);
  need(X509_set_issuer_name(cert, X509_get_subject_name(above)), "issuer",
       e->name);
  set_validity(cert, e);
  add_extensions(cert, above, e);
  return cert;
}

static int
sign(X509 *cert, const struct entry *e, EVP_PKEY *key)
{
  const EVP_MD *digest = EVP_sha256();

  if (e->digest != NULL) {
    digest = EVP_get_digestbyname(e->digest);
    if (digest == NULL)
      return 0;
  } else if (EVP_PKEY_base_id(key) == EVP_PKEY_ED25519) {
    digest = NULL; /* it has its own */
  }
  return X509_sign(cert, key, digest) > 0;
}

/* The same certificate with its last byte, one of the signature's, changed. */
static X509 *
break_signature(X509 *cert, const char *name)
{
  unsigned char *der = NULL;
  int len = i2d_X509(cert, &der);
  const unsigned char *p = der;
  X509 *broken;

  need(len > 0, "encoding", name);
  der[len - 1] ^= 1;
  broken = d2i_X509(NULL, &p, len);
  need(broken != NULL, "decoding", name);
  OPENSSL_free(der);
  X509_free(cert);
  return broken;
}

static void
make_cert(size_t index)
{
  const struct entry *e = &table[index];
  size_t issuer =
    e->issuer != NULL ? find(e->issuer, strlen(e->issuer)) : index;
  EVP_PKEY *signer;
  X509 *cert;

  made[index].key = make_key(e->key, e->name);
  signer = made[issuer].key;
  need(signer != NULL, "the issuer stands further down", e->name);
  cert = make_unsigned(index, issuer);
  if (!sign(cert, e, signer)) {
    need((e->flags & MAY_BE_REFUSED) != 0, "signing", e->name);
    ERR_clear_error();
    X509_free(cert);
    return;
  }
  if ((e->flags & BAD_SIGNATURE) != 0)
    cert = break_signature(cert, e->name);
  made[index].cert = cert;
}

/* ----------------------------------------------------------------- chains */

static void
append_cert(BIO *file, size_t index)
{
  const char *name = table[index].name;

  need(made[index].cert != NULL && PEM_write_bio_X509(file, made[index].cert),
       "cannot write the certificate", name);
}

static void
append_named(BIO *file, const char *names)
{
  size_t len;

  for (; *names != '\0'; names += len) {
    names += strspn(names, " ");
    len = strcspn(names, " ");
    if (len > 0)
      append_cert(file, find(names, len));
  }
}

/* The issuers, without the root. */
static void
append_issuers(BIO *file, const struct entry *e)
{
  while (e->issuer != NULL) {
    size_t index = find(e->issuer, strlen(e->issuer));

    e = &table[index];
    if (e->issuer != NULL)
      append_cert(file, index);
  }
}

static void
write_entry(size_t index)
{
  const struct entry *e = &table[index];
  BIO *file;

  if (made[index].cert == NULL)
    return;
  file = create(e->name, ".pem");
  append_cert(file, index);
  if (e->sent != NULL)
    append_named(file, e->sent);
  else
    append_issuers(file, e);
  finish(file, e->name);
  write_key(e->name, made[index].key, NULL);
}

/* ------------------------------------------------------- revocation lists */

static void
revoke(X509_CRL *crl, const char *name)
{
  X509_REVOKED *revoked = X509_REVOKED_new();
  ASN1_TIME *date = X509_time_adj_ex(NULL, -1, 0, &now);
  X509 *cert = made[find(name, strlen(name))].cert;

  need(revoked != NULL && date != NULL &&
       X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(cert)) &&
       X509_REVOKED_set_revocationDate(revoked, date) &&
       X509_CRL_add0_revoked(crl, revoked), "cannot revoke", name);
  ASN1_TIME_free(date);
}

static void
set_crl_times(X509_CRL *crl, const struct list *l)
{
  ASN1_TIME *from = X509_time_adj_ex(NULL, l->from, 0, &now);
  ASN1_TIME *to = X509_time_adj_ex(NULL, l->to, 0, &now);

  need(from != NULL && to != NULL && X509_CRL_set1_lastUpdate(crl, from) &&
       X509_CRL_set1_nextUpdate(crl, to), "times", l->name);
  ASN1_TIME_free(from);
  ASN1_TIME_free(to);
}

static void
write_list(const struct list *l)
{
  size_t issuer = find(l->issuer, strlen(l->issuer));
  X509_CRL *crl = X509_CRL_new();
  BIO *file;

  need(crl != NULL && X509_CRL_set_version(crl, 1) &&
       X509_CRL_set_issuer_name(crl, X509_get_subject_name(
                                       made[issuer].cert)), "list", l->name);
  set_crl_times(crl, l);
  revoke(crl, l->revoked);
  need(X509_CRL_sort(crl) &&
       X509_CRL_sign(crl, made[issuer].key, EVP_sha256()), "signing", l->name);
  file = create(l->name, ".pem");
  need(PEM_write_bio_X509_CRL(file, crl), "cannot write the list", l->name);
  finish(file, l->name);
  X509_CRL_free(crl);
}

/* ----------------------------------------------------------- the odd ones */

static void
write_hashed_dir(void)
{
  size_t ca = find("ca", 2);
  char path[4096], name[64];
  BIO *file;

  snprintf(path, sizeof path, "%s/cadir", dir);
  make_dir(path);
  snprintf(name, sizeof name, "cadir/%08lx.0",
           X509_subject_name_hash(made[ca].cert));
  file = create(name, "");
  append_cert(file, ca);
  finish(file, name);
}

static void
write_pkcs12(const char *name, const char *password)
{
  size_t i = find(name, strlen(name));
  PKCS12 *p12 = PKCS12_create(password, name, made[i].key, made[i].cert, NULL,
                              NID_aes_256_cbc, NID_aes_256_cbc, 0, 0, 0);
  BIO *file = create(name, ".p12");

  need(p12 != NULL && i2d_PKCS12_bio(file, p12), "cannot write it", name);
  finish(file, name);
  PKCS12_free(p12);
}

static void
write_others(void)
{
  EVP_PKEY *key = make_key(P256, "mismatch");

  write_key("mismatch", key, NULL);
  EVP_PKEY_free(key);
  write_key("client-enc", made[find("client", 6)].key, "secret");
  write_pkcs12("client", "secret");
  write_text("empty.pem", "");
  write_text("garbage.pem", "this is not PEM\n");
  write_text("broken.pem", "-----BEGIN CERTIFICATE-----\nTm8gREVSIGhlcmU=\n"
                           "-----END CERTIFICATE-----\n");
}

static void
forget(void)
{
  size_t i;

  for (i = 0; i < TABLE_SIZE; i++) {
    X509_free(made[i].cert);
    EVP_PKEY_free(made[i].key);
  }
}

int
main(int argc, char **argv)
{
  size_t i;

  if (argc != 2 || argv[1][0] == '\0' || argv[1][0] == '-') {
    fputs("usage: certkit DIR\n"
          "Makes the keys and certificates of the tests in DIR.\n", stderr);
    return EXIT_FAILURE;
  }
  dir = argv[1];
  now = time(NULL);
  make_dir(dir);
  for (i = 0; i < TABLE_SIZE; i++)
    make_cert(i);
  for (i = 0; i < TABLE_SIZE; i++)
    write_entry(i);
  for (i = 0; i < sizeof lists / sizeof lists[0]; i++)
    write_list(&lists[i]);
  write_hashed_dir();
  write_others();
  forget();
  return EXIT_SUCCESS;
}
