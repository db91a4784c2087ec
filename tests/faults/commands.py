"""What is run on a disk that gets full: each way in which edgemed writes, with small inputs.

A scene prepares a folder, and does the thing in it; `leaves` are endings of files that may stay
after a failure to be gone on with, `shrugs` are calls whose failure costs nothing that was asked.
Models that would be asked are scripted: what is tried here is what is written.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from edgemed_models.engine.settings import EngineSettings
from edgemed_models.fake import ScriptedModel
from edgemed_tui import plain
from edgemed_tui import settings as screen
from edgemed_tui.plain.line import LineMode

from edgemed.cli.main import main
from edgemed.errors import EdgemedError
from edgemed.evals.sweeping.scores import Examined
from edgemed.evals.sweeping.sweep import LOADED
from edgemed.local_models import tuned
from edgemed.local_models.loading import Planned
from edgemed.logs import audit
from edgemed.logs.audit import Log, default_place
from edgemed.merging.run import unfinished
from edgemed.merging.run.chunk import Blender
from tests.edgemed.evals import task_files
from tests.edgemed.instructions.writer import script
from tests.edgemed.merge_pairs import weights, write_pair_member
from tests.faults.shim import arm
from tests.tui.scripted import DRAFT, NOTE, pieces, services
from tests.unchecked import let_all_pass

# `models add` keeps a hash in the log, to spare a wait, and is done without it: a note says so.
KEPT = ("open", "write", "pwrite", "fsync", "ftruncate", "rename")
HASH = ("mkdir edgemed", "fsync edgemed", *(f"{call} audit." for call in KEPT))
# SQLite does not ask whether its sync of the log's folder worked: the row is whole and synced then.
# A seal that finds no room is written with the next row.
SEAL = ("fsync edgemed", *(f"{call} {n}" for call in KEPT for n in (".edgemed-", "audit.seal")))
PLACES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "TMPDIR")
MERGE = ["merge", "a.gguf", "b.gguf", "--t", "0.5", "--threads", "2", "--max-ram", "60000"]
SHARDS = ("--split-max-size", "150K")
PASSPHRASE = "four words of mine"


@dataclass(frozen=True, slots=True)
class Scene:
    """One thing to do; `run` and `prepare` stand in the prepared folder, user folders in it."""

    name: str
    run: Callable[[], int]
    prepare: Callable[[], None] = lambda: None
    leaves: tuple[str, ...] = ()
    shrugs: tuple[str, ...] = ()


def enter(folder: Path) -> None:
    """Stand in the folder, with user folders inside it."""
    os.chdir(folder)
    for name in PLACES:
        place = folder / "home" / name.lower()
        if not place.exists():
            place.mkdir(parents=True)
        os.environ[name] = str(place)
    let_all_pass()
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # its files are no concern of these scenes


def inputs() -> None:
    """A pair of small models, a note, a case to ask."""
    for number, name in enumerate("ab", 1):
        write_pair_member(Path(f"{name}.gguf"), weights(number), "Q4_K")
    Path("note.txt").write_text(NOTE, "utf-8")
    Path("draft.txt").write_text(DRAFT, "utf-8")
    task_files.put_lines(Path("tasks") / task_files.MEDQA, [task_files.medqa_row()])
    Path("cases.jsonl").write_text('{"axis": "x", "prompt": "p", "expect": {"facts": ["p"]}}\n')


def command(*words: str) -> Callable[[], int]:
    return lambda: main(list(words))


def older(name: str) -> Callable[[], object]:
    """A file that stands there and would be replaced."""
    return lambda: Path(name).write_bytes(b"what stood here before")


def first(*steps: Callable[[], object]) -> Callable[[], None]:
    """Preparations one after the other."""

    def prepare() -> None:
        for step in steps:
            step()

    return prepare


def stopped_merge() -> None:
    """What a merge with --resume leaves when it is stopped half way."""
    left, write = [25], Blender.write

    def until(self: Blender, chunk: object) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise EdgemedError("stopped here", "")
        return write(self, chunk)  # type: ignore[arg-type]

    with patch.object(Blender, "write", until):
        main([*MERGE, "-o", "out.gguf", "--resume"])


def added() -> None:
    """Two models on the list."""
    for name in ("a", "b"):
        main(["models", "add", f"{name}.gguf", "--name", name])


def recorded() -> None:
    """A log that has begun: what is noted beside it costs nothing that is asked for."""
    Log(default_place())


def swept() -> int:
    """A sweep whose points are merged and not asked."""

    def asked(t: float, *others: object) -> Examined:
        return Examined(t, "Q4_K", {"x": [1.0, 0.5]}, 0, dict.fromkeys(LOADED))

    with (
        patch("edgemed.evals.sweeping.sweep.settled", lambda *a: object()),
        patch("edgemed.evals.sweeping.sweep.asked", asked),
        patch("edgemed.evals.sweeping.sweep.plan_model", lambda *a: None),
    ):
        words = ["sweep", "a.gguf", "b.gguf", "--cases", "cases.jsonl", "--t", "0", "0.5"]
        return main(words)


def evaluated() -> int:
    """A task whose items a scripted model is asked."""
    with (
        patch("edgemed.evals.evaluate.planned", lambda *a: EngineSettings("a.gguf", 1024, 1)),
        patch("edgemed.evals.evaluate.start", lambda settings: ScriptedModel()),
    ):
        return main(["eval", "a.gguf", "--tasks", "medqa", "--data", "tasks"])


class Loaded(ScriptedModel):
    """A scripted model that says which file it is, for the records."""

    settings = EngineSettings(path="a.gguf", context=4096, threads=1)


def summarized(*options: str) -> int:
    """A draft from a scripted model, to stdout."""
    with (
        patch("edgemed.cli.clinic.summarize.started_ahead"),
        patch("edgemed.cli.clinic.summarize.find_model", lambda name: Path("a.gguf")),
        patch("edgemed.cli.clinic.summarize.plan_request", lambda *a: Planned(None, None)),
        patch("edgemed.cli.clinic.summarize.settings_for", lambda *a: None),
        patch("edgemed.cli.clinic.summarize.start", lambda *a: Loaded(pieces(DRAFT))),
    ):
        return main(["summarize", "note.txt", "--template", "soap", *options])


def tasks_made() -> int:
    """Tasks from a scripted model; a run that was stopped goes on."""
    module = "edgemed.cli.training.instructions_make"
    words = ["instructions", "make", "-o", "t.jsonl", "--alpaca", "t.json", "--count", "2"]
    with (
        patch(f"{module}.started_ahead"),
        patch(f"{module}.find_model", lambda name: Path("a.gguf")),
        patch(f"{module}.plan_request", lambda *a: Planned(None, None)),
        patch(f"{module}.settings_for", lambda *a: None),
        patch(f"{module}.start", lambda *a: Loaded(script)),
    ):
        begun = Path("t.jsonl.progress")
        going_on = begun.exists() and b"\n" in begun.read_bytes()
        return main([*words, *(["--resume"] if going_on else [])])


def demonstrated() -> int:
    """The demonstration's merge, without asking it anything."""
    with (
        patch("edgemed.cli.local_models.demo.picture", lambda *a: None),
        patch("edgemed.cli.local_models.demo.stream_sample", lambda *a: None),
        patch("edgemed.cli.local_models.demo.questions", lambda *a: []),
    ):
        return main(["demo"])


