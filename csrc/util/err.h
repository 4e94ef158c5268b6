/* util/err.h - what went wrong, with the facts, once.
 *
 * Use      struct hj_err e = HJ_ERR_INIT; if (step(..., &e)) goto out;
 * Owns     nothing: the caller's struct, usually on its stack; no allocation, so that out-of-memory can be reported.
 * Threads  a struct belongs to one thread at a time.
 * Promise  the first cause stays: hj_fail on a full struct only traces (a failed close must not hide "no space left").
 *          url and msg never hold user, query, fragment, header values or line breaks.
 * Not here retry policy (engine/retry.h), Python classes at work (ext/raise.h): both read the one table below.
 */
#ifndef HJ_ERR_H
#define HJ_ERR_H

#include <stdbool.h>
#include <stdint.h>
#include "util/attr.h"

/* code, Python class in hubjet._errors ("" = never leaves C), worth another try?, text */
#define HJ_ERR_MAP(X)                                                                   \
  X(OK,           "",               false, "success")                                   \
  X(NOMEM,        "MemoryError",    false, "out of memory")                             \
  X(CANCELLED,    "Cancelled",      false, "cancelled; what was received is kept")      \
  X(BADARG,       "ValueError",     false, "bad argument")                              \
  X(RESOLVE,      "NetworkError",   true,  "the host name could not be resolved")       \
  X(CONNECT,      "NetworkError",   true,  "no connection could be made")               \
  X(RESET,        "NetworkError",   true,  "the connection broke off")                  \
  X(TIMEOUT,      "TimedOut",       true,  "no answer in time")                         \
  X(STALLED,      "TimedOut",       true,  "the transfer stopped moving")               \
  X(PROXY,        "ProxyError",     true,  "the proxy could not be used")               \
  X(PROXY_AUTH,   "ProxyError",     false, "the proxy asks for a name and a password")  \
  X(PROXY_DENIED, "ProxyError",     false, "the proxy does not let us there")           \
  X(TLS,          "TlsError",       false, "the server's certificate was not accepted") \
  X(TLS_ISSUER,   "TlsError",       false, "the certificate was signed by somebody who is not trusted") \
  X(TLS_SELF,     "TlsError",       false, "the certificate is signed by nobody but itself") \
  X(TLS_DATE,     "TlsError",       false, "the certificate does not hold now")         \
  X(TLS_HOST,     "TlsError",       false, "the certificate is for another host")       \
  X(TLS_STORE,    "TlsError",       false, "the trusted certificates cannot be read")   \
  X(HTTP_AUTH,    "AccessDenied",   false, "the server asks for a token")               \
  X(HTTP_DENIED,  "AccessDenied",   false, "the server denies access")                  \
  X(HTTP_MISSING, "NotFound",       false, "the server has no such thing")              \
  X(HTTP_LIMITED, "RateLimited",    true,  "too many requests")                         \
  X(HTTP_SERVER,  "ServerError",    true,  "the server failed")                         \
  X(HTTP_CLIENT,  "ProtocolError",  false, "the server refused the request")            \
  X(RANGE,        "ProtocolError",  true,  "the server answered another range")         \
  X(PROTOCOL,     "ProtocolError",  true,  "the answer makes no sense")                 \
  X(PORTAL,       "ProtocolError",  true,  "the network asks for a login")              \
  X(REDIRECT,     "ProtocolError",  false, "a redirect that is not followed")           \
  X(TOOBIG,       "ProtocolError",  false, "the answer is larger than allowed")         \
  X(DIGEST,       "IntegrityError", false, "content does not match its digest")         \
  X(SIZE,         "IntegrityError", true,  "content does not have its size")            \
  X(CHANGED,      "IntegrityError", true,  "the file changed on the server meanwhile")  \
  X(NOSPACE,      "StorageError",   false, "no space left")                             \
  X(READONLY,     "StorageError",   false, "read-only file system")                     \
  X(DENIED,       "StorageError",   false, "not permitted by the file system")          \
  X(NAME,         "StorageError",   false, "a name the file system cannot hold")        \
  X(IO,           "StorageError",   false, "the disk failed")                           \
  X(BUSY,         "StorageError",   false, "held by another process")                   \
  X(OFFLINE,      "Offline",        false, "offline")                                   \
  X(FORKED,       "RuntimeError",   false, "belongs to the parent process")             \
  X(NONE,         "",               false, "nothing there")                             \
  X(STALE,        "",               false, "out of date")                               \
  X(EXISTS,       "StorageError",   false, "another file has that name")                             \
  X(BUG,          "InternalError",  false, "a broken promise inside hubjet")

enum hj_code {
#define HJ_X(name, cls, again, text) HJ_E_##name,
  HJ_ERR_MAP(HJ_X)
#undef HJ_X
  HJ_E_COUNT
};

struct hj_err {
  enum hj_code code;
  int sys, curl, http;  /* errno; CURLcode; HTTP status; 0 = none */
  int64_t retry_ms;     /* what the server asked for, -1 = nothing */
  uint64_t offset;      /* first byte in doubt */
  uint64_t needed, room; /* NOSPACE: bytes that are needed, and that are free; 0, 0 = not known */
  char url[160];        /* origin and path, cut in the middle */
  char proxy[72];       /* scheme, host and port of the proxy that was between, "" = none */
  char issuer[72];      /* who signed the certificate that was refused */
  char msg[256];        /* one line: what was attempted and what happened */
  const char *file;     /* where it was noticed: for traces, not for users */
  int line;
};
#define HJ_ERR_INIT { .retry_ms = -1 }

/* Fills *e unless it holds a cause already; answers e->code (the first cause's). e may not be NULL.
 * Control characters in the formatted text are replaced by '?'. */
#ifdef __clang_analyzer__ /* which looks at one file at a time, and would think that it may answer 0 */
#define hj_fail(e, code, ...) (hj_fail_at((e), __FILE__, __LINE__, (code), __VA_ARGS__) | 1)
#else
#define hj_fail(e, code, ...) hj_fail_at((e), __FILE__, __LINE__, (code), __VA_ARGS__)
#endif
int hj_fail_at(struct hj_err *e, const char *file, int line, enum hj_code code, const char *fmt, ...) HJ_PRINTF(5, 6);

/* The same, from an errno of the operating system: picks NOSPACE, READONLY, DENIED, NAME, NOMEM, NONE, EXISTS or IO. */
#define hj_fail_sys(e, sys, ...) hj_fail_sys_at((e), __FILE__, __LINE__, (sys), __VA_ARGS__)
int hj_fail_sys_at(struct hj_err *e, const char *file, int line, int sys, const char *fmt, ...) HJ_PRINTF(5, 6);
enum hj_code hj_code_of_sys(int sys);

void hj_err_clear(struct hj_err *e);                 /* back to HJ_ERR_INIT */
const char *hj_code_name(enum hj_code code);         /* "HTTP_AUTH"; "BUG" for numbers outside the table */
const char *hj_code_text(enum hj_code code);
const char *hj_code_class(enum hj_code code);        /* name in hubjet._errors or of a built-in, "" if it never leaves C */
bool hj_code_again(enum hj_code code);

#endif
