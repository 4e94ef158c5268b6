/* store/journal_io.c - the journal's file. */
#include <string.h>

#include "plat/plat.h"
#include "store/journal.h"

#include "util/banned.h"

int hj_journal_create(struct hj_journal *j, const char *path, const struct hj_journal_head *h, struct hj_err *e)
{
  uint8_t head[HJ_JOURNAL_HEAD];
  struct hj_err s = HJ_ERR_INIT;
  *j = (struct hj_journal)HJ_JOURNAL_INIT;
  (void)hj_path_remove(path, &s);                     /* if it stays, the open below says why */
  if (hj_file_open(&j->file, path, HJ_OPEN_NEW, 0666, e))
    return (int)e->code;
  hj_journal_put_head(head, h);
  if (hj_file_write_at(&j->file, 0, head, sizeof head, e)) {
    hj_journal_close(j);
    return (int)e->code;
  }
  j->head = *h;
  j->end = HJ_JOURNAL_HEAD;
  return HJ_E_OK;
}

static int open_any(struct hj_journal *j, const char *path, enum hj_open how, struct hj_err *e)
{
  uint8_t head[HJ_JOURNAL_HEAD];
  size_t got = 0;
  *j = (struct hj_journal)HJ_JOURNAL_INIT;
  if (hj_file_open(&j->file, path, how, 0, e))
    return (int)e->code;
  if (hj_file_read_at(&j->file, 0, head, sizeof head, &got, e))
    goto out;
  if (got != sizeof head || !hj_journal_get_head(head, &j->head)) {
    (void)hj_fail(e, HJ_E_STALE, "%s is not a journal of this version", path);
    goto out;
  }
  j->end = HJ_JOURNAL_HEAD;
out:
  if (e->code)
    hj_journal_close(j);
  return (int)e->code;
}

int hj_journal_open(struct hj_journal *j, const char *path, const struct hj_journal_head *h, struct hj_err *e)
{
  if (open_any(j, path, HJ_OPEN_UPDATE, e))
    return (int)e->code;
  bool same_total = h->total == j->head.total || h->total == UINT64_MAX || j->head.total == UINT64_MAX;
  if (h->tag != j->head.tag || !same_total) {
    hj_journal_close(j);
    return hj_fail(e, HJ_E_STALE, "%s is the journal of another content", path);
  }
  if (h->total != UINT64_MAX)
    j->head.total = h->total;
  return HJ_E_OK;
}

static int each_from(struct hj_journal *j, uint64_t from, int (*see)(void *user, const struct hj_piece *p, struct hj_err *e), void *user,
                     struct hj_err *e)
{
  uint8_t block[128 * HJ_JOURNAL_RECORD];
  struct hj_piece p;
  size_t got = sizeof block;
  for (j->end = from; j->end < HJ_JOURNAL_MAX && got == sizeof block;) {
    if (hj_file_read_at(&j->file, j->end, block, sizeof block, &got, e))
      return (int)e->code;
    for (size_t i = 0; i + HJ_JOURNAL_RECORD <= got; i += HJ_JOURNAL_RECORD) {
      if (!hj_journal_get_piece(block + i, j->head.total, &p))
        return HJ_E_OK;
      int rc = see(user, &p, e);
      if (rc)
        return rc;
      j->end += HJ_JOURNAL_RECORD;
    }
  }
  return HJ_E_OK;
}

int hj_journal_each(struct hj_journal *j, int (*see)(void *user, const struct hj_piece *p, struct hj_err *e), void *user, struct hj_err *e)
{
  return each_from(j, HJ_JOURNAL_HEAD, see, user, e);
}

int hj_journal_add(struct hj_journal *j, const struct hj_piece *p, struct hj_err *e)
{
  uint8_t record[HJ_JOURNAL_RECORD];
  if (j->end > HJ_JOURNAL_MAX - HJ_JOURNAL_RECORD)
    return hj_fail(e, HJ_E_TOOBIG, "the journal is full");
  hj_journal_put_piece(record, p);
  if (hj_file_write_at(&j->file, j->end, record, sizeof record, e))
    return (int)e->code;                              /* a torn record: the next one is written over it */
  j->end += HJ_JOURNAL_RECORD;
  return HJ_E_OK;
}

int hj_journal_settle(struct hj_journal *j, uint64_t total, struct hj_err *e)
{
  uint8_t head[HJ_JOURNAL_HEAD];
  j->head.total = total;
  hj_journal_put_head(head, &j->head);
  return hj_file_write_at(&j->file, 0, head, sizeof head, e);
}

void hj_journal_close(struct hj_journal *j)
{
  hj_file_close(&j->file);
}

static int add_len(void *user, const struct hj_piece *p, struct hj_err *e)
{
  uint64_t *sum = user;
  (void)e;
  *sum = *sum > UINT64_MAX - p->len ? UINT64_MAX : *sum + p->len;
  return HJ_E_OK;
}

int hj_journal_sum_on(const char *path, uint64_t *end, uint64_t *bytes, struct hj_err *e)
{
  struct hj_journal j;
  struct hj_stat st;
  if (open_any(&j, path, HJ_OPEN_READ, e))
    return (int)e->code;
  if (!hj_file_stat(&j.file, &st, e)) {
    if (*end < HJ_JOURNAL_HEAD || *end > st.size) {   /* nothing read yet, or it began anew */
      *end = HJ_JOURNAL_HEAD;
      *bytes = 0;
    }
    (void)each_from(&j, *end, add_len, bytes, e);
    *end = j.end;
    if (*bytes > j.head.total)                        /* pieces that came twice; an unknown total is the largest number */
      *bytes = j.head.total;
  }
  hj_journal_close(&j);
  return (int)e->code;
}

int hj_journal_sum(const char *path, uint64_t *bytes, struct hj_err *e)
{
  uint64_t end = 0;
  *bytes = 0;
  return hj_journal_sum_on(path, &end, bytes, e);
}
