/* util/ranges.h - a set of bytes as sorted, disjoint, half-open intervals [at, end). Pure.
 *
 * Use      hj_ranges_init(&s); hj_ranges_add(&s, at, end, e); ... hj_ranges_release(&s);
 * Errors   HJ_E_NOMEM; HJ_E_TOOBIG above HJ_RANGES_MAX pieces. The set stays as it was.
 * Promise  neighbours that touch are one piece; empty additions do nothing.
 */
#ifndef HJ_RANGES_H
#define HJ_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

#define HJ_RANGES_MAX (1u << 20) /* a 256 GiB file in 256 KiB pieces, every second one missing, is half of it */

struct hj_span { uint64_t at, end; };
struct hj_ranges { struct hj_span *p; size_t n, cap; };

void hj_ranges_init(struct hj_ranges *s);
void hj_ranges_release(struct hj_ranges *s);
int hj_ranges_add(struct hj_ranges *s, uint64_t at, uint64_t end, struct hj_err *e);
int hj_ranges_cut(struct hj_ranges *s, uint64_t at, uint64_t end, struct hj_err *e);     /* removes */
bool hj_ranges_has(const struct hj_ranges *s, uint64_t at, uint64_t end);                /* all of it? */
uint64_t hj_ranges_sum(const struct hj_ranges *s);
uint64_t hj_ranges_reach(const struct hj_ranges *s, uint64_t from);  /* end of the piece that covers `from`, else `from` */
/* First gap at or after `from` below `limit`; false if there is none. */
bool hj_ranges_gap(const struct hj_ranges *s, uint64_t from, uint64_t limit, struct hj_span *out);

#endif
