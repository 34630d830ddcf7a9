/*
 * cert.c: certificates by their recipes: X509V3_EXT_nconf(3), X509_sign(3).
 * What libcrypto does not build is patched before it is signed.
 */
#include "casekit.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

time_t now;

static const struct recipe usual[] = {
  { .id = "root", .by = "root" },
  { .id = "int", .by = "root" },
  { .id = "leaf", .by = "int" },
};

static const char *const authority_extensions[] = {
  "basicConstraints=critical,CA:TRUE",
  "keyUsage=critical,keyCertSign,cRLSign",
  "subjectKeyIdentifier=hash",
  "authorityKeyIdentifier=keyid",
  NULL
};

static const char *const leaf_extensions[] = {
  "basicConstraints=critical,CA:FALSE",
  "keyUsage=critical,digitalSignature",
  "extendedKeyUsage=serverAuth",
  "subjectKeyIdentifier=hash",
  "authorityKeyIdentifier=keyid",
  NULL
};

static const char *const client_extensions[] = {
  "basicConstraints=critical,CA:FALSE",
  "keyUsage=critical,digitalSignature",
  "extendedKeyUsage=clientAuth",
  "subjectKeyIdentifier=hash",
  "authorityKeyIdentifier=keyid",
  NULL
};

static const char *const no_extensions[] = { NULL };

/* ----------------------------------------------------------- the recipe */

static int
is_leaf(const struct recipe *r)
{
  return (r->flags & END_ENTITY) != 0 ||
         ((r->flags & AUTHORITY) == 0 && strcmp(r->id, "leaf") == 0);
}

static const struct recipe *
find_recipe(const struct row *row, const char *id)
{
  size_t i;

  for (i = 0; i < MAX_RECIPES && row->recipes[i].id != NULL; i++)
    if (strcmp(row->recipes[i].id, id) == 0)
      return &row->recipes[i];
  for (i = 0; i < sizeof usual / sizeof usual[0]; i++)
    if (strcmp(usual[i].id, id) == 0)
      return &usual[i];
  fprintf(stderr, "casekit: %s: no certificate is called %s\n", row->name, id);
  exit(EXIT_FAILURE);
}

/* The issuer's id. */
static const char *
issuer_of(const struct recipe *r)
{
  if (r->by != NULL)
    return r->by;
  if (strcmp(r->id, "root") == 0 || strcmp(r->id, "int") == 0)
    return "root";
  return "int";
}

static const char *
subject_of(const struct recipe *r)
{
  return r->subject != NULL ? r->subject : r->id;
}

static EVP_PKEY *
key_of(const struct row *row, const struct recipe *r)
{
  if (r->key_of != NULL)
    return key_of(row, find_recipe(row, r->key_of));
  return get_key(r->key, r->id);
}

/* ------------------------------------------------------------- the fields */

static X509_NAME *
make_name(const char *common)
{
  X509_NAME *name = X509_NAME_new();

  need(name != NULL && (*common == '\0' || X509_NAME_add_entry_by_txt(
         name, "CN", MBSTRING_UTF8, (const unsigned char *)common, -1, -1, 0)),
       "cannot make a name");
  return name;
}

static void
set_names(X509 *cert, const struct row *row, const struct recipe *r)
{
  const char *above =
    r->issuer != NULL ? r->issuer : subject_of(find_recipe(row, issuer_of(r)));
  X509_NAME *subject = make_name(subject_of(r));
  X509_NAME *issuer = make_name(above);

  need(X509_set_subject_name(cert, subject) &&
       X509_set_issuer_name(cert, issuer), "cannot set a name");
  X509_NAME_free(subject);
  X509_NAME_free(issuer);
}

static void
set_validity(X509 *cert, const struct recipe *r)
{
  int is_usual = r->from == 0 && r->to == 0;
  long from = is_usual ? -30 * DAY : r->from;
  long to = is_usual ? 30 * DAY : r->to;

  need(X509_time_adj_ex(X509_getm_notBefore(cert), (int)(from / DAY),
                        from % DAY, &now) != NULL &&
       X509_time_adj_ex(X509_getm_notAfter(cert), (int)(to / DAY), to % DAY,
                        &now) != NULL, "cannot set a time");
}

