/*
 * test_keylog.c: the key log: what is in it, that it is never written unasked,
 * and into which files it never goes.
 */
#include "support.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

/* A path in the directory of this run; valid until the next call. */
static const char *
path_of(const char *name)
{
  static char path[128];

  snprintf(path, sizeof path, "%s/%s", dir, name);
  return path;
}

static void
begin(struct peers *p, int version, const char *name)
{
  sslc_ctx *client = make_client_ctx();

  assert_ok(sslc_ctx_set_max_version(client, version), sslc_ctx_error(client));
  assert_ok(sslc_ctx_set_keylog_file(client, path_of(name)),
            sslc_ctx_error(client));
  peers_init(p, client, make_server_ctx("good"), "localhost");
}

static char *
contents(const char *name)
{
  size_t len;

  return read_file(path_of(name), &len);
}

static size_t
count_of(const char *text, const char *part)
{
  size_t n = 0;

  for (; (text = strstr(text, part)) != NULL; text += strlen(part))
    n++;
  return n;
}

static unsigned
mode_of(const char *name)
{
  struct stat st;

  assert_int_equal(stat(path_of(name), &st), 0);
  return (unsigned)st.st_mode & 07777u;
}

/* --------------------------------------------------------- what is in it */

/* The random of a ClientHello, RFC 8446, section 4.1.2, in hexadecimal: behind
 * the headers of record and message, and the version. */
static void
client_random(sslc_bio *half, char hex[65])
{
  const void *data;
  const unsigned char *bytes;
  size_t n, i;

  assert_ok(sslc_bio_peek(half, &data, &n), sslc_bio_error(half));
  assert_true(n > 43);
  bytes = data;
  assert_int_equal(bytes[0], 22);
  assert_int_equal(bytes[5], 1);
  for (i = 0; i < 32; i++)
    snprintf(hex + 2 * i, 3, "%02x", bytes[11 + i]);
}

/* Each line is "LABEL RANDOM SECRET", the random being that on the wire. */
static void
check_lines(const char *text, const char *random)
{
  char label[64], seen[65], secret[257];
  int used;

  while (*text != '\0') {
    assert_int_equal(sscanf(text, "%63[A-Z_0-9] %64[0-9a-f] %256[0-9a-f]%n",
                            label, seen, secret, &used), 3);
    assert_string_equal(seen, random);
    assert_true(strlen(secret) == 64 || strlen(secret) == 96);
    text += used;
    assert_int_equal(*text++, '\n');
  }
}

static void
shake_wire(struct wire *w, sslc_ctx *client, char random[65])
{
  wire_init(w, client, make_server_ctx("good"), "localhost");
  assert_int_equal(sslc_conn_connect(w->client), SSLC_WANT_READ);
  client_random(w->to_client, random);
  assert_ok(wire_shake(w, 1000), sslc_conn_error(w->client));
}

static void
test_lines(void **state)
{
  static const char *const tls13[] = {
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET ", "SERVER_HANDSHAKE_TRAFFIC_SECRET ",
    "CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 ",
    "EXPORTER_SECRET " };
  sslc_ctx *client = make_client_ctx();
  char random[65];
  struct wire w;
  char *text;
  size_t i;

  (void)state;
  assert_ok(sslc_ctx_set_keylog_file(client, path_of("13")),
            sslc_ctx_error(client));
  shake_wire(&w, client, random);
  text = contents("13");
  check_lines(text, random);
  for (i = 0; i < COUNT(tls13); i++)
    assert_int_equal(count_of(text, tls13[i]), 1);
  assert_int_equal(mode_of("13"), 0600);
  free(text);
  wire_free(&w);
}

static void
test_lines_tls12(void **state)
{
  sslc_ctx *client = make_client_ctx();
  char random[65];
  struct wire w;
  char *text;

  (void)state;
  assert_ok(sslc_ctx_set_max_version(client, SSLC_TLS1_2),
            sslc_ctx_error(client));
  assert_ok(sslc_ctx_set_keylog_file(client, path_of("12")),
            sslc_ctx_error(client));
  shake_wire(&w, client, random);
  text = contents("12");
  check_lines(text, random);
  assert_int_equal(count_of(text, "CLIENT_RANDOM "), 1);
  free(text);
  wire_free(&w);
}

