"""Fixtures for every test: user folders moved away, real data when it is there, no network."""

import os
import signal
import socket
from pathlib import Path

import pytest
from hypothesis import settings

DATA = Path(os.environ.get("EDGEMED_DATA", Path(__file__).parents[2] / "shared" / "data"))

# Kernels compile inside a first example and machines are shared: time is not what is tested.
settings.register_profile("edgemed", deadline=None)
settings.load_profile("edgemed")

# A run started in the background ignores Ctrl-C, and its children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def user_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has user folders of its own (compiled kernels keep theirs: set at import)."""
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to connect to an internet address fails the test."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real public data; tests that need it are skipped where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no test data at {DATA} (set EDGEMED_DATA)")
    return DATA


@pytest.fixture(autouse=True)
def load_check(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests' own small models are none that llama.cpp runs, and its process takes half a second:
    only tests marked `load_check` let it open what is written or added in this process."""
    if request.node.get_closest_marker("load_check") is None:
        from edgemed.local_models.load_check import LoadCheck

        monkeypatch.setattr(LoadCheck, "__init__", lambda self: None)
        monkeypatch.setattr(LoadCheck, "refusal", lambda self, paths: None)
        monkeypatch.setattr(LoadCheck, "end", lambda self: None)
