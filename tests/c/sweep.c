/* tests/c/sweep.c - see sweep.h. */
#include "sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "plat/fault.h"
#include "util/mem.h"

#define SITES_MOST 200000

struct held { int64_t live; unsigned files; };

static struct held look(void)
{
  return (struct held){ hj_mem_live(), open_files() };
}

static void play_well(sweep_scene *scene, void *user)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_OK(scene(user, &e), e);
}

static int only_site(void)
{
  const char *text = getenv("HJ_SITE");
  return text ? (int)strtol(text, NULL, 10) : 0;
}

static void judge(int rc, const struct hj_err *e, struct held before)
{
  CHECK_EQ(rc, e->code);
  if (rc)
    CHECK(e->msg[0] != 0);
  CHECK_EQ(hj_mem_live(), before.live);
  CHECK_EQ(open_files(), before.files);
}

static const char *op_name(enum hj_op op)
{
  static const char *const names[] = {
#define HJ_X(n) #n,
    HJ_OP_MAP(HJ_X)
#undef HJ_X
  };
  return (unsigned)op < HJ_OP_COUNT ? names[op] : "?";
}

int sweep_memory(const char *name, sweep_scene *scene, void *user)
{
  int only = only_site(), n;
  play_well(scene, user); /* what is made once and kept (a library's tables) is made here */
  struct held before = look();
  for (n = only ? only : 1; n < SITES_MOST; n++) {
    struct hj_err e = HJ_ERR_INIT;
    context("%s, memory site %d", name, n);
    hj_mem_fail_at(n);
    int rc = scene(user, &e), fired = hj_mem_fired();
    hj_mem_fail_at(0);
    judge(rc, &e, before);
    if (!fired) {
      CHECK_EQ(rc, HJ_E_OK);
      break;
    }
    if (rc != HJ_E_OK && rc != HJ_E_NOMEM)
      check_failed(__FILE__, __LINE__, "out of memory came out as %s: %s", hj_code_name(e.code), e.msg);
    play_well(scene, user);
    if (only)
      break;
  }
  CHECK_LT(n, SITES_MOST);
  CHECK_GT(n, 1);
  context_end();
  printf("swept %s: %d memory sites\n", name, n - 1);
  return n - 1;
}

/* Each errno that fits the call, at each site; without HUBJET_TORTURE two of them, others at the next site. */
int sweep_platform(const char *name, sweep_scene *scene, void *user)
{
  int only = only_site(), n;
  bool on = true;
  play_well(scene, user);
  struct held before = look();
  for (n = only ? only : 1; on && n < SITES_MOST; n++) {
    bool all = only || getenv("HUBJET_TORTURE") != NULL;
    for (unsigned k = 0; k == 0 || (all ? hj_fault_fitting(hj_fault_op(), k) != 0 : k < 2); k++) {
      struct hj_err e = HJ_ERR_INIT;
      context("%s, platform site %d, way %u", name, n, k);
      hj_fault_at(n, HJ_FAULT_FIT + (int)k + (all ? 0 : 2 * n));
      int rc = scene(user, &e);
      on = hj_fault_fired();
      hj_fault_at(0, 0);
      if (on)
        context("%s, platform site %d: %s answers %s", name, n, op_name(hj_fault_op()), strerror(hj_fault_sys()));
      judge(rc, &e, before);
      if (!on) {
        CHECK_EQ(rc, HJ_E_OK);
        break;
      }
      play_well(scene, user);
    }
    if (only)
      break;
  }
  n -= !only;
  CHECK_LT(n, SITES_MOST);
  CHECK_GT(n, only ? 0 : 1);
  context_end();
  printf("swept %s: %d platform sites\n", name, n - 1);
  return n - 1;
}
