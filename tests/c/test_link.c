/* tests/c/test_link.c - the readable name leads to the blob, or is it. */
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include "store/link.h"
#include "store/record.h"
#include "store_kit.h"
#include "sweep.h"
#include "util/mem.h"

#define TEXT "the weights"

static char etag[65], other_etag[65];

static const char *repo(void)
{
  static char path[600];
  (void)snprintf(path, sizeof path, "%s/models--o--n", temp_dir());
  return path;
}

static const char *in_repo(const char *name)
{
  char full[600];
  (void)snprintf(full, sizeof full, "models--o--n/%s", name);
  return temp_path(full);
}

static const char *blob_of(const char *of)
{
  char name[100];
  (void)snprintf(name, sizeof name, "blobs/%s", of);
  return in_repo(name);
}

static void make_repo(void)
{
  etag_of(HJ_SHA256, TEXT, strlen(TEXT), etag);
  etag_of(HJ_GIT_SHA1, "other", 5, other_etag);
  make_dirs(in_repo("blobs"));
  put_text(blob_of(etag), TEXT);
  put_text(blob_of(other_etag), "other");
}

static void link_it(const char *commit, const char *path, const char *of, bool links)
{
  struct hj_err e = HJ_ERR_INIT;
  char *out = NULL;
  char want[900];
  (void)snprintf(want, sizeof want, "%s/snapshots/%s/%s", repo(), commit, path);
  CHECK_OK(hj_link_snapshot(repo(), commit, path, of, links, false, &out, &e), e);
  CHECK_STR(out, want);
  hj_mem_free(out);
}

static const char *target_of(const char *path)
{
  static char target[600];
  ssize_t n = readlink(path, target, sizeof target - 1);
  target[n < 0 ? 0 : n] = 0;
  return target;
}

TEST(the_snapshot_gets_the_hubs_relative_link)
{
  char want[200];
  make_repo();
  link_it(COMMIT_A, "model.safetensors", etag, true);
  (void)snprintf(want, sizeof want, "../../blobs/%s", etag);
  CHECK_STR(target_of(in_repo("snapshots/" COMMIT_A "/model.safetensors")), want);
  CHECK_FILE(in_repo("snapshots/" COMMIT_A "/model.safetensors"), TEXT);
  link_it(COMMIT_A, "unet/deep/.config", other_etag, true);
  (void)snprintf(want, sizeof want, "../../../../blobs/%s", other_etag);
  CHECK_STR(target_of(in_repo("snapshots/" COMMIT_A "/unet/deep/.config")), want);
  CHECK_FILE(in_repo("snapshots/" COMMIT_A "/unet/deep/.config"), "other");
  CHECK(is_there(blob_of(etag)));
}

TEST(a_right_link_is_left_alone_and_a_wrong_one_replaced)
{
  make_repo();
  const char *at = in_repo("snapshots/" COMMIT_A "/f");
  link_it(COMMIT_A, "f", etag, true);
  ino_t inode = stat_of(at).st_ino;
  link_it(COMMIT_A, "f", etag, true);
  link_it(COMMIT_A, "f", etag, false);
  CHECK_EQ(stat_of(at).st_ino, inode);
  link_it(COMMIT_A, "f", other_etag, true);
  CHECK_FILE(at, "other");
  CHECK_EQ(unlink(at), 0);
  CHECK_EQ(symlink("nowhere", at), 0);
  link_it(COMMIT_A, "f", etag, true);
  CHECK_FILE(at, TEXT);
  CHECK_EQ(entries(in_repo("snapshots/" COMMIT_A), NULL), 1);
  CHECK_EQ(entries(in_repo(".hubjet/tmp"), NULL), 0);
}

