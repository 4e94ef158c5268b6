/* relay: a TCP relay on loopback that behaves like a distant, limited network. For benches; this kernel has no netem.
 *
 * Use      relay NAME=PORT ...       one listening port per NAME, relayed to 127.0.0.1:PORT. The first line on stdout is
 *                                    {"cdn":41001,"hub":41002,"echo":41003}: where they are. "echo" is always there: it
 *                                    sends back what it gets, through the same delay and the same line.
 *          Then one command a line on stdin, one line of JSON back on stdout. The end of stdin ends the relay.
 *            set K=V ...              delay_us     one-way delay; a connect costs two of them more (default 0)
 *                                     conn_rate    bytes per second of each connection, 0 = no limit
 *                                     total_rate   of all together, 0 = no limit
 *                                     line_rate    as total_rate, but with a queue: bytes wait their turn in one FIFO,
 *                                     line_queue   that holds so many bytes; a fuller one inflates everybody's RTT
 *                                     window       most bytes in flight on one connection (default 6 MiB, as Linux gives)
 *                                     slowstart    1: a connection begins with 10 segments and doubles per RTT
 *                                     tick_us      grain of the rates (default 2000)
 *            rule front=NAME [only=I] [every=K at=I] [factor=F] [cut=N] [stall=N]
 *                                     what happens to some connections, counted from 0 in the order they are accepted on
 *                                     that front: F times the conn_rate; reset after N bytes; silence after N bytes
 *            reset                    cut all connections, forget rules and counters
 *            brief | stats            counters | with the series and each connection
 * Owns     everything it accepts; a cut or reset is a RST.
 * Threads  one.
 * Errors   wrong arguments: a line on stderr, exit 2. A broken connection closes its pair, nothing more.
 * Promise  127.0.0.1 only. Rates are bytes on the wire toward the client (TLS and headers included), fair between connections to
 *          within a tick. Only the way down is limited in rate; the way up is delayed.
 * Not here loss, and the RTT the kernel believes in (TCP_INFO shows loopback's): line.c has both.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRONTS_MOST = 8, RULES_MOST = 16, SLOT_MS = 50, SLOTS_MOST = 20 * 60 * 20 /* 20 minutes */, PIECE = 1 << 16, FIRST_WINDOW = 14480 };
#define MS 1000000ull
#define NEVER UINT64_MAX

struct chunk { /* bytes on their way, due at the other end at `due` */
  struct chunk *next;
  uint64_t due;
  uint32_t at, len;
  char data[];
};

struct way { /* one direction of a pair */
  struct chunk *head, *tail;
  size_t bytes;
  uint64_t end_due; /* when the end of the stream arrives; NEVER: it has not been read yet */
};

struct ack {
  uint64_t due;
  uint32_t len;
};

struct conn {
  struct conn *prev, *next;
  int front, index, client, server; /* server -1: the echo */
  bool client_reads, client_writes, server_reads, server_writes, gone;
  struct way down, up;
  uint64_t born, refilled;
  double rate, tokens; /* rate 0: no limit */
  uint64_t sent, cut_at, stall_at; /* bytes delivered to the client */
  uint64_t taken; /* bytes read from the server */
  size_t flying, window;
  struct ack *acks;
  size_t ack_first, ack_count, ack_room;
  int record;
  int slot; /* the last slot in which something was delivered */
};

struct front { char name[16]; int port, listener, here, accepted; };
struct rule { int front, only, every, at; double factor; int64_t cut, stall; };
struct slot { uint64_t bytes; int open, active; };
struct record { int front, index; double factor; uint64_t born, ended, bytes; };
struct mark { int fd_kind; struct conn *conn; int front; }; /* what epoll tells us */

static struct { uint64_t delay, tick; double conn_rate, total_rate, line_rate, line_queue; size_t window; int slowstart; } set = {
  .tick = 2 * MS, .window = 6 << 20};
