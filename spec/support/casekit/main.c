/*
 * main.c: writes the cases: see casekit.h.
 */
#include "casekit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#define MAX_SENT 16

/* ----------------------------------------------------------------- fields */

static void
put(const char *name, const void *value, size_t len)
{
  printf("%s %zu\n", name, len);
  need((len == 0 || fwrite(value, 1, len, stdout) == len) &&
       putchar('\n') == '\n', "cannot write");
}

static void
put_text(const char *name, const char *text)
{
  put(name, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

static void
put_number(const char *name, int number)
{
  char text[16];

  snprintf(text, sizeof text, "%d", number);
  put_text(name, text);
}

static void
put_bio(const char *name, BIO *mem)
{
  char *at;
  long len = BIO_get_mem_data(mem, &at);

  put(name, at, (size_t)len);
  BIO_free(mem);
}

/* ----------------------------------------------------------- certificates */

/* The certificates of these ids, which stand in `found`. */
static size_t
collect(struct made_case *c, const char *ids, struct bytes *found)
{
  size_t n = 0, len;
  char id[32];

  for (; *ids != '\0'; ids += len) {
    ids += strspn(ids, " ");
    len = strcspn(ids, " ");
    if (len == 0)
      break;
    need(len < sizeof id && n < MAX_SENT, ids);
    memcpy(id, ids, len);
    id[len] = '\0';
    found[n++] = get_made(c, id)->der;
  }
  return n;
}

/* PEM_write_bio(3) does not write nothing. */
static int
write_pem(BIO *pem, const struct bytes *cert)
{
  if (cert->len == 0)
    return BIO_puts(pem, "-----BEGIN CERTIFICATE-----\n"
                         "-----END CERTIFICATE-----\n") > 0;
  return PEM_write_bio(pem, "CERTIFICATE", "", cert->at,
                       (long)cert->len) > 0;
}

static void
put_certificates(const char *name, const struct bytes *certs, size_t n)
{
  BIO *pem = BIO_new(BIO_s_mem());
  size_t i;

  need(pem != NULL, "memory is short");
  for (i = 0; i < n; i++)
    need(write_pem(pem, &certs[i]), "cannot write");
  put_bio(name, pem);
}

static void
put_ids(struct made_case *c, const char *name, const char *ids)
{
  struct bytes certs[MAX_SENT];

  put_certificates(name, certs, collect(c, ids, certs));
}

static void
put_bytes(const char *name, struct bytes *b)
{
  put(name, b->at != NULL ? (char *)b->at : "", b->len);
  bytes_free(b);
}

static void
put_sent(struct made_case *c)
{
  const char *ids = c->row->sent != NULL ? c->row->sent : "leaf int";
  struct bytes certs[MAX_SENT], list = { NULL, 0 }, flight = { NULL, 0 };
  size_t n = collect(c, ids, certs), i;

  put_certificates("sent", certs, n);
  for (i = 0; i < n; i++)
    add_sized(&list, 3, &certs[i]);
  if (c->row->served != BY_LIBRARY)
    flight = make_flight(&list);
  put_bytes("der", &list);
  put_bytes("flight", &flight);
}

static void
put_key(struct made_case *c)
{
  BIO *pem = BIO_new(BIO_s_mem());

  need(pem != NULL && PEM_write_bio_PKCS8PrivateKey(
         pem, get_made(c, "leaf")->key, NULL, NULL, 0, NULL, NULL),
       "cannot write a key");
  put_bio("key", pem);
}

static void
put_lists(struct made_case *c)
{
  BIO *pem = BIO_new(BIO_s_mem());
  size_t i;

  need(pem != NULL, "memory is short");
  for (i = 0; i < MAX_LISTS && c->row->lists[i].by != NULL; i++)
    add_list(c, &c->row->lists[i], pem);
  put_bio("crl", pem);
}

/* ------------------------------------------------------------------ cases */

static void
put_setting(const struct row *row)
{
  char text[48];

  snprintf(text, sizeof text, "verify_time=%lld", (long long)now + row->time);
  put_text("set", row->time != 0 ? text : row->set);
}

static void
put_row(const struct row *row, const char *group)
{
  put_text("name", row->name);
  put_text("group", group);
  put_text("what", row->what);
  put_text("rule", row->rule);
  put_text("role", row->client ? "client" : "server");
  put_text("host", row->host != NULL ? row->host : "host.example");
  put_text("verdict", row->code != NULL ? "refused" : "accepted");
  put_text("code", row->code);
  put_number("result", row->result);
  put_setting(row);
  put_number("served", row->served != FORGED);
}

static void
put_case(const struct row *row, const char *group)
{
  struct made_case c;

  memset(&c, 0, sizeof c);
  c.row = row;
  put_row(row, group);
  put_sent(&c);
  put_key(&c);
  put_ids(&c, "trust", row->trust != NULL ? row->trust : "root");
  put_ids(&c, "extra", row->extra != NULL ? row->extra : "");
  put_lists(&c);
  put_text("end", "");
  forget_made(&c);
}

int
main(int argc, char **argv)
{
  static const struct group *const groups[] = {
    &group_names, &group_constraints, &group_times, &group_paths,
    &group_signatures, &group_extensions, &group_revocations, &group_clients,
    &group_settings
  };
  size_t i, j;

  (void)argv;
  need(argc == 1, "it takes no arguments; it makes certificates for tests");
  now = time(NULL);
  for (i = 0; i < sizeof groups / sizeof groups[0]; i++)
    for (j = 0; j < groups[i]->count; j++)
      put_case(&groups[i]->rows[j], groups[i]->name);
  forget_keys();
  need(fflush(stdout) == 0, "cannot write");
  return EXIT_SUCCESS;
}
