/*
 * trust.c: whom a context believes: SSL_CTX_load_verify_locations(3).
 *
 * Each setter adds a source: certificates (trust_index.c), a hashed directory,
 * or revocation lists.  The store is made of all of them when the context is
 * frozen, and made anew when a file or directory has changed since.  A context
 * that names none uses the system's store (trust_system.c), which all share.
 */
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/store.h>
#include <string.h>

int64_t sslci_trust_interval = 1000000000;

struct sslci_source {
  struct sslci_source *next;
  /* One of these three. */
  struct sslci_bundle *bundle;
  char *dir;
  STACK_OF(X509_CRL) *crls;
  /* What can change. */
  bool crl_dir; /* looked into by crl.c */
  char *path; /* NULL: it came from memory */
  struct sslci_stamp stamp;
};

/* -------------------------------------------------------------- sources */

static void
free_crls(STACK_OF(X509_CRL) *crls)
{
  sk_X509_CRL_pop_free(crls, X509_CRL_free);
}

static void
free_source(struct sslci_source *source)
{
  if (!source)
    return;
  sslci_bundle_free(source->bundle);
  free_crls(source->crls);
  OPENSSL_free(source->dir);
  OPENSSL_free(source->path);
  OPENSSL_free(source);
}

bool
sslci_trust_init(sslc_ctx *ctx)
{
  return pthread_mutex_init(&ctx->trust.lock, NULL) == 0;
}

void
sslci_trust_free(sslc_ctx *ctx)
{
  struct sslci_source *source = ctx->trust.sources;
  while (source) {
    struct sslci_source *next = source->next;
    free_source(source);
    source = next;
  }
  X509_STORE_free(ctx->trust.store);
  pthread_mutex_destroy(&ctx->trust.lock);
}

/* Takes over the source, which is NULL where memory was short.  What
 * sslc_ctx_check has made of the others is made anew. */
static sslc_status
append(sslc_ctx *ctx, struct sslci_source *source)
{
  struct sslci_source **at = &ctx->trust.sources;
  if (!source)
    return sslci_ctx_nomem(ctx);
  while (*at)
    at = &(*at)->next;
  *at = source;
  X509_STORE_free(ctx->trust.store);
  ctx->trust.store = NULL;
  return SSLC_OK;
}

/* A source of what was read, which is a file where `d` has read one. */
static struct sslci_source *
new_source(const struct sslci_data *d)
{
  struct sslci_source *source = sslci_new(struct sslci_source);
  if (!source || !d->owned)
    return source;
  source->stamp = d->stamp;
  if (sslci_set_string(&source->path, d->name))
    return source;
  OPENSSL_free(source);
  return NULL;
}

/* ------------------------------------------------------------ what is read */

static enum sslci_loaded
read_certs(struct sslci_source *source, const struct sslci_data *d)
{
  enum sslci_loaded loaded = SSLCI_LOADED_NOMEM;
  struct sslci_bundle *b = sslci_bundle_new();
  if (b)
    loaded = sslci_bundle_read(b, d);
  if (loaded == SSLCI_LOADED_SOME) {
    sslci_bundle_free(source->bundle);
    source->bundle = b;
  } else {
    sslci_bundle_free(b);
  }
  return loaded;
}

/* Adds the next list: 1, 0 at the end and where it is malformed, -1 where
 * memory is short. */
static int
read_next_crl(STACK_OF(X509_CRL) *crls, BIO *mem)
{
  X509_CRL *crl = PEM_read_bio_X509_CRL(mem, NULL, NULL, NULL);
  if (!crl)
    return 0;
  if (sk_X509_CRL_push(crls, crl))
    return 1;
  X509_CRL_free(crl);
  return -1;
}

