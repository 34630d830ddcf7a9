#include "internal.h"
BIO *sslci_hold_bio(sslc_conn *conn) { (void)conn; return NULL; }
struct sslci_hold *sslci_hold_of(BIO *bio) { return BIO_get_data(bio); }
