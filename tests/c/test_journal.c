/* tests/c/test_journal.c - a journal is believed where every bit fits, and nowhere else. */
#include "store/journal.h"
#include "store_kit.h"
#include "sweep.h"

TEST(what_the_journal_writes_it_reads_again)
{
  static const struct hj_piece rows[] = {
    { 0, 1, 0 }, { 0, 1000, UINT64_MAX }, { 999, 1, 7 }, { 500, 500, 0x0123456789abcdef }, { 0, 1, 1 },
  };
  uint8_t raw[HJ_JOURNAL_RECORD];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_piece back;
    hj_journal_put_piece(raw, &rows[i]);
    CHECK(hj_journal_get_piece(raw, 1000, &back));
    CHECK_EQ(back.at, rows[i].at);
    CHECK_EQ(back.len, rows[i].len);
    CHECK_EQ(back.sum, rows[i].sum);
  }
  struct hj_journal_head head = { UINT64_MAX, 42 }, again = { 0, 0 };
  hj_journal_put_head(raw, &head);
  CHECK(hj_journal_get_head(raw, &again));
  CHECK_EQ(again.total, UINT64_MAX);
  CHECK_EQ(again.tag, 42);
}

TEST(a_flipped_bit_in_the_journal_is_nonsense)
{
  uint8_t raw[32];
  struct hj_piece piece = { 4096, 65536, 0xfeedfacecafebeef };
  struct hj_journal_head head = { 1u << 20, 99 };
  for (unsigned bit = 0; bit < 256; bit++) {
    hj_journal_put_piece(raw, &piece);
    raw[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    CHECK(!hj_journal_get_piece(raw, 1u << 20, &piece));
    hj_journal_put_head(raw, &head);
    raw[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    CHECK(!hj_journal_get_head(raw, &head));
  }
}

TEST(a_piece_outside_the_file_is_nonsense)
{
  static const struct { struct hj_piece p; uint64_t total; bool ok; } rows[] = {
    { { 0, 0, 1 }, 10, false }, { { 0, 10, 1 }, 10, true }, { { 0, 11, 1 }, 10, false }, { { 10, 1, 1 }, 10, false },
    { { 9, 1, 1 }, 10, true }, { { UINT64_MAX, 1, 1 }, 10, false }, { { 1, UINT64_MAX, 1 }, 10, false },
    { { UINT64_MAX, UINT64_MAX, 1 }, UINT64_MAX, false }, { { 1, UINT64_MAX, 1 }, UINT64_MAX, false },
    { { INT64_MAX - 5, 5, 1 }, UINT64_MAX, true }, { { INT64_MAX - 5, 6, 1 }, UINT64_MAX, false }, { { 0, 1, 1 }, 0, false },
  };
  uint8_t raw[32];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_piece back;
    context("row %zu", i);
    hj_journal_put_piece(raw, &rows[i].p);
    CHECK_EQ(hj_journal_get_piece(raw, rows[i].total, &back), rows[i].ok);
  }
}

struct seen { size_t n, stop_at; uint64_t last_at; };

static int count(void *user, const struct hj_piece *p, struct hj_err *e)
{
  struct seen *s = user;
  s->n++;
  s->last_at = p->at;
  return s->n == s->stop_at ? hj_fail(e, HJ_E_CANCELLED, "enough") : HJ_E_OK;
}

static const struct hj_journal_head HEAD = { 1u << 30, 7 };

/* n records, 256 bytes each. */
static void write_journal(const char *path, size_t n)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_journal j;
  CHECK_OK(hj_journal_create(&j, path, &HEAD, &e), e);
  for (size_t i = 0; i < n; i++)
    CHECK_OK(hj_journal_add(&j, &(struct hj_piece){ i * 256, 256, i }, &e), e);
  hj_journal_close(&j);
}

static size_t records_in(const char *path)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_journal j;
  struct seen s = { 0, 0, 0 };
  CHECK_OK(hj_journal_open(&j, path, &HEAD, &e), e);
  CHECK_OK(hj_journal_each(&j, count, &s, &e), e);
  hj_journal_close(&j);
  return s.n;
}

TEST(records_come_back_in_order_of_writing)
{
  const char *path = temp_path("journal");
  static const size_t counts[] = { 0, 1, 127, 128, 129, 1000 };      /* around the blocks it reads */
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    uint64_t bytes = 0;
    struct hj_err e = HJ_ERR_INIT;
    write_journal(path, counts[i]);
    CHECK_EQ(records_in(path), counts[i]);
    CHECK_OK(hj_journal_sum(path, &bytes, &e), e);
    CHECK_EQ(bytes, counts[i] * 256);
  }
}

TEST(a_torn_last_record_is_ignored_and_written_over)
{
  const char *path = temp_path("journal");
  struct hj_err e = HJ_ERR_INIT;
  for (int cut = 1; cut < HJ_JOURNAL_RECORD; cut++) {
    struct hj_journal j;
    struct seen s = { 0, 0, 0 };
    write_journal(path, 130);
    CHECK_EQ(truncate(path, HJ_JOURNAL_HEAD + 130 * HJ_JOURNAL_RECORD - cut), 0);
    CHECK_OK(hj_journal_open(&j, path, &HEAD, &e), e);
    CHECK_OK(hj_journal_each(&j, count, &s, &e), e);
    CHECK_EQ(s.n, 129);
    CHECK_OK(hj_journal_add(&j, &(struct hj_piece){ 777, 1, 1 }, &e), e);
    CHECK_OK(hj_journal_each(&j, count, &s, &e), e);
    CHECK_EQ(s.n, 129 + 130);
    CHECK_EQ(s.last_at, 777);
    hj_journal_close(&j);
  }
}