def said_in_words(step: Callable[[], object]) -> Callable[[], int]:
    """A function behind the screen: its EdgemedError as the screen would say it."""

    def run() -> int:
        try:
            step()
        except EdgemedError as error:
            print(f"edgemed: {error.message}\n         {error.hint}", file=sys.stderr)
            return 1
        return 0

    return run


LOGGED = ["draft", "dismiss", "sign", "export", "export"]
NEXT_ROW = tuple(
    f"{call} {name}"
    for call in ("open", "write", "pwrite", "fsync", "ftruncate", "rename", "link")
    for name in (".edgemed-", "audit.")
)

ANSWERS = (
    ("Lose", "yes"),
    ("Try again", "no"),
    ("a number", "1"),
    ("own words", "seen"),
    ("Why you sign", "checked again"),
    ("name", "Dr A"),
    ("signs", "yes"),
)
"""What the line mode is told, by a part of its question."""


def line_mode() -> int:
    """Note to signature, two exports, saved twice, opened; what is not done is done again."""
    said: list[str] = []
    line = LineMode(
        services(ScriptedModel(pieces(DRAFT)), folder=Path.cwd()),
        said.append,
        lambda prompt: next(answer for part, answer in ANSWERS if part in prompt),
        lambda prompt: PASSPHRASE,
    )
    failed = 0
    for typed in ("note note.txt", "template soap", "draft", "save", "dismiss 1", "sign",
                  "export out.txt", "export out.json", "save"):  # fmt: skip
        before = len(said)
        plain.answer(line, typed)
        if any("Not done" in words for words in said[before:]):
            failed += 1
            print("edgemed: " + "\n         ".join(said[before:]), file=sys.stderr)
            arm(None)
            plain.answer(line, typed)
    assert line.case.saved_as is not None
    plain.answer(line, f"open {line.case.saved_as.stem}")
    kept = line.session
    line.close()
    assert kept.signature is not None
    rows = [entry.what for entry in audit.read(line.services.place)]
    assert not audit.verify(line.services.place).faults
    assert failed or rows == LOGGED, rows
    return 1 if failed else 0


