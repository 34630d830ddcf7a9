#include "internal.h"
bool sslci_hooks_prepare(sslc_conn *conn) { (void)conn; return true; }
sslc_status sslci_hooks_begin(sslc_conn *conn) { (void)conn; return SSLC_OK; }
sslc_status sslci_hooks_end(sslc_conn *conn, sslc_status status) { (void)conn; return status; }
bool sslci_hooks_explain(sslc_conn *conn) { (void)conn; return false; }
void sslci_hooks_free(sslc_conn *conn) { (void)conn; }
sslc_status sslc_ctx_set_retry_verify(sslc_ctx *ctx, int on) { (void)ctx; (void)on; return SSLC_ERR_ARG; }
sslc_status sslc_ctx_set_x509_lookup(sslc_ctx *ctx, int on) { (void)ctx; (void)on; return SSLC_ERR_ARG; }
sslc_status sslc_ctx_set_client_hello(sslc_ctx *ctx, int on) { (void)ctx; (void)on; return SSLC_ERR_ARG; }
int sslc_conn_verify_result(const sslc_conn *conn) { (void)conn; return -1; }
size_t sslc_conn_chain_count(const sslc_conn *conn) { (void)conn; return 0; }
const sslc_cert *sslc_conn_chain(const sslc_conn *conn, size_t i) { (void)conn; (void)i; return NULL; }
sslc_status sslc_conn_answer_verify(sslc_conn *conn, int accept, const char *reason) { (void)conn; (void)accept; (void)reason; return SSLC_ERR_ARG; }
size_t sslc_conn_ca_name_count(const sslc_conn *conn) { (void)conn; return 0; }
const char *sslc_conn_ca_name(const sslc_conn *conn, size_t i) { (void)conn; (void)i; return NULL; }
sslc_status sslc_conn_answer_x509_lookup(sslc_conn *conn, sslc_ctx *identity) { (void)conn; (void)identity; return SSLC_ERR_ARG; }
sslc_status sslc_conn_answer_abort(sslc_conn *conn, const char *reason) { (void)conn; (void)reason; return SSLC_ERR_ARG; }
sslc_status sslc_conn_answer_client_hello(sslc_conn *conn, sslc_ctx *ctx) { (void)conn; (void)ctx; return SSLC_ERR_ARG; }
