/* transfer/classify.h - what a finished exchange means. Pure; the only place that looks at a CURLcode. */
#ifndef HJ_CLASSIFY_H
#define HJ_CLASSIFY_H

#include "util/err.h"

enum hj_code hj_code_of_curl(int curl);
/* HJ_E_OK for 2xx and 3xx. */
enum hj_code hj_code_of_status(int status);

#endif
