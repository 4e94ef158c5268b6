"""Client: the programs that are measured and are Python. `python run.py WHAT ARGUMENTS...`; imports only what it needs.

What each call took, and what it wants to say besides, goes as JSON to the file that BENCH_NOTE names. BENCH_STARTED names a file that is
made right before the call, for those who interrupt.
"""

import os
import sys
import time


def digest_of(path, kind="sha256"):
    import hashlib

    digest, buffer = hashlib.new(kind), memoryview(bytearray(1 << 20))
    with open(path, "rb", buffering=0) as file:
        while got := file.readinto(buffer):
            digest.update(buffer[:got])
    return digest.hexdigest()


def check(path, sha256):
    """As a careful person does after a tool that does not."""
    if sha256 != "-" and digest_of(path) != sha256:
        sys.exit(f"{path} is not what it should be")


def check_blobs(folder):
    """A hub cache's blobs are named by their digest: git's sha1 of a small file, sha256 of a large one."""
    import hashlib

    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if len(name) == 64:
            check(path, name)
        else:
            with open(path, "rb") as file:
                data = file.read()
            if hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() != name:
                sys.exit(f"{path} is not what it should be")


def hubjet_fetch(url, out, sha256):
    import hubjet

    started()
    hubjet.fetch(url, out, sha256=None if sha256 == "-" else sha256)


def hubjet_file(repo, name):
    import hubjet

    started()
    hubjet.hf_hub_download(repo, name)


def hubjet_snapshot(repo, revision="main"):
    import hubjet

    started()
    hubjet.snapshot_download(repo, revision=revision)


def hubjet_list(names, folder):
    """Plain URLs in one job, which has no public function: lines of `url digest name`."""
    from hubjet import _config, _native, _transport

    config = _config.resolve()
    wants = []
    for line in open(names):
        url, digest, name = line.split()
        wants.append(
            {"url": url, "why": "fetch", "path": os.path.join(folder, name), "side_dir": os.path.join(folder, ".hubjet"), "digest": digest}
        )
    started()
    job = _native.Job(wants, _transport.limits(config))
    job.start()
    while not job.wait(0.1):
        pass
    failed = [r["error"] for r in job.results() if r["status"] != "done"]
    job.close()
    if failed:
        raise failed[0] or RuntimeError("not done")


def stock_file(repo, name, sha256):
    from huggingface_hub import hf_hub_download

    started()
    check(hf_hub_download(repo, name), sha256)


def stock_snapshot(repo, revision="main", blobs="-"):
    from huggingface_hub import snapshot_download

    started()
    folder = snapshot_download(repo, revision=revision)
    if blobs != "-":
        check_blobs(os.path.join(folder, "..", "..", "blobs"))


def hf_transfer(url, out, sha256, max_files="128"):
    from hf_transfer import download

    started()
    # 10 MiB and 128 are what huggingface_hub gave it.
    download(url=url, filename=out, max_files=int(max_files), chunk_size=10 * 1024 * 1024, parallel_failures=3, max_retries=5)
    check(out, sha256)


def requests_get(url, out, sha256):
    import requests

    started()
    with requests.get(url, stream=True, timeout=60, verify=os.environ["SSL_CERT_FILE"]) as answer, open(out, "wb") as file:
        answer.raise_for_status()
        for piece in answer.iter_content(1 << 20):
            file.write(piece)
    check(out, sha256)


def requests_resume(url, out, sha256):
    """Nothing is kept by default: from zero."""
    requests_get(url, out, sha256)


