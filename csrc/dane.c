/*
 * dane.c: TLSA records, by which the owner of a name says in a signed DNS whose
 * certificate it is: RFC 6698, RFC 7671; SSL_dane_enable(3).
 *
 * The records are kept in an order of their own and once each, so that two
 * connections with the same demands are told to be so.
 */
#include "internal.h"

#include <string.h>

/* More than any DNS answer has that makes sense. */
enum { MOST_RECORDS = 64, MOST_DATA = 65535 };

enum { FULL = 0, SHA2_256 = 1, SHA2_512 = 2 };

/* --------------------------------------------------------------- records */

const char *
sslci_tlsa_fault(int usage, int selector, int mtype, size_t len)
{
  if (usage < 0 || usage > 3)
    return "its usage is none of 0 to 3";
  if (selector < 0 || selector > 1)
    return "its selector is neither 0 nor 1";
  if (mtype < FULL || mtype > SHA2_512)
    return "its matching type is none of 0 to 2";
  if (mtype == SHA2_256 && len != SHA256_DIGEST_LENGTH)
    return "a SHA-256 digest has 32 bytes";
  if (mtype == SHA2_512 && len != SHA512_DIGEST_LENGTH)
    return "a SHA-512 digest has 64 bytes";
  if (len == 0 || len > MOST_DATA)
    return "its data is missing, or longer than a record can be";
  return NULL;
}

static int
compare(const struct sslci_tlsa *a, const struct sslci_tlsa *b)
{
  int d = memcmp(a->kind, b->kind, sizeof a->kind);
  if (d == 0 && a->len != b->len)
    d = a->len < b->len ? -1 : 1;
  return d != 0 ? d : memcmp(a->data, b->data, a->len);
}

/* Takes the record over, in any case. */
static bool
insert(sslc_conn *conn, struct sslci_tlsa *record)
{
  size_t at = 0, n = conn->tlsa_count;
  while (at < n && compare(&conn->tlsa[at], record) < 0)
    at++;
  if (at < n && compare(&conn->tlsa[at], record) == 0) {
    OPENSSL_free(record->data);
    return true;
  }
  struct sslci_tlsa *more = OPENSSL_realloc(conn->tlsa, (n + 1) * sizeof *more);
  if (!more) {
    OPENSSL_free(record->data);
    return false;
  }
  memmove(more + at + 1, more + at, (n - at) * sizeof *more);
  more[at] = *record;
  conn->tlsa = more;
  conn->tlsa_count++;
  return true;
}

static sslc_status
bad_record(sslc_conn *conn, const char *why)
{
  return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "the TLSA record cannot be used: %s", why);
}

static sslc_status
add(sslc_conn *conn, struct sslci_tlsa *record, const void *data)
{
  if (conn->dane || conn->tlsa_count >= MOST_RECORDS)
    return bad_record(conn, conn->dane ? "the others are in use already"
                                       : "there are too many");
  record->data = OPENSSL_memdup(data, record->len);
  if (!record->data || !insert(conn, record))
    return sslci_conn_nomem(conn, SSLC_PHASE_NONE);
  return SSLC_OK;
}

sslc_status
sslc_conn_add_tlsa(sslc_conn *conn, int usage, int selector, int matching_type,
                   const void *data, size_t len)
{
  sslc_status status = sslci_conn_begin_setting(conn);
  if (status != SSLC_OK)
    return status;
  const char *fault = sslci_tlsa_fault(usage, selector, matching_type,
                                       data ? len : 0);
  if (fault)
    return bad_record(conn, fault);
  struct sslci_tlsa record = {
    { (unsigned char)usage, (unsigned char)selector,
      (unsigned char)matching_type }, NULL, len
  };
  return add(conn, &record, data);
}

sslc_status
sslc_conn_use_tlsa(sslc_conn *conn, const sslc_dial *dial)
{
  size_t n = 0;
  sslc_status status = sslci_conn_begin_setting(conn);
  if (status != SSLC_OK)
    return status;
  if (!dial)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                             "the dial is missing");
  if (dial->state != SSLCI_DIAL_CONNECTED ||
      (dial->tlsa && !sslci_tlsa_is_done(dial->tlsa)))
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_NONE,
                             "the dial is not connected");
  const struct sslci_tlsa *records = sslci_tlsa_records(dial->tlsa, &n);
  for (size_t i = 0; i < n && status == SSLC_OK; i++)
    status = sslc_conn_add_tlsa(conn, records[i].kind[0], records[i].kind[1],
                                records[i].kind[2], records[i].data,
                                records[i].len);
  conn->tlsa_asked = n > 0;
  return status;
}

void
sslci_dane_free(sslc_conn *conn)
{
  for (size_t i = 0; i < conn->tlsa_count; i++)
    OPENSSL_free(conn->tlsa[i].data);
  OPENSSL_free(conn->tlsa);
}

