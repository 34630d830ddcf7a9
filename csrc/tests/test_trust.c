/*
 * test_trust.c: whom a context believes: sources that add up, and changes of
 * files and directories while the context is in use.
 */
#include "internal.h"

#include "support.h"
#include "support_pki.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two authorities, a server of each. */
static struct pair one, two, server_one, server_two;

/* ---------------------------------------------------------------- helpers */

static void
write_bytes(const char *path, const char *bytes, size_t len)
{
  char *temporary = sslci_asprintf("%s.new", path);
  FILE *file = fopen(temporary, "w");

  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(rename(temporary, path), 0);
  OPENSSL_free(temporary);
}

/* In PEM, to be freed. */
static char *
pem_of(X509 *x509, int aux)
{
  BIO *mem = BIO_new(BIO_s_mem());
  char *bytes;

  assert_non_null(mem);
  assert_true(aux ? PEM_write_bio_X509_AUX(mem, x509)
                  : PEM_write_bio_X509(mem, x509));
  assert_int_equal(BIO_write(mem, "", 1), 1);
  assert_true(BIO_get_mem_data(mem, &bytes) > 0);
  char *text = strdup(bytes);
  BIO_free(mem);
  return text;
}

static void
write_cert(const char *path, const struct pair *pair)
{
  char *pem = pem_of(pair->cert, 0);

  write_bytes(path, pem, strlen(pem));
  free(pem);
}

static sslc_cert *
cert_of(const struct pair *pair)
{
  sslc_cert *cert = sslci_cert_new(pair->cert);

  assert_non_null(cert);
  return cert;
}

/* What comes of a connection to a server of the pair: SSLC_CODE_NONE, or the
 * code of the client's error. */
static int
connect_code(sslc_ctx *ctx, const struct pair *server)
{
  struct peers p;

  peers_init(&p, sslc_ctx_up_ref(ctx), pair_server_ctx(server, NULL),
             "localhost");
  shake(&p);
  int code = p.client_status == SSLC_OK
    ? SSLC_CODE_NONE : sslc_error_code(sslc_conn_error(p.client));
  peers_free(&p);
  return code;
}

static void
check_trusts(sslc_ctx *ctx, int trusts_one, int trusts_two)
{
  assert_int_equal(connect_code(ctx, &server_one),
                   trusts_one ? SSLC_CODE_NONE : SSLC_CODE_UNKNOWN_AUTHORITY);
  assert_int_equal(connect_code(ctx, &server_two),
                   trusts_two ? SSLC_CODE_NONE : SSLC_CODE_UNKNOWN_AUTHORITY);
}

static sslc_ctx *
new_ctx(void)
{
  sslc_ctx *ctx = sslc_ctx_new();

  assert_non_null(ctx);
  return ctx;
}

static sslc_ctx *
file_ctx(const char *path)
{
  sslc_ctx *ctx = new_ctx();

  assert_ok(sslc_ctx_load_verify_file(ctx, path), sslc_ctx_error(ctx));
  return ctx;
}

/* A path of this test's own, to be freed with OPENSSL_free. */
static char *
own_path(const char *name)
{
  return sslci_asprintf("%s_%ld", cert_path(name), (long)getpid());
}

/* ---------------------------------------------------------------- sources */

static sslc_status
load_der(sslc_ctx *ctx, const struct pair *pair)
{
  sslc_cert *cert = cert_of(pair);
  size_t len;
  const unsigned char *der = sslc_cert_der(cert, &len);
  sslc_status status = sslc_ctx_load_verify_der(ctx, der, len);

  sslc_cert_free(cert);
  return status;
}

static sslc_status
load_pem(sslc_ctx *ctx, const struct pair *pair)
{
  char *pem = pem_of(pair->cert, 0);
  sslc_status status = sslc_ctx_load_verify_pem(ctx, pem, strlen(pem));

  free(pem);
  return status;
}

