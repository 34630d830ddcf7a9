/*
 * test_interrupted.c: handshakes that are broken off after each single byte,
 * by the end of the stream, by a reset, by bytes of no sense.  Whatever comes,
 * each side says what went wrong; none succeeds, none goes on waiting.
 */
#include "ossl_compat.h"
#include "support_handshake.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ----------------------------------------------------- up to the k-th byte */

/* The side that is watched, and the one whose bytes are cut off. */
struct sides {
  sslc_conn *watched, *other;
  sslc_bio *to_watched, *to_other;
};

static struct sides
sides_of(struct wire *w, int server)
{
  struct sides s = { w->client, w->server, w->to_client, w->to_server };

  if (server) {
    s.watched = w->server;
    s.other = w->client;
    s.to_watched = w->to_server;
    s.to_other = w->to_client;
  }
  return s;
}

/* Moves up to `most` bytes; how many that were. */
static size_t
move(sslc_bio *from, sslc_bio *to, size_t most)
{
  char buf[16384];
  size_t n;

  if (most > sizeof buf)
    most = sizeof buf;
  if (most == 0 || sslc_bio_read(from, buf, most, &n) != SSLC_OK)
    return 0;
  inject(to, buf, n);
  return n;
}

/* Lets the watched side have k bytes, and nothing go wrong. */
static void
give(struct sides *s, size_t k)
{
  size_t asked, given;

  do {
    assert_true(sslc_conn_do_handshake(s->watched) >= 0);
    asked = move(s->to_watched, s->to_other, SIZE_MAX);
    sslc_conn_do_handshake(s->other);
    given = move(s->to_other, s->to_watched, k);
    k -= given;
  } while (asked > 0 || given > 0);
}

/* ------------------------------------------------------------- the endings */

/* The end of the stream. */
static void
check_eof(struct sides *s)
{
  assert_ok(sslc_bio_shutdown_wr(s->to_watched),
            sslc_bio_error(s->to_watched));
  assert_status(sslc_conn_do_handshake(s->watched), SSLC_ERR_EOF,
                sslc_conn_error(s->watched));
  assert_code(sslc_conn_error(s->watched), SSLC_CODE_HANDSHAKE_EOF);
}

/* OpenSSL up to 3.0.19 does so of records of TLS 1.2 that are too short, and
 * 1.1.1 of a client's key that is none. */
static int
calls_it_internal(sslc_status status)
{
  return status == SSLC_ERR_INTERNAL && OpenSSL_version_num() < 0x30000140L;
}

/* Bytes of no sense, as many as libssl wants to see, then the end.  Which of
 * the errors it is depends on where they begin. */
static void
check_garbage(struct sides *s, unsigned seed)
{
  unsigned char garbage[4096];
  sslc_status status;
  int pieces = 0;

  do {
    make_garbage(garbage, sizeof garbage, seed + (unsigned)pieces);
    inject(s->to_watched, garbage, sizeof garbage);
    status = sslc_conn_do_handshake(s->watched);
  } while (is_want(status) && ++pieces < 20);
  if (is_want(status)) {
    check_eof(s);
    return;
  }
  /* In a certificate that is sent in the clear it is a bad signature. */
  if (status != SSLC_ERR_PROTO && status != SSLC_ERR_ALERT &&
      status != SSLC_ERR_VERIFY && !calls_it_internal(status))
    fail_msg("%s after garbage %u", sslc_status_name(status), seed);
}

/* It has failed for good, and says so again. */
static void
check_failed(const struct sides *s)
{
  sslc_status status = sslc_conn_last_status(s->watched);

  assert_int_equal(sslc_conn_is_connected(s->watched), 0);
  assert_int_equal(sslc_conn_is_verified(s->watched), 0);
  assert_phase(sslc_conn_error(s->watched), SSLC_PHASE_HANDSHAKE);
  assert_int_equal(sslc_conn_last_return(s->watched), -1);
  assert_int_equal(sslc_conn_do_handshake(s->watched), status);
}

