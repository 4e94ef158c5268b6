/* store/blob_small.c - a file that came whole, in one answer. Five system calls without sync. */
#include <string.h>

#include "plat/fault.h"
#include "plat/plat.h"
#include "store/blob_int.h"
#include "store/layout.h"
#include "store/temp_int.h"
#include "util/mem.h"
#include "util/trace.h"

#include "util/banned.h"

static char *tmp_dir_of(const char *partial_dir, struct hj_err *e)
{
  char *side = hj_dir_of(partial_dir, e);
  char *tmp = side ? hj_layout_join(side, "tmp", e) : NULL;
  hj_mem_free(side);
  return tmp;
}

/* The name is taken: equal by size is taken for equal by name (see blob.c); a link that leads nowhere is replaced. */
static int settle_race(const char *temp, const struct hj_blob_want *w, size_t n, bool *named, struct hj_err *e)
{
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  int rc = hj_path_stat(w->final, true, &st, &s);
  if (rc == HJ_E_NONE)
    return hj_temp_publish(temp, w->final, true, w->sync, named, e);
  if (rc)
    hj_err_pass(e, &s);
  else if (st.kind != HJ_KIND_FILE || st.size != n)
    (void)hj_fail(e, HJ_E_EXISTS, "another file of %llu bytes has the name %s; it was left alone", (unsigned long long)st.size, w->final);
  return (int)e->code;
}

int hj_blob_store_small(const struct hj_blob_want *w, const void *p, size_t n, struct hj_promise *out, struct hj_err *e)
{
  struct hj_promise got = { .algo = w->promise.algo == HJ_ALGO_NONE ? HJ_SHA256 : w->promise.algo };
  struct hj_err s = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  char *dir = NULL, *temp = NULL;
  bool named = false;
  if (w->size != HJ_SIZE_UNKNOWN && w->size != n)
    return hj_fail(e, HJ_E_SIZE, "%llu bytes were expected, %zu came", (unsigned long long)w->size, n);
  if (hj_digest_bytes(got.algo, p, n, got.bytes, e))
    return (int)e->code;
  if (out)
    *out = got;
  if (hj_blob_compare(&w->promise, &got, e))
    return (int)e->code;
  if (!(dir = tmp_dir_of(w->partial_dir, e)) || hj_temp_open(&f, dir, "", w->mode | 0200u, &temp, e))
    goto out;
  if (n > 0 && hj_file_write_at(&f, 0, p, n, e))
    goto out;
  HJ_BENIGN_BEGIN();
  if (hj_file_mode(&f, w->mode, &s))
    HJ_TRACE(HJ_T_STORE, 0, "the mode stays: %s", s.msg);
  HJ_BENIGN_END();
  if (w->sync && hj_file_sync(&f, e))
    goto out;
  hj_file_close(&f);
  hj_err_clear(&s);
  if (hj_temp_publish(temp, w->final, w->replace, w->sync, &named, &s)) {
    if (s.code == HJ_E_EXISTS && !named && !w->replace)
      (void)settle_race(temp, w, n, &named, e);
    else if (s.code == HJ_E_NONE)
      (void)hj_fail(e, HJ_E_IO, "the private file vanished before it got its name: %s", s.msg);
    else
      hj_err_pass(e, &s);
  }
out:
  if (named) {
    hj_mem_free(temp);
    temp = NULL;
  }
  hj_temp_discard(&f, temp);
  hj_mem_free(dir);
  return (int)e->code;
}
