/* tests/c/test_check.c - one wrong byte is found, by sums and by digest, and its place is told; what can be kept of the file is kept. */
#include "store/check.h"
#include "store/layout.h"
#include "store/sums.h"
#include "store_kit.h"
#include "sweep.h"
#include "util/mem.h"

#define CELL HJ_SUMS_CELL
enum { SIZE = 5 * (256 << 10) + 77 };

static uint8_t content[SIZE];

static const char *make_file(const char *name, struct hj_promise *of)
{
  const char *path = temp_path(name);
  fill_bytes(content, SIZE, 11);
  *of = promise_of(HJ_SHA256, content, SIZE);
  put_file(path, content, SIZE);
  return path;
}

static void flip(const char *path, long at)
{
  FILE *f = fopen(path, "r+b");
  CHECK(f != NULL);
  CHECK_EQ(fseek(f, at, SEEK_SET), 0);
  int byte = fgetc(f);
  CHECK_EQ(fseek(f, at, SEEK_SET), 0);
  CHECK(fputc(byte ^ 1, f) != EOF);
  CHECK_EQ(fclose(f), 0);
}

static struct hj_check look(const char *path, const struct hj_promise *of, const char *sums, bool fast)
{
  struct hj_check c = { .path = path, .promise = *of, .sums_dir = sums, .e = HJ_ERR_INIT };
  hj_check_files(&c, 1, fast, 2, NULL, NULL);
  return c;
}

TEST(sums_that_are_written_are_read_again_and_a_flipped_bit_is_nonsense)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_promise of = promise_of(HJ_SHA256, "abc", 3), other = promise_of(HJ_SHA256, "abd", 3);
  struct hj_sums s, back;
  struct hj_buf raw;
  hj_buf_init(&raw, 4096);
  CHECK_OK(hj_sums_new(&s, 3 * (uint64_t)CELL + 1, &of, &e), e);
  CHECK_EQ(s.n, 4);
  CHECK_EQ(hj_sums_len(&s, 0), CELL);
  CHECK_EQ(hj_sums_len(&s, 3), 1);
  for (size_t i = 0; i < s.n; i++)
    s.cell[i] = UINT64_MAX - i;
  CHECK_OK(hj_sums_put(&s, &raw, &e), e);
  CHECK_OK(hj_sums_get(&back, raw.p, raw.len, &of, &e), e);
  CHECK_EQ(back.size, s.size);
  CHECK_EQ(back.cell[3], UINT64_MAX - 3);
  hj_sums_release(&back);
  CHECK_CODE(hj_sums_get(&back, raw.p, raw.len, &other, &e), HJ_E_STALE, e);
  for (size_t bit = 0; bit < raw.len * 8; bit++) {
    hj_err_clear(&e);
    raw.p[bit / 8] ^= (char)(1u << (bit % 8));
    CHECK_CODE(hj_sums_get(&back, raw.p, raw.len, &of, &e), HJ_E_STALE, e);
    raw.p[bit / 8] ^= (char)(1u << (bit % 8));
  }
  for (size_t n = 0; n < raw.len; n++) {
    hj_err_clear(&e);
    CHECK_CODE(hj_sums_get(&back, raw.p, n, &of, &e), HJ_E_STALE, e);
  }
  hj_sums_release(&s);
  hj_buf_release(&raw);
}

TEST(a_file_too_large_for_sums_has_none)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_promise of = promise_of(HJ_SHA256, "", 0);
  struct hj_sums s;
  CHECK_CODE(hj_sums_new(&s, UINT64_MAX, &of, &e), HJ_E_TOOBIG, e);
  hj_sums_release(&s);
  hj_err_clear(&e);
  CHECK_OK(hj_sums_new(&s, 0, &of, &e), e);
  CHECK_EQ(s.n, 0);
  hj_sums_release(&s);
}

