/*
 * ctx.c: the context, SSL_CTX_new(3): what connections share.
 *
 * Settings work on it until the first connection freezes it.  From then on
 * nothing is written but the count of references and, under locks of their own,
 * the cache of sessions and the signatures that are known, so threads may share
 * it.
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A file of settings larger than this is a mistake. */
enum { FILE_MAX_SIZE = 64 * 1024 * 1024 };

/* --------------------------------------------------------------- making */

/* Raises the oldest version to TLS 1.2, unless openssl.cnf asks for more. */
static bool
set_default_version(SSL_CTX *ssl_ctx)
{
  long min = SSL_CTX_get_min_proto_version(ssl_ctx);
  return min >= TLS1_2_VERSION ||
         SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_2_VERSION);
}

/* RFC 7301: the server's preference decides, and no overlap ends it.  The
 * context is the connection's: it may be another one than it was made from. */
static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
            const unsigned char *in, unsigned int in_len, void *arg)
{
  const sslc_conn *conn = SSL_get_app_data(ssl);
  const sslc_ctx *ctx = conn->ctx;
  unsigned char *chosen = NULL;
  (void)arg;
  if (!ctx->alpn)
    return SSL_TLSEXT_ERR_NOACK;
  int r = SSL_select_next_proto(&chosen, out_len, ctx->alpn, ctx->alpn_len, in,
                                in_len);
  *out = chosen;
  return r == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK
                                     : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* 112 bits of security, SSL_CTX_set_security_level(3): what Debian has, and
 * OpenSSL from 3.2 on.  Older ones take RSA of 1024 bits and SHA-1. */
enum { LEAST_SECURITY_LEVEL = 2 };

static void
set_default_security_level(SSL_CTX *ssl_ctx)
{
  if (SSL_CTX_get_security_level(ssl_ctx) < LEAST_SECURITY_LEVEL)
    SSL_CTX_set_security_level(ssl_ctx, LEAST_SECURITY_LEVEL);
}

/* No list of ciphers or groups: what the distribution and the library chose
 * stays in force. */
static SSL_CTX *
new_ssl_ctx(void)
{
  static const unsigned char session_id[] = "sslconnect";
  SSL_CTX *c = SSL_CTX_new(TLS_method());
  if (!c)
    return NULL;
  SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE |
                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_clear_options(c, SSL_OP_LEGACY_SERVER_CONNECT);
  sslci_session_watch(c);
  SSL_CTX_set_read_ahead(c, 1);
  SSL_CTX_set_alpn_select_cb(c, select_alpn, NULL);
  set_default_security_level(c);
  SSL_CTX_set_cert_verify_callback(c, sslci_verify_callback, NULL);
  if (!set_default_version(c) || !sslci_ocsp_install(c) ||
      !sslci_dane_install(c) ||
      !SSL_CTX_set_session_id_context(c, session_id, sizeof session_id - 1)) {
    SSL_CTX_free(c);
    return NULL;
  }
  return c;
}

sslc_ctx *
sslc_ctx_new(void)
{
  static atomic_uint_least64_t made;
  sslc_ctx *ctx = sslci_new(sslc_ctx);
  if (!ctx || !sslci_trust_init(ctx)) {
    OPENSSL_free(ctx);
    return NULL;
  }
  atomic_init(&ctx->refs, 1);
  atomic_init(&ctx->frozen, false);
  ctx->keylog_fd = -1;
  ctx->number = atomic_fetch_add(&made, 1) + 1;
  ctx->lock = CRYPTO_THREAD_lock_new();
  ctx->ssl_ctx = new_ssl_ctx();
  ctx->ocsp = SSLC_OCSP_IF_STAPLED;
  ctx->sessions = sslci_cache_new();
  ctx->signatures = sslci_signatures_new();
  if (!ctx->lock || !ctx->ssl_ctx || !ctx->sessions || !ctx->signatures) {
    ERR_clear_error();
    sslc_ctx_free(ctx);
    return NULL;
  }
  sslci_policy_init(ctx);
  sslci_error_set(&ctx->frozen_err, SSLC_CODE_MISUSE, SSLC_PHASE_CONFIG,
                  "the context is in use: its settings can no longer be "
                  "changed; make another one");
  return ctx;
}

sslc_ctx *
sslc_ctx_up_ref(sslc_ctx *ctx)
{
  if (ctx)
    atomic_fetch_add(&ctx->refs, 1);
  return ctx;
}

static void
free_files(struct sslci_file *file)
{
  while (file) {
    struct sslci_file *next = file->next;
    OPENSSL_free(file->path);
    OPENSSL_free(file);
    file = next;
  }
}

void
sslc_ctx_free(sslc_ctx *ctx)
{
  if (!ctx || atomic_fetch_sub(&ctx->refs, 1) > 1)
    return;
  SSL_CTX_free(ctx->ssl_ctx);
  sslci_cache_free(ctx->sessions);
  sslci_signatures_free(ctx->signatures);
  sslci_trust_free(ctx);
  OPENSSL_cleanse(ctx->session_secret, sizeof ctx->session_secret);
  sslci_policy_free(ctx);
  sslci_identity_free(ctx);
  sslci_served_free(ctx);
  sslci_pins_free(ctx);
  sslci_psk_free(ctx);
  sslci_ocsp_free(ctx);
  free_files(ctx->files);
  OPENSSL_free(ctx->alpn);
  OPENSSL_free(ctx->groups);
  sslci_keylog_close(ctx);
  sslci_error_clear(&ctx->err);
  sslci_error_clear(&ctx->frozen_err);
  CRYPTO_THREAD_lock_free(ctx->lock);
  OPENSSL_free(ctx);
}

/* --------------------------------------------------------------- errors */

const sslc_error *
sslc_ctx_error(const sslc_ctx *ctx)
{
  if (!ctx)
    return NULL;
  const sslc_error *err = sslci_error_or_null(&ctx->err);
  return !err && atomic_load(&ctx->frozen) ? &ctx->frozen_err : err;
}

sslc_status
sslci_ctx_settable(sslc_ctx *ctx)
{
  if (!ctx)
    return SSLC_ERR_ARG;
  if (atomic_load(&ctx->frozen))
    return SSLC_ERR_STATE;
  if (ctx->broken == SSLC_OK)
    sslci_error_clear(&ctx->err);
  ERR_clear_error();
  return ctx->broken;
}

sslc_status
sslci_ctx_broken(sslc_ctx *ctx, sslc_status status)
{
  ERR_clear_error();
  ctx->broken = status;
  return status;
}

sslc_status
sslci_ctx_bad_option(sslc_ctx *ctx, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  char *message = sslci_vasprintf(fmt, ap);
  va_end(ap);
  sslci_error_begin(&ctx->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_CONFIG, NULL);
  ctx->err.message = message;
  sslci_error_take_queue(&ctx->err);
  return sslci_ctx_broken(ctx, sslci_error_finish(&ctx->err));
}

sslc_status
sslci_ctx_bad_file(sslc_ctx *ctx, int err, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  char *message = sslci_vasprintf(fmt, ap);
  va_end(ap);
  sslci_error_begin(&ctx->err, SSLC_CODE_BAD_FILE, SSLC_PHASE_CONFIG, NULL);
  ctx->err.message = message;
  ctx->err.sys_errno = err;
  sslci_error_take_queue(&ctx->err);
  return sslci_ctx_broken(ctx, sslci_error_finish(&ctx->err));
}

sslc_status
sslci_ctx_nomem(sslc_ctx *ctx)
{
  return sslci_ctx_broken(ctx,
                          sslci_error_nomem(&ctx->err, SSLC_PHASE_CONFIG));
}

/* ---------------------------------------------------------------- files */

static void
fill_stamp(struct sslci_stamp *stamp, const struct stat *st)
{
  stamp->dev = st->st_dev;
  stamp->ino = st->st_ino;
  stamp->size = st->st_size;
  stamp->modified = st->st_mtim;
  stamp->changed = st->st_ctim;
}

bool
sslci_stamp_take(struct sslci_stamp *stamp, const char *path)
{
  struct stat st;
  memset(stamp, 0, sizeof *stamp);
  if (stat(path, &st) != 0)
    return false;
  fill_stamp(stamp, &st);
  return true;
}

static bool
is_same_time(const struct timespec *a, const struct timespec *b)
{
  return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool
sslci_stamp_equal(const struct sslci_stamp *a, const struct sslci_stamp *b)
{
  return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
         is_same_time(&a->modified, &b->modified) &&
         is_same_time(&a->changed, &b->changed);
}

sslc_status
sslci_ctx_note_file(sslc_ctx *ctx, const char *path)
{
  struct sslci_file *file = sslci_new(struct sslci_file);
  if (!file || !sslci_set_string(&file->path, path)) {
    OPENSSL_free(file);
    return sslci_ctx_nomem(ctx);
  }
  sslci_stamp_take(&file->stamp, path);
  file->next = ctx->files;
  ctx->files = file;
  sslci_ctx_note_setting(ctx, "path", path, strlen(path));
  return SSLC_OK;
}

static bool
is_changed(const struct sslci_file *file)
{
  struct sslci_stamp now;
  return !sslci_stamp_take(&now, file->path) ||
         !sslci_stamp_equal(&now, &file->stamp);
}

/* Those of the contexts within count too.  They are as they were when they were
 * added, and a context is never within itself: so this ends. */
int
sslc_ctx_files_changed(const sslc_ctx *ctx)
{
  if (!ctx)
    return 0;
  for (const struct sslci_file *f = ctx->files; f; f = f->next)
    if (is_changed(f))
      return 1;
  for (size_t i = 0; i < ctx->identity_count; i++)
    if (sslc_ctx_files_changed(ctx->identities[i]))
      return 1;
  for (size_t i = 0; i < ctx->served_count; i++)
    if (sslc_ctx_files_changed(ctx->served[i].ctx))
      return 1;
  return 0;
}

/* Reads all of `f`, which has `expected` bytes as it seems; 0 or an errno. */
static int
read_all(FILE *f, size_t expected, unsigned char **bytes, size_t *len)
{
  unsigned char *buf = NULL;
  size_t size = 0, used = 0;
  for (;;) {
    if (used == size) {
      size_t more = size ? 2 * size : expected + 1;
      unsigned char *p = more > FILE_MAX_SIZE
        ? NULL : OPENSSL_clear_realloc(buf, size, more);
      if (!p) {
        OPENSSL_clear_free(buf, size);
        return more > FILE_MAX_SIZE ? EFBIG : ENOMEM;
      }
      buf = p;
      size = more;
    }
    size_t n = fread(buf + used, 1, size - used, f);
    if (n == 0)
      break;
    used += n;
  }
  int err = ferror(f) ? errno : 0;
  /* To its length, so that what is freed is what is wiped. */
  unsigned char *fit = err || used == 0
    ? NULL : OPENSSL_clear_realloc(buf, size, used);
  if (!fit) {
    OPENSSL_clear_free(buf, size);
    if (!err && used > 0)
      err = ENOMEM;
  }
  *bytes = fit;
  *len = used;
  return err;
}

int
sslci_read_file(struct sslci_data *d, const char *path)
{
  memset(d, 0, sizeof *d);
  struct stat st = { 0 };
  FILE *f = fopen(path, "rbe");
  int err = f && fstat(fileno(f), &st) == 0 ? 0 : errno;
  fill_stamp(&d->stamp, &st);
  if (!err)
    err = read_all(f, S_ISREG(st.st_mode) ? (size_t)st.st_size : 16384,
                   &d->owned, &d->len);
  if (f)
    fclose(f);
  d->name = path;
  d->bytes = d->owned ? d->owned : (const void *)"";
  return err;
}

void
sslci_data_free(struct sslci_data *d)
{
  OPENSSL_clear_free(d->owned, d->len);
  d->owned = NULL;
}

static sslc_status
read_setting(sslc_ctx *ctx, struct sslci_data *d, const char *setting,
             const char *path)
{
  if (!path || !*path)
    return sslci_ctx_bad_option(ctx, "%s: the path is empty", setting);
  int err = sslci_read_file(d, path);
  if (err == ENOMEM)
    return sslci_ctx_nomem(ctx);
  if (err)
    return sslci_ctx_bad_file(ctx, err, "%s \"%s\": %s", setting, path,
                              strerror(err));
  d->setting = setting;
  return sslci_ctx_note_file(ctx, path);
}

/* Has it used; a private key is no affair of the peer's verification. */
static sslc_status
use_data(sslc_ctx *ctx, const char *setting, const struct sslci_data *d,
         sslci_use *use)
{
  if (strcmp(setting, "key") != 0)
    sslci_ctx_note_setting(ctx, setting, d->bytes, d->len);
  return use(ctx, d);
}

sslc_status
sslci_use_file(sslc_ctx *ctx, const char *setting, const char *path,
               sslci_use *use)
{
  struct sslci_data d = { 0 };
  sslc_status status = sslci_ctx_settable(ctx);
  if (status == SSLC_OK)
    status = read_setting(ctx, &d, setting, path);
  if (status == SSLC_OK)
    status = use_data(ctx, setting, &d, use);
  sslci_data_free(&d);
  return status;
}

sslc_status
sslci_use_memory(sslc_ctx *ctx, const char *setting, const void *bytes,
                 size_t len, sslci_use *use)
{
  struct sslci_data d = { setting, "in memory", bytes, len, NULL, { 0 } };
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (!bytes || len > FILE_MAX_SIZE)
    return sslci_ctx_bad_option(ctx, "%s: %s", setting,
                                bytes ? "more than 64 MiB" : "it is missing");
  return use_data(ctx, setting, &d, use);
}

/* ------------------------------------------------------------- versions */

static sslc_status
set_min(sslc_ctx *ctx, const char *setting, int version)
{
  if (!SSL_CTX_set_min_proto_version(ctx->ssl_ctx, version))
    return sslci_ctx_bad_option(ctx, "%s: this OpenSSL does not have it",
                                setting);
  return SSLC_OK;
}

sslc_status
sslc_ctx_set_min_version(sslc_ctx *ctx, int version)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (version == SSLC_TLS1 || version == SSLC_TLS1_1)
    return sslci_ctx_bad_option(ctx, "min_version: TLS 1.0 and 1.1 are not "
                                "safe; insecure_min_version allows them");
  if (version != 0 && version != SSLC_TLS1_2 && version != SSLC_TLS1_3)
    return sslci_ctx_bad_option(ctx, "min_version: %#x is neither TLS 1.2 "
                                "nor 1.3", (unsigned)version);
  return set_min(ctx, "min_version", version ? version : SSLC_TLS1_2);
}

sslc_status
sslc_ctx_set_max_version(sslc_ctx *ctx, int version)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (version != 0 && (version < SSLC_TLS1 || version > SSLC_TLS1_3))
    return sslci_ctx_bad_option(ctx, "max_version: %#x is no version of TLS",
                                (unsigned)version);
  if (!SSL_CTX_set_max_proto_version(ctx->ssl_ctx, version))
    return sslci_ctx_bad_option(ctx, "max_version: this OpenSSL does not "
                                "have it");
  return SSLC_OK;
}

