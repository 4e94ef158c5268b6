/* tests/c/test_planted.c - links of other users are found before anything is written through them. */
#include "store/planted.h"
#include "store_kit.h"
#include "sweep.h"

static void plant(const char *path, unsigned owner)
{
  CHECK_EQ(symlink("/nowhere", path), 0);
  CHECK_EQ(lchown(path, owner, owner), 0);
}

TEST(a_link_of_another_user_is_found_where_it_is)
{
  static const struct { const char *link, *path; bool mine, found; } rows[] = {
    { "r/a", "r/a/b/c", false, true },   { "r/a", "r/a", false, true },     { "r/a", "r/b", false, false },
    { "r/a", "r/a/b/c", true, false },   { "r/d/b", "r/d/b/c", false, true }, { "r/d/b", "r/d/bb", false, false },
    { "s", "r/x", false, false },        { "r/d/b", "r//d//b/c", false, true },
  };
  if (geteuid() != 0)
    skip("only root can make a link that belongs to somebody else");
  make_dirs(temp_path("r/d"));
  char root[700];
  (void)snprintf(root, sizeof root, "%s", temp_path("r"));
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_err e = HJ_ERR_INIT;
    char link[700];
    (void)snprintf(link, sizeof link, "%s", temp_path(rows[i].link));
    context("%s on the way to %s", rows[i].link, rows[i].path);
    plant(link, rows[i].mine ? 0 : 54321);
    CHECK_CODE(hj_planted_check(root, temp_path(rows[i].path), &e), rows[i].found ? HJ_E_DENIED : HJ_E_OK, e);
    CHECK_EQ(unlink(link), 0);
  }
}

TEST(a_path_elsewhere_is_no_path_below)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_CODE(hj_planted_check("/a/b", "/a/bc", &e), HJ_E_BADARG, e);
  CHECK_CODE(hj_planted_check("/a/b", "/a", &e), HJ_E_BADARG, e);
  CHECK_OK(hj_planted_check("/", "/none/at/all", &e), e);
  CHECK_OK(hj_planted_check("/none/", "/none/at/all", &e), e);
}

TEST(a_repositorys_folders_are_looked_at_and_its_locks)
{
  static const char *const folders[] = { "blobs", "snapshots", "refs", "trees", ".no_exist", ".hubjet", "../.locks" };
  if (geteuid() != 0)
    skip("only root can make a link that belongs to somebody else");
  make_dirs(temp_path("c/models--o--n"));
  char repo[700], link[800];
  struct hj_err e = HJ_ERR_INIT;
  (void)snprintf(repo, sizeof repo, "%s", temp_path("c/models--o--n"));
  CHECK_OK(hj_planted_check_repo(repo, &e), e);
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    (void)snprintf(link, sizeof link, "%s/%s", repo, folders[i]);
    context("%s", folders[i]);
    plant(link, 54321);
    CHECK_CODE(hj_planted_check_repo(repo, &e), HJ_E_DENIED, e);
    CHECK_EQ(unlink(link), 0);
  }
}

static int look_once(void *user, struct hj_err *e) { (void)user; return hj_planted_check_repo(temp_path("c/models--o--n"), e); }

TEST(a_look_for_planted_links_survives_every_failing_allocation)
{
  make_dirs(temp_path("c/models--o--n"));
  sweep_memory("planted", look_once, NULL);
}
