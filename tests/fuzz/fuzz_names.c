/* tests/fuzz/fuzz_names.c - names that become paths, and names of strangers in our folders: nothing outside the root is named or touched. */
#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/rate.h"
#include "fuzz.h"
#include "fuzz_disk.h"
#include "store/claim_int.h"
#include "store/crowd.h"
#include "store/journal.h"
#include "store/layout.h"
#include "store/owner_int.h"
#include "store/rival.h"
#include "util/mem.h"
#include "util/text.h"

#define COMMIT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ETAG "0123456789abcdef0123456789abcdef01234567"

/* Where a path leads, link by link left out: how deep below the root it ends, -1 if it leaves it at any point. */
static int depth_of(const char *path)
{
  int depth = 0;
  while (*path) {
    size_t k = strcspn(path, "/");
    if (k == 2 && path[0] == '.' && path[1] == '.')
      depth--;
    else if (k > 1 || (k == 1 && path[0] != '.'))
      depth++;
    if (depth < 0)
      return -1;
    path += k + (path[k] == '/');
  }
  return depth;
}

static bool is_name(const char *text, const char *signs, size_t least, size_t most)
{
  size_t n = strlen(text);
  return n >= least && n <= most && strspn(text, signs) == n;
}

/* Lines: a path, an etag, a commit, a key. */
FUZZ(layout)
{
  struct feed f = { p, n };
  struct hj_err e = HJ_ERR_INIT;
  char *path = feed_text(&f, '\n'), *etag = feed_text(&f, '\n'), *commit = feed_text(&f, '\n'), *key = feed_text(&f, '\n');
  char *made[5] = { NULL };
  bool good = hj_layout_check_path(path, &e) == HJ_E_OK;
  if (good) {
    MUST(depth_of(path) >= 1 && depth_of(path) <= HJ_PATH_DEPTH_MAX && path[0] != '/' && strlen(path) <= HJ_PATH_LEN_MAX);
    MUST(!strpbrk(path, "\\\n\r\t\x7f\x1b") && !strstr(path, "//") && path[strlen(path) - 1] != '/');
    for (const char *part = path; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
      MUST(strcspn(part, "/") >= 1 && strcspn(part, "/") <= HJ_PATH_PART_MAX);
  } else {
    MUST(e.code == HJ_E_NAME && e.msg[0] && !strpbrk(e.msg, "\n\x1b"));
  }
  hj_err_clear(&e);
  bool is_etag = hj_layout_check_etag(etag, &e) == HJ_E_OK;
  MUST(is_etag == (is_name(etag, "0123456789abcdef", 40, 40) || is_name(etag, "0123456789abcdef", 64, 64)));
  hj_err_clear(&e);
  bool is_commit = hj_layout_check_commit(commit, &e) == HJ_E_OK;
  MUST(is_commit == is_name(commit, "0123456789abcdef", 40, 40));
  hj_err_clear(&e);
  MUST((hj_layout_check_key(key, &e) == HJ_E_OK) == is_name(key, "abcdefghijklmnopqrstuvwxyz0123456789-", 1, 128));

  hj_err_clear(&e);
  made[0] = hj_layout_pointer("/c/models--o--n", commit, path, &e);
  MUST((made[0] != NULL) == (good && is_commit) && (made[0] != NULL) == (e.code == HJ_E_OK));
  if (made[0])
    MUST(hj_text_starts(made[0], "/c/models--o--n/snapshots/") && !strcmp(made[0] + 26 + 41, path));
  hj_err_clear(&e);
  made[1] = hj_layout_link_target(path, etag, &e);
  MUST((made[1] != NULL) == (good && is_etag));
  if (made[1]) {                                              /* from the pointer's folder it leads to the blob, and to nothing else */
    size_t ups = 0;
    const char *t = made[1];
    for (; hj_text_starts(t, "../"); t += 3)
      ups++;
    MUST(ups == 2 + (size_t)depth_of(path) - 1);
    MUST(hj_text_starts(t, "blobs/") && !strcmp(t + 6, etag));
  }
  hj_err_clear(&e);
  made[2] = hj_layout_blob("/c/models--o--n", etag, &e);
  MUST((made[2] != NULL) == is_etag);
  hj_err_clear(&e);
  made[3] = hj_layout_lock("/c/models--o--n/", etag, &e);
  MUST((made[3] != NULL) == is_etag);
  if (made[3])
    MUST(hj_text_starts(made[3], "/c/.locks/models--o--n/") && hj_text_starts(made[3] + 23, etag) && !strcmp(made[3] + 23 + strlen(etag), ".lock"));
  hj_err_clear(&e);
  made[4] = hj_layout_lock(path, ETAG, &e);                    /* any folder: within its own parent, or refused */
  if (made[4])
    MUST(strstr(made[4], ".locks/") && strchr(path, '/'));
  else
    MUST(e.code == HJ_E_BADARG);
  for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
    hj_mem_free(made[i]);
  free(path);
  free(etag);
  free(commit);
  free(key);
}

/* "<host>.<pid>.<start>.<n>", read the plain way. */
static bool is_owner(const char *name)
{
  uint64_t v[3];
  const char *p = strchr(name, '.');
  if (!p || p == name || strlen(name) >= HJ_OWNER_MAX)
    return false;
  for (int i = 0; i < 3; i++) {
    size_t k = strcspn(++p, i < 2 ? "." : "");
    if (!hj_text_u64(p, k, &v[i]) || (i < 2 && p[k] != '.'))
      return false;
    p += k;
  }
  return v[0] >= 1 && v[0] <= UINT32_MAX;
}

static bool is_key(const char *name, size_t n)
{
  return n >= 1 && n <= 128 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") >= n;
}

/* A name that a folder can hold. */
static bool is_entry(const char *name)
{
  return name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strlen(name) <= 255;
}

/* '@' stands for a name of a process that is gone, '&' for this one's, '%' for another host's. */
static void expand_name(char *out, size_t cap, const char *from)
{
  char own[HJ_OWNER_MAX], gone[HJ_OWNER_MAX];
  size_t at = 0;
  hj_owner_name(own);
  (void)snprintf(gone, sizeof gone, "%.*s.4194304.77.1", (int)strcspn(own, "."), own);   /* above the largest number of a process */
  for (; *from && at + HJ_OWNER_MAX < cap; from++) {
    const char *put = *from == '@' ? gone : *from == '&' ? own : *from == '%' ? "elsewhere00.1.2.3" : NULL;
    if (put)
      at += (size_t)snprintf(out + at, cap - at, "%s", put);
    else
      out[at++] = *from;
  }
  out[at] = 0;
}

static void set_age(const char *path, uint8_t how)
{
  static const int64_t seconds[] = { 0, -1000, -10000000, 100000, INT64_MIN / 4, INT64_MAX / 4, 9223372036, 9223372037 };
  struct timespec t[2];
  if (clock_gettime(CLOCK_REALTIME, &t[1]))
    abort();
  if (how % 8 < 4)
    t[1].tv_sec += seconds[how % 8];
  else
    t[1].tv_sec = seconds[how % 8];
  t[0] = t[1];
  (void)utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW);
}

