/*
 * trust_index.c: bundles, certificates that may be trusted, found by subject.
 *
 * To parse Debian's bundle takes OpenSSL 20 milliseconds, and a chain needs one
 * certificate of it.  So the bytes are taken apart just as far as to find each
 * subject, and a certificate is parsed when somebody asks for it.  What the
 * quick way does not understand is read by OpenSSL, whose word counts.
 *
 * A bundle is shared by stores and threads, with a count of references.
 */
#include "internal.h"

#include <pthread.h>
#include <string.h>

struct entry {
  uint32_t key;  /* of its subject */
  bool keyed;    /* else it is a candidate for any name */
  bool aux;      /* what it is trusted for stands behind it */
  bool bad;      /* OpenSSL does not take it */
  size_t at, len; /* in the bundle's bytes */
  X509 *x509;    /* once it was asked for */
};

struct sslci_bundle {
  atomic_int refs;
  pthread_mutex_t lock; /* over what follows, once it is shared */
  char *path;           /* read when it is first asked; NULL: it was */
  unsigned char *bytes;
  struct entry *entries;
  size_t count, size;
};

/* --------------------------------------------------------------- making */

struct sslci_bundle *
sslci_bundle_new(void)
{
  struct sslci_bundle *b = sslci_new(struct sslci_bundle);
  if (!b || pthread_mutex_init(&b->lock, NULL) != 0) {
    OPENSSL_free(b);
    return NULL;
  }
  atomic_init(&b->refs, 1);
  return b;
}

struct sslci_bundle *
sslci_bundle_up_ref(struct sslci_bundle *b)
{
  atomic_fetch_add(&b->refs, 1);
  return b;
}

static void
forget(struct sslci_bundle *b)
{
  for (size_t i = 0; i < b->count; i++)
    X509_free(b->entries[i].x509);
  OPENSSL_free(b->entries);
  OPENSSL_free(b->bytes);
  b->entries = NULL;
  b->bytes = NULL;
  b->count = b->size = 0;
}

void
sslci_bundle_free(struct sslci_bundle *b)
{
  if (!b || atomic_fetch_sub(&b->refs, 1) > 1)
    return;
  forget(b);
  OPENSSL_free(b->path);
  pthread_mutex_destroy(&b->lock);
  OPENSSL_free(b);
}

size_t
sslci_bundle_count(const struct sslci_bundle *b)
{
  return b->count;
}

/* A new entry, all zero; NULL: memory is short. */
static struct entry *
new_entry(struct sslci_bundle *b)
{
  if (b->count == b->size) {
    size_t size = b->size ? 2 * b->size : 256;
    struct entry *more = OPENSSL_realloc(b->entries, size * sizeof *more);
    if (!more)
      return NULL;
    b->entries = more;
    b->size = size;
  }
  struct entry *e = &b->entries[b->count++];
  memset(e, 0, sizeof *e);
  return e;
}

bool
sslci_bundle_add(struct sslci_bundle *b, X509 *x509)
{
  struct entry *e = new_entry(b);
  if (!e)
    return false;
  X509_up_ref(x509);
  e->x509 = x509;
  e->keyed = sslci_x509_name_key(X509_get_subject_name(x509), &e->key);
  return true;
}

/* --------------------------------------------------------- the quick way */

/* The certificate of `len` bytes at `at`; false: it is not to be understood, or
 * memory is short. */
static bool
index_one(struct sslci_bundle *b, size_t at, size_t len, bool aux)
{
  struct sslci_span der = { b->bytes + at, len }, subject;
  struct entry *e = new_entry(b);
  if (!e || !sslci_der_subject(&der, &subject) || (!aux && der.len > 0))
    return false;
  e->at = at;
  e->len = len;
  e->aux = aux;
  e->keyed = sslci_name_key(subject, &e->key);
  return true;
}

static bool
index_pem(struct sslci_bundle *b, const struct sslci_data *d)
{
  struct sslci_pem pem = { { d->bytes, d->len }, false };
  size_t at = 0, len;
  int more = -1;
  b->bytes = OPENSSL_malloc(d->len + 1);
  while (b->bytes && (more = sslci_pem_next(&pem, b->bytes + at, &len)) == 1) {
    if (!index_one(b, at, len, pem.aux))
      return false;
    at += len;
  }
  return b->bytes && more == 0;
}

/* ------------------------------------------------------------ OpenSSL's way */