/* Pieces in any order, of any grid, some twice: what the journal says last, and what it does not say is read. */
TEST(a_journal_gives_its_sums_and_what_it_does_not_cover_is_read)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_promise of;
  const char *path = make_file("file", &of);
  struct hj_journal j;
  struct hj_journal_head head = { SIZE, 1 };
  hj_file f = HJ_FILE_INIT;
  struct hj_sums s;
  const struct hj_piece rows[] = {
    { 2 * CELL, CELL, 666 },                                                   /* stale: written again below */
    { CELL, CELL, hj_xxh3(content + CELL, CELL) },
    { 0, 1000, 1 }, { 1000, CELL - 1000, 2 },                                  /* a cell in two parts: read */
    { 2 * CELL, CELL, hj_xxh3(content + 2 * CELL, CELL) },
    { 5 * (uint64_t)CELL, 77, hj_xxh3(content + 5 * CELL, 77) },
    { 3 * CELL + 5, CELL, 3 },                                                 /* across two: both are read */
  };
  CHECK_OK(hj_journal_create(&j, temp_path("journal"), &head, &e), e);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    CHECK_OK(hj_journal_add(&j, &rows[i], &e), e);
  CHECK_OK(hj_file_open(&f, path, HJ_OPEN_READ, 0, &e), e);
  CHECK_OK(hj_sums_new(&s, SIZE, &of, &e), e);
  CHECK_OK(hj_sums_of_journal(&s, &j, &f, &e), e);
  for (size_t i = 0; i < s.n; i++)
    CHECK_EQ(s.cell[i], hj_xxh3(content + i * CELL, hj_sums_len(&s, i)));
  hj_sums_release(&s);
  hj_file_close(&f);
  hj_journal_close(&j);
}

TEST(a_good_file_is_good_by_digest_and_then_by_sums)
{
  struct hj_promise of;
  const char *path = make_file("file", &of), *sums = temp_path("sums");
  struct hj_check c = look(path, &of, sums, true);
  CHECK_EQ(c.verdict, HJ_CHECK_GOOD);
  CHECK_EQ(c.by, HJ_BY_DIGEST);
  CHECK(!c.had_sums);
  c = look(path, &of, sums, true);
  CHECK_EQ(c.verdict, HJ_CHECK_GOOD);
  CHECK_EQ(c.by, HJ_BY_SUMS);
  c = look(path, &of, sums, false);
  CHECK_EQ(c.by, HJ_BY_DIGEST);
  hj_ranges_release(&c.damaged);
}

TEST(a_flipped_byte_is_found_where_it_is)
{
  static const long rows[] = { 0, CELL - 1, CELL, 3 * CELL + 9, SIZE - 1 };
  struct hj_promise of;
  const char *path = make_file("file", &of), *sums = temp_path("sums");
  (void)look(path, &of, sums, false);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    for (int fast = 0; fast < 2; fast++) {
      context("row %zu, fast %d", i, fast);
      flip(path, rows[i]);
      struct hj_check c = look(path, &of, sums, fast);
      uint64_t at = (uint64_t)rows[i] / CELL * CELL;
      CHECK_EQ(c.verdict, HJ_CHECK_DAMAGED);
      CHECK_EQ(c.by, HJ_BY_DIGEST);                       /* what sums deny is decided by the digest */
      CHECK_EQ(c.damaged.n, 1);
      CHECK_EQ(c.damaged.p[0].at, at);
      CHECK_EQ(c.damaged.p[0].end, at + CELL < SIZE ? at + CELL : SIZE);
      hj_ranges_release(&c.damaged);
      flip(path, rows[i]);
    }
}

TEST(sums_that_deny_a_good_file_are_made_anew)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_promise of;
  const char *path = make_file("file", &of), *dir = temp_path("sums");
  struct hj_sums s;
  CHECK_OK(hj_sums_new(&s, SIZE, &of, &e), e);            /* all zero: fit nothing */
  CHECK_OK(hj_sums_save(&s, dir, &of, &e), e);
  hj_sums_release(&s);
  struct hj_check c = look(path, &of, dir, true);
  CHECK_EQ(c.verdict, HJ_CHECK_GOOD);
  CHECK_EQ(c.damaged.n, 0);
  hj_ranges_release(&c.damaged);
  c = look(path, &of, dir, true);
  CHECK_EQ(c.by, HJ_BY_SUMS);
  hj_ranges_release(&c.damaged);
}

TEST(without_sums_all_of_a_damaged_file_is_in_doubt)
{
  struct hj_promise of;
  const char *path = make_file("file", &of);
  flip(path, 5);
  struct hj_check c = look(path, &of, temp_path("sums"), true);
  CHECK_EQ(c.verdict, HJ_CHECK_DAMAGED);
  CHECK_EQ(hj_ranges_sum(&c.damaged), SIZE);
  hj_ranges_release(&c.damaged);
}

