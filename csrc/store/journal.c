/* store/journal.c - the codec: numbers become bytes and back, every byte checked. Pure. The files: journal_io.c. */
#include "store/journal.h"

#include <string.h>

#include "digest/algo.h"

#include "util/le.h"
#include "util/banned.h"

#define MAGIC "HJJ1"
#define VERSION 1u

void hj_journal_put_head(uint8_t out[HJ_JOURNAL_HEAD], const struct hj_journal_head *h)
{
  memcpy(out, MAGIC, 4);
  hj_put_le(out + 4, VERSION, 4);
  hj_put_le(out + 8, h->total, 8);
  hj_put_le(out + 16, h->tag, 8);
  hj_put_le(out + 24, hj_xxh3(out, 24), 8);
}

bool hj_journal_get_head(const uint8_t in[HJ_JOURNAL_HEAD], struct hj_journal_head *out)
{
  if (memcmp(in, MAGIC, 4) != 0 || hj_get_le(in + 4, 4) != VERSION || hj_get_le(in + 24, 8) != hj_xxh3(in, 24))
    return false;
  out->total = hj_get_le(in + 8, 8);
  out->tag = hj_get_le(in + 16, 8);
  return true;
}

void hj_journal_put_piece(uint8_t out[HJ_JOURNAL_RECORD], const struct hj_piece *p)
{
  hj_put_le(out, p->at, 8);
  hj_put_le(out + 8, p->len, 8);
  hj_put_le(out + 16, p->sum, 8);
  hj_put_le(out + 24, hj_xxh3(out, 24), 8);
}

bool hj_journal_get_piece(const uint8_t in[HJ_JOURNAL_RECORD], uint64_t total, struct hj_piece *out)
{
  if (hj_get_le(in + 24, 8) != hj_xxh3(in, 24))
    return false;
  struct hj_piece p = { hj_get_le(in, 8), hj_get_le(in + 8, 8), hj_get_le(in + 16, 8) };
  uint64_t limit = total == UINT64_MAX ? INT64_MAX : total;     /* no file system has offsets above 2^63 */
  if (p.len == 0 || p.len > limit || p.at > limit - p.len)
    return false;
  *out = p;
  return true;
}
