/* engine/retry.c - see retry.h */
#include "engine/retry.h"

#include "util/banned.h"

struct hj_verdict hj_retry(const struct hj_retry_facts *f)
{
  struct hj_verdict v = { false, 0 };
  uint32_t top;
  if (!hj_code_again(f->err->code) || f->barren >= f->tries || f->idle_ms >= f->give_up_ms)
    return v;
  if (f->err->retry_ms >= 0) {
    /* A server that names a time later than our patience is believed at once: waiting for nothing helps nobody. */
    if ((uint64_t)f->err->retry_ms > f->give_up_ms - f->idle_ms)
      return v;
    v.again = true;
    v.after_ms = (uint32_t)f->err->retry_ms + f->dice % 250;
    return v;
  }
  v.again = true;
  if (f->barren == 0)
    return v; /* it brought something: go on at once */
  top = f->barren < 7 ? HJ_RETRY_BASE_MS << (f->barren - 1) : HJ_RETRY_CAP_MS;
  if (top > HJ_RETRY_CAP_MS)
    top = HJ_RETRY_CAP_MS;
  v.after_ms = f->dice % (top + 1);
  return v;
}
