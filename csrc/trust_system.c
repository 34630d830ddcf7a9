/*
 * trust_system.c: the system's trust, one for the whole process, made when the
 * first connection needs it: SSL_CTX_set_default_verify_paths(3).
 *
 * A hashed directory is preferred where there is one, as nothing of it is read
 * but what is asked for.  The bundle file is read when that has no answer.
 */
#include "internal.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

/* Where it is, and what it was when it was loaded. */
struct place {
  char *path; /* NULL: there is none */
  bool there;
  struct sslci_stamp stamp;
};

/* For as long as the process lives. */
static struct {
  pthread_mutex_t lock;
  struct place file, dir;
  bool hashed; /* the directory is in use */
  struct sslci_bundle *bundle;
  X509_STORE *store; /* NULL: it is not loaded */
  uint64_t generation;
  int64_t look_at;
} trust = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* --------------------------------------------------------------- places */

const char *
sslci_safe_getenv(const char *name)
{
  if (getuid() != geteuid() || getgid() != getegid())
    return NULL;
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

/* Who names trust means that trust: the default does not join it. */
static bool
find_places(void)
{
  const char *file = sslci_safe_getenv(X509_get_default_cert_file_env());
  const char *dir = sslci_safe_getenv(X509_get_default_cert_dir_env());
  if (!file && !dir) {
    file = X509_get_default_cert_file();
    dir = X509_get_default_cert_dir();
  }
  return sslci_set_string(&trust.file.path, file) &&
         sslci_set_string(&trust.dir.path, dir);
}

static void
look_at(struct place *place)
{
  place->there = place->path && sslci_stamp_take(&place->stamp, place->path);
}

/* What is gone has not changed: what was loaded stays in force. */
static bool
has_changed(const struct place *place)
{
  struct sslci_stamp now;
  if (!place->path || !sslci_stamp_take(&now, place->path))
    return false;
  return !place->there || !sslci_stamp_equal(&now, &place->stamp);
}

/* "5ad8a5d6.0", as openssl-rehash(1) names its links. */
static bool
is_hash_name(const char *name)
{
  return strlen(name) > 9 && strspn(name, "0123456789abcdef") == 8 &&
         name[8] == '.' && name[9 + strspn(name + 9, "0123456789")] == '\0';
}

static bool
is_hashed(const char *path)
{
  bool found = false;
  DIR *dir = path ? opendir(path) : NULL;
  for (struct dirent *e; dir && !found && (e = readdir(dir)) != NULL;)
    found = is_hash_name(e->d_name);
  if (dir)
    closedir(dir);
  return found;
}

/* -------------------------------------------------------------- loading */

struct loaded {
  bool hashed;
  struct sslci_bundle *bundle;
  X509_STORE *store;
};

/* The file's certificates, as OpenSSL those of a malformed one up to where it
 * is; but such a one does not take the place of what was in force. */
static bool
read_bundle(struct sslci_bundle *b)
{
  struct sslci_data d;
  enum sslci_loaded loaded = SSLCI_LOADED_NONE;
  if (trust.file.path && sslci_read_file(&d, trust.file.path) == 0) {
    loaded = sslci_bundle_read(b, &d);
    sslci_data_free(&d);
  }
  ERR_clear_error();
  if (loaded != SSLCI_LOADED_SOME && trust.store)
    return false;
  return sslci_bundle_count(b) > 0;
}

static bool
join(struct sslci_lookup *l, const struct loaded *from)
{
  if (!from->hashed)
    return sslci_lookup_add(l, from->bundle);
  sslci_lookup_add_last(l, from->bundle);
  return sslci_lookup_add_dir(l, trust.dir.path);
}

static sslc_status
say_none(sslc_error *e)
{
  return sslci_error_set(e, SSLC_CODE_BAD_FILE, SSLC_PHASE_CONFIG,
                         "the system has no trusted certificates: neither "
                         "file \"%s\" nor directory \"%s\" has any; install "
                         "ca-certificates, or name a ca_file",
                         trust.file.path ? trust.file.path : "",
                         trust.dir.path ? trust.dir.path : "");
}

static bool
make_store(struct loaded *l)
{
  l->store = X509_STORE_new();
  struct sslci_lookup *lookup = l->store ? sslci_lookup_new(l->store) : NULL;
  return lookup && join(lookup, l);
}

static sslc_status
load_parts(struct loaded *l, sslc_error *e)
{
  l->hashed = is_hashed(trust.dir.path);
  l->bundle = sslci_bundle_new();
  if (!l->bundle)
    return sslci_error_nomem(e, SSLC_PHASE_CONFIG);
  if (!l->hashed && !read_bundle(l->bundle))
    return say_none(e);
  if (l->hashed && trust.file.path &&
      !sslci_bundle_later(l->bundle, trust.file.path))
    return sslci_error_nomem(e, SSLC_PHASE_CONFIG);
  return make_store(l) ? SSLC_OK : sslci_error_nomem(e, SSLC_PHASE_CONFIG);
}

/* Puts what was loaded into force; connections under way keep theirs. */
static void
put_in_force(const struct loaded *l)
{
  X509_STORE_free(trust.store);
  sslci_bundle_free(trust.bundle);
  trust.store = l->store;
  trust.bundle = l->bundle;
  trust.hashed = l->hashed;
  trust.generation++;
}

/* Where it fails, what was in force stays. */
static void
load(sslc_error *e)
{
  struct loaded l = { 0 };
  struct place file = trust.file, dir = trust.dir;
  look_at(&trust.file);
  look_at(&trust.dir);
  if (load_parts(&l, e) == SSLC_OK) {
    put_in_force(&l);
    return;
  }
  X509_STORE_free(l.store);
  sslci_bundle_free(l.bundle);
  trust.file = file;
  trust.dir = dir;
}

/* ------------------------------------------------------------- for the rest */

static void
load_first(sslc_error *e)
{
  if (find_places())
    load(e);
  else
    sslci_error_nomem(e, SSLC_PHASE_CONFIG);
}

static void
load_again(void)
{
  sslc_error unused = { 0 };
  if (has_changed(&trust.file) || has_changed(&trust.dir))
    load(&unused);
  sslci_error_clear(&unused);
}

/* With the lock held: false where there is none. */
static bool
is_loaded(sslc_error *e)
{
  int64_t now = sslc_now();
  if (trust.store && now >= trust.look_at)
    load_again();
  else if (!trust.store)
    load_first(e);
  else
    return true;
  trust.look_at = now + sslci_trust_interval;
  return trust.store != NULL;
}

uint64_t
sslci_system_generation(sslc_error *e)
{
  pthread_mutex_lock(&trust.lock);
  uint64_t generation = is_loaded(e) ? trust.generation : 0;
  pthread_mutex_unlock(&trust.lock);
  return generation;
}

X509_STORE *
sslci_system_store(sslc_error *e)
{
  pthread_mutex_lock(&trust.lock);
  X509_STORE *store = is_loaded(e) ? trust.store : NULL;
  if (store)
    X509_STORE_up_ref(store);
  pthread_mutex_unlock(&trust.lock);
  return store;
}

uint64_t
sslci_system_join(struct sslci_lookup *l, sslc_error *e)
{
  uint64_t generation = 0;
  pthread_mutex_lock(&trust.lock);
  if (is_loaded(e)) {
    struct loaded from = { trust.hashed, trust.bundle, trust.store };
    if (join(l, &from))
      generation = trust.generation;
    else
      sslci_error_nomem(e, SSLC_PHASE_CONFIG);
  }
  pthread_mutex_unlock(&trust.lock);
  return generation;
}
