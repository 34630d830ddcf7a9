/*
 * test_error.c: the table of codes, the names of statuses and phases, and what
 * is asked of an error that is not there.
 */
#include "support.h"

#include <ctype.h>
#include <string.h>

/* What the header promises never to change. */
static const struct number {
  int code;
  const char *name;
  sslc_status status;
} numbers[] = {
  { 0, "none", SSLC_OK },
  { 1, "bad_option", SSLC_ERR_CONFIG },
  { 2, "bad_file", SSLC_ERR_CONFIG },
  { 3, "misuse", SSLC_ERR_STATE },
  { 4, "closed", SSLC_ERR_STATE },
  { 5, "busy", SSLC_ERR_STATE },
  { 6, "plaintext_pending", SSLC_ERR_STATE },
  { 7, "out_of_memory", SSLC_ERR_NOMEM },
  { 8, "dns_failed", SSLC_ERR_DNS },
  { 9, "connection_refused", SSLC_ERR_SYS },
  { 10, "connection_reset", SSLC_ERR_SYS },
  { 11, "unreachable", SSLC_ERR_SYS },
  { 12, "system_error", SSLC_ERR_SYS },
  { 13, "timeout", SSLC_ERR_TIMEOUT },
  { 14, "canceled", SSLC_ERR_CANCELED },
  { 15, "handshake_eof", SSLC_ERR_EOF },
  { 16, "truncated", SSLC_ERR_EOF },
  { 17, "not_tls", SSLC_ERR_PROTO },
  { 18, "protocol_version", SSLC_ERR_PROTO },
  { 19, "no_shared_parameters", SSLC_ERR_PROTO },
  { 20, "client_certificate_required", SSLC_ERR_ALERT },
  { 21, "alert", SSLC_ERR_ALERT },
  { 22, "protocol_error", SSLC_ERR_PROTO },
  { 23, "certificate_missing", SSLC_ERR_VERIFY },
  { 24, "certificate_expired", SSLC_ERR_VERIFY },
  { 25, "certificate_not_yet_valid", SSLC_ERR_VERIFY },
  { 26, "hostname_mismatch", SSLC_ERR_VERIFY },
  { 27, "unknown_authority", SSLC_ERR_VERIFY },
  { 28, "self_signed", SSLC_ERR_VERIFY },
  { 29, "certificate_revoked", SSLC_ERR_VERIFY },
  { 30, "revocation_unknown", SSLC_ERR_VERIFY },
  { 31, "weak_certificate", SSLC_ERR_VERIFY },
  { 32, "unsuitable_certificate", SSLC_ERR_VERIFY },
  { 33, "invalid_certificate", SSLC_ERR_VERIFY },
  { 34, "verification_failed", SSLC_ERR_VERIFY },
  { 35, "internal", SSLC_ERR_INTERNAL },
  { 36, "renegotiation_refused", SSLC_ERR_PROTO },
  { 37, "pin_mismatch", SSLC_ERR_VERIFY },
  { 38, "staple_missing", SSLC_ERR_VERIFY },
  { 39, "dane_mismatch", SSLC_ERR_VERIFY },
};

static void
test_numbers(void **state)
{
  size_t i;

  (void)state;
  assert_int_equal(sslc_code_count(), COUNT(numbers));
  for (i = 0; i < COUNT(numbers); i++) {
    assert_int_equal(numbers[i].code, i);
    assert_string_equal(sslc_code_name((int)i), numbers[i].name);
    assert_int_equal(sslc_code_from_name(numbers[i].name), i);
    assert_int_equal(sslc_code_status((int)i), numbers[i].status);
  }
}

static void
test_names_are_snake_case(void **state)
{
  const char *s;
  int i;

  (void)state;
  for (i = 0; i < sslc_code_count(); i++)
    for (s = sslc_code_name(i); *s != '\0'; s++)
      assert_true(islower((unsigned char)*s) || *s == '_');
}

static void
check_text(const char *text)
{
  size_t len = strlen(text);

  if (len == 0)
    return;
  if (strchr(".!?\n ", text[len - 1]) != NULL || text[0] == ' ')
    fail_msg("not a sentence without a full stop: \"%s\"", text);
}

static void
test_sentences(void **state)
{
  int i, j;

  (void)state;
  for (i = 0; i < sslc_code_count(); i++) {
    assert_true(strlen(sslc_code_sentence(i)) > 0);
    check_text(sslc_code_sentence(i));
    check_text(sslc_code_hint(i));
    for (j = 0; j < i; j++)
      assert_string_not_equal(sslc_code_sentence(i), sslc_code_sentence(j));
  }
}

static void
test_no_code(void **state)
{
  const int none[] = { -1, sslc_code_count(), 1 << 30, -(1 << 30) };
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(none); i++) {
    assert_null(sslc_code_name(none[i]));
    assert_null(sslc_code_sentence(none[i]));
    assert_null(sslc_code_hint(none[i]));
    assert_int_equal(sslc_code_status(none[i]), SSLC_ERR_INTERNAL);
  }
}

static void
test_no_name(void **state)
{
  const char *const none[] = { NULL, "", "Timeout", "timeout ", "time",
                               "SSLC_CODE_TIMEOUT" };
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(none); i++)
    assert_int_equal(sslc_code_from_name(none[i]), -1);
}

