/*
 * testserver: the servers that the tests in Lua connect to.
 *
 *   testserver CERTDIR SCENARIO...
 *
 * Each scenario listens on a port of its own of 127.0.0.1, or of ::1 where
 * "@6" stands behind its name, or of every address of both families where
 * "@any" does, which is for network namespaces.  One line "SCENARIO PORT" is
 * printed for each, then "ready"; then all are served, every connection in a
 * thread of its own, until the reader of the output goes away, the parent dies,
 * or a signal ends the program.
 *
 * CERT is the name of a pair of files that certkit made in CERTDIR.
 *
 *   CERT            answers a request in the manner of HTTP/1.0
 *   CERT/echo       sends back what it gets
 *   CERT/truncate   sends "partial" and ends without close_notify
 *   CERT/goodbye    sends "bye" in a line and ends
 *   CERT/half       counts until the client's end, then sends the count
 *   CERT/clientcert demands a certificate by ca; sends "hello SUBJECT"; echoes
 *   CERT/clientcert12  the same, with TLS 1.2 only
 *   CERT/tls11      speaks TLS 1.1 only, and echoes
 *   CERT/tls12, CERT/tls13  the same with these versions
 *   CERT/alpn       speaks h2 and http/1.1; sends the one that was chosen
 *   CERT/name       sends the name that came in SNI, "-" where none did
 *   CERT/sink       reads all and never answers
 *   CERT/slow       sends "tick" in a line, then nothing more
 *   CERT/halfrecord  the same, and behind it the beginning of a record
 *   CERT/stallread  never reads after the handshake
 *   CERT/reset      resets the connection when the first byte comes
 *   CERT/starttls   speaks plain text until STARTTLS, then echoes over TLS
 *   CERT/injected   the same; its answer to STARTTLS has more text behind it
 *
 *   raw/http        answers anything with an HTTP error
 *   raw/ssh, raw/smtp, raw/imap, raw/pop3  greet at once
 *   raw/junk        sends bytes that are no protocol's
 *   raw/garbled     answers with a record of TLS that makes no sense
 *   raw/eof         ends when the first bytes have come
 *   raw/reset       resets the connection when the first bytes have come
 *   raw/stall       never answers
 *   raw/halfrecord  answers with the beginning of a record
 *   raw/alertN      answers with the fatal alert of that number (RFC 8446, 6)
 *
 * Written with sslconnect.h and POSIX alone.  What is wrong with the arguments
 * or the machine goes to the standard error; what goes wrong with a connection
 * is its client's to notice.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sslconnect.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
  BACKLOG = 8192,            /* as many as the system takes */
  STACK_SIZE = 256 * 1024,
  LINGER_MS = 10 * 1000, /* how long a client may take to hang up */
  PARENT_CHECK_MS = 1000
};

/* One connection: what a behaviour has to do with. */
struct session {
  int fd;
  sslc_conn *conn;
  int alert; /* of raw/alertN */
};

typedef void serve_function(struct session *s);
typedef sslc_status setup_function(sslc_ctx *ctx);

/* What stands behind the slash. */
struct behaviour {
  const char *name;
  serve_function *before; /* in plain text, before TLS; NULL: nothing */
  serve_function *serve;
  setup_function *setup; /* settings of its own; NULL: none */
};

/* One argument. */
struct scenario {
  const char *name;
  const struct behaviour *behaviour;
  sslc_ctx *ctx; /* NULL: no TLS */
  int alert;
  int family;
  int any; /* listens on every address */
  int listener;
  int port;
};

struct job {
  const struct scenario *scenario;
  int fd;
};

static const char *cert_dir;

/* ------------------------------------------------------------- complaints */

static void
die(const char *what, const char *detail)
{
  fprintf(stderr, "testserver: %s: %s\n", what, detail);
  exit(EXIT_FAILURE);
}

static void
need(int ok, const char *what)
{
  if (!ok)
    die(what, strerror(errno));
}

static void
need_setting(sslc_status status, const sslc_ctx *ctx, const char *name)
{
  if (status != SSLC_OK)
    die(name, sslc_error_text(sslc_ctx_error(ctx)));
}

/* ------------------------------------------------------------ plain bytes */