TEST(each_of_many_files_has_its_own_verdict)
{
  struct hj_check all[40];
  char sums[300], name[64], *paths[40];
  struct hj_check_counts counts = { 0 };
  struct hj_promise of;
  make_dirs(temp_path("many"));
  (void)snprintf(sums, sizeof sums, "%s", temp_path("sums"));
  for (int i = 0; i < 40; i++) {
    (void)snprintf(name, sizeof name, "many/%d", i);
    const char *path = i == 7 ? temp_path("many/none") : make_file(name, &of);
    if (i % 5 == 1)
      flip(path, i);
    all[i] = (struct hj_check){ .path = paths[i] = strdup(path), .promise = of, .sums_dir = i % 2 ? sums : NULL, .e = HJ_ERR_INIT };
  }
  hj_check_files(all, 40, true, 0, NULL, &counts);
  CHECK_EQ(atomic_load(&counts.files), 40);
  for (int i = 0; i < 40; i++) {
    context("file %d", i);
    CHECK_EQ(all[i].verdict, i == 7 ? HJ_CHECK_FAILED : i % 5 == 1 ? HJ_CHECK_DAMAGED : HJ_CHECK_GOOD);
    CHECK_EQ(all[i].e.code, i == 7 ? HJ_E_NONE : HJ_E_OK);
    hj_ranges_release(&all[i].damaged);
    free(paths[i]);
  }
}

TEST(a_check_that_is_stopped_says_so)
{
  struct hj_promise of;
  const char *path = make_file("file", &of), *sums = temp_path("sums");
  atomic_int stop = 1;
  (void)look(path, &of, sums, false);
  for (int fast = 0; fast < 2; fast++) {
    struct hj_check c = { .path = path, .promise = of, .sums_dir = sums, .e = HJ_ERR_INIT };
    hj_check_files(&c, 1, fast, 0, &stop, NULL);
    CHECK_EQ(c.verdict, HJ_CHECK_FAILED);
    CHECK_EQ(c.e.code, HJ_E_CANCELLED);
    hj_ranges_release(&c.damaged);
  }
}

TEST(what_is_good_of_a_damaged_file_becomes_a_partial_that_is_continued)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_promise of, got;
  const char *path = make_file("file", &of), *sums = temp_path("sums"), *partials = temp_path("side/partial");
  char hex[65];
  uint64_t lacking = 0;
  struct hj_blob *b = NULL;
  CHECK_CODE(hj_check_salvage(path, partials, sums, &of, 0444, NULL, &lacking, &e), HJ_E_NONE, e);
  hj_err_clear(&e);
  (void)look(path, &of, sums, false);
  flip(path, 2 * CELL);
  CHECK_OK(hj_check_salvage(path, partials, sums, &of, 0444, NULL, &lacking, &e), e);
  CHECK_EQ(lacking, CELL);
  etag_of(HJ_SHA256, content, SIZE, hex);
  struct hj_blob_want want = { .final = path, .partial_dir = partials, .key = hex, .promise = of, .validator = "", .size = SIZE, .mode = 0444,
                               .replace = true, .resume = true };
  CHECK_OK(hj_blob_open(&b, &want, &e), e);
  CHECK_EQ(hj_blob_landed(b), SIZE - CELL);
  CHECK(!hj_ranges_has(hj_blob_held(b), 2 * CELL, 2 * CELL + 1));
  CHECK_OK(hj_blob_put(b, 2 * CELL, content + 2 * CELL, CELL, &e), e);
  hj_blobs_prove(&(struct hj_proof){ b, NULL, &e }, 1, UINT64_MAX);
  CHECK_OK(hj_blob_commit(b, &got, &e), e);
  hj_blob_drop(b, false);
  struct hj_check c = look(path, &of, sums, true);
  CHECK_EQ(c.verdict, HJ_CHECK_GOOD);
  hj_ranges_release(&c.damaged);
}

/* ---- every failure ---- */

struct scene { const char *good, *bad, *sums, *partials; struct hj_promise of; };

/* Never a good word for a bad file. A good one that the disk does not give is called damaged: that is a report, too. */
static int check_scene(void *user, struct hj_err *e)
{
  const struct scene *s = user;
  uint64_t lacking = 0;
  struct hj_check c[2] = { { .path = s->good, .promise = s->of, .sums_dir = s->sums, .e = HJ_ERR_INIT },
                           { .path = s->bad, .promise = s->of, .sums_dir = s->sums, .e = HJ_ERR_INIT } };
  hj_check_files(c, 2, true, 1, NULL, NULL);
  CHECK(c[1].verdict != HJ_CHECK_GOOD);
  for (int i = 0; i < 2; i++) {
    if (c[i].e.code != HJ_E_OK && e->code == HJ_E_OK)
      *e = c[i].e;
    else if (c[i].verdict == HJ_CHECK_DAMAGED && i == 0)
      (void)hj_fail(e, HJ_E_IO, "called damaged");
    hj_ranges_release(&c[i].damaged);
  }
  if (e->code == HJ_E_OK && !hj_check_salvage(s->bad, s->partials, s->sums, &s->of, 0444, NULL, &lacking, e))
    CHECK(lacking >= CELL);
  return (int)e->code;
}

