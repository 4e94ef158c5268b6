/* engine/supply.h - the addresses one file can be had from: the want's own URL, and its mirrors. Pure.
 *
 * Use      [0] is the want's own, in its order the mirrors follow. hj_supply_pick says which of them gets the next range.
 * Facts    A mirror is used only for bytes that a promise proves. So it needs no trust; it is believed when the whole is proven, and until
 *          then it is remembered who brought which bytes (`brought`).
 */
#ifndef HJ_SUPPLY_H
#define HJ_SUPPLY_H

#include "engine/source.h"
#include "util/ranges.h"

struct hj_supply {
  struct hj_url first;
  struct hj_source source;        /* where its redirects lead */
  struct hj_ranges brought;       /* of what is on disk now, in this run */
  struct hj_ranges doubted;       /* what was taken back because the whole was wrong */
  uint64_t bytes;                 /* received */
  uint64_t rate;                  /* of one of its connections, as of late; 0 = not known */
  bool differed;                  /* what it brought was not what another one brought in its place */
  bool gone;                      /* not asked any more for this file */
  char why[72];                   /* then: why */
};

struct hj_offer {
  bool usable;
  bool failing;                   /* its last tries brought nothing: only if nobody else is there */
  uint64_t rate;                  /* bytes per second of one connection, 0 = not known */
  unsigned parts;                 /* ranges it has now */
};

/* The one whose next connection would bring most: connections are shared out as their rates are. One that is not known yet is
 * thought as good as the best, so that it is found out. -1: none. */
int hj_supply_pick(const struct hj_offer *o, unsigned n);
/* One connection brought `bytes` in `ms`. */
void hj_supply_measure(struct hj_supply *s, uint64_t bytes, uint64_t ms);
void hj_supply_drop(struct hj_supply *s, const char *why);
/* Was any of `differed` brought by it, and taken back? */
bool hj_supply_lied(const struct hj_supply *s, const struct hj_ranges *differed);
void hj_supply_release(struct hj_supply *s);

#endif
