/*
 * test_leaks.c: many connections with each feature, and memory stays as it is.
 *
 * A handful of each runs with all the tests, where sanitizers and valgrind look
 * for what is lost.  What is kept and grows they do not see: for that
 * bench/leaks/run.sh runs thousands, SSLC_TEST_LEAKS at a time, and what is in
 * use at the end is compared with what was after the first ones.
 * SSLC_TEST_LEAK names one feature, as in the table.
 */
#include "support.h"

#include "support_pki.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct feature {
  const char *name;
  int version;
  void (*settings)(sslc_ctx *client, sslc_ctx *server); /* NULL: none */
  void (*before)(struct peers *p);                      /* the handshake */
  void (*during)(struct peers *p);                      /* instead of shake */
  void (*after)(struct peers *p);
};

/* How much may be in use more at the end than at the beginning: the allocator
 * counts what it keeps at hand for a thread as in use, but 20,000 of the
 * smallest blocks would be more. */
enum { HEAP_BOUND = 256 * 1024, RSS_BOUND = 1024 * 1024 };

static struct pair root, authority, leaf;

static sslc_ctx *context; /* the client's, borrowed */
static int resumable; /* the context has a session to offer */

/* ------------------------------------------------------------------ memory */

static size_t
heap_in_use(void)
{
#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 33)
  return mallinfo2().uordblks;
#endif
#endif
  return 0;
}