/* ------------------------------------------------------------- extensions */

static void
add_extension(X509 *cert, X509 *issuer, const char *name, const char *value)
{
  X509V3_CTX ctx;
  X509_EXTENSION *ext;

  X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
  ext = X509V3_EXT_nconf(NULL, &ctx, name, value);
  need(ext != NULL && X509_add_ext(cert, ext, -1), value);
  X509_EXTENSION_free(ext);
}

/* Adds the extension of the text "name=value"; none where the value is
 * empty. */
static void
add_extension_text(X509 *cert, X509 *issuer, const char *text)
{
  const char *equals = strchr(text, '=');
  char name[64];

  need(equals != NULL && (size_t)(equals - text) < sizeof name, text);
  memcpy(name, text, (size_t)(equals - text));
  name[equals - text] = '\0';
  if (equals[1] != '\0')
    add_extension(cert, issuer, name, equals + 1);
}

/* Whether the recipe has an extension of its own with the name of `text`. */
static int
is_replaced(const struct recipe *r, const char *text)
{
  size_t len = (size_t)(strchr(text, '=') - text) + 1;
  size_t i;

  for (i = 0; i < MAX_EXTENSIONS && r->extensions[i] != NULL; i++)
    if (strncmp(r->extensions[i], text, len) == 0)
      return 1;
  return 0;
}

/* Whether `text` is for an identifier that the issuer does not have. */
static int
lacks_identifier(X509 *issuer, const char *text)
{
  return strncmp(text, "authorityKeyIdentifier", 22) == 0 &&
         X509_get_ext_by_NID(issuer, NID_subject_key_identifier, -1) < 0;
}

static const char *const *
usual_extensions(const struct recipe *r)
{
  if ((r->flags & PLAIN) != 0)
    return no_extensions;
  if ((r->flags & CLIENT) != 0)
    return client_extensions;
  return is_leaf(r) ? leaf_extensions : authority_extensions;
}

static void
add_many_names(X509 *cert, X509 *issuer, const char *names)
{
  char text[16384];
  int i, n = 0;

  for (i = 0; i < 500; i++)
    n += snprintf(text + n, sizeof text - (size_t)n, "DNS:n%d.example,", i);
  snprintf(text + n, sizeof text - (size_t)n, "%s", names);
  add_extension(cert, issuer, "subjectAltName", text);
}

static void
add_alt_names(X509 *cert, X509 *issuer, const struct recipe *r)
{
  const char *names = r->names;

  if (names == NULL && is_leaf(r) && (r->flags & (PLAIN | CLIENT)) == 0)
    names = "DNS:host.example";
  if (names == NULL || *names == '\0')
    return;
  if ((r->flags & MANY_NAMES) != 0)
    add_many_names(cert, issuer, names);
  else
    add_extension(cert, issuer, "subjectAltName", names);
}

static void
add_extensions(X509 *cert, X509 *issuer, const struct recipe *r)
{
  const char *const *next = usual_extensions(r);
  size_t i;

  for (; *next != NULL; next++)
    if (!is_replaced(r, *next) && !lacks_identifier(issuer, *next))
      add_extension_text(cert, issuer, *next);
  add_alt_names(cert, issuer, r);
  for (i = 0; i < MAX_EXTENSIONS && r->extensions[i] != NULL; i++)
    add_extension_text(cert, issuer, r->extensions[i]);
}

/* ---------------------------------------------------------------- signing */

static const EVP_MD *
digest_for(EVP_PKEY *key, const char *digest)
{
  int type = EVP_PKEY_base_id(key);

  if (type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448)
    return NULL;
  return digest != NULL ? EVP_get_digestbyname(digest) : EVP_sha256();
}

struct bytes
sign_bytes(EVP_PKEY *key, const char *digest, const struct bytes *tbs)
{
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  struct bytes signature = { NULL, 0 };
  unsigned char buf[1024];
  size_t len = sizeof buf;

  need(ctx != NULL &&
       EVP_DigestSignInit(ctx, NULL, digest_for(key, digest), NULL, key) > 0 &&
       EVP_DigestSign(ctx, buf, &len, tbs->at, tbs->len) > 0, "cannot sign");
  EVP_MD_CTX_free(ctx);
  bytes_add(&signature, buf, len);
  return signature;
}

