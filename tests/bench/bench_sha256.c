/* tests/bench/bench_sha256.c - what a core hashes in a second: OpenSSL, and our kernel with 1 to 4 streams.
 *
 * Build    gcc -std=c11 -D_GNU_SOURCE -O2 -pthread -I csrc tests/bench/bench_sha256.c
 *              $(ls csrc/digest/[a-z]*.c csrc/plat/[a-z]*.c csrc/util/[a-z]*.c) -lcrypto -o build/bench_sha256
 * Use      build/bench_sha256 [rounds [file ...]]
 * Prints   GB/s (1e9) of the process's CPU time, so that neighbours on the machine disturb only by the clock and the caches: median
 *          (min..max) of the rounds, the median of the ratio to OpenSSL in the same round, and the same by the wall clock. Rows are
 *          interleaved. From memory: 128 KiB per stream, warm. With files (in the page cache, say 1 GiB): the first by hj_hash_path,
 *          the same by OpenSSL, and all of them by hj_hash_paths.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "digest/algo.h"
#include "digest/hashfile.h"
#include "digest/sha256_lanes.h"
#include "plat/plat.h"

#define PIECE (128u << 10)
#define BYTES (64u << 20) /* of all streams, in one round of one row */
#define ROUNDS_MAX 1000

static uint8_t bytes[HJ_SHA256_LANES][PIECE];

static double seconds_of(clockid_t clock)
{
  struct timespec t;
  (void)clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *what)
{
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void run_openssl(unsigned lanes)
{
  uint8_t out[EVP_MAX_MD_SIZE];
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  (void)lanes;
  if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
    die("OpenSSL");
  for (size_t done = 0; done < BYTES; done += PIECE)
    if (EVP_DigestUpdate(ctx, bytes[0], PIECE) != 1)
      die("OpenSSL");
  if (EVP_DigestFinal_ex(ctx, out, NULL) != 1)
    die("OpenSSL");
  EVP_MD_CTX_free(ctx);
}

static void run_lanes(unsigned lanes)
{
  struct hj_sha256 state[HJ_SHA256_LANES], *s[HJ_SHA256_LANES];
  const void *p[HJ_SHA256_LANES];
  size_t n[HJ_SHA256_LANES];
  for (unsigned i = 0; i < lanes; i++) {
    s[i] = &state[i];
    hj_sha256_init(s[i]);
    p[i] = bytes[i];
    n[i] = PIECE;
  }
  for (size_t done = 0; done < BYTES; done += PIECE * lanes)
    hj_sha256_update_lanes(s, p, n, lanes);
}

static char **paths;
static unsigned paths_n;

static void run_path(unsigned lanes)
{
  struct hj_err e = HJ_ERR_INIT;
  uint8_t out[HJ_DIGEST_MAX];
  hj_sha256_hide(lanes == 0);
  if (hj_hash_path(HJ_SHA256, paths[0], NULL, out, &e))
    die(e.msg);
  hj_sha256_hide(false);
}

static void run_paths(unsigned lanes)
{
  struct hj_hashing files[64];
  (void)lanes;
  for (unsigned i = 0; i < paths_n; i++)
    files[i] = (struct hj_hashing){ .path = paths[i], .algo = HJ_SHA256, .e = HJ_ERR_INIT };
  hj_hash_paths(files, paths_n, 1, NULL);
  for (unsigned i = 0; i < paths_n; i++)
    if (!files[i].done)
      die(files[i].e.msg);
}

struct row {
  const char *name;
  void (*run)(unsigned lanes);
  unsigned lanes;
  double bytes, cpu[ROUNDS_MAX], wall[ROUNDS_MAX], ratio[ROUNDS_MAX], wall_ratio[ROUNDS_MAX];
};

static struct row rows[] = {
  { .name = "OpenSSL EVP", .run = run_openssl, .bytes = BYTES },
  { .name = "1 lane", .run = run_lanes, .lanes = 1, .bytes = BYTES },
  { .name = "2 lanes", .run = run_lanes, .lanes = 2, .bytes = BYTES },
  { .name = "3 lanes", .run = run_lanes, .lanes = 3, .bytes = (BYTES + 3 * PIECE - 1) / (3 * PIECE) * (3.0 * PIECE) },
  { .name = "4 lanes", .run = run_lanes, .lanes = 4, .bytes = BYTES },
  { .name = "file, ours", .run = run_path, .lanes = 1 },
  { .name = "file, OpenSSL", .run = run_path, .lanes = 0 },
  { .name = "all files, ours", .run = run_paths },
};

static int by_size(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *p, unsigned n)
{
  qsort(p, n, sizeof *p, by_size);
  return n % 2 ? p[n / 2] : (p[n / 2 - 1] + p[n / 2]) / 2;
}

static double size_of(const char *path)
{
  struct stat st;
  if (stat(path, &st) != 0)
    die(path);
  return (double)st.st_size;
}

int main(int argc, char **argv)
{
  unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 21, n = sizeof rows / sizeof rows[0];
  if (rounds < 1 || rounds > ROUNDS_MAX || argc > 2 + 64)
    die("usage: bench_sha256 [rounds (1 to 1000) [file ... (at most 64)]]");
  hj_plat_init();
  if (!hj_sha256_kernel())
    die("this processor has no SHA-256 instructions");
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i / PIECE][i % PIECE] = (uint8_t)(i * 2654435761u >> 24);
  paths = argv + 2;
  paths_n = argc > 2 ? (unsigned)argc - 2 : 0;
  for (unsigned i = 0; i < n; i++)
    for (unsigned k = 0; k < paths_n; k++)
      if (rows[i].run == run_paths || (rows[i].run == run_path && k == 0))
        rows[i].bytes += size_of(paths[k]);
  for (unsigned r = 0; r < rounds; r++)
    for (unsigned i = 0; i < n; i++) {
      double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID), wall = seconds_of(CLOCK_MONOTONIC);
      if (rows[i].bytes == 0)
        continue;
      rows[i].run(rows[i].lanes);
      rows[i].cpu[r] = rows[i].bytes / (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e9;
      rows[i].wall[r] = rows[i].bytes / (seconds_of(CLOCK_MONOTONIC) - wall) / 1e9;
      rows[i].ratio[r] = rows[i].cpu[r] / rows[0].cpu[r];
      rows[i].wall_ratio[r] = rows[i].wall[r] / rows[0].wall[r];
    }
  printf("%s; %u rounds\n%-16s %8s %18s %7s %10s %10s %7s\n", hj_digest_versions(), rounds, "", "GB/s CPU", "(min..max)", "x EVP", "CPU s/GiB",
         "GB/s wall", "x EVP");
  for (unsigned i = 0; i < n; i++) {
    double m = rows[i].bytes > 0 ? median(rows[i].cpu, rounds) : 0;
    if (m > 0)
      printf("%-16s %8.2f     (%5.2f..%5.2f) %7.2f %10.3f %10.2f %7.2f\n", rows[i].name, m, rows[i].cpu[0], rows[i].cpu[rounds - 1],
             median(rows[i].ratio, rounds), (double)(1 << 30) / 1e9 / m, median(rows[i].wall, rounds), median(rows[i].wall_ratio, rounds));
  }
  return 0;
}