bool
sslci_is_end_of_pem(void)
{
  unsigned long code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_PEM &&
         ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static enum sslci_loaded
read_all_crls(STACK_OF(X509_CRL) *crls, const struct sslci_data *d)
{
  int more;
  BIO *mem = BIO_new_mem_buf(d->bytes, (int)d->len);
  if (!mem)
    return SSLCI_LOADED_NOMEM;
  ERR_clear_error();
  while ((more = read_next_crl(crls, mem)) == 1)
    ;
  BIO_free(mem);
  if (more < 0 || sslci_is_out_of_memory(ERR_peek_last_error()))
    return SSLCI_LOADED_NOMEM;
  if (!sslci_is_end_of_pem())
    return SSLCI_LOADED_BAD;
  ERR_clear_error();
  return sk_X509_CRL_num(crls) > 0 ? SSLCI_LOADED_SOME : SSLCI_LOADED_NONE;
}

static enum sslci_loaded
read_crls(struct sslci_source *source, const struct sslci_data *d)
{
  STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
  enum sslci_loaded loaded = crls ? read_all_crls(crls, d)
                                  : SSLCI_LOADED_NOMEM;
  if (loaded == SSLCI_LOADED_SOME) {
    free_crls(source->crls);
    source->crls = crls;
  } else {
    free_crls(crls);
  }
  return loaded;
}

/* ------------------------------------------------------ the named trust */

typedef enum sslci_loaded read_function(struct sslci_source *source,
                                        const struct sslci_data *d);

static sslc_status
say_loaded(sslc_ctx *ctx, enum sslci_loaded loaded, const struct sslci_data *d,
           const char *what)
{
  switch (loaded) {
  case SSLCI_LOADED_SOME:
    return SSLC_OK;
  case SSLCI_LOADED_NONE:
    return sslci_ctx_bad_file(ctx, 0, "%s \"%s\" has no %s", d->setting,
                              d->name, what);
  case SSLCI_LOADED_NOMEM:
    return sslci_ctx_nomem(ctx);
  default:
    return sslci_ctx_bad_file(ctx, 0, "%s \"%s\" has a malformed %s",
                              d->setting, d->name, what);
  }
}

static sslc_status
load_data(sslc_ctx *ctx, const struct sslci_data *d, const char *what,
          read_function *read)
{
  struct sslci_source *source = new_source(d);
  if (!source)
    return sslci_ctx_nomem(ctx);
  sslc_status status = say_loaded(ctx, read(source, d), d, what);
  if (status == SSLC_OK)
    return append(ctx, source);
  free_source(source);
  return status;
}

static sslc_status
load_certificates(sslc_ctx *ctx, const struct sslci_data *d)
{
  ctx->trust.named = true;
  return load_data(ctx, d, "certificate", read_certs);
}

sslc_status
sslc_ctx_load_verify_system(sslc_ctx *ctx)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  ctx->trust.named = true;
  ctx->trust.system = true;
  return SSLC_OK;
}

sslc_status
sslc_ctx_load_verify_file(sslc_ctx *ctx, const char *path)
{
  return sslci_use_file(ctx, "ca_file", path, load_certificates);
}

sslc_status
sslc_ctx_load_verify_pem(sslc_ctx *ctx, const void *pem, size_t len)
{
  return sslci_use_memory(ctx, "ca_pem", pem, len, load_certificates);
}

static enum sslci_loaded
read_der(struct sslci_source *source, const struct sslci_data *d)
{
  source->bundle = sslci_bundle_new();
  return source->bundle ? sslci_bundle_read_der(source->bundle, d)
                        : SSLCI_LOADED_NOMEM;
}

static sslc_status
load_der(sslc_ctx *ctx, const struct sslci_data *d)
{
  ctx->trust.named = true;
  return load_data(ctx, d, "certificate", read_der);
}

sslc_status
sslc_ctx_load_verify_der(sslc_ctx *ctx, const void *der, size_t len)
{
  return sslci_use_memory(ctx, "ca_der", der, len, load_der);
}

/* A bundle that is full already; freed where it cannot be had. */
static sslc_status
append_bundle(sslc_ctx *ctx, struct sslci_bundle *b)
{
  struct sslci_source *source = sslci_new(struct sslci_source);
  if (source)
    source->bundle = b;
  else
    sslci_bundle_free(b);
  return append(ctx, source);
}