/* The context keeps the certificate, whatever becomes of the caller's. */
static sslc_status
load_cert(sslc_ctx *ctx, const struct pair *pair)
{
  sslc_cert *cert = cert_of(pair);
  sslc_status status = sslc_ctx_load_verify_cert(ctx, cert);

  sslc_cert_free(cert);
  return status;
}

static sslc_status
load_store(sslc_ctx *ctx, const struct pair *pair)
{
  char *path = own_path("test_trust_store"), *uri;

  write_cert(path, pair);
  uri = sslci_asprintf("file:%s", path);
  sslc_status status = sslc_ctx_load_verify_store(ctx, uri);
  assert_int_equal(unlink(path), 0);
  OPENSSL_free(uri);
  OPENSSL_free(path);
  return status;
}

struct way {
  const char *name;
  sslc_status (*load)(sslc_ctx *ctx, const struct pair *pair);
};

static const struct way ways[] = { { "PEM", load_pem },
                                   { "DER", load_der },
                                   { "a certificate", load_cert },
                                   { "a store", load_store } };

static void
test_way(void **state)
{
  const struct way *way = *state;
  sslc_ctx *ctx = new_ctx();

  assert_ok(way->load(ctx, &one), sslc_ctx_error(ctx));
  check_trusts(ctx, 1, 0);
  assert_status(way->load(ctx, &two), SSLC_ERR_STATE, sslc_ctx_error(ctx));
  sslc_ctx_free(ctx);
}

static void
test_added(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(ways); i++) {
    sslc_ctx *ctx = new_ctx();
    assert_ok(ways[i].load(ctx, &one), sslc_ctx_error(ctx));
    assert_ok(sslc_ctx_check(ctx), sslc_ctx_error(ctx));
    assert_ok(load_pem(ctx, &two), sslc_ctx_error(ctx));
    check_trusts(ctx, 1, 1);
    sslc_ctx_free(ctx);
  }
}

static struct pair
make_keyed_authority(void)
{
  static const char *const extensions[] = {
    "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign",
    "subjectKeyIdentifier=hash", NULL
  };

  return pair_make("Keyed", NULL, extensions);
}

static struct pair
make_keyed_server(const struct pair *authority)
{
  static const char *const more[] = { "authorityKeyIdentifier=keyid", NULL };

  return pair_server("keyed server", authority, more);
}

/* An authority with a new key, and its old one: OpenSSL by itself would ask the
 * first source alone. */
static void
test_same_subject(void **state)
{
  struct pair old = make_keyed_authority(), new = make_keyed_authority();
  struct pair old_server = make_keyed_server(&old);
  struct pair new_server = make_keyed_server(&new);

  (void)state;
  for (int i = 0; i < 2; i++) {
    sslc_ctx *ctx = new_ctx();
    assert_ok(load_der(ctx, i ? &old : &new), sslc_ctx_error(ctx));
    assert_ok(load_pem(ctx, i ? &new : &old), sslc_ctx_error(ctx));
    assert_int_equal(connect_code(ctx, &old_server), SSLC_CODE_NONE);
    assert_int_equal(connect_code(ctx, &new_server), SSLC_CODE_NONE);
    sslc_ctx_free(ctx);
    ctx = new_ctx();
    assert_ok(load_der(ctx, &new), sslc_ctx_error(ctx));
    assert_true(connect_code(ctx, &old_server) != SSLC_CODE_NONE);
    sslc_ctx_free(ctx);
  }
  pair_free(&new_server);
  pair_free(&old_server);
  pair_free(&new);
  pair_free(&old);
}

/* "TRUSTED CERTIFICATE": what it is not trusted for counts. */
static void
test_rejected_use(void **state)
{
  sslc_ctx *ctx = new_ctx();
  X509 *x509 = X509_dup(one.cert);

  (void)state;
  assert_true(X509_add1_reject_object(x509, OBJ_nid2obj(NID_server_auth)));
  char *pem = pem_of(x509, 1);
  assert_non_null(strstr(pem, "TRUSTED CERTIFICATE"));
  assert_ok(sslc_ctx_load_verify_pem(ctx, pem, strlen(pem)),
            sslc_ctx_error(ctx));
  assert_int_equal(connect_code(ctx, &server_one),
                   SSLC_CODE_UNSUITABLE_CERTIFICATE);
  sslc_ctx_free(ctx);
  X509_free(x509);
  free(pem);
}

