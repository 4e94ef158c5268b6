/* plat/plat_posix_sock.c - addresses and ports of sockets, for Linux and macOS. */
#ifndef _WIN32
#include "plat/sock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "util/banned.h"

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
#endif
