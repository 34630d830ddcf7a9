/*
 * run: runs a command COUNT times, whole processes one after another, and
 * prints what they used in sum as the contenders do: a line of JSON.
 *
 *   run COUNT COMMAND [ARGUMENT...]
 *
 * The command's output is thrown away; one that fails ends this with its
 * status.  wait4(2).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct total {
  double user, sys, wall;
  long maxrss;
};

static double
now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
seconds(struct timeval t)
{
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void
become(char **command)
{
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

  if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
    _exit(126);
  execvp(command[0], command);
  perror(command[0]);
  _exit(127);
}

static void
run_once(char **command, struct total *total)
{
  struct rusage used;
  double begin = now();
  int status;
  pid_t pid = fork();

  if (pid == 0)
    become(command);
  if (pid < 0 || wait4(pid, &status, 0, &used) != pid) {
    perror("run");
    exit(EXIT_FAILURE);
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
  total->wall += now() - begin;
  total->user += seconds(used.ru_utime);
  total->sys += seconds(used.ru_stime);
  if (used.ru_maxrss > total->maxrss)
    total->maxrss = used.ru_maxrss;
}

int
main(int argc, char **argv)
{
  struct total total = { 0 }, warm = { 0 };
  int i, count = argc > 2 ? atoi(argv[1]) : 0;

  if (count < 1) {
    fputs("usage: run COUNT COMMAND [ARGUMENT...]\n", stderr);
    return EXIT_FAILURE;
  }
  run_once(argv + 2, &warm);
  for (i = 0; i < count; i++)
    run_once(argv + 2, &total);
  printf("{\"ops\": %d, \"user\": %.6f, \"sys\": %.6f, \"wall\": %.6f, "
         "\"maxrss\": %ld, \"rss\": 0}\n", count, total.user, total.sys,
         total.wall, total.maxrss);
  return EXIT_SUCCESS;
}
