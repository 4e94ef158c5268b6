/* tests/c/test_blob.c - pieces in any order, deaths at any moment, disks that lie: under its name a file is whole and right. */
#include "digest/hashfile.h"
#include "plat/thread.h"
#include "store/blob.h"
#include "store/claim.h"
#include "store/journal.h"
#include "store_kit.h"
#include "sweep.h"
#include "util/mem.h"

#define KIB 1024u
#define SIZE (700u * KIB + 13)         /* three pieces, the last one short */

static uint8_t body[2u << 20];

static const char *root(void)
{
  static char path[600];
  (void)snprintf(path, sizeof path, "%s/repo", temp_dir());
  return path;
}

static char final_path[700], partial_path[700], tmp_path[700], etag[65];

/* A file of n bytes, promised as sha256, in a repository that is empty. */
static struct hj_blob_want wanted(size_t n)
{
  fill_bytes(body, n, n);
  etag_of(HJ_SHA256, body, n, etag);
  (void)snprintf(final_path, sizeof final_path, "%s/blobs/%s", root(), etag);
  (void)snprintf(partial_path, sizeof partial_path, "%s/.hubjet/partial", root());
  (void)snprintf(tmp_path, sizeof tmp_path, "%s/.hubjet/tmp", root());
  return (struct hj_blob_want){
    .final = final_path, .partial_dir = partial_path, .key = etag, .promise = promise_of(HJ_SHA256, body, n), .validator = "",
    .size = n, .mode = 0444, .replace = false, .sync = false, .resume = true,
  };
}

static struct hj_blob *open_blob(const struct hj_blob_want *w)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob *b = NULL;
  CHECK_OK(hj_blob_open(&b, w, &e), e);
  return b;
}

static void put(struct hj_blob *b, uint64_t at, uint64_t n)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_OK(hj_blob_put(b, at, body + at, n, &e), e);
}

static void put_rest(struct hj_blob *b, uint64_t size)
{
  struct hj_span gap;
  while (hj_ranges_gap(hj_blob_held(b), 0, size, &gap))
    put(b, gap.at, gap.end - gap.at < HJ_PIECE ? gap.end - gap.at : HJ_PIECE);
}

static void prove_all(struct hj_blob *b)
{
  struct hj_err e = HJ_ERR_INIT;
  while (hj_blob_provable(b))
    CHECK_OK(prove_one(b, UINT64_MAX, NULL, &e), e);
}

/* Commits, frees, and looks whether all is as it was promised. */
static void finish(struct hj_blob *b, const struct hj_blob_want *w, size_t n)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_promise got;
  put_rest(b, n);
  prove_all(b);
  CHECK(hj_blob_is_whole(b));
  CHECK_OK(hj_blob_commit(b, &got, &e), e);
  CHECK_EQ(got.algo, w->promise.algo == HJ_ALGO_NONE ? HJ_SHA256 : w->promise.algo);
  hj_blob_drop(b, true);
  CHECK(has_bytes(w->final, body, n));
  CHECK_EQ(stat_of(w->final).st_mode & 07777, w->mode);
  CHECK_EQ(stat_of(w->final).st_nlink, 1);
}

static const char *held_text(const struct hj_blob *b)
{
  static char text[400];
  const struct hj_ranges *held = hj_blob_held(b);
  size_t at = 0;
  text[0] = 0;
  for (size_t i = 0; i < held->n; i++)
    at += (size_t)snprintf(text + at, sizeof text - at, "%s%llu-%llu", i ? " " : "", (unsigned long long)held->p[i].at,
                           (unsigned long long)held->p[i].end);
  return text;
}

/* The only folder under partial/, and a file in it. */
static const char *in_partial(const char *file)
{
  static char path[1100];
  char name[256];
  CHECK_EQ(entries(partial_path, name), 1);
  (void)snprintf(path, sizeof path, "%s/%s/%s", partial_path, name, file);
  return path;
}

static void flip_byte(const char *path, off_t at)
{
  uint8_t byte;
  int fd = open(path, O_RDWR);
  CHECK(fd >= 0);
  CHECK_EQ(pread(fd, &byte, 1, at), 1);
  byte ^= 1;
  CHECK_EQ(pwrite(fd, &byte, 1, at), 1);
  close(fd);
}

/* ---- the good way ---- */

TEST(pieces_in_any_order_become_the_file)
{
  for (uint64_t seed = 1; seed <= 12; seed++) {
    struct hj_blob_want w = wanted(SIZE);
    struct hj_blob *b = open_blob(&w);
    uint64_t dice = seed, landed = 0;
    context("seed %llu", (unsigned long long)seed);
    w.sync = seed % 2;
    for (int i = 0; i < 60; i++) {         /* any alignment, overlapping */
      uint64_t at = next_dice(&dice) % SIZE, n = next_dice(&dice) % (i % 3 ? 5000 : HJ_PIECE);
      put(b, at, n < SIZE - at ? n : SIZE - at);
      CHECK_GE(hj_blob_landed(b), landed);
      landed = hj_blob_landed(b);
      CHECK_EQ(landed, hj_ranges_sum(hj_blob_held(b)));
      CHECK_EQ(hj_blob_proven(b) + hj_blob_provable(b), hj_ranges_reach(hj_blob_held(b), 0));
      if (i % 7 == 0) {
        struct hj_err e = HJ_ERR_INIT;
        CHECK_OK(prove_one(b, 1 + next_dice(&dice) % 100000, NULL, &e), e);
      }
      CHECK(!is_there(w.final));
    }
    finish(b, &w, SIZE);
    CHECK(!is_there(partial_path));
    CHECK(!is_there(temp_path("repo/.hubjet")));
    CHECK_EQ(unlink(w.final), 0);
  }
}

TEST(a_large_put_is_cut_into_pieces)
{
  struct hj_blob_want w = wanted(sizeof body);
  struct hj_blob *b = open_blob(&w);
  put(b, 0, sizeof body);
  CHECK_EQ(stat_of(in_partial("journal")).st_size, HJ_JOURNAL_HEAD + 8 * HJ_JOURNAL_RECORD);
  hj_blob_drop(b, true);
  b = open_blob(&w);
  CHECK_EQ(hj_blob_landed(b), sizeof body);
  finish(b, &w, sizeof body);
}

