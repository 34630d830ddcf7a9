/*
 * support_memory.h: memory that runs short, CRYPTO_set_mem_functions(3).
 */
#ifndef SSLC_TESTS_SUPPORT_MEMORY_H
#define SSLC_TESTS_SUPPORT_MEMORY_H

#include <stddef.h>

/* First of all in main. */
void memory_install(void);

/* The n-th allocation from now on fails; 0: none.  Ends a pause. */
void memory_fail_at(long n);

/* Whether allocations are left alone, and not counted. */
void memory_pause(int on);

/* How many there were since. */
long memory_count(void);

/* The bytes that OpenSSL and this library have in use; of one thread. */
size_t memory_in_use(void);

/* Which allocation fails now, 0: none. */
long memory_failing(void);

/* From one allocation that fails to the next: SSLC_TEST_OOM_STEP, so that 1
 * tries them all, or else `usual`, and more under valgrind. */
long memory_step(long usual);

#endif
