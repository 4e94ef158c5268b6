/* ext/job_type.c - the type Job: owns one hj_job, closes it when it goes. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include "ext/args.h"
#include "ext/raise.h"
#include "ext/state.h"
#include "ext/wait.h"
#include "util/banned.h"

/* What a cancelled job may take to let go: flushing pieces takes milliseconds; a dead mount is left behind. */
#define PATIENCE_MS 200u
/* After Ctrl-C a person waits. Only the last, incomplete pieces are not in the journal by then; the engine writes them meanwhile, and
 * a next job for the same file waits for it. */
#define HURRY_MS 8u

struct job_object {
  PyObject_HEAD
  _Atomic(struct hj_job *) job; /* from init until the object goes: one thread may be in wait() while another one closes */
  atomic_bool closed;
  atomic_bool hurry;      /* a signal handler raised, or it was cancelled */
};

static struct ext_state *state_of(PyObject *self) { return PyType_GetModuleState(Py_TYPE(self)); }

static int job_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
  static char *names[] = { "wants", "limits", NULL };
  struct job_object *me = (struct job_object *)self;
  struct ext_state *s = state_of(self);
  struct hj_err e = HJ_ERR_INIT;
  struct hj_want *wants = NULL;
  struct hj_job *made = NULL, *none_yet = NULL;
  struct hj_limits limits;
  PyObject *list, *dict = NULL;
  size_t n = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:Job", names, &list, &dict))
    return -1;
  if (me->job) {
    PyErr_SetString(PyExc_RuntimeError, "this Job was made before");
    return -1;
  }
  if (ext_args_wants(s, list, &wants, &n))
    return -1;
  if (ext_args_limits(s, dict, &limits)) {
    ext_args_wants_free(wants, n);
    return -1;
  }
  hj_job_new(&made, wants, n, &limits, &e);
  ext_args_wants_free(wants, n);
  hj_limits_release(&limits);
  if (e.code == HJ_E_OK && atomic_compare_exchange_strong(&me->job, &none_yet, made))
    return 0;
  if (e.code == HJ_E_OK) { /* another thread, or an argument's __str__ or __fspath__, was here meanwhile */
    ext_wait_free(made, 0);
    PyErr_SetString(PyExc_RuntimeError, "this Job was made before");
  } else
    ext_raise(s, &e);
  return -1;
}

static PyObject *job_close(PyObject *self, PyObject *unused)
{
  struct job_object *me = (struct job_object *)self;
  (void)unused;
  if (!atomic_exchange(&me->closed, true) && me->job)
    ext_wait_end(me->job, me->hurry ? HURRY_MS : PATIENCE_MS);
  Py_RETURN_NONE;
}

static void job_dealloc(PyObject *self)
{
  PyTypeObject *type = Py_TYPE(self);
  struct job_object *me = (struct job_object *)self;
  freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
  if (me->job)
    ext_wait_free(me->job, me->closed ? 0 : me->hurry ? HURRY_MS : PATIENCE_MS);
  release(self);
  Py_DECREF(type);
}

static struct hj_job *open_job(PyObject *self)
{
  struct job_object *me = (struct job_object *)self;
  if (me->job && !me->closed)
    return me->job;
  PyErr_SetString(PyExc_ValueError, "the job is closed");
  return NULL;
}

static PyObject *job_start(PyObject *self, PyObject *unused)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_job *j = open_job(self);
  (void)unused;
  if (!j)
    return NULL;
  if (ext_wait_start(j, &e))
    return ext_raise(state_of(self), &e);
  Py_RETURN_NONE;
}

static PyObject *job_wait(PyObject *self, PyObject *args)
{
  struct hj_job *j = open_job(self);
  double seconds;
  int rc;
  if (!j || !PyArg_ParseTuple(args, "d:wait", &seconds))
    return NULL;
  if (!(seconds >= 0 && isfinite(seconds))) {
    PyErr_SetString(PyExc_ValueError, "seconds must be a finite number from 0 up");
    return NULL;
  }
  rc = ext_wait_job(j, seconds);
  if (rc < 0)
    ((struct job_object *)self)->hurry = true;
  return rc < 0 ? NULL : PyBool_FromLong(rc);
}

static PyObject *job_cancel(PyObject *self, PyObject *unused)
{
  struct hj_job *j = open_job(self);
  (void)unused;
  if (!j)
    return NULL;
  hj_job_cancel(j);
  ((struct job_object *)self)->hurry = true;
  Py_RETURN_NONE;
}

