/*
 * support.c: the runner, the assertions, and two sides in one thread.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ------------------------------------------------------------- the runner */

#define MAX_TESTS 1024

static struct CMUnitTest tests[MAX_TESTS];
static size_t test_count;

void
add_test(const char *name, CMUnitTestFunction function, const void *row)
{
  struct CMUnitTest *test;

  if (test_count == MAX_TESTS)
    abort();
  test = &tests[test_count++];
  test->name = name;
  test->test_func = function;
  test->initial_state = (void *)(uintptr_t)row;
}

int
run_all(const char *group)
{
  return _cmocka_run_group_tests(group, tests, test_count, NULL, NULL);
}

/* ------------------------------------------------------------- assertions */

void
check_status(sslc_status got, sslc_status want, const sslc_error *error,
             const char *file, int line)
{
  if (got == want)
    return;
  print_error("status %s (%d) where %s (%d) was expected; error: %s\n",
              sslc_status_name(got), got, sslc_status_name(want), want,
              error != NULL ? sslc_error_text(error) : "none");
  _fail(file, line);
}

void
check_code(const sslc_error *error, int code, const char *file, int line)
{
  const char *message;

  if (error == NULL) {
    print_error("no error where %s was expected\n", sslc_code_name(code));
    _fail(file, line);
    return;
  }
  if (sslc_error_code(error) != code) {
    print_error("%s where %s was expected: %s\n", sslc_error_code_name(error),
                sslc_code_name(code), sslc_error_text(error));
    _fail(file, line);
  }
  message = sslc_error_message(error);
  if (message[0] == '\0' || message[strlen(message) - 1] == '.') {
    print_error("not a sentence without a full stop: \"%s\"\n", message);
    _fail(file, line);
  }
}

void
check_phase(const sslc_error *error, int phase, const char *file, int line)
{
  if (sslc_error_phase(error) == phase)
    return;
  print_error("phase \"%s\" where \"%s\" was expected: %s\n",
              sslc_phase_name(sslc_error_phase(error)), sslc_phase_name(phase),
              sslc_error_text(error));
  _fail(file, line);
}

void
check_has(const char *text, const char *part, const char *file, int line)
{
  if (text != NULL && strstr(text, part) != NULL)
    return;
  print_error("\"%s\" is not in \"%s\"\n", part, text != NULL ? text : "NULL");
  _fail(file, line);
}

int
is_want(sslc_status status)
{
  return status > 0 && status != SSLC_CLOSED;
}

/* -------------------------------------------------- certificates, contexts */

const char *
cert_path(const char *file)
{
  static char paths[8][1024];
  static unsigned next;
  const char *dir = getenv("SSLC_TEST_CERTS");
  char *path = paths[next++ % COUNT(paths)];

  if (dir == NULL)
    fail_msg("SSLC_TEST_CERTS is not set");
  snprintf(path, sizeof paths[0], "%s/%s", dir, file);
  return path;
}

char *
read_file(const char *path, size_t *len)
{
  const size_t most = 1 << 16;
  FILE *file = fopen(path, "r");
  char *text = malloc(most + 1);

  if (file == NULL)
    fail_msg("cannot open %s", path);
  assert_non_null(text);
  *len = fread(text, 1, most, file);
  text[*len] = '\0';
  fclose(file);
  return text;
}

int
cert_exists(const char *file)
{
  return access(cert_path(file), R_OK) == 0;
}

sslc_ctx *
make_client_ctx(void)
{
  sslc_ctx *ctx = sslc_ctx_new();

  assert_non_null(ctx);
  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")),
            sslc_ctx_error(ctx));
  return ctx;
}

sslc_ctx *
make_client_ctx_of(int version)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  return ctx;
}

char *
make_bytes(size_t len)
{
  char *bytes = malloc(len);
  size_t i;

  assert_non_null(bytes);
  for (i = 0; i < len; i++)
    bytes[i] = (char)(i * 31 + i / 251);
  return bytes;
}

