/* plat/plat_linux_sock.c - see sock.h. */
#include "plat/sock.h"

#include <arpa/inet.h>
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

bool hj_sock_address(const void *sockaddr, char out[HJ_ADDRESS_MAX])
{
  const struct sockaddr *any = sockaddr;
  const void *at = NULL;
  out[0] = 0;
  if (any->sa_family == AF_INET)
    at = &((const struct sockaddr_in *)sockaddr)->sin_addr;
  else if (any->sa_family == AF_INET6)
    at = &((const struct sockaddr_in6 *)sockaddr)->sin6_addr;
  return at && inet_ntop(any->sa_family, at, out, HJ_ADDRESS_MAX);
}

unsigned hj_sock_port(int fd)
{
  union { struct sockaddr any; struct sockaddr_in four; struct sockaddr_in6 six; } at;
  socklen_t n = sizeof at;
  memset(&at, 0, sizeof at);
  if (fd < 0 || getsockname(fd, &at.any, &n))
    return 0;
  return at.any.sa_family == AF_INET ? ntohs(at.four.sin_port) : at.any.sa_family == AF_INET6 ? ntohs(at.six.sin6_port) : 0;
}
