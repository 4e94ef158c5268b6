/* util/buf.h - bytes that grow up to a named maximum.
 *
 * Use      hj_buf_init(&b, MAX); hj_buf_add(&b, p, n, e); ... hj_buf_release(&b);
 * Errors   HJ_E_TOOBIG when the sum would pass max, HJ_E_NOMEM; the content stays as it was.
 * Promise  p[len] is always NUL once anything was added, so text can be read in place.
 */
#ifndef HJ_BUF_H
#define HJ_BUF_H

#include <stddef.h>
#include "util/err.h"

struct hj_buf { char *p; size_t len, cap, max; };

void hj_buf_init(struct hj_buf *b, size_t max);        /* cannot fail, allocates nothing */
void hj_buf_release(struct hj_buf *b);                 /* content gone; reusable, same max */
int hj_buf_add(struct hj_buf *b, const void *p, size_t n, struct hj_err *e);
int hj_buf_text(struct hj_buf *b, const char *text, struct hj_err *e);
int hj_buf_printf(struct hj_buf *b, struct hj_err *e, const char *fmt, ...) HJ_PRINTF(3, 4);
int hj_buf_reserve(struct hj_buf *b, size_t cap, struct hj_err *e);
void hj_buf_clear(struct hj_buf *b);                   /* len = 0, memory kept */
char *hj_buf_take(struct hj_buf *b);                   /* the caller frees with hj_mem_free; NULL if nothing was added */

#endif