/* Nothing of what is malformed behind the subject is trusted; the others of the
 * file are. */
static void
test_broken_inside(void **state)
{
  unsigned char *der = NULL;
  char *good = pem_of(two.cert, 0);
  sslc_ctx *ctx = new_ctx();
  int len = i2d_X509(one.cert, &der);
  BIO *mem = BIO_new(BIO_s_mem());
  char *text;

  (void)state;
  der[len - 1 - 80] ^= 0x1f; /* in or before the signature's algorithm */
  memset(der + len - 200, 0xff, 60);
  assert_true(PEM_write_bio(mem, PEM_STRING_X509, "", der, len));
  assert_true(BIO_puts(mem, good) > 0);
  size_t n = (size_t)BIO_get_mem_data(mem, &text);
  sslc_status status = sslc_ctx_load_verify_pem(ctx, text, n);
  if (status == SSLC_OK)
    check_trusts(ctx, 0, 1);
  else
    assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_FILE);
  BIO_free(mem);
  OPENSSL_free(der);
  sslc_ctx_free(ctx);
  free(good);
}

static void
check_refused(sslc_status status, sslc_ctx *ctx, int code)
{
  assert_status(status, SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), code);
  assert_int_equal(connect_code(ctx, &server_one), code);
  sslc_ctx_free(ctx);
}