sslc_status
sslc_ctx_set_insecure_min_version(sslc_ctx *ctx, int version)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (version != SSLC_TLS1 && version != SSLC_TLS1_1)
    return sslci_ctx_bad_option(ctx, "insecure_min_version: %#x is neither "
                                "TLS 1.0 nor 1.1", (unsigned)version);
  sslci_policy_allow_old_versions(ctx);
  return set_min(ctx, "insecure_min_version", version);
}

/* ----------------------------------------------------------------- ALPN */

/* The names in wire format, their length; 0 when memory is short. */
static size_t
alpn_wire(const char *const *names, size_t n, unsigned char **wire)
{
  size_t size = 0, at = 0;
  for (size_t i = 0; i < n; i++)
    size += 1 + strlen(names[i]);
  *wire = OPENSSL_malloc(size);
  for (size_t i = 0; *wire && i < n; i++) {
    size_t len = strlen(names[i]);
    (*wire)[at++] = (unsigned char)len;
    memcpy(*wire + at, names[i], len);
    at += len;
  }
  return at;
}

static sslc_status
install_alpn(sslc_ctx *ctx, unsigned char *wire, size_t len)
{
  OPENSSL_free(ctx->alpn);
  ctx->alpn = wire;
  ctx->alpn_len = (unsigned int)len;
  /* This one returns 0 for success. */
  if (SSL_CTX_set_alpn_protos(ctx->ssl_ctx, wire, (unsigned int)len) != 0)
    return sslci_ctx_nomem(ctx);
  return SSLC_OK;
}

