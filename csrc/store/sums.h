/* store/sums.h - sums of the cells of a proven file: says later at memory speed whether a byte changed, and where.
 *
 *   <side_dir>/sums/<digest>    "HJS1" | u32 bytes of a cell | u64 size of the file | u64 tag | u64 xxh3 of each cell | u64 xxh3 of all before
 *   All little-endian. `tag` is xxh3 of the digest's text, as in a journal: a file of sums under another's name is nonsense.
 *
 * Why      a cell is a piece of the engine's grid (256 KiB), not 8 MiB: the journal has these sums already when the last byte lands, so
 *          they cost the reading of 32 bytes a cell; a repair fetches a quarter of a megabyte; the file is 1/32768 of what it
 *          speaks of. Files below HJ_SUMS_FROM have none: their digest is as fast.
 * Owns     the array; hj_sums_release takes a zeroed one.
 * Threads  a struct belongs to one thread at a time; the files are replaced whole, any number of processes.
 * Errors   load: HJ_E_NONE there are none; HJ_E_STALE nonsense, or of another content. May be deleted at any time.
 * Promise  accidents are found, malice is not: what a sum denies is decided by the digest (store/check.h).
 */
#ifndef HJ_SUMS_H
#define HJ_SUMS_H

#include "digest/algo.h"
#include "store/journal.h"
#include "util/buf.h"

#define HJ_SUMS_CELL (256u << 10)
#define HJ_SUMS_FROM (1u << 20)
#define HJ_SUMS_CELLS_MAX (8u << 20) /* a file of 2 TiB, as the journal's */

struct hj_sums { uint64_t size, tag; uint64_t *cell; size_t n; };

int hj_sums_new(struct hj_sums *s, uint64_t size, const struct hj_promise *of, struct hj_err *e);   /* every sum 0; HJ_E_TOOBIG */
void hj_sums_release(struct hj_sums *s);
size_t hj_sums_len(const struct hj_sums *s, size_t i);                      /* bytes of cell i: the last may be shorter */

int hj_sums_put(const struct hj_sums *s, struct hj_buf *out, struct hj_err *e);                     /* the codec: pure */
int hj_sums_get(struct hj_sums *s, const void *p, size_t n, const struct hj_promise *of, struct hj_err *e);

int hj_sums_load(struct hj_sums *s, const char *dir, const struct hj_promise *of, struct hj_err *e);
int hj_sums_save(const struct hj_sums *s, const char *dir, const struct hj_promise *of, struct hj_err *e);
/* Those of a file that has just been proven, from the journal of its pieces; what no single record covers is read again from `data`. */
int hj_sums_of_journal(struct hj_sums *s, struct hj_journal *j, hj_file *data, struct hj_err *e);

#endif