static void
test_refused(void **state)
{
  sslc_ctx *ctx = new_ctx();

  (void)state;
  check_refused(sslc_ctx_load_verify_der(ctx, "0\x82\x01\x01x", 5), ctx,
                SSLC_CODE_BAD_FILE);
  ctx = new_ctx();
  check_refused(sslc_ctx_load_verify_der(ctx, "", 0), ctx, SSLC_CODE_BAD_FILE);
  ctx = new_ctx();
  check_refused(sslc_ctx_load_verify_der(ctx, NULL, 0), ctx,
                SSLC_CODE_BAD_OPTION);
  ctx = new_ctx();
  check_refused(sslc_ctx_load_verify_cert(ctx, NULL), ctx,
                SSLC_CODE_BAD_OPTION);
  ctx = new_ctx();
  check_refused(sslc_ctx_load_verify_store(ctx, NULL), ctx,
                SSLC_CODE_BAD_OPTION);
  ctx = new_ctx();
  check_refused(sslc_ctx_load_verify_store(ctx, "file:/nowhere"), ctx,
                SSLC_CODE_BAD_FILE);
  ctx = new_ctx();
  check_refused(sslc_ctx_load_verify_store(ctx, "nothing:x"), ctx,
                SSLC_CODE_BAD_FILE);
  assert_int_equal(sslc_ctx_load_verify_cert(NULL, NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_load_verify_der(NULL, "", 0), SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_load_verify_store(NULL, "x"), SSLC_ERR_ARG);
}

/* -------------------------------------------------------- files that change */

static void
test_file_changes(void **state)
{
  char *path = own_path("test_trust_file");

  (void)state;
  write_cert(path, &one);
  sslc_ctx *ctx = file_ctx(path);
  check_trusts(ctx, 1, 0);
  write_cert(path, &two);
  check_trusts(ctx, 0, 1);
  write_cert(path, &one);
  check_trusts(ctx, 1, 0);
  sslc_ctx_free(ctx);
  assert_int_equal(unlink(path), 0);
  OPENSSL_free(path);
}

/* What is gone, malformed or empty changes nothing; what comes after does. */
static void
test_file_spoilt(void **state)
{
  char *path = own_path("test_trust_spoilt");
  static const char *const texts[] = {
    "", "nothing", "-----BEGIN CERTIFICATE-----\nMIIB\n"
  };

  (void)state;
  write_cert(path, &one);
  sslc_ctx *ctx = file_ctx(path);
  check_trusts(ctx, 1, 0);
  for (size_t i = 0; i < COUNT(texts); i++) {
    write_bytes(path, texts[i], strlen(texts[i]));
    check_trusts(ctx, 1, 0);
  }
  assert_int_equal(unlink(path), 0);
  check_trusts(ctx, 1, 0);
  write_cert(path, &two);
  check_trusts(ctx, 0, 1);
  sslc_ctx_free(ctx);
  assert_int_equal(unlink(path), 0);
  OPENSSL_free(path);
}

/* Within the interval nobody looks. */
static void
test_interval(void **state)
{
  char *path = own_path("test_trust_interval");

  (void)state;
  write_cert(path, &one);
  sslc_ctx *ctx = file_ctx(path);
  sslci_trust_interval = SSLC_FOREVER / 2;
  check_trusts(ctx, 1, 0);
  write_cert(path, &two);
  check_trusts(ctx, 1, 0);
  sslci_trust_interval = 0;
  sslc_ctx_free(ctx);
  assert_int_equal(unlink(path), 0);
  OPENSSL_free(path);
}

/* A connection that has begun goes on with the trust it has begun with. */
static void
test_under_way(void **state)
{
  char *path = own_path("test_trust_way");
  struct peers p;

  (void)state;
  write_cert(path, &one);
  sslc_ctx *ctx = file_ctx(path);
  peers_init(&p, sslc_ctx_up_ref(ctx), pair_server_ctx(&server_one, NULL),
             "localhost");
  assert_int_equal(sslc_conn_do_handshake(p.client), SSLC_WANT_READ);
  write_cert(path, &two);
  check_trusts(ctx, 0, 1);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  peers_free(&p);
  sslc_ctx_free(ctx);
  assert_int_equal(unlink(path), 0);
  OPENSSL_free(path);
}

static void
test_generation(void **state)
{
  char *path = own_path("test_trust_generation");

  (void)state;
  write_cert(path, &one);
  sslc_ctx *ctx = file_ctx(path);
  assert_int_equal(connect_code(ctx, &server_one), SSLC_CODE_NONE);
  uint64_t first = sslci_trust_generation(ctx);
  assert_int_equal(sslci_trust_generation(ctx), first);
  write_bytes(path, "x", 1);
  assert_int_equal(sslci_trust_generation(ctx), first);
  write_cert(path, &two);
  assert_true(sslci_trust_generation(ctx) != first);
  sslc_ctx_free(ctx);
  assert_int_equal(unlink(path), 0);
  OPENSSL_free(path);
}

/* Whether the client's session resumes with a server that believes the file. */
static void
resume(sslc_ctx *server, sslc_ctx *client, sslc_session **session, int resumed,
       sslc_status status)
{
  struct peers p;
  char byte;
  size_t n;

  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server), "localhost");
  if (*session != NULL)
    assert_ok(sslc_conn_set_session(p.client, *session),
              sslc_conn_error(p.client));
  shake(&p);
  assert_int_equal(p.server_status, status);
  assert_int_equal(sslc_conn_session_reused(p.server), resumed);
  if (status == SSLC_OK) {
    sslc_conn_read(p.client, &byte, 1, &n);
    sslc_session_free(*session);
    *session = sslc_conn_get1_session(p.client);
    assert_non_null(*session);
  }
  peers_free(&p);
}

/* A server does not let in by a session whom it would not let in without. */
static void
test_server_sessions(void **state)
{
  static const char *const use[] = { "extendedKeyUsage=clientAuth", NULL };
  struct pair leaf = pair_make("client", &one, use);
  char *path = own_path("test_trust_sessions");
  sslc_ctx *server = pair_server_ctx(&server_one, NULL);
  sslc_ctx *client = pair_server_ctx(&leaf, NULL);
  sslc_session *session = NULL;

  (void)state;
  write_cert(path, &one);
  assert_ok(sslc_ctx_load_verify_file(server, path), sslc_ctx_error(server));
  assert_ok(sslc_ctx_set_verify_client(server, SSLC_VERIFY_CLIENT_REQUIRED),
            sslc_ctx_error(server));
  assert_ok(load_pem(client, &one), sslc_ctx_error(client));
  resume(server, client, &session, 0, SSLC_OK);
  resume(server, client, &session, 1, SSLC_OK);
  write_cert(path, &two);
  resume(server, client, &session, 0, SSLC_ERR_VERIFY);
  sslc_session_free(session);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
  pair_free(&leaf);
  assert_int_equal(unlink(path), 0);
  OPENSSL_free(path);
}