sslc_status
sslc_ctx_set_alpn(sslc_ctx *ctx, const char *const *names, size_t n)
{
  sslc_status status = sslci_ctx_settable(ctx);
  unsigned char *wire = NULL;
  size_t total = 0;
  if (status != SSLC_OK)
    return status;
  if (n > 0 && !names)
    return sslci_ctx_bad_option(ctx, "alpn: the list is missing");
  for (size_t i = 0; i < n; i++) {
    size_t len = names[i] ? strlen(names[i]) : 0;
    total += 1 + len;
    if (len == 0 || len > 255)
      return sslci_ctx_bad_option(ctx, "alpn: name %zu has %zu bytes; "
                                  "1 to 255 are allowed", i + 1, len);
  }
  if (total > 65535)
    return sslci_ctx_bad_option(ctx, "alpn: the list is longer than 64 KiB");
  size_t len = n ? alpn_wire(names, n, &wire) : 0;
  if (n && !wire)
    return sslci_ctx_nomem(ctx);
  return install_alpn(ctx, wire, len);
}

/* ------------------------------------------------------------- switches */

sslc_status
sslc_ctx_set_verify_client(sslc_ctx *ctx, int mode)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (mode < SSLC_VERIFY_CLIENT_NONE || mode > SSLC_VERIFY_CLIENT_REQUIRED)
    return sslci_ctx_bad_option(ctx, "verify_client: %d is no mode of it",
                                mode);
  ctx->verify_client = mode;
  return SSLC_OK;
}

