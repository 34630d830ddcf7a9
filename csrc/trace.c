#include "internal.h"
void sslci_trace_note(sslc_conn *conn, int sent, int type, const unsigned char *bytes, size_t len) { (void)conn; (void)sent; (void)type; (void)bytes; (void)len; }
void sslci_trace_free(sslc_conn *conn) { (void)conn; }
sslc_status sslc_conn_set_trace(sslc_conn *conn, int on) { (void)conn; (void)on; return SSLC_ERR_ARG; }
int sslc_conn_trace_next(sslc_conn *conn, sslc_trace_entry *entry) { (void)conn; (void)entry; return 0; }
