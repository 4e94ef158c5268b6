/* plat/plat_windows_sock.c - sockets on Windows: addresses, round trips. Compiled by `make cross`; never run yet. */
#ifdef _WIN32
#include "plat/sock.h"

#include <string.h>

#include "plat/windows_int.h"

#include <ws2tcpip.h>

#include <mstcpip.h>
#include "util/banned.h"

#define ASK_TCP_INFO _WSAIORW(IOC_VENDOR, 39) /* SIO_TCP_INFO, since Windows 10 1703; older ones refuse it */

static SOCKET socket_of(int fd) { return (SOCKET)(intptr_t)fd; }

static BOOL CALLBACK begin(PINIT_ONCE once, PVOID arg, PVOID *out)
{
  WSADATA said;
  (void)once, (void)arg, (void)out;
  return WSAStartup(MAKEWORD(2, 2), &said) == 0; /* counted: libcurl's own does not disturb it. Never given back, for sockets live to the end */
}

void hj_win_sockets(void)
{
  static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
  (void)InitOnceExecuteOnce(&once, begin, NULL, NULL); /* failed: it is tried again, and the socket says so */
}

void hj_socket_close(int s) { (void)closesocket(socket_of(s)); }

int hj_sock_open(int family, int type, int protocol)
{
  hj_win_sockets();
  return (int)(intptr_t)WSASocketW(family, type, protocol, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT); /* INVALID_SOCKET is -1 */
}

struct hj_sock_trip hj_sock_trip(int fd)
{
  struct hj_sock_trip trip = { 0, 0, 0 };
  DWORD version = 0, n = 0;
  TCP_INFO_v0 info;
  memset(&info, 0, sizeof info);
  if (fd == -1 || WSAIoctl(socket_of(fd), ASK_TCP_INFO, &version, sizeof version, &info, sizeof info, &n, NULL, NULL) || n < sizeof info)
    return trip;
  trip.now_us = info.RttUs;
  trip.min_us = info.MinRttUs && info.MinRttUs < info.RttUs ? info.MinRttUs : info.RttUs;
  trip.segment = info.Mss;
  return trip;
}

/* A smaller SO_RCVBUF is a smaller window, but it also ends the system's own sizing, for good: politeness is not offered here. */
bool hj_sock_window(int fd, uint32_t bytes)
{
  (void)fd, (void)bytes;
  return false;
}

bool hj_sock_address(const void *sockaddr, char out[HJ_ADDRESS_MAX])
{
  const struct sockaddr *any = sockaddr;
  const void *at = NULL;
  out[0] = 0;
  if (any->sa_family == AF_INET)
    at = &((const struct sockaddr_in *)sockaddr)->sin_addr;
  else if (any->sa_family == AF_INET6)
    at = &((const struct sockaddr_in6 *)sockaddr)->sin6_addr;
  return at && InetNtopA(any->sa_family, at, out, HJ_ADDRESS_MAX);
}

unsigned hj_sock_port(int fd)
{
  union { struct sockaddr any; struct sockaddr_in four; struct sockaddr_in6 six; } at;
  int n = (int)sizeof at;
  memset(&at, 0, sizeof at);
  if (fd == -1 || getsockname(socket_of(fd), &at.any, &n))
    return 0;
  return at.any.sa_family == AF_INET ? ntohs(at.four.sin_port) : at.any.sa_family == AF_INET6 ? ntohs(at.six.sin6_port) : 0;
}
#endif