def warm_calls(which, repo, revision, times):
    """One call after another on a cache that is whole: the median, in seconds. The first may fetch, or look for itself."""
    if which == "stock":
        import huggingface_hub as package
    else:
        import hubjet as package
    call = {
        "patterns": lambda: package.snapshot_download(repo, revision=revision, allow_patterns=["*.json", "*1*"]),
        "from_pretrained": lambda: package.from_pretrained(repo, revision=revision),
        "offline": lambda: package.snapshot_download(repo, local_files_only=True),
    }.get(which, lambda: package.snapshot_download(repo, revision=revision))
    call()
    started()
    took = []
    for _ in range(int(times)):
        begin = time.perf_counter()
        call()
        took.append(time.perf_counter() - begin)
    took.sort()
    NOTE.update(median=took[len(took) // 2], least=took[0], first=None)


def import_only(what):
    """What an import takes in a process that has imported nothing else."""
    if what == "extension":
        import glob
        from importlib.machinery import ExtensionFileLoader
        from importlib.util import module_from_spec, spec_from_loader

        path = glob.glob(os.path.join(os.environ["PYTHONPATH"].split(os.pathsep)[0], "hubjet", "_native*.so"))[0]
        begin = time.perf_counter()
        module_from_spec(spec_from_loader("hubjet._native", ExtensionFileLoader("hubjet._native", path)))
    else:
        begin = time.perf_counter()
        exec(what, {})
    NOTE["import"] = time.perf_counter() - begin


def hash_files(algo, threads, *paths):
    """hubjet's hash of files, on so many processors."""
    from hubjet import _native

    started()
    for outcome in _native.hash_files(paths, algo, int(threads)):
        assert isinstance(outcome, str), outcome


def fast_verify(path, sha256, side):
    """`hubjet verify --fast`: by the sums of cells, all processors. The sums are made before the clock starts, as a download would have."""
    from hubjet import _native

    def look():
        return _native.check_files([path], [sha256], [side + "/sums"], [""], True)[0]

    if look()[1] != "sums":
        assert look()[:2] == ("good", "sums")
    started()
    assert look()[:2] == ("good", "sums")


def read_all(path):
    """A plain read loop of the page cache on all processors, in the same pieces and stretches as fast_verify: how fast this memory is read."""
    import threading

    size, count, piece, stretch = os.path.getsize(path), len(os.sched_getaffinity(0)), 256 << 10, 8 << 20

    def share(nth):
        descriptor, room = os.open(path, os.O_RDONLY), bytearray(piece)
        for begin in range(nth * stretch, size, count * stretch):
            for at in range(begin, min(begin + stretch, size), piece):
                os.preadv(descriptor, [room], at)
        os.close(descriptor)

    threads = [threading.Thread(target=share, args=(nth,)) for nth in range(count)]
    started()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ping(kind, host, port, out):
    """64 bytes each 50 ms to an echo, until SIGTERM; then [[when sent, ns; ms until it was back or null], ...] goes to `out`."""
    import select
    import signal
    import socket

    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    here.connect((host, int(port)))
    if kind == "tcp":
        here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sent, back, data = [], {}, b""
    due = time.monotonic()
    while not ended:
        now = time.monotonic()
        if now >= due:
            due += 0.05
            number = len(sent)
            sent.append(time.monotonic_ns())
            try:
                here.send(b"%064d" % number)
            except OSError:
                pass
        if select.select([here], [], [], max(0.0, min(due - time.monotonic(), 0.05)))[0]:
            try:
                data += here.recv(65536)
            except OSError:
                continue
            while len(data) >= 64:
                back.setdefault(int(data[:64]), time.monotonic_ns())
                data = data[64:]
    import json

    with open(out, "w") as file:
        json.dump([[at, (back[n] - at) / 1e6 if n in back else None] for n, at in enumerate(sent)], file)


NOTE = {}
BEGIN = 0.0


def started():
    global BEGIN
    name = os.environ.get("BENCH_STARTED")
    if name:
        with open(name, "w") as file:
            file.write(str(time.monotonic_ns()))
    BEGIN = time.perf_counter()


def main():
    code = 0
    try:
        globals()[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        NOTE["interrupted_ns"] = time.monotonic_ns()
        code = 130
    if BEGIN:
        NOTE["call"] = time.perf_counter() - BEGIN
    if os.environ.get("BENCH_NOTE"):
        import json  # not before: what is measured may be an import

        with open(os.environ["BENCH_NOTE"], "w") as file:
            json.dump(NOTE, file)
    sys.exit(code)


main()
