/*
 * test_oom.c: memory that runs out at each place where it can: the N-th
 * allocation fails, for N from 1 until none does.  The core's own memory and
 * OpenSSL's come from one hook, CRYPTO_set_mem_functions (OPENSSL_malloc(3)).
 *
 * Whatever fails, nothing crashes, a server that is to be refused is never let
 * in, and what failed says so.  That nothing leaks, the leak checkers tell that
 * the tests are run with.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* ------------------------------------------------------------- the memory */

static struct {
  long count;   /* of allocations since it was set */
  long fail_at; /* which of them fails; 0: none */
} memory;

static int
fails(void)
{
  return ++memory.count == memory.fail_at;
}

static void *
oom_malloc(size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return size == 0 || fails() ? NULL : malloc(size);
}

static void
oom_free(void *block, const char *file, int line)
{
  (void)file;
  (void)line;
  free(block);
}

static void *
oom_realloc(void *block, size_t size, const char *file, int line)
{
  if (block == NULL)
    return oom_malloc(size, file, line);
  if (size == 0) {
    oom_free(block, file, line);
    return NULL;
  }
  return fails() ? NULL : realloc(block, size);
}

static void
fail_at(long n)
{
  memory.count = 0;
  memory.fail_at = n;
}

/* ----------------------------------------------------------- the scenarios */

/* What a connect came to. */
struct outcome {
  int connected; /* the client has a connection that it takes for verified */
  int echoed;
  int code; /* of the first thing that failed */
};

static void
note(struct outcome *o, const sslc_error *err)
{
  if (o->code == SSLC_CODE_NONE)
    o->code = err != NULL ? sslc_error_code(err) : SSLC_CODE_OUT_OF_MEMORY;
}

/* A context that could not be set up is used all the same, as by a program
 * that does not look. */
static sslc_ctx *
client_ctx(struct outcome *o)
{
  static const char *const names[] = { "h2", "http/1.1" };
  sslc_ctx *ctx = sslc_ctx_new();

  if (ctx == NULL) {
    note(o, NULL);
    return NULL;
  }
  if (sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")) != SSLC_OK ||
      sslc_ctx_set_alpn(ctx, names, 2) != SSLC_OK)
    note(o, sslc_ctx_error(ctx));
  return ctx;
}

static sslc_ctx *
server_ctx(struct outcome *o, const char *cert, const char *key)
{
  sslc_ctx *ctx = sslc_ctx_new();

  if (ctx == NULL) {
    note(o, NULL);
    return NULL;
  }
  if (sslc_ctx_use_certificate_file(ctx, cert_path(cert)) != SSLC_OK ||
      sslc_ctx_use_private_key_file(ctx, cert_path(key)) != SSLC_OK)
    note(o, sslc_ctx_error(ctx));
  return ctx;
}

static void
echo(struct outcome *o, sslc_conn *client, sslc_conn *server)
{
  char buf[16];
  size_t n;

  if (sslc_conn_write(client, "hello", 5, &n) != SSLC_OK)
    note(o, sslc_conn_error(client));
  else if (sslc_conn_read(server, buf, sizeof buf, &n) != SSLC_OK)
    note(o, sslc_conn_error(server));
  else
    o->echoed = n == 5 && memcmp(buf, "hello", 5) == 0;
}

/* Steps both; whoever fails gives the code. */
static void
shake_both(struct outcome *o, sslc_conn *client, sslc_conn *server)
{
  sslc_status c, s;
  int rounds = 100;

  do {
    c = sslc_conn_connect(client);
    s = sslc_conn_accept(server);
  } while ((is_want(c) || is_want(s)) && --rounds > 0);
  if (c < 0)
    note(o, sslc_conn_error(client));
  if (s < 0)
    note(o, sslc_conn_error(server));
  o->connected = sslc_conn_is_connected(client);
  if (o->connected && !sslc_conn_is_verified(client))
    fail_msg("connected without being verified");
  if (c == SSLC_OK && s == SSLC_OK)
    echo(o, client, server);
}

static void
run_conns(struct outcome *o, sslc_conn *client, sslc_conn *server)
{
  sslc_bio *bio1 = NULL, *bio2 = NULL;

  if (sslc_bio_new_pair(&bio1, 0, &bio2, 0) != SSLC_OK)
    note(o, NULL);
  else if (sslc_conn_set_bio(client, bio1, bio1) != SSLC_OK ||
           sslc_conn_set_server_name(client, "localhost") != SSLC_OK)
    note(o, sslc_conn_error(client));
  else if (sslc_conn_set_bio(server, bio2, bio2) != SSLC_OK)
    note(o, sslc_conn_error(server));
  else
    shake_both(o, client, server);
  sslc_bio_free(bio1);
  sslc_bio_free(bio2);
}

/* What a program may ask for afterwards, whatever came of it. */
static void
ask(sslc_conn *conn)
{
  sslc_error *copy = sslc_error_dup(sslc_conn_error(conn));
  const sslc_cert *cert = sslc_conn_peer_cert(conn, 0);

  if (cert != NULL && strcmp(sslc_cert_subject(cert), "CN=good") != 0)
    fail_msg("another certificate than the server's");
  sslc_conn_alpn(conn);
  sslc_conn_cipher(conn);
  if (copy != NULL && strlen(sslc_error_text(copy)) == 0)
    fail_msg("an error without a text");
  sslc_error_free(copy);
}

