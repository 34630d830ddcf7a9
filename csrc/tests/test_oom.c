/*
 * test_oom.c: memory that runs out at each place where it can: the N-th
 * allocation fails, for N from 1 until none does.  The core's own memory and
 * OpenSSL's come from one hook, CRYPTO_set_mem_functions (OPENSSL_malloc(3)).
 *
 * Whatever fails, nothing crashes, a server that is to be refused is never let
 * in, and what failed says so.  That nothing leaks, the leak checkers tell that
 * the tests are run with.
 */
#include "internal.h"

#include "support.h"
#include "support_memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* -------------------------------------------------- a whole connection */

/* What it came to. */
struct outcome {
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
server_ctx(struct outcome *o)
{
  sslc_ctx *ctx = sslc_ctx_new();

  if (ctx == NULL) {
    note(o, NULL);
    return NULL;
  }
  if (sslc_ctx_use_certificate_file(ctx, cert_path("good.pem")) != SSLC_OK ||
      sslc_ctx_use_private_key_file(ctx, cert_path("good.key")) != SSLC_OK)
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
    sslc_conn_flush(client); /* where its flight is held */
    s = sslc_conn_accept(server);
  } while ((is_want(c) || is_want(s)) && --rounds > 0);
  if (c < 0)
    note(o, sslc_conn_error(client));
  if (s < 0)
    note(o, sslc_conn_error(server));
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

/* What a program may ask for afterwards, whatever came of it: the truth, or
 * nothing. */
static void
ask(sslc_conn *conn)
{
  sslc_error *copy = sslc_error_dup(sslc_conn_error(conn));
  const sslc_cert *cert = sslc_conn_peer_cert(conn, 0);

  if (sslc_conn_is_connected(conn) && !sslc_conn_is_verified(conn))
    fail_msg("allocation %ld: connected without verifying", memory_failing());
  if (cert != NULL && strcmp(sslc_cert_subject(cert), "CN=good") != 0)
    fail_msg("allocation %ld: the certificate is \"%s\"", memory_failing(),
             sslc_cert_subject(cert));
  sslc_conn_alpn(conn);
  sslc_conn_cipher(conn);
  if (copy != NULL && strlen(sslc_error_text(copy)) == 0)
    fail_msg("allocation %ld: an error without a text", memory_failing());
  sslc_error_free(copy);
}

static void
run(struct outcome *o)
{
  sslc_ctx *cctx, *sctx;
  sslc_conn *client, *server;

  memset(o, 0, sizeof *o);
  cctx = client_ctx(o);
  sctx = server_ctx(o);
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

static void
test_connection(void **state)
{
  struct outcome o;
  long n, times = 0;

  (void)state;
  run(&o); /* what is made once for the process */
  assert_int_equal(o.code, SSLC_CODE_NONE);
  for (n = 1;; n += memory_step(61)) {
    memory_fail_at(n);
    run(&o);
    if (memory_count() < n)
      break;
    times++;
    if (!o.echoed && o.code == SSLC_CODE_NONE)
      fail_msg("allocation %ld: no connection and no reason", n);
  }
  memory_fail_at(0);
  assert_true(times > 20);
  run(&o);
  assert_int_equal(o.code, SSLC_CODE_NONE);
  assert_int_equal(o.echoed, 1);
}

/* ------------------------------------------------- a session, a held flight */

/* The session of a connection over which all went well. */
static sslc_session *
good_session(sslc_ctx *client, sslc_ctx *server)
{
  struct peers p;
  sslc_session *session;

  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server),
             "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  send_through(p.server, p.client, "hello", 5);
  session = sslc_conn_get1_session(p.client);
  assert_non_null(session);
  peers_free(&p);
  return session;
}

/* Whether it is resumed or not is all that memory may decide, or whether there
 * is a connection. */
static void
run_resumed(struct outcome *o, sslc_conn *client, sslc_conn *server,
            sslc_session *session)
{
  memset(o, 0, sizeof *o);
  if (client == NULL || server == NULL) {
    note(o, NULL);
    return;
  }
  if (sslc_conn_set_session(client, session) != SSLC_OK ||
      sslc_conn_set_hold_flight(client, 1) != SSLC_OK)
    note(o, sslc_conn_error(client));
  if (sslc_conn_set_hold_flight(server, 1) != SSLC_OK)
    note(o, sslc_conn_error(server));
  run_conns(o, client, server);
  if (sslc_conn_is_connected(server))
    sslc_session_free(sslc_conn_get1_session(client));
  ask(client);
}

static void
test_resumed(void **state)
{
  sslc_ctx *cctx = make_client_ctx(), *sctx = make_server_ctx("good");
  sslc_session *session = good_session(cctx, sctx);
  struct outcome o;
  long n, count;

  (void)state;
  for (n = 1;; n += memory_step(13)) {
    sslc_conn *client, *server;

    memory_fail_at(n);
    client = sslc_conn_new(cctx);
    server = sslc_conn_new(sctx);
    run_resumed(&o, client, server, session);
    count = memory_count();
    memory_fail_at(0);
    sslc_conn_close(client);
    sslc_conn_free(client);
    sslc_conn_free(server);
    if (count < n)
      break;
    if (!o.echoed && o.code == SSLC_CODE_NONE)
      fail_msg("allocation %ld: no connection and no reason", n);
  }
  assert_int_equal(o.code, SSLC_CODE_NONE);
  assert_int_equal(o.echoed, 1);
  assert_true(n > 300);
  sslc_session_free(session);
  sslc_ctx_free(cctx);
  sslc_ctx_free(sctx);
}

/* ---------------------------------------------------- servers to be refused */

/* libssl does not look at each result while it sets the verification up: what
 * it loses there must not be a check.  So here each allocation of the client's
 * handshake fails. */
static const struct bad {
  const char *test, *leaf, *name;
  int code;
  long usual_step;
  int revocation; /* the client has a list */
} bads[] = {
  { "a wrong host is refused, with and without memory", "wronghost",
    "localhost", SSLC_CODE_HOSTNAME_MISMATCH, 1, 0 },
  { "a wrong address is refused, with and without memory", "wronghost",
    "127.0.0.1", SSLC_CODE_HOSTNAME_MISMATCH, 1, 0 },
  { "a certificate for clients is refused, with and without memory",
    "clientonly", "localhost", SSLC_CODE_UNSUITABLE_CERTIFICATE, 3, 0 },
  { "a revoked certificate is refused, with and without memory", "revoked",
    "localhost", SSLC_CODE_CERTIFICATE_REVOKED, 3, 1 },
  { "a short key is refused, with and without memory", "weak", "localhost",
    SSLC_CODE_WEAK_CERTIFICATE, 7, 0 },
  { "an unknown authority is refused, with and without memory", "unknown",
    "localhost", SSLC_CODE_UNKNOWN_AUTHORITY, 7, 0 },
  { "an expired certificate is refused, with and without memory", "expired",
    "localhost", SSLC_CODE_CERTIFICATE_EXPIRED, 7, 0 },
};

/* The n-th allocation of the client's handshake fails: 1 where there were as
 * many. */
static int
fail_handshake(const struct bad *bad, sslc_ctx *client, sslc_ctx *server,
               long n)
{
  struct peers p;
  int failed, rounds = 100;

  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server), bad->name);
  memory_fail_at(n);
  do {
    memory_pause(0);
    p.client_status = sslc_conn_connect(p.client);
    memory_pause(1);
    p.server_status = sslc_conn_accept(p.server);
  } while (is_want(p.client_status) && --rounds > 0);
  failed = n > 0 && memory_count() >= n;
  memory_fail_at(0);
  if (p.client_status >= 0 || sslc_conn_is_connected(p.client))
    fail_msg("allocation %ld: the server was let in", n);
  if (!failed)
    assert_code(sslc_conn_error(p.client), bad->code);
  assert_non_null(sslc_conn_error(p.client));
  peers_free(&p);
  return failed;
}

