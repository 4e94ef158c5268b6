/* transfer/curl_once.h - libcurl of this process: initialised once, at the first exchange; what it can do. */
#ifndef HJ_CURL_ONCE_H
#define HJ_CURL_ONCE_H

#include <stdbool.h>
#include "util/err.h"

/* Any thread. HJ_E_BUG with the reason if libcurl is older than what we were built with, or has no asynchronous resolver
 * (a name look-up would then block every transfer). libcurl's memory comes through util/mem.h where nobody in this
 * process initialised it before us. */
int hj_curl_once(struct hj_err *e);
void hj_curl_forked(void);             /* in the child: nobody holds its lock */
/* OpenSSL's numbers for what tls.c hangs on its contexts, which = 0 or 1; -1: it cannot be watched. */
int hj_curl_tls_index(int which);
/* Does it read a TLS connection until nothing whole is left, so that OpenSSL may read ahead? Not before 8.14. */
bool hj_curl_reads_on(void);
const char *hj_curl_versions(void);    /* "libcurl/7.88.1 OpenSSL/3.0.19 …" */

#endif