sslc_status
sslc_ctx_load_verify_cert(sslc_ctx *ctx, const sslc_cert *cert)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  ctx->trust.named = true;
  if (!cert)
    return sslci_ctx_bad_option(ctx, "ca_cert: the certificate is missing");
  sslci_ctx_note_setting(ctx, "ca_cert", cert->der, cert->der_len);
  struct sslci_bundle *b = sslci_bundle_new();
  if (b && sslci_bundle_add(b, cert->x509))
    return append_bundle(ctx, b);
  sslci_bundle_free(b);
  return sslci_ctx_nomem(ctx);
}

/* ---------------------------------------------------------- store URIs */

/* The certificates of a store that was opened; false: it cannot be read to its
 * end, or memory is short.  Some report the end itself as an error, but have
 * nothing to say of it. */
static bool
read_store(OSSL_STORE_CTX *store, struct sslci_bundle *b)
{
  bool ok = true;
  while (ok && !OSSL_STORE_eof(store)) {
    OSSL_STORE_INFO *info = OSSL_STORE_load(store);
    if (info && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_CERT)
      ok = sslci_bundle_add(b, OSSL_STORE_INFO_get0_CERT(info));
    OSSL_STORE_INFO_free(info);
    if (!info && (ERR_peek_error() || !OSSL_STORE_eof(store)))
      ok = false;
  }
  return ok;
}

/* Nobody is asked for a PIN: it stands in the URI, or the store has none. */
static enum sslci_loaded
read_uri(struct sslci_bundle *b, const char *uri)
{
  OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
  bool ok = store && OSSL_STORE_expect(store, OSSL_STORE_INFO_CERT) &&
            read_store(store, b);
  OSSL_STORE_close(store);
  if (!ok)
    return SSLCI_LOADED_BAD;
  ERR_clear_error();
  return sslci_bundle_count(b) ? SSLCI_LOADED_SOME : SSLCI_LOADED_NONE;
}

sslc_status
sslc_ctx_load_verify_store(sslc_ctx *ctx, const char *uri)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  ctx->trust.named = true;
  if (!uri || !*uri)
    return sslci_ctx_bad_option(ctx, "ca_store: the URI is empty");
  sslci_ctx_note_setting(ctx, "ca_store", uri, strlen(uri));
  struct sslci_bundle *b = sslci_bundle_new();
  switch (b ? read_uri(b, uri) : SSLCI_LOADED_NOMEM) {
  case SSLCI_LOADED_SOME:
    return append_bundle(ctx, b);
  case SSLCI_LOADED_NONE:
    status = sslci_ctx_bad_file(ctx, 0, "the store has no certificate");
    break;
  case SSLCI_LOADED_NOMEM:
    status = sslci_ctx_nomem(ctx);
    break;
  default: /* the URI may have a PIN in it */
    status = sslci_ctx_bad_file(ctx, 0, "the store cannot be read");
  }
  sslci_bundle_free(b);
  return status;
}

/* --------------------------------------------------------- directories */

/* 0 or an errno. */
static int
try_dir(const char *path)
{
  DIR *dir = opendir(path);
  if (!dir)
    return errno;
  closedir(dir);
  return 0;
}

static struct sslci_source *
new_dir(const char *path)
{
  struct sslci_source *source = sslci_new(struct sslci_source);
  if (source && sslci_set_string(&source->dir, path) &&
      sslci_set_string(&source->path, path)) {
    sslci_stamp_take(&source->stamp, path);
    return source;
  }
  free_source(source);
  return NULL;
}

sslc_status
sslc_ctx_load_verify_dir(sslc_ctx *ctx, const char *path)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  ctx->trust.named = true;
  if (!path || !*path || strchr(path, ':'))
    return sslci_ctx_bad_option(ctx, "ca_dir \"%s\": the path is empty or has "
                                "a colon", path ? path : "");
  int err = try_dir(path);
  if (err)
    return sslci_ctx_bad_file(ctx, err, "ca_dir \"%s\": %s", path,
                              strerror(err));
  status = append(ctx, new_dir(path));
  return status == SSLC_OK ? sslci_ctx_note_file(ctx, path) : status;
}

/* ----------------------------------------------------------------- CRLs */

