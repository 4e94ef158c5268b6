/* ext/check_funcs.c - verify and repair for Python. */
#include <string.h>
#include "ext/args.h"
#include "ext/raise.h"
#include "ext/state.h"
#include "ext/wait.h"
#include "store/check.h"
#include "util/mem.h"
#include "util/banned.h"

/* On the heap: after Ctrl-C on a dead mount it goes on without us (ext/wait.h). */
struct check_call {
  char **texts[4];                 /* paths, digests, sums_dirs, repo_dirs */
  size_t texts_n[4];
  struct hj_check *files;
  size_t n;
  bool fast;
  unsigned threads;
  struct hj_check_counts counts;
};

static void release(void *arg)
{
  struct check_call *c = arg;
  for (size_t i = 0; c->files && i < c->n; i++)
    hj_ranges_release(&c->files[i].damaged);
  hj_mem_free(c->files);
  for (unsigned i = 0; i < 4; i++)
    ext_args_paths_free(c->texts[i], c->texts_n[i]);
  hj_mem_free(c);
}

static const char *or_null(const char *text) { return text[0] ? text : NULL; }

static int fill(struct ext_state *s, struct check_call *c)
{
  struct hj_err e = HJ_ERR_INIT;
  c->n = c->texts_n[0];
  for (unsigned i = 1; i < 4; i++)
    if (c->texts_n[i] != c->n) {
      PyErr_SetString(PyExc_ValueError, "paths, digests, sums_dirs and repo_dirs must be of one length");
      return -1;
    }
  c->files = hj_mem_zero(c->n ? c->n : 1, sizeof *c->files, &e);
  if (!c->files) {
    ext_raise(s, &e);
    return -1;
  }
  for (size_t i = 0; i < c->n; i++) {
    struct hj_check *f = &c->files[i];
    *f = (struct hj_check){ .path = c->texts[0][i], .sums_dir = or_null(c->texts[2][i]), .repo_dir = or_null(c->texts[3][i]), .e = HJ_ERR_INIT };
    if (!hj_promise_parse(&f->promise, c->texts[1][i])) {
      PyErr_Format(PyExc_ValueError, "%s is no digest", c->texts[1][i]);
      return -1;
    }
  }
  return 0;
}

static void check(void *arg, const atomic_int *stop)
{
  struct check_call *c = arg;
  hj_check_files(c->files, c->n, c->fast, c->threads, stop, &c->counts);
}

struct told { PyObject *see; struct check_call *call; };

static int tell(void *user)
{
  struct told *t = user;
  PyObject *answer = PyObject_CallFunction(t->see, "KI", (unsigned long long)atomic_load(&t->call->counts.bytes),
                                           (unsigned)atomic_load(&t->call->counts.files));
  Py_XDECREF(answer);
  return answer ? 0 : -1;
}

static PyObject *ranges_of(const struct hj_ranges *r)
{
  PyObject *list = PyList_New((Py_ssize_t)r->n);
  for (size_t i = 0; list && i < r->n; i++) {
    PyObject *one = Py_BuildValue("(KK)", (unsigned long long)r->p[i].at, (unsigned long long)r->p[i].end);
    if (!one || PyList_SetItem(list, (Py_ssize_t)i, one) < 0)
      Py_CLEAR(list);
  }
  return list;
}

static PyObject *outcome_of(struct ext_state *s, const struct hj_check *f)
{
  static const char *const verdicts[] = { "failed", "good", "damaged" }, *const ways[] = { "", "sums", "digest" };
  PyObject *error = NULL, *ranges;
  if (f->e.code == HJ_E_OK)
    Py_INCREF(error = Py_None);
  else if (f->e.code == HJ_E_NONE) { /* it has no class: it never leaves C as an error */
    struct hj_err gone = HJ_ERR_INIT;
    (void)hj_fail(&gone, HJ_E_IO, "%s", f->e.msg);
    gone.sys = f->e.sys;
    error = ext_error_object(s, &gone);
  } else
    error = ext_error_object(s, &f->e);
  ranges = error ? ranges_of(&f->damaged) : NULL;
  if (!ranges) {
    Py_XDECREF(error);
    return NULL;
  }
  return Py_BuildValue("(ssKNNN)", verdicts[f->verdict], ways[f->by], (unsigned long long)f->st.size, ranges, error, PyBool_FromLong(f->had_sums));
}

