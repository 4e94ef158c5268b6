/* engine/lag.c - see lag.h */
#include "engine/lag.h"

#include "util/banned.h"

bool hj_lag_holds(uint64_t lag, uint64_t available, bool holding)
{
  uint64_t most = available / 4 > HJ_LAG_LEAST ? available / 4 : HJ_LAG_LEAST;
  return available && lag > (holding ? most / 2 : most);
}
