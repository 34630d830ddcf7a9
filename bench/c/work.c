#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "work.h"

/* The most that a warm-up does. */
enum { WARM_MOST = 50 };

struct mark {
  double user, sys, wall;
  long maxrss, rss; /* kilobytes, bytes */
};

void
work_die(const char *what)
{
  fprintf(stderr, "%s", what);
  if (errno != 0)
    fprintf(stderr, ": %s", strerror(errno));
  fputc('\n', stderr);
  exit(EXIT_FAILURE);
}

/* -------------------------------------------------------------- measuring */

static double
seconds(struct timeval t)
{
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static long
resident(void)
{
  FILE *file = fopen("/proc/self/statm", "r");
  long pages = 0;

  if (file == NULL)
    return 0;
  if (fscanf(file, "%*d %ld", &pages) != 1)
    pages = 0;
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

static void
take_mark(struct mark *mark)
{
  struct rusage usage;
  struct timespec now;

  getrusage(RUSAGE_SELF, &usage);
  clock_gettime(CLOCK_MONOTONIC, &now);
  mark->user = seconds(usage.ru_utime);
  mark->sys = seconds(usage.ru_stime);
  mark->wall = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
  mark->maxrss = usage.ru_maxrss;
  mark->rss = resident();
}

static void
print_difference(size_t ops, size_t warm, const struct mark *from,
                 const struct mark *to)
{
  printf("{\"ops\": %zu, \"warm\": %zu, \"user\": %.6f, \"sys\": %.6f, "
         "\"wall\": %.6f, \"maxrss\": %ld, \"rss\": %ld}\n", ops, warm,
         to->user - from->user, to->sys - from->sys, to->wall - from->wall,
         to->maxrss, to->rss - from->rss);
}

/* -------------------------------------------------------------------- TCP */

int
work_connect(const struct work *work, int port, int nonblocking)
{
  struct sockaddr_in to = { 0 };
  int on = 1;
  int fd = socket(AF_INET,
                  SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0),
                  0);

  if (strcmp(work->workload, "fastopen") == 0)
    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
  to.sin_family = AF_INET;
  to.sin_port = htons((unsigned short)port);
  if (fd < 0 || inet_pton(AF_INET, work->address, &to.sin_addr) != 1)
    work_die(work->address);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 &&
      errno != EINPROGRESS)
    work_die("connect");
  errno = 0;
  return fd;
}

/* ---------------------------------------------------------------- running */

static void
raise_limit(void)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    work_die("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static void
read_arguments(struct work *work, int argc, char **argv)
{
  if (argc < 7)
    work_die("usage: PROGRAM WORKLOAD ADDRESS PORT HOST CA COUNT [PARAM "
             "[STALL_PORT]]");
  work->workload = argv[1];
  work->address = argv[2];
  work->port = atoi(argv[3]);
  work->host = argv[4];
  work->ca = argv[5];
  work->count = strtoul(argv[6], NULL, 10);
  work->param = argc > 7 ? strtoul(argv[7], NULL, 10) : 0;
  work->stall_port = argc > 8 ? atoi(argv[8]) : 0;
  work->block = calloc(1, work->param + ECHO_SIZE);
  if (work->block == NULL)
    work_die("calloc");
}

static size_t
warm_count(const struct work *work)
{
  size_t n = work->count / 8 + 1;

  if (strcmp(work->workload, "cold") == 0)
    return 0;
  return n < WARM_MOST ? n : WARM_MOST;
}

static void
run(struct work *work, const struct workload *workload)
{
  struct mark from, to;
  size_t i, warm = warm_count(work), each = 1;

  take_mark(&from);
  if (workload->begin != NULL)
    workload->begin(work);
  for (i = 0; i < warm; i++)
    workload->op(work);
  if (warm != 0)
    take_mark(&from);
  for (i = 0; i < work->count; i++)
    workload->op(work);
  take_mark(&to);
  if (workload->is_burst)
    each = work->param;
  print_difference(work->count * each, warm * each, &from, &to);
}

int
work_main(int argc, char **argv, const struct workload *table)
{
  struct work work = { 0 };

  read_arguments(&work, argc, argv);
  signal(SIGPIPE, SIG_IGN);
  raise_limit();
  for (; table->name != NULL; table++)
    if (strcmp(table->name, work.workload) == 0) {
      run(&work, table);
      free(work.block);
      return EXIT_SUCCESS;
    }
  errno = 0;
  work_die("there is no such workload here");
}
