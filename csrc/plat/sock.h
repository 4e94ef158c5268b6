/* plat/sock.h - what the kernel knows of a connection, and how much it lets come. Never fails: what is not known is 0. */
#ifndef HJ_PLAT_SOCK_H
#define HJ_PLAT_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hj_sock_trip {
  uint32_t now_us;          /* round trip as of late, queues on the way included */
  uint32_t min_us;          /* the least this connection has seen */
  uint32_t segment;         /* bytes of the largest packet it may be sent */
};

/* Of a connected TCP socket; zeros for -1, for what is no such socket, and where the system does not tell. */
struct hj_sock_trip hj_sock_trip(int fd);
unsigned hj_sock_port(int fd);             /* the local one; 0: none yet, or no such socket */

/* The receive window: so many bytes at most are let come before they are acknowledged. What was granted before is not taken back, it is used
 * up. Linux raises it again when it enlarges its buffer: who means it repeats it. HJ_SOCK_ANY: no bound of ours.
 * false: no such socket, or a system that cannot. */
#define HJ_SOCK_ANY ((uint32_t)1 << 30)
bool hj_sock_window(int fd, uint32_t bytes);

/* A socket as libcurl wants one, closed on exec; -1: the system has none for us. */
int hj_sock_open(int family, int type, int protocol);
/* The address in a struct sockaddr, as text without the port; false (and ""): of another family. */
#define HJ_ADDRESS_MAX 48u
bool hj_sock_address(const void *sockaddr, char out[HJ_ADDRESS_MAX]);

#endif
