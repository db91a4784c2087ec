"""`edgemed serve`, as a process: what it prints, its file, its port, its guard, and how it ends."""

import http.client
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from edgemed_models.scale import path_of

from edgemed.cli.main import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
MODEL = str(path_of("instruct"))
COMMAND = [sys.executable, "-m", "edgemed.cli.main", "serve", MODEL, "--port", "0"]
SMALL = ("--threads", "1", "--context", "512")


class Running:
    """A server's process, and what it has printed."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        self.child = child
        self.lines = [child.stdout.readline().strip() for _ in range(2)]
        self.port = int(re.findall(r":(\d+)/v1", self.lines[0])[0])
        self.token = self.lines[1].removeprefix("token: ")

    def status(self, token: str) -> int:
        """The status of an answer to a text of three tokens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = '{"prompt": "Mrs Zyxwvut has", "max_tokens": 3}'
        connection.request("POST", "/v1/completions", body, {"Authorization": f"Bearer {token}"})
        status = connection.getresponse().status
        connection.close()
        return status

    def end(self, number: int) -> tuple[int, str]:
        """Its exit code and the rest of what it said, after a signal."""
        self.child.send_signal(number)
        out, err = self.child.communicate(timeout=60)
        return self.child.returncode, out + err


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine can be reached."""
    import _socket

    monkeypatch.setattr(socket.socket, "connect", _socket.socket.connect)


def started(*more: str) -> Iterator[Running]:
    pipe = subprocess.PIPE
    with subprocess.Popen([*COMMAND, *SMALL, *more], stdout=pipe, stderr=pipe, text=True) as child:
        try:
            yield Running(child)
        finally:
            child.kill()


@pytest.fixture
def running() -> Iterator[Running]:
    yield from started()


def test_it_answers_with_its_token_and_sigterm_ends_it(running: Running, reached: None) -> None:
    assert len(running.token) >= 40
    assert running.status(running.token) == 200
    assert running.status("wrong") == 401
    code, told = running.end(signal.SIGTERM)
    assert code == 0 and "200 /v1/completions" in told and "stopped" in told
    assert "Zyxwvut" not in told and running.token not in told


def test_a_file_holds_the_token_for_its_user_alone(tmp_path: Path, reached: None) -> None:
    kept = tmp_path / "token"
    kept.write_text("x" * 43 + "\n")
    for running in started("--token-file", str(kept)):
        assert running.lines[1] == f"token: in {kept}"
        assert kept.stat().st_mode & 0o777 == 0o600
        assert running.status(kept.read_text().strip()) == 200
        code, _ = running.end(signal.SIGINT)
        assert code == 130


def test_a_port_in_use_is_refused(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    call = [*COMMAND[:-1], str(running.port)]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 3 and f"port {running.port} is in use" in done.stderr
    assert main(["serve", MODEL, "--port", "65536"]) == 2
    assert "no port 65536" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has the filter")
def test_server_and_worker_have_given_up_internet_sockets(running: Running) -> None:
    children = Path(f"/proc/{running.child.pid}/task").glob("*/children")
    pids = [running.child.pid, *(int(pid) for file in children for pid in file.read_text().split())]
    assert len(pids) >= 2  # the worker
    for pid in pids:
        assert re.search(r"^Seccomp:\s+2$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert listening(running.child.pid) == [("0100007F", running.port)]


def listening(pid: int) -> list[tuple[str, int]]:
    """Addresses, as the kernel writes them, and ports of a process's internet sockets."""
    targets = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {inode for target in targets for inode in re.findall(r"socket:\[(\d+)\]", target)}
    tables = [Path(f"/proc/net/{kind}").read_text() for kind in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()]
    found = [row[1].split(":") for row in rows if row[9] in inodes]
    return [(address, int(port, 16)) for address, port in found]


def test_a_model_that_is_not_there_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [*COMMAND[:4], "/nowhere.gguf", "--port", "0"], capture_output=True, text=True
    )
    assert done.returncode in (2, 3) and "nowhere" in done.stderr and not done.stdout
