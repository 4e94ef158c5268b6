/* engine/share.c - see share.h */
#include "engine/share.h"

#include "util/banned.h"

unsigned hj_share(const struct hj_share *s)
{
  unsigned left = s->limit > s->others_active ? s->limit - s->others_active : 0;
  unsigned fair = s->limit / (s->others + 1);
  if (s->others_starved && left > fair)
    left = fair;
  return left ? left : 1;
}
