"""The filter by which Linux permanently refuses internet sockets to a process and its children.

A classic BPF program (linux/filter.h) that the kernel runs before every system call. It allows
`socket` and `socketpair` for AF_UNIX (asyncio, multiprocessing, display servers) and AF_NETLINK
(talks only to the kernel; graphics drivers use it), and refuses every other family with EPERM:
AF_INET, AF_INET6, AF_PACKET, AF_VSOCK, AF_BLUETOOTH, and any future one. io_uring can open sockets
without a system call that this filter sees, so it is refused entirely; so are calls in another ABI
than the process's own (32-bit calls, x32), whose numbers mean other calls. The filter cannot see
where an AF_UNIX socket leads, for example to a system service that resolves names.

    offset  struct seccomp_data (linux/seccomp.h)
         0  int nr           number of the call
         4  u32 arch         the ABI of the call
         8  u64 ip
        16  u64 args[6]      little-endian: the low half of the first is the socket's family
"""

import struct
import sys
from typing import NamedTuple

AF_UNIX, AF_NETLINK = 1, 16  # the same on all of Linux; Python elsewhere lacks the names
X32 = 0x40000000  # bit set in x32's call numbers; x32 has the same arch value as x86-64

LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD_W_ABS, JEQ_K, JGE_K, RET_K
ALLOW = 0x7FFF0000  # SECCOMP_RET_ALLOW
REFUSE = 0x00050000 | 1  # SECCOMP_RET_ERRNO with EPERM
NR, ARCH, FAMILY = 0, 4, 16

PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
SET_MODE_FILTER = 1  # SECCOMP_SET_MODE_FILTER
# TSYNC: all threads at once. SPEC_ALLOW: keep speculation on, which kernels before 5.16 otherwise
# partly switch off for filtered processes (they assume a sandbox), making memory slower.
FLAGS = 1 | 4


class Machine(NamedTuple):
    """A processor's arch value (linux/audit.h) and its system call numbers."""

    arch: int
    seccomp: int
    socket: int
    socketpair: int
    io_uring_setup: int


MACHINES = {
    "x86_64": Machine(0xC000003E, 317, 41, 53, 425),
    "aarch64": Machine(0xC00000B7, 277, 198, 199, 425),
}


class FilterInstruction(NamedTuple):
    """`struct sock_filter`: jumps count instructions from the next one."""

    code: int
    if_true: int
    if_false: int
    k: int


def program(machine: Machine, refusal: int = REFUSE) -> list[FilterInstruction]:
    """The filter; `refusal` is what the kernel does with a call that is not allowed."""
    allow, refuse = 10, 11  # indices in the list below

    def load(offset: int) -> FilterInstruction:
        return FilterInstruction(LOAD, 0, 0, offset)

    def jump(here: int, code: int, k: int, true: int, false: int) -> FilterInstruction:
        return FilterInstruction(code, true - here - 1, false - here - 1, k)

    return [
        load(ARCH),
        jump(1, EQUAL, machine.arch, 2, refuse),
        load(NR),
        jump(3, AT_LEAST, X32, refuse, 4),
        jump(4, EQUAL, machine.io_uring_setup, refuse, 5),
        jump(5, EQUAL, machine.socket, 7, 6),
        jump(6, EQUAL, machine.socketpair, 7, allow),
        load(FAMILY),
        jump(8, EQUAL, AF_UNIX, allow, 9),
        jump(9, EQUAL, AF_NETLINK, allow, refuse),
        FilterInstruction(RETURN, 0, 0, ALLOW),
        FilterInstruction(RETURN, 0, 0, refusal),
    ]


def packed(instructions: list[FilterInstruction]) -> bytes:
    """The program as the kernel reads it, 8 bytes an instruction."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


if sys.platform == "linux":
    import ctypes
    import os

    class _Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    def own_machine() -> Machine | None:
        """This process's machine; None if edgemed has no filter for it."""
        if struct.calcsize("P") != 8 or sys.byteorder != "little":
            return None  # 32-bit Python on a 64-bit kernel has other call numbers
        return MACHINES.get(os.uname().machine)

    def install(refusal: int = REFUSE) -> None:
        """Apply the filter to this process, all its threads and all later child processes.

        From then on no program that it starts can gain rights (sudo): Linux requires that for a
        filter. Raises OSError if the kernel refuses, or edgemed has no filter for this processor.
        """
        machine = own_machine()
        if machine is None:
            raise OSError(0, f"edgemed has no socket filter for {os.uname().machine}")
        code = packed(program(machine, refusal))
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        given = ctypes.byref(_Filter(len(code) // 8, code))
        failed = libc.syscall(machine.seccomp, SET_MODE_FILTER, FLAGS, given)
        if failed:  # above zero: the id of a thread that already has another filter
            reason = "a thread already has another filter" if failed > 0 else ""
            raise OSError(ctypes.get_errno(), reason or os.strerror(ctypes.get_errno()))

else:

    def install(refusal: int = REFUSE) -> None:
        """Raises OSError: other systems have no such filter."""
        raise OSError(0, "this system has no socket filter")
