/* digest/algo.h - content digests: one table, one running state, each call checked.
 *
 * Use      struct hj_digest *d; hj_digest_open(&d, HJ_SHA256, size, e); hj_digest_feed(d, p, n, e); hj_digest_seal(d, out, e);
 *          hj_digest_close(d);
 * Threads  a state belongs to one thread at a time.
 * Errors   HJ_E_NOMEM, HJ_E_BUG with the library's own text. After an error only close is allowed.
 * Promise  SHA-256 by the processor's own instructions where it has them, else by OpenSSL EVP; SHA-1 by EVP, XXH3 by xxHash.
 *          HJ_GIT_SHA1 is git's object id of a file ("blob <size>\0" + bytes), which small files of the hub use as their etag;
 *          its size must be known at open and is checked at seal (HJ_E_SIZE).
 */
#ifndef HJ_ALGO_H
#define HJ_ALGO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

enum hj_algo { HJ_ALGO_NONE, HJ_SHA256, HJ_SHA1, HJ_GIT_SHA1, HJ_XXH3, HJ_ALGO_COUNT };
#define HJ_DIGEST_MAX 32

const char *hj_algo_name(enum hj_algo a);            /* "sha256" "sha1" "git-sha1" "xxh3"; "" for none */
size_t hj_algo_size(enum hj_algo a);                 /* bytes of a digest: 32 20 20 8 */
enum hj_algo hj_algo_find(const char *name);         /* HJ_ALGO_NONE: unknown */

/* A digest somebody promised: "sha256:<64 hex>", "git-sha1:<40 hex>". Also a bare hub etag: 64 hex is sha256, 40 git-sha1. */
struct hj_promise { enum hj_algo algo; uint8_t bytes[HJ_DIGEST_MAX]; };
bool hj_promise_parse(struct hj_promise *out, const char *text);
void hj_promise_text(const struct hj_promise *p, char out[80]);      /* canonical form */
bool hj_promise_same(const struct hj_promise *a, const struct hj_promise *b);

struct hj_digest;
int hj_digest_open(struct hj_digest **out, enum hj_algo a, uint64_t size, struct hj_err *e);
int hj_digest_feed(struct hj_digest *d, const void *p, size_t n, struct hj_err *e);
/* The same for several states at once, each with its own bytes (n[i] may be 0) and error. SHA-256s of about equal lengths cost up
 * to 45 % less than one after another; others just work. lanes <= HJ_DIGEST_LANES, all d different. */
#define HJ_DIGEST_LANES 4u
void hj_digest_feed_lanes(struct hj_digest *const d[], const void *const p[], const size_t n[], struct hj_err *const e[], unsigned lanes);
int hj_digest_seal(struct hj_digest *d, uint8_t out[HJ_DIGEST_MAX], struct hj_err *e);
void hj_digest_close(struct hj_digest *d);           /* takes NULL */

int hj_digest_bytes(enum hj_algo a, const void *p, size_t n, uint8_t out[HJ_DIGEST_MAX], struct hj_err *e);
uint64_t hj_xxh3(const void *p, size_t n);           /* detects accidents, promises nothing against malice */

const char *hj_digest_versions(void);                /* "OpenSSL 3.0.19 …, xxHash 0.8.3 by AVX2, sha256 by x86 SHA"; or "… by OpenSSL" */

#endif