def logged() -> None:
    """A log with two rows."""
    log = audit.Log(audit.default_place())
    for number in range(2):
        log.add("sign", "Dr A", "2026-01-02T03:04:05+00:00", {"number": number})


def save_settings(minutes: int) -> Callable[[], object]:
    return lambda: screen.save(screen.settings_file(), screen.Settings(lock_minutes=minutes))


RESUMED = (".part", ".journal")
SCENES = (
    Scene("merge", command(*MERGE, "-o", "out.gguf"), inputs),
    Scene(
        "merge --force --report",
        command(*MERGE, "-o", "out.gguf", "--force", "--report", "report.html"),
        first(inputs, older("out.gguf"), older("report.html")),
    ),
    Scene(
        "merge --force, three shards",
        command(*MERGE, "-o", "out.gguf", "--force", *SHARDS),
        first(inputs, lambda: main([*MERGE, "-o", "out.gguf", *SHARDS, "--seed", "9"])),
    ),
    Scene("merge --resume", command(*MERGE, "-o", "out.gguf", "--resume"), inputs, RESUMED),
    Scene(
        "merge --resume after a stop",
        command(*MERGE, "-o", "out.gguf", "--resume"),
        first(inputs, stopped_merge),
        RESUMED,
    ),
    Scene("quantize", command("quantize", "a.gguf", "out.gguf", "--out-type", "Q8_0"), inputs),
    Scene(
        "models add",
        command("models", "add", "a.gguf", "--name", "m"),
        first(inputs, recorded),
        shrugs=HASH,
    ),
    Scene(
        "models add --link",
        command("models", "add", "a.gguf", "--link"),
        first(inputs, recorded),
        shrugs=HASH,
    ),
    Scene("models default", command("models", "default", "b"), first(inputs, added)),
    Scene("models alias", command("models", "alias", "b", "c"), first(inputs, added)),
    Scene("models remove", command("models", "remove", "a"), first(inputs, added)),
    Scene(
        "tuning is remembered",
        said_in_words(lambda: tuned.remember(Path("b.gguf"), tuned.Speed(2, 64, 10.0, 5.0))),
        first(inputs, lambda: tuned.remember(Path("a.gguf"), tuned.Speed(2, 9, 10.0, 5.0))),
    ),
    Scene("summarize", lambda: summarized("--no-record"), inputs),
    # Files of the records are left alone without --logs: then these two are like the one above.
    Scene("summarize, recorded", summarized, inputs, shrugs=SEAL),
    Scene("summarize --keep", lambda: summarized("--keep"), first(inputs, recorded), shrugs=SEAL),
    Scene("check-draft", command("check-draft", "note.txt", "draft.txt", "--json"), inputs),
    Scene("sweep", swept, inputs, (".jsonl", ".lock")),
    Scene("eval", evaluated, inputs, (".jsonl", ".lock")),
    Scene("instructions make", tasks_made, inputs, (".progress", "t.json", "t.jsonl.json")),
    Scene(
        "templates list", command("templates", "list"), shrugs=("mkdir templates", "mkdir edgemed")
    ),
    Scene("audit export", command("audit", "export"), logged),
    Scene("inspect", command("inspect", "a.gguf"), inputs),
    Scene("demo", demonstrated),
    Scene(
        "settings of the screen",
        said_in_words(save_settings(9)),
        first(save_settings(7)),
    ),
    Scene(
        "an unfinished merge is noted",
        said_in_words(lambda: unfinished.remember({"out": "out.gguf"})),
    ),
    # A seal that finds no room is written with the next row, and a row that is owed too: the scene
    # looks itself whether every row is there. A session that is saved without its lock is saved.
    Scene(
        "line mode", line_mode, inputs, shrugs=("mkdir run", "fsync run", "open 2026-", *NEXT_ROW)
    ),
)