TEST(what_is_not_there_gets_no_link)
{
  struct hj_err e = HJ_ERR_INIT;
  make_repo();
  CHECK_EQ(unlink(blob_of(etag)), 0);
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_A, "f", etag, true, false, NULL, &e), HJ_E_NONE, e);
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_A, "f", etag, false, false, NULL, &e), HJ_E_NONE, e);
  CHECK(!is_there(in_repo("snapshots")));
  CHECK_EQ(symlink("../../gone", blob_of(etag)), 0);
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_A, "f", etag, true, false, NULL, &e), HJ_E_NONE, e);
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_A, "../f", other_etag, true, false, NULL, &e), HJ_E_NAME, e);
  CHECK_CODE(hj_link_snapshot(repo(), "main", "f", other_etag, true, false, NULL, &e), HJ_E_NAME, e);
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_A, "f", "../x", true, false, NULL, &e), HJ_E_NAME, e);
}

TEST(a_users_own_file_at_the_snapshot_path_is_left_alone)
{
  struct hj_err e = HJ_ERR_INIT;
  make_repo();
  const char *at = in_repo("snapshots/" COMMIT_A "/f");
  make_dirs(in_repo("snapshots/" COMMIT_A));
  put_text(at, "edited by hand");
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_A, "f", etag, true, false, NULL, &e), HJ_E_EXISTS, e);
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_A, "f", etag, false, false, NULL, &e), HJ_E_EXISTS, e);
  CHECK_FILE(at, "edited by hand");
  put_text(at, TEXT);                          /* the stock client's copy */
  link_it(COMMIT_A, "f", etag, true);
  CHECK(S_ISREG(stat_of(at).st_mode));
  make_dirs(in_repo("snapshots/" COMMIT_A "/folder"));
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_A, "folder", etag, true, false, NULL, &e), HJ_E_EXISTS, e);
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_A, "f/below", etag, true, false, NULL, &e), HJ_E_EXISTS, e);
}

TEST(a_planted_link_among_the_folders_is_not_followed)
{
  struct hj_err e = HJ_ERR_INIT;
  make_repo();
  make_dirs(temp_path("outside"));
  make_dirs(in_repo("snapshots/" COMMIT_A "/a"));
  CHECK_EQ(symlink(temp_path("outside"), in_repo("snapshots/" COMMIT_A "/a/b")), 0);
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_A, "a/b/f", etag, true, false, NULL, &e), HJ_E_DENIED, e);
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_A, "a/b/f", etag, false, false, NULL, &e), HJ_E_DENIED, e);
  CHECK_EQ(entries(temp_path("outside"), NULL), 0);
}

TEST(without_links_the_blob_itself_moves)
{
  struct hj_err e = HJ_ERR_INIT;
  make_repo();
  const char *at = in_repo("snapshots/" COMMIT_A "/a/f");
  CHECK_OK(record_one(repo(), etag, &e), e);
  ino_t inode = stat_of(blob_of(etag)).st_ino;
  link_it(COMMIT_A, "a/f", etag, false);
  CHECK(S_ISREG(stat_of(at).st_mode));
  CHECK_EQ(stat_of(at).st_ino, inode);
  CHECK(!is_there(blob_of(etag)));
  link_it(COMMIT_A, "a/f", etag, false);       /* it is fine as it is */
  link_it(COMMIT_A, "a/f", etag, true);
  CHECK_FILE(at, TEXT);
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_B, "a/f", etag, false, false, NULL, &e), HJ_E_NONE, e);   /* to be fetched again */
  CHECK_FILE(at, TEXT);
}

TEST(a_blob_that_another_snapshot_links_to_is_copied)
{
  make_repo();
  CHECK_EQ(chmod(blob_of(etag), 0444), 0);
  link_it(COMMIT_A, "deep/down/f", etag, true);
  link_it(COMMIT_B, "g", etag, false);
  CHECK(S_ISREG(stat_of(in_repo("snapshots/" COMMIT_B "/g")).st_mode));
  CHECK_EQ(stat_of(in_repo("snapshots/" COMMIT_B "/g")).st_mode & 07777, 0444);
  CHECK_FILE(in_repo("snapshots/" COMMIT_B "/g"), TEXT);
  CHECK_FILE(in_repo("snapshots/" COMMIT_A "/deep/down/f"), TEXT);
  CHECK_EQ(entries(in_repo(".hubjet/tmp"), NULL), 0);
}

