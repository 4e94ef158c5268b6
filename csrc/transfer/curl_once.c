/* transfer/curl_once.c - see curl_once.h */
#include "transfer/curl_once.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include "plat/thread.h"
#include "transfer/tls.h"
#include "util/mem.h"
#include "util/banned.h"

static hj_mutex lock = HJ_MUTEX_INIT;
static bool ready;
static int tls_index[2] = { -1, -1 }; /* written under the lock, before the first exchange of any thread; then only read */

int hj_curl_once(struct hj_err *e)
{
  const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
  CURLcode rc = CURLE_OK;
  hj_mutex_lock(&lock);
  if (!ready) {
    /* malloc, free, realloc, strdup, calloc */
    rc = curl_global_init_mem(CURL_GLOBAL_DEFAULT, hj_mem_c_malloc, hj_mem_free, hj_mem_c_realloc, hj_mem_c_strdup,
                              hj_mem_c_calloc);
    ready = rc == CURLE_OK;
    for (int i = 0; ready && i < 2 && hj_tls_is_openssl(v->ssl_version); i++)
      tls_index[i] = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  }
  hj_mutex_unlock(&lock);
  if (rc != CURLE_OK)
    return hj_fail(e, rc == CURLE_OUT_OF_MEMORY ? HJ_E_NOMEM : HJ_E_BUG, "libcurl did not start: %s", curl_easy_strerror(rc));
  if (v->version_num < 0x074400)
    return hj_fail(e, HJ_E_BUG, "libcurl %s was found, 7.68 or newer is needed", v->version);
  if (!(v->features & CURL_VERSION_ASYNCHDNS))
    return hj_fail(e, HJ_E_BUG, "libcurl %s has no asynchronous resolver: a name look-up would block every transfer", v->version);
  return HJ_E_OK;
}

void hj_curl_forked(void) { hj_mutex_init(&lock); }
int hj_curl_tls_index(int which) { return tls_index[0] < 0 ? -1 : tls_index[which]; }
bool hj_curl_reads_on(void) { return curl_version_info(CURLVERSION_NOW)->version_num >= 0x080e00; }

const char *hj_curl_versions(void) { return curl_version(); }
