/*
 * trust_lookup.c: where a store looks for the certificates that it is asked
 * for: X509_LOOKUP_meth_new(3).
 *
 * OpenSSL asks one lookup after the other, and is content with the first that
 * has the subject, though another one may have the authority's newer key.
 * This lookup asks all bundles and directories that belong to the store.
 */
#include "internal.h"

#include <pthread.h>

struct sslci_lookup {
  X509_STORE *store; /* it belongs to, as does what follows but bundles */
  X509_LOOKUP *dirs; /* NULL: there are none */
  struct sslci_bundle **bundles;
  size_t count;
  struct sslci_bundle *last; /* asked where all others have nothing */
};

/* -------------------------------------------------------------- looking */

/* The reference that X509_OBJECT_set1_X509(3) takes is nobody's: the caller
 * takes one of its own.  The bundle keeps the certificate, and the store's
 * lookup the bundle. */
static int
give(X509_OBJECT *object, X509 *x509)
{
  if (!X509_OBJECT_set1_X509(object, x509))
    return 0;
  X509_free(x509);
  return 1;
}

static int
get_by_subject(X509_LOOKUP *handle, X509_LOOKUP_TYPE type,
               compat_lookup_name *name, X509_OBJECT *object)
{
  struct sslci_lookup *l = X509_LOOKUP_get_method_data(handle);
  X509 *first = NULL, *one = NULL;
  if (type != X509_LU_X509)
    return 0;
  for (size_t i = 0; i < l->count; i++)
    if (sslci_bundle_find(l->bundles[i], name, l->store, &one) > 0)
      first = one;
  if (l->dirs && X509_LOOKUP_by_subject(l->dirs, type, name, object) > 0)
    return 1;
  if (!first && l->last)
    sslci_bundle_find(l->last, name, l->store, &first);
  return first ? give(object, first) : 0;
}

static void
free_lookup(X509_LOOKUP *handle)
{
  struct sslci_lookup *l = X509_LOOKUP_get_method_data(handle);
  if (!l)
    return;
  for (size_t i = 0; i < l->count; i++)
    sslci_bundle_free(l->bundles[i]);
  sslci_bundle_free(l->last);
  OPENSSL_free(l->bundles);
  OPENSSL_free(l);
}

/* --------------------------------------------------------------- making */

static X509_LOOKUP_METHOD *
new_method(void)
{
  X509_LOOKUP_METHOD *m = X509_LOOKUP_meth_new("bundles of certificates");
  if (m && X509_LOOKUP_meth_set_get_by_subject(m, get_by_subject) &&
      X509_LOOKUP_meth_set_free(m, free_lookup))
    return m;
  X509_LOOKUP_meth_free(m);
  return NULL;
}

/* One for the process, for as long as that lives; NULL: memory is short. */
static X509_LOOKUP_METHOD *
method(void)
{
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static X509_LOOKUP_METHOD *made;
  pthread_mutex_lock(&lock);
  if (!made)
    made = new_method();
  X509_LOOKUP_METHOD *m = made;
  pthread_mutex_unlock(&lock);
  return m;
}

struct sslci_lookup *
sslci_lookup_new(X509_STORE *store)
{
  X509_LOOKUP_METHOD *m = method();
  X509_LOOKUP *handle = m ? X509_STORE_add_lookup(store, m) : NULL;
  struct sslci_lookup *l = handle ? sslci_new(struct sslci_lookup) : NULL;
  if (!l)
    return NULL;
  l->store = store;
  X509_LOOKUP_set_method_data(handle, l);
  return l;
}

bool
sslci_lookup_add(struct sslci_lookup *l, struct sslci_bundle *b)
{
  size_t size = (l->count + 1) * sizeof(struct sslci_bundle *);
  struct sslci_bundle **more = OPENSSL_realloc(l->bundles, size);
  if (!more)
    return false;
  l->bundles = more;
  l->bundles[l->count++] = sslci_bundle_up_ref(b);
  return true;
}

void
sslci_lookup_add_last(struct sslci_lookup *l, struct sslci_bundle *b)
{
  sslci_bundle_free(l->last);
  l->last = sslci_bundle_up_ref(b);
}

bool
sslci_lookup_add_dir(struct sslci_lookup *l, const char *path)
{
  l->dirs = X509_STORE_add_lookup(l->store, X509_LOOKUP_hash_dir());
  return l->dirs && X509_LOOKUP_add_dir(l->dirs, path, X509_FILETYPE_PEM);
}