/* What was done after the last change of a name, and before: how many syncs. */
static void syncs_around_the_name(const uint8_t *ops, size_t n, unsigned *before, unsigned *after)
{
  *before = *after = 0;
  for (size_t i = 0; i < n; i++) {
    if (ops[i] == HJ_OP_RENAME) {
      *before += *after;
      *after = 0;
    }
    *after += ops[i] == HJ_OP_SYNC;
  }
}

TEST(what_is_moved_or_copied_is_on_the_disk_before_it_has_its_name)
{
  static uint8_t ops[500];
  unsigned before, after;
  for (int copied = 0; copied < 2; copied++)
    for (int sync = 0; sync < 2; sync++) {
      struct hj_err e = HJ_ERR_INIT;
      context("copied %d, sync %d", copied, sync);
      remove_all(repo());
      make_repo();
      if (copied)
        link_it(COMMIT_A, "f", etag, true);
      hj_fault_watch(ops, sizeof ops);
      int rc = hj_link_snapshot(repo(), COMMIT_B, "d/f", etag, false, sync, NULL, &e);
      size_t n = hj_fault_watched();
      hj_fault_watch(NULL, 0);
      CHECK_OK(rc, e);
      CHECK_EQ(is_there(blob_of(etag)), copied);
      syncs_around_the_name(ops, n < sizeof ops ? n : sizeof ops, &before, &after);
      CHECK_EQ(before > 0, sync);       /* the data, and the new folders */
      CHECK_EQ(after, sync);            /* the folder of the name */
    }
}

TEST(a_blob_in_the_shared_store_is_copied_and_proven)
{
  struct hj_err e = HJ_ERR_INIT;
  make_repo();
  make_dirs(temp_path("blobs/ab"));
  CHECK_EQ(rename(blob_of(etag), temp_path("blobs/ab/x")), 0);
  CHECK_EQ(symlink("../../blobs/ab/x", blob_of(etag)), 0);
  link_it(COMMIT_A, "f", etag, false);
  CHECK_FILE(in_repo("snapshots/" COMMIT_A "/f"), TEXT);
  CHECK_FILE(temp_path("blobs/ab/x"), TEXT);
  put_text(temp_path("blobs/ab/x"), "poisoned..");
  CHECK_CODE(hj_link_snapshot(repo(), COMMIT_B, "f", etag, false, false, NULL, &e), HJ_E_DIGEST, e);
  CHECK(!is_there(in_repo("snapshots/" COMMIT_B "/f")));
  CHECK_EQ(entries(in_repo(".hubjet/tmp"), NULL), 0);
}

TEST(the_probe_for_links_leaves_nothing)
{
  CHECK(hj_link_possible(temp_path("new/folder")));
  CHECK_EQ(entries(temp_path("new/folder"), NULL), 0);
  put_text(temp_path("file"), "x");
  CHECK(!hj_link_possible(temp_path("file")));
}

static void link_often(void *user)
{
  const char *of[2] = { etag, other_etag };
  const char *at = user;
  for (int i = 0; i < 300; i++) {
    struct hj_err e = HJ_ERR_INIT;
    if (hj_link_snapshot(repo(), COMMIT_A, "f", of[i % 2], true, false, NULL, &e)) {
      fprintf(stderr, "%s\n", e.msg);
      _exit(1);
    }
    char seen[32] = "";                        /* one look: the next one may find the other */
    FILE *f = fopen(at, "r");
    if (!f || !fgets(seen, sizeof seen, f) || (strcmp(seen, TEXT) != 0 && strcmp(seen, "other") != 0))
      _exit(2);
    (void)fclose(f);
  }
}

TEST(a_reader_finds_the_old_target_or_the_new_one)
{
  pid_t child[3];
  make_repo();
  link_it(COMMIT_A, "f", etag, true);
  const char *at = in_repo("snapshots/" COMMIT_A "/f");
  for (int i = 0; i < 3; i++)
    child[i] = start_child(link_often, (void *)(uintptr_t)at);
  for (int i = 0; i < 3; i++)
    CHECK_EQ(end_of(child[i]), 0);
}