TEST(an_empty_file_is_whole_at_once)
{
  struct hj_blob_want w = wanted(0);
  struct hj_blob *b = open_blob(&w);
  CHECK(hj_blob_is_whole(b));
  CHECK_EQ(hj_blob_provable(b), 0);
  finish(b, &w, 0);
}

TEST(the_budget_of_a_proof_is_kept)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob_want w = wanted(SIZE);
  struct hj_blob *b = open_blob(&w);
  put(b, 0, SIZE);
  CHECK_OK(prove_one(b, 1, NULL, &e), e);
  CHECK_EQ(hj_blob_proven(b), 1);
  CHECK_OK(prove_one(b, 300 * KIB, NULL, &e), e);
  CHECK_EQ(hj_blob_proven(b), 300 * KIB + 1);
  atomic_int stop = 1;
  CHECK_CODE(prove_one(b, UINT64_MAX, &stop, &e), HJ_E_CANCELLED, e);
  CHECK_EQ(hj_blob_proven(b), 300 * KIB + 1);
  CHECK_CODE(hj_blob_commit(b, NULL, &e), HJ_E_BUG, e);
  finish(b, &w, SIZE);
}

TEST(without_a_promise_sha256_is_reported)
{
  struct hj_blob_want w = wanted(SIZE);
  w.promise = (struct hj_promise){ .algo = HJ_ALGO_NONE };
  struct hj_blob *b = open_blob(&w);
  struct hj_err e = HJ_ERR_INIT;
  struct hj_promise got, right = promise_of(HJ_SHA256, body, SIZE);
  put(b, 0, SIZE);
  prove_all(b);
  CHECK_OK(hj_blob_commit(b, &got, &e), e);
  CHECK(hj_promise_same(&got, &right));
  hj_blob_drop(b, false);
}

TEST(an_unknown_size_is_settled_when_it_is_known)
{
  static const enum hj_algo algos[] = { HJ_SHA256, HJ_GIT_SHA1, HJ_SHA1 };
  for (size_t i = 0; i < 3; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_blob_want w = wanted(SIZE);
    context("%s", hj_algo_name(algos[i]));
    w.promise = promise_of(algos[i], body, SIZE);
    w.size = HJ_SIZE_UNKNOWN;
    struct hj_blob *b = open_blob(&w);
    put(b, 0, SIZE - 1);
    CHECK_EQ(hj_blob_provable(b), algos[i] == HJ_GIT_SHA1 ? 0 : SIZE - 1);
    CHECK(!hj_blob_is_whole(b));
    CHECK_CODE(hj_blob_settle(b, SIZE - 2, &e), HJ_E_SIZE, e);
    CHECK_OK(hj_blob_settle(b, SIZE, &e), e);
    CHECK_OK(hj_blob_settle(b, SIZE, &e), e);
    CHECK_CODE(hj_blob_settle(b, SIZE + 1, &e), HJ_E_SIZE, e);
    CHECK_EQ(hj_blob_provable(b), SIZE - 1);
    hj_blob_drop(b, true);
    b = open_blob(&w);                     /* and the size survives in the journal, the bytes too */
    CHECK_EQ(hj_blob_landed(b), SIZE - 1);
    CHECK_OK(hj_blob_settle(b, SIZE, &e), e);
    finish(b, &w, SIZE);
    CHECK_EQ(unlink(w.final), 0);
  }
}

TEST(bytes_beyond_the_size_are_refused)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob_want w = wanted(SIZE);
  struct hj_blob *b = open_blob(&w);
  CHECK_CODE(hj_blob_put(b, SIZE, body, 1, &e), HJ_E_SIZE, e);
  CHECK_CODE(hj_blob_put(b, 1, body, SIZE, &e), HJ_E_SIZE, e);
  CHECK_CODE(hj_blob_put(b, UINT64_MAX, body, 2, &e), HJ_E_SIZE, e);
  CHECK_OK(hj_blob_put(b, SIZE, body, 0, &e), e);
  CHECK_EQ(hj_blob_landed(b), 0);
  hj_blob_drop(b, false);
}

TEST(the_first_of_two_overlapping_puts_stays)
{
  struct hj_err e = HJ_ERR_INIT;
  static uint8_t wrong[SIZE];
  struct hj_blob_want w = wanted(SIZE);
  struct hj_blob *b = open_blob(&w);
  put(b, 1000, 200000);
  put(b, 300 * KIB, 10);
  memset(wrong, 0xee, sizeof wrong);
  CHECK_OK(hj_blob_put(b, 1000, wrong + 1000, 200000, &e), e);         /* a hedged copy from a server that lies */
  CHECK_OK(hj_blob_put(b, 50000, wrong, 100, &e), e);
  CHECK_OK(hj_blob_put(b, 300 * KIB, wrong, 10, &e), e);
  CHECK_OK(hj_blob_put(b, 0, body, SIZE, &e), e);
  finish(b, &w, SIZE);
}

TEST(a_synced_large_file_is_written_back_on_the_way)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob_want w = wanted(0);
  struct hj_promise got;
  char path[800];
  uint64_t size = (130u << 20) + 5;        /* past the second hint */
  (void)snprintf(path, sizeof path, "%s/blobs/zeros", root());
  w.final = path;
  w.key = "zeros";
  w.promise = (struct hj_promise){ .algo = HJ_ALGO_NONE };
  w.size = size;
  w.sync = true;
  memset(body, 0, sizeof body);
  struct hj_blob *b = open_blob(&w);
  for (uint64_t at = 0; at < size; at += sizeof body)
    CHECK_OK(hj_blob_put(b, at, body, size - at < sizeof body ? size - at : sizeof body, &e), e);
  CHECK_OK(prove_one(b, UINT64_MAX, NULL, &e), e);
  CHECK_OK(hj_blob_commit(b, &got, &e), e);
  hj_blob_drop(b, false);
  CHECK_EQ(stat_of(path).st_size, size);
  struct hj_promise again = { .algo = HJ_SHA256 };
  CHECK_OK(hj_hash_path(HJ_SHA256, path, NULL, again.bytes, &e), e);
  CHECK(hj_promise_same(&got, &again));
}

/* ---- the wrong bytes ---- */

