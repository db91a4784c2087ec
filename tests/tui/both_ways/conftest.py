"""A log that somebody else holds is given up at once, so that no test waits for it."""

import pytest

from edgemed.logs import database


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
