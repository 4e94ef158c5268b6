"""The corpus: calls into huggingface_hub, each done by the stock client and under `hubjet.enable()`, and all of it compared.

Use:

    make corpus                                  # every case on both lines; writes docs/enable-equality.md
    make corpus ARGS="--line 2.4 --only dry"     # the cases whose name has "dry" in it, on one line, and each difference

tests/py/test_enable_equality.py runs it in `make test`.

Map, in reading order: `cases` (what a case is), `calls_*` (the cases), `child` (does them, in a client's process), `content`
(what the hub has), `worlds` (what the hub does meanwhile), `compare` (what was seen, as data; where two differ), `allowed` (what may
differ, and why), `broken` (clients that are wrong on purpose: each must be caught), `run` (both sides of all cases; the report).

Each case begins in an empty folder, which is HF_HOME, the working folder, TMPDIR and the place of everything it writes; both sides use
the same path, ports, commits and times of day, one after the other, so that nothing has to be translated before it is compared.
"""
