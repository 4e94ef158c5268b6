/* digest/evp.c - SHA-256 (where the processor has no instructions for it) and SHA-1 by OpenSSL. Nothing of OpenSSL is seen outside
 * this file. */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "digest/algo_int.h"

#include "util/banned.h"

/* Empties this thread's queue in OpenSSL, so that the next user of it (libcurl runs in the same threads) does not find our
 * failure. The first entry is the cause. */
static int fail_evp(struct hj_err *e, const char *what)
{
  unsigned long first = ERR_get_error(), next;
  char text[160] = "no reason given";
  enum hj_code code = HJ_E_BUG;
  if (first)
    ERR_error_string_n(first, text, sizeof text);
  for (next = first; next; next = ERR_get_error())
    if (ERR_GET_REASON(next) == ERR_R_MALLOC_FAILURE)
      code = HJ_E_NOMEM;
  ERR_clear_error(); /* also gives back the texts that entries own */
  return hj_fail(e, code, "OpenSSL: %s: %s", what, text);
}

static int open_evp(void **state, const EVP_MD *md, struct hj_err *e)
{
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  if (!ctx) {
    ERR_clear_error();
    return hj_fail(e, HJ_E_NOMEM, "out of memory: OpenSSL had none for a digest");
  }
  if (EVP_DigestInit_ex(ctx, md, NULL) != 1) {
    EVP_MD_CTX_free(ctx);
    return fail_evp(e, "a digest could not be started");
  }
  *state = ctx;
  return HJ_E_OK;
}

static int open_sha256(void **state, uint64_t size, struct hj_err *e)
{
  (void)size;
  return open_evp(state, EVP_sha256(), e);
}

static int open_sha1(void **state, uint64_t size, struct hj_err *e)
{
  (void)size;
  return open_evp(state, EVP_sha1(), e);
}

static int feed_evp(void *state, const void *p, size_t n, struct hj_err *e)
{
  return EVP_DigestUpdate(state, p, n) == 1 ? HJ_E_OK : fail_evp(e, "a digest did not take its bytes");
}

static int seal_evp(void *state, uint8_t *out, struct hj_err *e)
{
  uint8_t full[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  if (EVP_DigestFinal_ex(state, full, &n) != 1)
    return fail_evp(e, "a digest could not be finished");
  if (n > HJ_DIGEST_MAX)
    return hj_fail(e, HJ_E_BUG, "OpenSSL: a digest of %u bytes", n);
  for (unsigned i = 0; i < n; i++)
    out[i] = full[i];
  return HJ_E_OK;
}

static void close_evp(void *state)
{
  EVP_MD_CTX_free(state); /* takes NULL */
}

const struct hj_algo_row hj_row_sha256 = { "sha256", 32, open_sha256, feed_evp, seal_evp, close_evp };
const struct hj_algo_row hj_row_sha1 = { "sha1", 20, open_sha1, feed_evp, seal_evp, close_evp };

const char *hj_evp_version(void)
{
  return OpenSSL_version(OPENSSL_VERSION); /* of the library that runs, not of the headers */
}
