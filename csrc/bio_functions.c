#include "internal.h"
sslc_bio *sslc_bio_new_functions(const sslc_bio_functions *functions, void *arg) { (void)functions; (void)arg; return NULL; }