TEST(wrong_bytes_are_not_published_and_both_digests_are_told)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_promise got;
  struct hj_blob_want w = wanted(SIZE);
  struct hj_blob *b = open_blob(&w);
  uint64_t lost = 1;
  body[SIZE / 2] ^= 1;
  put(b, 0, SIZE);
  prove_all(b);
  CHECK_EQ(hj_blob_commit(b, &got, &e), HJ_E_DIGEST);
  char came[80];
  hj_promise_text(&got, came);
  CHECK_HAS(e.msg, came);
  CHECK_HAS(e.msg, etag);
  hj_err_clear(&e);
  CHECK(!is_there(w.final));
  CHECK_OK(hj_blob_recheck(b, &lost, &e), e);
  CHECK_EQ(lost, 0);                       /* the server sent them */
  CHECK_EQ(hj_blob_landed(b), SIZE);
  hj_blob_drop(b, true);                   /* kept they would fail for ever */
  CHECK(!is_there(partial_path));
}

TEST(a_disk_that_lies_costs_only_the_pieces_it_lied_about)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob_want w = wanted(SIZE);
  struct hj_blob *b = open_blob(&w);
  uint64_t lost = 0;
  put_rest(b, SIZE);
  flip_byte(in_partial("data"), 300 * KIB);
  prove_all(b);
  CHECK_CODE(hj_blob_commit(b, NULL, &e), HJ_E_DIGEST, e);
  CHECK_OK(hj_blob_recheck(b, &lost, &e), e);
  CHECK_EQ(lost, HJ_PIECE);
  CHECK_EQ(hj_blob_proven(b), 0);
  CHECK_STR(held_text(b), "0-262144 524288-716813");
  CHECK_EQ(hj_blob_provable(b), HJ_PIECE);
  finish(b, &w, SIZE);
}

TEST(a_disk_that_lies_after_the_proof_began_is_caught_too)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob_want w = wanted(SIZE);
  struct hj_blob *b = open_blob(&w);
  put(b, 0, SIZE);
  CHECK_EQ(truncate(in_partial("data"), 1000), 0);
  CHECK_CODE(prove_one(b, UINT64_MAX, NULL, &e), HJ_E_IO, e);
  uint64_t lost;
  CHECK_OK(hj_blob_recheck(b, &lost, &e), e);
  CHECK_EQ(lost, SIZE);
  finish(b, &w, SIZE);
}

/* ---- resume ---- */

static void put_some_and_die(void *user)
{
  const struct hj_blob_want *w = user;
  struct hj_blob *b = open_blob(w);
  put(b, 0, 100000);
  put(b, 300000, 50000);
  struct hj_err e = HJ_ERR_INIT;
  CHECK_OK(prove_one(b, UINT64_MAX, NULL, &e), e);
  put(b, 700000, 1000);
  (void)kill(getpid(), SIGKILL);
}

TEST(after_a_kill_everything_that_landed_is_held)
{
  struct hj_blob_want w = wanted(SIZE);
  CHECK_EQ(in_child(put_some_and_die, &w), -SIGKILL);
  struct hj_blob *b = open_blob(&w);
  CHECK_STR(held_text(b), "0-100000 300000-350000 700000-701000");
  CHECK_EQ(hj_blob_landed(b), 151000);
  CHECK_EQ(hj_blob_provable(b), 100000);
  finish(b, &w, SIZE);
  CHECK(!is_there(partial_path));
}

TEST(what_the_disk_lost_is_not_held)
{
  struct hj_blob_want w = wanted(SIZE);
  CHECK_EQ(in_child(put_some_and_die, &w), -SIGKILL);
  flip_byte(in_partial("data"), 320000);                       /* a page that never reached the disk */
  CHECK_EQ(truncate(in_partial("data"), 700500), 0);           /* a size that did not either */
  struct hj_blob *b = open_blob(&w);
  CHECK_STR(held_text(b), "0-100000");
  put(b, 300000, 50000);
  hj_blob_drop(b, true);
  b = open_blob(&w);                                           /* the old record is worth nothing, the new one counts */
  CHECK_STR(held_text(b), "0-100000 300000-350000");
  finish(b, &w, SIZE);
}

TEST(a_partial_without_its_journal_or_data_starts_over)
{
  static const char *const victims[] = { "journal", "data" };
  for (size_t i = 0; i < 4; i++) {
    struct hj_blob_want w = wanted(SIZE);
    context("%s %zu", victims[i % 2], i);
    CHECK_EQ(in_child(put_some_and_die, &w), -SIGKILL);
    const char *victim = in_partial(victims[i % 2]);
    if (i < 2)
      CHECK_EQ(unlink(victim), 0);
    else
      put_text(victim, "nonsense");
    struct hj_blob *b = open_blob(&w);
    CHECK_EQ(hj_blob_landed(b), 0);
    finish(b, &w, SIZE);
    CHECK_EQ(unlink(w.final), 0);
  }
}

TEST(a_partial_of_another_content_is_not_continued)
{
  struct hj_blob_want w = wanted(SIZE);
  w.promise = (struct hj_promise){ .algo = HJ_ALGO_NONE };
  w.validator = "\"etag-1\"";
  w.key = "url-1234";
  CHECK_EQ(in_child(put_some_and_die, &w), -SIGKILL);
  w.validator = "\"etag-2\"";
  struct hj_blob *b = open_blob(&w);
  CHECK_EQ(hj_blob_landed(b), 0);
  put(b, 0, 5000);
  hj_blob_drop(b, true);
  b = open_blob(&w);
  CHECK_EQ(hj_blob_landed(b), 5000);
  hj_blob_drop(b, true);
  w.size = SIZE - 1;
  b = open_blob(&w);
  CHECK_EQ(hj_blob_landed(b), 0);
  hj_blob_drop(b, true);
  CHECK(!is_there(partial_path));
  w.validator = "";                        /* nothing ties it to its content: nothing is kept */
  b = open_blob(&w);
  put(b, 0, 5000);
  CHECK(!is_there(in_partial("journal")));
  hj_blob_drop(b, true);
  CHECK(!is_there(partial_path));
}