/* 1 where bytes came, 0 at the end. */
static int
receive(int fd)
{
  char buf[4096];

  return recv(fd, buf, sizeof buf, 0) > 0;
}

static void
send_bytes(int fd, const void *bytes, size_t len)
{
  const char *p = bytes;
  ssize_t n;

  while (len > 0 && (n = send(fd, p, len, MSG_NOSIGNAL)) > 0) {
    p += n;
    len -= (size_t)n;
  }
}

static void
send_text(int fd, const char *text)
{
  send_bytes(fd, text, strlen(text));
}

/* Reads a line, byte by byte, so that what follows stays in the socket. */
static int
receive_line(int fd, char *line, size_t size)
{
  size_t n = 0;

  while (n + 1 < size && recv(fd, line + n, 1, 0) == 1)
    if (line[n++] == '\n')
      break;
  line[n] = '\0';
  return n > 0 && line[n - 1] == '\n';
}

/* Ends our side and waits for the client's end: a socket that is closed with
 * bytes unread sends a reset, which may overtake what was sent before. */
static void
hang_up(int fd)
{
  struct pollfd one = { fd, POLLIN, 0 };

  shutdown(fd, SHUT_WR);
  while (poll(&one, 1, LINGER_MS) > 0 && receive(fd))
    ;
  close(fd);
}

static void
hang_up_with_reset(int fd)
{
  struct linger none = { 1, 0 };

  setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  close(fd);
}

/* --------------------------------------------------------------- over TLS */

static int
tls_read(struct session *s, void *buf, size_t size, size_t *n)
{
  return sslc_conn_read_wait(s->conn, buf, size, n, SSLC_FOREVER) == SSLC_OK;
}

static int
tls_write(struct session *s, const void *buf, size_t len)
{
  size_t n;

  return sslc_conn_write_wait(s->conn, buf, len, &n, SSLC_FOREVER) == SSLC_OK;
}

static void
tls_line(struct session *s, const char *before, const char *text)
{
  char line[1024];

  snprintf(line, sizeof line, "%s%s\n", before, text ? text : "-");
  tls_write(s, line, strlen(line));
}

/* Reads to the client's end; how many bytes that were. */
static unsigned long long
tls_drain(struct session *s)
{
  char buf[16384];
  unsigned long long total = 0;
  size_t n;

  while (tls_read(s, buf, sizeof buf, &n))
    total += n;
  return total;
}

static void
end_clean(struct session *s)
{
  sslc_conn_close(s->conn);
  hang_up(s->fd);
}

/* -------------------------------------------------------- behaviours, TLS */

static void
serve_http(struct session *s)
{
  static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n"
                               "\r\nhello\n";
  static const char blank[] = "\r\n\r\n";
  size_t matched = 0, n;
  char c;

  while (matched < 4 && tls_read(s, &c, 1, &n))
    matched = c == blank[matched] ? matched + 1 : c == '\r';
  if (matched == 4)
    tls_write(s, answer, sizeof answer - 1);
  end_clean(s);
}

static void
serve_echo(struct session *s)
{
  char buf[16384];
  size_t n;

  while (tls_read(s, buf, sizeof buf, &n) && tls_write(s, buf, n))
    ;
  end_clean(s);
}

static void
serve_truncate(struct session *s)
{
  tls_write(s, "partial", 7);
  hang_up(s->fd);
}

static void
serve_goodbye(struct session *s)
{
  tls_line(s, "", "bye");
  end_clean(s);
}

static void
serve_half(struct session *s)
{
  char count[32];

  snprintf(count, sizeof count, "%llu", tls_drain(s));
  tls_line(s, "", count);
  end_clean(s);
}

static void
serve_subject(struct session *s)
{
  tls_line(s, "hello ", sslc_cert_subject(sslc_conn_peer_cert(s->conn, 0)));
  serve_echo(s);
}

static void
serve_alpn(struct session *s)
{
  tls_line(s, "", sslc_conn_alpn(s->conn));
  end_clean(s);
}

static void
serve_name(struct session *s)
{
  tls_line(s, "", sslc_conn_server_name(s->conn));
  end_clean(s);
}

static void
serve_sink(struct session *s)
{
  tls_drain(s);
  hang_up(s->fd);
}

static void
serve_slow(struct session *s)
{
  tls_line(s, "", "tick");
  serve_sink(s);
}

