/* transfer/tls.h - a TLS connection: what its other side showed (who signed it, for whom it is, when it holds), how much is read at once.
 *
 * Use      hj_tls_watch(r) before an exchange begins; after it failed hj_tls_explain(&r->peer, ...) makes the error.
 * Facts    libcurl says "unable to get local issuer certificate" and not whose: so OpenSSL's verification is listened to. The verdict
 *          stays OpenSSL's. OpenSSL is included here, beside digest/, because the callback gets its objects.
 *          Where libcurl brought another OpenSSL than ours, or none, nothing is watched; the errors then say what libcurl says.
 * Threads  the loop's.
 */
#ifndef HJ_TLS_H
#define HJ_TLS_H

#include <stdint.h>
#include <curl/curl.h>
#include "util/err.h"

struct hj_request;

struct hj_tls_peer {
  int problem;                      /* X509_V_ERR_*; 0: none was found */
  char host[96];                    /* whom we asked for (SNI); "": an address */
  char issuer[96];                  /* "O=Corp, CN=Corp Root": who signed the topmost certificate that was shown */
  char names[96];                   /* whom the certificate is for */
  char from[24], to[24];            /* "2026-11-23 15:04" UTC of the certificate in question */
};

/* Does this libcurl use the OpenSSL that we were linked with? Asked once, by curl_once.c. */
bool hj_tls_is_openssl(const char *ssl_version);
/* Before it begins: r->peer will say what its connection showed, if one is made for it; that one reads ahead where libcurl allows it. */
CURLcode hj_tls_watch(struct hj_request *r);
/* Fills *e: TLS_ISSUER, TLS_SELF, TLS_DATE, TLS_HOST, TLS_STORE or TLS, for what libcurl called `rc`. `asked`: the host of the URL. */
void hj_tls_explain(const struct hj_tls_peer *peer, CURLcode rc, const char *asked, const char *detail, struct hj_err *e);

/* Of a connection that stands, during an exchange: "TLSv1.3", and peer's fields. "": plain, or not known. */
void hj_tls_look(CURL *easy, char *version, size_t cap, struct hj_tls_peer *peer);

#endif
