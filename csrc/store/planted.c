/* store/planted.c - see planted.h */
#include "store/planted.h"

#include <string.h>

#include "plat/plat.h"
#include "store/layout.h"
#include "util/mem.h"

#include "util/banned.h"

static int look(const char *path, struct hj_err *e)
{
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT; /* what cannot be looked at cannot be written through either: that says so */
  uint32_t me = hj_proc_user();
  if (hj_path_stat(path, false, &st, &s) || st.kind != HJ_KIND_LINK || st.owner == me || st.owner == 0)
    return HJ_E_OK;
  return hj_fail(e, HJ_E_DENIED, "%s is a symbolic link of another user (%u): it is not followed", path, st.owner);
}

int hj_planted_check(const char *root, const char *path, struct hj_err *e)
{
  size_t n = strlen(root);
  char *copy;
  while (n > 0 && root[n - 1] == '/')
    n--;
  if (strncmp(root, path, n) != 0 || path[n] != '/')
    return hj_fail(e, HJ_E_BADARG, "'%.100s' is not below '%.100s'", path, root);
  copy = hj_mem_text(path, e);
  for (char *slash = copy ? strchr(copy + n + 1, '/') : NULL; slash && e->code == HJ_E_OK; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    (void)look(copy, e);
    *slash = '/';
  }
  if (e->code == HJ_E_OK)
    (void)look(copy, e);
  hj_mem_free(copy);
  return (int)e->code;
}

/* .locks/<repo folder> lies beside the repository's folder. */
static int look_at_locks(const char *repo_dir, struct hj_err *e)
{
  const char *slash = strrchr(repo_dir, '/');
  char *cache = NULL, *locks = NULL, *own = NULL;
  if (!slash || !slash[1])
    return HJ_E_OK;
  if ((cache = hj_mem_text_n(repo_dir, (size_t)(slash - repo_dir), e)) && (locks = hj_layout_join(cache, ".locks", e)) &&
      (own = hj_layout_join(locks, slash + 1, e)) && !look(locks, e))
    (void)look(own, e);
  hj_mem_free(cache);
  hj_mem_free(locks);
  hj_mem_free(own);
  return (int)e->code;
}

int hj_planted_check_repo(const char *repo_dir, struct hj_err *e)
{
  static const char *const written[] = { "blobs", "snapshots", "refs", "trees", ".no_exist", ".hubjet", ".hubjet/partial", ".hubjet/tmp",
                                         ".hubjet/record", ".hubjet/whole", ".hubjet/aside" };
  for (size_t i = 0; i < sizeof written / sizeof written[0] && e->code == HJ_E_OK; i++) {
    char *path = hj_layout_join(repo_dir, written[i], e);
    if (path)
      (void)look(path, e);
    hj_mem_free(path);
  }
  return e->code == HJ_E_OK ? look_at_locks(repo_dir, e) : (int)e->code;
}