/* HKDF-Expand-Label of RFC 8446, section 7.1, for one block of SHA-384. */
static void
expand_label(const unsigned char secret[48], const char *label,
             const unsigned char context[48], unsigned char out[48])
{
  unsigned char info[128];
  size_t len = strlen(label), n = 0;

  info[n++] = 0;
  info[n++] = 48;
  info[n++] = (unsigned char)(6 + len);
  memcpy(info + n, "tls13 ", 6);
  memcpy(info + n + 6, label, len);
  n += 6 + len;
  info[n++] = 48;
  memcpy(info + n, context, 48);
  n += 48;
  info[n++] = 1;
  assert_non_null(HMAC(EVP_sha384(), secret, 48, info, n, out, NULL));
}

/* The secret of the line that begins with the label. */
static void
read_secret(const char *text, const char *label, unsigned char secret[48])
{
  const char *at = strstr(text, label);
  unsigned byte;
  int i;

  assert_non_null(at);
  at = strchr(at + strlen(label), ' ') + 1;
  for (i = 0; i < 48; i++, at += 2) {
    assert_int_equal(sscanf(at, "%2x", &byte), 1);
    secret[i] = (unsigned char)byte;
  }
}

/* From the line of a client comes what the server exports (RFC 8446, section
 * 7.5): so the lines are the secrets, and do not only look like them. */
static void
test_secrets(void **state)
{
  unsigned char secret[48], empty[48], derived[48], want[48], got[48];
  struct peers p;
  char *text;

  (void)state;
  begin(&p, SSLC_TLS1_3, "secrets");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_string_equal(sslc_conn_cipher(p.client), "TLS_AES_256_GCM_SHA384");
  text = contents("secrets");
  read_secret(text, "EXPORTER_SECRET ", secret);
  free(text);
  EVP_Digest("", 0, empty, NULL, EVP_sha384(), NULL);
  expand_label(secret, "EXPORTER-test", empty, derived);
  expand_label(derived, "exporter", empty, want);
  assert_ok(sslc_conn_export_keying_material(p.server, got, sizeof got,
                                             "EXPORTER-test", NULL, 0),
            sslc_conn_error(p.server));
  assert_memory_equal(got, want, sizeof want);
  peers_free(&p);
}

static void
test_appends(void **state)
{
  struct peers p;
  char *text;
  int i;

  (void)state;
  for (i = 0; i < 2; i++) {
    begin(&p, SSLC_TLS1_2, "appends");
    assert_ok(shake(&p), sslc_conn_error(p.client));
    peers_free(&p);
  }
  text = contents("appends");
  assert_int_equal(count_of(text, "CLIENT_RANDOM "), 2);
  free(text);
}

/* Of a context that a server chose: into its log, or into none. */
static void
test_chosen_context(void **state)
{
  sslc_ctx *front = sslc_ctx_new(), *chosen = make_server_ctx("good");
  struct peers p;
  char *text;

  (void)state;
  assert_ok(sslc_ctx_set_client_hello(front, 1), sslc_ctx_error(front));
  assert_ok(sslc_ctx_set_keylog_file(front, path_of("front")), NULL);
  assert_ok(sslc_ctx_set_keylog_file(chosen, path_of("chosen")), NULL);
  peers_init(&p, make_client_ctx(), front, "localhost");
  shake(&p);
  assert_ok(sslc_conn_answer_client_hello(p.server, chosen), NULL);
  sslc_ctx_free(chosen);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  text = contents("front");
  assert_string_equal(text, "");
  free(text);
  text = contents("chosen");
  assert_int_equal(count_of(text, "CLIENT_TRAFFIC_SECRET_0 "), 1);
  free(text);
  peers_free(&p);
}

/* ------------------------------------------------------------- threads */

enum { THREADS = 4, EACH = 8 };