/* The AlgorithmIdentifier that libcrypto has put in, or the recipe's. */
static struct bytes
algorithm_of(const struct recipe *r, X509 *cert)
{
  struct bytes b = { NULL, 0 };
  const X509_ALGOR *algorithm;
  unsigned char *der = NULL;
  int len;

  if (r->algorithm != NULL) {
    bytes_add_hex(&b, r->algorithm);
    return b;
  }
  X509_get0_signature(NULL, &algorithm, cert);
  /* 1.1.1 wants one that can be changed. */
  len = i2d_X509_ALGOR((X509_ALGOR *)(uintptr_t)algorithm, &der);
  need(len > 0, "cannot encode");
  bytes_add(&b, der, (size_t)len);
  OPENSSL_free(der);
  return b;
}

/* Signed by hand, after the signature of libcrypto has set what it sets. */
static struct bytes
sign_patched(const struct recipe *r, X509 *cert, EVP_PKEY *key)
{
  struct bytes tbs = der_patched(r, cert);
  struct bytes algorithm = algorithm_of(r, cert);
  struct bytes signature = sign_bytes(key, r->digest, &tbs);
  struct bytes der = der_certificate(&tbs, &algorithm, &signature);

  bytes_free(&tbs);
  bytes_free(&algorithm);
  bytes_free(&signature);
  return der;
}

static struct bytes
encode(X509 *cert)
{
  struct bytes b = { NULL, 0 };
  unsigned char *der = NULL;
  int len = i2d_X509(cert, &der);

  need(len > 0, "cannot encode");
  bytes_add(&b, der, (size_t)len);
  OPENSSL_free(der);
  return b;
}

/* What is sent in place of the certificate. */
static void
spoil(struct bytes *der, const struct recipe *r)
{
  if (r->raw != NULL) {
    bytes_free(der);
    bytes_add_hex(der, r->raw);
  }
  if ((r->flags & BAD_SIGNATURE) != 0)
    der->at[der->len - 1] ^= 1;
  if ((r->flags & CUT) != 0)
    der->len -= 10;
  if ((r->flags & LONGER) != 0)
    bytes_add(der, "more", 4);
}

/* ------------------------------------------------------------------ whole */

static void
make(struct made_case *c, struct made *m, const struct recipe *r)
{
  struct made *above;
  int signs_itself = strcmp(issuer_of(r), r->id) == 0;
  static long serial = 1000;

  m->recipe = r;
  m->key = key_of(c->row, r);
  m->cert = X509_new();
  above = signs_itself ? m : get_made(c, issuer_of(r));
  need(m->cert != NULL && X509_set_version(m->cert, 2) &&
       ASN1_INTEGER_set(X509_get_serialNumber(m->cert), serial++) &&
       X509_set_pubkey(m->cert, m->key), "cannot make a certificate");
  set_names(m->cert, c->row, r);
  set_validity(m->cert, r);
  add_extensions(m->cert, above->cert, r);
  need(X509_sign(m->cert, above->key, digest_for(above->key, r->digest)) > 0,
       "cannot sign");
  m->der = r->patches[0].field != NO_FIELD || r->algorithm != NULL
    ? sign_patched(r, m->cert, above->key) : encode(m->cert);
  spoil(&m->der, r);
}

struct made *
get_made(struct made_case *c, const char *id)
{
  struct made *m;
  size_t i;

  for (i = 0; i < c->count; i++)
    if (strcmp(c->made[i].recipe->id, id) == 0)
      return &c->made[i];
  need(c->count < sizeof c->made / sizeof c->made[0], "too many certificates");
  m = &c->made[c->count++];
  m->recipe = find_recipe(c->row, id);
  make(c, m, m->recipe);
  return m;
}

void
forget_made(struct made_case *c)
{
  while (c->count > 0) {
    struct made *m = &c->made[--c->count];

    bytes_free(&m->der);
    X509_free(m->cert);
  }
}
