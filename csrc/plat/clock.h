/* plat/clock.h - time. mono never jumps; wall is what the user's clock says. */
#ifndef HJ_PLAT_CLOCK_H
#define HJ_PLAT_CLOCK_H
#include <stdint.h>
uint64_t hj_clock_ms(void);       /* monotonic */
uint64_t hj_clock_ns(void);       /* monotonic */
int64_t hj_clock_wall_ns(void);   /* since the epoch */
/* From one wall time to another; at the border where the difference is none of 64 bits: anybody may give a file any time. */
int64_t hj_clock_span_ns(int64_t from, int64_t to);
void hj_clock_pause_ms(uint32_t ms);
#endif
