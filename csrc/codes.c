/*
 * codes.c: the table of what can go wrong, and the names of statuses, phases
 * and alerts.  docs/errors.md is checked against it.
 */
#include "internal.h"

#include <string.h>

struct code {
  const char *name;
  sslc_status status;
  const char *sentence;
  const char *hint;
};

static const struct code codes[] = {
  [SSLC_CODE_NONE] = { "none", SSLC_OK, "no error", "" },
  [SSLC_CODE_BAD_OPTION] = { "bad_option", SSLC_ERR_CONFIG,
    "a setting or parameter has a value that cannot be used", "" },
  [SSLC_CODE_BAD_FILE] = { "bad_file", SSLC_ERR_CONFIG,
    "a file cannot be read, or what is in it cannot be used", "" },
  [SSLC_CODE_MISUSE] = { "misuse", SSLC_ERR_STATE,
    "the call does not fit the state of the object", "" },
  [SSLC_CODE_CLOSED] = { "closed", SSLC_ERR_STATE,
    "the object is closed", "" },
  [SSLC_CODE_BUSY] = { "busy", SSLC_ERR_STATE,
    "another coroutine is in the same operation on this connection",
    "let one coroutine read and one write" },
  [SSLC_CODE_PLAINTEXT_PENDING] = { "plaintext_pending", SSLC_ERR_STATE,
    "bytes received before TLS began are still buffered",
    "read them before the upgrade to TLS; unexpected ones may be an attack" },
  [SSLC_CODE_OUT_OF_MEMORY] = { "out_of_memory", SSLC_ERR_NOMEM,
    "memory is short", "" },
  [SSLC_CODE_DNS_FAILED] = { "dns_failed", SSLC_ERR_DNS,
    "the name could not be resolved",
    "check the spelling, and that this machine's DNS works" },
  [SSLC_CODE_CONNECTION_REFUSED] = { "connection_refused", SSLC_ERR_SYS,
    "nothing listens on that port",
    "check host and port, and that the server is running" },
  [SSLC_CODE_CONNECTION_RESET] = { "connection_reset", SSLC_ERR_SYS,
    "the peer or something in between reset the connection", "" },
  [SSLC_CODE_UNREACHABLE] = { "unreachable", SSLC_ERR_SYS,
    "there is no way to the host or its network",
    "check this machine's network and routes" },
  [SSLC_CODE_SYSTEM_ERROR] = { "system_error", SSLC_ERR_SYS,
    "a system call failed", "" },
  [SSLC_CODE_TIMEOUT] = { "timeout", SSLC_ERR_TIMEOUT,
    "the deadline passed", "" },
  [SSLC_CODE_CANCELED] = { "canceled", SSLC_ERR_CANCELED,
    "this side ended the operation before it was done", "" },
  [SSLC_CODE_HANDSHAKE_EOF] = { "handshake_eof", SSLC_ERR_EOF,
    "the peer closed the connection in the middle of the handshake",
    "the server may be overloaded, refuse this client, or not speak TLS here" },
  [SSLC_CODE_TRUNCATED] = { "truncated", SSLC_ERR_EOF,
    "the stream ended without close_notify, so data may be missing",
    "set lenient_eof if the protocol inside tells where its data ends" },
  [SSLC_CODE_NOT_TLS] = { "not_tls", SSLC_ERR_PROTO,
    "the peer does not speak TLS",
    "check the port; for STARTTLS, upgrade before the handshake" },
  [SSLC_CODE_PROTOCOL_VERSION] = { "protocol_version", SSLC_ERR_PROTO,
    "the two sides have no version of TLS in common",
    "the peer may only speak versions that are no longer safe" },
  [SSLC_CODE_NO_SHARED_PARAMETERS] = { "no_shared_parameters", SSLC_ERR_PROTO,
    "the two sides have no cipher, group, signature or protocol in common",
    "compare what both sides allow, ALPN included" },
  [SSLC_CODE_CLIENT_CERTIFICATE_REQUIRED] = { "client_certificate_required",
    SSLC_ERR_ALERT, "the server wants a certificate of the client",
    "give the context a certificate and key (cert, key)" },
  [SSLC_CODE_ALERT] = { "alert", SSLC_ERR_ALERT,
    "the peer ended the connection with an alert",
    "the peer's log tells why" },
  [SSLC_CODE_PROTOCOL_ERROR] = { "protocol_error", SSLC_ERR_PROTO,
    "the peer sent what the protocol does not allow", "" },
  [SSLC_CODE_CERTIFICATE_MISSING] = { "certificate_missing", SSLC_ERR_VERIFY,
    "the peer showed no certificate", "" },
  [SSLC_CODE_CERTIFICATE_EXPIRED] = { "certificate_expired", SSLC_ERR_VERIFY,
    "a certificate is past its end",
    "renew it on the server, or check this machine's clock" },
  [SSLC_CODE_CERTIFICATE_NOT_YET_VALID] = { "certificate_not_yet_valid",
    SSLC_ERR_VERIFY, "a certificate is before its beginning",
    "check this machine's clock" },
  [SSLC_CODE_HOSTNAME_MISMATCH] = { "hostname_mismatch", SSLC_ERR_VERIFY,
    "the certificate is for other names than the one asked for",
    "connect by a name the certificate has, or set server_name to it" },
  [SSLC_CODE_UNKNOWN_AUTHORITY] = { "unknown_authority", SSLC_ERR_VERIFY,
    "the certificate was issued by an authority that is not trusted",
    "trust its authority (ca_file), or have the server send its whole chain" },
  [SSLC_CODE_SELF_SIGNED] = { "self_signed", SSLC_ERR_VERIFY,
    "a certificate vouches for itself and is not trusted",
    "if it is the right one, trust it (ca_file)" },
  [SSLC_CODE_CERTIFICATE_REVOKED] = { "certificate_revoked", SSLC_ERR_VERIFY,
    "a certificate was revoked by its authority",
    "the server needs a new certificate" },
  [SSLC_CODE_REVOCATION_UNKNOWN] = { "revocation_unknown", SSLC_ERR_VERIFY,
    "it could not be found out whether a certificate was revoked",
    "load a current revocation list of its authority" },
  [SSLC_CODE_WEAK_CERTIFICATE] = { "weak_certificate", SSLC_ERR_VERIFY,
    "a certificate has a key or signature too weak for the security level",
    "the server needs a certificate with a stronger key or digest" },
  [SSLC_CODE_UNSUITABLE_CERTIFICATE] = { "unsuitable_certificate",
    SSLC_ERR_VERIFY, "a certificate may not be used for what it is used for",
    "the chain needs certificates issued for this purpose" },
  [SSLC_CODE_INVALID_CERTIFICATE] = { "invalid_certificate", SSLC_ERR_VERIFY,
    "a certificate is malformed or its signature is wrong", "" },
  [SSLC_CODE_VERIFICATION_FAILED] = { "verification_failed", SSLC_ERR_VERIFY,
    "the peer's certificate was not accepted", "" },
  [SSLC_CODE_INTERNAL] = { "internal", SSLC_ERR_INTERNAL,
    "something failed that should not have",
    "please report it, with the whole error" },
  [SSLC_CODE_RENEGOTIATION_REFUSED] = { "renegotiation_refused",
    SSLC_ERR_PROTO, "the peer asked to renegotiate, which is refused",
    "use TLS 1.3, or have the server ask for certificates in the handshake" },
  [SSLC_CODE_PIN_MISMATCH] = { "pin_mismatch", SSLC_ERR_VERIFY,
    "no certificate of the peer has one of the pinned keys",
    "if its key was changed on purpose, pin the new one" },
  [SSLC_CODE_STAPLE_MISSING] = { "staple_missing", SSLC_ERR_VERIFY,
    "the server stapled no proof that its certificate was not revoked",
    "the server must staple an OCSP response" },
  [SSLC_CODE_DANE_MISMATCH] = { "dane_mismatch", SSLC_ERR_VERIFY,
    "no TLSA record of the server is about the certificate that it shows",
    "certificate and TLSA records have to be changed together" },
};

