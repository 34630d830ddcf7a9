/*
 * support_handshake.h: what the tests of SSL_connect(3) and its neighbours
 * share: kinds of handshakes, sockets that are full, servers that are slow or
 * break off, and threads that are in disorder.
 */
#ifndef SSLC_TESTS_SUPPORT_HANDSHAKE_H
#define SSLC_TESTS_SUPPORT_HANDSHAKE_H

#include "support.h"

#include <pthread.h>
#include <stdatomic.h>

/* As SSL_get_error(3) numbers them. */
enum {
  GET_ERROR_NONE = 0,
  GET_ERROR_SSL = 1,
  GET_ERROR_WANT_READ = 2,
  GET_ERROR_WANT_WRITE = 3,
  GET_ERROR_SYSCALL = 5,
  GET_ERROR_ZERO_RETURN = 6
};

/* The last step's three results. */
#define assert_last(conn, status, ret, ssl_error) \
  check_last((conn), (status), (ret), (ssl_error), __FILE__, __LINE__)
void check_last(const sslc_conn *conn, sslc_status status, int ret,
                int ssl_error, const char *file, int line);

/* ------------------------------------------------------------------ kinds */

/* A handshake: its version, and whether the client shows a certificate. */
struct kind {
  int version;
  int client_cert;
};

extern const struct kind tls13, tls12, tls13_cert, tls12_cert;

sslc_ctx *kind_client(const struct kind *kind);
sslc_ctx *kind_server(const struct kind *kind);

/* A wire as in support.h for this kind, where what each side has under way is
 * `size` bytes at the most (0: as it is). */
void wire_init_kind(struct wire *w, const struct kind *kind, size_t size);

/* It is done and is what the kind says, on both sides. */
void check_kind(const sslc_conn *client, const sslc_conn *server,
                const struct kind *kind);

/* ---------------------------------------------------------------- sockets */

/* Two ends of a TCP connection. */
void make_tcp(int fds[2]);

/* A client for localhost, or a server, that owns the socket. */
sslc_conn *client_on(sslc_ctx *ctx, int fd, int nonblocking);
sslc_conn *server_on(sslc_ctx *ctx, int fd, int nonblocking);

/* Makes the buffer small and sends until it is full; how much that was. */
size_t fill(int fd);

/* Takes as many bytes from the other end. */
void drain(int fd, size_t n);

/* The bytes that have arrived, which stay there. */
size_t arrived(int fd);

/* ------------------------------------------------------------- slow peers */

enum ending { END_NONE, END_EOF, END_RESET, END_GARBAGE };

/* A peer in a thread of its own, whose bytes arrive one at a time.  Set the
 * members, then start it. */
struct trickle {
  int fd;          /* its end, which it closes */
  sslc_conn *conn; /* on one half of a pair, which becomes its own */
  sslc_bio *wire;  /* the other half */
  size_t skip;     /* bytes to be dropped first */
  size_t budget;   /* bytes to be sent before the ending */
  enum ending ending;
  const pthread_t *interrupted; /* gets a signal before each byte; or NULL */
  size_t sent;
  pthread_t thread;
};

/* A server of that kind; one that sends it all, unless told otherwise. */
void trickle_init(struct trickle *t, const struct kind *kind, int fd);
void trickle_start(struct trickle *t);

/* Waits for it; its connection is freed. */
void trickle_end(struct trickle *t);

/* Signals that came to the process. */
extern atomic_uint signals;

/* Has SIGUSR1 interrupt system calls, and counts it. */
void catch_signals(void);

/* Ends the connection of a socket as told, garbage being bytes of no sense. */
void end_socket(int fd, enum ending ending);

/* Bytes without a sense, always the same for a seed. */
void make_garbage(unsigned char *bytes, size_t len, unsigned seed);

/* --------------------------------------------------------------- disorder */

/* Leaves entries in this thread's error queue of OpenSSL, and an errno. */
void leave_errors(void);

/* How many entries are there; it is empty after. */
unsigned count_errors(void);

#endif