TEST(a_check_and_a_salvage_survive_every_failure)
{
  struct hj_promise of;
  char good[300], sums[300], bad[300], partials[300];
  (void)snprintf(good, sizeof good, "%s", make_file("good", &of));
  (void)snprintf(bad, sizeof bad, "%s", make_file("bad", &of));
  (void)snprintf(sums, sizeof sums, "%s", temp_path("sums"));
  (void)snprintf(partials, sizeof partials, "%s", temp_path("side/partial"));
  flip(bad, CELL);
  (void)look(good, &of, sums, false);
  struct scene scene = { good, bad, sums, partials, of };
  sweep_memory("check", check_scene, &scene);
  sweep_platform("check", check_scene, &scene);
}

struct kill_job { const struct scene *scene; int at; };

static void check_and_die(void *user)
{
  const struct kill_job *job = user;
  struct hj_err e = HJ_ERR_INIT;
  hj_fault_at(job->at, -1);
  (void)check_scene((void *)(uintptr_t)job->scene, &e);
}

/* What the dead one left (sums, half of a salvage) does not make a bad file good, and the next one repairs it: one cell is lacking. */
static void repair(const struct scene *s)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_promise got;
  struct hj_blob *b = NULL;
  struct hj_span gap;
  char hex[65];
  uint64_t lacking = 0;
  struct hj_check c = look(s->bad, &s->of, s->sums, true);
  CHECK_EQ(c.verdict, HJ_CHECK_DAMAGED);
  hj_ranges_release(&c.damaged);
  CHECK_OK(hj_check_salvage(s->bad, s->partials, s->sums, &s->of, 0444, NULL, &lacking, &e), e);
  CHECK_EQ(lacking, CELL);
  etag_of(HJ_SHA256, content, SIZE, hex);
  struct hj_blob_want want = { .final = s->bad, .partial_dir = s->partials, .key = hex, .promise = s->of, .validator = "", .size = SIZE, .mode = 0644,
                               .replace = true, .resume = true };
  CHECK_OK(hj_blob_open(&b, &want, &e), e);
  while (hj_ranges_gap(hj_blob_held(b), 0, SIZE, &gap))
    CHECK_OK(hj_blob_put(b, gap.at, content + gap.at, (size_t)(gap.end - gap.at), &e), e);
  while (hj_blob_provable(b)) {
    hj_blobs_prove(&(struct hj_proof){ b, NULL, &e }, 1, UINT64_MAX);
    CHECK_OK((int)e.code, e);
  }
  CHECK_OK(hj_blob_commit(b, &got, &e), e);
  hj_blob_drop(b, false);
}

TEST(a_kill_at_any_call_of_a_check_or_a_salvage_makes_no_bad_file_good)
{
  struct hj_promise of;
  char good[300], sums[300], bad[300], partials[300];
  (void)snprintf(good, sizeof good, "%s", make_file("good", &of));
  (void)snprintf(bad, sizeof bad, "%s", make_file("bad", &of));
  (void)snprintf(sums, sizeof sums, "%s", temp_path("sums"));
  (void)snprintf(partials, sizeof partials, "%s", temp_path("side/partial"));
  struct scene scene = { good, bad, sums, partials, of };
  struct kill_job job = { &scene, 1 };
  for (;; job.at++) {
    context("kill at call %d", job.at);
    remove_all(sums);
    remove_all(partials);
    (void)look(good, &of, sums, false);
    flip(bad, CELL);
    int end = in_child(check_and_die, &job);
    repair(&scene);
    struct hj_check c = look(bad, &of, sums, false);
    CHECK_EQ(c.verdict, HJ_CHECK_GOOD);
    hj_ranges_release(&c.damaged);
    c = look(good, &of, sums, true);
    CHECK_EQ(c.verdict, HJ_CHECK_GOOD);
    hj_ranges_release(&c.damaged);
    if (end == 0)
      break;
    CHECK_EQ(end, -SIGKILL);
  }
  CHECK_GT(job.at, 20);
  printf("killed at %d calls\n", job.at - 1);
}