TEST(without_resume_old_partials_are_not_touched)
{
  struct hj_blob_want w = wanted(SIZE);
  CHECK_EQ(in_child(put_some_and_die, &w), -SIGKILL);
  w.resume = false;
  struct hj_blob *b = open_blob(&w);
  CHECK_EQ(hj_blob_landed(b), 0);
  hj_blob_drop(b, false);
  w.resume = true;
  b = open_blob(&w);
  CHECK_EQ(hj_blob_landed(b), 151000);
  hj_blob_drop(b, false);
  CHECK(!is_there(partial_path));
}

TEST(a_stop_while_comparing_loses_nothing)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob_want w = wanted(SIZE);
  struct hj_blob *b = NULL;
  atomic_int stop = 1;
  CHECK_EQ(in_child(put_some_and_die, &w), -SIGKILL);
  w.stop = &stop;
  CHECK_CODE(hj_blob_open(&b, &w, &e), HJ_E_CANCELLED, e);
  CHECK(!b);
  stop = 0;
  b = open_blob(&w);
  CHECK_EQ(hj_blob_landed(b), 151000);
  finish(b, &w, SIZE);
}

TEST(a_kept_partial_gives_its_reserved_space_back)
{
  struct hj_blob_want w = wanted(SIZE);
  w.size = 64u << 20;
  struct hj_blob *b = open_blob(&w);
  put(b, 1000, 5000);
  CHECK_EQ(stat_of(in_partial("data")).st_size, 64 << 20);
  hj_blob_drop(b, true);
  CHECK_EQ(stat_of(in_partial("data")).st_size, 6000);
  CHECK_LT(stat_of(in_partial("data")).st_blocks * 512, 64 * 1024);
  hj_blob_drop(open_blob(&w), false);
}

TEST(a_disk_too_small_says_so_before_the_first_byte)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob_want w = wanted(SIZE);
  struct hj_blob *b = NULL;
  uint64_t disk = 0;
  CHECK_OK(hj_disk_free(temp_dir(), &disk, &e), e);
  w.size = disk + ((uint64_t)1 << 40);
  CHECK_EQ(hj_blob_open(&b, &w, &e), HJ_E_NOSPACE);
  CHECK_HAS(e.msg, "are needed");
  CHECK_HAS(e.msg, partial_path);
  CHECK_NE(e.sys, 0);
  hj_err_clear(&e);
  CHECK(!is_there(partial_path));
  w.size = HJ_SIZE_UNKNOWN;
  b = open_blob(&w);
  put(b, 0, 5000);
  CHECK_CODE(hj_blob_settle(b, disk + ((uint64_t)1 << 40), &e), HJ_E_NOSPACE, e);
  hj_blob_drop(b, true);
  b = open_blob(&w);
  CHECK_EQ(hj_blob_landed(b), 5000);                 /* somebody makes room, and it goes on */
  CHECK_OK(hj_blob_settle(b, SIZE, &e), e);
  finish(b, &w, SIZE);
}

/* ---- names that are taken ---- */

TEST(a_rivals_equal_file_is_success)
{
  struct hj_blob_want w = wanted(SIZE);
  struct hj_blob *a = open_blob(&w), *b = open_blob(&w);      /* both in this process */
  put(a, 0, SIZE);
  put(b, 0, SIZE);
  finish(a, &w, SIZE);
  ino_t inode = stat_of(w.final).st_ino;
  finish(b, &w, SIZE);
  CHECK_EQ(stat_of(w.final).st_ino, inode);
  CHECK(!is_there(partial_path));
}

static unsigned syncs_behind_the_last_name(const uint8_t *ops, size_t n)
{
  unsigned syncs = 0;
  for (size_t i = 0; i < n; i++)
    syncs = ops[i] == HJ_OP_RENAME ? 0 : syncs + (ops[i] == HJ_OP_SYNC);
  return syncs;
}

/* It may have been written by a program that syncs nothing. */
TEST(a_rivals_equal_file_is_on_the_disk_before_it_is_called_ours)
{
  static uint8_t ops[500];
  for (int sync = 0; sync < 2; sync++) {
    struct hj_err e = HJ_ERR_INIT;
    context("sync %d", sync);
    struct hj_blob_want w = wanted(SIZE);
    w.sync = sync;
    struct hj_blob *b = open_blob(&w);
    put(b, 0, SIZE);
    prove_all(b);
    make_dirs(temp_path("repo/blobs"));
    put_file(w.final, body, SIZE);
    hj_fault_watch(ops, sizeof ops);
    int rc = hj_blob_commit(b, NULL, &e);
    size_t n = hj_fault_watched();
    hj_fault_watch(NULL, 0);
    CHECK_OK(rc, e);
    CHECK_EQ(syncs_behind_the_last_name(ops, n < sizeof ops ? n : sizeof ops), sync ? 2 : 0);   /* its data, its folder */
    hj_blob_drop(b, true);
    remove_all(temp_path("repo"));
  }
}

TEST(what_has_another_size_is_not_overwritten_unless_asked)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob_want w = wanted(SIZE);
  make_dirs(temp_path("repo/blobs"));
  put_text(w.final, "somebody's");
  int reader = open(w.final, O_RDONLY);
  struct hj_blob *b = open_blob(&w);
  put(b, 0, SIZE);
  prove_all(b);
  CHECK_CODE(hj_blob_commit(b, NULL, &e), HJ_E_EXISTS, e);
  CHECK_FILE(w.final, "somebody's");
  hj_blob_drop(b, true);
  w.replace = true;
  b = open_blob(&w);
  CHECK_EQ(hj_blob_landed(b), SIZE);
  finish(b, &w, SIZE);
  char seen[11] = "";
  CHECK_EQ(pread(reader, seen, 10, 0), 10);          /* who reads the old file still reads the old file */
  CHECK_STR(seen, "somebody's");
  close(reader);
}

TEST(a_link_that_leads_nowhere_makes_room)
{
  struct hj_blob_want w = wanted(SIZE);
  make_dirs(temp_path("repo/blobs"));
  CHECK_EQ(symlink("../../blobs/ab/gone", w.final), 0);
  finish(open_blob(&w), &w, SIZE);
  CHECK(S_ISREG(stat_of(w.final).st_mode));
}

