/* line: a home's internet line between two network namespaces, packet by packet. For benches; this kernel has no netem.
 *
 * Use      line [rate=BYTES_PER_S] [delay_us=ONE_WAY] [queue=PACKETS] [mtu=1500]
 *          Makes a TUN device "line0" in the namespace it is started in (the server's side), another in a new namespace (the
 *          client's side: /proc/<its pid>/ns/net), and prints {"pid":N} when both are there. The caller gives them addresses.
 *          Then one command a line on stdin, one line of JSON back: "reset", "stats". The end of stdin ends the line.
 * Does     Down (server to client): rate, one drop-tail queue of so many packets, delay. Up: the delay alone.
 * Why      relay.c ends TCP on both sides, so the kernel's RTT, slow start, loss and congestion control are loopback's there.
 *          Here they are the real ones, end to end: ping, TCP_INFO and retransmissions see what they would see at home.
 * Threads  one. Memory: packets in flight.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 15, PACKET_MOST = 65536, SLOT_MS = 50, SLOTS_MOST = 20 * 60 * 20, FLOWS_MOST = 1 << 16 };

struct packet { uint64_t leaves, due; uint32_t len; char *data; };
struct ring { struct packet p[ROOM]; unsigned first, count, waiting; }; /* waiting: index of the first that has not left the queue */
struct slot { uint64_t bytes; int open, active; };

static struct ring down, up;
static struct slot slots[SLOTS_MOST];
static int slot_last = -1, tun_a, tun_b;
static int seen_slot[FLOWS_MOST]; /* by the client's port: 1 + the slot of its last payload */
static bool alive[FLOWS_MOST];
static int open_count, syn_count;
static uint64_t began, line_free, drops, delivered;
static double rate;
static uint64_t delay;
static unsigned queue = 400;

static uint64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void die(const char *text)
{
  fprintf(stderr, "line: %s: %s\n", text, strerror(errno));
  exit(2);
}

static int tun(const char *name)
{
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  if (fd < 0) die("/dev/net/tun");
  snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
  if (ioctl(fd, TUNSETIFF, &r)) die("TUNSETIFF");
  return fd;
}

static void slots_to(uint64_t now)
{
  int n = (int)((now - began) / (SLOT_MS * 1000000ull));
  if (n >= SLOTS_MOST) n = SLOTS_MOST - 1;
  while (slot_last < n) slots[++slot_last] = (struct slot){.open = open_count};
  if (open_count > slots[slot_last].open) slots[slot_last].open = open_count;
}

/* IPv4 TCP only; what is not that is carried and not counted. */
static void count_packet(const unsigned char *p, uint32_t len, bool to_client, uint64_t now)
{
  if (len < 40 || p[0] >> 4 != 4 || p[9] != 6) return;
  const unsigned char *t = p + (size_t)(p[0] & 15) * 4;
  if (t + 20 > p + len) return;
  unsigned port = to_client ? (unsigned)(t[2] << 8 | t[3]) : (unsigned)(t[0] << 8 | t[1]), flags = t[13];
  uint32_t header = (uint32_t)(t - p) + (uint32_t)(t[12] >> 4) * 4;
  if (!to_client && (flags & 0x12) == 0x02) { /* SYN */
    if (began == 0) began = now;
    syn_count++;
    if (!alive[port]) alive[port] = true, open_count++;
  }
  if (began == 0) return;
  if ((flags & 0x05) && alive[port]) alive[port] = false, open_count--; /* FIN or RST, from either side */
  slots_to(now);
  if (to_client && len > header) {
    slots[slot_last].bytes += len - header;
    delivered += len - header;
    if (seen_slot[port] != slot_last + 1) seen_slot[port] = slot_last + 1, slots[slot_last].active++;
  }
}