static void
run(struct outcome *o, const char *cert, const char *key)
{
  sslc_ctx *cctx, *sctx;
  sslc_conn *client, *server;

  memset(o, 0, sizeof *o);
  cctx = client_ctx(o);
  sctx = server_ctx(o, cert, key);
  client = sslc_conn_new(cctx);
  server = sslc_conn_new(sctx);
  if (client != NULL && server != NULL)
    run_conns(o, client, server);
  else
    note(o, NULL);
  ask(client);
  sslc_conn_shutdown(client);
  sslc_conn_close(client);
  sslc_conn_free(client);
  sslc_conn_free(server);
  sslc_ctx_free(cctx);
  sslc_ctx_free(sctx);
}

/* ------------------------------------------------------------------- tests */

/* How far apart the failing allocations are: all of them where there is time,
 * SSLC_TEST_OOM_STEP=1. */
static long
step(void)
{
  const char *text = getenv("SSLC_TEST_OOM_STEP");
  long n = text != NULL ? atol(text) : 13;

  return n > 0 ? n : 1;
}

/* Runs until no allocation failed; each time `check` looks at the outcome.
 * How often one failed. */
static long
run_all_failures(const char *cert, const char *key,
                 void (*check)(const struct outcome *o))
{
  struct outcome o;
  long n, times = 0;

  fail_at(0);
  run(&o, cert, key); /* what is made once for the process */
  for (n = 1;; n += step()) {
    fail_at(n);
    run(&o, cert, key);
    if (memory.count < n)
      break;
    fail_at(0);
    check(&o);
    times++;
  }
  fail_at(0);
  return times;
}

static void
check_good(const struct outcome *o)
{
  /* Where it came to nothing, there is a reason. */
  if (!o->echoed)
    assert_int_not_equal(o->code, SSLC_CODE_NONE);
}

static void
test_good(void **state)
{
  struct outcome o;

  (void)state;
  assert_true(run_all_failures("good.pem", "good.key", check_good) > 100);
  run(&o, "good.pem", "good.key");
  assert_int_equal(o.code, SSLC_CODE_NONE);
  assert_int_equal(o.echoed, 1);
}

static void
check_bad(const struct outcome *o)
{
  assert_int_equal(o->connected, 0);
  assert_int_equal(o->echoed, 0);
  assert_int_not_equal(o->code, SSLC_CODE_NONE);
}

static const struct bad {
  const char *test, *cert, *key;
  int code;
} bads[] = {
  { "an unknown authority is refused with and without memory", "unknown.pem",
    "unknown.key", SSLC_CODE_UNKNOWN_AUTHORITY },
  { "a wrong host is refused with and without memory", "wronghost.pem",
    "wronghost.key", SSLC_CODE_HOSTNAME_MISMATCH },
  { "an expired certificate is refused with and without memory",
    "expired.pem", "expired.key", SSLC_CODE_CERTIFICATE_EXPIRED },
};

static void
test_bad(void **state)
{
  const struct bad *bad = *state;
  struct outcome o;

  assert_true(run_all_failures(bad->cert, bad->key, check_bad) > 100);
  run(&o, bad->cert, bad->key);
  assert_int_equal(o.code, bad->code);
}

/* ---------------------------------------------------------- the first BIO */

static int
makes_pair(void)
{
  sslc_bio *bio1, *bio2;
  int made = sslc_bio_new_pair(&bio1, 0, &bio2, 0) == SSLC_OK;

  sslc_bio_free(bio1);
  sslc_bio_free(bio2);
  return made;
}

static int
makes_socket(void)
{
  int fds[2];
  sslc_bio *bio;

  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
    return 0;
  bio = sslc_bio_new_socket(fds[0], SSLC_NOCLOSE);
  sslc_bio_free(bio);
  close(fds[0]);
  close(fds[1]);
  return bio != NULL;
}

/* In a process that has made no BIO yet: the first fails, the next works. */
static void
fail_first(int (*makes)(void), long n)
{
  int status = 0;
  pid_t pid = fork();

  if (pid == 0) {
    sslc_ctx_free(sslc_ctx_new()); /* what is OpenSSL's to make */
    fail_at(n);
    makes();
    fail_at(0);
    _exit(makes() ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  assert_true(pid > 0);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status) != EXIT_SUCCESS)
    fail_msg("after allocation %ld failed none succeeds", n);
}

static void
test_first_bio(void **state)
{
  long n;

  (void)state;
  for (n = 1; n <= 8; n++) {
    fail_first(makes_pair, n);
    fail_first(makes_socket, n);
  }
}

int
main(void)
{
  size_t i;

  /* Before anything else: later it is refused. */
  if (!CRYPTO_set_mem_functions(oom_malloc, oom_realloc, oom_free))
    return EXIT_FAILURE;
  /* First, while this process has made no BIO. */
  add_test("memory that was short for the first BIO is not so for ever",
           test_first_bio, NULL);
  add_test("a good server is reached, or there is a reason", test_good, NULL);
  for (i = 0; i < COUNT(bads); i++)
    add_test(bads[i].test, test_bad, &bads[i]);
  return run_all("oom");
}
