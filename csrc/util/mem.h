/* util/mem.h - the one door to the heap.
 *
 * Use      p = hj_mem_new(n, e); ... hj_mem_free(p);
 * Threads  any. Counters are atomics.
 * Errors   NULL and HJ_E_NOMEM in *e. n == 0 gives a pointer that may be freed.
 * Promise  every allocation of ours (and libcurl's, by curl_global_init_mem) passes here, so that a test can count
 *          them, make the n-th one fail, and ask what is still alive. Large blocks (16 KiB) begin where a cache line does.
 */
#ifndef HJ_MEM_H
#define HJ_MEM_H

#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

void *hj_mem_new(size_t n, struct hj_err *e) HJ_CHECK;                        /* not cleared */
void *hj_mem_zero(size_t count, size_t size, struct hj_err *e) HJ_CHECK;      /* cleared; count * size is checked */
void *hj_mem_grow(void *p, size_t n, struct hj_err *e) HJ_CHECK;              /* p stays valid on failure */
char *hj_mem_text(const char *text, struct hj_err *e) HJ_CHECK;               /* copy; NULL in gives NULL without error */
char *hj_mem_text_n(const char *text, size_t n, struct hj_err *e) HJ_CHECK;   /* copy of n bytes plus a NUL */
void hj_mem_free(void *p);                                                    /* takes NULL */

/* The same door for libraries that want the C shapes (malloc, free, realloc, strdup, calloc); NULL on failure. */
void *hj_mem_c_malloc(size_t n);
void *hj_mem_c_realloc(void *p, size_t n);
void *hj_mem_c_calloc(size_t count, size_t size);
char *hj_mem_c_strdup(const char *text);

/* How often NULL was the answer. libcurl says "out of memory" also for text longer than it takes: then this has not grown. */
uint64_t hj_mem_refusals(void);

/* For tests. */
void hj_mem_fail_at(int64_t n);     /* the n-th request from now answers NULL; 0 = never */
int hj_mem_fired(void);             /* 1 if that request happened */
int64_t hj_mem_live(void);          /* blocks not freed */
uint64_t hj_mem_live_bytes(void);
uint64_t hj_mem_peak_bytes(void);   /* since hj_mem_mark */
uint64_t hj_mem_count(void);        /* requests since hj_mem_mark */
void hj_mem_mark(void);

#endif