TEST(replacing_a_link_leaves_what_it_led_to)
{
  struct hj_blob_want w = wanted(SIZE);
  make_dirs(temp_path("repo/blobs"));
  put_text(temp_path("shared"), "payload");
  CHECK_EQ(symlink("../../shared", w.final), 0);
  w.replace = true;
  finish(open_blob(&w), &w, SIZE);
  CHECK_FILE(temp_path("shared"), "payload");
}

TEST(a_claim_that_vanished_is_an_error_not_a_crash)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob_want w = wanted(SIZE);
  struct hj_blob *b = open_blob(&w);
  put(b, 0, 1000);
  remove_all(temp_path("repo/.hubjet"));             /* "may be deleted at any time" */
  put(b, 1000, SIZE - 1000);
  prove_all(b);
  CHECK_CODE(hj_blob_commit(b, NULL, &e), HJ_E_IO, e);
  CHECK(!is_there(w.final));
  hj_blob_drop(b, true);
  finish(open_blob(&w), &w, SIZE);
}

/* ---- hands of others ---- */

TEST(planted_links_are_never_written_through)
{
  static const char *const files[] = { "data", "journal" };
  for (size_t i = 0; i < 4; i++) {
    struct hj_blob_want w = wanted(SIZE);
    context("%s, %s", files[i % 2], i < 2 ? "symbolic" : "hard");
    CHECK_EQ(in_child(put_some_and_die, &w), -SIGKILL);
    const char *victim = in_partial(files[i % 2]);
    CHECK_EQ(rename(victim, temp_path("precious")), 0);
    CHECK_EQ(i < 2 ? symlink(temp_path("precious"), victim) : link(temp_path("precious"), victim), 0);
    struct stat before = stat_of(temp_path("precious"));
    struct hj_blob *b = open_blob(&w);
    CHECK_EQ(hj_blob_landed(b), 0);
    finish(b, &w, SIZE);
    struct stat after = stat_of(temp_path("precious"));
    CHECK_EQ(after.st_size, before.st_size);
    /* its first byte is rewritten as it is when a journal with one name is taken over; this one has two or is a link */
    CHECK_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    CHECK_EQ(unlink(temp_path("precious")), 0);
    CHECK_EQ(unlink(w.final), 0);
  }
}

TEST(read_only_data_of_a_killed_commit_is_continued)
{
  struct hj_blob_want w = wanted(SIZE);
  CHECK_EQ(in_child(put_some_and_die, &w), -SIGKILL);
  CHECK_EQ(chmod(in_partial("data"), 0444), 0);
  struct hj_blob *b = open_blob(&w);
  CHECK_EQ(hj_blob_landed(b), 151000);
  finish(b, &w, SIZE);
}

TEST(a_file_that_a_stranger_may_still_write_is_copied_before_it_is_trusted)
{
  struct hj_blob_want w = wanted(SIZE);
  char foreign[900], file[1000];
  CHECK_EQ(in_child(put_some_and_die, &w), -SIGKILL);
  int stranger = open(in_partial("data"), O_RDWR);   /* suspended on another host, not dead */
  CHECK(stranger >= 0);
  (void)snprintf(foreign, sizeof foreign, "%s/%s.elsewhere.1.2.3", partial_path, etag);
  char *name = strdup(in_partial(""));
  CHECK_EQ(rename(name, foreign), 0);
  free(name);
  static const char *const parts[] = { "data", "journal", "." };
  for (size_t i = 0; i < 3; i++) {
    (void)snprintf(file, sizeof file, "%s/%s", foreign, parts[i]);
    age_path(file, HJ_CLAIM_STALE_S + 10);
  }
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob *b = NULL;
  atomic_int stop = 1;
  w.stop = &stop;
  CHECK_CODE(hj_blob_open(&b, &w, &e), HJ_E_CANCELLED, e);
  stop = 0;
  b = open_blob(&w);
  CHECK_EQ(hj_blob_landed(b), 151000);
  CHECK_EQ(pwrite(stranger, "poison", 6, 10), 6);
  hj_blob_drop(b, true);
  b = open_blob(&w);
  CHECK_EQ(hj_blob_landed(b), 151000);
  CHECK_EQ(pwrite(stranger, "poison", 6, 20), 6);
  finish(b, &w, SIZE);
  CHECK_EQ(pwrite(stranger, "poison", 6, 30), 6);
  close(stranger);
  CHECK(has_bytes(w.final, body, SIZE));
  CHECK(!is_there(partial_path));
}

/* ---- two threads ---- */

struct pair { struct hj_blob *b; uint64_t seed; atomic_int done; int rc; };

static void put_in_random_order(void *user)
{
  struct pair *p = user;
  struct hj_err e = HJ_ERR_INIT;
  uint64_t dice = p->seed;
  for (int i = 0; i < 400; i++) {
    uint64_t at = next_dice(&dice) % sizeof body, n = next_dice(&dice) % 20000;
    p->rc |= hj_blob_put(p->b, at, body + at, n < sizeof body - at ? n : sizeof body - at, &e);
  }
  for (uint64_t at = 0; at < sizeof body; at += 10007)
    p->rc |= hj_blob_put(p->b, at, body + at, sizeof body - at < 10007 ? sizeof body - at : 10007, &e);
  atomic_store(&p->done, 1);
}

TEST(one_thread_puts_while_another_proves)
{
  for (uint64_t seed = 1; seed <= 3; seed++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_blob_want w = wanted(sizeof body);
    struct pair p = { open_blob(&w), seed, 0, 0 };
    hj_thread thread = { .started = false };
    CHECK_OK(hj_thread_start(&thread, "put", put_in_random_order, &p, &e), e);
    uint64_t seen = 0;
    while (!hj_blob_is_whole(p.b)) {
      CHECK_OK(prove_one(p.b, 64 * KIB, NULL, &e), e);
      CHECK_GE(hj_blob_proven(p.b), seen);
      seen = hj_blob_proven(p.b);
      CHECK_LE(seen, hj_blob_landed(p.b));
    }
    hj_thread_join(&thread);
    CHECK_EQ(p.rc, 0);
    finish(p.b, &w, sizeof body);
    CHECK_EQ(unlink(w.final), 0);
  }
}

