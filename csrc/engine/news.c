/* engine/news.c - see news.h */
#include "engine/news.h"

#include <string.h>
#include "plat/thread.h"
#include "util/mem.h"
#include "util/banned.h"

struct stumble {
  struct hj_err err;
  uint64_t again_ms;
  size_t file, after;          /* after: so many marks were there before it */
};

struct hj_news {
  hj_mutex lock;
  size_t *marks;               /* file * 2, + 1: it ended. Room for both of each file */
  size_t most, put, taken;
  struct stumble stumbles[HJ_STUMBLES_KEPT];
  size_t stumbled, seen;       /* ever put, ever taken or passed over */
};

int hj_news_open(struct hj_news **out, size_t files, struct hj_err *e)
{
  struct hj_news *n = hj_mem_zero(1, sizeof *n, e);
  if (!n)
    return (int)e->code;
  hj_mutex_init(&n->lock);
  n->most = files * 2; /* hj_mem_zero checks the size; a file is more than two numbers, so the product was checked before */
  n->marks = hj_mem_zero(n->most, sizeof *n->marks, e);
  if (n->marks)
    *out = n;
  else
    hj_news_close(n);
  return (int)e->code;
}

void hj_news_close(struct hj_news *n)
{
  if (!n)
    return;
  hj_mutex_release(&n->lock);
  hj_mem_free(n->marks);
  hj_mem_free(n);
}

static void put(struct hj_news *n, size_t mark)
{
  if (!n)
    return;
  hj_mutex_lock(&n->lock);
  if (n->put < n->most)
    n->marks[n->put++] = mark;
  hj_mutex_unlock(&n->lock);
}

void hj_news_began(struct hj_news *n, size_t file) { put(n, file * 2); }
void hj_news_ended(struct hj_news *n, size_t file) { put(n, file * 2 + 1); }

void hj_news_stumbled(struct hj_news *n, size_t file, const struct hj_err *why, uint64_t again_ms)
{
  if (!n)
    return;
  hj_mutex_lock(&n->lock);
  n->stumbles[n->stumbled % HJ_STUMBLES_KEPT] = (struct stumble){ .err = *why, .again_ms = again_ms, .file = file, .after = n->put };
  n->stumbled++;
  if (n->stumbled - n->seen > HJ_STUMBLES_KEPT)
    n->seen = n->stumbled - HJ_STUMBLES_KEPT;
  hj_mutex_unlock(&n->lock);
}

bool hj_news_take(struct hj_news *n, struct hj_news_item *out)
{
  const struct stumble *s;
  memset(out, 0, sizeof *out);
  if (!n)
    return false;
  hj_mutex_lock(&n->lock);
  s = n->seen < n->stumbled ? &n->stumbles[n->seen % HJ_STUMBLES_KEPT] : NULL;
  if (s && s->after <= n->taken) {
    *out = (struct hj_news_item){ .kind = HJ_NEWS_STUMBLED, .file = s->file, .err = s->err, .again_ms = s->again_ms };
    n->seen++;
  } else if (n->taken < n->put) {
    size_t mark = n->marks[n->taken++];
    *out = (struct hj_news_item){ .kind = mark & 1 ? HJ_NEWS_ENDED : HJ_NEWS_BEGAN, .file = mark / 2, .err = HJ_ERR_INIT };
  }
  hj_mutex_unlock(&n->lock);
  return out->kind != HJ_NEWS_NONE;
}