static PyObject *check_files(PyObject *self, PyObject *args)
{
  struct ext_state *s = ext_state_of(self);
  struct hj_err e = HJ_ERR_INIT;
  struct check_call *c;
  struct told told = { NULL, NULL };
  PyObject *given[4], *see = Py_None, *list;
  int fast, rc = 0;
  unsigned threads = 0;
  if (!PyArg_ParseTuple(args, "OOOOp|OI:check_files", &given[0], &given[1], &given[2], &given[3], &fast, &see, &threads))
    return NULL;
  c = hj_mem_zero(1, sizeof *c, &e);
  if (!c)
    return ext_raise(s, &e);
  c->fast = fast != 0;
  c->threads = threads;
  for (unsigned i = 0; i < 4 && !rc; i++)
    rc = ext_args_paths(s, given[i], &c->texts[i], &c->texts_n[i]);
  if (rc || fill(s, c)) {
    release(c);
    return NULL;
  }
  told = (struct told){ see, c };
  if (ext_wait_aside_told(s, check, release, c, see == Py_None ? NULL : tell, &told) < 0)
    return NULL;
  if (see != Py_None && tell(&told) < 0) { /* how it ended */
    release(c);
    return NULL;
  }
  list = PyList_New((Py_ssize_t)c->n);
  for (size_t i = 0; list && i < c->n; i++) {
    PyObject *one = outcome_of(s, &c->files[i]);
    if (!one || PyList_SetItem(list, (Py_ssize_t)i, one) < 0)
      Py_CLEAR(list);
  }
  release(c);
  return list;
}

struct salvage_call { char **texts; size_t n; struct hj_promise of; unsigned mode; uint64_t lacking; struct hj_err e; };

static void release_salvage(void *arg)
{
  struct salvage_call *c = arg;
  ext_args_paths_free(c->texts, c->n);
  hj_mem_free(c);
}

static void salvage(void *arg, const atomic_int *stop)
{
  struct salvage_call *c = arg;
  hj_check_salvage(c->texts[0], c->texts[1], c->texts[2], &c->of, c->mode, stop, &c->lacking, &c->e);
}

static PyObject *salvage_file(PyObject *self, PyObject *args)
{
  struct ext_state *s = ext_state_of(self);
  struct hj_err e = HJ_ERR_INIT;
  struct salvage_call *c;
  PyObject *path, *partial_dir, *sums_dir, *texts, *result;
  const char *digest;
  unsigned mode;
  if (!PyArg_ParseTuple(args, "OOOsI:salvage", &path, &partial_dir, &sums_dir, &digest, &mode))
    return NULL;
  c = hj_mem_zero(1, sizeof *c, &e);
  if (!c)
    return ext_raise(s, &e);
  c->e = (struct hj_err)HJ_ERR_INIT;
  c->mode = mode & 07777u;
  texts = PyTuple_Pack(3, path, partial_dir, sums_dir);
  if (!texts || ext_args_paths(s, texts, &c->texts, &c->n)) {
    Py_XDECREF(texts);
    release_salvage(c);
    return NULL;
  }
  Py_DECREF(texts);
  if (!hj_promise_parse(&c->of, digest)) {
    release_salvage(c);
    return PyErr_Format(PyExc_ValueError, "%s is no digest", digest);
  }
  if (ext_wait_aside(s, salvage, release_salvage, c) < 0)
    return NULL;
  if (c->e.code == HJ_E_NONE)
    Py_INCREF(result = Py_None);
  else
    result = c->e.code != HJ_E_OK ? ext_raise_at(s, &c->e, c->texts[0]) : PyLong_FromUnsignedLongLong(c->lacking);
  release_salvage(c);
  return result;
}

PyMethodDef ext_check_methods[] = {
  { "check_files", check_files, METH_VARARGS,
    "check_files(paths, digests, sums_dirs, repo_dirs, fast, see=None, threads=0) -> list: of each file what it was found to be. Interruptible." },
  { "salvage", salvage_file, METH_VARARGS,
    "salvage(path, partial_dir, sums_dir, digest, mode) -> int | None: the good cells of a damaged file become a partial; bytes that lack." },
  { NULL, NULL, 0, NULL },
};