static struct front fronts[FRONTS_MOST];
static int front_count, echo_front, poller;
static struct rule rules[RULES_MOST];
static int rule_count;
static struct conn *conns;
static int open_count, conn_count;
static struct slot slots[SLOTS_MOST];
static int slot_last = -1;
static struct record *records;
static int record_count, record_room;
static uint64_t began, total_sent, total_up, total_taken, line_free, total_refilled, line_worst;
static double total_tokens;
static char piece[PIECE];

static uint64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void die(const char *text)
{
  fprintf(stderr, "relay: %s: %s\n", text, strerror(errno));
  exit(2);
}

static void *must(void *p)
{
  if (p == NULL) die("memory");
  return p;
}

/* --- the series -------------------------------------------------------------------------------------------------------- */

static void note(uint64_t now, struct conn *c, size_t bytes)
{
  if (began == 0) return;
  int n = (int)((now - began) / (SLOT_MS * MS));
  if (n >= SLOTS_MOST) n = SLOTS_MOST - 1;
  while (slot_last < n) slots[++slot_last] = (struct slot){.open = open_count};
  struct slot *s = &slots[n];
  if (open_count > s->open) s->open = open_count;
  s->bytes += bytes;
  if (c != NULL && bytes > 0 && c->slot != n) {
    c->slot = n;
    s->active++;
  }
}

/* --- bytes on their way ------------------------------------------------------------------------------------------------ */

static void push(struct way *w, const char *data, size_t len, uint64_t due)
{
  struct chunk *k = must(malloc(sizeof *k + len));
  *k = (struct chunk){.due = due, .len = (uint32_t)len};
  memcpy(k->data, data, len);
  if (w->tail != NULL) w->tail->next = k;
  else w->head = k;
  w->tail = k;
  w->bytes += len;
}

static void empty(struct way *w)
{
  while (w->head != NULL) {
    struct chunk *k = w->head;
    w->head = k->next;
    free(k);
  }
  *w = (struct way){.end_due = NEVER};
}

static void ack_later(struct conn *c, size_t len, uint64_t due)
{
  struct ack *last = c->ack_count ? &c->acks[(c->ack_first + c->ack_count - 1) % c->ack_room] : NULL;
  if (last != NULL && due < last->due + MS / 2) { /* one entry per half millisecond is enough */
    last->len += (uint32_t)len;
    return;
  }
  if (c->ack_count == c->ack_room) {
    size_t room = c->ack_room ? 2 * c->ack_room : 64;
    struct ack *more = must(malloc(room * sizeof *more));
    for (size_t i = 0; i < c->ack_count; i++) more[i] = c->acks[(c->ack_first + i) % c->ack_room];
    free(c->acks);
    c->acks = more, c->ack_room = room, c->ack_first = 0;
  }
  c->acks[(c->ack_first + c->ack_count++) % c->ack_room] = (struct ack){due, (uint32_t)len};
}

static void take_acks(struct conn *c, uint64_t now)
{
  while (c->ack_count && c->acks[c->ack_first].due <= now) {
    size_t len = c->acks[c->ack_first].len;
    c->ack_first = (c->ack_first + 1) % c->ack_room;
    c->ack_count--;
    c->flying -= len;
    if (c->window < set.window) c->window = c->window + len < set.window ? c->window + len : set.window;
  }
}

/* --- pairs ------------------------------------------------------------------------------------------------------------- */

static void watch(int fd, void *data)
{
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = data};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e)) die("epoll_ctl");
}

/* The two ends of a pair are told apart by the lowest bit of the pointer. */
static void *as_server(struct conn *c) { return (void *)((uintptr_t)c | 1); }

static void close_hard(int fd)
{
  struct linger now = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}

static void drop(struct conn *c, uint64_t now, bool hard)
{
  if (c->gone) return;
  c->gone = true;
  if (hard) close_hard(c->client);
  else close(c->client);
  if (c->server >= 0) close_hard(c->server);
  note(now, NULL, 0);
  open_count -= c->front != echo_front;
  if (c->record >= 0) records[c->record].ended = now, records[c->record].bytes = c->sent;
}

