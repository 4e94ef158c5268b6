/* plat/plat_any.c - what needs no operating system: how much of a path is shown, and the difference of two times. */
#include <string.h>

#include "plat/any_int.h"
#include "plat/clock.h"

#include "util/banned.h"

#define PATH_SHOWN 140u /* leaves room in hj_err.msg for the words before and after */

int64_t hj_clock_span_ns(int64_t from, int64_t to)
{
  if (from < 0 && to > INT64_MAX + from)
    return INT64_MAX;
  if (from > 0 && to < INT64_MIN + from)
    return INT64_MIN;
  return to - from;
}

const char *hj_path_tail(const char *path, const char **dots)
{
  size_t n = strlen(path);
  *dots = "";
  if (n <= PATH_SHOWN)
    return path;
  *dots = "...";
  path += n - PATH_SHOWN;
  while (((unsigned char)*path & 0xC0) == 0x80) /* not into the middle of an UTF-8 character */
    path++;
  return path;
}
