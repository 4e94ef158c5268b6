/* engine/space.c - see space.h */
#include "engine/space.h"

#include "plat/plat.h"
#include "store/claim.h"
#include "store/layout.h"
#include "util/mem.h"
#include "util/banned.h"

int hj_space_free(const char *path, uint64_t *bytes, struct hj_err *e) { return hj_disk_free(path, bytes, e); }

int hj_space_partial(const char *side_dir, const char *key, uint64_t *bytes, struct hj_err *e)
{
  char *dir = NULL;
  *bytes = 0;
  if (hj_layout_check_key(key, e))
    return (int)e->code;
  dir = hj_layout_join(side_dir, "partial", e);
  if (dir && hj_claim_look(dir, key, bytes, e) && e->code == HJ_E_NONE)
    hj_err_clear(e);
  hj_mem_free(dir);
  return (int)e->code;
}