/* --------------------------------------------------------------- demanding */

static bool
digest_records(const sslc_conn *conn, EVP_MD_CTX *md, unsigned char *digest)
{
  if (!EVP_DigestInit_ex(md, EVP_sha256(), NULL))
    return false;
  for (size_t i = 0; i < conn->tlsa_count; i++) {
    const struct sslci_tlsa *r = &conn->tlsa[i];
    uint64_t len = r->len;
    if (!EVP_DigestUpdate(md, r->kind, sizeof r->kind) ||
        !EVP_DigestUpdate(md, &len, sizeof len) ||
        !EVP_DigestUpdate(md, r->data, r->len))
      return false;
  }
  return EVP_DigestFinal_ex(md, digest, NULL);
}

char *
sslci_dane_demands(const sslc_conn *conn)
{
  unsigned char digest[SSLCI_PIN];
  char text[SSLCI_PIN_TEXT];
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  bool ok = md && digest_records(conn, md, digest);
  EVP_MD_CTX_free(md);
  if (!ok)
    return NULL;
  sslci_pin_text(digest, text);
  return sslci_asprintf("TLSA %s", text);
}

bool
sslci_dane_install(SSL_CTX *ssl_ctx)
{
  return SSL_CTX_dane_enable(ssl_ctx) > 0;
}

/* What is wrong with TLSA records for this connection; NULL: nothing. */
static const char *
misplaced(const sslc_conn *conn)
{
  if (conn->role == 1)
    return "TLSA records are about servers, and this connection was set to "
           "accept";
  if (conn->ctx->no_verify)
    return "TLSA records cannot be held with insecure_no_verify";
  if (!conn->server_name || conn->name_kind != SSLCI_NAME_DNS)
    return "TLSA records are of a name, and server_name is none";
  return NULL;
}

static sslc_status
bad_data(sslc_conn *conn, const struct sslci_tlsa *r)
{
  sslci_error_begin(&conn->err, conn->tlsa_asked ? SSLC_CODE_DANE_MISMATCH
                                                 : SSLC_CODE_BAD_OPTION,
                    SSLC_PHASE_CONFIG,
                    "a TLSA record (%d %d %d) cannot be used: its data is "
                    "malformed", r->kind[0], r->kind[1], r->kind[2]);
  return sslci_conn_fail(conn);
}

/* Of those that were looked up one that can be used is enough. */
static sslc_status
use_records(sslc_conn *conn)
{
  const struct sslci_tlsa *bad = NULL;
  size_t good = 0;
  for (size_t i = 0; i < conn->tlsa_count; i++) {
    const struct sslci_tlsa *r = &conn->tlsa[i];
    int added = SSL_dane_tlsa_add(conn->ssl, r->kind[0], r->kind[1], r->kind[2],
                                  r->data, r->len);
    if (added < 0) {
      sslci_error_nomem(&conn->err, SSLC_PHASE_HANDSHAKE);
      return sslci_conn_fail(conn);
    }
    good += added > 0;
    bad = added == 0 ? r : bad;
  }
  return bad && (good == 0 || !conn->tlsa_asked) ? bad_data(conn, bad)
                                                 : SSLC_OK;
}

/* The name is set anew by verify.c, where it is checked at all. */
static sslc_status
enable(sslc_conn *conn)
{
  X509_VERIFY_PARAM *param = SSL_get0_param(conn->ssl);
  if (SSL_dane_enable(conn->ssl, conn->server_name) <= 0 ||
      !X509_VERIFY_PARAM_set1_host(param, NULL, 0)) {
    sslci_error_nomem(&conn->err, SSLC_PHASE_HANDSHAKE);
    return sslci_conn_fail(conn);
  }
  conn->dane = true;
  return use_records(conn);
}

sslc_status
sslci_dane_prepare(sslc_conn *conn)
{
  if (conn->tlsa_count == 0)
    return SSLC_OK;
  const char *wrong = misplaced(conn);
  if (wrong)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_HANDSHAKE,
                             "%s", wrong);
  return conn->dane ? SSLC_OK : enable(conn);
}

/* ------------------------------------------------------------- afterwards */

/* A session is offered only where the same records were demanded. */
bool
sslci_dane_done(sslc_conn *conn)
{
  if (conn->tlsa_count == 0 || SSL_session_reused(conn->ssl) ||
      SSL_get0_dane_authority(conn->ssl, NULL, NULL) >= 0)
    return true;
  return sslci_demand_fail(conn, SSLC_CODE_DANE_MISMATCH,
                           X509_V_ERR_DANE_NO_MATCH, NULL);
}

int
sslc_conn_dane_depth(const sslc_conn *conn)
{
  if (!conn || !conn->connected || conn->tlsa_count == 0)
    return -1;
  return SSL_get0_dane_authority(conn->ssl, NULL, NULL);
}
