/*
 * support_memory.c: memory that runs short, CRYPTO_set_mem_functions(3).
 */
#include "support.h"
#include "support_memory.h"

#include <malloc.h>
#include <stdlib.h>

#include <openssl/crypto.h>

static struct {
  int paused;
  long count;   /* since it was set */
  long fail_at; /* 0: none */
  size_t in_use; /* bytes */
} memory;

static int
fails(void)
{
  return !memory.paused && ++memory.count == memory.fail_at;
}

static void *
came(void *block)
{
  memory.in_use += malloc_usable_size(block);
  return block;
}

static void
goes(void *block)
{
  memory.in_use -= malloc_usable_size(block);
}

static void *
counted_malloc(size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return size == 0 || fails() ? NULL : came(malloc(size));
}

static void
counted_free(void *block, const char *file, int line)
{
  (void)file;
  (void)line;
  goes(block);
  free(block);
}

static void *
counted_realloc(void *block, size_t size, const char *file, int line)
{
  if (block == NULL)
    return counted_malloc(size, file, line);
  if (size == 0) {
    counted_free(block, file, line);
    return NULL;
  }
  if (fails())
    return NULL;
  goes(block);
  return came(realloc(block, size));
}

void
memory_install(void)
{
  if (!CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free))
    abort();
}

void
memory_fail_at(long n)
{
  memory.paused = 0;
  memory.count = 0;
  memory.fail_at = n;
}

void
memory_pause(int on)
{
  memory.paused = on;
}

long
memory_count(void)
{
  return memory.count;
}

size_t
memory_in_use(void)
{
  return memory.in_use;
}

long
memory_failing(void)
{
  return memory.fail_at;
}

long
memory_step(long usual)
{
  const char *text = getenv("SSLC_TEST_OOM_STEP");
  long n = text != NULL ? atol(text) : usual;

  if (text == NULL && under_valgrind())
    n = 7 * n + 2;
  return n > 0 ? n : 1;
}
