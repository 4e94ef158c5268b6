/* util/timeline.h - what happened when, for a picture: slices on tracks and numbers over time, as lines of Chrome's trace format (which
 * Perfetto opens). One load when off.
 *
 * Use      hj_timeline_start(); ... if (hj_timeline_is_on()) hj_timeline_slice(&s); ... hj_timeline_take(...) ...; hj_timeline_stop()
 * Threads  any. Lines go into a bounded store under a lock of its own until they are taken; what does not fit is counted and said.
 * Promise  slices of one track never overlap: where they would (streams of one HTTP/2 connection), the track has further lanes.
 *          Each line is one JSON object and ",\n". No URL, no query, no header: names of files and origins only.
 * Not here where the lines end (python/hubjet/_timeline.py), the clock.
 */
#ifndef HJ_TIMELINE_H
#define HJ_TIMELINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HJ_TIMELINE_LINE 768u     /* the longest line */

extern _Atomic uint32_t hj_timeline_switch;

static inline bool hj_timeline_is_on(void) { return atomic_load_explicit(&hj_timeline_switch, memory_order_relaxed) != 0; }

enum hj_track { HJ_TRACK_CONNECTION, HJ_TRACK_WORKER };

struct hj_slice {
  enum hj_track track;
  unsigned key;                   /* which connection: its local port, 0 = there was none; a worker is known by its thread */
  const char *what;               /* "range", "prove" ... */
  const char *file, *host, *code; /* texts of strangers are made printable; NULL = none */
  uint64_t from_us, head_us, to_us;  /* head_us: when the answer began, 0 = never: question and body become slices within */
  uint64_t offset, bytes;
  int status;
};

bool hj_timeline_start(void);     /* false: no memory. Counts: as many stops end it */
void hj_timeline_stop(void);
void hj_timeline_slice(const struct hj_slice *s);
void hj_timeline_number(const char *name, uint64_t at_us, uint64_t value);
/* Moves whole lines, oldest first, into out[cap]; the bytes moved, 0 = none waits. cap >= HJ_TIMELINE_LINE. */
size_t hj_timeline_take(char *out, size_t cap);
void hj_timeline_forked(void);    /* in the child: off, and the lock is free */

#endif
