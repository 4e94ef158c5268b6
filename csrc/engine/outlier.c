/* engine/outlier.c - see outlier.h */
#include "engine/outlier.h"

#include "util/banned.h"

static bool is_nearly_dead(const struct hj_pace *p)
{
  uint64_t early_ms = HJ_OUTLIER_EARLY_TRIPS * (uint64_t)p->rtt_ms;
  if (early_ms < HJ_OUTLIER_EARLY_MS)
    early_ms = HJ_OUTLIER_EARLY_MS;
  return p->rtt_ms && p->bytes && p->flowed_ms >= early_ms && p->bytes * 1000 / p->flowed_ms * 100 < p->typical * HJ_OUTLIER_EARLY_PERCENT;
}

bool hj_outlier(const struct hj_pace *p)
{
  uint64_t rate, percent = p->tail ? HJ_OUTLIER_TAIL_PERCENT : HJ_OUTLIER_PERCENT;
  if (!p->typical || p->left == 0)
    return false;
  if (p->bytes == 0)
    return p->age_ms >= HJ_OUTLIER_SILENT_MS;
  rate = p->bytes * 1000 / (p->age_ms ? p->age_ms : 1);
  if (p->left <= rate) /* done within a second */
    return false;
  return is_nearly_dead(p) || (p->age_ms >= HJ_OUTLIER_AGE_MS && rate * 100 < p->typical * percent);
}