static sslc_status
load_crls(sslc_ctx *ctx, const struct sslci_data *d)
{
  ctx->trust.checks_crls = true;
  return load_data(ctx, d, "revocation list in PEM", read_crls);
}

sslc_status
sslc_ctx_load_crl_file(sslc_ctx *ctx, const char *path)
{
  return sslci_use_file(ctx, "crl_file", path, load_crls);
}

sslc_status
sslc_ctx_load_crl_pem(sslc_ctx *ctx, const void *pem, size_t len)
{
  return sslci_use_memory(ctx, "crl_pem", pem, len, load_crls);
}

/* Only watched here, so that its changes count as other trust. */
static struct sslci_source *
new_crl_dir(const char *path)
{
  struct sslci_source *source = sslci_new(struct sslci_source);
  if (source && sslci_set_string(&source->path, path)) {
    source->crl_dir = true;
    sslci_stamp_take(&source->stamp, path);
    return source;
  }
  free_source(source);
  return NULL;
}

sslc_status
sslc_ctx_load_crl_dir(sslc_ctx *ctx, const char *path)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  ctx->trust.checks_crls = true;
  if (!path || !*path)
    return sslci_ctx_bad_option(ctx, "crl_dir: the path is empty");
  int err = try_dir(path);
  if (err)
    return sslci_ctx_bad_file(ctx, err, "crl_dir \"%s\": %s", path,
                              strerror(err));
  if (!sslci_crl_add_dir(ctx, path))
    return sslci_ctx_nomem(ctx);
  status = append(ctx, new_crl_dir(path));
  return status == SSLC_OK ? sslci_ctx_note_file(ctx, path) : status;
}

/* ---------------------------------------------------------- making a store */

static bool
add_crls(X509_STORE *store, const STACK_OF(X509_CRL) *crls)
{
  for (int i = 0; i < sk_X509_CRL_num(crls); i++)
    if (!X509_STORE_add_crl(store, sk_X509_CRL_value(crls, i)))
      return false;
  return true;
}

static bool
add_source(X509_STORE *store, struct sslci_lookup *l,
           const struct sslci_source *source)
{
  if (source->bundle)
    return sslci_lookup_add(l, source->bundle);
  if (source->dir)
    return sslci_lookup_add_dir(l, source->dir);
  return add_crls(store, source->crls);
}

static bool
add_sources(X509_STORE *store, struct sslci_lookup *l,
            const struct sslci_source *source)
{
  while (source && add_source(store, l, source))
    source = source->next;
  return source == NULL;
}

static bool
includes_system(const struct sslci_trust *t)
{
  return t->system || !t->named;
}

/* Where the system has nothing and a hook decides, nobody is trusted. */
static bool
add_system(sslc_ctx *ctx, struct sslci_lookup *l, uint64_t *generation,
           sslc_error *e)
{
  *generation = 0;
  if (!includes_system(&ctx->trust))
    return true;
  *generation = sslci_system_join(l, e);
  if (*generation == 0 && ctx->no_verify && e->code == SSLC_CODE_BAD_FILE) {
    sslci_error_clear(e);
    return true;
  }
  return *generation != 0;
}

static X509_STORE *
make_store(sslc_ctx *ctx, uint64_t *generation, sslc_error *e)
{
  X509_STORE *store = X509_STORE_new();
  struct sslci_lookup *l = store ? sslci_lookup_new(store) : NULL;
  bool added = l && add_sources(store, l, ctx->trust.sources);
  if (added && ctx->trust.checks_crls)
    added = X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) &&
            sslci_crl_attach(ctx, store);
  if (!added)
    sslci_error_nomem(e, SSLC_PHASE_CONFIG);
  if (added && add_system(ctx, l, generation, e))
    return store;
  X509_STORE_free(store);
  return NULL;
}

/* ------------------------------------------------------------- for the rest */

sslc_status
sslci_trust_finish(sslc_ctx *ctx)
{
  struct sslci_trust *t = &ctx->trust;
  if (!t->sources || t->store || !sslci_ctx_verifies(ctx))
    return SSLC_OK;
  t->store = make_store(ctx, &t->system_generation, &ctx->err);
  if (!t->store)
    return sslci_ctx_broken(ctx, sslc_error_status(&ctx->err));
  t->generation++;
  return SSLC_OK;
}

