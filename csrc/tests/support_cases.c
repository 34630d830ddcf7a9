/*
 * support_cases.c: reads what casekit writes.
 */
#include "support_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CASES 512

static const char *const field_names[CASE_FIELDS] = {
  "name", "group", "what", "rule", "role", "host", "verdict", "code", "result",
  "set", "served", "sent", "der", "flight", "key", "trust",
  "extra", "crl"
};

/* ---------------------------------------------------------------- reading */

static enum case_field
find_field(const char *name)
{
  int i;

  for (i = 0; i < CASE_FIELDS; i++)
    if (strcmp(field_names[i], name) == 0)
      return (enum case_field)i;
  fprintf(stderr, "casekit writes a field \"%s\"\n", name);
  abort();
}

static void
demand(int ok)
{
  if (ok)
    return;
  fputs("the output of casekit cannot be read\n", stderr);
  abort();
}

static void
read_text(FILE *in, struct case_text *text, size_t len)
{
  text->at = malloc(len + 1);
  demand(text->at != NULL && fread(text->at, 1, len, in) == len &&
         getc(in) == '\n');
  text->at[len] = '\0';
  text->len = len;
}

/* 0: there are no more. */
static int
read_case(FILE *in, struct test_case *c)
{
  struct case_text end;
  char name[16], digits[16];
  int i;

  while (fscanf(in, "%15s %15[0-9]", name, digits) == 2) {
    size_t len = strtoul(digits, NULL, 10);

    demand(getc(in) == '\n');
    if (strcmp(name, "end") != 0) {
      read_text(in, &c->fields[find_field(name)], len);
      continue;
    }
    read_text(in, &end, len);
    free(end.at);
    for (i = 0; i < CASE_FIELDS; i++)
      demand(c->fields[i].at != NULL);
    return 1;
  }
  return 0;
}

size_t
read_cases(struct test_case **cases)
{
  static struct test_case all[MAX_CASES];
  static size_t count;
  const char *dir = getenv("SSLC_BIN");
  char command[1024];
  FILE *in;

  *cases = all;
  if (count > 0)
    return count;
  demand(dir != NULL);
  snprintf(command, sizeof command, "exec '%s/casekit'", dir);
  in = popen(command, "r"); /* NOLINT(cert-env33-c): a path of our own */
  demand(in != NULL);
  while (read_case(in, &all[count]))
    demand(++count < MAX_CASES);
  demand(pclose(in) == 0);
  return count;
}

/* ----------------------------------------------------------------- asking */

const char *
case_text(const struct test_case *c, enum case_field field)
{
  return c->fields[field].at;
}

int
case_has(const struct test_case *c, enum case_field field)
{
  return c->fields[field].len > 0;
}

int
case_code(const struct test_case *c)
{
  const char *wanted = case_text(c, CASE_CODE);
  int code;

  for (code = SSLC_CODE_NONE; *wanted != '\0' && code < 100; code++)
    if (strcmp(sslc_code_name(code), wanted) == 0)
      return code;
  demand(*wanted == '\0');
  return SSLC_CODE_NONE;
}

int
case_is_client(const struct test_case *c)
{
  return strcmp(case_text(c, CASE_ROLE), "client") == 0;
}

int
case_is_served(const struct test_case *c)
{
  return strcmp(case_text(c, CASE_SERVED), "1") == 0;
}

/* ----------------------------------------------------------- certificates */

static size_t
take_size(const unsigned char *at)
{
  return (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
}

static void
free_certs(sslc_cert **certs, size_t n)
{
  while (n > 0)
    sslc_cert_free(certs[--n]);
}

size_t
case_certs(const struct test_case *c, sslc_cert **certs, size_t most)
{
  const unsigned char *at = (const unsigned char *)case_text(c, CASE_DER);
  const unsigned char *end = at + c->fields[CASE_DER].len;
  size_t n, len;

  for (n = 0; at < end; n++, at += len) {
    sslc_error *error = NULL;

    len = take_size(at);
    at += 3;
    assert_true(n < most);
    if (sslc_cert_new_der(at, len, &certs[n], &error) == SSLC_OK)
      continue;
    assert_code(error, SSLC_CODE_BAD_FILE);
    sslc_error_free(error);
    free_certs(certs, n);
    return 0;
  }
  return n;
}

/* --------------------------------------------------------------- contexts */

typedef sslc_status load_pem(sslc_ctx *ctx, const void *pem, size_t len);

static void
load(sslc_ctx *ctx, load_pem *function, const struct test_case *c,
     enum case_field field)
{
  if (case_has(c, field))
    assert_ok(function(ctx, case_text(c, field), c->fields[field].len),
              sslc_ctx_error(ctx));
}

/* 1: the setting has this name; *value: what stands behind it. */
static int
is_setting(const char *set, const char *name, const char **value)
{
  size_t len = strlen(name);

  *value = set + len + 1;
  return strncmp(set, name, len) == 0 && set[len] == '=';
}

static void
apply_setting(sslc_ctx *ctx, const char *set)
{
  sslc_status status = SSLC_ERR_ARG;
  const char *value;

  if (is_setting(set, "verify_depth", &value))
    status = sslc_ctx_set_verify_depth(ctx, (int)strtol(value, NULL, 10));
  else if (is_setting(set, "verify_time", &value))
    status = sslc_ctx_set_verify_time(ctx, strtoll(value, NULL, 10));
  else if (is_setting(set, "partial_chain", &value))
    status = sslc_ctx_set_partial_chain(ctx, 1);
  else if (is_setting(set, "security_level", &value))
    status = sslc_ctx_set_security_level(ctx, (int)strtol(value, NULL, 10));
  else if (is_setting(set, "crl_check", &value))
    status = sslc_ctx_set_crl_check(ctx, SSLC_CRL_CHECK_CHAIN);
  assert_ok(status, sslc_ctx_error(ctx));
}

const struct test_case *
find_case(const char *name)
{
  struct test_case *cases;
  size_t count = read_cases(&cases), i;

  for (i = 0; i < count; i++)
    if (strcmp(case_text(&cases[i], CASE_NAME), name) == 0)
      return &cases[i];
  fail_msg("there is no case %s", name);
  return NULL;
}

sslc_ctx *
case_judge_ctx(const struct test_case *c)
{
  sslc_ctx *ctx = case_is_client(c) ? make_server_ctx("good") : sslc_ctx_new();

  assert_non_null(ctx);
  load(ctx, sslc_ctx_load_verify_pem, c, CASE_TRUST);
  load(ctx, sslc_ctx_load_crl_pem, c, CASE_CRL);
  load(ctx, sslc_ctx_load_untrusted_pem, c, CASE_EXTRA);
  if (case_has(c, CASE_SET))
    apply_setting(ctx, case_text(c, CASE_SET));
  if (case_is_client(c))
    assert_ok(sslc_ctx_set_verify_client(ctx, SSLC_VERIFY_CLIENT_REQUIRED),
              sslc_ctx_error(ctx));
  return ctx;
}

/* It shows anything, however weak, and trusts the other side. */
sslc_ctx *
case_shower_ctx(const struct test_case *c)
{
  sslc_ctx *ctx = sslc_ctx_new();

  assert_non_null(ctx);
  assert_ok(sslc_ctx_set_insecure_min_version(ctx, SSLC_TLS1_1),
            sslc_ctx_error(ctx));
  if (case_is_client(c))
    assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")),
              sslc_ctx_error(ctx));
  load(ctx, sslc_ctx_use_certificate_pem, c, CASE_SENT);
  load(ctx, sslc_ctx_use_private_key_pem, c, CASE_KEY);
  return ctx;
}
