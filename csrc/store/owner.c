/* store/owner.c - names that say whose they are. */
#include "store/owner_int.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "plat/clock.h"
#include "plat/proc.h"
#include "util/text.h"

#include "util/banned.h"

/* Host and start come from /proc (30 us): a thousand small files would pay it a thousand times. Kept per process: a forked
 * child has another pid and so asks again. Two threads that ask at once store the same bytes, word by word. */
static _Atomic uint32_t own_pid;
static _Atomic uint64_t own_start, own_host[4];
/* n of a name: counted from the time of the first one, so that what this process left behind before an exec is not taken for its
 * own (pid and start stay the same over it). */
static _Atomic uint64_t own_base, own_count;

struct self { uint32_t pid; uint64_t start; char host[32]; };

static void know_self(struct self *me)
{
  uint64_t words[4];
  me->pid = hj_proc_id();
  if (atomic_load_explicit(&own_pid, memory_order_acquire) == me->pid) {
    me->start = atomic_load_explicit(&own_start, memory_order_relaxed);
    for (size_t i = 0; i < 4; i++)
      words[i] = atomic_load_explicit(&own_host[i], memory_order_relaxed);
    memcpy(me->host, words, sizeof me->host);
    return;
  }
  uint64_t none = 0;
  (void)atomic_compare_exchange_strong(&own_base, &none, (uint64_t)hj_clock_wall_ns() / 1000);
  memset(me->host, 0, sizeof me->host);
  hj_proc_host(me->host);
  me->start = hj_proc_start(me->pid);
  memcpy(words, me->host, sizeof words);
  for (size_t i = 0; i < 4; i++)
    atomic_store_explicit(&own_host[i], words[i], memory_order_relaxed);
  atomic_store_explicit(&own_start, me->start, memory_order_relaxed);
  atomic_store_explicit(&own_pid, me->pid, memory_order_release);
}

void hj_owner_name(char out[HJ_OWNER_MAX])
{
  struct self me;
  know_self(&me);
  (void)snprintf(out, HJ_OWNER_MAX, "%s.%" PRIu32 ".%" PRIu64 ".%" PRIu64, me.host, me.pid, me.start,
                 atomic_load(&own_base) + atomic_fetch_add(&own_count, 1) + 1);
}

enum hj_owner_life hj_owner_look(const char *name)
{
  struct self me;
  uint64_t part[3];                                   /* pid, start, n */
  const char *dot = strchr(name, '.');
  if (!dot || dot == name || strlen(name) >= HJ_OWNER_MAX)
    return HJ_OWNER_NOBODY;
  const char *p = dot + 1;
  for (int i = 0; i < 3; i++) {
    const char *end = i < 2 ? strchr(p, '.') : p + strlen(p);
    if (!end || !hj_text_u64(p, (size_t)(end - p), &part[i]))
      return HJ_OWNER_NOBODY;
    p = end + 1;
  }
  if (part[0] == 0 || part[0] > UINT32_MAX)
    return HJ_OWNER_NOBODY;
  know_self(&me);
  size_t host_n = strlen(me.host), same_n = host_n - HJ_PROC_HOST_RUN;
  if (host_n != (size_t)(dot - name) || memcmp(me.host, name, same_n) != 0)
    return HJ_OWNER_UNKNOWN;
  if (memcmp(me.host + same_n, name + same_n, HJ_PROC_HOST_RUN) != 0)
    return HJ_OWNER_FORMER;
  uint32_t pid = (uint32_t)part[0];
  if (pid == me.pid && part[1] == me.start) {
    uint64_t base = atomic_load(&own_base);
    return part[2] > base && part[2] - base <= atomic_load(&own_count) ? HJ_OWNER_LIVE : HJ_OWNER_DEAD;
  }
  if (!hj_proc_alive(pid, part[1]))
    return HJ_OWNER_DEAD;
  return part[1] ? HJ_OWNER_LIVE : HJ_OWNER_UNKNOWN;
}

bool hj_owner_is_stopped(const char *name)
{
  uint64_t pid;
  const char *dot = strchr(name, '.'), *end = dot ? strchr(dot + 1, '.') : NULL;
  return end && hj_owner_look(name) == HJ_OWNER_LIVE && hj_text_u64(dot + 1, (size_t)(end - dot - 1), &pid) && hj_proc_is_stopped((uint32_t)pid);
}