static void
use_leaf(sslc_ctx *ctx, const char *leaf)
{
  char name[64];

  snprintf(name, sizeof name, "%s.pem", leaf);
  assert_ok(sslc_ctx_use_certificate_file(ctx, cert_path(name)),
            sslc_ctx_error(ctx));
  snprintf(name, sizeof name, "%s.key", leaf);
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path(name)),
            sslc_ctx_error(ctx));
}

sslc_ctx *
make_server_ctx(const char *leaf)
{
  sslc_ctx *ctx = sslc_ctx_new();

  assert_non_null(ctx);
  use_leaf(ctx, leaf);
  return ctx;
}

sslc_ctx *
make_lax_server_ctx(const char *leaf)
{
  sslc_ctx *ctx = sslc_ctx_new();

  assert_non_null(ctx);
  assert_ok(sslc_ctx_set_insecure_min_version(ctx, SSLC_TLS1_1),
            sslc_ctx_error(ctx));
  use_leaf(ctx, leaf);
  return ctx;
}

int
under_valgrind(void)
{
  const char *preload = getenv("LD_PRELOAD");

  return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

/* ------------------------------------------------ two sides in one thread */

static sslc_conn *
make_conn(sslc_ctx *ctx, sslc_bio *bio)
{
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(conn);
  assert_ok(sslc_conn_set_bio(conn, bio, bio), sslc_conn_error(conn));
  sslc_bio_free(bio);
  sslc_ctx_free(ctx);
  return conn;
}

static sslc_conn *
make_client(sslc_ctx *ctx, sslc_bio *bio, const char *server_name)
{
  sslc_conn *conn = make_conn(ctx, bio);

  assert_ok(sslc_conn_set_connect_state(conn), sslc_conn_error(conn));
  if (server_name != NULL)
    assert_ok(sslc_conn_set_server_name(conn, server_name),
              sslc_conn_error(conn));
  return conn;
}

static sslc_conn *
make_server(sslc_ctx *ctx, sslc_bio *bio)
{
  sslc_conn *conn = make_conn(ctx, bio);

  assert_ok(sslc_conn_set_accept_state(conn), sslc_conn_error(conn));
  return conn;
}

void
peers_init(struct peers *p, sslc_ctx *client, sslc_ctx *server,
           const char *server_name)
{
  sslc_bio *bio1, *bio2;

  assert_int_equal(sslc_bio_new_pair(&bio1, 0, &bio2, 0), SSLC_OK);
  p->client = make_client(client, bio1, server_name);
  p->server = make_server(server, bio2);
}

void
make_sockets(int fds[2])
{
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

void
peers_init_sockets(struct peers *p, sslc_ctx *client, sslc_ctx *server,
                   const char *server_name)
{
  int fds[2];
  sslc_bio *bio1, *bio2;

  make_sockets(fds);
  bio1 = sslc_bio_new_socket(fds[0], SSLC_CLOSE);
  bio2 = sslc_bio_new_socket(fds[1], SSLC_CLOSE);
  assert_non_null(bio1);
  assert_non_null(bio2);
  p->client = make_client(client, bio1, server_name);
  p->server = make_server(server, bio2);
}

void
peers_connect_sockets(struct peers *p, int version)
{
  peers_init_sockets(p, make_client_ctx_of(version), make_server_ctx("good"),
                     "localhost");
  assert_ok(shake(p), sslc_conn_error(p->client));
}

void
peers_free(struct peers *p)
{
  sslc_conn_free(p->client);
  sslc_conn_free(p->server);
}

sslc_status
shake(struct peers *p)
{
  /* A handshake is done in a handful of rounds. */
  int rounds = 100;

  do {
    p->client_status = sslc_conn_do_handshake(p->client);
    p->server_status = sslc_conn_do_handshake(p->server);
  } while ((is_want(p->client_status) || is_want(p->server_status)) &&
           --rounds > 0);
  return p->client_status;
}

void
peers_connect(struct peers *p)
{
  peers_init(p, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_ok(shake(p), sslc_conn_error(p->client));
  assert_status(p->server_status, SSLC_OK, sslc_conn_error(p->server));
}

void
send_text(sslc_conn *conn, const char *text)
{
  size_t n;

  assert_ok(sslc_conn_write(conn, text, strlen(text), &n),
            sslc_conn_error(conn));
  assert_int_equal(n, strlen(text));
}

void
expect_text(sslc_conn *conn, const char *text)
{
  char buf[64];
  size_t n;

  assert_ok(sslc_conn_read(conn, buf, sizeof buf, &n), sslc_conn_error(conn));
  assert_int_equal(n, strlen(text));
  assert_memory_equal(buf, text, n);
}

void
expect_read(sslc_conn *conn, sslc_status want)
{
  char byte;
  size_t n;

  assert_status(sslc_conn_read(conn, &byte, 1, &n), want,
                sslc_conn_error(conn));
}

void
send_through(sslc_conn *from, sslc_conn *to, const void *data, size_t len)
{
  const char *next = data;
  char got[4096];
  size_t sent, n;

  while (len > 0) {
    size_t piece = len < sizeof got ? len : sizeof got;

    assert_ok(sslc_conn_write(from, next, piece, &sent),
              sslc_conn_error(from));
    assert_ok(sslc_conn_read(to, got, sizeof got, &n), sslc_conn_error(to));
    assert_int_equal(n, sent);
    assert_memory_equal(got, next, n);
    next += n;
    len -= n;
  }
}

/* -------------------------------------------- two sides and what is between */

void
wire_init(struct wire *w, sslc_ctx *client, sslc_ctx *server,
          const char *server_name)
{
  sslc_bio *bio1, *bio2;

  assert_int_equal(sslc_bio_new_pair(&bio1, 0, &w->to_client, 0), SSLC_OK);
  assert_int_equal(sslc_bio_new_pair(&bio2, 0, &w->to_server, 0), SSLC_OK);
  w->client = make_client(client, bio1, server_name);
  w->server = make_server(server, bio2);
  w->seed = 1;
}

void
wire_free(struct wire *w)
{
  sslc_conn_free(w->client);
  sslc_conn_free(w->server);
  sslc_bio_free(w->to_client);
  sslc_bio_free(w->to_server);
}

/* 1 to `most`, by a linear congruence. */
static size_t
piece_size(struct wire *w, size_t most)
{
  w->seed = w->seed * 1103515245u + 12345u;
  return (w->seed >> 16) % most + 1;
}

static int
move_piece(sslc_bio *from, sslc_bio *to, size_t size)
{
  char buf[1024];
  size_t n;

  if (size > sizeof buf)
    size = sizeof buf;
  if (sslc_bio_read(from, buf, size, &n) != SSLC_OK)
    return 0;
  inject(to, buf, n);
  return 1;
}

int
wire_move(struct wire *w, size_t most)
{
  int there = move_piece(w->to_client, w->to_server, piece_size(w, most));
  int back = move_piece(w->to_server, w->to_client, piece_size(w, most));

  return there || back;
}

void
wire_move_all(struct wire *w)
{
  while (wire_move(w, 1000))
    ;
}

sslc_status
wire_read_all(struct wire *w, size_t *sum)
{
  char buf[1024];
  sslc_status status;
  size_t n;

  do {
    status = sslc_conn_read(w->server, buf, sizeof buf, &n);
    if (sum != NULL)
      *sum += n;
  } while (status == SSLC_OK ||
           (status == SSLC_WANT_READ && wire_move(w, 1000)));
  return status;
}

sslc_status
wire_shake(struct wire *w, size_t most)
{
  sslc_status client, server;

  do {
    client = sslc_conn_do_handshake(w->client);
    server = sslc_conn_do_handshake(w->server);
  } while (wire_move(w, most) && client >= 0 && server >= 0);
  return client;
}

void
inject(sslc_bio *half, const void *bytes, size_t len)
{
  size_t n;

  assert_ok(sslc_bio_write(half, bytes, len, &n), sslc_bio_error(half));
  assert_int_equal(n, len);
}

size_t
drop(sslc_bio *half)
{
  char buf[1024];
  size_t n, sum = 0;

  while (sslc_bio_read(half, buf, sizeof buf, &n) == SSLC_OK)
    sum += n;
  return sum;
}
