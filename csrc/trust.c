/*
 * trust.c: whom a context believes: SSL_CTX_load_verify_locations(3).
 *
 * The system's trust is one store for the whole process, made when the first
 * connection needs it.  A context that names its own trust has a store of its
 * own.
 */
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------- PEM to store */

enum loaded { LOADED_NONE, LOADED_SOME, LOADED_BAD };

typedef int add_next(X509_STORE *store, BIO *mem);

/* Each adds the next one: 1, or 0 at the end and where it is malformed. */
static int
add_next_cert(X509_STORE *store, BIO *mem)
{
  X509 *x509 = PEM_read_bio_X509_AUX(mem, NULL, NULL, NULL);
  int ok = x509 && X509_STORE_add_cert(store, x509);
  X509_free(x509);
  return ok;
}

static int
add_next_crl(X509_STORE *store, BIO *mem)
{
  X509_CRL *crl = PEM_read_bio_X509_CRL(mem, NULL, NULL, NULL);
  int ok = crl && X509_STORE_add_crl(store, crl);
  X509_CRL_free(crl);
  return ok;
}

static bool
is_end_of_pem(void)
{
  unsigned long code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_PEM &&
         ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static enum loaded
load_pem(X509_STORE *store, const struct sslci_data *d, add_next *add)
{
  size_t count = 0;
  BIO *mem = BIO_new_mem_buf(d->bytes, (int)d->len);
  if (!mem)
    return LOADED_BAD;
  ERR_clear_error();
  while (add(store, mem))
    count++;
  BIO_free(mem);
  if (!is_end_of_pem())
    return LOADED_BAD;
  ERR_clear_error();
  return count ? LOADED_SOME : LOADED_NONE;
}

/* ------------------------------------------------------ the named trust */

static sslc_status
own_store(sslc_ctx *ctx)
{
  if (!ctx->store)
    ctx->store = X509_STORE_new();
  return ctx->store ? SSLC_OK : sslci_ctx_nomem(ctx);
}

static sslc_status
load_data(sslc_ctx *ctx, const struct sslci_data *d, const char *what,
          add_next *add)
{
  sslc_status status = own_store(ctx);
  if (status != SSLC_OK)
    return status;
  switch (load_pem(ctx->store, d, add)) {
  case LOADED_SOME:
    return SSLC_OK;
  case LOADED_NONE:
    return sslci_ctx_bad_file(ctx, 0, "%s \"%s\" has no %s in PEM", d->setting,
                              d->name, what);
  default:
    return sslci_ctx_bad_file(ctx, 0, "%s \"%s\" has a malformed %s",
                              d->setting, d->name, what);
  }
}

static sslc_status
load_certificates(sslc_ctx *ctx, const struct sslci_data *d)
{
  ctx->named_trust = true;
  return load_data(ctx, d, "certificate", add_next_cert);
}

sslc_status
sslc_ctx_load_verify_system(sslc_ctx *ctx)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  ctx->named_trust = true;
  ctx->wants_system = true;
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

static bool
add_dir(X509_STORE *store, const char *path)
{
  X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
  return lookup && X509_LOOKUP_add_dir(lookup, path, X509_FILETYPE_PEM);
}

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

sslc_status
sslc_ctx_load_verify_dir(sslc_ctx *ctx, const char *path)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  ctx->named_trust = true;
  if (!path || !*path || strchr(path, ':'))
    return sslci_ctx_bad_option(ctx, "ca_dir \"%s\": the path is empty or has "
                                "a colon", path ? path : "");
  int err = try_dir(path);
  if (err)
    return sslci_ctx_bad_file(ctx, err, "ca_dir \"%s\": %s", path,
                              strerror(err));
  status = own_store(ctx);
  if (status == SSLC_OK && !add_dir(ctx->store, path))
    status = sslci_ctx_nomem(ctx);
  return status == SSLC_OK ? sslci_ctx_note_file(ctx, path) : status;
}

/* ----------------------------------------------------------------- CRLs */