TEST(memory_does_not_grow_with_the_file)
{
  struct hj_blob_want w = wanted(sizeof body);
  struct hj_blob *b = open_blob(&w);
  put(b, 0, 1);
  put(b, 100, 1);
  prove_all(b);
  hj_mem_mark();
  put(b, 0, sizeof body);
  prove_all(b);
  CHECK_EQ(hj_mem_count(), 0);             /* nothing is allocated per piece */
  CHECK_LT(hj_mem_peak_bytes(), 300 * KIB);
  finish(b, &w, sizeof body);
}

/* ---- everything fails once ---- */

struct scene {
  struct hj_blob_want w;
  bool resume, sync;
};

static void never_wrong(const struct hj_blob_want *w)
{
  CHECK(!is_there(w->final) || has_bytes(w->final, body, SIZE));
}

static int put_prove_commit(const struct hj_blob_want *w, bool leave, struct hj_err *e)
{
  struct hj_blob *b = NULL;
  struct hj_promise got;
  struct hj_span gap;
  if (hj_blob_open(&b, w, e))
    goto out;
  if (leave && (hj_blob_put(b, 300000, body + 300000, 50000, e) || hj_blob_put(b, 0, body, 1000, e)))
    goto out;
  while (!leave && hj_ranges_gap(hj_blob_held(b), 0, SIZE, &gap)) {
    uint64_t n = gap.end - gap.at < HJ_PIECE ? gap.end - gap.at : HJ_PIECE;
    if (hj_blob_put(b, gap.at, body + gap.at, n, e) || prove_one(b, UINT64_MAX, NULL, e))
      goto out;
  }
  never_wrong(w);
  if (!leave && !prove_one(b, UINT64_MAX, NULL, e) && !hj_blob_commit(b, &got, e)) {
    CHECK(has_bytes(w->final, body, SIZE));
    CHECK(hj_promise_same(&got, &w->promise));
  }
out:
  never_wrong(w);
  hj_blob_drop(b, true);
  return (int)e->code;
}

static int blob_scene(void *user, struct hj_err *e)
{
  struct scene *s = user;
  remove_all(root());
  if (s->resume && put_prove_commit(&s->w, true, e))
    return (int)e->code;
  return put_prove_commit(&s->w, false, e);
}

TEST(a_blob_survives_every_failing_allocation)
{
  struct scene s = { wanted(SIZE), false, false };
  sweep_memory("blob, cold", blob_scene, &s);
  s.resume = true;
  sweep_memory("blob, resumed", blob_scene, &s);
}

TEST(a_blob_survives_every_failing_call)
{
  struct scene s = { wanted(SIZE), false, false };
  s.w.sync = true;
  sweep_platform("blob, cold", blob_scene, &s);
  s.resume = true;
  sweep_platform("blob, resumed", blob_scene, &s);
}

TEST(an_error_while_resuming_does_not_lose_the_partial)
{
  static const int answers[] = { EIO, EMFILE, ENOSPC, ENOMEM };
  struct hj_blob_want w = wanted(SIZE);
  for (size_t k = 0; k < 4; k++)
    for (int n = 1;; n++) {
      struct hj_err e = HJ_ERR_INIT;
      struct hj_blob *b = NULL;
      uint64_t bytes = 0;
      context("errno %d at call %d", answers[k], n);
      remove_all(root());
      CHECK_OK(put_prove_commit(&w, true, &e), e);
      hj_fault_at(n, answers[k]);
      int rc = hj_blob_open(&b, &w, &e);
      int fired = hj_fault_fired();
      enum hj_op op = hj_fault_op();
      hj_fault_at(0, 0);
      uint64_t landed = b ? hj_blob_landed(b) : 0;
      hj_blob_drop(b, true);
      hj_err_clear(&e);
      CHECK_OK(hj_claim_look(partial_path, etag, &bytes, &e), e);
      if (!fired) {
        CHECK_EQ(rc, 0);
        CHECK_EQ(landed, 51000);
        break;
      }
      if (op != HJ_OP_READ)                /* a piece that cannot be read is not held: that is what reading is for */
        CHECK_EQ(bytes, 51000);
    }
}

struct keeper { struct hj_blob_want w; int at, sys; };

static void keep_badly(void *user)
{
  const struct keeper *k = user;
  struct hj_blob *b = open_blob(&k->w);
  put(b, 10000, 1000);
  hj_fault_at(k->at, k->sys);
  hj_blob_drop(b, true);
  int fired = hj_fault_fired();
  hj_fault_at(0, 0);
  _exit(fired ? 10 : 11);
}

TEST(an_error_while_keeping_does_not_lose_the_partial)
{
  static const int answers[] = { EIO, EMFILE, EACCES };
  for (size_t k = 0; k < 3; k++) {
    struct keeper keeper = { wanted(SIZE), 1, answers[k] };
    for (int end = 10; end == 10; keeper.at++) {
      struct hj_err e = HJ_ERR_INIT;
      uint64_t bytes = 0;
      context("errno %d at call %d", answers[k], keeper.at);
      remove_all(root());
      CHECK_OK(put_prove_commit(&keeper.w, true, &e), e);
      end = in_child(keep_badly, &keeper);
      CHECK(end == 10 || end == 11);
      CHECK_OK(hj_claim_look(partial_path, etag, &bytes, &e), e);
      CHECK_EQ(bytes, 52000);
    }
    CHECK_GT(keeper.at, 4);
  }
}

static void work_and_die(void *user)
{
  const struct scene *s = user;
  struct hj_err e = HJ_ERR_INIT;
  hj_fault_at((int64_t)s->w.mode, -1);
  struct hj_blob_want w = s->w;
  w.mode = 0444;
  (void)put_prove_commit(&w, false, &e);
}

/* After each death: never a wrong file, and a fresh process finishes. */
static void kill_at_every_call(struct scene *s)
{
  int n = 1;
  for (;; n++) {
    context("kill at call %d", n);
    remove_all(root());
    struct hj_err e = HJ_ERR_INIT;
    if (s->resume)
      CHECK_OK(put_prove_commit(&s->w, true, &e), e);
    struct scene child = *s;
    child.w.mode = (unsigned)n;            /* the way into the child */
    int end = in_child(work_and_die, &child);
    never_wrong(&s->w);
    CHECK_OK(put_prove_commit(&s->w, false, &e), e);
    CHECK(has_bytes(s->w.final, body, SIZE));
    CHECK_EQ(stat_of(s->w.final).st_mode & 07777, 0444);
    CHECK(!is_there(partial_path));
    if (end == 0)
      break;
    CHECK_EQ(end, -SIGKILL);
  }
  CHECK_GT(n, 15);
  printf("killed at %d calls\n", n - 1);
}

