/*
 * version.c: which library this is, and which OpenSSL it runs on.
 */
#include "internal.h"

const char *
sslc_version(void)
{
  return SSLC_VERSION;
}

uint32_t
sslc_version_number(void)
{
  return SSLC_VERSION_NUMBER;
}

const char *
sslc_openssl_version(void)
{
  return OpenSSL_version(OPENSSL_VERSION);
}

const char *
sslc_openssl_build_version(void)
{
  return OPENSSL_VERSION_TEXT;
}