static void
test_bad(void **state)
{
  const struct bad *bad = *state;
  sslc_ctx *client = make_client_ctx();
  sslc_ctx *server = make_lax_server_ctx(bad->leaf);
  long n = 1;

  if (bad->revocation)
    assert_ok(sslc_ctx_load_crl_file(client, cert_path("crl.pem")),
              sslc_ctx_error(client));
  fail_handshake(bad, client, server, 0); /* what is made once */
  while (fail_handshake(bad, client, server, n))
    n += memory_step(bad->usual_step);
  assert_true(n > 100);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

/* ---------------------------------------------------------- certificates */

static int
is_same(const sslc_cert *a, const sslc_cert *b)
{
  size_t i;

  if (strcmp(sslc_cert_subject(a), sslc_cert_subject(b)) != 0 ||
      strcmp(sslc_cert_issuer(a), sslc_cert_issuer(b)) != 0 ||
      strcmp(sslc_cert_serial(a), sslc_cert_serial(b)) != 0 ||
      strcmp(sslc_cert_fingerprint(a), sslc_cert_fingerprint(b)) != 0 ||
      strcmp(sslc_cert_pem(a), sslc_cert_pem(b)) != 0 ||
      sslc_cert_not_before(a) != sslc_cert_not_before(b) ||
      sslc_cert_not_after(a) != sslc_cert_not_after(b) ||
      sslc_cert_name_count(a) != sslc_cert_name_count(b))
    return 0;
  for (i = 0; i < sslc_cert_name_count(a); i++)
    if (strcmp(sslc_cert_name(a, i), sslc_cert_name(b, i)) != 0)
      return 0;
  return 1;
}

/* The n-th allocation fails where the certificate is asked for: 1 where there
 * were as many. */
static int
fail_cert(const sslc_cert *whole, long n)
{
  const sslc_cert *cert;
  struct peers p;
  int failed;

  peers_connect(&p);
  memory_fail_at(n);
  cert = sslc_conn_peer_cert(p.client, 0);
  failed = memory_count() >= n;
  memory_fail_at(0);
  if (cert != NULL && !is_same(cert, whole))
    fail_msg("allocation %ld: a part of the certificate is missing", n);
  if (cert == NULL && sslc_conn_peer_cert(p.client, 0) == NULL)
    fail_msg("allocation %ld: the certificate is lost for ever", n);
  peers_free(&p);
  return failed;
}

static void
test_cert(void **state)
{
  struct peers p;
  long n = 1;

  (void)state;
  peers_connect(&p);
  while (fail_cert(sslc_conn_peer_cert(p.client, 0), n))
    n++;
  assert_true(n > 20);
  peers_free(&p);
}

/* -------------------------------------------------- throw-away certificates */

/* The n-th allocation fails: 1 where there were as many. */
static int
fail_throwaway(long n)
{
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_cert *authority;
  sslc_status status;
  int failed;

  assert_non_null(ctx);
  memory_fail_at(n);
  status = sslc_ctx_use_throwaway_certificate(ctx, "localhost", &authority);
  failed = memory_count() >= n;
  memory_fail_at(0);
  if (status == SSLC_OK)
    assert_ok(sslc_ctx_check(ctx), sslc_ctx_error(ctx));
  else if (sslc_ctx_check(ctx) == SSLC_OK || authority != NULL)
    fail_msg("allocation %ld: a part of the identity is there", n);
  if (status != SSLC_OK && sslc_ctx_error(ctx) == NULL)
    fail_msg("allocation %ld: no certificate and no reason", n);
  sslc_cert_free(authority);
  sslc_ctx_free(ctx);
  return failed;
}

static void
test_throwaway(void **state)
{
  long n = 1;

  (void)state;
  fail_throwaway(1L << 30); /* what is made once */
  while (fail_throwaway(n))
    n += memory_step(7);
  assert_true(n > 100);
}

/* ---------------------------------------------------------------- the trace */

static void
test_trace(void **state)
{
  struct peers p;

  (void)state;
  peers_connect(&p);
  memory_fail_at(1);
  assert_status(sslc_conn_set_trace(p.client, 1), SSLC_ERR_NOMEM,
                sslc_conn_error(p.client));
  memory_fail_at(0);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_OUT_OF_MEMORY);
  send_through(p.client, p.server, "x", 1);
  assert_ok(sslc_conn_set_trace(p.client, 1), sslc_conn_error(p.client));
  peers_free(&p);
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
    memory_fail_at(n);
    makes();
    memory_fail_at(0);
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

/* OpenSSL's callbacks find the connection by its SSL. */
static void
test_conn(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  long count, n;

  (void)state;
  memory_fail_at(0);
  sslc_conn_free(sslc_conn_new(ctx));
  count = memory_count();
  assert_true(count > 5);
  for (n = 1; n <= count; n++) {
    sslc_conn *conn;

    memory_fail_at(n);
    conn = sslc_conn_new(ctx);
    memory_pause(1);
    if (conn != NULL)
      assert_ptr_equal(SSL_get_app_data(conn->ssl), conn);
    sslc_conn_free(conn);
  }
  sslc_ctx_free(ctx);
}

int
main(void)
{
  size_t i;

  /* Before anything else: later it is refused. */
  memory_install();
  /* First, while this process has made no BIO. */
  add_test("memory that was short for the first BIO is not so for ever",
           test_first_bio, NULL);
  add_test("a good server is reached, or there is a reason", test_connection,
           NULL);
  add_test("a session is resumed and a flight held, or there is a reason",
           test_resumed, NULL);
  add_test("a connection is made in full or not at all", test_conn, NULL);
  add_test("a certificate is told in full or not at all", test_cert, NULL);
  add_test("a throw-away certificate is made in full or not at all",
           test_throwaway, NULL);
  add_test("a trace that cannot be kept says so", test_trace, NULL);
  for (i = 0; i < COUNT(bads); i++)
    add_test(bads[i].test, test_bad, &bads[i]);
  return run_all("oom");
}