static void
test_statuses(void **state)
{
  static const struct {
    sslc_status status;
    const char *name;
  } names[] = {
    { 0, "ok" }, { 1, "want_read" }, { 2, "want_write" },
    { 3, "want_connect" }, { 4, "want_accept" }, { 5, "want_x509_lookup" },
    { 6, "want_async" }, { 7, "want_async_job" },
    { 8, "want_client_hello_cb" }, { 9, "want_retry_verify" },
    { 32, "closed" }, { -1, "arg" }, { -2, "state" }, { -3, "nomem" },
    { -4, "config" }, { -5, "dns" }, { -6, "sys" }, { -7, "timeout" },
    { -8, "eof" }, { -9, "alert" }, { -10, "proto" }, { -11, "verify" },
    { -12, "canceled" }, { -13, "internal" },
    { 10, "unknown" }, { 33, "unknown" }, { -14, "unknown" },
  };
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(names); i++)
    assert_string_equal(sslc_status_name(names[i].status), names[i].name);
}

static void
test_phases(void **state)
{
  static const char *const names[] = { "", "config", "dns", "connect",
                                       "handshake", "read", "write",
                                       "shutdown", "" };
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(names); i++)
    assert_string_equal(sslc_phase_name((int)i), names[i]);
  assert_string_equal(sslc_phase_name(-1), "");
}

static void
test_null_error(void **state)
{
  (void)state;
  assert_int_equal(sslc_error_status(NULL), SSLC_OK);
  assert_int_equal(sslc_error_code(NULL), SSLC_CODE_NONE);
  assert_int_equal(sslc_error_phase(NULL), SSLC_PHASE_NONE);
  assert_int_equal(sslc_error_errno(NULL), 0);
  assert_int_equal(sslc_error_ssl_error(NULL), 0);
  assert_int_equal(sslc_error_verify_result(NULL), 0);
  assert_int_equal(sslc_error_queue_count(NULL), 0);
  assert_null(sslc_error_queue(NULL, 0));
  assert_null(sslc_error_cert(NULL));
  assert_null(sslc_error_dup(NULL));
  sslc_error_free(NULL);
}

/* An error with as much in it as one can have. */
static sslc_conn *
fail_to_verify(struct peers *p)
{
  peers_init(p, make_client_ctx(), make_server_ctx("expired"), "localhost");
  assert_ok(sslc_conn_set_peer_label(p->client, "localhost:1"),
            sslc_conn_error(p->client));
  assert_status(shake(p), SSLC_ERR_VERIFY, sslc_conn_error(p->client));
  return p->client;
}

static void
test_dup(void **state)
{
  struct peers p;
  const sslc_error *err = sslc_conn_error(fail_to_verify(&p));
  sslc_error *copy = sslc_error_dup(err);
  size_t i;

  (void)state;
  assert_non_null(copy);
  assert_ptr_not_equal(copy, err);
  assert_int_equal(sslc_error_code(copy), sslc_error_code(err));
  assert_int_equal(sslc_error_phase(copy), sslc_error_phase(err));
  assert_int_equal(sslc_error_ssl_error(copy), sslc_error_ssl_error(err));
  assert_int_equal(sslc_error_verify_result(copy),
                   sslc_error_verify_result(err));
  assert_string_equal(sslc_error_message(copy), sslc_error_message(err));
  assert_string_equal(sslc_error_hint(copy), sslc_error_hint(err));
  assert_string_equal(sslc_error_text(copy), sslc_error_text(err));
  assert_string_equal(sslc_error_host(copy), sslc_error_host(err));
  assert_int_equal(sslc_error_queue_count(copy), sslc_error_queue_count(err));
  for (i = 0; i < sslc_error_queue_count(err); i++)
    assert_string_equal(sslc_error_queue(copy, i), sslc_error_queue(err, i));
  peers_free(&p);
  assert_string_equal(sslc_cert_subject(sslc_error_cert(copy)), "CN=expired");
  sslc_error_free(copy);
}

static void
test_text(void **state)
{
  struct peers p;
  const sslc_error *err = sslc_conn_error(fail_to_verify(&p));
  const char *text = sslc_error_text(err);

  (void)state;
  assert_has(text, sslc_error_host(err));
  assert_has(text, "handshake");
  assert_has(text, sslc_error_message(err));
  assert_has(text, sslc_error_hint(err));
  assert_has(text, "certificate_expired");
  assert_null(strchr(text, '\n'));
  peers_free(&p);
}

static void
test_particulars(void **state)
{
  struct peers p;
  const sslc_error *err = sslc_conn_error(fail_to_verify(&p));

  (void)state;
  assert_string_equal(sslc_error_code_name(err), "certificate_expired");
  assert_int_equal(sslc_error_errno(err), 0);
  assert_int_equal(sslc_error_ssl_error(err), 1);
  assert_int_equal(sslc_error_alert(err), -1);
  assert_string_equal(sslc_error_alert_name(err), "");
  assert_string_equal(sslc_error_host(err), "localhost:1");
  assert_string_equal(sslc_error_address(err), "");
  assert_true(sslc_error_queue_count(err) > 0);
  assert_has(sslc_error_queue(err, 0), "certificate verify failed");
  assert_null(sslc_error_queue(err, sslc_error_queue_count(err)));
  peers_free(&p);
}

int
main(void)
{
  add_test("each code has its number, name and class", test_numbers, NULL);
  add_test("names are in snake case", test_names_are_snake_case, NULL);
  add_test("sentences and hints have no full stop and sentences differ",
           test_sentences, NULL);
  add_test("a number that is no code has no name", test_no_code, NULL);
  add_test("a name that is none has no code", test_no_name, NULL);
  add_test("each status has its name", test_statuses, NULL);
  add_test("each phase has its name", test_phases, NULL);
  add_test("an error that is not there answers as none", test_null_error,
           NULL);
  add_test("a copy of an error outlives what it was copied from", test_dup,
           NULL);
  add_test("the text has host, phase, message, hint and code", test_text,
           NULL);
  add_test("a failed verification tells its particulars", test_particulars,
           NULL);
  return run_all("error");
}