static PyObject *job_look(PyObject *self, PyObject *unused)
{
  static const char *const states[] = { "new", "running", "done" };
  struct hj_job *j = open_job(self);
  struct hj_progress_view v;
  (void)unused;
  if (!j)
    return NULL;
  v = hj_job_look(j);
  return Py_BuildValue("{s:s,s:I,s:I,s:I,s:K,s:I,s:K,s:K,s:K,s:K,s:K,s:I,s:K,s:K,s:K,s:K,s:O,s:I}", "state", states[v.state], "files", v.files, "files_done",
                       v.files_done, "files_failed", v.files_failed, "size", (unsigned long long)v.size, "sizes_unknown",
                       v.sizes_unknown, "held", (unsigned long long)v.held, "elsewhere", (unsigned long long)v.elsewhere,
                       "from_net", (unsigned long long)v.from_net, "on_disk",
                       (unsigned long long)v.on_disk, "proven", (unsigned long long)v.proven, "connections", v.connections, "requests",
                       (unsigned long long)v.requests, "limit_rate", (unsigned long long)v.rate, "waits", (unsigned long long)v.waits,
                       "quota_ms", (unsigned long long)v.quota_ms, "polite", v.polite ? Py_True : Py_False, "waiting", v.waiting);
}

/* Steals value. */
static int put(PyObject *dict, const char *name, PyObject *value)
{
  int rc = value ? PyDict_SetItemString(dict, name, value) : -1;
  Py_XDECREF(value);
  return rc;
}

static PyObject *none(void)
{
  Py_INCREF(Py_None);
  return Py_None;
}

static PyObject *text_or_none(const char *text)
{
  return text && text[0] ? PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace") : none();
}

static PyObject *path_or_none(const char *path)
{
  return path && path[0] ? PyUnicode_DecodeFSDefault(path) : none();
}

static PyObject *headers_of(const struct hj_outcome *o)
{
  PyObject *dict = PyDict_New();
  const char *name, *value;
  size_t i = 0;
  while (dict && hj_outcome_header(o, &i, &name, &value))
    if (put(dict, name, PyUnicode_DecodeLatin1(value, (Py_ssize_t)strlen(value), "replace")))
      Py_CLEAR(dict);
  return dict;
}

static PyObject *sources_of(const struct hj_job *j, size_t i)
{
  PyObject *list = PyList_New(0);
  struct hj_supplied s;
  for (size_t k = 0; list && hj_job_supplied(j, i, k, &s); k++) {
    PyObject *d = PyDict_New();
    int rc = !d || put(d, "origin", text_or_none(s.origin)) || put(d, "bytes", PyLong_FromUnsignedLongLong(s.bytes)) ||
             put(d, "expelled", text_or_none(s.expelled)) || PyList_Append(list, d);
    Py_XDECREF(d);
    if (rc)
      Py_CLEAR(list);
  }
  return list;
}

static PyObject *result_of(struct ext_state *s, const struct hj_job *j, size_t i, const struct hj_outcome *o)
{
  static const char *const ends[] = { "failed", "done", "held", "meta", "failed" };
  PyObject *d = PyDict_New();
  char digest[80] = "";
  const char *sha256 = NULL;
  bool promised = o->proven.algo != HJ_ALGO_NONE;
  if (!d)
    return NULL;
  if (promised)
    hj_promise_text(&o->proven, digest);
  if (o->proven.algo == HJ_SHA256)
    sha256 = strchr(digest, ':') + 1;
  if (put(d, "status", PyUnicode_FromString(ends[o->end])) ||
      put(d, "error", o->end == HJ_END_FAILED ? ext_error_object(s, &o->err) : none()) ||
      put(d, "http_status", PyLong_FromLong(o->http_status)) || put(d, "headers", headers_of(o)) ||
      put(d, "url", text_or_none(o->url)) || put(d, "etag", text_or_none(o->etag)) ||
      put(d, "size", o->size == UINT64_MAX ? PyLong_FromLong(-1) : PyLong_FromUnsignedLongLong(o->size)) ||
      put(d, "commit", text_or_none(o->commit)) || put(d, "digest", text_or_none(digest)) ||
      put(d, "sha256", text_or_none(sha256)) || put(d, "path", path_or_none(o->path)) || put(d, "link", path_or_none(o->link)) ||
      put(d, "body", o->end == HJ_END_DONE && !o->path ? PyBytes_FromStringAndSize(o->body, (Py_ssize_t)o->body_n) : none()) ||
      put(d, "excerpt", text_or_none(o->excerpt)) || put(d, "from_net", PyLong_FromUnsignedLongLong(o->from_net)) ||
      put(d, "held", PyLong_FromUnsignedLongLong(o->held)) || put(d, "requests", PyLong_FromUnsignedLong(o->requests)) ||
      put(d, "sources", sources_of(j, i)) || put(d, "seconds", PyFloat_FromDouble(o->seconds)))
    Py_CLEAR(d);
  return d;
}

