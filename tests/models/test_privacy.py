"""What a process gives up: internet sockets, core dumps, telemetry; each in a fresh process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from edgemed_models.privacy import seccomp

from tests.oracles.bpf import verdict
from tests.watching.cores import ABORT, dumps_core

linux = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
x86_64 = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="machine code for x86-64"
)
posix = pytest.mark.skipif(sys.platform == "win32", reason="core dumps of POSIX")

GIVE_UP = """
import ctypes, errno, mmap, os, socket, subprocess, sys, threading
from edgemed_models.privacy.sockets import give_up_internet, why_not
def tried(family, kind=socket.SOCK_STREAM):
    try:
        socket.socket(family, kind).close()
        return "open"
    except OSError as error:
        return errno.errorcode[error.errno]
def by_number(*words):
    libc = ctypes.CDLL(None, use_errno=True)
    return errno.errorcode[ctypes.get_errno()] if libc.syscall(*words) < 0 else "open"
"""


def said(code: str) -> list[str]:
    """The lines that a fresh process prints."""
    command = [sys.executable, "-c", GIVE_UP + code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@linux
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_PACKET", "AF_VSOCK", "AF_CAN"])
def test_a_family_that_leaves_the_process_is_refused(family: str) -> None:
    code = f"give_up_internet(); print(why_not(), tried(socket.{family}))"
    assert said(code) == ["None EPERM"]


@linux
def test_the_other_families_stay_and_asyncio_works() -> None:
    code = """
give_up_internet()
import asyncio
asyncio.run(asyncio.sleep(0))
print(tried(socket.AF_UNIX), tried(socket.AF_NETLINK, socket.SOCK_RAW))
print(all(end.fileno() > 0 for end in socket.socketpair()))
"""
    assert said(code) == ["open open", "True"]


@linux
def test_children_and_threads_that_were_there_before_are_held_as_well() -> None:
    code = """
go, heard = threading.Event(), []
thread = threading.Thread(target=lambda: (go.wait(), heard.append(tried(socket.AF_INET))))
thread.start()
give_up_internet(); give_up_internet(); go.set(); thread.join()
print(*heard)
child = "import socket\\ntry: socket.socket()\\nexcept PermissionError: print('refused')"
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout.strip())
"""
    assert said(code) == ["EPERM", "refused"]


@linux
def test_a_ring_that_could_open_sockets_is_refused() -> None:
    code = "give_up_internet(); print(by_number(425, 1, ctypes.create_string_buffer(120)))"
    assert said(code) == ["EPERM"]


@x86_64
def test_calls_in_another_form_are_refused() -> None:
    """socket(AF_INET, SOCK_STREAM, 0) as a 32-bit program makes it, and as x32 does."""
    code = """
code = bytes.fromhex("53 b8 67010000 bb 02000000 b9 01000000 31d2 cd80 5b c3")
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
opened = call()
give_up_internet()
print(opened > 2 or "no 32-bit calls here", call(), by_number(0x40000000 | 41, 2, 1, 0))
"""
    assert said(code) == ["True -1 EPERM"]


@linux
def test_a_system_that_refuses_the_filter_is_named_and_nothing_stops() -> None:
    code = """
from edgemed_models.privacy import seccomp
seccomp.MACHINES.clear()
give_up_internet()
print(why_not()); print(tried(socket.AF_INET))
"""
    reason, tried = said(code)
    assert reason == f"edgemed has no socket filter for {os.uname().machine}" and tried == "open"


@pytest.mark.parametrize("name", seccomp.MACHINES)
def test_the_program_decides_as_written_on_every_machine(name: str) -> None:
    machine = seccomp.MACHINES[name]
    program = seccomp.program(machine)
    other = next(m for m in seccomp.MACHINES.values() if m is not machine)

    def allowed(nr: int, family: int = 0, arch: int = machine.arch) -> bool:
        answer = verdict(program, arch, nr, family)
        assert answer in (seccomp.ALLOW, seccomp.REFUSE)
        return answer == seccomp.ALLOW

    for call in (machine.socket, machine.socketpair):
        assert {family for family in range(64) if allowed(call, family)} == {1, 16}
    quiet = set(range(500)) - {machine.socket, machine.socketpair}
    assert {nr for nr in quiet if not allowed(nr, 2)} == {machine.io_uring_setup}
    assert not any(allowed(nr, arch=arch) for nr in quiet for arch in (other.arch, 0x40000003))
    assert not any(allowed(nr | seccomp.X32) for nr in quiet)


@posix
def test_an_abort_dumps_no_core(tmp_path: Path) -> None:
    assert not dumps_core(tmp_path, [sys.executable, "-c", ABORT, "forbidden"])
    if not dumps_core(tmp_path, [sys.executable, "-c", ABORT, "allowed"]):
        pytest.skip("nothing dumps a core here, forbidden or not")


LIBRARY = """
import os
print({k: v for k, v in os.environ.items() if "TELEMETRY" in k})
def disable_telemetry_events():
    print("told by its own call")
"""
LOADS = """
import sys
sys.path.insert(0, sys.argv[1])
from edgemed_models.encoder import Encoder
try:
    Encoder()
except AttributeError:  # the library of this test has no more than its switch
    pass
"""


def test_telemetry_is_off_before_the_library_loads_whatever_the_user_has_set(
    tmp_path: Path,
) -> None:
    (tmp_path / "onnxruntime.py").write_text(LIBRARY)
    done = subprocess.run(
        [sys.executable, "-c", LOADS, str(tmp_path)],
        env=os.environ | {"ORT_DISABLE_TELEMETRY": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    seen, call = done.stdout.splitlines()
    assert "'ORT_DISABLE_TELEMETRY': '1'" in seen and call == "told by its own call"
