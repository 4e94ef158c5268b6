/* engine/outlier.c - see outlier.h */
#include "engine/outlier.h"

#include "util/banned.h"

bool hj_outlier(const struct hj_pace *p)
{
  uint64_t rate, percent = p->tail ? HJ_OUTLIER_TAIL_PERCENT : HJ_OUTLIER_PERCENT;
  if (!p->typical || p->age_ms < HJ_OUTLIER_AGE_MS || p->left == 0)
    return false;
  if (p->bytes == 0)
    return p->age_ms >= HJ_OUTLIER_SILENT_MS;
  rate = p->bytes * 1000 / p->age_ms;
  return rate * 100 < p->typical * percent && p->left > rate; /* more than a second to come */
}
