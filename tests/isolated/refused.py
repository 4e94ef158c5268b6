"""A process in which the kernel refuses some calls for good: what Drive, exFAT and SMB refuse, on any disk, by seccomp.

    python -m tests.isolated.refused symlink,link,flock,chmod PROGRAM [ARGUMENT ...]

The refused calls answer as those disks do (EPERM for names and modes, ENOTSUP for locks) to the program and to all its children; the C library and
the extension cannot get round it. Linux on x86-64 and aarch64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

# name -> what it answers, and the numbers of its system calls: on x86-64, on aarch64
CALLS = {
    "symlink": (errno.EPERM, (88, 266), (36,)),
    "link": (errno.EPERM, (86, 265), (37,)),
    "flock": (errno.EOPNOTSUPP, (73,), (32,)),
    "chmod": (errno.EPERM, (90, 91, 268, 452), (52, 53, 452)),
}
NAMES = {"symlink": "symlink,symlinkat", "link": "link,linkat", "flock": "flock", "chmod": "chmod,fchmod,fchmodat"}  # for strace, which does not know fchmodat2 yet
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD_NUMBER, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


def program(names: list[str]) -> bytes:
    """The filter: is it one of these numbers? then its errno, else on."""
    column = {"x86_64": 1, "aarch64": 2}[platform.machine()]
    steps = [struct.pack("HBBI", LOAD_NUMBER, 0, 0, 0)]
    for name in names:
        for number in CALLS[name][column]:  # type: ignore[attr-defined]
            steps.append(struct.pack("HBBI", EQUAL, 0, 1, number))
            steps.append(struct.pack("HBBI", RETURN, 0, 0, ERRNO | CALLS[name][0]))
    return b"".join([*steps, struct.pack("HBBI", RETURN, 0, 0, ALLOW)])


def refuse(names: list[str]) -> None:
    """From here on, in this process and its children."""
    libc = ctypes.CDLL(None, use_errno=True)
    steps = program(names)
    kept = ctypes.create_string_buffer(steps, len(steps))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]

    whole = Program(len(steps) // 8, ctypes.cast(kept, ctypes.c_void_p))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(whole), 0, 0):
        raise OSError(ctypes.get_errno(), "this kernel installs no filter")


if __name__ == "__main__":
    refuse(sys.argv[1].split(","))
    os.execvp(sys.argv[2], sys.argv[2:])