static void release(struct conn *c)
{
  if (c->prev != NULL) c->prev->next = c->next;
  else conns = c->next;
  if (c->next != NULL) c->next->prev = c->prev;
  empty(&c->down);
  empty(&c->up);
  free(c->acks);
  free(c);
}

static void apply_rules(struct conn *c)
{
  double factor = 1;
  for (int i = 0; i < rule_count; i++) {
    const struct rule *r = &rules[i];
    bool meant = r->front == c->front && ((r->only >= 0 && c->index == r->only) || (r->every > 0 && c->index % r->every == r->at) ||
                                          (r->only < 0 && r->every == 0));
    if (!meant) continue;
    factor *= r->factor;
    if (r->cut >= 0) c->cut_at = (uint64_t)r->cut;
    if (r->stall >= 0) c->stall_at = (uint64_t)r->stall;
  }
  c->rate = set.conn_rate * factor;
  if (c->record >= 0) records[c->record].factor = factor;
}

static void accept_all(int f, uint64_t now)
{
  for (;;) {
    int fd = accept4(fronts[f].listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int one = 1, server = -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (f != echo_front) {
      server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (server < 0) die("socket");
      setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      if (set.conn_rate > 0 || set.total_rate > 0 || set.line_rate > 0) {
        /* What waits in the server's socket was never on the wire; keep it little, so that the server's log is near the truth. */
        int small = 256 << 10;
        setsockopt(server, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
      }
      struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)fronts[f].port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
      if (connect(server, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) {
        close_hard(server);
        close_hard(fd);
        continue;
      }
    }
    struct conn *c = must(calloc(1, sizeof *c));
    *c = (struct conn){.front = f, .index = fronts[f].accepted++, .client = fd, .server = server, .born = now, .refilled = now, .slot = -1,
                       .record = -1, .cut_at = NEVER, .stall_at = NEVER, .down.end_due = NEVER, .up.end_due = NEVER, .next = conns};
    c->window = set.slowstart ? FIRST_WINDOW : set.window;
    if (conns != NULL) conns->prev = c;
    conns = c;
    if (f != echo_front) {
      if (began == 0) began = now;
      conn_count++;
      open_count++;
      if (record_count == record_room) {
        record_room = record_room ? 2 * record_room : 256;
        records = must(realloc(records, (size_t)record_room * sizeof *records));
      }
      c->record = record_count++;
      records[c->record] = (struct record){.front = f, .index = c->index, .factor = 1, .born = now};
      note(now, NULL, 0);
    }
    apply_rules(c);
    watch(fd, c);
    if (server >= 0) watch(server, as_server(c));
  }
}

/* --- moving bytes ------------------------------------------------------------------------------------------------------ */

/* Bytes toward the client enter the network: through the line if there is one, then the delay. */
static void send_down(struct conn *c, const char *data, size_t len, uint64_t now)
{
  uint64_t leaves = now;
  if (set.line_rate > 0) {
    if (line_free < now) line_free = now;
    line_free += (uint64_t)((double)len * 1e9 / set.line_rate);
    leaves = line_free;
    if (line_free - now > line_worst) line_worst = line_free - now;
  }
  push(&c->down, data, len, leaves + set.delay);
  c->flying += len;
  ack_later(c, len, leaves + 2 * set.delay);
}

/* Reads at most `budget` from the server. Returns what was read. */
static size_t pull(struct conn *c, size_t budget, uint64_t now)
{
  size_t got = 0;
  while (c->server_reads && !c->gone && got < budget && c->flying < c->window && c->taken < c->stall_at) {
    size_t most = budget - got;
    if (most > sizeof piece) most = sizeof piece;
    if (most > c->window - c->flying) most = c->window - c->flying;
    if (most > c->stall_at - c->taken) most = (size_t)(c->stall_at - c->taken);
    if (set.line_rate > 0) { /* a full queue takes nothing; 1,500 bytes at a time, so that connections and pings interleave */
      double queued = line_free > now ? (double)(line_free - now) * set.line_rate / 1e9 : 0;
      if (queued + 1500 > set.line_queue) break;
      if (most > 1500) most = 1500;
    }
    ssize_t n = read(c->server, piece, most);
    if (n > 0) {
      got += (size_t)n;
      c->taken += (size_t)n;
      total_taken += (size_t)n;
      send_down(c, piece, (size_t)n, now);
      if (set.line_rate > 0) break; /* one packet a turn */
    } else {
      c->server_reads = false;
      if (n == 0) c->down.end_due = now + set.delay;
      else if (errno != EAGAIN && errno != EINTR) drop(c, now, true);
      else if (errno == EINTR) c->server_reads = true;
    }
  }
  return got;
}

static void pull_up(struct conn *c, uint64_t now)
{
  while (c->client_reads && !c->gone && c->up.bytes < set.window) {
    ssize_t n = read(c->client, piece, sizeof piece);
    uint64_t due = (now > c->born + 2 * set.delay ? now : c->born + 2 * set.delay) + set.delay;
    if (n > 0) {
      total_up += (size_t)n;
      if (c->server < 0) send_down(c, piece, (size_t)n, due); /* the echo: up, and down again through the line */
      else push(&c->up, piece, (size_t)n, due);
    } else {
      c->client_reads = false;
      if (n == 0) c->up.end_due = due;
      else if (errno != EAGAIN && errno != EINTR) drop(c, now, true);
    }
  }
}

static void deliver(struct conn *c, struct way *w, int fd, bool *writes, bool to_client, uint64_t now)
{
  while (w->head != NULL && w->head->due <= now && *writes && !c->gone) {
    struct chunk *k = w->head;
    size_t most = k->len - k->at;
    if (to_client && c->sent + most > c->cut_at) most = (size_t)(c->cut_at - c->sent);
    ssize_t n = most ? send(fd, k->data + k->at, most, MSG_NOSIGNAL) : 0;
    if (n < 0) {
      if (errno == EAGAIN || errno == ENOTCONN) *writes = false;
      else drop(c, now, true);
      return;
    }
    k->at += (uint32_t)n;
    w->bytes -= (size_t)n;
    if (to_client && c->front != echo_front) {
      c->sent += (size_t)n;
      total_sent += (size_t)n;
      note(now, c, (size_t)n);
      if (c->sent >= c->cut_at) {
        drop(c, now, true);
        return;
      }
    }
    if (k->at == k->len) {
      w->head = k->next;
      if (w->head == NULL) w->tail = NULL;
      free(k);
    }
  }
}

static void serve(struct conn *c, uint64_t now)
{
  take_acks(c, now);
  pull_up(c, now);
  deliver(c, &c->down, c->client, &c->client_writes, true, now);
  if (c->server >= 0) deliver(c, &c->up, c->server, &c->server_writes, false, now);
  if (c->gone) return;
  /* An HTTP client that ends its side is gone: both ends are closed, as its RST would do a moment later. */
  if (c->up.head == NULL && c->up.end_due <= now) drop(c, now, true);
  else if (c->down.head == NULL && c->down.end_due <= now) drop(c, now, false);
}

static double refill(double tokens, double rate, uint64_t *then, uint64_t now)
{
  double most = rate * 0.010; /* what a late tick may catch up: 10 ms */
  tokens += rate * (double)(now - *then) / 1e9;
  *then = now;
  return tokens < most ? tokens : most;
}

/* One round of reading from the servers, each in turn getting its fair share. True: something waits for the next tick. */
static bool pull_all(uint64_t now)
{
  static uint64_t turn;
  struct conn *ready[4096];
  int count = 0;
  bool limited = set.conn_rate > 0 || set.total_rate > 0 || set.line_rate > 0, waits = false;
  if (set.total_rate > 0) total_tokens = refill(total_tokens, set.total_rate, &total_refilled, now);
  for (struct conn *c = conns; c != NULL; c = c->next) {
    if (c->gone || c->server < 0) continue;
    if (c->rate > 0) c->tokens = refill(c->tokens, c->rate, &c->refilled, now);
    if (c->server_reads && c->flying < c->window && c->taken < c->stall_at && count < 4096) ready[count++] = c;
  }
  if (count == 0) return false;
  if (!limited) {
    for (int i = 0; i < count; i++) pull(ready[i], SIZE_MAX, now);
    return false;
  }
  if (set.line_rate > 0) { /* packets of all in turn, until the queue is full */
    for (bool any = true; any;) {
      any = false;
      for (int i = 0; i < count; i++) any |= pull(ready[(i + turn) % (uint64_t)count], 1500, now) > 0;
      turn++;
    }
    for (int i = 0; i < count; i++) waits |= ready[i]->server_reads;
    return waits;
  }
  for (int pass = 0; pass < 6 && count > 0; pass++) {
    double share = set.total_rate > 0 ? total_tokens / count : 1e18;
    int still = 0;
    if (share < 1) {
      waits = true;
      break;
    }
    for (int i = 0; i < count; i++) {
      struct conn *c = ready[(i + turn) % (uint64_t)count];
      double may = share;
      if (c->rate > 0 && c->tokens < may) may = c->tokens;
      if (may < 1) {
        waits = true;
        continue;
      }
      size_t n = pull(c, may > 1e9 ? 1000000000 : (size_t)may, now);
      if (c->rate > 0) c->tokens -= (double)n;
      if (set.total_rate > 0) total_tokens -= (double)n;
    }
    for (int i = 0; i < count; i++) /* who has more, and may have more, gets a share of what is left */
      if (ready[i]->server_reads && !ready[i]->gone && ready[i]->flying < ready[i]->window) {
        waits = true;
        if (ready[i]->rate == 0 || ready[i]->tokens >= 1) ready[still++] = ready[i];
      }
    if (set.total_rate == 0) break;
    count = still;
    turn++;
  }
  return waits;
}

/* --- commands ---------------------------------------------------------------------------------------------------------- */

static double cpu_s(void)
{
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void answer(bool whole, uint64_t now)
{
  note(now, NULL, 0);
  printf("{\"ms\":%.3f,\"connections\":%d,\"open\":%d,\"bytes\":%llu,\"up\":%llu,\"taken\":%llu,\"cpu\":%.4f,\"queue_ms\":%.2f",
         began ? (double)(now - began) / 1e6 : 0.0, conn_count, open_count, (unsigned long long)total_sent, (unsigned long long)total_up,
         (unsigned long long)total_taken, cpu_s(), (double)line_worst / 1e6);
  if (began) printf(",\"began\":%llu", (unsigned long long)began);
  if (whole) {
    printf(",\"slot_ms\":%d,\"series\":[", SLOT_MS);
    for (int i = 0; i <= slot_last; i++) printf("%s[%llu,%d,%d]", i ? "," : "", (unsigned long long)slots[i].bytes, slots[i].open, slots[i].active);
    printf("],\"each\":[");
    for (int i = 0; i < record_count; i++) {
      const struct record *r = &records[i];
      uint64_t bytes = r->bytes;
      for (struct conn *c = conns; c != NULL; c = c->next)
        if (c->record == i) bytes = c->sent;
      printf("%s{\"front\":\"%s\",\"index\":%d,\"factor\":%g,\"born\":%.1f,\"ended\":%.1f,\"bytes\":%llu}", i ? "," : "", fronts[r->front].name, r->index,
             r->factor, (double)(r->born - began) / 1e6, r->ended ? (double)(r->ended - began) / 1e6 : -1.0, (unsigned long long)bytes);
    }
    printf("]");
  }
  printf("}\n");
}

static void forget(uint64_t now)
{
  for (struct conn *c = conns; c != NULL; c = c->next) drop(c, now, true);
  for (int i = 0; i < front_count; i++) fronts[i].accepted = 0;
  rule_count = record_count = conn_count = 0;
  slot_last = -1;
  began = total_sent = total_up = total_taken = line_free = line_worst = 0;
  total_tokens = 0;
}

static bool set_one(const char *key, double value)
{
  if (!strcmp(key, "delay_us")) set.delay = (uint64_t)(value * 1000);
  else if (!strcmp(key, "tick_us")) set.tick = (uint64_t)(value * 1000);
  else if (!strcmp(key, "conn_rate")) set.conn_rate = value;
  else if (!strcmp(key, "total_rate")) set.total_rate = value;
  else if (!strcmp(key, "line_rate")) set.line_rate = value;
  else if (!strcmp(key, "line_queue")) set.line_queue = value;
  else if (!strcmp(key, "window")) set.window = (size_t)value;
  else if (!strcmp(key, "slowstart")) set.slowstart = value != 0;
  else return false;
  return true;
}

static bool add_rule(char *rest)
{
  struct rule r = {.front = -1, .only = -1, .factor = 1, .cut = -1, .stall = -1};
  for (char *word = strtok(rest, " "); word != NULL; word = strtok(NULL, " ")) {
    char *value = strchr(word, '=');
    if (value == NULL) return false;
    *value++ = 0;
    if (!strcmp(word, "front")) {
      for (int i = 0; i < front_count; i++)
        if (!strcmp(value, fronts[i].name)) r.front = i;
    } else if (!strcmp(word, "only")) r.only = atoi(value);
    else if (!strcmp(word, "every")) r.every = atoi(value);
    else if (!strcmp(word, "at")) r.at = atoi(value);
    else if (!strcmp(word, "factor")) r.factor = atof(value);
    else if (!strcmp(word, "cut")) r.cut = atoll(value);
    else if (!strcmp(word, "stall")) r.stall = atoll(value);
    else return false;
  }
  if (r.front < 0 || rule_count == RULES_MOST) return false;
  rules[rule_count++] = r;
  return true;
}

static void command(char *line, uint64_t now)
{
  bool fine = true;
  if (!strcmp(line, "brief") || !strcmp(line, "stats")) {
    answer(!strcmp(line, "stats"), now);
    fflush(stdout);
    return;
  }
  if (!strcmp(line, "reset")) forget(now);
  else if (!strncmp(line, "rule ", 5)) fine = add_rule(line + 5);
  else if (!strncmp(line, "set ", 4)) {
    for (char *word = strtok(line + 4, " "); word != NULL; word = strtok(NULL, " ")) {
      char *value = strchr(word, '=');
      if (value != NULL) *value++ = 0;
      fine = value != NULL && set_one(word, atof(value)) && fine;
    }
  } else fine = false;
  puts(fine ? "{\"ok\":true}" : "{\"ok\":false}");
  fflush(stdout);
}

static bool commands(uint64_t now) /* false: stdin has ended */
{
  static char text[4096];
  static size_t len;
  ssize_t n = read(0, text + len, sizeof text - 1 - len);
  if (n == 0) return false;
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  len += (size_t)n;
  for (char *end; (end = memchr(text, '\n', len)) != NULL;) {
    *end = 0;
    command(text, now);
    len -= (size_t)(end + 1 - text);
    memmove(text, end + 1, len);
  }
  return len < sizeof text - 1;
}

/* --- the loop ---------------------------------------------------------------------------------------------------------- */

static void open_front(const char *name, int port)
{
  struct front *f = &fronts[front_count++];
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof here;
  *f = (struct front){.port = port};
  snprintf(f->name, sizeof f->name, "%s", name);
  f->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (f->listener < 0 || bind(f->listener, (struct sockaddr *)&here, sizeof here) || listen(f->listener, 4096)) die("listen");
  if (getsockname(f->listener, (struct sockaddr *)&here, &len)) die("getsockname");
  f->here = ntohs(here.sin_port);
  struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)front_count};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, f->listener, &e)) die("epoll_ctl");
}

