/*
 * trace.c: which messages went by: SSL_set_msg_callback(3), RFC 8446,
 * sections 4 and 5, and RFC 5246.
 *
 * One entry for each message that a person would name.  libssl also tells of
 * every record: its header, and with TLS 1.3 what kind of content was inside.
 * From these come what is no message to libssl: application data, and
 * ChangeCipherSpec, which TLS 1.3 skips without a word when it receives it.
 */
#include "internal.h"

#include <string.h>

enum { KEPT = 256 };

struct sslci_trace {
  sslc_trace_entry entries[KEPT]; /* a ring */
  size_t first;                   /* the oldest */
  size_t count;
  size_t sealed[2]; /* received, sent: how long the record is whose content is
                       told next */
};

/* ---------------------------------------------------------------- names */

/* What handshake messages are called, by their type. */
static const struct message {
  int type;
  const char *name;
} messages[] = {
  { SSL3_MT_HELLO_REQUEST, "HelloRequest" },
  { SSL3_MT_CLIENT_HELLO, "ClientHello" },
  { SSL3_MT_SERVER_HELLO, "ServerHello" },
  { SSL3_MT_NEWSESSION_TICKET, "NewSessionTicket" },
  { SSL3_MT_END_OF_EARLY_DATA, "EndOfEarlyData" },
  { SSL3_MT_ENCRYPTED_EXTENSIONS, "EncryptedExtensions" },
  { SSL3_MT_CERTIFICATE, "Certificate" },
  { SSL3_MT_SERVER_KEY_EXCHANGE, "ServerKeyExchange" },
  { SSL3_MT_CERTIFICATE_REQUEST, "CertificateRequest" },
  { SSL3_MT_SERVER_DONE, "ServerHelloDone" },
  { SSL3_MT_CERTIFICATE_VERIFY, "CertificateVerify" },
  { SSL3_MT_CLIENT_KEY_EXCHANGE, "ClientKeyExchange" },
  { SSL3_MT_FINISHED, "Finished" },
  { 21, "CertificateURL" },    /* RFC 6066 */
  { SSL3_MT_CERTIFICATE_STATUS, "CertificateStatus" },
  { 23, "SupplementalData" }, /* RFC 4680 */
  { SSL3_MT_KEY_UPDATE, "KeyUpdate" },
  { 25, "CompressedCertificate" }, /* RFC 8879 */
  { SSL3_MT_MESSAGE_HASH, "MessageHash" },
};

/* The random of a ServerHello that is a HelloRetryRequest: RFC 8446, section
 * 4.1.3. */
static const unsigned char retry_random[32] = {
  0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
  0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
  0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c
};

static bool
is_retry(const unsigned char *message, size_t len)
{
  const size_t at = 4 + 2; /* header, version */
  return message[0] == SSL3_MT_SERVER_HELLO &&
         len >= at + sizeof retry_random &&
         memcmp(message + at, retry_random, sizeof retry_random) == 0;
}

static const char *
message_name(const unsigned char *message, size_t len)
{
  if (is_retry(message, len))
    return "HelloRetryRequest";
  for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
    if (messages[i].type == message[0])
      return messages[i].name;
  return "unknown";
}

/* --------------------------------------------------------------- noting */

/* Room for one more; what was the oldest makes it where there is none. */
static sslc_trace_entry *
add(struct sslci_trace *trace, int sent, int content_type, size_t length)
{
  if (trace->count == KEPT)
    trace->first = (trace->first + 1) % KEPT;
  else
    trace->count++;
  sslc_trace_entry *entry =
    &trace->entries[(trace->first + trace->count - 1) % KEPT];
  memset(entry, 0, sizeof *entry);
  entry->sent = sent;
  entry->content_type = content_type;
  entry->length = length;
  return entry;
}

static void
note_data(struct sslci_trace *trace, int sent, size_t length)
{
  add(trace, sent, SSLC_TRACE_APPLICATION_DATA, length)->name =
    "ApplicationData";
}

/* With TLS 1.3 what looks like application data may be anything: its content
 * type is told next. */
static void
note_header(sslc_conn *conn, int sent, const unsigned char *header)
{
  struct sslci_trace *trace = conn->trace;
  size_t length = (size_t)header[3] << 8 | header[4];
  trace->sealed[sent] = 0;
  if (header[0] == SSL3_RT_CHANGE_CIPHER_SPEC)
    add(trace, sent, SSLC_TRACE_CHANGE_CIPHER_SPEC, 1)->name =
      "ChangeCipherSpec";
  else if (header[0] != SSL3_RT_APPLICATION_DATA)
    return;
  else if (SSL_version(conn->ssl) >= TLS1_3_VERSION)
    trace->sealed[sent] = length;
  else
    note_data(trace, sent, length);
}

static void
note_alert(struct sslci_trace *trace, int sent, const unsigned char *alert)
{
  sslc_trace_entry *entry = add(trace, sent, SSLC_TRACE_ALERT, 2);
  const char *name = sslci_alert_name(alert[1]);
  entry->level = alert[0];
  entry->type = alert[1];
  entry->name = *name ? name : "unknown";
}

static void
note_message(struct sslci_trace *trace, int sent, const unsigned char *message,
             size_t len)
{
  sslc_trace_entry *entry = add(trace, sent, SSLC_TRACE_HANDSHAKE, len);
  entry->type = message[0];
  entry->name = message_name(message, len);
}

void
sslci_trace_note(sslc_conn *conn, int sent, int type,
                 const unsigned char *bytes, size_t len)
{
  struct sslci_trace *trace = conn->trace;
  sent = sent != 0;
  if (!trace)
    return;
  if (type == SSL3_RT_HEADER && len >= SSLCI_HEADER)
    note_header(conn, sent, bytes);
  else if (type == SSL3_RT_HANDSHAKE && len > 0)
    note_message(trace, sent, bytes, len);
  else if (type == SSL3_RT_ALERT && len >= 2)
    note_alert(trace, sent, bytes);
  else if (type == SSL3_RT_INNER_CONTENT_TYPE && len > 0 &&
           bytes[0] == SSL3_RT_APPLICATION_DATA)
    note_data(trace, sent, trace->sealed[sent]);
}

/* --------------------------------------------------------------- asking */

sslc_status
sslc_conn_set_trace(sslc_conn *conn, int on)
{
  if (!conn)
    return SSLC_ERR_ARG;
  conn->misused = false;
  if (!on)
    sslci_trace_free(conn);
  else if (!conn->trace)
    conn->trace = sslci_new(struct sslci_trace);
  if (on && !conn->trace)
    return sslci_conn_nomem(conn, SSLC_PHASE_NONE);
  return SSLC_OK;
}

int
sslc_conn_trace_next(sslc_conn *conn, sslc_trace_entry *entry)
{
  struct sslci_trace *trace = conn ? conn->trace : NULL;
  if (!trace || trace->count == 0 || !entry || entry->size < sizeof *entry)
    return 0;
  size_t size = entry->size;
  *entry = trace->entries[trace->first];
  entry->size = size;
  trace->first = (trace->first + 1) % KEPT;
  trace->count--;
  return 1;
}

void
sslci_trace_free(sslc_conn *conn)
{
  OPENSSL_free(conn->trace);
  conn->trace = NULL;
}