static void *
connect_some(void *ctx)
{
  struct peers p;
  int i;

  for (i = 0; i < EACH; i++) {
    peers_init(&p, sslc_ctx_up_ref(ctx), make_server_ctx("good"), "localhost");
    shake(&p);
    peers_free(&p);
  }
  return NULL;
}

/* Lines stay whole whoever writes. */
static void
test_threads(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  pthread_t threads[THREADS];
  char *text, *line, *rest = NULL;
  size_t i, lines = 0;

  (void)state;
  assert_ok(sslc_ctx_set_keylog_file(ctx, path_of("threads")), NULL);
  for (i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, connect_some, ctx), 0);
  for (i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  text = contents("threads");
  for (line = strtok_r(text, "\n", &rest); line != NULL;
       line = strtok_r(NULL, "\n", &rest), lines++)
    assert_true(strlen(strrchr(line, ' ') + 1) == 96);
  assert_int_equal(lines, THREADS * EACH * 5);
  free(text);
  sslc_ctx_free(ctx);
}

/* ------------------------------------------------------- files that are not */

static void
refused(const char *path, const char *says)
{
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn;

  assert_status(sslc_ctx_set_keylog_file(ctx, path), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_FILE);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), says);
  conn = sslc_conn_new(ctx);
  assert_int_equal(sslc_conn_connect(conn), SSLC_ERR_CONFIG);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
}

static void
make_empty(const char *name, unsigned mode)
{
  int fd = open(path_of(name), O_WRONLY | O_CREAT, mode);

  assert_true(fd >= 0);
  assert_int_equal(fchmod(fd, mode), 0);
  close(fd);
}

static void
test_others_can_read(void **state)
{
  static const unsigned modes[] = { 0644, 0640, 0602, 0620, 0604 };
  size_t i, len;
  char *text;

  (void)state;
  for (i = 0; i < COUNT(modes); i++) {
    make_empty("open", modes[i]);
    refused(path_of("open"), "others may read or write it");
    text = read_file(path_of("open"), &len);
    assert_int_equal(len, 0);
    free(text);
    assert_int_equal(unlink(path_of("open")), 0);
  }
}

static void
test_links(void **state)
{
  char target[128];

  (void)state;
  make_empty("target", 0600);
  snprintf(target, sizeof target, "%s", path_of("target"));
  assert_int_equal(symlink(target, path_of("link")), 0);
  refused(path_of("link"), "it is a symbolic link");
}

/* Nobody waits for whoever reads the pipe. */
static void
test_no_files(void **state)
{
  (void)state;
  assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
  refused(path_of("pipe"), "");
  refused(dir, "Is a directory");
  refused(path_of("nowhere/keylog"), "No such file");
  refused("/dev/null", "it is no file");
}

static void
test_others_file(void **state)
{
  (void)state;
  if (geteuid() != 0)
    skip();
  make_empty("others", 0600);
  assert_int_equal(chown(path_of("others"), 1, 1), 0);
  refused(path_of("others"), "it is another user's");
}

static void
test_no_path(void **state)
{
  static const char *const paths[] = { NULL, "" };
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(paths); i++) {
    sslc_ctx *ctx = sslc_ctx_new();

    assert_int_equal(sslc_ctx_set_keylog_file(ctx, paths[i]), SSLC_ERR_CONFIG);
    assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
    sslc_ctx_free(ctx);
  }
  assert_int_equal(sslc_ctx_set_keylog_file(NULL, "x"), SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_set_keylog_env(NULL), SSLC_ERR_ARG);
}

/* Whatever is asked of a mask: 0600 or less. */
static void
test_mode(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  mode_t before = umask(0);

  (void)state;
  assert_ok(sslc_ctx_set_keylog_file(ctx, path_of("mode")),
            sslc_ctx_error(ctx));
  umask(before);
  assert_int_equal(mode_of("mode"), 0600);
  sslc_ctx_free(ctx);
}