/* -------------------------------------------------------------- the tests */

static const struct row {
  const char *test;
  const struct kind *kind;
  int server;
  enum ending ending;
} rows[] = {
  { "a client at each byte: the stream ends, TLS 1.3", &tls13, 0, END_EOF },
  { "a client at each byte: the stream ends, TLS 1.2", &tls12, 0, END_EOF },
  { "a client at each byte: garbage, TLS 1.3", &tls13, 0, END_GARBAGE },
  { "a client at each byte: garbage, TLS 1.2", &tls12, 0, END_GARBAGE },
  { "a client at each byte: a reset, TLS 1.3", &tls13, 0, END_RESET },
  { "a client at each byte: a reset, TLS 1.2", &tls12, 0, END_RESET },
  { "a server at each byte: the stream ends, TLS 1.3", &tls13_cert, 1,
    END_EOF },
  { "a server at each byte: the stream ends, TLS 1.2", &tls12_cert, 1,
    END_EOF },
  { "a server at each byte: garbage, TLS 1.3", &tls13_cert, 1, END_GARBAGE },
  { "a server at each byte: garbage, TLS 1.2", &tls12_cert, 1, END_GARBAGE },
  { "a server at each byte: a reset, TLS 1.3", &tls13_cert, 1, END_RESET },
  { "a server at each byte: a reset, TLS 1.2", &tls12_cert, 1, END_RESET },
};

/* A socket takes the place of the pair: the watched side's, and its peer. */
static int
use_socket(struct sides *s)
{
  int fds[2];
  sslc_bio *bio;

  make_tcp(fds);
  bio = sslc_bio_new_socket(fds[0], SSLC_CLOSE);
  assert_non_null(bio);
  assert_ok(sslc_conn_set_bio(s->watched, bio, bio),
            sslc_conn_error(s->watched));
  sslc_bio_free(bio);
  return fds[1];
}

static void
wait_readable(int fd)
{
  struct pollfd one = { fd, POLLIN, 0 };

  assert_true(poll(&one, 1, PATIENCE) > 0);
}

/* The same stream from there on: bytes so far went over the pair. */
static void
check_reset(struct sides *s)
{
  int fd = use_socket(s);

  end_socket(fd, END_RESET);
  close(fd);
  wait_readable(sslc_conn_fd(s->watched));
  assert_status(sslc_conn_do_handshake(s->watched), SSLC_ERR_SYS,
                sslc_conn_error(s->watched));
  assert_code(sslc_conn_error(s->watched), SSLC_CODE_CONNECTION_RESET);
}

static void
end_with(struct sides *s, enum ending ending, size_t k)
{
  if (ending == END_EOF)
    check_eof(s);
  else if (ending == END_RESET)
    check_reset(s);
  else
    check_garbage(s, (unsigned)k);
  check_failed(s);
}

/* One handshake, with k bytes; 1 where it is done with fewer, or as many. */
static int
interrupt_at(const struct row *row, sslc_ctx *client, sslc_ctx *server,
             size_t k)
{
  struct wire w;
  struct sides s;
  int done;

  wire_init(&w, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server),
            "localhost");
  s = sides_of(&w, row->server);
  give(&s, k);
  done = sslc_conn_is_connected(s.watched);
  if (!done)
    end_with(&s, row->ending, k);
  wire_free(&w);
  return done;
}

static void
test_interrupted(void **state)
{
  const struct row *row = *state;
  sslc_ctx *client = kind_client(row->kind);
  sslc_ctx *server = kind_server(row->kind);
  size_t k;

  for (k = 0; !interrupt_at(row, client, server, k); k++)
    ;
  print_message("%zu places\n", k);
  assert_true(k > 500);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_interrupted, &rows[i]);
  return run_all("interrupted");
}
