/*
 * support.h: what the C tests share.  The tests use cmocka and the public
 * header, nothing of the core's inside.
 *
 * The certificates are those of spec/support/certkit.c, in the directory that
 * the environment's SSLC_TEST_CERTS names.
 */
#ifndef SSLC_TESTS_SUPPORT_H
#define SSLC_TESTS_SUPPORT_H

/* cmocka.h wants these in front of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sslconnect.h"

/* Milliseconds after which something on this machine is taken to hang. */
#define PATIENCE 20000

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ------------------------------------------------------------- the runner */

/* Appends a test; it finds `row` in *state.  The name says the behaviour. */
void add_test(const char *name, CMUnitTestFunction function, const void *row);

/* Runs what was added; what main returns. */
int run_all(const char *group);

/* ------------------------------------------------------------- assertions */

/* The call is evaluated before the error that explains it. */
#define assert_status(call, want, error)                                \
  do {                                                                  \
    sslc_status got_ = (call);                                          \
    check_status(got_, (want), (error), __FILE__, __LINE__);            \
  } while (0)

#define assert_ok(call, error) assert_status(call, SSLC_OK, error)

/* The error is there, has this code, the code's class, and a message without
 * a full stop. */
#define assert_code(error, code) \
  check_code((error), (code), __FILE__, __LINE__)

#define assert_phase(error, phase) \
  check_phase((error), (phase), __FILE__, __LINE__)

/* The text has the part in it. */
#define assert_has(text, part) check_has((text), (part), __FILE__, __LINE__)

void check_status(sslc_status got, sslc_status want, const sslc_error *error,
                  const char *file, int line);
void check_code(const sslc_error *error, int code, const char *file, int line);
void check_phase(const sslc_error *error, int phase, const char *file,
                 int line);
void check_has(const char *text, const char *part, const char *file, int line);

/* 1 for the statuses that ask for the step to be repeated. */
int is_want(sslc_status status);

/* -------------------------------------------------- certificates, contexts */

/* The path of a file of certkit's; valid for the next few calls. */
const char *cert_path(const char *file);

/* The file's contents, ended by a NUL; to be freed. */
char *read_file(const char *path, size_t *len);

/* 1 where certkit made the file. */
int cert_exists(const char *file);

/* Trusts certkit's ca. */
sslc_ctx *make_client_ctx(void);

/* ... that speaks this version at the most. */
sslc_ctx *make_client_ctx_of(int version);

/* So many bytes that do not repeat soon; to be freed with free(3). */
char *make_bytes(size_t len);

/* Has the certificate `leaf` of certkit's.  The lax one serves weak ones as
 * well. */
sslc_ctx *make_server_ctx(const char *leaf);
sslc_ctx *make_lax_server_ctx(const char *leaf);

/* Whether valgrind runs this process. */
int under_valgrind(void);

/* ------------------------------------------------ two sides in one thread */

struct peers {
  sslc_conn *client, *server;
  sslc_status client_status, server_status; /* of the last steps of shake */
};

/* A client for `server_name` (NULL: none is set) and a server, joined by a BIO
 * pair, or by a pair of nonblocking sockets.  The contexts are freed with
 * them. */
void peers_init(struct peers *p, sslc_ctx *client, sslc_ctx *server,
                const char *server_name);
void peers_init_sockets(struct peers *p, sslc_ctx *client, sslc_ctx *server,
                        const char *server_name);
/* The same with sockets, "good" and a client of that version at the most. */
void peers_connect_sockets(struct peers *p, int version);
void peers_free(struct peers *p);

/* Steps both until each is done or failed or neither gets on; the client's
 * status. */
sslc_status shake(struct peers *p);

/* peers_init with certkit's good, and a handshake that succeeds. */
void peers_connect(struct peers *p);

/* One write that takes all of the text; one read that gives just the text; one
 * read that comes to `want`. */
void send_text(sslc_conn *conn, const char *text);
void expect_text(sslc_conn *conn, const char *text);
void expect_read(sslc_conn *conn, sslc_status want);

/* Moves `len` bytes from one end to the other and compares them. */
void send_through(sslc_conn *from, sslc_conn *to, const void *data,
                  size_t len);

/* A connected pair of stream sockets. */
void make_sockets(int fds[2]);

/* -------------------------------------------- two sides and what is between */

/* Each side has a BIO pair of its own, and the test holds the other halves: it
 * can hold back, cut and forge what goes between them. */
struct wire {
  sslc_conn *client, *server;
  sslc_bio *to_client, *to_server;
  unsigned seed; /* for the sizes of the pieces */
};

void wire_init(struct wire *w, sslc_ctx *client, sslc_ctx *server,
               const char *server_name);
void wire_free(struct wire *w);

/* Moves what there is both ways, in pieces of 1 to `most` bytes; 1 where
 * anything moved. */
int wire_move(struct wire *w, size_t most);

/* All that there is, both ways. */
void wire_move_all(struct wire *w);

/* What the client has sent comes to the server, which reads it; how that ends,
 * and where `sum` is not NULL, how much more it was. */
sslc_status wire_read_all(struct wire *w, size_t *sum);

/* Steps both and moves in between, until both are done or one has failed; the
 * client's status. */
sslc_status wire_shake(struct wire *w, size_t most);

/* Puts all the bytes into the half. */
void inject(sslc_bio *half, const void *bytes, size_t len);

/* Takes and drops what waits in the half; how much that was. */
size_t drop(sslc_bio *half);

/* ---------------------------------------------------- servers in a thread */

/* Serves one connection; the descriptor is closed after it.  It runs in a
 * thread of its own, so it must not assert. */
typedef void serve_function(int fd, void *arg);

struct server;

/* Listens on an ephemeral port of 127.0.0.1. */
struct server *server_start(serve_function *serve, void *arg);
int server_port(const struct server *server);

/* Waits for the connections that are being served. */
void server_stop(struct server *server);

/* TLS by this library's accept side; `arg` is the sslc_ctx.  Sends back what
 * it gets until the client ends. */
void serve_echo(int fd, void *ctx);

/* Sends the bytes of `arg`, a string, and ends its side. */
void serve_text(int fd, void *text);

/* Reads until the client ends, and answers nothing. */
void serve_silence(int fd, void *unused);

/* Waits for the first bytes; then ends with a reset. */
void serve_reset(int fd, void *unused);

/* Waits for the first bytes; then ends in the proper way. */
void serve_end(int fd, void *unused);

/* A connection to a port of 127.0.0.1. */
int connect_to(int port);

/* A port of 127.0.0.1 that nobody listens on. */
int unused_port(void);

/* --------------------------------------------------- the openssl program */

struct child {
  int pid;
  int in, out; /* its standard input and output */
};

/* Starts a program of the path; `argv` ends in NULL. */
void child_start(struct child *child, const char *const argv[]);

/* Reads its output up to and with `part`, or to its end.  What was read is in
 * `text`; 1 where the part was found. */
int child_read_until(struct child *child, const char *part, char *text,
                     size_t size);

/* Ends it and waits for it. */
void child_stop(struct child *child);

/* `openssl s_server` with these options; the port it listens on. */
int s_server_start(struct child *child, const char *const options[]);

#endif
