/*
 * key.c: keys, made when they are first asked for and then shared: what is
 * wrong with a case is seldom the key.
 */
#include "casekit.h"

#include <string.h>

#define MAX_KEYS 64

static struct {
  enum key_kind kind;
  const char *id;
  EVP_PKEY *key;
} keys[MAX_KEYS];

static size_t count;

/* What EVP_PKEY_CTX_ctrl_str(3) takes. */
static const struct {
  int type; /* EVP_PKEY_* */
  const char *name, *value, *other_name, *other_value;
} kinds[] = {
  [P256] = { EVP_PKEY_EC, "ec_paramgen_curve", "P-256",
             "ec_param_enc", "named_curve" },
  [P384] = { EVP_PKEY_EC, "ec_paramgen_curve", "P-384",
             "ec_param_enc", "named_curve" },
  [P224] = { EVP_PKEY_EC, "ec_paramgen_curve", "P-224",
             "ec_param_enc", "named_curve" },
  [P192] = { EVP_PKEY_EC, "ec_paramgen_curve", "P-192",
             "ec_param_enc", "named_curve" },
  [EXPLICIT] = { EVP_PKEY_EC, "ec_paramgen_curve", "P-256",
                 "ec_param_enc", "explicit" },
  [ED25519] = { EVP_PKEY_ED25519, NULL, NULL, NULL, NULL },
  [ED448] = { EVP_PKEY_ED448, NULL, NULL, NULL, NULL },
  [RSA512] = { EVP_PKEY_RSA, "rsa_keygen_bits", "512", NULL, NULL },
  [RSA1024] = { EVP_PKEY_RSA, "rsa_keygen_bits", "1024", NULL, NULL },
  [RSA2048] = { EVP_PKEY_RSA, "rsa_keygen_bits", "2048", NULL, NULL },
  [RSA_PSS] = { EVP_PKEY_RSA_PSS, NULL, NULL, NULL, NULL },
};

/* The same key for PSS alone. */
static EVP_PKEY *
make_pss(EVP_PKEY *rsa)
{
  PKCS8_PRIV_KEY_INFO *from = EVP_PKEY2PKCS8(rsa);
  PKCS8_PRIV_KEY_INFO *to = PKCS8_PRIV_KEY_INFO_new();
  const unsigned char *der = NULL;
  unsigned char *copy;
  EVP_PKEY *key;
  int len = 0;

  need(from != NULL && to != NULL &&
       PKCS8_pkey_get0(NULL, &der, &len, NULL, from), "cannot take a key");
  copy = OPENSSL_memdup(der, (size_t)len);
  need(PKCS8_pkey_set0(to, OBJ_nid2obj(NID_rsassaPss), 0, V_ASN1_UNDEF, NULL,
                       copy, len), "cannot give a key");
  key = EVP_PKCS82PKEY(to);
  need(key != NULL, "cannot make a key for PSS");
  PKCS8_PRIV_KEY_INFO_free(from);
  PKCS8_PRIV_KEY_INFO_free(to);
  return key;
}

static EVP_PKEY *
make_key(enum key_kind kind)
{
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(kinds[kind].type, NULL);
  EVP_PKEY *key = NULL;
  int ok = ctx != NULL && EVP_PKEY_keygen_init(ctx) > 0;

  if (kinds[kind].name != NULL)
    ok = ok && EVP_PKEY_CTX_ctrl_str(ctx, kinds[kind].name,
                                     kinds[kind].value) > 0;
  if (kinds[kind].other_name != NULL)
    ok = ok && EVP_PKEY_CTX_ctrl_str(ctx, kinds[kind].other_name,
                                     kinds[kind].other_value) > 0;
  need(ok && EVP_PKEY_keygen(ctx, &key) > 0, "cannot make a key");
  EVP_PKEY_CTX_free(ctx);
  return key;
}

/* RSA keys take long to make: there is one of each kind. */
static int
is_the_one(size_t i, enum key_kind kind, const char *id)
{
  int slow = kinds[kind].type == EVP_PKEY_RSA ||
             kinds[kind].type == EVP_PKEY_RSA_PSS;

  return keys[i].kind == kind && (slow || strcmp(keys[i].id, id) == 0);
}

EVP_PKEY *
get_key(enum key_kind kind, const char *id)
{
  EVP_PKEY *key;
  size_t i;

  for (i = 0; i < count; i++)
    if (is_the_one(i, kind, id))
      return keys[i].key;
  need(count < MAX_KEYS, "too many keys");
  key = kind == RSA_PSS ? make_pss(get_key(RSA2048, id)) : make_key(kind);
  keys[count].kind = kind;
  keys[count].id = id;
  keys[count].key = key;
  return keys[count++].key;
}

void
forget_keys(void)
{
  while (count > 0)
    EVP_PKEY_free(keys[--count].key);
}