TEST(a_kill_at_any_call_is_finished_by_the_next_process)
{
  struct scene s = { wanted(SIZE), false, false };
  s.w.sync = true;
  kill_at_every_call(&s);
  s.resume = true;
  kill_at_every_call(&s);
}

static void download(void *user)
{
  struct hj_blob_want w = *(struct hj_blob_want *)user;
  struct hj_err e = HJ_ERR_INIT;
  for (int i = 0; i < 15; i++) {
    w.replace = i % 4 == 0;
    if (put_prove_commit(&w, i % 3 == 0, &e)) {
      fprintf(stderr, "%s %s\n", hj_code_name(e.code), e.msg);
      _exit(1);
    }
  }
}

TEST(processes_that_race_for_one_file_all_succeed)
{
  pid_t child[3];
  struct hj_blob_want w = wanted(SIZE);
  for (int i = 0; i < 3; i++)
    child[i] = start_child(download, &w);
  for (int i = 0; i < 3; i++)
    CHECK_EQ(end_of(child[i]), 0);
}

/* ---- small ones ---- */

static int store_small(const struct hj_blob_want *w, const void *p, size_t n, struct hj_promise *out, struct hj_err *e)
{
  struct hj_small one = { .want = *w, .p = p, .n = n, .e = e };
  hj_blobs_store_small(&one, 1);
  if (out)
    *out = one.got;
  return (int)e->code;
}

/* n files of 1,000 bytes, no two alike, under blobs/<number>; the one at `wrong` (or nobody: n) has other bytes than were promised. */
static void store_batch(unsigned n, unsigned wrong, struct hj_err errs[])
{
  static char finals[HJ_SMALLS_MAX][700];
  static struct hj_promise right[HJ_SMALLS_MAX];
  struct hj_small s[HJ_SMALLS_MAX];
  static struct hj_blob_want w;
  if (!w.final)
    w = wanted(1000);
  memset(s, 0, sizeof s);
  for (unsigned i = 0; i < n && right[i].algo == HJ_ALGO_NONE; i++) /* once: not what is made to fail */
    right[i] = promise_of(HJ_GIT_SHA1, body + 2 * i, 1000);
  for (unsigned i = 0; i < n; i++) {
    s[i].want = w;
    (void)snprintf(finals[i], sizeof finals[i], "%s/blobs/%04u", root(), i);
    s[i].want.final = finals[i];
    s[i].want.promise = right[i];
    s[i].want.sync = true;
    s[i].p = body + 2 * i + (i == wrong);
    s[i].n = 1000;
    errs[i] = (struct hj_err)HJ_ERR_INIT;
    s[i].e = &errs[i];
  }
  hj_blobs_store_small(s, n);
}

static bool batch_has(unsigned i)
{
  char path[700];
  (void)snprintf(path, sizeof path, "%s/blobs/%04u", root(), i);
  CHECK(!is_there(path) || has_bytes(path, body + 2 * i, 1000));
  return is_there(path);
}

TEST(a_small_file_gets_its_name_after_the_bytes_of_all_are_on_the_disk)
{
  struct hj_err errs[HJ_SMALLS_MAX];
  uint8_t ops[1000];
  unsigned first_rename = 0, syncs_before = 0, syncs_after = 0, renames = 0;
  make_dirs(temp_path("repo/blobs"));
  hj_fault_watch(ops, sizeof ops);
  store_batch(HJ_SMALLS_MAX, HJ_SMALLS_MAX, errs);
  hj_fault_watch(NULL, 0);
  CHECK_LT(hj_fault_watched(), sizeof ops);
  for (unsigned i = 0; i < hj_fault_watched(); i++) {
    renames += ops[i] == HJ_OP_RENAME;
    first_rename = ops[i] == HJ_OP_RENAME && !first_rename ? i : first_rename;
    syncs_before += ops[i] == HJ_OP_SYNC && !renames;
    syncs_after += ops[i] == HJ_OP_SYNC && renames;
    CHECK(!(ops[i] == HJ_OP_WRITE && renames));
  }
  CHECK_EQ(renames, HJ_SMALLS_MAX);
  CHECK_EQ(syncs_before, HJ_SMALLS_MAX);   /* each file's bytes */
  CHECK_EQ(syncs_after, 1);                /* the folder, once, after the last name */
  for (unsigned i = 0; i < HJ_SMALLS_MAX; i++) {
    CHECK_OK(errs[i].code, errs[i]);
    CHECK(batch_has(i));
  }
  CHECK_EQ(entries(tmp_path, NULL), 0);
}

TEST(one_bad_small_file_leaves_the_others_alone)
{
  struct hj_err errs[HJ_SMALLS_MAX];
  store_batch(5, 2, errs);
  for (unsigned i = 0; i < 5; i++) {
    CHECK_EQ(errs[i].code, i == 2 ? HJ_E_DIGEST : HJ_E_OK);
    CHECK_EQ(batch_has(i), i != 2);
  }
  CHECK_EQ(entries(tmp_path, NULL), 0);
}

TEST(small_files_that_the_disk_does_not_confirm_get_no_name)
{
  struct hj_err errs[HJ_SMALLS_MAX];
  hj_fault_always(HJ_OP_SYNC, EIO);
  store_batch(5, 5, errs);
  hj_fault_always(HJ_OP_SYNC, 0);
  for (unsigned i = 0; i < 5; i++) {
    CHECK_EQ(errs[i].code, HJ_E_IO);
    CHECK(!batch_has(i));
  }
  CHECK_EQ(entries(tmp_path, NULL), 0);
}

static int batch_scene(void *user, struct hj_err *e)
{
  struct hj_err errs[HJ_SMALLS_MAX];
  (void)user;
  remove_all(root());
  store_batch(3, 3, errs);
  for (unsigned i = 0; i < 3; i++) {
    CHECK(batch_has(i) || errs[i].code != HJ_E_OK);
    if (errs[i].code != HJ_E_OK && e->code == HJ_E_OK)
      *e = errs[i];
  }
  return (int)e->code;
}