/* The head and three bytes of a record of 256 (RFC 8446, 5.2). */
static void
send_half_record(struct session *s, unsigned char type)
{
  const unsigned char record[] = { type, 3, 3, 1, 0, 2, 0, 0 };

  send_bytes(s->fd, record, sizeof record);
}

static void
serve_halfrecord(struct session *s)
{
  tls_line(s, "", "tick");
  send_half_record(s, 23);
  serve_sink(s);
}

/* Waits for the reset that a client's end becomes, as it is never read. */
static void
serve_stallread(struct session *s)
{
  struct pollfd one = { s->fd, 0, 0 };

  while (poll(&one, 1, -1) < 0 && errno == EINTR)
    ;
  close(s->fd);
}

static void
serve_tls_reset(struct session *s)
{
  char c;
  size_t n;

  tls_read(s, &c, 1, &n);
  hang_up_with_reset(s->fd);
}

/* --------------------------------------------------- behaviours, plain text */

static void
before_starttls_answer(struct session *s, const char *answer)
{
  char line[512];

  send_text(s->fd, "220 mail.example ready\r\n");
  while (receive_line(s->fd, line, sizeof line)) {
    if (strncasecmp(line, "STARTTLS", 8) == 0) {
      send_text(s->fd, answer);
      return;
    }
    send_text(s->fd, "250 fine\r\n");
  }
}

static void
before_starttls(struct session *s)
{
  before_starttls_answer(s, "220 go ahead\r\n");
}

static void
before_injected(struct session *s)
{
  before_starttls_answer(s, "220 go ahead\r\n250 injected\r\n");
}

static void
raw_http(struct session *s)
{
  if (receive(s->fd))
    send_text(s->fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n"
                     "Connection: close\r\n\r\n");
  hang_up(s->fd);
}

static void
greet(struct session *s, const char *text)
{
  send_text(s->fd, text);
  hang_up(s->fd);
}

static void
raw_ssh(struct session *s)
{
  greet(s, "SSH-2.0-testserver\r\n");
}

static void
raw_smtp(struct session *s)
{
  greet(s, "220 mail.example ESMTP ready\r\n");
}

static void
raw_imap(struct session *s)
{
  greet(s, "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n");
}

static void
raw_pop3(struct session *s)
{
  greet(s, "+OK ready\r\n");
}

static void
raw_junk(struct session *s)
{
  unsigned char bytes[64];
  unsigned state = 1;
  size_t i;

  for (i = 0; i < sizeof bytes; i++) {
    state = state * 1103515245u + 12345u;
    bytes[i] = (unsigned char)(state >> 16 | 0x80); /* no record's type */
  }
  send_bytes(s->fd, bytes, sizeof bytes);
  hang_up(s->fd);
}

/* A ServerHello without a body (RFC 8446, 4.1.3). */
static void
raw_garbled(struct session *s)
{
  static const unsigned char record[] = { 22, 3, 3, 0, 4, 2, 0, 0, 0 };

  if (receive(s->fd))
    send_bytes(s->fd, record, sizeof record);
  hang_up(s->fd);
}

static void
raw_eof(struct session *s)
{
  receive(s->fd);
  hang_up(s->fd);
}

static void
raw_reset(struct session *s)
{
  receive(s->fd);
  hang_up_with_reset(s->fd);
}

static void
raw_stall(struct session *s)
{
  while (receive(s->fd))
    ;
  close(s->fd);
}

static void
raw_halfrecord(struct session *s)
{
  if (receive(s->fd))
    send_half_record(s, 22);
  raw_stall(s);
}

static void
raw_alert(struct session *s)
{
  unsigned char record[] = { 21, 3, 3, 0, 2, 2, 0 };

  record[6] = (unsigned char)s->alert;
  if (receive(s->fd))
    send_bytes(s->fd, record, sizeof record);
  hang_up(s->fd);
}

/* --------------------------------------------------------------- settings */

static sslc_status
setup_tls11(sslc_ctx *ctx)
{
  sslc_status status = sslc_ctx_set_insecure_min_version(ctx, SSLC_TLS1_1);

  return status != SSLC_OK ? status : sslc_ctx_set_max_version(ctx,
                                                               SSLC_TLS1_1);
}

