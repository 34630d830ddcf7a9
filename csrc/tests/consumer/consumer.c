/*
 * consumer.c: a program that uses an installed libsslconnect, in C99.
 *
 *   consumer
 *   consumer HOST PORT CA_FILE
 *
 * Without arguments it begins a handshake over a BIO pair (BIO_s_bio(3)) and
 * looks for a ClientHello (RFC 8446, section 4.1.2) at the other half.  With
 * them it connects.  It knows the public header and nothing else.
 */
#include <sslconnect.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
need(int good, const char *what)
{
  if (!good) {
    fprintf(stderr, "consumer: %s\n", what);
    exit(1);
  }
}

static void
check_versions(void)
{
  need(strcmp(sslc_version(), SSLC_VERSION) == 0, "another version runs");
  need(sslc_version_number() == SSLC_VERSION_NUMBER, "another number runs");
}

static void
check_error(void)
{
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_status status = sslc_ctx_load_verify_file(ctx, "/nonexistent/ca.pem");
  const sslc_error *error = sslc_ctx_error(ctx);

  need(status == SSLC_ERR_CONFIG, "a missing file passed");
  need(sslc_error_code(error) == SSLC_CODE_BAD_FILE, "not bad_file");
  need(strstr(sslc_error_text(error), "ca.pem") != NULL, "no file's name");
  sslc_ctx_free(ctx);
}

static void
check_client_hello(void)
{
  unsigned char record[3];
  size_t n = 0;
  sslc_bio *near = NULL;
  sslc_bio *far = NULL;
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn = sslc_conn_new(ctx);

  need(sslc_bio_new_pair(&near, 0, &far, 0) == SSLC_OK, "no pair");
  need(sslc_conn_set_bio(conn, near, near) == SSLC_OK, "no BIO");
  need(sslc_conn_set_server_name(conn, "example.com") == SSLC_OK, "no name");
  need(sslc_conn_connect(conn) == SSLC_WANT_READ, "nothing wanted");
  need(sslc_bio_read(far, record, sizeof(record), &n) == SSLC_OK, "no bytes");
  need(n == 3 && record[0] == 0x16 && record[1] == 0x03, "not a ClientHello");
  sslc_conn_free(conn);
  sslc_bio_free(near);
  sslc_bio_free(far);
  sslc_ctx_free(ctx);
}

static void
connect_to(const char *host, int port, const char *ca_file)
{
  sslc_open_options options = SSLC_OPEN_OPTIONS_INIT;
  sslc_conn *conn = NULL;
  sslc_error *error = NULL;
  sslc_ctx *ctx = sslc_ctx_new();

  options.deadline = sslc_deadline(20000);
  need(sslc_ctx_load_verify_file(ctx, ca_file) == SSLC_OK, "no authority");
  if (sslc_open_wait(ctx, host, port, &options, &conn, &error) != SSLC_OK)
    need(0, sslc_error_text(error));
  need(sslc_conn_is_verified(conn) == 1, "not verified");
  printf("C, %s, %s\n", sslc_conn_version(conn), sslc_openssl_version());
  sslc_conn_close(conn);
  sslc_conn_free(conn);
  sslc_error_free(error);
  sslc_ctx_free(ctx);
}

int
main(int argc, char **argv)
{
  check_versions();
  check_error();
  check_client_hello();
  if (argc == 4)
    connect_to(argv[1], atoi(argv[2]), argv[3]);
  return 0;
}
