"""`edgemed doctor [MODEL]`: checks this machine, and prints problems and remedies."""

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from edgemed_models.base import Done, Event, Failed, Message, ModelError, Request, Timings
from edgemed_models.engine import machine
from edgemed_models.engine.fit import Plan, explain
from edgemed_models.engine.probe import Build, describe_build
from edgemed_models.engine.settings import Settings
from edgemed_models.privacy import dumps, sockets

from edgemed import __version__
from edgemed.cli.printing import print_json, shown_hint
from edgemed.cli.tables import Table, show
from edgemed.errors import EdgemedError
from edgemed.gguf import open_model
from edgemed.local_models.library import find_model, folder, read_library
from edgemed.local_models.loading import Options, plan_model, settings_for, start
from edgemed.storage.sizes import show_size

State = Literal["ok", "warning", "failure"]
GIB = 1 << 30

# Instruction sets that make llama.cpp faster: its names, and Linux's names for the same.
INSTRUCTIONS = {
    "AVX": "avx",
    "AVX2": "avx2",
    "FMA": "fma",
    "F16C": "f16c",
    "BMI2": "bmi2",
    "AVX512": "avx512f",
    "AVX512_VNNI": "avx512_vnni",
    "DOTPROD": "asimddp",
    "MATMUL_INT8": "i8mm",
}
MATTERS = ("AVX2", "FMA", "F16C", "DOTPROD")  # without these, models run several times slower

# The text for the speed test: ordinary words, so that its tokens are as long as those of a note.
SAMPLE = (
    "The patient was seen for follow-up of high blood pressure and reports no chest pain. "
    "Blood pressure is 132/84 and pulse 72. The lungs are clear. Continue lisinopril 10 mg daily. "
)
SAMPLE_REPEATS, SAMPLE_ANSWER = 6, 24


