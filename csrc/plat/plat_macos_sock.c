/* plat/plat_macos_sock.c - round trips and receive windows, as macOS has them. Compiled by `make cross`; never run yet. */
#ifdef __APPLE__
#include "plat/sock.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "util/banned.h"

struct hj_sock_trip hj_sock_trip(int fd)
{
  struct hj_sock_trip trip = { 0, 0, 0 };
  struct tcp_connection_info info;
  socklen_t n = sizeof info;
  memset(&info, 0, sizeof info);
  if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_CONNECTION_INFO, &info, &n))
    return trip;
  trip.now_us = (info.tcpi_rttcur ? info.tcpi_rttcur : info.tcpi_srtt) * 1000u; /* milliseconds there */
  trip.min_us = info.tcpi_srtt && info.tcpi_srtt * 1000u < trip.now_us ? info.tcpi_srtt * 1000u : trip.now_us;
  trip.segment = info.tcpi_maxseg;
  return trip;
}

/* A smaller SO_RCVBUF is a smaller window, but it also ends the system's own sizing, for good: politeness is not offered here. */
bool hj_sock_window(int fd, uint32_t bytes)
{
  (void)fd, (void)bytes;
  return false;
}

int hj_sock_open(int family, int type, int protocol)
{
  int fd = socket(family, type, protocol);
  if (fd >= 0)
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* no SOCK_CLOEXEC: a fork and exec in between keeps it */
  return fd;
}
#endif
