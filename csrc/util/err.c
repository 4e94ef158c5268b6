/* util/err.c - see err.h. */
#include "util/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"
#include "util/trace.h"

#include "util/banned.h"

struct row { const char *name, *class_name, *text; bool again; };

static const struct row rows[] = {
#define HJ_X(name, cls, again, text) { #name, cls, text, again },
  HJ_ERR_MAP(HJ_X)
#undef HJ_X
};

static const struct row *row_of(enum hj_code code)
{
  return (unsigned)code < HJ_E_COUNT ? &rows[code] : &rows[HJ_E_BUG];
}

const char *hj_code_name(enum hj_code code) { return row_of(code)->name; }
const char *hj_code_text(enum hj_code code) { return row_of(code)->text; }
const char *hj_code_class(enum hj_code code) { return row_of(code)->class_name; }
bool hj_code_again(enum hj_code code) { return row_of(code)->again; }

void hj_err_clear(struct hj_err *e)
{
  *e = (struct hj_err)HJ_ERR_INIT;
}

/* The text in one line that fits. `tail` (the system's words, at most a third of it) is never cut: a long path in front is. */
static void HJ_PRINTF(4, 0) say(char *out, size_t cap, const char *tail, const char *fmt, va_list ap)
{
  size_t tail_n = strlen(tail);
  if (vsnprintf(out, cap - tail_n, fmt, ap) < 0)
    out[0] = 0;
  hj_text_end_whole(out);
  size_t n = strlen(out);
  memcpy(out + n, tail, tail_n + 1);
  hj_text_one_line(out);
}

static int HJ_PRINTF(6, 0) take_cause(struct hj_err *e, const char *file, int line, enum hj_code code, const char *tail,
                                      const char *fmt, va_list ap)
{
  if (e->code != HJ_E_OK) {
    char late[sizeof e->msg];
    say(late, sizeof late, tail, fmt, ap);
    HJ_TRACE(HJ_T_ERR, 0, "after %s: %s: %s (%s:%d)", hj_code_name(e->code), hj_code_name(code), late, file, line);
    return (int)e->code;
  }
  /* A failure without a code would be taken for success by every caller. */
  e->code = code == HJ_E_OK || (unsigned)code >= HJ_E_COUNT ? HJ_E_BUG : code;
  e->file = file;
  e->line = line;
  say(e->msg, sizeof e->msg, tail, fmt, ap);
  HJ_TRACE(HJ_T_ERR, 0, "%s: %s (%s:%d)", hj_code_name(e->code), e->msg, file, line);
  return (int)e->code;
}

int hj_fail_at(struct hj_err *e, const char *file, int line, enum hj_code code, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  int rc = take_cause(e, file, line, code, "", fmt, ap);
  va_end(ap);
  return rc;
}

int hj_fail_sys_at(struct hj_err *e, const char *file, int line, int sys, const char *fmt, ...)
{
  char tail[96];
  /* strerror: of the C libraries we run on (glibc >= 2.32, musl, macOS, UCRT) each answers known numbers from
   * constant text or a buffer of the thread, so threads do not disturb each other here. */
  (void)snprintf(tail, sizeof tail, ": %s", strerror(sys));
  if (e->code == HJ_E_OK)
    e->sys = sys;
  va_list ap;
  va_start(ap, fmt);
  int rc = take_cause(e, file, line, hj_code_of_sys(sys), tail, fmt, ap);
  va_end(ap);
  return rc;
}

enum hj_code hj_code_of_sys(int sys)
{
  switch (sys) {
  case ENOSPC:
#ifdef EDQUOT
  case EDQUOT:
#endif
    return HJ_E_NOSPACE;
  case EROFS:
    return HJ_E_READONLY;
  case EACCES:
  case EPERM:
  case EISDIR:  /* Linux's word for unlink() of a folder; macOS and POSIX say EPERM */
  case ELOOP:   /* a symbolic link where O_NOFOLLOW forbids one */
  case ENOSYS:  /* FUSE (Drive) and exFAT, asked for a link */
  case ENOTSUP:
#if EOPNOTSUPP != ENOTSUP
  case EOPNOTSUPP:
#endif
    return HJ_E_DENIED;
  case ENAMETOOLONG:
  case EILSEQ:
    return HJ_E_NAME;
  case ENOMEM:
    return HJ_E_NOMEM;
  case ENOENT:
  case ENOTDIR: /* a file where a folder was meant: below it there is nothing */
    return HJ_E_NONE;
  case EEXIST:
  case ENOTEMPTY:
    return HJ_E_EXISTS;
  default:
    return HJ_E_IO;
  }
}