@dataclass(frozen=True, slots=True)
class Check:
    """One check; a warning or failure has a remedy."""

    name: str
    state: State
    found: str
    remedy: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed doctor`."""
    add = parser.add_argument
    add(
        "model",
        nargs="?",
        metavar="MODEL",
        help="also check the memory and speed of this model: a GGUF file or an added model",
    )
    add("--json", action="store_true", help="print JSON for programs")


def run(args: argparse.Namespace) -> int:
    """Run all checks; returns 1 if one fails."""
    checks = list(machine_checks())
    if args.model or read_library().default:
        checks += model_checks(find_model(args.model))
    else:
        remedy = "edgemed models add FILE.gguf; `edgemed models cards` lists suitable models"
        checks.append(Check("model", "warning", "no model has been added yet", remedy))
    if args.json:
        print_json({"version": __version__, "checks": [asdict(c) for c in checks]})
    else:
        rows = [(c.state, c.name, c.found) for c in checks]
        show([Table(("", "checked", "found"), rows)])
        for check in checks:
            if check.remedy:
                print(f"{check.state}: {check.name}: {shown_hint(check.remedy)}")
    return int(any(check.state == "failure" for check in checks))


def machine_checks() -> Iterator[Check]:
    """All checks that need no model."""
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    yield Check("system", "ok", f"{system}, Python {platform.python_version()}")
    cores = machine.usable_cores()
    yield Check("processor", "ok", f"{machine.cpu_name()}, {cores} cores for the model")
    try:
        build = describe_build()
        yield from build_checks(build)
    except ModelError as error:
        yield Check("llama.cpp", "failure", error.message, error.hint)
    yield memory_check(machine.memory())
    yield disk_check(folder())
    yield sockets_check(sockets.why_not())
    yield dumps_check(dumps.why_not())
    yield from terminal_checks()
    yield cache_check()


def build_checks(build: Build) -> Iterator[Check]:
    """Whether the llama.cpp build fits this processor, and the devices it finds."""
    used = features_of(build.features)
    mine = machine.cpu_features()
    unused = [name for name, flag in INSTRUCTIONS.items() if flag in mine and name not in used]
    listed = ", ".join(sorted(used)) or "none"
    slow = [name for name in unused if name in MATTERS]
    remedy = (
        f"this build does not use {', '.join(slow)} and is slow: install the CPU wheel, or build "
        "llama-cpp-python from source on this machine"
    )
    found = f"llama-cpp-python {build.version}, uses {listed}"
    yield Check("llama.cpp", "warning" if slow else "ok", found, remedy if slow else "")
    for device in build.devices:
        size = f", {show_size(device.free)} of {show_size(device.total)} free"
        yield Check("device", "ok", f"{device.kind}: {device.description}{size}")


def features_of(text: str) -> set[str]:
    """The instruction sets switched on in llama.cpp's own line: `CPU : AVX2 = 1 | FMA = 1 | `."""
    parts = [part.split("=") for part in text.replace("CPU :", "").split("|") if "=" in part]
    return {name.strip() for name, value in parts if value.strip() == "1"}


def memory_check(memory: machine.Memory) -> Check:
    """Free memory, and what limits it."""
    found = (
        f"{show_size(memory.free)} of {show_size(memory.total)} free, within {memory.limited_by}"
    )
    if memory.private is not None:
        found += f"; at most {show_size(memory.private)} of private memory per process"
    if memory.free >= 3 * GIB:
        return Check("memory", "ok", found)
    return Check("memory", "warning", found, "close programs, or use a model of 1B to 2B weights")


def sockets_check(why_not: str | None) -> Check:
    """Whether the system stops edgemed and its libraries from opening internet sockets."""
    if why_not is None:
        return Check("internet", "ok", "the system refuses edgemed every internet socket")
    remedy = "edgemed opens none; to be sure of its libraries too, use a firewall or no network"
    return Check("internet", "warning", f"sockets are not refused: {why_not}", remedy)


def dumps_check(why_not: str | None) -> Check:
    """Whether a crash could write memory contents to the disk."""
    if why_not is None:
        return Check("core dumps", "ok", "forbidden: a crash writes no memory to the disk")
    return Check("core dumps", "warning", why_not, "start edgemed with the command `edgemed`")


def disk_check(path: Path) -> Check:
    """Whether the disk has room for models."""
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    found = f"{show_size(free)} free for models in {path}"
    if free >= 5 * GIB:
        return Check("disk", "ok", found)
    return Check("disk", "warning", found, "add models with --link from a larger disk")


def terminal_checks() -> Iterator[Check]:
    """Whether the screen can be shown here."""
    if not sys.stdout.isatty():
        yield Check("terminal", "ok", "output is not a terminal: nothing to check")
        return
    columns, lines = shutil.get_terminal_size()
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    found = f"{columns} x {lines}, {sys.stdout.encoding}, TERM={os.environ.get('TERM', '')}"
    if columns < 80 or lines < 24:
        yield Check("terminal", "warning", found, "make the window at least 80 x 24")
    elif encoding != "utf8":
        yield Check("terminal", "warning", found, "set a UTF-8 locale: notes are not only ASCII")
    else:
        yield Check("terminal", "ok", found)


def cache_check() -> Check:
    """Whether compiled kernels can be kept between runs, and where."""
    from edgemed_native import _jit

    if _jit.CACHED:
        return Check("kernel cache", "ok", str(_jit.CACHE))
    remedy = "make it writable, or set NUMBA_CACHE_DIR: otherwise every merge compiles again"
    return Check("kernel cache", "warning", str(_jit.CACHE), remedy)


def model_checks(path: Path) -> list[Check]:
    """Whether the model can be used and fits in memory, and how fast it is here."""
    try:
        model = open_model(path)
        plan = plan_model(model, Options())
    except EdgemedError as error:
        return [Check("model", "failure", error.message, error.hint)]
    weights = sum(tensor.nbytes for tensor in model.tensors.values())
    checks = [Check("model", "ok", f"{path.name}, {show_size(weights)} of weights")]
    if "tokenizer.chat_template" not in model.metadata:
        remedy = "give the one its makers publish with --chat-template FILE"
        checks.append(Check("chat template", "warning", "none in the file", remedy))
    checks.append(Check("fit", "ok", f"{plan.context} tokens: " + "; ".join(compact(plan))))
    return [*checks, speed_check(settings_for(path, Options(), plan))]


def compact(plan: Plan) -> list[str]:
    """The lines of the memory plan, without padding."""
    return [" ".join(line.split()) for line in explain(plan)]


def speed_check(settings: Settings) -> Check:
    """Read a sample text and write a few tokens, and time both."""
    plain = "{% for m in messages %}{{ m.content }}{% endfor %}"  # the template does not matter
    try:
        model = start(replace(settings, chat_template=plain))
    except EdgemedError as error:
        return Check("speed", "failure", error.message, error.hint)
    try:
        text = SAMPLE * SAMPLE_REPEATS
        request = Request((Message("user", text),), max_tokens=SAMPLE_ANSWER)
        return speed_of(list(model.generate(request))[-1])
    finally:
        model.close()


def speed_of(end: Event) -> Check:
    """The sample's timings, scaled to a note of 1,000 tokens."""
    if isinstance(end, Failed):
        return Check("speed", "failure", end.message, end.hint)
    timings = end.timings if isinstance(end, Done) else Timings(0, 0.0, 0, 0.0)
    reading = timings.prompt_seconds / max(timings.prompt_tokens, 1)
    writing = timings.answer_seconds / max(timings.answer_tokens, 1)
    found = f"about {1000 * reading:.1f} s to read 1,000 note tokens, "
    found += f"{100 * writing:.1f} s to write 100 (measured over {timings.prompt_tokens} tokens)"
    if 1000 * reading <= 90:
        return Check("speed", "ok", found)
    return Check("speed", "warning", found, "use a smaller model, or a file type such as Q4_K_M")