sslc_status
sslci_ctx_switch(sslc_ctx *ctx, bool *where, const char *setting, int on)
{
  if (on != 0 && on != 1)
    return sslci_ctx_bad_option(ctx, "%s: %d is neither 0 nor 1", setting, on);
  *where = on;
  return SSLC_OK;
}

sslc_status
sslc_ctx_set_lenient_eof(sslc_ctx *ctx, int on)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  status = sslci_ctx_switch(ctx, &ctx->lenient_eof, "lenient_eof", on);
  if (ctx->lenient_eof)
    SSL_CTX_set_options(ctx->ssl_ctx, COMPAT_OP_IGNORE_EOF);
  else
    SSL_CTX_clear_options(ctx->ssl_ctx, COMPAT_OP_IGNORE_EOF);
  return status;
}

sslc_status
sslc_ctx_set_insecure_no_verify(sslc_ctx *ctx, int on)
{
  sslc_status status = sslci_ctx_settable(ctx);
  return status == SSLC_OK
    ? sslci_ctx_switch(ctx, &ctx->no_verify, "insecure_no_verify", on) : status;
}

sslc_status
sslc_ctx_set_insecure_no_name_check(sslc_ctx *ctx, int on)
{
  sslc_status status = sslci_ctx_settable(ctx);
  return status == SSLC_OK
    ? sslci_ctx_switch(ctx, &ctx->no_name_check, "insecure_no_name_check", on)
    : status;
}

