/* transfer/classify.h - what a finished exchange means. Pure; the only place that looks at a CURLcode. */
#ifndef HJ_CLASSIFY_H
#define HJ_CLASSIFY_H

#include <stdbool.h>
#include "util/err.h"

enum hj_code hj_code_of_curl(int curl);
/* An exchange that went through a proxy: what its answer to CONNECT (0: none came) and libcurl's CURLPX_* say. HJ_E_OK: not the
 * proxy's doing, or not known to be. */
enum hj_code hj_code_of_proxy(int curl, int connect_status, int curlpx);
/* HJ_E_OK for 2xx and 3xx. */
enum hj_code hj_code_of_status(int status);

#endif