/* Without links the blob moves: who looks at the name before a rival does and at the blob after must not say that nothing is there. */
#define ROUNDS 300
#define RIVALS 3
struct meeting { atomic_int come[ROUNDS], lost; };

static void move_in_turn(void *user)
{
  struct meeting *m = user;
  char path[16];
  for (int i = 0; i < ROUNDS; i++) {
    struct hj_err e = HJ_ERR_INIT;
    (void)snprintf(path, sizeof path, "f%d", i);
    for (atomic_fetch_add(&m->come[i], 1); atomic_load(&m->come[i]) < RIVALS + 1;)
      (void)sched_yield();
    if (hj_link_snapshot(repo(), COMMIT_A, path, etag, false, false, NULL, &e)) {
      fprintf(stderr, "round %d: %s\n", i, e.msg);
      atomic_fetch_add(&m->lost, 1);
    }
    atomic_fetch_add(&m->come[i], 1);
  }
}

TEST(who_comes_second_where_there_are_no_links_finds_the_name)
{
  pid_t child[RIVALS];
  char path[100];
  struct meeting *m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(m != MAP_FAILED);
  make_repo();
  for (int i = 0; i < RIVALS; i++)
    child[i] = start_child(move_in_turn, m);
  for (int i = 0; i < ROUNDS; i++) {
    put_text(blob_of(etag), TEXT);
    for (atomic_fetch_add(&m->come[i], 1); atomic_load(&m->come[i]) < 2 * RIVALS + 1;)
      (void)sched_yield();
    (void)snprintf(path, sizeof path, "snapshots/" COMMIT_A "/f%d", i);
    CHECK_FILE(in_repo(path), TEXT);
    CHECK(!is_there(blob_of(etag)));
  }
  for (int i = 0; i < RIVALS; i++)
    CHECK_EQ(end_of(child[i]), 0);
  CHECK_EQ(atomic_load(&m->lost), 0);
  (void)munmap(m, sizeof *m);
}

struct scene { const char *root, *blobs, *blob, *snapshot, *pointer; bool links, replace, needed; };

static int link_scene(void *user, struct hj_err *e)
{
  const struct scene *s = user;
  char *out = NULL;
  remove_all(s->root);
  make_dirs(s->blobs);
  put_text(s->blob, TEXT);
  make_dirs(s->snapshot);
  if (s->replace)
    CHECK_EQ(symlink("nowhere", s->pointer), 0);
  char elsewhere[700], target[100];
  (void)snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", s->snapshot);
  (void)snprintf(target, sizeof target, "../../../blobs/%s", etag);
  if (s->needed)
    CHECK_EQ(symlink(target, elsewhere), 0);
  if (!hj_link_snapshot(s->root, COMMIT_A, "d/f", etag, s->links, false, &out, e)) {
    CHECK_STR(out, s->pointer);
    CHECK(has_bytes(s->pointer, TEXT, strlen(TEXT)));
  }
  CHECK(is_there(s->blob) || has_bytes(s->pointer, TEXT, strlen(TEXT)));     /* never lost */
  if (s->needed)
    CHECK(has_bytes(elsewhere, TEXT, strlen(TEXT)));
  hj_mem_free(out);
  return (int)e->code;
}

TEST(links_survive_every_failure)
{
  make_repo();
  struct scene s = { repo(), in_repo("blobs"), blob_of(etag), in_repo("snapshots/" COMMIT_A "/d"), in_repo("snapshots/" COMMIT_A "/d/f"),
                     true, false, false };
  sweep_memory("link, new", link_scene, &s);
  sweep_platform("link, new", link_scene, &s);
  s.replace = true;
  sweep_memory("link, replaced", link_scene, &s);
  sweep_platform("link, replaced", link_scene, &s);
  s.links = false;
  sweep_memory("link, moved", link_scene, &s);
  sweep_platform("link, moved", link_scene, &s);
  s.needed = true;
  sweep_memory("link, copied", link_scene, &s);
  sweep_platform("link, copied", link_scene, &s);
}