static sslc_status
setup_tls12(sslc_ctx *ctx)
{
  return sslc_ctx_set_max_version(ctx, SSLC_TLS1_2);
}

static sslc_status
setup_tls13(sslc_ctx *ctx)
{
  return sslc_ctx_set_min_version(ctx, SSLC_TLS1_3);
}

static sslc_status
setup_alpn(sslc_ctx *ctx)
{
  static const char *const names[] = { "h2", "http/1.1" };

  return sslc_ctx_set_alpn(ctx, names, COUNT(names));
}

/* CERTDIR/NAMESUFFIX, valid until the next call. */
static const char *
cert_path(const char *name, size_t len, const char *suffix)
{
  static char path[4096];
  int n = snprintf(path, sizeof path, "%s/%.*s%s", cert_dir, (int)len, name,
                   suffix);

  if (n < 0 || (size_t)n >= sizeof path)
    die(name, "the path is too long");
  return path;
}

static sslc_status
setup_clientcert(sslc_ctx *ctx)
{
  sslc_status status =
    sslc_ctx_load_verify_file(ctx, cert_path("ca", 2, ".pem"));

  return status != SSLC_OK
    ? status
    : sslc_ctx_set_verify_client(ctx, SSLC_VERIFY_CLIENT_REQUIRED);
}

static sslc_status
setup_clientcert12(sslc_ctx *ctx)
{
  sslc_status status = setup_clientcert(ctx);

  return status != SSLC_OK ? status : setup_tls12(ctx);
}

/* ----------------------------------------------------------------- tables */

static const struct behaviour tls_behaviours[] = {
  { "", NULL, serve_http, NULL },
  { "echo", NULL, serve_echo, NULL },
  { "truncate", NULL, serve_truncate, NULL },
  { "goodbye", NULL, serve_goodbye, NULL },
  { "half", NULL, serve_half, NULL },
  { "clientcert", NULL, serve_subject, setup_clientcert },
  { "clientcert12", NULL, serve_subject, setup_clientcert12 },
  { "tls11", NULL, serve_echo, setup_tls11 },
  { "tls12", NULL, serve_echo, setup_tls12 },
  { "tls13", NULL, serve_echo, setup_tls13 },
  { "alpn", NULL, serve_alpn, setup_alpn },
  { "name", NULL, serve_name, NULL },
  { "sink", NULL, serve_sink, NULL },
  { "slow", NULL, serve_slow, NULL },
  { "halfrecord", NULL, serve_halfrecord, NULL },
  { "stallread", NULL, serve_stallread, NULL },
  { "reset", NULL, serve_tls_reset, NULL },
  { "starttls", before_starttls, serve_echo, NULL },
  { "injected", before_injected, serve_echo, NULL },
  { NULL, NULL, NULL, NULL },
};

static const struct behaviour raw_behaviours[] = {
  { "http", NULL, raw_http, NULL },   { "ssh", NULL, raw_ssh, NULL },
  { "smtp", NULL, raw_smtp, NULL },   { "imap", NULL, raw_imap, NULL },
  { "pop3", NULL, raw_pop3, NULL },   { "junk", NULL, raw_junk, NULL },
  { "garbled", NULL, raw_garbled, NULL }, { "eof", NULL, raw_eof, NULL },
  { "reset", NULL, raw_reset, NULL }, { "stall", NULL, raw_stall, NULL },
  { "halfrecord", NULL, raw_halfrecord, NULL },
  { "alert", NULL, raw_alert, NULL },
  { NULL, NULL, NULL, NULL },
};

static const struct behaviour *
find_behaviour(const struct behaviour *table, const char *name, size_t len)
{
  for (; table->name != NULL; table++)
    if (strlen(table->name) == len && memcmp(table->name, name, len) == 0)
      return table;
  return NULL;
}

/* -------------------------------------------------------------- scenarios */

/* Keys and digests that a server would not be allowed to use. */
static int
is_weak(const char *name, size_t len)
{
  static const char *const weak[] = { "weak", "sha1", "md5" };
  size_t i;

  for (i = 0; i < COUNT(weak); i++)
    if (strlen(weak[i]) == len && memcmp(weak[i], name, len) == 0)
      return 1;
  return 0;
}