/* ------------------------------------------------------------- directories */

/* "DIR/5ad8a5d6.0", to be freed. */
static char *
hashed_path(const char *dir, const struct pair *pair)
{
  return sslci_asprintf("%s/%08lx.0", dir,
                        X509_NAME_hash(X509_get_subject_name(pair->cert)));
}

static void
test_dir_changes(void **state)
{
  char *dir = own_path("test_trust_dir");
  char *path_one = hashed_path(dir, &one), *path_two = hashed_path(dir, &two);
  sslc_ctx *ctx = new_ctx();

  (void)state;
  assert_int_equal(mkdir(dir, 0700), 0);
  assert_ok(sslc_ctx_load_verify_dir(ctx, dir), sslc_ctx_error(ctx));
  check_trusts(ctx, 0, 0);
  write_cert(path_one, &one);
  check_trusts(ctx, 1, 0);
  write_cert(path_two, &two);
  check_trusts(ctx, 1, 1);
  assert_int_equal(unlink(path_one), 0);
  check_trusts(ctx, 0, 1);
  assert_int_equal(unlink(path_two), 0);
  check_trusts(ctx, 0, 0);
  assert_int_equal(rmdir(dir), 0);
  check_trusts(ctx, 0, 0);
  sslc_ctx_free(ctx);
  OPENSSL_free(path_one);
  OPENSSL_free(path_two);
  OPENSSL_free(dir);
}

/* --------------------------------------------------------- revocation lists */

/* Revokes the server's certificate, or nothing; valid for an hour. */
static void
write_crl(const char *path, const struct pair *authority, X509 *revoked)
{
  X509_CRL *crl = X509_CRL_new();
  ASN1_TIME *from = X509_gmtime_adj(NULL, -60);
  ASN1_TIME *until = X509_gmtime_adj(NULL, 3600);
  BIO *file = BIO_new_file(path, "w");

  assert_non_null(crl);
  assert_non_null(file);
  assert_true(X509_CRL_set_version(crl, 1));
  assert_true(X509_CRL_set_issuer_name(crl,
                                       X509_get_subject_name(authority->cert)));
  assert_true(X509_CRL_set1_lastUpdate(crl, from));
  assert_true(X509_CRL_set1_nextUpdate(crl, until));
  if (revoked != NULL) {
    X509_REVOKED *entry = X509_REVOKED_new();
    assert_true(X509_REVOKED_set_serialNumber(entry,
                                              X509_get_serialNumber(revoked)));
    assert_true(X509_REVOKED_set_revocationDate(entry, from));
    assert_true(X509_CRL_add0_revoked(crl, entry));
  }
  assert_true(X509_CRL_sign(crl, authority->key, EVP_sha256()));
  assert_true(PEM_write_bio_X509_CRL(file, crl));
  BIO_free(file);
  ASN1_TIME_free(from);
  ASN1_TIME_free(until);
  X509_CRL_free(crl);
}

