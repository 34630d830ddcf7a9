/*
 * share.c: certificates that several connections were shown, kept once.
 *
 * libssl makes certificates anew of what each handshake brings, and keeps them
 * for as long as the connection is there: 5 KB each, of which 24 KB an idle
 * connection is made, and most are the same for all connections to a server.
 * So before a chain is looked at, what another connection was shown before is
 * put in the place of what is the same to the last byte.  No verdict is shared:
 * each handshake comes to its own.
 *
 * What is here is used by a connection that is there: nothing is kept longer.
 */
#include "internal.h"

#include <pthread.h>
#include <string.h>

enum { BUCKETS = 1024 };

struct sslci_shared {
  struct sslci_shared *next;
  uint32_t hash;
  X509 *x509;
  size_t users; /* connections */
};

static struct sslci_shared *buckets[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* -------------------------------------------------------------- the table */

/* The end of the signature: it differs between certificates, and to have it the
 * same for many would be of no use to anybody. */
static uint32_t
hash_of(const X509 *x509)
{
  const ASN1_BIT_STRING *signature = NULL;
  const X509_ALGOR *algorithm;
  uint32_t hash = 0;
  X509_get0_signature(&signature, &algorithm, x509);
  size_t len = signature ? (size_t)ASN1_STRING_length(signature) : 0;
  if (len >= sizeof hash)
    memcpy(&hash, ASN1_STRING_get0_data(signature) + len - sizeof hash,
           sizeof hash);
  return hash;
}

/* To the last byte: X509_cmp(3) goes by a digest. */
static bool
are_same(X509 *a, X509 *b)
{
  unsigned char *a_der = NULL, *b_der = NULL;
  int a_len = i2d_X509(a, &a_der), b_len = i2d_X509(b, &b_der);
  bool same = a_len > 0 && a_len == b_len &&
              memcmp(a_der, b_der, (size_t)a_len) == 0;
  OPENSSL_free(a_der);
  OPENSSL_free(b_der);
  return same;
}

static struct sslci_shared *
find(X509 *x509, uint32_t hash)
{
  struct sslci_shared *s = buckets[hash % BUCKETS];
  while (s && !(s->hash == hash && are_same(s->x509, x509)))
    s = s->next;
  return s;
}

static struct sslci_shared *
add(X509 *x509, uint32_t hash)
{
  struct sslci_shared *s = sslci_new(struct sslci_shared);
  if (!s)
    return NULL;
  X509_up_ref(x509);
  s->x509 = x509;
  s->hash = hash;
  s->next = buckets[hash % BUCKETS];
  buckets[hash % BUCKETS] = s;
  return s;
}

/* The one of this certificate, with one user more; NULL: memory is short. */
static struct sslci_shared *
take(X509 *x509)
{
  uint32_t hash = hash_of(x509);
  pthread_mutex_lock(&lock);
  struct sslci_shared *s = find(x509, hash);
  if (!s)
    s = add(x509, hash);
  if (s)
    s->users++;
  pthread_mutex_unlock(&lock);
  return s;
}

static void
unlink_it(struct sslci_shared *s)
{
  struct sslci_shared **where = &buckets[s->hash % BUCKETS];
  while (*where != s)
    where = &(*where)->next;
  *where = s->next;
}

static void
give_back(struct sslci_shared *s)
{
  pthread_mutex_lock(&lock);
  bool unused = --s->users == 0;
  if (unused)
    unlink_it(s);
  pthread_mutex_unlock(&lock);
  if (!unused)
    return;
  X509_free(s->x509);
  OPENSSL_free(s);
}

/* -------------------------------------------------------- for a connection */

/* libssl may hold a certificate by its place alone until the handshake is over,
 * so what was replaced stays until then. */
static void
replace(sslc_conn *conn, X509_STORE_CTX *store_ctx, int i, X509 *by)
{
  STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store_ctx);
  X509 *old = sk_X509_value(sent, i);
  if (!conn->replaced)
    conn->replaced = sk_X509_new_null();
  if (!conn->replaced || sk_X509_push(conn->replaced, old) <= 0)
    return;
  X509_up_ref(by);
  sk_X509_set(sent, i, by);
  if (X509_STORE_CTX_get0_cert(store_ctx) == old)
    X509_STORE_CTX_set_cert(store_ctx, by);
}

/* Without memory for it nothing is shared, and nothing else is wrong. */
void
sslci_share_chain(sslc_conn *conn, X509_STORE_CTX *store_ctx)
{
  STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store_ctx);
  if (conn->shared_count > 0) /* it is verified a second time */
    return;
  ERR_set_mark();
  for (int i = 0; i < sk_X509_num(sent) && i < SSLCI_SHARED; i++) {
    struct sslci_shared *s = take(sk_X509_value(sent, i));
    if (!s)
      continue;
    conn->shared[conn->shared_count++] = s;
    if (s->x509 != sk_X509_value(sent, i))
      replace(conn, store_ctx, i, s->x509);
  }
  ERR_pop_to_mark();
}

void
sslci_share_settle(sslc_conn *conn)
{
  sk_X509_pop_free(conn->replaced, X509_free);
  conn->replaced = NULL;
}

void
sslci_share_free(sslc_conn *conn)
{
  sslci_share_settle(conn);
  while (conn->shared_count > 0)
    give_back(conn->shared[--conn->shared_count]);
}
