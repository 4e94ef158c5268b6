/* plat/sock.h - what the kernel knows of a connection. Never fails: what is not known is 0. */
#ifndef HJ_PLAT_SOCK_H
#define HJ_PLAT_SOCK_H

#include <stdint.h>

struct hj_sock_trip {
  uint32_t now_us;          /* round trip as of late, queues on the way included */
  uint32_t min_us;          /* the least this connection has seen */
};

/* Of a connected TCP socket; zeros for -1, for what is no such socket, and where the system does not tell. */
struct hj_sock_trip hj_sock_trip(int fd);
unsigned hj_sock_port(int fd);             /* the local one; 0: none yet, or no such socket */

#endif