static void
setup_tls(struct scenario *sc, size_t cert_len)
{
  sc->ctx = sslc_ctx_new();
  if (sc->ctx == NULL)
    die(sc->name, "memory is short");
  if (is_weak(sc->name, cert_len))
    need_setting(sslc_ctx_set_insecure_min_version(sc->ctx, SSLC_TLS1),
                 sc->ctx, sc->name);
  need_setting(sslc_ctx_use_certificate_file(
                 sc->ctx, cert_path(sc->name, cert_len, ".pem")),
               sc->ctx, sc->name);
  need_setting(sslc_ctx_use_private_key_file(
                 sc->ctx, cert_path(sc->name, cert_len, ".key")),
               sc->ctx, sc->name);
  if (sc->behaviour->setup != NULL)
    need_setting(sc->behaviour->setup(sc->ctx), sc->ctx, sc->name);
  need_setting(sslc_ctx_check(sc->ctx), sc->ctx, sc->name);
}

/* Takes the number off the end of "alertN". */
static size_t
parse_alert(struct scenario *sc, const char *behaviour, size_t len)
{
  if (len <= 5 || memcmp(behaviour, "alert", 5) != 0)
    return len;
  sc->alert = atoi(behaviour + 5);
  return 5;
}

static void
parse_scenario(struct scenario *sc, const char *arg)
{
  const char *at = strchr(arg, '@');
  size_t len = at != NULL ? (size_t)(at - arg) : strlen(arg);
  const char *slash = memchr(arg, '/', len);
  size_t cert_len = slash != NULL ? (size_t)(slash - arg) : len;
  const char *behaviour = slash != NULL ? slash + 1 : arg + len;
  size_t behaviour_len = (size_t)(arg + len - behaviour);
  int raw = cert_len == 3 && memcmp(arg, "raw", 3) == 0;

  sc->name = arg;
  if (at != NULL && strcmp(at, "@6") != 0 && strcmp(at, "@any") != 0)
    die(arg, "expected @6 or @any");
  sc->family = at != NULL ? AF_INET6 : AF_INET;
  sc->any = at != NULL && strcmp(at, "@any") == 0;
  if (raw)
    behaviour_len = parse_alert(sc, behaviour, behaviour_len);
  sc->behaviour = find_behaviour(raw ? raw_behaviours : tls_behaviours,
                                 behaviour, behaviour_len);
  if (sc->behaviour == NULL)
    die(arg, "there is no such behaviour");
  if (!raw)
    setup_tls(sc, cert_len);
}

static void
set_flag(int fd, int get, int set, int flag)
{
  int flags = fcntl(fd, get);

  need(flags >= 0 && fcntl(fd, set, flags | flag) == 0, "fcntl");
}

static int
bind_address(struct scenario *sc)
{
  struct sockaddr_in v4 = { 0 };
  struct sockaddr_in6 v6 = { 0 };

  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = sc->any ? in6addr_any : in6addr_loopback;
  return sc->family == AF_INET
    ? bind(sc->listener, (struct sockaddr *)&v4, sizeof v4)
    : bind(sc->listener, (struct sockaddr *)&v6, sizeof v6);
}

static void
start_listening(struct scenario *sc)
{
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address;
  socklen_t len = sizeof address;
  int only_v6 = !sc->any;

  sc->listener = socket(sc->family, SOCK_STREAM, 0);
  need(sc->listener >= 0, sc->name);
  need(sc->family == AF_INET ||
       setsockopt(sc->listener, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6,
                  sizeof only_v6) == 0, "IPV6_V6ONLY");
  need(bind_address(sc) == 0 && listen(sc->listener, BACKLOG) == 0 &&
       getsockname(sc->listener, &address.any, &len) == 0, sc->name);
  set_flag(sc->listener, F_GETFL, F_SETFL, O_NONBLOCK);
  sc->port = ntohs(sc->family == AF_INET ? address.v4.sin_port
                                         : address.v6.sin6_port);
}

/* ---------------------------------------------------------------- serving */

static int
shake_hands(struct session *s, sslc_ctx *ctx)
{
  sslc_bio *bio = sslc_bio_new_socket(s->fd, SSLC_NOCLOSE);
  int ok;

  s->conn = sslc_conn_new(ctx);
  ok = sslc_conn_set_bio(s->conn, bio, bio) == SSLC_OK &&
       sslc_conn_set_accept_state(s->conn) == SSLC_OK &&
       sslc_conn_do_handshake_wait(s->conn, SSLC_FOREVER) == SSLC_OK;
  sslc_bio_free(bio);
  return ok;
}