/* Those of the system are too many to be named, and nobody's choice. */
bool
sslci_trust_names(const sslc_ctx *ctx, STACK_OF(X509_NAME) *names)
{
  bool ok = true;
  if (includes_system(&ctx->trust))
    return true;
  for (struct sslci_source *s = ctx->trust.sources; ok && s; s = s->next)
    ok = !s->bundle || sslci_bundle_names(s->bundle, names);
  return ok;
}

/* ------------------------------------------------------------- what changes */

/* Reads the file again; what it was before stays where that fails. */
static bool
read_again(struct sslci_source *source)
{
  struct sslci_data d;
  enum sslci_loaded loaded = SSLCI_LOADED_BAD;
  if (sslci_read_file(&d, source->path) == 0)
    loaded = source->bundle ? read_certs(source, &d) : read_crls(source, &d);
  if (loaded == SSLCI_LOADED_SOME)
    source->stamp = d.stamp;
  sslci_data_free(&d);
  ERR_clear_error();
  return loaded == SSLCI_LOADED_SOME;
}

/* Whether it is another one than before, and usable; what is gone or malformed
 * stays what it was. */
static bool
renew_source(struct sslci_source *source)
{
  struct sslci_stamp now;
  if (!source->path || !sslci_stamp_take(&now, source->path) ||
      sslci_stamp_equal(&now, &source->stamp))
    return false;
  if (!source->dir && !source->crl_dir)
    return read_again(source);
  source->stamp = now;
  return true;
}

static bool
renew_sources(struct sslci_source *source)
{
  bool renewed = false;
  for (; source; source = source->next)
    renewed |= renew_source(source);
  return renewed;
}

static bool
system_has_changed(const struct sslci_trust *t)
{
  sslc_error unused = { 0 };
  if (!includes_system(t))
    return false;
  uint64_t generation = sslci_system_generation(&unused);
  sslci_error_clear(&unused);
  return generation != 0 && generation != t->system_generation;
}

/* Puts a new store in the place of the old one; connections under way keep
 * theirs.  False where that could not be made. */
static bool
replace_store(sslc_ctx *ctx)
{
  sslc_error unused = { 0 };
  uint64_t system_generation;
  X509_STORE *store = make_store(ctx, &system_generation, &unused);
  sslci_error_clear(&unused);
  if (!store)
    return false;
  X509_STORE_free(ctx->trust.store);
  ctx->trust.store = store;
  ctx->trust.system_generation = system_generation;
  ctx->trust.generation++;
  return true;
}

/* With the lock held.  A store that could not be made is tried again. */
static void
renew(sslc_ctx *ctx)
{
  struct sslci_trust *t = &ctx->trust;
  int64_t now = sslc_now();
  if (now < t->look_at)
    return;
  t->look_at = now + sslci_trust_interval;
  t->stale |= renew_sources(t->sources);
  t->stale |= system_has_changed(t);
  if (t->stale)
    t->stale = !replace_store(ctx);
}

uint64_t
sslci_trust_generation(sslc_ctx *ctx)
{
  sslc_error unused = { 0 };
  uint64_t generation;
  pthread_mutex_lock(&ctx->trust.lock);
  if (ctx->trust.store) {
    renew(ctx);
    generation = ctx->trust.generation;
  } else {
    generation = sslci_system_generation(&unused);
  }
  pthread_mutex_unlock(&ctx->trust.lock);
  sslci_error_clear(&unused);
  return generation;
}

X509_STORE *
sslci_trust_store(sslc_ctx *ctx, sslc_error *e)
{
  pthread_mutex_lock(&ctx->trust.lock);
  X509_STORE *store = ctx->trust.store;
  if (store)
    X509_STORE_up_ref(store);
  pthread_mutex_unlock(&ctx->trust.lock);
  if (store || includes_system(&ctx->trust))
    return store ? store : sslci_system_store(e);
  sslci_error_set(e, SSLC_CODE_INTERNAL, SSLC_PHASE_CONFIG, NULL);
  return NULL;
}
