/* util/le.h - numbers as bytes, least significant first: how our files have them. Pure, inline. */
#ifndef HJ_LE_H
#define HJ_LE_H

#include <stddef.h>
#include <stdint.h>

/* The low `n` (at most 8) bytes of v. */
static inline void hj_put_le(uint8_t *to, uint64_t v, size_t n)
{
  for (size_t i = 0; i < n; i++)
    to[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t hj_get_le(const uint8_t *from, size_t n)
{
  uint64_t v = 0;
  for (size_t i = 0; i < n; i++)
    v |= (uint64_t)from[i] << (8 * i);
  return v;
}

#endif
