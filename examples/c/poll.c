/*
 * poll.c: a connect that never blocks, driven by the program's own poll(2),
 * with one deadline over name, TCP and TLS.
 *
 *   poll HOST PORT [CA_FILE]
 *
 * Each step says what it waits for; the program waits for that and whatever
 * else it likes.
 */
#include <sslconnect.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Waits for one descriptor, as any loop would; 0 at the deadline. */
static int
wait_for(int fd, int events, int64_t deadline)
{
  struct pollfd p = { fd, 0, 0 };
  if (events & SSLC_READABLE)
    p.events |= POLLIN;
  if (events & SSLC_WRITABLE)
    p.events |= POLLOUT;
  int64_t left = deadline - sslc_now();
  /* Rounded up, so as not to wake before the time. */
  return left > 0 && poll(&p, 1, (int)((left + 999999) / 1000000)) > 0;
}

/* A dial has timers as well: it is stepped when they are over. */
static sslc_status
step_until(sslc_dial *dial, int64_t deadline)
{
  for (;;) {
    sslc_status status = sslc_dial_step(dial);
    if (status != SSLC_WANT_CONNECT)
      return status;
    if (sslc_now() >= deadline)
      return sslc_dial_wait(dial, 0); /* waits for nothing, tells where it is */
    int64_t timeout = sslc_dial_timeout(dial);
    int64_t until = timeout < 0 ? deadline : sslc_now() + timeout;
    wait_for(sslc_dial_fd(dial), sslc_dial_events(dial),
             until < deadline ? until : deadline);
  }
}

static int
dial(const char *host, int port, int64_t deadline)
{
  sslc_dial *dial = sslc_dial_new();
  sslc_status status = sslc_dial_start(dial, host, port);
  if (status == SSLC_OK)
    status = step_until(dial, deadline);
  if (status < 0)
    fprintf(stderr, "%s\n", sslc_error_text(sslc_dial_error(dial)));
  int fd = status == SSLC_OK ? sslc_dial_take_fd(dial) : -1;
  sslc_dial_free(dial);
  return fd;
}

static sslc_status
shake_hands(sslc_conn *conn, int fd, int64_t deadline)
{
  for (;;) {
    sslc_status status = sslc_conn_do_handshake(conn);
    if (status != SSLC_WANT_READ && status != SSLC_WANT_WRITE)
      return status;
    printf("%s: %s\n", sslc_status_name(status), sslc_conn_state_string(conn));
    int events = status == SSLC_WANT_READ ? SSLC_READABLE : SSLC_WRITABLE;
    if (!wait_for(fd, events, deadline))
      return SSLC_ERR_TIMEOUT;
  }
}

int
main(int argc, char **argv)
{
  if (argc < 3) {
    fprintf(stderr, "usage: poll HOST PORT [CA_FILE]\n");
    return EXIT_FAILURE;
  }
  int64_t deadline = sslc_deadline(10 * 1000);
  int fd = dial(argv[1], atoi(argv[2]), deadline);
  if (fd < 0)
    return EXIT_FAILURE;

  sslc_ctx *ctx = sslc_ctx_new();
  if (argc > 3)
    sslc_ctx_load_verify_file(ctx, argv[3]); /* a failure shows at the step */
  sslc_conn *conn = sslc_conn_new(ctx);
  sslc_bio *bio = sslc_bio_new_socket(fd, SSLC_CLOSE);
  sslc_conn_set_bio(conn, bio, bio);
  sslc_bio_free(bio); /* the connection keeps it */
  sslc_conn_set_server_name(conn, argv[1]);
  sslc_conn_set_connect_state(conn);

  sslc_status status = shake_hands(conn, fd, deadline);
  if (status == SSLC_OK)
    printf("connected: %s, %s\n", sslc_conn_version(conn),
           sslc_conn_cipher(conn));
  else
    fprintf(stderr, "%s: %s\n", sslc_status_name(status),
            sslc_error_text(sslc_conn_error(conn)));
  sslc_conn_close(conn);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
  return status == SSLC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
