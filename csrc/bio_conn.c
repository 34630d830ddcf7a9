#include "internal.h"
sslc_bio *sslc_bio_new_conn(sslc_conn *conn, int close_flag) { (void)conn; (void)close_flag; return NULL; }
