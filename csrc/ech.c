/*
 * ech.c: the encrypted ClientHello, SSL_set1_ech_config_list(3), RFC 9849: the
 * name of the server is hidden from who watches.  OpenSSL has it from 4.0 on.
 */
#include "internal.h"

sslc_status
sslc_conn_set_ech_config_list(sslc_conn *conn, const void *list, size_t len)
{
  sslc_status status = sslci_conn_begin_setting(conn);
  if (status != SSLC_OK)
    return status;
  if (!list || len == 0)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                             "ech_config_list: the list is empty");
  ERR_clear_error();
  int set = compat_set_ech_config_list(conn->ssl, list, len);
  bool short_of_memory = sslci_is_out_of_memory(ERR_peek_last_error());
  ERR_clear_error();
  if (set > 0)
    return SSLC_OK;
  if (set < 0)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                             "ech_config_list: this OpenSSL has no encrypted "
                             "ClientHello (4.0 does)");
  return short_of_memory
    ? sslci_conn_nomem(conn, SSLC_PHASE_NONE)
    : sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                        "ech_config_list: it is no list of configurations, or "
                        "has none that can be used");
}