static PyObject *job_results(PyObject *self, PyObject *unused)
{
  struct hj_job *j = open_job(self);
  PyObject *list = NULL;
  size_t n;
  (void)unused;
  if (!j)
    return NULL;
  if (hj_job_poll(j, 0) != 1) {
    PyErr_SetString(PyExc_RuntimeError, "the job has not ended: wait() until it answers True");
    return NULL;
  }
  n = hj_job_count(j);
  list = PyList_New((Py_ssize_t)n);
  for (size_t i = 0; list && i < n; i++) {
    struct hj_outcome o;
    PyObject *item;
    hj_job_outcome(j, i, &o);
    item = result_of(state_of(self), j, i, &o);
    if (!item)
      Py_CLEAR(list);
    else
      (void)PyList_SetItem(list, (Py_ssize_t)i, item);
  }
  return list;
}

/* Steals result and error. */
static PyObject *told(const char *what, size_t file, PyObject *result, PyObject *error, uint64_t again_ms)
{
  PyObject *d = result && error ? PyDict_New() : NULL;
  if (!d) {
    Py_XDECREF(result);
    Py_XDECREF(error);
    return NULL;
  }
  if (put(d, "result", result)) {
    Py_DECREF(error);
    Py_CLEAR(d);
  } else if (put(d, "error", error) || put(d, "what", PyUnicode_FromString(what)) || put(d, "file", PyLong_FromSize_t(file)) ||
             put(d, "again_s", PyFloat_FromDouble((double)again_ms / 1000.0))) {
    Py_CLEAR(d);
  }
  return d;
}

static PyObject *news_of(struct ext_state *s, struct hj_job *j, const struct hj_news_item *n)
{
  struct hj_outcome o;
  if (n->kind == HJ_NEWS_STUMBLED)
    return told("stumbled", n->file, none(), ext_error_object(s, &n->err), n->again_ms);
  if (n->kind == HJ_NEWS_BEGAN)
    return told("began", n->file, none(), none(), 0);
  hj_job_outcome(j, n->file, &o);
  return told("ended", n->file, result_of(s, j, n->file, &o), none(), 0);
}

static PyObject *job_news(PyObject *self, PyObject *unused)
{
  struct hj_job *j = open_job(self);
  struct hj_news_item n;
  PyObject *list = j ? PyList_New(0) : NULL;
  (void)unused;
  while (list && hj_job_news(j, &n)) {
    PyObject *item = news_of(state_of(self), j, &n);
    if (!item || PyList_Append(list, item))
      Py_CLEAR(list);
    Py_XDECREF(item);
  }
  return list;
}

static PyMethodDef methods[] = {
  { "start", job_start, METH_NOARGS, "start() -> None: hands the job to the engine. Raises what prevents it from running." },
  { "wait", job_wait, METH_VARARGS, "wait(seconds) -> bool: True when every file has ended. Gives up the GIL, runs signal handlers." },
  { "look", job_look, METH_NOARGS, "look() -> dict: counters that only grow; bytes." },
  { "news", job_news, METH_NOARGS, "news() -> list[dict]: what happened to its files since the last call, with limits news=True." },
  { "results", job_results, METH_NOARGS, "results() -> list[dict]: how each wanted file ended, in order. After wait() was True." },
  { "cancel", job_cancel, METH_NOARGS, "cancel() -> None: returns at once; what was received stays on disk." },
  { "close", job_close, METH_NOARGS, "close() -> None: cancels what runs and lets go. Also done when the object goes." },
  { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
  { Py_tp_doc, "Job(wants, limits=None): a list of wanted files, fetched together. See _native.pyi." },
  { Py_tp_init, job_init },
  { Py_tp_dealloc, job_dealloc },
  { Py_tp_methods, methods },
  { 0, NULL },
};

PyType_Spec ext_job_spec = { "hubjet._native.Job", sizeof(struct job_object), 0, Py_TPFLAGS_DEFAULT, slots };