/* A list that is gone goes on revoking. */
static void
test_crl_changes(void **state)
{
  char *path = own_path("test_trust_crl");
  sslc_ctx *ctx = new_ctx();

  (void)state;
  write_crl(path, &one, NULL);
  assert_ok(load_pem(ctx, &one), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_load_crl_file(ctx, path), sslc_ctx_error(ctx));
  assert_int_equal(connect_code(ctx, &server_one), SSLC_CODE_NONE);
  write_crl(path, &one, server_one.cert);
  assert_int_equal(connect_code(ctx, &server_one),
                   SSLC_CODE_CERTIFICATE_REVOKED);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(connect_code(ctx, &server_one),
                   SSLC_CODE_CERTIFICATE_REVOKED);
  write_bytes(path, "", 0);
  assert_int_equal(connect_code(ctx, &server_one),
                   SSLC_CODE_CERTIFICATE_REVOKED);
  write_crl(path, &one, NULL);
  assert_int_equal(connect_code(ctx, &server_one), SSLC_CODE_NONE);
  sslc_ctx_free(ctx);
  assert_int_equal(unlink(path), 0);
  OPENSSL_free(path);
}

/* ------------------------------------------------------------------ threads */

static atomic_int wrong;
static atomic_bool over;

/* One of both is in the file at any time, so a server of either is trusted or
 * its authority unknown; anything else is wrong. */
static void *
hammer(void *arg)
{
  sslc_ctx *ctx = arg;

  while (!atomic_load(&over)) {
    X509_STORE *store;
    sslc_error err = { 0 };
    sslci_trust_generation(ctx);
    store = sslci_trust_store(ctx, &err);
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    if (!store || !c || !X509_STORE_CTX_init(c, store, server_one.cert, NULL))
      atomic_fetch_add(&wrong, 1);
    else if (X509_verify_cert(c) != 1 &&
             X509_STORE_CTX_get_error(c) !=
               X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY)
      atomic_fetch_add(&wrong, 1);
    X509_STORE_CTX_free(c);
    X509_STORE_free(store);
  }
  return NULL;
}

static void
test_threads(void **state)
{
  char *path = own_path("test_trust_threads");
  pthread_t threads[4];

  (void)state;
  write_cert(path, &one);
  sslc_ctx *ctx = file_ctx(path);
  check_trusts(ctx, 1, 0);
  for (size_t i = 0; i < COUNT(threads); i++)
    assert_int_equal(pthread_create(&threads[i], NULL, hammer, ctx), 0);
  for (int i = under_valgrind() ? 2 : 16; i > 0; i--) {
    write_cert(path, i % 2 ? &one : &two);
    check_trusts(ctx, i % 2, !(i % 2));
  }
  atomic_store(&over, true);
  for (size_t i = 0; i < COUNT(threads); i++)
    pthread_join(threads[i], NULL);
  assert_int_equal(atomic_load(&wrong), 0);
  sslc_ctx_free(ctx);
  assert_int_equal(unlink(path), 0);
  OPENSSL_free(path);
}

static void
add_change_tests(void)
{
  add_test("a file that changes counts", test_file_changes, NULL);
  add_test("a file that is spoilt does not", test_file_spoilt, NULL);
  add_test("nobody looks all the time", test_interval, NULL);
  add_test("a handshake keeps the trust it began with", test_under_way, NULL);
  add_test("the generation changes with the trust", test_generation, NULL);
  add_test("a server's sessions go with its trust", test_server_sessions,
           NULL);
  add_test("certificates come to a directory and go", test_dir_changes, NULL);
  add_test("a revocation list changes", test_crl_changes, NULL);
  add_test("threads connect as the trust changes", test_threads, NULL);
}

int
main(void)
{
  sslci_trust_interval = 0;
  one = pair_authority("One", NULL);
  two = pair_authority("Two", NULL);
  server_one = pair_server("server one", &one, NULL);
  server_two = pair_server("server two", &two, NULL);
  for (size_t i = 0; i < COUNT(ways); i++)
    add_test(ways[i].name, test_way, &ways[i]);
  add_test("sources of all kinds add up", test_added, NULL);
  add_test("two sources have the same subject", test_same_subject, NULL);
  add_test("what is not trusted for a use", test_rejected_use, NULL);
  add_test("what is malformed inside", test_broken_inside, NULL);
  add_test("what is refused", test_refused, NULL);
  add_change_tests();
  int failed = run_all("trust");
  pair_free(&server_two);
  pair_free(&server_one);
  pair_free(&two);
  pair_free(&one);
  return failed;
}
