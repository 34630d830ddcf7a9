/*
 * crl.c: directories of revocation lists, as openssl-rehash(1) makes them:
 * "5ad8a5d6.r0".
 *
 * OpenSSL's own lookup, X509_LOOKUP_hash_dir(3), would trust certificates that
 * lie in such a directory as well, and never looks at a file a second time.
 * This one gives revocation lists only, and reads a file anew when it is
 * another one than before.
 */
#include "internal.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Files of one hash, .r0 and on; more are not looked for. */
enum { FILES_MAX = 100 };

struct sslci_crl_file {
  struct sslci_crl_file *next;
  char *path;
  struct sslci_stamp stamp; /* when it was read */
  STACK_OF(X509_CRL) *lists;
};

struct sslci_crl_dir {
  struct sslci_crl_dir *next;
  char *path;
  pthread_mutex_t lock; /* over the files */
  struct sslci_crl_file *files;
};

/* ----------------------------------------------------------------- files */

static void
free_lists(STACK_OF(X509_CRL) *lists)
{
  sk_X509_CRL_pop_free(lists, X509_CRL_free);
}

static void
free_files(struct sslci_crl_file *file)
{
  while (file) {
    struct sslci_crl_file *next = file->next;
    free_lists(file->lists);
    OPENSSL_free(file->path);
    OPENSSL_free(file);
    file = next;
  }
}

/* All lists of a PEM file up to its end or to what is malformed, from which on
 * nothing counts: then lists are missing, and who needs them fails. */
static STACK_OF(X509_CRL) *
read_lists(const char *path)
{
  struct sslci_data d;
  STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
  bool read = sslci_read_file(&d, path) == 0;
  BIO *mem = read && lists ? BIO_new_mem_buf(d.bytes, (int)d.len) : NULL;
  X509_CRL *crl;
  while (mem && (crl = PEM_read_bio_X509_CRL(mem, NULL, NULL, NULL)) != NULL)
    if (!sk_X509_CRL_push(lists, crl)) {
      X509_CRL_free(crl);
      break;
    }
  BIO_free(mem);
  if (read)
    sslci_data_free(&d);
  ERR_clear_error();
  return lists;
}

static struct sslci_crl_file *
find_file(struct sslci_crl_dir *dir, const char *path)
{
  struct sslci_crl_file *file = dir->files;
  while (file && strcmp(file->path, path) != 0)
    file = file->next;
  if (file)
    return file;
  file = sslci_new(struct sslci_crl_file);
  if (!file || !sslci_set_string(&file->path, path)) {
    OPENSSL_free(file);
    return NULL;
  }
  file->next = dir->files;
  dir->files = file;
  return file;
}

/* What the file holds now; NULL: nothing, as memory is short. */
static STACK_OF(X509_CRL) *
get_lists(struct sslci_crl_dir *dir, const char *path,
          const struct sslci_stamp *now)
{
  struct sslci_crl_file *file = find_file(dir, path);
  if (!file)
    return NULL;
  if (file->lists && sslci_stamp_equal(&file->stamp, now))
    return file->lists;
  free_lists(file->lists);
  file->lists = read_lists(path);
  file->stamp = *now;
  return file->lists;
}

/* ---------------------------------------------------------------- lookups */

static void
add_lists(STACK_OF(X509_CRL) *to, const STACK_OF(X509_CRL) *from)
{
  for (int i = 0, n = sk_X509_CRL_num(from); i < n; i++) {
    X509_CRL *crl = sk_X509_CRL_value(from, i);
    if (sk_X509_CRL_push(to, crl))
      X509_CRL_up_ref(crl);
  }
}

static void
look_in(struct sslci_crl_dir *dir, unsigned long hash, STACK_OF(X509_CRL) *to)
{
  struct sslci_stamp now;
  pthread_mutex_lock(&dir->lock);
  for (int i = 0; i < FILES_MAX; i++) {
    char *path = sslci_asprintf("%s/%08lx.r%d", dir->path, hash, i);
    bool there = path && sslci_stamp_take(&now, path);
    if (there)
      add_lists(to, get_lists(dir, path, &now));
    OPENSSL_free(path);
    if (!there)
      break;
  }
  pthread_mutex_unlock(&dir->lock);
}

static int store_index = -1;
static pthread_once_t index_once = PTHREAD_ONCE_INIT;

static void
make_index(void)
{
  store_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_X509_STORE, 0, NULL,
                                        NULL, NULL, NULL);
}

/* The lists of an issuer: those in the store, and those in the directories.
 * One that is left out for want of memory is a list that is missing. */
static STACK_OF(X509_CRL) *
lookup(compat_crl_store_ctx *store_ctx, compat_crl_name *name)
{
  X509_STORE *store = X509_STORE_CTX_get0_store(store_ctx);
  const sslc_ctx *ctx = X509_STORE_get_ex_data(store, store_index);
  STACK_OF(X509_CRL) *lists = X509_STORE_CTX_get1_crls(store_ctx, name);
  struct sslci_crl_dir *dir = ctx ? ctx->policy.crl_dirs : NULL;
  if (!lists)
    lists = sk_X509_CRL_new_null();
  for (; lists && dir; dir = dir->next)
    look_in(dir, compat_name_hash(name), lists);
  return lists;
}

bool
sslci_crl_attach(sslc_ctx *ctx, X509_STORE *store)
{
  if (!ctx->policy.crl_dirs)
    return true;
  pthread_once(&index_once, make_index);
  X509_STORE_set_lookup_crls(store, lookup);
  return store_index >= 0 && X509_STORE_set_ex_data(store, store_index, ctx);
}

/* --------------------------------------------------------------- settings */

static void
free_dir(struct sslci_crl_dir *dir)
{
  free_files(dir->files);
  pthread_mutex_destroy(&dir->lock);
  OPENSSL_free(dir->path);
  OPENSSL_free(dir);
}

void
sslci_crl_free(sslc_ctx *ctx)
{
  while (ctx->policy.crl_dirs) {
    struct sslci_crl_dir *next = ctx->policy.crl_dirs->next;
    free_dir(ctx->policy.crl_dirs);
    ctx->policy.crl_dirs = next;
  }
}

bool
sslci_crl_add_dir(sslc_ctx *ctx, const char *path)
{
  struct sslci_crl_dir *dir = sslci_new(struct sslci_crl_dir);
  if (!dir || !sslci_set_string(&dir->path, path) ||
      pthread_mutex_init(&dir->lock, NULL) != 0) {
    if (dir)
      OPENSSL_free(dir->path);
    OPENSSL_free(dir);
    return false;
  }
  dir->next = ctx->policy.crl_dirs;
  ctx->policy.crl_dirs = dir;
  return true;
}
