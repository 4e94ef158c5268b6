/* store/journal.h - which bytes of an unfinished file are on disk, each piece with its sum. Versioned, distrusted, never required.
 *
 *   head    "HJJ1" | u32 version | u64 total | u64 tag | u64 xxh3 of the 24 bytes before it
 *   record  u64 at | u64 len | u64 xxh3 of the piece's bytes | u64 xxh3 of the 24 bytes before it
 *   All little-endian. A sound record is never rewritten; a torn one is written over. No fsync (a record is the sum of its
 *   piece: what the disk lost does not fit it and is fetched again). `tag` says of which content: xxh3 of the digest's or
 *   validator's text.
 *
 * The codec is pure. hj_journal_* with a file are the thin shell around it.
 * Errors   HJ_E_STALE: another version, total or tag, or nonsense: the caller starts over. A torn last record is ignored.
 */
#ifndef HJ_JOURNAL_H
#define HJ_JOURNAL_H

#include <stddef.h>
#include "plat/file.h"

#define HJ_JOURNAL_HEAD 32
#define HJ_JOURNAL_RECORD 32
#define HJ_JOURNAL_MAX (256u << 20) /* of a file of 2 TiB in 256 KiB pieces */

struct hj_journal_head { uint64_t total, tag; };        /* total UINT64_MAX: not known */
struct hj_piece { uint64_t at, len, sum; };

void hj_journal_put_head(uint8_t out[HJ_JOURNAL_HEAD], const struct hj_journal_head *h);
bool hj_journal_get_head(const uint8_t in[HJ_JOURNAL_HEAD], struct hj_journal_head *out);
void hj_journal_put_piece(uint8_t out[HJ_JOURNAL_RECORD], const struct hj_piece *p);
bool hj_journal_get_piece(const uint8_t in[HJ_JOURNAL_RECORD], uint64_t total, struct hj_piece *out);  /* false: nonsense */

/* head: what the file says, the total of the one who opened it where that is known. end: where the next record goes; after
 * hj_journal_open it stands behind the head, so hj_journal_each comes before the first add. */
struct hj_journal { hj_file file; struct hj_journal_head head; uint64_t end; };
#define HJ_JOURNAL_INIT { HJ_FILE_INIT, { 0, 0 }, 0 }

int hj_journal_create(struct hj_journal *j, const char *path, const struct hj_journal_head *h, struct hj_err *e);   /* replaces */
/* HJ_E_NONE, HJ_E_STALE. A total that one of the two sides does not know fits any. */
int hj_journal_open(struct hj_journal *j, const char *path, const struct hj_journal_head *h, struct hj_err *e);
/* Calls see for every sound record in order of writing; a bad one ends the walk without error (what follows cannot be trusted)
 * and is where the next add writes. Stops at the first non-zero answer of see and returns it. */
int hj_journal_each(struct hj_journal *j, int (*see)(void *user, const struct hj_piece *p, struct hj_err *e), void *user, struct hj_err *e);
int hj_journal_add(struct hj_journal *j, const struct hj_piece *p, struct hj_err *e);      /* HJ_E_TOOBIG at HJ_JOURNAL_MAX */
int hj_journal_settle(struct hj_journal *j, uint64_t total, struct hj_err *e);             /* the total is known now: rewrites the head */
void hj_journal_close(struct hj_journal *j);                                               /* takes a closed one */
/* Bytes of the sound records in the file at `path`, of whatever content, at most its total. HJ_E_NONE, HJ_E_STALE. Only reads. */
int hj_journal_sum(const char *path, uint64_t *bytes, struct hj_err *e);
/* The same for a journal that grows: *bytes is what it was up to *end (0: nothing was read yet), and both go on from there. */
int hj_journal_sum_on(const char *path, uint64_t *end, uint64_t *bytes, struct hj_err *e);

#endif
