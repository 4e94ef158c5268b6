/* plat/plat_linux_sock.c - round trips and receive windows, as Linux has them. */
#ifdef __linux__
#include "plat/sock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include "util/banned.h"

struct hj_sock_trip hj_sock_trip(int fd)
{
  struct hj_sock_trip trip = { 0, 0, 0 };
  struct tcp_info info;
  socklen_t n = sizeof info;
  memset(&info, 0, sizeof info);
  if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) || info.tcpi_state == 0)
    return trip;
  /* Who only receives is acknowledged next to nothing: tcpi_rtt stays what the handshake saw. The receiver's own estimate follows. */
  trip.now_us = info.tcpi_rcv_rtt ? info.tcpi_rcv_rtt : info.tcpi_rtt;
  trip.min_us = info.tcpi_rtt && info.tcpi_rtt < trip.now_us ? info.tcpi_rtt : trip.now_us;
  trip.segment = info.tcpi_advmss;
  return trip;
}

bool hj_sock_window(int fd, uint32_t bytes)
{
  int n = bytes < HJ_SOCK_ANY ? (int)bytes : (int)HJ_SOCK_ANY;
  return fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &n, sizeof n) == 0;
}

int hj_sock_open(int family, int type, int protocol) { return socket(family, type | SOCK_CLOEXEC, protocol); }
#endif
