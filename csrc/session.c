#include "internal.h"
sslc_session *sslc_conn_get1_session(const sslc_conn *conn) { (void)conn; return NULL; }
sslc_session *sslc_session_up_ref(sslc_session *session) { return session; }
void sslc_session_free(sslc_session *session) { (void)session; }
const char *sslc_session_server_name(const sslc_session *session) { (void)session; return ""; }
const char *sslc_session_version(const sslc_session *session) { (void)session; return ""; }
int64_t sslc_session_lifetime(const sslc_session *session) { (void)session; return 0; }
int64_t sslc_session_time(const sslc_session *session) { (void)session; return 0; }
sslc_status sslc_conn_set_session(sslc_conn *conn, sslc_session *session) { (void)conn; (void)session; return SSLC_ERR_ARG; }
sslc_status sslci_session_prepare(sslc_conn *conn) { (void)conn; return SSLC_OK; }
