/* util/trace.c - see trace.h.
 *
 * The lock is a spin lock because C11 has no other that every platform offers, and util knows no platform. It is held for
 * the copy of one line; nobody waits, writes or allocates under it. */
#include "util/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/mem.h"
#include "util/text.h"

#include "util/banned.h"

#define RING_LINES 1024u /* about what a job of many parts says between two drains (0.1 s) */
#define LINE_CAP 256u

struct line { enum hj_trace_part part; char text[LINE_CAP]; };

/* A file of lines, closed by the last who uses it: hj_trace_file may replace it while other threads write. */
struct sink { FILE *f; unsigned users; };

_Atomic uint32_t hj_trace_mask;

static atomic_flag lock = ATOMIC_FLAG_INIT;
static struct line ring[RING_LINES];
static unsigned oldest, held;
static uint64_t dropped;
static struct sink *sink;

static uint64_t (*_Atomic clock_ms)(void);
static _Atomic unsigned threads_seen;
static _Thread_local char thread_name[16];

static const char *const part_names[] = {
#define HJ_X(name, text) text,
  HJ_TRACE_PARTS(HJ_X)
#undef HJ_X
};

static void take_lock(void)
{
  while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire))
    ;
}

static void drop_lock(void)
{
  atomic_flag_clear_explicit(&lock, memory_order_release);
}

void hj_trace_clock(uint64_t (*now_ms)(void))
{
  atomic_store(&clock_ms, now_ms);
}

void hj_trace_thread(const char *name)
{
  size_t n = strlen(name);
  (void)hj_text_copy(thread_name, sizeof thread_name, name, n < sizeof thread_name ? n : sizeof thread_name - 1);
}

void hj_trace_forked(void)
{
  drop_lock();
}

static const char *this_thread(void)
{
  if (!thread_name[0])
    (void)snprintf(thread_name, sizeof thread_name, "t%u", atomic_fetch_add(&threads_seen, 1) + 1);
  return thread_name;
}

static struct sink *borrow_sink(void)
{
  take_lock();
  struct sink *s = sink;
  if (s)
    s->users++;
  drop_lock();
  return s;
}

static void return_sink(struct sink *s)
{
  take_lock();
  bool last = --s->users == 0;
  drop_lock();
  if (!last)
    return;
  (void)fclose(s->f);
  hj_mem_free(s);
}

bool hj_trace_file(const char *path)
{
  struct sink *made = NULL, *old;
  if (path) {
    made = hj_mem_c_malloc(sizeof *made);
    if (!made)
      return false;
    *made = (struct sink){ fopen(path, "a"), 1 };
    if (!made->f) {
      hj_mem_free(made);
      return false;
    }
  }
  take_lock();
  old = sink;
  sink = made;
  drop_lock();
  if (old)
    return_sink(old);
  return true;
}

static void put_in_ring(enum hj_trace_part part, const char *text)
{
  take_lock();
  if (held == RING_LINES) {  /* the newest lines are the ones that tell why */
    oldest = (oldest + 1) % RING_LINES;
    held--;
    dropped++;
  }
  struct line *l = &ring[(oldest + held) % RING_LINES];
  l->part = part;
  memcpy(l->text, text, strlen(text) + 1);
  held++;
  drop_lock();
}

void hj_trace_line(enum hj_trace_part part, uint64_t id, const char *fmt, ...)
{
  char text[LINE_CAP];
  uint64_t (*now)(void) = atomic_load(&clock_ms);
  if ((unsigned)part >= HJ_T_COUNT)
    return;
  int n = snprintf(text, sizeof text, "%llu %s %s %llu ", now ? (unsigned long long)now() : 0ull, this_thread(),
                   part_names[part], (unsigned long long)id);
  if (n < 0 || (size_t)n >= sizeof text)
    return;
  va_list ap;
  va_start(ap, fmt);
  if (vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap) < 0)
    text[n] = 0;
  va_end(ap);
  hj_text_end_whole(text);
  hj_text_one_line(text);
  put_in_ring(part, text);
  struct sink *s = borrow_sink();
  if (s) {
    (void)fprintf(s->f, "%s\n", text);  /* C11 7.21.2: the stream locks itself */
    (void)fflush(s->f);
    return_sink(s);
  }
}

bool hj_trace_next(enum hj_trace_part *part, char *out, int cap)
{
  char text[LINE_CAP];
  bool some = true;
  take_lock();
  if (dropped) {
    *part = HJ_T_ERR;
    (void)snprintf(text, sizeof text, "%llu trace lines were dropped here", (unsigned long long)dropped);
    dropped = 0;
  } else if (held) {
    struct line *l = &ring[oldest];
    *part = l->part;
    memcpy(text, l->text, sizeof text);
    oldest = (oldest + 1) % RING_LINES;
    held--;
  } else {
    some = false;
  }
  drop_lock();
  if (some && cap > 0) {
    size_t n = strlen(text), room = (size_t)cap - 1;
    (void)hj_text_copy(out, (size_t)cap, text, n < room ? n : room);
  }
  return some;
}

static bool part_bits(const char *p, size_t n, uint32_t *out)
{
  if (hj_text_same(p, n, "all")) {
    *out = (1u << HJ_T_COUNT) - 1;
    return true;
  }
  for (unsigned i = 0; i < HJ_T_COUNT; i++)
    if (hj_text_same(p, n, part_names[i])) {
      *out = 1u << i;
      return true;
    }
  return false;
}

bool hj_trace_set(const char *grammar)
{
  uint32_t mask = 0, bits;
  while (*grammar) {
    const char *p = grammar;
    size_t n = strcspn(p, ",");
    grammar += n + (p[n] == ',');
    hj_text_trim(&p, &n);
    bool off = n && *p == '-';
    if (off) {
      p++;
      n--;
    }
    if (n == 0 && !off)
      continue;
    if (!part_bits(p, n, &bits))
      return false;
    mask = off ? mask & ~bits : mask | bits;
  }
  atomic_store(&hj_trace_mask, mask);
  return true;
}