static void take(int fd, struct ring *r, bool limited, uint64_t now)
{
  static char data[PACKET_MOST];
  for (;;) {
    if (r->count == ROOM) return;
    ssize_t n = read(fd, data, sizeof data);
    if (n <= 0) return;
    uint64_t leaves = now;
    if (limited && rate > 0) {
      while (r->waiting < r->count && r->p[(r->first + r->waiting) % ROOM].leaves <= now) r->waiting++;
      if (r->count - r->waiting >= queue) {
        drops++;
        continue;
      }
      if (line_free < now) line_free = now;
      line_free += (uint64_t)((double)n * 1e9 / rate);
      leaves = line_free;
    }
    char *copy = malloc((size_t)n);
    if (copy == NULL) die("memory");
    memcpy(copy, data, (size_t)n);
    r->p[(r->first + r->count++) % ROOM] = (struct packet){leaves, leaves + delay, (uint32_t)n, copy};
  }
}

static void give(int fd, struct ring *r, bool to_client, uint64_t now)
{
  while (r->count && r->p[r->first].due <= now) {
    struct packet *p = &r->p[r->first];
    if (write(fd, p->data, p->len) < 0 && errno == EAGAIN) return;
    count_packet((unsigned char *)p->data, p->len, to_client, now);
    free(p->data);
    r->first = (r->first + 1) % ROOM;
    r->count--;
    if (r->waiting) r->waiting--;
  }
}

static void answer(uint64_t now)
{
  if (began) slots_to(now);
  printf("{\"ms\":%.3f,\"connections\":%d,\"open\":%d,\"bytes\":%llu,\"drops\":%llu,\"slot_ms\":%d,\"series\":[", began ? (double)(now - began) / 1e6 : 0.0,
         syn_count, open_count, (unsigned long long)delivered, (unsigned long long)drops, SLOT_MS);
  for (int i = 0; i <= slot_last; i++) printf("%s[%llu,%d,%d]", i ? "," : "", (unsigned long long)slots[i].bytes, slots[i].open, slots[i].active);
  puts("]}");
  fflush(stdout);
}

static bool commands(uint64_t now)
{
  char text[256];
  ssize_t n = read(0, text, sizeof text - 1);
  if (n <= 0) return n < 0 && errno == EAGAIN;
  text[n] = 0;
  if (!strncmp(text, "reset", 5)) {
    memset(alive, 0, sizeof alive);
    memset(seen_slot, 0, sizeof seen_slot);
    open_count = syn_count = 0;
    slot_last = -1;
    began = drops = delivered = 0;
    puts("{\"ok\":true}");
    fflush(stdout);
  } else answer(now);
  return true;
}

int main(int argc, char **argv)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int i = 1; i < argc; i++) {
    if (sscanf(argv[i], "rate=%lf", &rate) == 1 || sscanf(argv[i], "queue=%u", &queue) == 1) continue;
    unsigned us;
    if (sscanf(argv[i], "delay_us=%u", &us) == 1) delay = us * 1000ull;
    else return 2;
  }
  if (queue >= ROOM / 2) queue = ROOM / 2;
  tun_a = tun("line0");
  if (unshare(CLONE_NEWNET)) die("unshare");
  tun_b = tun("line0");
  fcntl(0, F_SETFL, O_NONBLOCK);
  printf("{\"pid\":%d}\n", (int)getpid());
  fflush(stdout);
  for (;;) {
    uint64_t now = now_ns(), next = UINT64_MAX;
    if (down.count) next = down.p[down.first].due;
    if (up.count && up.p[up.first].due < next) next = up.p[up.first].due;
    int64_t left = next == UINT64_MAX ? -1 : next > now ? (int64_t)(next - now) : 0;
    struct timespec pause = {left / 1000000000, left % 1000000000};
    struct pollfd fds[3] = {{0, POLLIN, 0}, {tun_a, POLLIN, 0}, {tun_b, POLLIN, 0}};
    if (ppoll(fds, 3, left < 0 ? NULL : &pause, NULL) < 0 && errno != EINTR) die("ppoll");
    now = now_ns();
    if (fds[0].revents && !commands(now)) return 0;
    take(tun_a, &down, true, now);
    take(tun_b, &up, false, now);
    give(tun_b, &down, true, now);
    give(tun_a, &up, false, now);
  }
}
