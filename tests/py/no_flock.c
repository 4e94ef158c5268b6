/* tests/py/no_flock.c - LD_PRELOAD: a file system whose flock lies (everybody gets the lock: Lustre without -o flock, some NFS and
 * FUSE mounts) or that has none. FLOCK=lies | absent. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int flock(int fd, int operation);

int flock(int fd, int operation)
{
  const char *how = getenv("FLOCK");
  (void)fd;
  (void)operation;
  if (!how || strcmp(how, "absent") != 0)
    return 0;
  errno = ENOLCK;
  return -1;
}
