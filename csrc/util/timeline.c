/* util/timeline.c - see timeline.h. The lock is a spin lock for the reason util/trace.c gives; lines are made outside of it, save the choice
 * of a lane. */
#include "util/timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "util/mem.h"
#include "util/text.h"
#include "util/banned.h"

#define STORE ((size_t)4 << 20)   /* 16,000 lines: who takes them comes every 0.1 s, and 1,000 small files make 4,000 */
#define LANES 512u
#define WORKER_LANES 100000u      /* their tracks' numbers begin here: below connections in the picture */

struct lane { enum hj_track track; unsigned key; uint64_t until_us; };

_Atomic uint32_t hj_timeline_switch;

static atomic_flag lock = ATOMIC_FLAG_INIT;
static char *store;
static size_t held;
static uint64_t lost;
static struct lane lanes[LANES];
static unsigned lanes_n;
static _Atomic unsigned workers_seen;
static _Thread_local unsigned worker;

static void take_lock(void)
{
  while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire))
    ;
}

static void drop_lock(void) { atomic_flag_clear_explicit(&lock, memory_order_release); }

bool hj_timeline_start(void)
{
  char *made = hj_mem_c_malloc(STORE);
  bool first;
  if (!made)
    return false;
  take_lock();
  first = !store;
  if (first) {
    store = made;
    held = 0;
    lost = 0;
    lanes_n = 0;
  }
  atomic_fetch_add(&hj_timeline_switch, 1);
  drop_lock();
  if (!first)
    hj_mem_free(made);
  return true;
}

void hj_timeline_stop(void)
{
  char *gone = NULL;
  take_lock();
  if (atomic_load(&hj_timeline_switch) && atomic_fetch_sub(&hj_timeline_switch, 1) == 1) {
    gone = store;
    store = NULL;
    held = 0;
  }
  drop_lock();
  hj_mem_free(gone);
}

void hj_timeline_forked(void)
{
  atomic_store(&hj_timeline_switch, 0); /* the store stays where it is: the parent's lines are none of ours */
  store = NULL;
  held = 0;
  drop_lock();
}

static void put(const char *line, size_t n)
{
  take_lock();
  if (store && n <= STORE - held) {
    memcpy(store + held, line, n);
    held += n;
  } else if (store) {
    lost++;
  }
  drop_lock();
}

/* A JSON string's inside. */
static const char *quote(const char *text, char *out, size_t cap)
{
  char plain[200];
  size_t n = 0;
  hj_text_show(text ? text : "", text ? strlen(text) : 0, plain, sizeof plain);
  for (const char *p = plain; *p && n + 3 < cap; p++) {
    if (*p == '"' || *p == '\\')
      out[n++] = '\\';
    out[n++] = *p;
  }
  out[n] = 0;
  return out;
}

/* The first lane of this track on which nothing lies any more at from_us. Slices come in the order of their ends, so one number per lane
 * is enough. *fresh: nobody has named it. */
static unsigned lane_of(enum hj_track track, unsigned key, uint64_t from_us, uint64_t to_us, unsigned *nth, bool *fresh)
{
  unsigned i;
  *nth = 1;
  *fresh = false;
  take_lock();
  for (i = 0; i < lanes_n; i++) {
    if (lanes[i].track != track || lanes[i].key != key)
      continue;
    if (lanes[i].until_us <= from_us)
      break;
    ++*nth;
  }
  if (i == lanes_n && lanes_n < LANES) {
    *fresh = true;
    lanes[lanes_n++] = (struct lane){ track, key, 0 };
  }
  if (i < LANES)
    lanes[i].until_us = to_us;
  drop_lock();
  return track == HJ_TRACK_WORKER ? WORKER_LANES + i : i + 1;
}

static void name_lane(unsigned tid, enum hj_track track, unsigned key, unsigned nth, const char *host)
{
  char line[HJ_TIMELINE_LINE], name[260], quoted[440];
  int n;
  if (track == HJ_TRACK_WORKER)
    (void)snprintf(name, sizeof name, "worker %u", key);
  else if (key == 0)
    (void)snprintf(name, sizeof name, "no connection (%u)", nth);
  else
    (void)snprintf(name, sizeof name, "connection %u to %.200s%s", key, host ? host : "?", nth > 1 ? ", further stream" : "");
  n = snprintf(line, sizeof line, "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":%u,\"args\":{\"name\":\"%s\"}},\n", tid,
               quote(name, quoted, sizeof quoted));
  put(line, (size_t)n);
}

static void put_inner(unsigned tid, const char *what, uint64_t from_us, uint64_t to_us)
{
  char line[200];
  int n = snprintf(line, sizeof line, "{\"ph\":\"X\",\"name\":\"%s\",\"cat\":\"inner\",\"pid\":1,\"tid\":%u,\"ts\":%" PRIu64 ",\"dur\":%" PRIu64 "},\n", what,
                   tid, from_us, to_us - from_us);
  put(line, (size_t)n);
}

void hj_timeline_slice(const struct hj_slice *s)
{
  char line[HJ_TIMELINE_LINE], file[220], host[220], code[60];
  unsigned nth, tid, key = s->key;
  bool fresh;
  int n;
  if (s->track == HJ_TRACK_WORKER) {
    if (!worker)
      worker = atomic_fetch_add(&workers_seen, 1) + 1;
    key = worker;
  }
  tid = lane_of(s->track, key, s->from_us, s->to_us, &nth, &fresh);
  if (fresh)
    name_lane(tid, s->track, key, nth, s->host);
  n = snprintf(line, sizeof line,
               "{\"ph\":\"X\",\"name\":\"%.40s\",\"cat\":\"%s\",\"pid\":1,\"tid\":%u,\"ts\":%" PRIu64 ",\"dur\":%" PRIu64 ",\"args\":{\"file\":\"%s\",\"offset\":%" PRIu64
               ",\"bytes\":%" PRIu64 ",\"host\":\"%s\",\"status\":%d,\"end\":\"%s\"}},\n",
               s->what, s->track == HJ_TRACK_WORKER ? "errand" : "exchange", tid, s->from_us, s->to_us - s->from_us, quote(s->file, file, sizeof file),
               s->offset, s->bytes, quote(s->host, host, sizeof host), s->status, quote(s->code, code, sizeof code));
  if (n > 0 && (size_t)n < sizeof line)
    put(line, (size_t)n);
  if (s->head_us && s->head_us >= s->from_us && s->head_us <= s->to_us) {
    put_inner(tid, "question", s->from_us, s->head_us);
    put_inner(tid, "body", s->head_us, s->to_us);
  }
}

void hj_timeline_number(const char *name, uint64_t at_us, uint64_t value)
{
  char line[200];
  int n = snprintf(line, sizeof line, "{\"ph\":\"C\",\"name\":\"%.60s\",\"pid\":1,\"ts\":%" PRIu64 ",\"args\":{\"value\":%" PRIu64 "}},\n", name, at_us, value);
  put(line, (size_t)n);
}

size_t hj_timeline_take(char *out, size_t cap)
{
  size_t n;
  take_lock();
  if (lost && held == 0) {
    n = (size_t)snprintf(out, cap, "{\"ph\":\"M\",\"name\":\"lost\",\"pid\":1,\"tid\":0,\"args\":{\"lines\":%" PRIu64 "}},\n", lost);
    lost = 0;
    drop_lock();
    return n;
  }
  n = held < cap ? held : cap;
  while (n && n < held && store[n - 1] != '\n')
    n--;
  if (n) {
    memcpy(out, store, n);
    memmove(store, store + n, held - n);
    held -= n;
  }
  drop_lock();
  return n;
}