/* Bytes; 0 where the system does not tell. */
static size_t
resident(void)
{
  unsigned long all, pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");

  if (f != NULL) {
    if (fscanf(f, "%lu %lu", &all, &pages) != 2)
      pages = 0;
    fclose(f);
  }
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int
count_descriptors(void)
{
  int fd, n = 0;

  for (fd = 0; fd < 1024; fd++)
    n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

/* -------------------------------------------------------------- settings */

static void
set_identity(sslc_ctx *client, sslc_ctx *server)
{
  assert_ok(sslc_ctx_use_certificate_file(client, cert_path("client.pem")),
            sslc_ctx_error(client));
  assert_ok(sslc_ctx_use_private_key_file(client, cert_path("client.key")),
            sslc_ctx_error(client));
  assert_ok(sslc_ctx_load_verify_file(server, cert_path("ca.pem")),
            sslc_ctx_error(server));
  assert_ok(sslc_ctx_set_verify_client(server, SSLC_VERIFY_CLIENT_REQUIRED),
            sslc_ctx_error(server));
}

static void
set_alpn(sslc_ctx *client, sslc_ctx *server)
{
  static const char *const names[] = { "h2", "http/1.1" };

  assert_ok(sslc_ctx_set_alpn(client, names, 2), sslc_ctx_error(client));
  assert_ok(sslc_ctx_set_alpn(server, names + 1, 1), sslc_ctx_error(server));
}

static void
set_params(sslc_ctx *client, sslc_ctx *server)
{
  (void)server;
  assert_ok(sslc_ctx_set_groups(client, "P-256:X25519:!X25519MLKEM768"), NULL);
  assert_ok(sslc_ctx_set_sigalgs(client, "ECDSA+SHA256"), NULL);
  assert_ok(sslc_ctx_set_block_padding(client, 256), NULL);
  assert_ok(sslc_ctx_set_max_fragment_length(client, 1024), NULL);
}

static void
set_keylog(sslc_ctx *client, sslc_ctx *server)
{
  char path[] = "/tmp/sslc_leaks.XXXXXX";
  int fd = mkstemp(path);

  (void)server;
  assert_true(fd >= 0);
  close(fd);
  assert_ok(sslc_ctx_set_keylog_file(client, path), sslc_ctx_error(client));
  unlink(path);
}

static void
set_crl(sslc_ctx *client, sslc_ctx *server)
{
  (void)server;
  assert_ok(sslc_ctx_load_crl_file(client, cert_path("crl.pem")),
            sslc_ctx_error(client));
}

static void
set_pins(sslc_ctx *client, sslc_ctx *server)
{
  char *pin = pair_hex_pin(&leaf);

  (void)server;
  assert_ok(sslc_ctx_add_pin(client, pin), sslc_ctx_error(client));
  free(pin);
}

static void
set_staple(sslc_ctx *client, sslc_ctx *server)
{
  const struct ocsp good = { .leaf = &leaf, .issuer = &authority,
                             .signer = &authority, .to = 86400 };
  size_t len;
  unsigned char *der = ocsp_make(&good, &len);

  assert_ok(sslc_ctx_set_ocsp(client, SSLC_OCSP_REQUIRED),
            sslc_ctx_error(client));
  assert_ok(sslc_ctx_use_ocsp_response_der(server, der, len),
            sslc_ctx_error(server));
  OPENSSL_free(der);
}

/* The contexts are made for it: see make_contexts. */
static void
set_own_pki(sslc_ctx *client, sslc_ctx *server)
{
  (void)client;
  (void)server;
}

static void
set_hooks(sslc_ctx *client, sslc_ctx *server)
{
  assert_ok(sslc_ctx_set_retry_verify(client, 1), NULL);
  assert_ok(sslc_ctx_set_client_hello(server, 1), NULL);
  assert_ok(sslc_ctx_set_x509_lookup(server, 1), NULL);
}

static void
set_psk(sslc_ctx *client, sslc_ctx *server)
{
  static const char key[] = "a key of twenty-four byte";

  assert_ok(sslc_ctx_add_psk(client, "device", key, 24),
            sslc_ctx_error(client));
  assert_ok(sslc_ctx_add_psk(server, "device", key, 24),
            sslc_ctx_error(server));
}

static void
set_server_name(sslc_ctx *client, sslc_ctx *server)
{
  sslc_ctx *named = make_server_ctx("good");

  (void)client;
  assert_ok(sslc_ctx_add_server_name(server, "localhost", named),
            sslc_ctx_error(server));
  sslc_ctx_free(named);
}

static void
set_early_data(sslc_ctx *client, sslc_ctx *server)
{
  (void)client;
  assert_ok(sslc_ctx_set_max_early_data(server, 1024), sslc_ctx_error(server));
}

/* Nobody whom the client trusts. */
static void
set_other_trust(sslc_ctx *client, sslc_ctx *server)
{
  (void)client;
  assert_ok(sslc_ctx_use_certificate_file(server, cert_path("unknown.pem")),
            NULL);
  assert_ok(sslc_ctx_use_private_key_file(server, cert_path("unknown.key")),
            NULL);
}

/* ------------------------------------------------------------- connections */

static void
before_resuming(struct peers *p)
{
  assert_ok(sslc_conn_set_session_scope(p->client, "localhost:443"), NULL);
}

/* From the second connection on. */
static void
after_resuming(struct peers *p)
{
  assert_int_equal(sslc_conn_session_reused(p->client), resumable);
  resumable = 1;
}

static void
after_psk(struct peers *p)
{
  assert_string_equal(sslc_conn_psk_identity(p->client), "device");
}

/* Taken by the server in part, or all of it: until there is no more. */
static void
read_early(struct peers *p)
{
  char buf[16];
  size_t n;
  sslc_status status;

  do {
    status = sslc_conn_read_early_data(p->server, buf, sizeof buf, &n);
    if (status == SSLC_WANT_READ)
      sslc_conn_do_handshake(p->client);
  } while (status == SSLC_WANT_READ || n > 0);
  assert_ok(status, sslc_conn_error(p->server));
}

static void
during_early_data(struct peers *p)
{
  size_t n;

  assert_ok(sslc_conn_write_early_data(p->client, "early", 5, &n),
            sslc_conn_error(p->client));
  assert_int_equal(n, resumable ? 5 : 0);
  sslc_conn_do_handshake(p->client);
  read_early(p);
  assert_ok(shake(p), sslc_conn_error(p->client));
}

static sslc_session *kept;

static void
before_offering(struct peers *p)
{
  if (kept != NULL)
    assert_ok(sslc_conn_set_session(p->client, kept),
              sslc_conn_error(p->client));
}

static void
after_offering(struct peers *p)
{
  sslc_session *session = sslc_conn_get1_session(p->client);

  assert_non_null(session);
  assert_true(kept == NULL || sslc_conn_session_reused(p->client));
  sslc_session_free(kept);
  kept = session;
}

/* What is offered next time has been bytes. */
static void
after_exporting_session(struct peers *p)
{
  static unsigned char bytes[65536];
  sslc_session *session;
  size_t len;

  after_offering(p);
  assert_int_equal(sslc_ctx_export_session(context, kept, bytes, sizeof bytes,
                                           &len, NULL), SSLC_OK);
  assert_int_equal(sslc_ctx_import_session(context, bytes, len, &session,
                                           NULL), SSLC_OK);
  sslc_session_free(kept);
  kept = session;
}

/* A context of its own each time. */
static void
after_pkcs12(struct peers *p)
{
  sslc_ctx *ctx = make_client_ctx();

  (void)p;
  assert_ok(sslc_ctx_set_key_password(ctx, "secret"), NULL);
  assert_ok(sslc_ctx_use_pkcs12_file(ctx, cert_path("client.p12")),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_check(ctx), sslc_ctx_error(ctx));
  sslc_ctx_free(ctx);
}

static void
before_tracing(struct peers *p)
{
  assert_ok(sslc_conn_set_trace(p->client, 1), NULL);
}

static void
after_tracing(struct peers *p)
{
  sslc_trace_entry entry = { sizeof entry, 0, 0, 0, 0, 0, NULL };

  while (sslc_conn_trace_next(p->client, &entry))
    ;
}

/* The server's own key. */
static void
before_tlsa(struct peers *p)
{
  static unsigned char spki[32];
  char *hex = pair_hex_pin(&leaf);
  unsigned byte;
  int i;

  for (i = 0; i < 32; i++) {
    assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
    spki[i] = (unsigned char)byte;
  }
  free(hex);
  assert_ok(sslc_conn_add_tlsa(p->client, 3, 1, 1, spki, sizeof spki),
            sslc_conn_error(p->client));
}

static void
after_tlsa(struct peers *p)
{
  assert_int_equal(sslc_conn_dane_depth(p->client), 0);
}

static void
before_naming(struct peers *p)
{
  assert_ok(sslc_conn_add_peer_name(p->client, "other.example"),
            sslc_conn_error(p->client));
  assert_ok(sslc_conn_add_peer_name(p->client, "localhost"),
            sslc_conn_error(p->client));
}

/* Whatever either is asked. */
static void
answer(struct peers *p)
{
  if (p->server_status == SSLC_WANT_CLIENT_HELLO_CB)
    assert_ok(sslc_conn_answer_client_hello(p->server, NULL), NULL);
  if (p->server_status == SSLC_WANT_X509_LOOKUP) {
    sslc_ctx *identity = make_server_ctx("good");

    assert_ok(sslc_conn_answer_x509_lookup(p->server, identity), NULL);
    sslc_ctx_free(identity);
  }
  if (p->client_status == SSLC_WANT_RETRY_VERIFY)
    assert_ok(sslc_conn_answer_verify(p->client, 1, NULL), NULL);
}

static void
during_hooks(struct peers *p)
{
  int i;

  for (i = 0; i < 5 && shake(p) != SSLC_OK; i++)
    answer(p);
  assert_ok(shake(p), sslc_conn_error(p->client));
}

static void
during_refusal(struct peers *p)
{
  sslc_error *error;

  shake(p);
  assert_code(sslc_conn_error(p->client), SSLC_CODE_UNKNOWN_AUTHORITY);
  error = sslc_error_dup(sslc_conn_error(p->client));
  assert_non_null(sslc_error_cert(error));
  sslc_error_free(error);
}

/* Given up in the middle. */
static void
during_giving_up(struct peers *p)
{
  assert_int_equal(sslc_conn_connect(p->client), SSLC_WANT_READ);
  assert_int_equal(sslc_conn_accept(p->server), SSLC_WANT_READ);
}

static void
after_exporting(struct peers *p)
{
  unsigned char out[SSLC_CHANNEL_BINDING_MAX];
  size_t n;

  assert_ok(sslc_conn_export_keying_material(p->client, out, 32, "EXPORTER-x",
                                             "context", 7), NULL);
  assert_ok(sslc_conn_channel_binding(p->client, "tls-exporter", out,
                                      sizeof out, &n), NULL);
  assert_ok(sslc_conn_channel_binding(p->client, "tls-server-end-point", out,
                                      sizeof out, &n), NULL);
}

static void
after_asking(struct peers *p)
{
  sslc_cert *cert;

  assert_true(sslc_conn_peer_cert_count(p->client) > 0);
  assert_true(sslc_conn_chain_count(p->client) > 0);
  cert = sslc_cert_up_ref(sslc_conn_peer_cert(p->client, 0));
  assert_non_null(sslc_cert_pem(cert));
  assert_non_null(sslc_cert_subject(cert));
  assert_null(sslc_conn_alpn(p->client));
  sslc_cert_free(cert);
}

static void
after_verifying_a_chain(struct peers *p)
{
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  const sslc_cert *certs[2];
  sslc_ctx *ctx = make_client_ctx();
  sslc_error *error = NULL;

  certs[0] = sslc_conn_peer_cert(p->client, 0);
  certs[1] = sslc_conn_peer_cert(p->client, 1);
  options.name = "localhost";
  assert_int_equal(sslc_ctx_verify_chain(ctx, certs[0], certs + 1, 1, &options,
                                         &error), SSLC_OK);
  options.name = "other.example";
  assert_int_equal(sslc_ctx_verify_chain(ctx, certs[0], certs + 1, 1, &options,
                                         &error), SSLC_ERR_VERIFY);
  sslc_error_free(error);
  sslc_ctx_free(ctx);
}

static void
after_updating_keys(struct peers *p)
{
  assert_ok(sslc_conn_key_update(p->client, 1), sslc_conn_error(p->client));
  send_text(p->client, "new keys");
  expect_text(p->server, "new keys");
}

static void
before_holding(struct peers *p)
{
  assert_ok(sslc_conn_set_hold_flight(p->client, 1), NULL);
}

#define V2 SSLC_TLS1_2
#define V3 SSLC_TLS1_3

static const struct feature features[] = {
  { "TLS 1.3", V3, NULL, NULL, NULL, NULL },
  { "TLS 1.2", V2, NULL, NULL, NULL, NULL },
  { "resumed by itself", V3, NULL, before_resuming, NULL,
    after_resuming },
  { "resumed by itself, TLS 1.2", V2, NULL, before_resuming, NULL,
    after_resuming },
  { "session taken and offered", V3, NULL, before_offering, NULL,
    after_offering },
  { "session exported and imported", V3, NULL, before_offering, NULL,
    after_exporting_session },
  { "contexts with PKCS #12", V3, NULL, NULL, NULL, after_pkcs12 },
  { "client certificate", V3, set_identity, NULL, NULL, NULL },
  { "ALPN", V3, set_alpn, NULL, NULL, NULL },
  { "parameters, padding", V3, set_params, NULL, NULL, NULL },
  { "held flight", V3, NULL, before_holding, NULL, NULL },
  { "key log", V3, set_keylog, NULL, NULL, NULL },
  { "revocation list", V3, set_crl, NULL, NULL, NULL },
  { "pins", V3, set_pins, NULL, NULL, NULL },
  { "stapled response", V3, set_staple, NULL, NULL, NULL },
  { "TLSA record", V3, set_own_pki, before_tlsa, NULL, after_tlsa },
  { "two names", V3, NULL, before_naming, NULL, NULL },
  { "external PSK", V3, set_psk, NULL, NULL, after_psk },
  { "external PSK, TLS 1.2", V2, set_psk, NULL, NULL, after_psk },
  { "early data", V3, set_early_data, before_resuming, during_early_data,
    after_resuming },
  { "context of a server name", V3, set_server_name, NULL, NULL, NULL },
  { "hooks", V3, set_hooks, NULL, during_hooks, NULL },
  { "exporter, channel bindings", V3, NULL, NULL, NULL, after_exporting },
  { "certificates, chain", V3, NULL, NULL, NULL, after_asking },
  { "chains verified alone", V3, NULL, NULL, NULL, after_verifying_a_chain },
  { "key update", V3, NULL, NULL, NULL, after_updating_keys },
  { "trace", V3, NULL, before_tracing, NULL, after_tracing },
  { "refused certificate", V3, set_other_trust, NULL, during_refusal, NULL },
  { "given up in the middle", V3, NULL, NULL, during_giving_up, NULL },
};

/* ------------------------------------------------------------------ running */

static void
exchange(struct peers *p)
{
  send_text(p->server, "hello");
  expect_text(p->client, "hello");
  send_text(p->client, "hello yourself");
  expect_text(p->server, "hello yourself");
}

static void
connect_once(const struct feature *f, sslc_ctx *client, sslc_ctx *server)
{
  struct peers p;

  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server),
             "localhost");
  if (f->before != NULL)
    f->before(&p);
  if (f->during != NULL)
    f->during(&p);
  else
    assert_ok(shake(&p), sslc_conn_error(p.client));
  if (sslc_conn_is_connected(p.client) && sslc_conn_is_connected(p.server))
    exchange(&p);
  if (f->after != NULL)
    f->after(&p);
  sslc_conn_close(p.client);
  sslc_conn_close(p.server);
  peers_free(&p);
}

