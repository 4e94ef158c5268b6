/* digest/gitblob.c - git's name of a file: SHA-1 over "blob <size>\0" and the bytes. Small files of the hub have it as etag. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "digest/algo_int.h"
#include "util/mem.h"

#include "util/banned.h"

struct gitblob { void *sha1; uint64_t size, fed; };

static void close_git(void *state)
{
  struct gitblob *g = state;
  if (!g)
    return;
  hj_row_sha1.close(g->sha1);
  hj_mem_free(g);
}

static int open_git(void **state, uint64_t size, struct hj_err *e)
{
  char head[32]; /* "blob ", 20 digits, NUL */
  struct gitblob *g = hj_mem_zero(1, sizeof *g, e);
  if (!g)
    return (int)e->code;
  g->size = size;
  (void)snprintf(head, sizeof head, "blob %" PRIu64, size);
  if (hj_row_sha1.open(&g->sha1, 0, e) || hj_row_sha1.feed(g->sha1, head, strlen(head) + 1, e)) {
    close_git(g);
    return (int)e->code;
  }
  *state = g;
  return HJ_E_OK;
}

static int feed_git(void *state, const void *p, size_t n, struct hj_err *e)
{
  struct gitblob *g = state;
  g->fed += n;
  return hj_row_sha1.feed(g->sha1, p, n, e);
}

static int seal_git(void *state, uint8_t *out, struct hj_err *e)
{
  struct gitblob *g = state;
  if (g->fed != g->size) /* the size is in front of what was hashed, so the sum would be of no file at all */
    return hj_fail(e, HJ_E_SIZE, "%" PRIu64 " bytes were expected, %" PRIu64 " came", g->size, g->fed);
  return hj_row_sha1.seal(g->sha1, out, e);
}

const struct hj_algo_row hj_row_git_sha1 = { "git-sha1", 20, open_git, feed_git, seal_git, close_git };