static sslc_status
load_crls(sslc_ctx *ctx, const struct sslci_data *d)
{
  sslc_status status = load_data(ctx, d, "revocation list", add_next_crl);
  if (status == SSLC_OK)
    X509_STORE_set_flags(ctx->store, X509_V_FLAG_CRL_CHECK);
  return status;
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

/* ----------------------------------------------------- the system's trust */

/* Where the system keeps its trust; NULL: not there. */
struct places {
  const char *file;
  const char *dir;
};

const char *
sslci_safe_getenv(const char *name)
{
  if (getuid() != geteuid() || getgid() != getegid())
    return NULL;
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

/* "5ad8a5d6.0", as openssl-rehash(1) names its links. */
static bool
is_hash_name(const char *name)
{
  return strlen(name) > 9 && strspn(name, "0123456789abcdef") == 8 &&
         name[8] == '.' && name[9 + strspn(name + 9, "0123456789")] == '\0';
}

static size_t
count_hashed(const char *path)
{
  size_t n = 0;
  DIR *dir = opendir(path);
  for (struct dirent *e; dir && (e = readdir(dir)) != NULL;)
    n += is_hash_name(e->d_name);
  if (dir)
    closedir(dir);
  return n;
}

static size_t
count_pem(const struct sslci_data *d)
{
  static const char begin[] = "-----BEGIN ";
  size_t n = 0;
  const char *p = d->bytes, *end = p + d->len;
  while (p && p < end && (p = memchr(p, '-', (size_t)(end - p))) != NULL) {
    bool here = (size_t)(end - p) >= sizeof begin - 1 &&
                memcmp(p, begin, sizeof begin - 1) == 0;
    n += here;
    p += here ? sizeof begin - 1 : 1;
  }
  return n;
}

static struct places
find_places(void)
{
  const char *file = sslci_safe_getenv(X509_get_default_cert_file_env());
  const char *dir = sslci_safe_getenv(X509_get_default_cert_dir_env());
  if (file || dir)
    return (struct places){ file, dir };
  return (struct places){ X509_get_default_cert_file(),
                          X509_get_default_cert_dir() };
}

/* `file`, unless the `hashed` entries of the directory cover it: as a rule
 * both are the same certificates, and to parse them takes long. */
static bool
add_system_file(X509_STORE *store, const char *file, size_t hashed)
{
  struct sslci_data d;
  if (sslci_read_file(&d, file) != 0)
    return false;
  bool some = true;
  if (count_pem(&d) > hashed)
    some = load_pem(store, &d, add_next_cert) != LOADED_NONE;
  sslci_data_free(&d);
  return some;
}

static bool
add_system(X509_STORE *store, sslc_error *e)
{
  struct places at = find_places();
  size_t hashed = at.dir ? count_hashed(at.dir) : 0;
  bool some = hashed > 0;
  if (hashed && !add_dir(store, at.dir)) {
    sslci_error_nomem(e, SSLC_PHASE_CONFIG);
    return false;
  }
  if (at.file && add_system_file(store, at.file, hashed))
    some = true;
  ERR_clear_error();
  if (!some)
    sslci_error_set(e, SSLC_CODE_BAD_FILE, SSLC_PHASE_CONFIG,
                    "the system has no trusted certificates: neither file "
                    "\"%s\" nor directory \"%s\" has any; install "
                    "ca-certificates, or name a ca_file",
                    at.file ? at.file : "", at.dir ? at.dir : "");
  return some;
}

static pthread_mutex_t system_lock = PTHREAD_MUTEX_INITIALIZER;
static X509_STORE *system_store; /* for as long as the process lives */

static X509_STORE *
load_system_store(sslc_error *e)
{
  X509_STORE *store = X509_STORE_new();
  if (!store) {
    sslci_error_nomem(e, SSLC_PHASE_CONFIG);
    return NULL;
  }
  if (add_system(store, e))
    return store;
  X509_STORE_free(store);
  return NULL;
}

static X509_STORE *
shared_system_store(sslc_error *e)
{
  pthread_mutex_lock(&system_lock);
  if (!system_store)
    system_store = load_system_store(e);
  X509_STORE *store = system_store;
  pthread_mutex_unlock(&system_lock);
  return store;
}

/* ------------------------------------------------------------- for the rest */

sslc_status
sslci_trust_finish(sslc_ctx *ctx)
{
  bool system = ctx->wants_system || !ctx->named_trust;
  if (!ctx->store || !system || ctx->system_added || !sslci_ctx_verifies(ctx))
    return SSLC_OK;
  bool added = add_system(ctx->store, &ctx->err);
  if (!added && !ctx->no_verify)
    return sslci_ctx_broken(ctx, sslc_error_status(&ctx->err));
  if (!added)
    sslci_error_clear(&ctx->err); /* nobody is trusted, and a hook decides */
  ctx->system_added = true;
  return SSLC_OK;
}

X509_STORE *
sslci_trust_store(sslc_ctx *ctx, sslc_error *e)
{
  return ctx->store ? ctx->store : shared_system_store(e);
}

uint64_t
sslci_trust_generation(const sslc_ctx *ctx)
{
  (void)ctx;
  return 0;
}
