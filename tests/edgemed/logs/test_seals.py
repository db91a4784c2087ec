"""Seals kept elsewhere: they show what nothing on this disk shows, and are offered in time."""

import shutil
from pathlib import Path

import pytest

from edgemed.cli.main import main
from edgemed.errors import EdgemedError, InvalidFile, Refused, UsageError
from edgemed.logs import audit, seals
from edgemed.logs.audit import Log, LogFiles

WHEN = "2026-01-02T03:04:05+00:00"


@pytest.fixture
def place(tmp_path: Path) -> LogFiles:
    home = tmp_path / "home"
    return LogFiles(home / "audit.sqlite", home / "audit.key", home / "audit.seal")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def sign(place: LogFiles, times: int = 1, at: str = WHEN) -> None:
    log = Log(place)
    for _ in range(times):
        log.add("sign", "Dr A", at, {})


def test_an_older_copy_of_all_files_is_shown_by_a_kept_seal_alone(
    place: LogFiles, stick: Path, tmp_path: Path
) -> None:
    sign(place, 3)
    shutil.copytree(place.log.parent, tmp_path / "older")
    sign(place)
    path = seals.keep(place, stick, "Dr A", WHEN)
    sign(place)
    assert audit.verify(place, seals.seal_from(str(path))).faults == ()
    shutil.rmtree(place.log.parent)
    shutil.copytree(tmp_path / "older", place.log.parent)
    assert audit.verify(place).faults == ()  # nothing on this disk tells
    fault = "row 4 is not the row that the given seal names"
    assert audit.verify(place, seals.seal_from(str(path))).faults == (fault,)
    sign(place, 5, "2026-01-02T03:05:00+00:00")
    assert audit.verify(place, seals.seal_from(str(path))).faults == (fault,)


def test_files_taken_away_altogether_are_shown_by_a_kept_seal_alone(
    place: LogFiles, stick: Path
) -> None:
    sign(place, 3)
    kept = seals.seal_from(str(seals.keep(place, stick, "Dr A", WHEN)))
    shutil.rmtree(place.log.parent)
    assert audit.verify(place).faults == ()
    assert audit.verify(place, kept).faults
    sign(place, 5)
    assert audit.verify(place).faults == ()
    assert audit.verify(place, kept).faults


def test_a_newer_seal_never_hides_that_the_log_lost_what_the_older_one_names(
    place: LogFiles, stick: Path, tmp_path: Path
) -> None:
    sign(place)
    shutil.copytree(place.log.parent, tmp_path / "older")
    sign(place)
    path = seals.keep(place, stick, "Dr A", WHEN)
    assert seals.keep(place, stick, "Dr A", WHEN) == path  # the same log: a newer one replaces it
    before = path.read_bytes()
    shutil.rmtree(place.log.parent)
    shutil.copytree(tmp_path / "older", place.log.parent)
    sign(place, 9)
    with pytest.raises(InvalidFile, match="does not hold"):
        seals.keep(place, stick, "Dr A", WHEN)
    assert path.read_bytes() == before


def test_a_log_with_a_fault_gets_no_seal(place: LogFiles, stick: Path) -> None:
    sign(place, 2)
    place.seal.unlink()
    with pytest.raises(InvalidFile, match="the seal is missing"):
        seals.keep(place, stick, "Dr A", WHEN)
    assert list(stick.iterdir()) == []


def test_seals_of_two_machines_lie_side_by_side(
    place: LogFiles, stick: Path, tmp_path: Path
) -> None:
    other = LogFiles(tmp_path / "b" / "log", tmp_path / "b" / "key", tmp_path / "b" / "seal")
    sign(place)
    sign(other)
    path = seals.keep(place, stick, "Dr A", WHEN)
    assert seals.keep(other, stick, "Dr B", WHEN) != path
    assert seals.others_in(stick, path) == 1


def test_what_is_no_seal_is_neither_read_nor_replaced(place: LogFiles, stick: Path) -> None:
    sign(place)
    file = stick / "letter.txt"
    file.write_text("Dear colleague")
    with pytest.raises(Refused, match="not a seal"):
        seals.keep(place, file, "Dr A", WHEN)
    with pytest.raises(Refused, match="no such folder"):
        seals.keep(place, stick / "misspelt", "Dr A", WHEN)
    with pytest.raises(Refused, match="no such folder"):
        seals.keep(place, stick / ("x" * 5000), "Dr A", WHEN)
    with pytest.raises(EdgemedError, match="cannot be"):
        seals.keep(place, stick / ("x" * 5000 + ".txt"), "Dr A", WHEN)
    with pytest.raises(EdgemedError, match="cannot be written"):
        seals.keep(place, stick / "not" / "there.txt", "Dr A", WHEN)
    assert file.read_text() == "Dear colleague"
    for given in (str(file), "1:zz", "²:" + "0" * 64, "nowhere.txt", "x\0", ""):
        with pytest.raises((UsageError, EdgemedError)):
            seals.seal_from(given)


def test_a_seal_is_due_after_days_or_signatures_since_the_last(
    place: LogFiles, stick: Path
) -> None:
    assert seals.reminder(place, WHEN) == ""
    sign(place)
    assert seals.reminder(place, WHEN) == ""
    assert seals.reminder(place, "2026-01-10T03:04:05+00:00") == (
        "no seal of the audit log is kept elsewhere yet, after 1 signature in 8 days"
    )
    sign(place, seals.SIGNATURES - 1)
    assert "20 signatures in 0 days" in seals.reminder(place, WHEN)
    seals.keep(place, stick, "Dr A", WHEN)
    assert seals.reminder(place, "2026-02-10T03:04:05+00:00") == ""
    sign(place)
    assert seals.reminder(place, WHEN) == ""
    assert seals.reminder(place, "2026-01-09T03:04:05+00:00") == (
        "1 signature in 7 days since a seal of the audit log was last kept elsewhere"
    )


def test_the_command_keeps_a_seal_on_the_one_stick_and_verify_takes_it(
    stick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sign(audit.default_place(), 2)
    monkeypatch.setattr(seals, "media", lambda: iter(()))
    assert main(["audit", "seal"]) == 2
    assert "none is plugged in" in capsys.readouterr().err
    monkeypatch.setattr(seals, "media", lambda: iter((stick,)))
    assert main(["audit", "seal", "--who", "Dr A"]) == 0
    out, err = capsys.readouterr()
    (path,) = stick.iterdir()
    assert out == f"seal kept: {path}\n" and "the log's own disk" in err
    assert main(["audit", "verify"]) == 0
    assert "only a seal kept elsewhere shows it" in capsys.readouterr().out
    assert main(["audit", "verify", "--seal", str(path)]) == 0
    assert "It still holds row 2, which the given seal names" in capsys.readouterr().out
    (row,) = (r for r in audit.read(audit.default_place()) if r.what == seals.KEPT)
    assert (row.who, row.facts) == ("Dr A", '{"row": 2}')
    assert main(["audit", "seal", "--to", str(stick)]) == 0
    audit.default_place().log.unlink()
    assert main(["audit", "verify", "--seal", str(path)]) == 3