/* Lines: what (a letter), how old (a letter), name. A folder of partials in which anything may lie; what is not ours stays. */
FUZZ(claim)
{
  struct feed f = { p, n };
  struct hj_err e = HJ_ERR_INIT;
  uint8_t how = feed_byte(&f);
  char strange[16][256];
  size_t strangers = 0;
  disk_clear("cl");
  const char *side = disk_path("cl/.hubjet"), *partial = disk_path("cl/.hubjet/partial"), *canary = disk_path("cl/canary/journal");
  disk_put(canary, "canary", 6);
  disk_parents(disk_path("cl/.hubjet/partial/x"));
  for (int i = 0; f.n && i < 12; i++) {
    uint8_t what = feed_byte(&f), age = feed_byte(&f);
    char *line = feed_text(&f, '\n'), name[1200], path[1800];
    size_t key_len = 0;
    expand_name(name, sizeof name, line);
    free(line);
    if (!is_entry(name))
      continue;
    (void)snprintf(path, sizeof path, "%s/%s", partial, name);
    size_t k = strcspn(name, ".");
    bool ours = is_key(name, k) && (!name[k] || is_owner(name + k + 1));
    MUST((hj_claim_state(partial, name, &key_len) == HJ_CLAIM_IS_STRANGE) == !ours);
    if (what % 4 == 0) {
      (void)symlink("../../canary", path);
    } else if (what % 4 == 1) {
      struct stat st;
      if (!lstat(path, &st))
        continue;
      disk_put(path, "file", 4);
    } else {
      char inner[2000];
      uint8_t head[HJ_JOURNAL_HEAD];
      struct hj_journal_head h = { 100, 1 };
      if (mkdir(path, 0777))
        continue;
      (void)snprintf(inner, sizeof inner, "%s/journal", path);
      hj_journal_put_head(head, &h);
      disk_put(inner, head, what % 4 == 2 ? sizeof head : what % 32);
      set_age(inner, age);
      (void)snprintf(inner, sizeof inner, "%s/data", path);
      if (what & 16) {
        (void)symlink("../../../canary/journal", inner);
      } else {
        disk_put(inner, "data", 4);
        set_age(inner, age);
      }
    }
    set_age(path, age);
    if (!ours && strangers < 16)
      memcpy(strange[strangers++], name, strlen(name) + 1);      /* is_entry: at most 255 */
  }
  uint64_t bytes, removed;
  struct hj_rival r = { 0 };
  struct hj_claim *c = NULL;
  MUST(!hj_claim_look(partial, "k", &bytes, &e));
  int rc = hj_rival_look(partial, "k", &r, &e);
  MUST(rc == HJ_E_OK || rc == HJ_E_BUSY);
  hj_err_clear(&e);
  MUST(!hj_claim_take(&c, partial, "k", how & 1, &e));
  MUST(hj_text_starts(c->path, partial) && is_entry(c->path + strlen(partial) + 1) && !strncmp(c->path + strlen(partial) + 1, "k.", 2));
  struct stat st;
  MUST(!lstat(c->path, &st) && S_ISDIR(st.st_mode));
  if (how & 2)
    hj_claim_keep(c);
  else
    hj_claim_drop(c);
  if (how & 4)
    (void)hj_claim_clear(partial, "k", &e);
  hj_err_clear(&e);
  if (how & 8)
    (void)hj_claim_sweep(side, how & 16 ? 0 : 5000, &removed, &e);
  MUST(disk_holds(canary, (const uint8_t *)"canary", 6));
  for (size_t i = 0; i < strangers; i++) {
    char path[1000];
    (void)snprintf(path, sizeof path, "%s/%s", partial, strange[i]);
    MUST(!lstat(path, &st));
  }
}