TEST(small_files_together_survive_every_failure)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_OK(batch_scene(NULL, &e), e);
  sweep_memory("small blobs together", batch_scene, NULL);
  sweep_platform("small blobs together", batch_scene, NULL);
}

TEST(beside_plain_files_nothing_of_ours_stays)
{
  struct hj_err errs[HJ_SMALLS_MAX];
  struct hj_blob_want w = wanted(1000);
  store_batch(2, 2, errs);
  CHECK(is_there(tmp_path));
  make_dirs(w.partial_dir);                /* somebody's unfinished file keeps the folder, and goes on */
  hj_blob_tidy(w.partial_dir);
  CHECK(!is_there(tmp_path));
  CHECK(is_there(w.partial_dir));
  CHECK_EQ(rmdir(w.partial_dir), 0);
  store_batch(2, 2, errs);
  hj_blob_tidy(w.partial_dir);
  CHECK(!is_there(temp_path("repo/.hubjet")));
  CHECK(batch_has(0) && batch_has(1));
  hj_blob_tidy(w.partial_dir);             /* nothing there: fine */
}

TEST(a_small_file_is_stored_in_one_call)
{
  static const enum hj_algo algos[] = { HJ_ALGO_NONE, HJ_SHA256, HJ_GIT_SHA1, HJ_SHA1 };
  for (size_t i = 0; i < 8; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_promise got;
    size_t n = i < 4 ? 1000 : 0;
    struct hj_blob_want w = wanted(n);
    if (algos[i % 4] == HJ_ALGO_NONE)
      w.promise = (struct hj_promise){ .algo = HJ_ALGO_NONE };
    else
      w.promise = promise_of(algos[i % 4], body, n);
    w.sync = i % 2;
    w.size = i % 3 ? n : HJ_SIZE_UNKNOWN;
    CHECK_OK(store_small(&w, body, n, &got, &e), e);
    CHECK(has_bytes(w.final, body, n));
    CHECK_EQ(stat_of(w.final).st_mode & 07777, 0444);
    CHECK_EQ(got.algo, algos[i % 4] == HJ_ALGO_NONE ? HJ_SHA256 : algos[i % 4]);
    CHECK_EQ(entries(tmp_path, NULL), 0);
    CHECK_EQ(unlink(w.final), 0);
  }
}

TEST(a_small_wrong_file_is_not_published)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob_want w = wanted(1000);
  struct hj_promise got;
  body[5] ^= 1;
  CHECK_EQ(store_small(&w, body, 1000, &got, &e), HJ_E_DIGEST);
  CHECK_HAS(e.msg, etag);
  hj_err_clear(&e);
  CHECK_CODE(store_small(&w, body, 999, &got, &e), HJ_E_SIZE, e);
  CHECK(!is_there(root()));
}

TEST(a_small_file_meets_names_that_are_taken)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob_want w = wanted(1000);
  make_dirs(temp_path("repo/blobs"));
  put_text(w.final, "somebody's");
  CHECK_CODE(store_small(&w, body, 1000, NULL, &e), HJ_E_EXISTS, e);
  CHECK_FILE(w.final, "somebody's");
  CHECK_EQ(entries(tmp_path, NULL), 0);
  w.replace = true;
  CHECK_OK(store_small(&w, body, 1000, NULL, &e), e);
  CHECK(has_bytes(w.final, body, 1000));
  w.replace = false;
  ino_t inode = stat_of(w.final).st_ino;
  CHECK_OK(store_small(&w, body, 1000, NULL, &e), e);
  CHECK_EQ(stat_of(w.final).st_ino, inode);
  CHECK_EQ(unlink(w.final), 0);
  CHECK_EQ(symlink("nowhere", w.final), 0);
  CHECK_OK(store_small(&w, body, 1000, NULL, &e), e);
  CHECK(has_bytes(w.final, body, 1000));
  CHECK_EQ(entries(tmp_path, NULL), 0);
}

TEST(the_wanted_mode_is_exact_whatever_the_umask)
{
  struct hj_err e = HJ_ERR_INIT;
  static const unsigned modes[] = { 0444, 0644, 0664, 0600, 0400, 0666 };
  for (size_t i = 0; i < 6; i++) {
    struct hj_blob_want w = wanted(1000);
    w.mode = modes[i];
    mode_t old = umask(077);
    int rc = store_small(&w, body, 1000, NULL, &e);
    (void)umask(old);
    CHECK_OK(rc, e);
    CHECK_EQ(stat_of(w.final).st_mode & 07777, modes[i]);
    CHECK_EQ(unlink(w.final), 0);
    old = umask(027);
    finish(open_blob(&w), &w, 1000);
    (void)umask(old);
    CHECK_EQ(unlink(w.final), 0);
  }
}

TEST(a_thousand_small_files_are_cheap)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_blob_want w = wanted(20000);
  char name[700];
  hj_mem_mark();
  for (int i = 0; i < 1000; i++) {
    (void)snprintf(name, sizeof name, "%s/blobs/%040d", root(), i);
    w.final = name;
    CHECK_OK(store_small(&w, body, 20000, NULL, &e), e);
  }
  CHECK_LT(hj_mem_count(), 6 * 1000 + 100);
}

static int small_scene(void *user, struct hj_err *e)
{
  struct scene *s = user;
  struct hj_promise got;
  remove_all(root());
  if (s->resume) {
    make_dirs(s->w.partial_dir);           /* any folder: blobs/ is missing, or here */
    char blobs[700];
    (void)snprintf(blobs, sizeof blobs, "%s/blobs", root());
    make_dirs(blobs);
  }
  if (!store_small(&s->w, body, 1000, &got, e)) {
    CHECK(has_bytes(s->w.final, body, 1000));
    CHECK(hj_promise_same(&got, &s->w.promise));
  }
  CHECK(!is_there(s->w.final) || has_bytes(s->w.final, body, 1000));
  return (int)e->code;
}

TEST(a_small_file_survives_every_failure)
{
  struct scene s = { wanted(1000), false, false };
  s.w.sync = true;
  sweep_memory("small blob", small_scene, &s);
  sweep_platform("small blob", small_scene, &s);
  s.resume = true;
  s.w.sync = false;
  sweep_platform("small blob, warm folders", small_scene, &s);
}
