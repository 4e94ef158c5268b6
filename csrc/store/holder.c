/* store/holder.c - see holder.h */
#include "store/holder.h"

#include <stdatomic.h>
#include <string.h>

#include "plat/plat.h"
#include "store/claim.h"
#include "store/layout.h"
#include "store/temp_int.h"
#include "util/mem.h"
#include "util/trace.h"

#include "util/banned.h"

#define LOOK_MS 500u     /* a listing and a read of /proc/locks: not with every try for the lock */

#ifdef HJ_FAULTS
static _Atomic uint32_t beat_for_test_ms;
void hj_holder_hurry(uint32_t beat_ms) { atomic_store(&beat_for_test_ms, beat_ms); }
static uint32_t beat_ms(void) { return atomic_load(&beat_for_test_ms) ? atomic_load(&beat_for_test_ms) : HJ_HOLDER_BEAT_S * 1000u; }
#else
static uint32_t beat_ms(void) { return HJ_HOLDER_BEAT_S * 1000u; }
#endif

bool hj_holder_is_over(uint64_t waited_ms, uint64_t silent_ms, bool idle)
{
  uint64_t beat = beat_ms();
  return waited_ms >= beat && silent_ms >= (idle ? beat : HJ_CLAIM_STALE_S * UINT64_C(1000));
}

struct look { const char *dir, *content; int64_t newest_ns; uint64_t bytes; };

/* huggingface_hub: <etag>.incomplete, since 1.0 <etag>.<8 hex>.incomplete; in a local folder <hash of the name>.<etag>... */
static int see(void *user, const char *name, struct hj_err *e)
{
  static const char end[] = ".incomplete";
  struct look *l = user;
  struct hj_err s = HJ_ERR_INIT;
  struct hj_stat st;
  size_t n = strlen(name);
  if (n < sizeof end || strcmp(name + n - (sizeof end - 1), end) != 0 || !strstr(name, l->content))
    return HJ_E_OK;
  char *path = hj_layout_join(l->dir, name, e);
  if (path && !hj_path_stat(path, false, &st, &s)) {
    l->newest_ns = st.mtime_ns > l->newest_ns ? st.mtime_ns : l->newest_ns;
    l->bytes += st.size + st.held;
  }
  hj_mem_free(path);
  return (int)e->code;
}

/* Stopped by Ctrl-Z, or gone while somebody else has a copy of its descriptor. */
static bool is_idle(const char *lock)
{
  struct hj_err s = HJ_ERR_INIT;
  struct hj_stat st;
  uint32_t pid = hj_path_stat(lock, true, &st, &s) ? 0 : hj_proc_flock_holder(st.device, st.inode);
  return pid && (hj_proc_is_stopped(pid) || !hj_proc_alive(pid, 0));
}

static void look(struct hj_holder *h, const char *beside, const char *content, uint64_t now_ms)
{
  struct hj_err s = HJ_ERR_INIT; /* benign: what cannot be seen does not move */
  char *dir = hj_dir_of(beside, &s);
  struct look l = { dir, content, INT64_MIN, 0 };
  if (dir)
    (void)hj_dir_list(dir, see, &l, &s);
  hj_mem_free(dir);
  if (!h->first_ms)
    h->first_ms = now_ms ? now_ms : 1;
  if (!h->looked_ms || l.newest_ns != h->newest_ns || l.bytes != h->bytes)
    h->moved_ms = now_ms;
  h->newest_ns = l.newest_ns;
  h->bytes = l.bytes;
  h->looked_ms = now_ms ? now_ms : 1;
}

bool hj_holder_is_silent(struct hj_holder *h, const char *lock, const char *beside, const char *content, uint64_t now_ms)
{
  int64_t wall_ns;
  uint64_t silent_ms;
  if (h->looked_ms && now_ms - h->looked_ms < LOOK_MS && now_ms - h->looked_ms < beat_ms())
    return false;
  look(h, beside, content, now_ms);
  silent_ms = now_ms - h->moved_ms;
  wall_ns = hj_clock_wall_ns();
  if (h->newest_ns > 0 && wall_ns > h->newest_ns && (uint64_t)(wall_ns - h->newest_ns) / 1000000 > silent_ms)
    silent_ms = (uint64_t)(wall_ns - h->newest_ns) / 1000000; /* it fell silent before we came */
  return now_ms - h->first_ms >= beat_ms() && hj_holder_is_over(now_ms - h->first_ms, silent_ms, is_idle(lock));
}
