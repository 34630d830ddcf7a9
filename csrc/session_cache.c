/*
 * session_cache.c: the sessions that a context keeps for the next connections
 * to the same place, and what it counts.
 *
 * Its own lock makes it the one part of a context that changes while threads
 * share it.  An entry's key tells where its connection led and what was
 * demanded of the peer there.  Tickets of TLS 1.3 are taken out to be used,
 * the newest first, so that no two connections show the same one (RFC 8446,
 * appendix C.4); sessions of TLS 1.2 stay.
 *
 * The cache of libssl knows none of this, and is not used.
 */
#include "internal.h"

#include <string.h>

enum {
  DEFAULT_SIZE = 1024,
  DEFAULT_LIFETIME = 24 * 60 * 60,
  LARGEST_SIZE = 1000000,
  LONGEST_LIFETIME = 7 * 24 * 60 * 60, /* RFC 8446, section 4.6.1 */
  MOST_OF_ONE_KEY = 4
};

/* --------------------------------------------------------------- making */

struct sslci_cache *
sslci_cache_new(void)
{
  struct sslci_cache *cache = sslci_new(struct sslci_cache);
  if (!cache)
    return NULL;
  cache->lock = CRYPTO_THREAD_lock_new();
  cache->size = DEFAULT_SIZE;
  cache->lifetime = DEFAULT_LIFETIME;
  if (cache->lock)
    return cache;
  OPENSSL_free(cache);
  return NULL;
}

static void
free_kept(struct sslci_kept *kept)
{
  sslc_session_free(kept->session);
  OPENSSL_free(kept->key);
  OPENSSL_free(kept);
}

void
sslci_cache_free(struct sslci_cache *cache)
{
  struct sslci_kept *kept = cache ? cache->newest : NULL;
  while (kept) {
    struct sslci_kept *older = kept->older;
    free_kept(kept);
    kept = older;
  }
  if (cache)
    CRYPTO_THREAD_lock_free(cache->lock);
  OPENSSL_free(cache);
}

sslc_status
sslc_ctx_set_session_cache(sslc_ctx *ctx, size_t size, int64_t lifetime)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (size > LARGEST_SIZE)
    return sslci_ctx_bad_option(ctx, "session_cache: a size of %zu; at most "
                                "%d sessions can be kept", size, LARGEST_SIZE);
  if (lifetime < 0 || lifetime > LONGEST_LIFETIME)
    return sslci_ctx_bad_option(ctx, "session_cache: a lifetime of %lld "
                                "seconds; 1 to %d (7 days) are allowed, and 0 "
                                "for the default", (long long)lifetime,
                                LONGEST_LIFETIME);
  ctx->sessions->size = size;
  ctx->sessions->lifetime = lifetime > 0 ? lifetime : DEFAULT_LIFETIME;
  return SSLC_OK;
}

/* ---------------------------------------------------------------- lists */

/* FNV-1a; nobody but the user says where to connect to. */
static struct sslci_kept **
bucket_of(struct sslci_cache *cache, const char *key)
{
  uint32_t hash = 2166136261U;
  for (const char *p = key; *p; p++)
    hash = (hash ^ (unsigned char)*p) * 16777619U;
  return &cache->buckets[hash % SSLCI_BUCKETS];
}

static void
link_kept(struct sslci_cache *cache, struct sslci_kept *kept)
{
  struct sslci_kept **bucket = bucket_of(cache, kept->key);
  kept->next = *bucket;
  *bucket = kept;
  kept->older = cache->newest;
  if (cache->newest)
    cache->newest->newer = kept;
  else
    cache->oldest = kept;
  cache->newest = kept;
  cache->count++;
}

/* Takes out what `at` points to, and frees it. */
static void
drop(struct sslci_cache *cache, struct sslci_kept **at)
{
  struct sslci_kept *kept = *at;
  *at = kept->next;
  if (kept->newer)
    kept->newer->older = kept->older;
  else
    cache->newest = kept->older;
  if (kept->older)
    kept->older->newer = kept->newer;
  else
    cache->oldest = kept->newer;
  cache->count--;
  free_kept(kept);
}

/* Where in its bucket the entry is. */
static struct sslci_kept **
find(struct sslci_cache *cache, const struct sslci_kept *kept)
{
  struct sslci_kept **at = bucket_of(cache, kept->key);
  while (*at != kept)
    at = &(*at)->next;
  return at;
}

static void
drop_oldest(struct sslci_cache *cache)
{
  drop(cache, find(cache, cache->oldest));
  sslci_count(&cache->stats.evicted);
}

/* --------------------------------------------------------------- keeping */

static bool
is_single_use(const sslc_session *session)
{
  return SSL_SESSION_get_protocol_version(session->session) >= TLS1_3_VERSION;
}

/* Makes room for one more of the key: tickets of TLS 1.3 are several, a
 * session of TLS 1.2 stands in the place of the one before. */