static enum sslci_loaded
parse_pem(struct sslci_bundle *b, const struct sslci_data *d)
{
  X509 *x509;
  bool ok = true;
  BIO *mem = BIO_new_mem_buf(d->bytes, (int)d->len);
  ERR_clear_error();
  while (mem && ok &&
         (x509 = PEM_read_bio_X509_AUX(mem, NULL, NULL, NULL)) != NULL) {
    ok = sslci_bundle_add(b, x509);
    X509_free(x509);
  }
  BIO_free(mem);
  if (!mem || !ok)
    return SSLCI_LOADED_NOMEM;
  if (!sslci_is_end_of_pem())
    return SSLCI_LOADED_BAD;
  ERR_clear_error();
  return b->count ? SSLCI_LOADED_SOME : SSLCI_LOADED_NONE;
}

static enum sslci_loaded
parse_der(struct sslci_bundle *b, const struct sslci_data *d)
{
  const unsigned char *p = d->bytes;
  X509 *x509 = d2i_X509(NULL, &p, (long)d->len);
  bool whole = x509 && p == (const unsigned char *)d->bytes + d->len;
  bool added = whole && sslci_bundle_add(b, x509);
  X509_free(x509);
  if (!whole)
    return SSLCI_LOADED_BAD;
  return added ? SSLCI_LOADED_SOME : SSLCI_LOADED_NOMEM;
}

/* -------------------------------------------------------------- reading */

/* One certificate in DER begins with a SEQUENCE, which text does not. */
static bool
is_der(const struct sslci_data *d)
{
  static const char begin[] = "-----BEGIN";
  return d->len > 1 && *(const unsigned char *)d->bytes == 0x30 &&
         ((const unsigned char *)d->bytes)[1] >= 0x80 &&
         !memmem(d->bytes, d->len, begin, sizeof begin - 1);
}

enum sslci_loaded
sslci_bundle_read(struct sslci_bundle *b, const struct sslci_data *d)
{
  if (is_der(d))
    return parse_der(b, d);
  if (index_pem(b, d))
    return b->count ? SSLCI_LOADED_SOME : SSLCI_LOADED_NONE;
  forget(b);
  return parse_pem(b, d);
}

enum sslci_loaded
sslci_bundle_read_der(struct sslci_bundle *b, const struct sslci_data *d)
{
  return parse_der(b, d);
}

bool
sslci_bundle_later(struct sslci_bundle *b, const char *path)
{
  return sslci_set_string(&b->path, path);
}

/* A file that is malformed counts as far as it was read, as in OpenSSL. */
static void
read_now(struct sslci_bundle *b)
{
  struct sslci_data d;
  if (!b->path)
    return;
  if (sslci_read_file(&d, b->path) == 0)
    sslci_bundle_read(b, &d);
  sslci_data_free(&d);
  ERR_clear_error();
  sslci_set_string(&b->path, NULL);
}

/* -------------------------------------------------------------- finding */

/* What OpenSSL makes of it, once. */
static X509 *
parse_entry(struct sslci_bundle *b, struct entry *e)
{
  const unsigned char *p = b->bytes + e->at;
  if (e->x509 || e->bad)
    return e->x509;
  ERR_set_mark();
  e->x509 = e->aux ? d2i_X509_AUX(NULL, &p, (long)e->len)
                   : d2i_X509(NULL, &p, (long)e->len);
  if (e->x509) {
    ERR_pop_to_mark();
  } else if (sslci_is_out_of_memory(ERR_peek_last_error())) {
    ERR_clear_last_mark();
  } else {
    ERR_pop_to_mark();
    e->bad = true;
  }
  return e->x509;
}

size_t
sslci_bundle_find(struct sslci_bundle *b, const X509_NAME *name,
                  X509_STORE *store, X509 **first)
{
  uint32_t key;
  size_t found = 0;
  bool keyed = sslci_x509_name_key(name, &key);
  pthread_mutex_lock(&b->lock);
  read_now(b);
  for (size_t i = 0; i < b->count; i++) {
    struct entry *e = &b->entries[i];
    if (keyed && e->keyed && e->key != key)
      continue;
    X509 *x509 = parse_entry(b, e);
    if (!x509 || X509_NAME_cmp(name, X509_get_subject_name(x509)) != 0 ||
        !X509_STORE_add_cert(store, x509))
      continue;
    if (found++ == 0)
      *first = x509;
  }
  pthread_mutex_unlock(&b->lock);
  return found;
}

bool
sslci_bundle_names(struct sslci_bundle *b, STACK_OF(X509_NAME) *names)
{
  bool ok = true;
  pthread_mutex_lock(&b->lock);
  read_now(b);
  for (size_t i = 0; ok && i < b->count; i++) {
    X509 *x509 = parse_entry(b, &b->entries[i]);
    X509_NAME *name = x509 ? X509_NAME_dup(X509_get_subject_name(x509)) : NULL;
    ok = name ? sk_X509_NAME_push(names, name) > 0 : b->entries[i].bad;
    if (!ok)
      X509_NAME_free(name);
  }
  pthread_mutex_unlock(&b->lock);
  return ok;
}