/* Pins, staples and TLSA records are of certificates that are made here; all
 * others of certkit's. */
static void
make_contexts(const struct feature *f, sslc_ctx **client, sslc_ctx **server)
{
  if (f->settings == set_pins || f->settings == set_staple ||
      f->settings == set_own_pki) {
    *client = pair_client_ctx(&root);
    *server = pair_server_ctx(&leaf, &authority);
  } else {
    *client = make_client_ctx();
    *server = f->settings == set_other_trust || f->settings == set_hooks
      ? sslc_ctx_new()
      : make_server_ctx(f->settings == set_crl ? "direct" : "good");
  }
  assert_ok(sslc_ctx_set_max_version(*client, f->version), NULL);
  if (f->settings != NULL)
    f->settings(*client, *server);
}

static long
wanted(void)
{
  const char *text = getenv("SSLC_TEST_LEAKS");

  return text != NULL ? strtol(text, NULL, 10) : under_valgrind() ? 2 : 30;
}

static double
seconds(void)
{
  return (double)sslc_now() / 1e9;
}

/* "feature | connects | seconds | in use: before, growth | resident: ..." */
static void
tell(const struct feature *f, long count, double took, const size_t before[2],
     const size_t after[2])
{
  printf("| %s | %ld | %.1f | %ld | %+ld | %ld | %+ld |\n", f->name, count,
         took, (long)before[0] / 1024, (long)after[0] - (long)before[0],
         (long)before[1] / 1024, ((long)after[1] - (long)before[1]) / 1024);
  fflush(stdout);
}