/* Each behaviour closes the descriptor itself, in its own way. */
static void *
serve(void *arg)
{
  struct job *job = arg;
  const struct scenario *sc = job->scenario;
  struct session s = { job->fd, NULL, sc->alert };

  free(job);
  if (sc->behaviour->before != NULL)
    sc->behaviour->before(&s);
  if (sc->ctx == NULL || shake_hands(&s, sc->ctx))
    sc->behaviour->serve(&s);
  else
    end_clean(&s);
  sslc_conn_free(s.conn);
  return NULL;
}

static void
start_thread(const pthread_attr_t *attr, const struct scenario *sc, int fd)
{
  struct job *job = malloc(sizeof *job);
  pthread_t thread;

  need(job != NULL, "malloc");
  job->scenario = sc;
  job->fd = fd;
  errno = pthread_create(&thread, attr, serve, job);
  need(errno == 0, "pthread_create");
}

static void
accept_all(const pthread_attr_t *attr, const struct scenario *sc)
{
  int fd;

  while ((fd = accept(sc->listener, NULL, NULL)) >= 0) {
    /* Some systems hand the listener's flag on. */
    int flags = fcntl(fd, F_GETFL);

    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    start_thread(attr, sc, fd);
  }
  need(errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED ||
       errno == EINTR, "accept");
}

static void
make_attr(pthread_attr_t *attr)
{
  need(pthread_attr_init(attr) == 0 &&
       pthread_attr_setdetachstate(attr, PTHREAD_CREATE_DETACHED) == 0 &&
       pthread_attr_setstacksize(attr, STACK_SIZE) == 0, "pthread_attr");
}

/* Slot 0 is the output: POLLERR there says that nobody reads it any more.
 * Where it is no pipe, the parent's end is the sign. */
static void
serve_all(const struct scenario *scenarios, size_t n)
{
  struct pollfd *fds = calloc(n + 1, sizeof *fds);
  pid_t parent = getppid();
  pthread_attr_t attr;
  size_t i;

  need(fds != NULL, "calloc");
  make_attr(&attr);
  fds[0].fd = STDOUT_FILENO;
  for (i = 0; i < n; i++) {
    fds[i + 1].fd = scenarios[i].listener;
    fds[i + 1].events = POLLIN;
  }
  while (getppid() == parent) {
    int ready = poll(fds, (nfds_t)n + 1, PARENT_CHECK_MS);

    need(ready >= 0 || errno == EINTR, "poll");
    if (ready > 0 && (fds[0].revents & (POLLERR | POLLHUP)) != 0)
      break;
    for (i = 0; ready > 0 && i < n; i++)
      if (fds[i + 1].revents != 0)
        accept_all(&attr, &scenarios[i]);
  }
}

/* Hundreds of connections need a descriptor each. */
static void
raise_limit(void)
{
  struct rlimit limit;

  need(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
}

static void
announce(const struct scenario *scenarios, size_t n)
{
  size_t i;

  for (i = 0; i < n; i++)
    printf("%s %d\n", scenarios[i].name, scenarios[i].port);
  puts("ready");
  need(fflush(stdout) == 0, "the output");
}

int
main(int argc, char **argv)
{
  size_t i, n = argc > 2 ? (size_t)argc - 2 : 0;
  struct scenario *scenarios = calloc(n + 1, sizeof *scenarios);

  if (n == 0) {
    fputs("usage: testserver CERTDIR SCENARIO...\n"
          "Serves the tests; the scenarios are in its source.\n", stderr);
    return EXIT_FAILURE;
  }
  need(scenarios != NULL, "calloc");
  signal(SIGPIPE, SIG_IGN);
  raise_limit();
  cert_dir = argv[1];
  for (i = 0; i < n; i++) {
    parse_scenario(&scenarios[i], argv[i + 2]);
    start_listening(&scenarios[i]);
  }
  announce(scenarios, n);
  serve_all(scenarios, n);
  /* Threads may still be inside of libssl: nothing is cleaned up. */
  _exit(EXIT_SUCCESS);
}
