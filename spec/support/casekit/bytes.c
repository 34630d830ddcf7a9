/*
 * bytes.c: the little of DER (X.690) that it takes to make what libcrypto
 * would not: fields that are replaced, certificates put together by hand.
 */
#include "casekit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

void
need(int ok, const char *what)
{
  if (ok)
    return;
  fprintf(stderr, "casekit: %s\n", what);
  ERR_print_errors_fp(stderr);
  exit(EXIT_FAILURE);
}

void
bytes_add(struct bytes *b, const void *at, size_t len)
{
  if (len == 0)
    return;
  b->at = realloc(b->at, b->len + len);
  need(b->at != NULL, "memory is short");
  memcpy(b->at + b->len, at, len);
  b->len += len;
}

/* The text between two quotes; where it ends. */
static const char *
add_quoted(struct bytes *b, const char *text)
{
  size_t len = strcspn(text, "'");

  need(text[len] == '\'', "a quote is not closed");
  bytes_add(b, text, len);
  return text + len + 1;
}

void
bytes_add_hex(struct bytes *b, const char *hex)
{
  unsigned value;
  int used;

  for (;;) {
    hex += strspn(hex, " ");
    if (*hex == '\'') {
      hex = add_quoted(b, hex + 1);
    } else if (sscanf(hex, "%2x%n", &value, &used) == 1) {
      unsigned char byte = (unsigned char)value;

      bytes_add(b, &byte, 1);
      hex += used;
    } else {
      break;
    }
  }
  need(*hex == '\0', "this is not hexadecimal");
}

void
bytes_free(struct bytes *b)
{
  free(b->at);
  b->at = NULL;
  b->len = 0;
}

/* ------------------------------------------------------------------- DER */

void
der_add(struct bytes *b, unsigned tag, const struct bytes *contents)
{
  unsigned char head[6];
  size_t len = contents->len, n = 0, size;

  head[n++] = (unsigned char)tag;
  if (len < 0x80) {
    head[n++] = (unsigned char)len;
  } else {
    size = len < 0x100 ? 1 : len < 0x10000 ? 2 : 3;
    head[n++] = (unsigned char)(0x80 | size);
    while (size-- > 0)
      head[n++] = (unsigned char)(len >> (8 * size));
  }
  bytes_add(b, head, n);
  bytes_add(b, contents->at, len);
}

/* How long the value at `at` is, head and all; *head: how long that is. */
static size_t
der_size(const unsigned char *at, size_t *head)
{
  size_t len = at[1], i;

  *head = 2;
  if ((len & 0x80) == 0)
    return 2 + len;
  *head += len & 0x7f;
  for (len = 0, i = 2; i < *head; i++)
    len = len << 8 | at[i];
  return *head + len;
}

static const char *
patch_of(const struct recipe *r, int field)
{
  size_t i;

  for (i = 0; i < MAX_PATCHES; i++)
    if ((int)r->patches[i].field == field)
      return r->patches[i].hex;
  return NULL;
}

struct bytes
der_patched(const struct recipe *r, X509 *cert)
{
  struct bytes fields = { NULL, 0 }, tbs = { NULL, 0 };
  unsigned char *der = NULL, *at;
  int len = i2d_re_X509_tbs(cert, &der);
  size_t head, size;
  int field;

  need(len > 0, "cannot encode");
  der_size(der, &head);
  at = der + head;
  for (field = VERSION; at < der + len; at += size, field++) {
    const char *hex = patch_of(r, field);

    size = der_size(at, &head);
    if (hex != NULL)
      bytes_add_hex(&fields, hex);
    else
      bytes_add(&fields, at, size);
  }
  need(field == FIELDS || field == EXTENSIONS, "other fields than thought");
  der_add(&tbs, 0x30, &fields);
  bytes_free(&fields);
  OPENSSL_free(der);
  return tbs;
}

struct bytes
der_certificate(const struct bytes *tbs, const struct bytes *algorithm,
                const struct bytes *signature)
{
  struct bytes all = { NULL, 0 }, bits = { NULL, 0 }, cert = { NULL, 0 };

  bytes_add(&all, tbs->at, tbs->len);
  bytes_add(&all, algorithm->at, algorithm->len);
  bytes_add_hex(&bits, "00"); /* bits that are not used */
  bytes_add(&bits, signature->at, signature->len);
  der_add(&all, 0x03, &bits);
  der_add(&cert, 0x30, &all);
  bytes_free(&all);
  bytes_free(&bits);
  return cert;
}

/* --------------------------------------------------------------- a flight */

void
add_sized(struct bytes *b, int size, const struct bytes *contents)
{
  while (size-- > 0) {
    unsigned char byte = (unsigned char)(contents->len >> (8 * size));

    bytes_add(b, &byte, 1);
  }
  bytes_add(b, contents->at, contents->len);
}

/* Version, random, no session, ECDHE-ECDSA with AES-128-GCM, no compression,
 * and renegotiation_info, without which no client goes on. */
static void
add_server_hello(struct bytes *b)
{
  struct bytes hello = { NULL, 0 };

  bytes_add_hex(&hello, "03 03"
    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
    "00 c02b 00 0005 ff01 0001 00");
  bytes_add_hex(b, "02");
  add_sized(b, 3, &hello);
  bytes_free(&hello);
}

struct bytes
make_flight(const struct bytes *list)
{
  struct bytes messages = { NULL, 0 }, record = { NULL, 0 };
  struct bytes certificate = { NULL, 0 };

  add_server_hello(&messages);
  add_sized(&certificate, 3, list);
  bytes_add_hex(&messages, "0b");
  add_sized(&messages, 3, &certificate);
  need(messages.len < 16384, "the flight is too long for one record");
  bytes_add_hex(&record, "16 0303");
  add_sized(&record, 2, &messages);
  bytes_free(&certificate);
  bytes_free(&messages);
  return record;
}