static uint64_t next_due(uint64_t now)
{
  uint64_t next = NEVER;
  for (struct conn *c = conns; c != NULL; c = c->next) {
    const struct way *ways[2] = {&c->down, &c->up};
    const bool writes[2] = {c->client_writes, c->server_writes};
    for (int i = 0; i < 2; i++) {
      uint64_t due = ways[i]->head != NULL ? (writes[i] ? ways[i]->head->due : NEVER) : ways[i]->end_due;
      if (due < next) next = due;
    }
    /* Acks matter only to a full window with something to read. */
    if (c->ack_count && c->server_reads && c->flying >= c->window && c->acks[c->ack_first].due < next) next = c->acks[c->ack_first].due;
  }
  return next != NEVER && next < now ? now : next;
}

int main(int argc, char **argv)
{
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) die("epoll_create1");
  for (int i = 1; i < argc && front_count < FRONTS_MOST - 1; i++) {
    char *port = strchr(argv[i], '=');
    if (port == NULL || atoi(port + 1) <= 0) {
      fprintf(stderr, "relay: %s is not NAME=PORT\n", argv[i]);
      return 2;
    }
    *port++ = 0;
    open_front(argv[i], atoi(port));
  }
  echo_front = front_count;
  open_front("echo", 0);
  fcntl(0, F_SETFL, O_NONBLOCK);
  struct epoll_event in = {.events = EPOLLIN, .data.u64 = 0};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, 0, &in)) die("stdin must be a pipe");
  for (int i = 0; i < front_count; i++) printf("%s\"%s\":%d", i ? "," : "{", fronts[i].name, fronts[i].here);
  puts("}");
  fflush(stdout);

  bool waits = false;
  uint64_t tick_at = 0;
  for (;;) {
    uint64_t now = now_ns(), next = next_due(now);
    if (waits && tick_at < next) next = tick_at;
    struct epoll_event events[256];
    int64_t left = next == NEVER ? -1 : next > now ? (int64_t)(next - now) : 0;
    struct timespec pause = {left / 1000000000, left % 1000000000};
    int n = epoll_pwait2(poller, events, 256, left < 0 ? NULL : &pause, NULL);
    now = now_ns();
    for (int i = 0; i < n; i++) {
      uint64_t what = events[i].data.u64;
      unsigned flags = events[i].events;
      if (what == 0) {
        if (!commands(now)) return 0;
      } else if (what <= (uint64_t)front_count) accept_all((int)what - 1, now);
      else {
        bool server = what & 1;
        struct conn *c = (struct conn *)(uintptr_t)(what & ~(uint64_t)1);
        bool in_now = flags & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR), out_now = flags & (EPOLLOUT | EPOLLERR);
        if (c->gone) continue;
        if (server) c->server_reads |= in_now, c->server_writes |= out_now;
        else c->client_reads |= in_now, c->client_writes |= out_now;
      }
    }
    for (struct conn *c = conns; c != NULL; c = c->next)
      if (!c->gone) serve(c, now);
    bool limited = set.conn_rate > 0 || set.total_rate > 0 || set.line_rate > 0;
    if (!limited || now >= tick_at) {
      waits = pull_all(now);
      tick_at = now + set.tick;
      for (struct conn *c = conns; c != NULL; c = c->next) /* without a delay they are due at once */
        if (!c->gone && c->down.head != NULL && c->down.head->due <= now) serve(c, now);
    } else if (!waits) { /* between two ticks something became readable: it waits for the next one */
      for (struct conn *c = conns; c != NULL && !waits; c = c->next) waits = !c->gone && c->server >= 0 && c->server_reads && c->flying < c->window;
    }
    for (struct conn *c = conns, *after; c != NULL; c = after) {
      after = c->next;
      if (c->gone) release(c);
    }
  }
}