/* ---------------------------------------------------- checking, freezing */

bool
sslci_ctx_verifies(const sslc_ctx *ctx)
{
  return !ctx->no_verify || ctx->retry_verify;
}

static sslc_status
check_versions(sslc_ctx *ctx)
{
  int min = (int)SSL_CTX_get_min_proto_version(ctx->ssl_ctx);
  int max = (int)SSL_CTX_get_max_proto_version(ctx->ssl_ctx);
  if (max != 0 && min > max)
    return sslci_ctx_bad_option(ctx, "min_version is above max_version: "
                                "there is no version left to speak");
  return SSLC_OK;
}

static sslc_status
check(sslc_ctx *ctx)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status == SSLC_OK)
    status = check_versions(ctx);
  if (status == SSLC_OK)
    status = sslci_identity_check(ctx);
  if (status == SSLC_OK)
    status = sslci_pins_check(ctx);
  if (status == SSLC_OK)
    status = sslci_psk_check(ctx);
  if (status == SSLC_OK)
    status = sslci_ocsp_check(ctx);
  if (status == SSLC_OK)
    status = sslci_policy_check(ctx);
  if (status == SSLC_OK)
    status = sslci_trust_finish(ctx);
  return status == SSLC_OK ? sslci_identity_name_authorities(ctx) : status;
}

static sslc_status
try_store(sslc_ctx *ctx)
{
  X509_STORE *store = sslci_trust_store(ctx, &ctx->err);
  X509_STORE_free(store);
  return store ? SSLC_OK : sslc_error_status(&ctx->err);
}

sslc_status
sslc_ctx_check(sslc_ctx *ctx)
{
  if (!ctx)
    return SSLC_ERR_ARG;
  if (atomic_load(&ctx->frozen))
    return ctx->broken;
  sslc_status was = ctx->broken;
  sslc_status status = check(ctx);
  /* The shared trust is loaded for nothing else so early; with keys nobody may
   * need it, or have one. */
  if (status == SSLC_OK && !ctx->no_verify && ctx->psk_count == 0)
    status = try_store(ctx);
  /* A setting that is still missing can be made up for. */
  ctx->broken = was;
  return status;
}

sslc_status
sslci_ctx_freeze(sslc_ctx *ctx)
{
  if (atomic_load(&ctx->frozen))
    return ctx->broken;
  if (!CRYPTO_THREAD_write_lock(ctx->lock))
    return SSLC_ERR_INTERNAL;
  if (!atomic_load(&ctx->frozen)) {
    ctx->broken = check(ctx);
    ctx->frozen_generation = ctx->trust.generation;
    atomic_store(&ctx->frozen, true);
  }
  CRYPTO_THREAD_unlock(ctx->lock);
  return ctx->broken;
}
