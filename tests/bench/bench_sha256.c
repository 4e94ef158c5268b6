/* tests/bench/bench_sha256.c - what a core hashes in a second: OpenSSL, and our kernel with 1 to 4 streams.
 *
 * Build    gcc -std=c11 -D_GNU_SOURCE -O2 -pthread -I csrc tests/bench/bench_sha256.c
 *              $(ls csrc/digest/[a-z]*.c csrc/plat/[a-z]*.c csrc/util/[a-z]*.c) -lcrypto -o build/bench_sha256
 * Use      build/bench_sha256 [rounds [file]]
 * Prints   GB/s (1e9) of this thread's CPU time, so that neighbours on the machine disturb only by the clock and the caches: median
 *          (min..max) of the rounds, and the median of the ratio to OpenSSL in the same round. Rows are interleaved. From memory:
 *          128 KiB per stream, warm. With a file (in the page cache, say 1 GiB): hj_hash_path, and the same by OpenSSL.
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

static double cpu_s(void)
{
  struct timespec t;
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
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

static const char *path;

static void run_path(unsigned lanes)
{
  struct hj_err e = HJ_ERR_INIT;
  uint8_t out[HJ_DIGEST_MAX];
  hj_sha256_hide(lanes == 0);
  if (hj_hash_path(HJ_SHA256, path, NULL, out, &e))
    die(e.msg);
  hj_sha256_hide(false);
}

struct row { const char *name; void (*run)(unsigned lanes); unsigned lanes; double bytes; double gbs[ROUNDS_MAX], ratio[ROUNDS_MAX]; };

static struct row rows[] = {
  { .name = "OpenSSL EVP", .run = run_openssl, .bytes = BYTES },
  { .name = "1 lane", .run = run_lanes, .lanes = 1, .bytes = BYTES },
  { .name = "2 lanes", .run = run_lanes, .lanes = 2, .bytes = BYTES },
  { .name = "3 lanes", .run = run_lanes, .lanes = 3, .bytes = (BYTES + 3 * PIECE - 1) / (3 * PIECE) * (3.0 * PIECE) },
  { .name = "4 lanes", .run = run_lanes, .lanes = 4, .bytes = BYTES },
  { .name = "file, ours", .run = run_path, .lanes = 1 },
  { .name = "file, OpenSSL", .run = run_path, .lanes = 0 },
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

int main(int argc, char **argv)
{
  unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 21, n = sizeof rows / sizeof rows[0];
  struct stat st;
  path = argc > 2 ? argv[2] : NULL;
  if (rounds < 1 || rounds > ROUNDS_MAX)
    die("usage: bench_sha256 [rounds (1 to 1000) [file]]");
  if (path && stat(path, &st) != 0)
    die("no such file");
  hj_plat_init();
  if (!hj_sha256_kernel())
    die("this processor has no SHA-256 instructions");
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i / PIECE][i % PIECE] = (uint8_t)(i * 2654435761u >> 24);
  for (unsigned i = 0; i < n; i++)
    if (rows[i].run == run_path)
      rows[i].bytes = path ? (double)st.st_size : 0;
  for (unsigned r = 0; r < rounds; r++)
    for (unsigned i = 0; i < n; i++) {
      double began = cpu_s();
      if (rows[i].bytes == 0)
        continue;
      rows[i].run(rows[i].lanes);
      rows[i].gbs[r] = rows[i].bytes / (cpu_s() - began) / 1e9;
      rows[i].ratio[r] = rows[i].gbs[r] / rows[0].gbs[r];
    }
  printf("%s; %u rounds\n%-16s %8s %18s %8s %11s\n", hj_digest_versions(), rounds, "", "GB/s", "(min..max)", "x EVP", "CPU s/GiB");
  for (unsigned i = 0; i < n; i++) {
    double m = rows[i].bytes > 0 ? median(rows[i].gbs, rounds) : 0;
    if (m > 0)
      printf("%-16s %8.2f     (%5.2f..%5.2f) %8.2f %11.3f\n", rows[i].name, m, rows[i].gbs[0], rows[i].gbs[rounds - 1],
             median(rows[i].ratio, rounds), (double)(1 << 30) / 1e9 / m);
  }
  return 0;
}