FUZZ(owner)
{
  struct feed f = { p, n };
  char *line = feed_text(&f, '\n'), name[1200];
  expand_name(name, sizeof name, line);
  enum hj_owner_life life = hj_owner_look(name);
  MUST((life != HJ_OWNER_NOBODY) == is_owner(name));
  if (!strcmp(line, "&"))
    MUST(life == HJ_OWNER_LIVE);
  if (!strcmp(line, "@"))
    MUST(life == HJ_OWNER_DEAD);
  free(line);
}

/* A limit; then entries of a run folder: a letter for the age, a name, the content. The shares of all that say sound words stay within it. */
FUZZ(crowd)
{
  struct feed f = { p, n };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_crowd c = { 0 };
  struct hj_crowd_words others[HJ_CROWD_MAX], mine = { feed_number(&f), feed_number(&f), feed_number(&f) };
  size_t count = 0, put = 0;
  disk_clear("run");
  const char *dir = disk_path("run/crowd"), *canary = disk_path("run/canary");
  disk_put(canary, "00000000000000000001 00000000000000000001 00000000000000000001\n", 63);
  MUST(!hj_crowd_join(&c, dir, &e));
  for (; f.n && put < 12; put++) {
    uint8_t age = feed_byte(&f);
    char *line = feed_text(&f, '\n'), name[1200], path[1800];
    size_t k;
    expand_name(name, sizeof name, line);
    free(line);
    char *content = feed_until(&f, '\n', &k), words[96];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (is_entry(name) && strcmp(path, c.path) != 0) {
      if (age & 16) {
        (void)symlink("../canary", path);
      } else if (age & 32) {
        (void)mkdir(path, 0777);
      } else if (access(path, F_OK)) {
        struct feed numbers = { (const uint8_t *)content, k };
        if (age & 64)
          k = (size_t)snprintf(words, sizeof words, "%020" PRIu64 " %020" PRIu64 " %020" PRIu64 "\n", feed_number(&numbers), feed_number(&numbers),
                               feed_number(&numbers));
        disk_put(path, age & 64 ? words : content, k);
      }
      set_age(path, age);
    }
    free(content);
  }
  MUST(!hj_crowd_say(&c, &mine, &e) && !hj_crowd_look(&c, others, &count, &e));
  MUST(count <= HJ_CROWD_MAX && count <= put);
  uint64_t appetites[HJ_CROWD_MAX], theirs = 0;
  for (size_t i = 0; i < count; i++) {
    appetites[i] = others[i].appetite;
    theirs += others[i].claim;
  }
  uint64_t share = hj_rate_share(mine.limit, mine.appetite, appetites, count), claim = hj_rate_claim(mine.limit, share, mine.claim, theirs);
  MUST(share <= mine.limit);
  MUST(claim <= mine.limit || claim <= mine.claim);
  if (claim > mine.claim)
    MUST(theirs <= mine.limit && claim <= mine.limit - theirs);
  hj_crowd_leave(&c);
  MUST(disk_holds(canary, (const uint8_t *)"00000000000000000001 00000000000000000001 00000000000000000001\n", 63));
}
