#include "internal.h"
sslc_bio *sslc_bio_new_mem(void) { return NULL; }
sslc_bio *sslc_bio_new_mem_buf(const void *data, size_t len) { (void)data; (void)len; return NULL; }
sslc_status sslc_bio_set_mem_eof_return(sslc_bio *bio, int value) { (void)bio; (void)value; return SSLC_ERR_ARG; }