enum { CODE_COUNT = sizeof codes / sizeof codes[0] };

static const struct code *
find_code(int code)
{
  return code >= 0 && code < CODE_COUNT ? &codes[code] : NULL;
}

int
sslc_code_count(void)
{
  return CODE_COUNT;
}

const char *
sslc_code_name(int code)
{
  const struct code *c = find_code(code);
  return c ? c->name : NULL;
}

int
sslc_code_from_name(const char *name)
{
  for (int i = 0; name && i < CODE_COUNT; i++)
    if (strcmp(codes[i].name, name) == 0)
      return i;
  return -1;
}

sslc_status
sslc_code_status(int code)
{
  const struct code *c = find_code(code);
  return c ? c->status : SSLC_ERR_INTERNAL;
}

const char *
sslc_code_sentence(int code)
{
  const struct code *c = find_code(code);
  return c ? c->sentence : NULL;
}

const char *
sslc_code_hint(int code)
{
  const struct code *c = find_code(code);
  return c ? c->hint : NULL;
}

struct number_name {
  int number;
  const char *name;
};

static const char *
find_name(const struct number_name *table, int number, const char *otherwise)
{
  for (; table->name; table++)
    if (table->number == number)
      return table->name;
  return otherwise;
}

const char *
sslc_status_name(sslc_status status)
{
  static const struct number_name names[] = {
    { SSLC_OK, "ok" },
    { SSLC_WANT_READ, "want_read" },
    { SSLC_WANT_WRITE, "want_write" },
    { SSLC_WANT_CONNECT, "want_connect" },
    { SSLC_WANT_ACCEPT, "want_accept" },
    { SSLC_WANT_X509_LOOKUP, "want_x509_lookup" },
    { SSLC_WANT_ASYNC, "want_async" },
    { SSLC_WANT_ASYNC_JOB, "want_async_job" },
    { SSLC_WANT_CLIENT_HELLO_CB, "want_client_hello_cb" },
    { SSLC_WANT_RETRY_VERIFY, "want_retry_verify" },
    { SSLC_CLOSED, "closed" },
    { SSLC_ERR_ARG, "arg" },
    { SSLC_ERR_STATE, "state" },
    { SSLC_ERR_NOMEM, "nomem" },
    { SSLC_ERR_CONFIG, "config" },
    { SSLC_ERR_DNS, "dns" },
    { SSLC_ERR_SYS, "sys" },
    { SSLC_ERR_TIMEOUT, "timeout" },
    { SSLC_ERR_EOF, "eof" },
    { SSLC_ERR_ALERT, "alert" },
    { SSLC_ERR_PROTO, "proto" },
    { SSLC_ERR_VERIFY, "verify" },
    { SSLC_ERR_CANCELED, "canceled" },
    { SSLC_ERR_INTERNAL, "internal" },
    { 0, NULL },
  };
  return find_name(names, status, "unknown");
}

