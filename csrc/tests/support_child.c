/*
 * support_child.c: programs run beside the tests, with pipes to their standard
 * input and output.  openssl-s_server(1), openssl-s_client(1).
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* A test that fails leaves its child behind; the program's end does not. */
static pid_t running[8];

static void
kill_running(void)
{
  size_t i;

  for (i = 0; i < COUNT(running); i++)
    if (running[i] != 0)
      kill(running[i], SIGTERM);
}

/* Puts `now` into the place of `before`; 0 is a free place. */
static void
note_running(pid_t before, pid_t now)
{
  static int registered;
  size_t i = 0;

  if (!registered)
    registered = atexit(kill_running) == 0;
  while (i < COUNT(running) && running[i] != before)
    i++;
  if (i < COUNT(running))
    running[i] = now;
}

static void
make_pipe(int fds[2])
{
  assert_int_equal(pipe(fds), 0);
  assert_int_equal(fcntl(fds[0], F_SETFD, FD_CLOEXEC), 0);
  assert_int_equal(fcntl(fds[1], F_SETFD, FD_CLOEXEC), 0);
}

void
child_start(struct child *child, const char *const argv[])
{
  posix_spawn_file_actions_t actions;
  int in[2], out[2], err;
  pid_t pid;

  make_pipe(in);
  make_pipe(out);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                   O_WRONLY, 0);
  err = posix_spawnp(&pid, argv[0], &actions, NULL,
                     (char *const *)(uintptr_t)argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  if (err != 0)
    fail_msg("cannot start %s: %s", argv[0], strerror(err));
  note_running(0, pid);
  child->pid = pid;
  child->in = in[1];
  child->out = out[0];
}

int
child_read_until(struct child *child, const char *part, char *text,
                 size_t size)
{
  struct pollfd one = { child->out, POLLIN, 0 };
  size_t len = 0;

  text[0] = '\0';
  /* One byte at a time, so that what follows is left for the next call. */
  while (strstr(text, part) == NULL && len + 1 < size) {
    if (poll(&one, 1, PATIENCE) <= 0 || read(child->out, text + len, 1) != 1)
      return 0;
    text[++len] = '\0';
  }
  return strstr(text, part) != NULL;
}

void
child_stop(struct child *child)
{
  close(child->in);
  note_running(child->pid, 0);
  kill(child->pid, SIGTERM);
  while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
    ;
  close(child->out);
}

int
s_server_start(struct child *child, const char *const options[])
{
  const char *argv[32] = { "openssl", "s_server", "-accept", "127.0.0.1:0" };
  size_t n = 4;
  char text[4096];
  const char *port;

  for (; *options != NULL; options++) {
    assert_true(n + 1 < COUNT(argv));
    argv[n++] = *options;
  }
  child_start(child, argv);
  /* "ACCEPT 127.0.0.1:36719" */
  if (!child_read_until(child, "ACCEPT ", text, sizeof text) ||
      !child_read_until(child, "\n", text, sizeof text))
    fail_msg("openssl s_server did not start: %s", text);
  port = strchr(text, ':');
  assert_non_null(port);
  return atoi(port + 1);
}