/* A file that is taken away loses its lines, and the connection nothing. */
static void
test_file_gone(void **state)
{
  struct peers p;
  char *text;

  (void)state;
  begin(&p, SSLC_TLS1_3, "lost");
  assert_int_equal(unlink(path_of("lost")), 0);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  send_text(p.client, "it goes on");
  expect_text(p.server, "it goes on");
  peers_free(&p);
  begin(&p, SSLC_TLS1_3, "lost");
  text = contents("lost");
  assert_string_equal(text, "");
  free(text);
  peers_free(&p);
}

/* -------------------------------------------------------- the environment */

static void
connect_with(sslc_ctx *client)
{
  struct peers p;

  peers_init(&p, client, make_server_ctx("good"), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  peers_free(&p);
}

static void
test_environment(void **state)
{
  sslc_ctx *ctx;
  char *text;

  (void)state;
  setenv("SSLKEYLOGFILE", path_of("env"), 1);
  connect_with(make_client_ctx());
  assert_int_equal(access(path_of("env"), F_OK), -1);
  ctx = make_client_ctx();
  assert_ok(sslc_ctx_set_keylog_env(ctx), sslc_ctx_error(ctx));
  connect_with(ctx);
  text = contents("env");
  assert_int_equal(count_of(text, "CLIENT_TRAFFIC_SECRET_0 "), 1);
  free(text);
  setenv("SSLKEYLOGFILE", dir, 1);
  ctx = make_client_ctx();
  assert_int_equal(sslc_ctx_set_keylog_env(ctx), SSLC_ERR_CONFIG);
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_FILE);
  sslc_ctx_free(ctx);
}

static void
test_no_environment(void **state)
{
  sslc_ctx *ctx = make_client_ctx();

  (void)state;
  setenv("SSLKEYLOGFILE", "", 1);
  assert_ok(sslc_ctx_set_keylog_env(ctx), sslc_ctx_error(ctx));
  unsetenv("SSLKEYLOGFILE");
  assert_ok(sslc_ctx_set_keylog_env(ctx), sslc_ctx_error(ctx));
  connect_with(ctx);
}

/* As one that runs with more rights than its caller: the variable is not
 * his to set. */
static void
test_more_rights(void **state)
{
  pid_t pid;
  int status;

  (void)state;
  if (geteuid() != 0)
    skip();
  setenv("SSLKEYLOGFILE", path_of("rights"), 1);
  pid = fork();
  if (pid == 0) {
    sslc_ctx *ctx = sslc_ctx_new();
    int ok = setreuid(1, 0) == 0 &&
             sslc_ctx_set_keylog_env(ctx) == SSLC_OK &&
             access(path_of("rights"), F_OK) != 0;

    sslc_ctx_free(ctx);
    _exit(ok ? 0 : 1);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  assert_int_equal(access(path_of("rights"), F_OK), -1);
  unsetenv("SSLKEYLOGFILE");
}

int
main(void)
{
  char command[96];
  int failed;

  snprintf(dir, sizeof dir, "/tmp/sslc_keylog.XXXXXX");
  if (mkdtemp(dir) == NULL)
    return 1;
  add_test("lines of TLS 1.3", test_lines, NULL);
  add_test("lines of TLS 1.2", test_lines_tls12, NULL);
  add_test("lines are the secrets", test_secrets, NULL);
  add_test("what is there stays", test_appends, NULL);
  add_test("a context that was chosen", test_chosen_context, NULL);
  add_test("threads", test_threads, NULL);
  add_test("a file that others can read", test_others_can_read, NULL);
  add_test("a symbolic link", test_links, NULL);
  add_test("what is no file", test_no_files, NULL);
  add_test("another user's file", test_others_file, NULL);
  add_test("no path", test_no_path, NULL);
  add_test("the mode", test_mode, NULL);
  add_test("a file that is gone", test_file_gone, NULL);
  add_test("the environment, when asked", test_environment, NULL);
  add_test("an environment without it", test_no_environment, NULL);
  add_test("more rights than the caller", test_more_rights, NULL);
  failed = run_all("keylog");
  snprintf(command, sizeof command, "rm -rf %s", dir);
  return system(command) == 0 ? failed : 1;
}
