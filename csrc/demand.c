/*
 * demand.c: what is demanded of the peer beside its chain and name: pinned
 * keys, stapled OCSP responses, TLSA records.  Each has a file of its own; here
 * is what they have in common.
 *
 * A demand is looked at where the handshake can still be ended with an alert,
 * and once more when libssl is done, so that no path leads round it.
 */
#include "internal.h"

/* What was found when memory was short is not to be believed. */
static bool
memory_was_short(void)
{
  return sslci_is_out_of_memory(ERR_peek_error()) ||
         sslci_is_out_of_memory(ERR_peek_last_error());
}

bool
sslci_demand_fail(sslc_conn *conn, int code, int result, char *text)
{
  bool nomem = memory_was_short();
  if (conn->demand_code != SSLC_CODE_NONE) {
    OPENSSL_free(text);
    return false;
  }
  conn->demand_code = nomem ? SSLC_CODE_OUT_OF_MEMORY : code;
  conn->demand_result = nomem ? X509_V_ERR_OUT_OF_MEM : result;
  conn->demand_text = text;
  return false;
}

/* A server whose client failed in the middle of verification knows the
 * certificate from there alone. */
static sslc_cert *
cert_at_fault(const sslc_conn *conn)
{
  if (conn->verify_cert)
    return sslci_cert_new(conn->verify_cert);
  X509 *x509 = sslci_peer_x509(conn);
  sslc_cert *cert = x509 ? sslci_cert_new(x509) : NULL;
  X509_free(x509);
  return cert;
}

bool
sslci_demand_explain(sslc_conn *conn)
{
  sslc_error *e = &conn->err;
  int code = conn->demand_code;
  if (code == SSLC_CODE_NONE)
    return false;
  bool told = conn->demand_text && code != SSLC_CODE_OUT_OF_MEMORY;
  e->cert = cert_at_fault(conn);
  e->verify_result = conn->demand_result;
  e->verify_depth = 0;
  sslci_error_explain(e, code, "%s", told ? conn->demand_text
                                          : sslc_code_sentence(code));
  sslci_set_string(&e->hint, conn->demand_hint);
  return true;
}

sslc_status
sslci_demand_done(sslc_conn *conn)
{
  if (sslci_dane_done(conn) && sslci_pins_done(conn) &&
      sslci_ocsp_done(conn))
    return SSLC_OK;
  conn->verified = false;
  sslci_error_begin(&conn->err, SSLC_CODE_VERIFICATION_FAILED,
                    SSLC_PHASE_HANDSHAKE, NULL);
  sslci_demand_explain(conn);
  sslci_error_take_queue(&conn->err);
  return sslci_conn_fail(conn);
}

void
sslci_demand_free(sslc_conn *conn)
{
  OPENSSL_free(conn->demand_text);
}