TEST(nothing_behind_a_bad_record_is_believed)
{
  const char *path = temp_path("journal");
  write_journal(path, 300);
  int fd = open(path, O_RDWR);
  CHECK(fd >= 0);
  CHECK_EQ(pwrite(fd, "XXXXXXXX", 8, HJ_JOURNAL_HEAD + 150 * HJ_JOURNAL_RECORD + 16), 8);
  close(fd);
  CHECK_EQ(records_in(path), 150);
}

TEST(a_journal_of_something_else_is_stale)
{
  static const struct { struct hj_journal_head h; enum hj_code code; } rows[] = {
    { { 1u << 30, 7 }, HJ_E_OK }, { { 1u << 30, 8 }, HJ_E_STALE }, { { 1u << 29, 7 }, HJ_E_STALE }, { { UINT64_MAX, 7 }, HJ_E_OK },
  };
  const char *path = temp_path("journal");
  struct hj_err e = HJ_ERR_INIT;
  struct hj_journal j;
  uint64_t bytes;
  CHECK_CODE(hj_journal_open(&j, path, &HEAD, &e), HJ_E_NONE, e);
  CHECK_CODE(hj_journal_sum(path, &bytes, &e), HJ_E_NONE, e);
  write_journal(path, 3);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("row %zu", i);
    CHECK_CODE(hj_journal_open(&j, path, &rows[i].h, &e), rows[i].code, e);
    hj_journal_close(&j);
  }
  static const char *const texts[] = { "", "HJJ1", "HJJ2................................", "HJJ1\2..............................." };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    put_text(path, texts[i]);
    CHECK_CODE(hj_journal_open(&j, path, &HEAD, &e), HJ_E_STALE, e);
    CHECK_CODE(hj_journal_sum(path, &bytes, &e), HJ_E_STALE, e);
  }
}

TEST(a_total_learnt_later_is_written_down)
{
  const char *path = temp_path("journal");
  struct hj_err e = HJ_ERR_INIT;
  struct hj_journal j;
  CHECK_OK(hj_journal_create(&j, path, &(struct hj_journal_head){ UINT64_MAX, 7 }, &e), e);
  CHECK_OK(hj_journal_add(&j, &(struct hj_piece){ 0, 100, 1 }, &e), e);
  CHECK_OK(hj_journal_settle(&j, 1000, &e), e);
  CHECK_OK(hj_journal_add(&j, &(struct hj_piece){ 100, 100, 1 }, &e), e);
  hj_journal_close(&j);
  CHECK_CODE(hj_journal_open(&j, path, &(struct hj_journal_head){ 999, 7 }, &e), HJ_E_STALE, e);
  CHECK_OK(hj_journal_open(&j, path, &(struct hj_journal_head){ 1000, 7 }, &e), e);
  hj_journal_close(&j);
  CHECK_OK(hj_journal_open(&j, path, &(struct hj_journal_head){ UINT64_MAX, 7 }, &e), e);
  CHECK_EQ(j.head.total, 1000);
  hj_journal_close(&j);
}

TEST(the_journal_stops_growing_at_its_maximum)
{
  const char *path = temp_path("journal");
  struct hj_err e = HJ_ERR_INIT;
  struct hj_journal j;
  write_journal(path, 1);
  CHECK_OK(hj_journal_open(&j, path, &HEAD, &e), e);
  j.end = HJ_JOURNAL_MAX - HJ_JOURNAL_RECORD;
  CHECK_OK(hj_journal_add(&j, &(struct hj_piece){ 0, 1, 1 }, &e), e);
  CHECK_CODE(hj_journal_add(&j, &(struct hj_piece){ 0, 1, 1 }, &e), HJ_E_TOOBIG, e);
  hj_journal_close(&j);
}

TEST(a_walk_ends_where_its_visitor_says)
{
  const char *path = temp_path("journal");
  struct hj_err e = HJ_ERR_INIT;
  struct hj_journal j;
  struct seen s = { 0, 5, 0 };
  write_journal(path, 10);
  CHECK_OK(hj_journal_open(&j, path, &HEAD, &e), e);
  CHECK_CODE(hj_journal_each(&j, count, &s, &e), HJ_E_CANCELLED, e);
  CHECK_EQ(s.n, 5);
  hj_journal_close(&j);
}

static int journal_scene(void *user, struct hj_err *e)
{
  const char *path = user;
  struct hj_journal j = HJ_JOURNAL_INIT;
  struct seen s = { 0, 0, 0 };
  if (hj_journal_create(&j, path, &HEAD, e) || hj_journal_add(&j, &(struct hj_piece){ 0, 10, 1 }, e))
    goto out;
  hj_journal_close(&j);
  if (hj_journal_open(&j, path, &HEAD, e) || hj_journal_each(&j, count, &s, e) || hj_journal_add(&j, &(struct hj_piece){ 10, 10, 1 }, e))
    goto out;
  CHECK_EQ(s.n, 1);
out:
  hj_journal_close(&j);
  return (int)e->code;
}

TEST(the_journal_survives_every_failing_call)
{
  sweep_platform("journal", journal_scene, (void *)(uintptr_t)temp_path("journal"));
}
