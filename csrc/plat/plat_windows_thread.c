/* plat/plat_windows_thread.c - threads, locks and bells on Windows. Compiled by `make cross`; never run yet. */
#ifdef _WIN32
#include "plat/thread.h"

#include <process.h>
#include <stdio.h>
#include <string.h>

#include "plat/fault.h"
#include "plat/plat.h"
#include "plat/windows_int.h"
#include "util/mem.h"
#include "util/trace.h"

#include "util/banned.h"

#define THREAD_STACK (1u << 20)

/* thread.h shows both as one pointer that begins as NULL, which is what they are. */
_Static_assert(sizeof(SRWLOCK) == sizeof(hj_mutex), "an SRWLOCK is one pointer");
_Static_assert(sizeof(CONDITION_VARIABLE) == sizeof(hj_cond), "a condition variable is one pointer");

struct start { void (*run)(void *); void *arg; char name[16]; };

/* Windows 10 1607 has it; asked for by name, so that older ones load us, too. */
static void say_name(const char *name)
{
  typedef HRESULT(WINAPI * describe_fn)(HANDLE, PCWSTR);
  wchar_t wide[16] = L"";
  describe_fn describe = NULL;
  HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
  FARPROC found = kernel ? GetProcAddress(kernel, "SetThreadDescription") : NULL;
  memcpy(&describe, &found, sizeof describe);
  for (size_t i = 0; i < 15 && name[i]; i++)
    wide[i] = (wchar_t)(unsigned char)name[i]; /* ASCII, all of ours */
  if (describe)
    (void)describe(GetCurrentThread(), wide);
}

static unsigned __stdcall begin(void *user)
{
  struct start s = *(struct start *)user;
  hj_mem_free(user);
  say_name(s.name);
  hj_trace_thread(s.name);
  s.run(s.arg);
  return 0;
}

/* Ctrl-C comes on a thread of the system's own here: there is nothing to block. */
int hj_thread_start(hj_thread *t, const char *name, void (*run)(void *), void *arg, struct hj_err *e)
{
  t->started = false;
  hj_plat_init();
  struct start *s = hj_mem_new(sizeof *s, e);
  if (!s)
    return (int)e->code;
  s->run = run;
  s->arg = arg;
  (void)snprintf(s->name, sizeof s->name, "%s", name);
  int sys = hj_fault(HJ_OP_THREAD);
  uintptr_t id = 0;
  if (!sys) { /* not CreateThread: the C library keeps its own things per thread */
    id = _beginthreadex(NULL, THREAD_STACK, begin, s, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    sys = id ? 0 : errno ? errno : EAGAIN;
  }
  if (sys) {
    hj_mem_free(s);
    bool fresh = e->code == HJ_E_OK;
    (void)hj_fail_sys(e, sys, "could not start the thread %s", name);
    if (fresh)
      e->code = HJ_E_NOMEM;
    return (int)e->code;
  }
  t->id = (void *)id;
  t->started = true;
  return HJ_E_OK;
}

void hj_thread_leave(hj_thread *t)
{
  if (t->started)
    (void)CloseHandle(t->id);
  t->started = false;
}

void hj_thread_join(hj_thread *t)
{
  if (t->started) {
    (void)WaitForSingleObject(t->id, INFINITE);
    (void)CloseHandle(t->id);
  }
  t->started = false;
}

static PSRWLOCK lock_of(hj_mutex *m) { return (PSRWLOCK)(void *)m; }
static PCONDITION_VARIABLE line_of(hj_cond *c) { return (PCONDITION_VARIABLE)(void *)c; }

void hj_mutex_init(hj_mutex *m) { InitializeSRWLock(lock_of(m)); }
void hj_mutex_release(hj_mutex *m) { (void)m; /* nothing is kept for one */ }
void hj_mutex_lock(hj_mutex *m) { AcquireSRWLockExclusive(lock_of(m)); }
void hj_mutex_unlock(hj_mutex *m) { ReleaseSRWLockExclusive(lock_of(m)); }
void hj_cond_init(hj_cond *c) { InitializeConditionVariable(line_of(c)); }
void hj_cond_release(hj_cond *c) { (void)c; }
void hj_cond_signal(hj_cond *c) { WakeConditionVariable(line_of(c)); }
void hj_cond_broadcast(hj_cond *c) { WakeAllConditionVariable(line_of(c)); }
void hj_cond_wait(hj_cond *c, hj_mutex *m) { (void)SleepConditionVariableSRW(line_of(c), lock_of(m), INFINITE, 0); }

bool hj_cond_wait_ms(hj_cond *c, hj_mutex *m, uint32_t ms)
{
  return SleepConditionVariableSRW(line_of(c), lock_of(m), ms < INFINITE ? ms : INFINITE - 1, 0);
}

/* An event that stays set. No poll() sees it, but nobody above plat/ asks one: they wait by hj_bell_wait. */
int hj_bell_open(hj_bell *b, struct hj_err *e)
{
  HANDLE h = NULL;
  int sys = hj_fault(HJ_OP_BELL);
  *b = (hj_bell)HJ_BELL_INIT;
  if (!sys && !(h = CreateEventW(NULL, TRUE, FALSE, NULL)))
    sys = hj_win_sys();
  if (sys)
    return hj_fail_sys(e, sys, "could not make a wake-up");
  b->rd = b->wr = hj_win_fd(h);
  return HJ_E_OK;
}

void hj_bell_close(hj_bell *b)
{
  if (b->rd != -1)
    (void)CloseHandle(hj_win_handle(b->rd));
  *b = (hj_bell)HJ_BELL_INIT;
}

void hj_bell_ring(hj_bell *b) { (void)SetEvent(hj_win_handle(b->wr)); }

/* Never -1: no signal ends a wait here. ext/wait.c waits in slices of 50 ms, which is how late Ctrl-C may be. */
int hj_bell_wait(hj_bell *b, uint32_t ms)
{
  return WaitForSingleObject(hj_win_handle(b->rd), ms < INFINITE ? ms : INFINITE - 1) == WAIT_OBJECT_0;
}
#endif
