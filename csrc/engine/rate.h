/* engine/rate.h - how fast we may be: a bucket of tokens, the share of one process among several, and how few connections suffice. Pure:
 * the clock is an argument, in microseconds for the bucket and milliseconds for the rest.
 *
 * Use      hj_bucket_rate(&b, bytes_per_s, now); if (hj_bucket_is_open(&b, now)) { take what came; hj_bucket_take(&b, n); }
 *          else come again after hj_bucket_wait_ms(&b, now).
 * Promise  over any span what is taken is at most rate x span + rate x HJ_BURST_MS + one piece: a piece is taken whole, and paid off
 *          before the next one.
 */
#ifndef HJ_RATE_H
#define HJ_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HJ_BURST_MS 100u     /* what an idle moment may be made up for; a line's queue does not notice it */
#define HJ_RATE_MIN 1024u    /* bytes per second; below it a megabyte takes a quarter of an hour: somebody meant another unit */
#define HJ_STEP_MS 10u       /* who waits is woken for at least so much: finer steps cost more wake-ups than they smooth */

struct hj_bucket { uint64_t rate, at_us; int64_t tokens; };   /* {0}: rate 0, always closed */

void hj_bucket_rate(struct hj_bucket *b, uint64_t rate, uint64_t now_us);   /* may change at any time; a debt shrinks with it */
bool hj_bucket_is_open(struct hj_bucket *b, uint64_t now_us);
void hj_bucket_take(struct hj_bucket *b, uint64_t n);
uint32_t hj_bucket_wait_ms(struct hj_bucket *b, uint64_t now_us);           /* 0: open */

/* What one could use that used `rate` of the `may` it had, and said `before` the last time. felt: it had to wait for more. Falls slowly:
 * whose first answers are on their way, or who looks while a range ends, is not modest. */
uint64_t hj_rate_appetite(uint64_t before, uint64_t rate, uint64_t may, bool felt);
/* What one of several may have of `limit`. An appetite is what somebody could use, UINT64_MAX = all he gets: small ones are served whole, the
 * others share the rest evenly, and what nobody wants is shared evenly, too. All who compute this from the same numbers stay within limit. */
uint64_t hj_rate_share(uint64_t limit, uint64_t appetite, const uint64_t *others, size_t n);
/* The next claim of one that holds `mine` and should come to `share`, while the others hold `theirs` in sum: down at once, up only into what
 * is free. So the sum of all claims stays within limit though everybody looks at another moment. */
uint64_t hj_rate_claim(uint64_t limit, uint64_t share, uint64_t mine, uint64_t theirs);

/* Connections under a limit: two, and twice as many whenever a while passes in which they all flowed and did not use up what was allowed. */
#define HJ_BRAKE_MS 500u

struct hj_brake {
  bool on, binds;            /* binds: what is measured is the limit and not the line */
  unsigned cap;
  uint64_t since_ms;
};

/* `full`: what is allowed was used up lately. `limited` false: no cap (UINT_MAX), nothing binds. */
unsigned hj_brake_turn(struct hj_brake *b, uint64_t now_ms, bool limited, bool full, unsigned active, bool hungry);

#endif
