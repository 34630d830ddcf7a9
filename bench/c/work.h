/*
 * work.h: what the contenders in C share: arguments, measuring, the line that
 * is printed.
 *
 *   PROGRAM WORKLOAD ADDRESS PORT HOST CA COUNT [PARAM [STALL_PORT]]
 *
 * A contender goes to ADDRESS and PORT and wants the certificate to be HOST's,
 * under the authorities in the file CA ("system": the system's trust).  It does
 * the workload's operation COUNT times, after a warm-up in the same process,
 * and prints one line of JSON about those: see bench/README.md.
 */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <stddef.h>

enum { REQUEST_SIZE = 16, ECHO_SIZE = 64 };

struct work {
  const char *workload, *address, *host, *ca;
  int port, stall_port;
  size_t count, param;
  char *block; /* of param bytes, at least ECHO_SIZE */
};

struct workload {
  const char *name;
  void (*begin)(struct work *work); /* NULL: nothing to do before */
  void (*op)(struct work *work);    /* what is counted */
  int is_burst;                     /* it counts as `param` operations */
};

/* The whole program; the table ends with a NULL name. */
int work_main(int argc, char **argv, const struct workload *table);

/* Says what went wrong, and ends the program. */
void work_die(const char *what) __attribute__((noreturn));

/* A TCP connection to a port of the address; a nonblocking one is still under
 * way. */
int work_connect(const struct work *work, int port, int nonblocking);

#endif
