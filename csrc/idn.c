/*
 * idn.c: internationalised names to A-labels, by IDNA 2008 (RFC 5891).
 *
 * The tables for that are libidn2's.  It is looked for at run time, as glibc
 * does for AI_IDN, so that a library built once uses it where it is there and
 * asks for A-labels where it is not.
 */
#include "internal.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { IDN2_NFC_INPUT = 1, IDN2_NONTRANSITIONAL = 8 }; /* idn2.h's */

typedef int lookup_u8(const unsigned char *src, unsigned char **out, int flags);
typedef void free_name(void *name);
typedef const char *error_text(int rc);

static struct {
  lookup_u8 *lookup;
  free_name *free;
  error_text *error;
} idn2;

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

/* POSIX's way from an object pointer to a function pointer. */
static void
find_symbol(void *lib, const char *name, void *where)
{
  void *symbol = dlsym(lib, name);
  memcpy(where, &symbol, sizeof symbol);
}

static void
load_idn2(void)
{
  static const char *const files[] = { "libidn2.so.0", "libidn2.0.dylib" };
  void *lib = NULL;
  for (size_t i = 0; !lib && i < sizeof files / sizeof files[0]; i++)
    lib = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
  if (!lib)
    return;
  find_symbol(lib, "idn2_free", &idn2.free);
  find_symbol(lib, "idn2_strerror", &idn2.error);
  find_symbol(lib, "idn2_lookup_u8", &idn2.lookup);
  if (!idn2.free || !idn2.error)
    idn2.lookup = NULL;
}

bool
sslci_idn_to_ascii(const char *utf8, char *out, size_t size, const char **why)
{
  unsigned char *name = NULL;
  if (!CRYPTO_THREAD_run_once(&once, load_idn2) || !idn2.lookup) {
    *why = "it is not ASCII and libidn2 is not on this system; "
           "give it as A-labels (xn--...)";
    return false;
  }
  int rc = idn2.lookup((const unsigned char *)utf8, &name,
                       IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  if (rc != 0) {
    *why = idn2.error(rc);
    return false;
  }
  size_t len = strlen((char *)name);
  bool fits = len < size;
  if (fits)
    memcpy(out, name, len + 1);
  else
    *why = "it is longer than 253 bytes";
  idn2.free(name);
  return fits;
}
