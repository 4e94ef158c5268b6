"""zstd, from wherever it is to be had: Python's own (3.14), the package zstandard, the program zstd. Imports _errors.

Weights hardly become smaller (2 to 20 %, and what is quantised not at all), so nothing is compressed unless it is asked for.
"""

from __future__ import annotations

import shutil
import subprocess

from .._errors import ConfigError, IntegrityError, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import IO, Any


MAGIC = b"\x28\xb5\x2f\xfd"
LEVEL = 3


def is_compressed(head: bytes) -> bool:
    """Whether a file begins as zstd's do."""
    return head.startswith(MAGIC)


class Compressing:
    """What is written goes on compressed into `sink`; whole when the block ends without an error."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink
        self._child: subprocess.Popen[bytes] | None = None
        self._writer: Any = None

    def __enter__(self) -> Any:
        library = _library()
        if library is not None:
            self._writer = library.compressor(self._sink)
        else:
            self._child = _child(["-q", f"-{LEVEL}", "-T0", "-c"], stdin=subprocess.PIPE, stdout=self._sink)
            self._writer = self._child.stdin
        return self._writer

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None and self._child is not None:
            self._child.kill()
        try:
            self._writer.close()
        except (OSError, ValueError):
            if kind is None:
                raise
        if self._child is not None and self._child.wait() != 0 and kind is None:
            raise OSError(f"zstd ended with {self._child.returncode}")


class Decompressing:
    """A stream of what the compressed `source` holds."""

    def __init__(self, source: IO[bytes], name: str) -> None:
        self._source, self._name = source, name
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Any:
        library = _library()
        if library is not None:
            self._stream = library.decompressor(self._source)
        else:
            # The source may be a pipe whose first bytes were looked at already: we hand over what comes.
            self._child = _child(["-q", "-d", "-c"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            from threading import Thread

            self._feeder = Thread(target=self._feed, name="hubjet-unpack", daemon=True)
            self._feeder.start()
            self._stream = self._child.stdout
        return self

    def read(self, n: int, /) -> bytes:
        """Decompressed bytes. IntegrityError for what zstd cannot read."""
        try:
            data = self._stream.read(n)
        except Exception as error:
            if type(error).__name__ not in ("ZstdError", "EOFError"):
                raise
            raise self._damaged() from None
        if not data and self._child is not None and self._child.wait() != 0:
            raise self._damaged()
        return bytes(data)

    def _damaged(self) -> IntegrityError:
        return IntegrityError(explain(f"{self._name} is damaged: zstd cannot read it", do="copy it again; what is here already is kept"))

    def _feed(self) -> None:
        assert self._child is not None and self._child.stdin is not None
        try:
            shutil.copyfileobj(self._source, self._child.stdin, 1 << 20)
            self._child.stdin.close()
        except (OSError, ValueError):
            pass  # benign: it ended before, and its exit code says why

    def __exit__(self, *_error: object) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            assert self._child.stdout is not None
            self._child.stdout.close()


def _child(words: list[str], **how: Any) -> subprocess.Popen[bytes]:
    program = shutil.which("zstd")
    if program is None:
        raise ConfigError(
            explain(
                "there is no zstd on this computer",
                looked_for="Python 3.14's compression.zstd, the package zstandard, the program zstd",
                do="pip install zstandard; or pack without compression (model.tar): weights hardly become smaller",
            )
        )
    return subprocess.Popen([program, *words], **how)


class _Library:
    """One of the two packages, by what we use of it."""

    def __init__(self, compressor: Any, decompressor: Any) -> None:
        self.compressor, self.decompressor = compressor, decompressor


def _library() -> _Library | None:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]

        return _Library(lambda sink: zstd.ZstdFile(sink, "wb", level=LEVEL), lambda source: zstd.ZstdFile(source, "rb"))
    except ImportError:
        pass
    try:
        import zstandard  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    return _Library(
        lambda sink: zstandard.ZstdCompressor(level=LEVEL).stream_writer(sink, closefd=False),
        lambda source: zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True),
    )
