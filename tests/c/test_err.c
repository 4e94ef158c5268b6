/* tests/c/test_err.c - one cause, one line, one table. */
#include <errno.h>
#include <stdio.h>

#include "harness.h"
#include "util/trace.h"

TEST(the_first_cause_stays)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_EQ(hj_fail(&e, HJ_E_NOSPACE, "no room for %d", 5), HJ_E_NOSPACE);
  CHECK_EQ(hj_fail(&e, HJ_E_IO, "close failed"), HJ_E_NOSPACE);
  CHECK_EQ(hj_fail_sys(&e, EIO, "close failed"), HJ_E_NOSPACE);
  CHECK_EQ(e.code, HJ_E_NOSPACE);
  CHECK_EQ(e.sys, 0);
  CHECK_STR(e.msg, "no room for 5");
}

TEST(a_second_cause_is_traced)
{
  struct hj_err e = HJ_ERR_INIT;
  enum hj_trace_part part;
  char line[256];
  CHECK(hj_trace_set("err"));
  (void)hj_fail(&e, HJ_E_NOSPACE, "no room");
  (void)hj_fail(&e, HJ_E_IO, "close failed");
  CHECK(hj_trace_next(&part, line, sizeof line));
  CHECK_HAS(line, "NOSPACE: no room");
  CHECK(hj_trace_next(&part, line, sizeof line));
  CHECK_EQ(part, HJ_T_ERR);
  CHECK_HAS(line, "after NOSPACE: IO: close failed");
  CHECK_HAS(line, "test_err.c:");
  CHECK(!hj_trace_next(&part, line, sizeof line));
  CHECK(hj_trace_set(""));
}

TEST(an_error_knows_where_it_was_noticed)
{
  struct hj_err e = HJ_ERR_INIT;
  (void)hj_fail(&e, HJ_E_BUG, "x"); int line = __LINE__;
  CHECK_EQ(e.line, line);
  CHECK_HAS(e.file, "test_err.c");
  CHECK_EQ(e.retry_ms, -1);
}

TEST(a_message_is_one_printable_line)
{
  struct hj_err e = HJ_ERR_INIT;
  (void)hj_fail(&e, HJ_E_IO, "a\nb\tc\x7f" "d\x1b[31m %s", "é");
  CHECK_STR(e.msg, "a?b?c?d?[31m é");
}

TEST(a_long_message_is_cut_between_characters)
{
  struct hj_err e = HJ_ERR_INIT;
  char text[400];
  memset(text, 'a', sizeof text);
  memcpy(text + 253, "\xe4\xb8\xad", 3);   /* bytes 253..255: the last does not fit */
  text[399] = 0;
  (void)hj_fail(&e, HJ_E_IO, "%s", text);
  CHECK_EQ(strlen(e.msg), 253);
  hj_err_clear(&e);
  CHECK_EQ(e.code, HJ_E_OK);
  CHECK_EQ(e.retry_ms, -1);
  CHECK_STR(e.msg, "");
}

TEST(a_long_path_does_not_push_the_reason_out)
{
  struct hj_err e = HJ_ERR_INIT;
  char path[1000];
  memset(path, 'p', sizeof path);
  path[999] = 0;
  CHECK_EQ(hj_fail_sys(&e, ENOSPC, "write %s", path), HJ_E_NOSPACE);
  CHECK_HAS(e.msg, ": No space left on device");
  CHECK_HAS(e.msg, "write ppp");
  CHECK_EQ(e.sys, ENOSPC);
}

TEST(success_or_nonsense_as_a_failure_is_a_bug)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_CODE(hj_fail(&e, HJ_E_OK, "not a failure?"), HJ_E_BUG, e);
  CHECK_CODE(hj_fail(&e, (enum hj_code)9999, "from another world"), HJ_E_BUG, e);
  CHECK_STR(hj_code_name((enum hj_code)9999), "BUG");
  CHECK_STR(hj_code_class((enum hj_code)-1), "InternalError");
  CHECK_STR(hj_code_text(HJ_E_COUNT), hj_code_text(HJ_E_BUG));
  CHECK_CODE(hj_fail(&e, HJ_E_COUNT, "one past the end"), HJ_E_BUG, e);
}

TEST(the_table_is_complete)
{
  for (int c = 0; c < HJ_E_COUNT; c++) {
    enum hj_code code = (enum hj_code)c;
    context("code %d", c);
    CHECK(hj_code_name(code)[0] != 0);
    CHECK(hj_code_text(code)[0] != 0);
    if (code == HJ_E_OK || code == HJ_E_NONE || code == HJ_E_STALE)
      CHECK_STR(hj_code_class(code), "");
    else
      CHECK(hj_code_class(code)[0] != 0);
  }
  CHECK_STR(hj_code_name(HJ_E_HTTP_AUTH), "HTTP_AUTH");
  CHECK_STR(hj_code_class(HJ_E_DIGEST), "IntegrityError");
  CHECK(hj_code_again(HJ_E_RESET));
  CHECK(!hj_code_again(HJ_E_TLS));
}

TEST(each_errno_has_the_code_of_the_contract)
{
  static const struct { int sys; enum hj_code code; } rows[] = {
    { ENOSPC, HJ_E_NOSPACE }, { EDQUOT, HJ_E_NOSPACE }, { EROFS, HJ_E_READONLY }, { EACCES, HJ_E_DENIED },
    { EPERM, HJ_E_DENIED }, { ELOOP, HJ_E_DENIED }, { ENOSYS, HJ_E_DENIED }, { ENOTSUP, HJ_E_DENIED },
    { EOPNOTSUPP, HJ_E_DENIED }, { EISDIR, HJ_E_DENIED }, { ENAMETOOLONG, HJ_E_NAME }, { EILSEQ, HJ_E_NAME },
    { ENOMEM, HJ_E_NOMEM }, { ENOENT, HJ_E_NONE }, { ENOTDIR, HJ_E_NONE }, { EEXIST, HJ_E_EXISTS },
    { ENOTEMPTY, HJ_E_EXISTS }, { EIO, HJ_E_IO }, { EMFILE, HJ_E_IO }, { EFBIG, HJ_E_IO }, { 0, HJ_E_IO }, { 99999, HJ_E_IO },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("errno %d", rows[i].sys);
    CHECK_EQ(hj_code_of_sys(rows[i].sys), rows[i].code);
  }
}

TEST(an_error_is_small_enough_for_any_stack)
{
  CHECK_LE(sizeof(struct hj_err), 640);
}
