"""No command and no session asks for an internet socket or leaves a file outside edgemed's folders.

The kernel catches the call in every process of a command, edgemed's own guard or not. A session is
short here: what a library would send after half a minute, it prepares on the disk at once.
`python -m tests.bench.sockets` stays a minute, and counts.
"""

import _socket
import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from edgemed_models.privacy import dumps, sockets

from edgemed.cli.main import COMMANDS, shield
from tests.watching import commands, sessions
from tests.watching.trap import INSIDE, caught, processes, trapped, works
from tests.watching.user import User, edgemed

watched = pytest.mark.skipif(bool(works()), reason=works())

WORKER, CHECKER = "-P -m edgemed_models.engine.worker", "-m edgemed_tui.checker"
SECONDS = 3.0


@pytest.fixture
def user(tmp_path: Path) -> User:
    user = User(tmp_path / "user").move_in()
    commands.prepare(user.work)
    return user


def test_every_command_is_watched() -> None:
    shown = {words[0] for words, _ in sessions.SESSIONS.values()}
    assert set(commands.rows()) | shown | set(sessions.SERVERS) == set(COMMANDS)


def test_only_what_fetches_or_listens_keeps_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up: list[str] = []
    monkeypatch.setattr(dumps, "forbid_dumps", lambda: None)
    monkeypatch.setattr(sockets, "give_up_internet", lambda: given_up.append("yes"))
    for name, command in COMMANDS.items():
        shield(command, [name, "list"])
    shield(COMMANDS["models"], ["--debug", "models", "remove", "get"])
    others = len(COMMANDS) - 1  # `serve` gives it up once it listens
    assert len(given_up) == others + 1
    shield(COMMANDS["models"], ["models", "get", "smollm2-135m"])
    assert len(given_up) == others + 1


@watched
@pytest.mark.parametrize("name", commands.rows())
def test_a_command_opens_no_internet_socket_and_leaves_no_file(
    name: str, user: User, tmp_path: Path
) -> None:
    if name in commands.NEEDS:
        pytest.importorskip(commands.NEEDS[name])
    before = user.files()
    for number, words in enumerate(commands.rows()[name]):
        log = tmp_path / f"{number}.log"
        done = subprocess.run(
            [*trapped(log), *edgemed(*words)],
            cwd=user.work,
            env=user.environment(),
            input=commands.QUESTION,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert caught(log) == ""
        assert any("edgemed.cli.main" in process for process in processes(log))
        assert name not in ("summarize", "chat") or WORKER in processes(log)
    assert user.files() - before <= commands.MADE


@watched
@pytest.mark.parametrize("name", sessions.SESSIONS)
def test_a_session_with_a_checked_draft_opens_none_and_leaves_none(
    name: str, user: User, tmp_path: Path
) -> None:
    before, log = user.files(), tmp_path / "log"
    assert sessions.hold(name, user, trapped(log), SECONDS) == 0
    assert caught(log) == ""
    assert {WORKER, CHECKER} <= set(processes(log))
    assert user.files() == before


@contextmanager
def killed_after(child: subprocess.Popen[str]) -> Iterator[None]:
    """A child that a failed test would otherwise wait for without end."""
    try:
        yield
    finally:
        child.kill()


SERVER = Path(__file__).parents[1] / "watching" / "server.py"


@watched
def test_a_server_asks_for_no_socket_after_the_one_that_listens(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch takes the place of the guard, where the server puts it on."""
    before, log = user.files(), tmp_path / "log"
    watch = {"EDGEMED_WATCH": str(log), "PYTHONPATH": str(INSIDE)}
    command = [sys.executable, str(SERVER), *sessions.SERVE]
    monkeypatch.setattr(socket.socket, "connect", _socket.socket.connect)
    with (
        subprocess.Popen(
            command,
            cwd=user.work,
            env=user.environment() | watch,
            stdout=subprocess.PIPE,
            text=True,
        ) as child,
        killed_after(child),
    ):
        assert child.stdout is not None
        port, token = (child.stdout.readline().split()[1] for _ in range(2))
        body = json.dumps({"messages": [{"role": "user", "content": "Rest?"}], "max_tokens": 4})
        connection = http.client.HTTPConnection(port.split("/")[2], timeout=120)
        head = {"Authorization": f"Bearer {token}"}
        connection.request("POST", "/v1/chat/completions", body, head)
        assert connection.getresponse().status == 200
        child.terminate()
        assert child.wait(60) == 0
    assert caught(log) == "" and WORKER in processes(log)
    assert user.files() == before


TALKATIVE = """
import socket, subprocess, sys
from edgemed_models.privacy.sockets import give_up_internet
if sys.argv[1] == "guarded":
    give_up_internet()
call = "import socket\\ntry:\\n socket.socket(socket.%s)\\nexcept OSError:\\n pass" % sys.argv[2]
subprocess.run([sys.executable, "-c", call], check=True)
"""


@watched
@pytest.mark.parametrize("guard", ["guarded", "unguarded"])
@pytest.mark.parametrize(
    "family, seen", [("AF_INET", True), ("AF_INET6", True), ("AF_UNIX", False)]
)
def test_the_watch_sees_the_socket_of_a_child(
    guard: str, family: str, seen: bool, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    command = [*trapped(log), sys.executable, "-c", TALKATIVE, guard, family]
    subprocess.run(command, check=True)
    assert len(processes(log)) == 2
    assert ("socket.py" in caught(log)) is seen


ROW = """
import socket, sys, types
from edgemed.cli import main as cli
module = types.ModuleType("edgemed.cli.files.fetching")
module.configure = lambda parser: None
module.run = lambda args: socket.socket().close() or 0
sys.modules[module.__name__] = module
wanted = ("*",) if sys.argv[1] == "asked for" else ()
cli.COMMANDS["fetching"] = cli.Command("files", "a command of a test", wanted)
sys.argv[1:] = ["fetching"]
sys.exit(cli.main())
"""


@watched
@pytest.mark.parametrize("row, code", [("asked for", 0), ("left out", 1)])
def test_a_row_of_the_table_of_commands_says_whether_sockets_can_be_opened(
    row: str, code: int
) -> None:
    done = subprocess.run([sys.executable, "-c", ROW, row], capture_output=True, text=True)
    assert done.returncode == code
    assert ("PermissionError" in done.stderr) is (code == 1)


CALLER = """
import resource, socket
from edgemed.cli.main import main
before = resource.getrlimit(resource.RLIMIT_CORE)
assert main(["templates", "list"]) == 0
socket.socket().close()
assert resource.getrlimit(resource.RLIMIT_CORE) == before
"""


@watched
def test_a_process_that_calls_a_command_keeps_its_own_rights() -> None:
    subprocess.run([sys.executable, "-c", CALLER], check=True, stdout=subprocess.DEVNULL)