static void
make_room(struct sslci_cache *cache, const char *key, bool several)
{
  struct sslci_kept **at = bucket_of(cache, key);
  int others = 0;
  while (*at) {
    if (strcmp((*at)->key, key) != 0 || (several && ++others < MOST_OF_ONE_KEY))
      at = &(*at)->next;
    else
      drop(cache, at);
  }
  while (cache->count >= cache->size)
    drop_oldest(cache);
}

static struct sslci_kept *
new_kept(const char *key, sslc_session *session)
{
  struct sslci_kept *kept = sslci_new(struct sslci_kept);
  if (!kept || !sslci_set_string(&kept->key, key)) {
    OPENSSL_free(kept);
    return NULL;
  }
  kept->session = sslc_session_up_ref(session);
  return kept;
}

void
sslci_cache_put(struct sslci_cache *cache, const char *key,
                sslc_session *session)
{
  struct sslci_kept *kept = cache->size > 0 ? new_kept(key, session) : NULL;
  if (!kept)
    return;
  if (!CRYPTO_THREAD_write_lock(cache->lock)) {
    free_kept(kept);
    return;
  }
  make_room(cache, key, is_single_use(session));
  link_kept(cache, kept);
  sslci_count(&cache->stats.stored);
  CRYPTO_THREAD_unlock(cache->lock);
}

/* Whether it can be offered still. */
static bool
is_fresh(const struct sslci_cache *cache, const sslc_session *session,
         uint64_t generation)
{
  return session->generation == generation &&
         sslci_session_expires(session, cache->lifetime) > (int64_t)time(NULL);
}

static sslc_session *
take(struct sslci_cache *cache, const char *key, uint64_t generation)
{
  struct sslci_kept **at = bucket_of(cache, key);
  while (*at) {
    sslc_session *session = (*at)->session;
    if (strcmp((*at)->key, key) != 0) {
      at = &(*at)->next;
    } else if (!is_fresh(cache, session, generation)) {
      drop(cache, at);
      sslci_count(&cache->stats.expired);
    } else {
      sslc_session_up_ref(session);
      if (is_single_use(session))
        drop(cache, at);
      return session;
    }
  }
  return NULL;
}

sslc_session *
sslci_cache_take(struct sslci_cache *cache, const char *key,
                 uint64_t generation)
{
  if (cache->size == 0 || !CRYPTO_THREAD_write_lock(cache->lock))
    return NULL;
  sslc_session *session = take(cache, key, generation);
  if (!session)
    sslci_count(&cache->stats.misses);
  CRYPTO_THREAD_unlock(cache->lock);
  return session;
}

/* -------------------------------------------------------------- dropping */

/* The session, or with NULL all of the key. */
static void
remove_from(struct sslci_cache *cache, const char *key,
            const sslc_session *session)
{
  if (cache->size == 0 || !CRYPTO_THREAD_write_lock(cache->lock))
    return;
  struct sslci_kept **at = bucket_of(cache, key);
  while (*at) {
    if ((session && (*at)->session != session) ||
        strcmp((*at)->key, key) != 0) {
      at = &(*at)->next;
    } else {
      drop(cache, at);
      sslci_count(&cache->stats.dropped);
    }
  }
  CRYPTO_THREAD_unlock(cache->lock);
}

void
sslci_cache_remove(struct sslci_cache *cache, const char *key,
                   const sslc_session *session)
{
  if (key && session)
    remove_from(cache, key, session);
}

void
sslci_cache_remove_all(struct sslci_cache *cache, const char *key)
{
  if (key)
    remove_from(cache, key, NULL);
}

/* -------------------------------------------------------------- counting */

void
sslci_count(atomic_uint_least64_t *counter)
{
  atomic_fetch_add(counter, 1);
}

static uint64_t
count_kept(struct sslci_cache *cache)
{
  if (!CRYPTO_THREAD_read_lock(cache->lock))
    return 0;
  size_t count = cache->count;
  CRYPTO_THREAD_unlock(cache->lock);
  return count;
}

int
sslc_ctx_stats(const sslc_ctx *ctx, sslc_ctx_statistics *statistics)
{
  sslc_ctx_statistics all = { sizeof all, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                              0 };
  if (!ctx || !statistics || statistics->size < sizeof all)
    return 0;
  const struct sslci_stats *s = &ctx->sessions->stats;
  all.connects = atomic_load(&s->connects);
  all.offered = atomic_load(&s->offered);
  all.resumed = atomic_load(&s->resumed);
  all.refused = atomic_load(&s->refused);
  all.failed = atomic_load(&s->failed);
  all.misses = atomic_load(&s->misses);
  all.stored = atomic_load(&s->stored);
  all.expired = atomic_load(&s->expired);
  all.evicted = atomic_load(&s->evicted);
  all.dropped = atomic_load(&s->dropped);
  all.early_data_accepted = atomic_load(&s->early_accepted);
  all.early_data_rejected = atomic_load(&s->early_rejected);
  all.kept = count_kept(ctx->sessions);
  *statistics = all;
  return 1;
}
