/* util/buf.c - see buf.h. */
#include "util/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "util/mem.h"

#include "util/banned.h"

#define FIRST_CAP 64u /* most texts of ours (a path, a header) fit at once or after one step */

void hj_buf_init(struct hj_buf *b, size_t max)
{
  *b = (struct hj_buf){ .max = max < SIZE_MAX ? max : SIZE_MAX - 1 }; /* one byte is the NUL's */
}

void hj_buf_release(struct hj_buf *b)
{
  hj_mem_free(b->p);
  hj_buf_init(b, b->max);
}

void hj_buf_clear(struct hj_buf *b)
{
  b->len = 0;
  if (b->p)
    b->p[0] = 0;
}

char *hj_buf_take(struct hj_buf *b)
{
  char *p = b->p;
  hj_buf_init(b, b->max);
  return p;
}

/* Room for `need` bytes and their NUL; need <= max was checked. */
static int make_room(struct hj_buf *b, size_t need, struct hj_err *e)
{
  size_t cap = b->cap ? b->cap : FIRST_CAP;
  if (need < b->cap)
    return HJ_E_OK;
  while (cap <= need)
    cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
  if (cap > b->max + 1)
    cap = b->max + 1;
  char *p = hj_mem_grow(b->p, cap, e);
  if (!p)
    return (int)e->code;
  b->p = p;
  b->cap = cap;
  b->p[b->len] = 0;
  return HJ_E_OK;
}

static int too_big(const struct hj_buf *b, struct hj_err *e)
{
  return hj_fail(e, HJ_E_TOOBIG, "more than the %zu bytes that are allowed here", b->max);
}

int hj_buf_reserve(struct hj_buf *b, size_t cap, struct hj_err *e)
{
  return cap > b->max ? too_big(b, e) : make_room(b, cap, e);
}

int hj_buf_add(struct hj_buf *b, const void *p, size_t n, struct hj_err *e)
{
  if (n > b->max - b->len)
    return too_big(b, e);
  if (make_room(b, b->len + n, e))
    return (int)e->code;
  if (n)
    memcpy(b->p + b->len, p, n);
  b->len += n;
  b->p[b->len] = 0;
  return HJ_E_OK;
}

int hj_buf_text(struct hj_buf *b, const char *text, struct hj_err *e)
{
  return hj_buf_add(b, text, strlen(text), e);
}

int hj_buf_printf(struct hj_buf *b, struct hj_err *e, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0)
    return hj_fail(e, HJ_E_BUG, "a text could not be formatted");
  if ((size_t)n > b->max - b->len)
    return too_big(b, e);
  if (make_room(b, b->len + (size_t)n, e))
    return (int)e->code;
  va_start(ap, fmt);
  (void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
  va_end(ap);
  b->len += (size_t)n;
  return HJ_E_OK;
}