const char *
sslc_phase_name(int phase)
{
  static const struct number_name names[] = {
    { SSLC_PHASE_CONFIG, "config" },
    { SSLC_PHASE_DNS, "dns" },
    { SSLC_PHASE_CONNECT, "connect" },
    { SSLC_PHASE_HANDSHAKE, "handshake" },
    { SSLC_PHASE_READ, "read" },
    { SSLC_PHASE_WRITE, "write" },
    { SSLC_PHASE_SHUTDOWN, "shutdown" },
    { 0, NULL },
  };
  return find_name(names, phase, "");
}

/* RFC 8446, section 6, and the registry for those of older RFCs. */
const char *
sslci_alert_name(int alert)
{
  static const struct number_name names[] = {
    { 0, "close_notify" },
    { 10, "unexpected_message" },
    { 20, "bad_record_mac" },
    { 21, "decryption_failed" },
    { 22, "record_overflow" },
    { 30, "decompression_failure" },
    { 40, "handshake_failure" },
    { 41, "no_certificate" },
    { 42, "bad_certificate" },
    { 43, "unsupported_certificate" },
    { 44, "certificate_revoked" },
    { 45, "certificate_expired" },
    { 46, "certificate_unknown" },
    { 47, "illegal_parameter" },
    { 48, "unknown_ca" },
    { 49, "access_denied" },
    { 50, "decode_error" },
    { 51, "decrypt_error" },
    { 60, "export_restriction" },
    { 70, "protocol_version" },
    { 71, "insufficient_security" },
    { 80, "internal_error" },
    { 86, "inappropriate_fallback" },
    { 90, "user_canceled" },
    { 100, "no_renegotiation" },
    { 109, "missing_extension" },
    { 110, "unsupported_extension" },
    { 111, "certificate_unobtainable" },
    { 112, "unrecognized_name" },
    { 113, "bad_certificate_status_response" },
    { 114, "bad_certificate_hash_value" },
    { 115, "unknown_psk_identity" },
    { 116, "certificate_required" },
    { 117, "general_error" },
    { 120, "no_application_protocol" },
    { 121, "ech_required" },
    { -1, NULL },
  };
  return find_name(names, alert, "");
}