static void
check_flat(const size_t before[2], const size_t after[2])
{
  assert_true(after[0] <= before[0] + HEAP_BOUND);
  assert_true(after[1] <= before[1] + RSS_BOUND || before[1] == 0 ||
              under_valgrind() || heap_in_use() == 0);
}

static void
test_feature(void **state)
{
  const struct feature *f = *state;
  long i, count = wanted(), first = count < 1000 ? count / 3 : 300;
  size_t before[2], after[2];
  sslc_ctx *client, *server;
  double began;
  int descriptors;

  make_contexts(f, &client, &server);
  context = client;
  resumable = 0;
  for (i = 0; i < first; i++)
    connect_once(f, client, server);
  before[0] = heap_in_use();
  before[1] = resident();
  descriptors = count_descriptors();
  began = seconds();
  for (i = 0; i < count; i++)
    connect_once(f, client, server);
  began = seconds() - began;
  after[0] = heap_in_use();
  after[1] = resident();
  assert_int_equal(count_descriptors(), descriptors);
  if (getenv("SSLC_TEST_LEAKS") != NULL)
    tell(f, count, began, before, after);
  sslc_session_free(kept);
  kept = NULL;
  sslc_ctx_free(client);
  sslc_ctx_free(server);
  check_flat(before, after);
}

int
main(void)
{
  const char *only = getenv("SSLC_TEST_LEAK");
  size_t i;
  int failed;

  root = pair_authority("leaks root", NULL);
  authority = pair_authority("leaks authority", &root);
  leaf = pair_server("leaks leaf", &authority, NULL);
  for (i = 0; i < COUNT(features); i++)
    if (only == NULL || strcmp(only, features[i].name) == 0)
      add_test(features[i].name, test_feature, &features[i]);
  failed = run_all("leaks");
  pair_free(&leaf);
  pair_free(&authority);
  pair_free(&root);
  return failed;
}
