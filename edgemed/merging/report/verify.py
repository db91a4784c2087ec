"""Does a file's recipe make exactly this file from its inputs? It is made again in memory and
compared byte by byte.

Nothing is written. Three answers: the same, different, or "cannot compare" where this program's
encoders, or a method's angles on this platform, may rightly give other bytes.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from edgemed_native.codecs import CODECS
from edgemed_native.encoders import VERSION as ENCODERS

from edgemed import __version__
from edgemed.errors import Refused, UsageError
from edgemed.gguf import SPLIT_KEYS, Metadata, Model, open_model
from edgemed.merging.methods import angles
from edgemed.merging.parents.opening import input_files
from edgemed.merging.plan import provenance
from edgemed.merging.plan.keys import MERGE, QUANTIZE, last_record
from edgemed.merging.plan.plan import Plan, Target, decide
from edgemed.merging.plan.quantization import decide_quantization
from edgemed.merging.run.progress import Meter, OnProgress
from edgemed.merging.run.run import compile_kernels, open_files, run_steps, source_paths
from edgemed.storage import positional
from edgemed.storage.positional import Buffer
from edgemed.storage.sha256 import sha256_of

State = Literal["same", "different", "cannot compare"]

BY_ANGLES = tuple(angles.ROWS)
"""Methods whose factors come from the platform's sine and arc cosine, in the last bit."""

SEPARATE = re.compile("|".join(re.escape(record.version) for record in (MERGE, QUANTIZE)))
"""Judged separately: another version of edgemed may write other bytes."""

BY_NAMES = re.compile(
    r"edgemed\.(merge|quantize)\.(version|recipe|recipe_sha256|inputs|files|imatrix)|quantize\.imatrix\.file"
    r"|general\.name|general\.base_model\.\d+\.name"
)
"""Keys that depend on the names of the input files; their contents are checked by hash."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found, in lines; `tensors` are those whose bytes differ."""

    state: State
    lines: tuple[str, ...]
    tensors: tuple[str, ...] = ()


def verify(
    out: Path,
    inputs: Sequence[Path] | None,
    threads: int,
    on_progress: OnProgress | None = None,
    imatrix: Sequence[Path] | None = None,
) -> Verification:
    """Make `out` again from its recipe; inputs are looked for beside it unless given in order."""
    model = open_model(out)
    record = last_record(model.metadata)
    if record.recipe not in model.metadata:
        raise Refused(
            f"{out.name} does not say how it was made",
            "only files that edgemed merged or quantized can be verified",
        )
    recipe = provenance.recipe_from(model.metadata, record)
    paths = located(model, record.inputs, inputs, out.parent)
    columns = located(model, record.imatrix, imatrix, out.parent)
    other = other_inputs(model.metadata, list(paths.values()))
    other += other_importances(model.metadata, list(columns.values()))
    if other:
        return Verification("different", tuple(other))
    made_by = model.metadata.get(record.encoder_version)
    if made_by != ENCODERS:
        words = f"the file was written by encoders of version {made_by}, these are {ENCODERS}"
        return Verification("cannot compare", (words, "verify it with the edgemed that made it"))
    here = replace(provenance.with_paths(recipe, paths), imatrix=tuple(columns.values()))
    target = Target(out, threads)
    plan = (decide_quantization if record == QUANTIZE else decide)(here, target)
    lines = [*other_metadata(model, plan), *other_tables(model, plan)]
    if lines:
        return judged(model, recipe.method, lines, ())
    wrong = compare(model, plan, on_progress)
    return judged(model, recipe.method, [f"{name} has different bytes" for name in wrong], wrong)


def judged(model: Model, method: str, lines: Sequence[str], wrong: Sequence[str]) -> Verification:
    """The answer; a difference that another version or platform can explain is not reported as
    one."""
    if not lines:
        return Verification(
            "same", (f"all {len(model.tensors):,} tensors are what the recipe makes",)
        )
    made_by = model.metadata.get(last_record(model.metadata).version)
    if made_by != __version__:
        words = f"the file was made by edgemed {made_by}, this is {__version__}"
        return Verification("cannot compare", (words, *lines), tuple(wrong))
    foreign = {t.type.name for n in wrong if not CODECS[(t := model.tensors[n]).type.name].encoder}
    if foreign:
        words = (
            f"{', '.join(sorted(foreign))} is written by libggml, whose builds round differently"
        )
        return Verification("cannot compare", (words, *lines), tuple(wrong))
    if wrong and method in BY_ANGLES:
        words = f"{method} uses angles, which another platform may round differently"
        return Verification("cannot compare", (words, *lines), tuple(wrong))
    return Verification("different", tuple(lines), tuple(wrong))


def located(model: Model, key: str, given: Sequence[Path] | None, folder: Path) -> dict[Path, Path]:
    """The path of every file that `key` names, by that name; beside the output unless given."""
    names = model.metadata.get(key, ())
    files = [folder / Path(name).name for name in names] if given is None else list(given)
    if len(files) != len(names):
        raise UsageError(
            f"{len(files)} files were given, {len(names)} were used for the output",
            f"give {', '.join(names)}, in this order" if names else "leave the files out",
        )
    for path in files:
        if not path.exists():
            raise Refused(
                f"there is no file {path}, which {model.path.name} was made with",
                "name the models, or the importance matrices, where they are now",
            )
    return {Path(name): path for name, path in zip(names, files, strict=True)}


def other_inputs(metadata: Metadata, paths: Sequence[Path]) -> list[str]:
    """A line for every input file that does not have the hash it had when it was read."""
    files = list(dict.fromkeys(file for path in paths for file in input_files(path)))
    recorded = metadata[last_record(metadata).files_sha256]
    if len(files) != len(recorded):
        return [f"the inputs are {len(files)} files, {len(recorded)} were read"]
    return [
        f"{file} is not the file that was read: its sha256 differs"
        for file, known in zip(files, recorded, strict=True)
        if sha256_of(file) != known
    ]


def other_importances(metadata: Metadata, paths: Sequence[Path]) -> list[str]:
    """A line for every importance matrix that does not have the hash it had."""
    known = metadata.get(last_record(metadata).imatrix_sha256, ())
    return [
        f"{path} is not the importance matrix that was used: its sha256 differs"
        for path, hash in zip(paths, known, strict=True)
        if sha256_of(path) != hash
    ]


def other_metadata(model: Model, plan: Plan) -> list[str]:
    """A line for every key whose value is not what the recipe would write."""
    found = {k: model.metadata.raw(k) for k in model.metadata if k not in SPLIT_KEYS}
    hashes = model.metadata[last_record(model.metadata).files_sha256]
    planned = plan.placement.metadata | provenance.signed(found, hashes)
    keys = [*planned, *(k for k in found if k not in planned)]
    may_differ = BY_NAMES.fullmatch if names_differ(model, plan) else SEPARATE.fullmatch
    return [
        f"{key} was changed"
        for key in keys
        if planned.get(key) != found.get(key) and not may_differ(key)
    ]


def names_differ(model: Model, plan: Plan) -> bool:
    """Whether the inputs have other names than when they were read."""
    record = last_record(model.metadata)
    recorded = [*model.metadata[record.files], *model.metadata.get(record.imatrix, ())]
    return [
        path.name for path in (*(i.path for i in plan.inputs), *plan.recipe.imatrix)
    ] != recorded


def other_tables(model: Model, plan: Plan) -> list[str]:
    """A line for every tensor that only the file has, or only the recipe makes."""
    ours = {step.name: (step.sources[0].shape, step.type.name) for step in plan.steps}
    theirs = {t.name: (t.shape, t.type.name) for t in model.tensors.values()}
    names = [*ours, *(name for name in theirs if name not in ours)]
    return [f"{n} has a different shape or type" for n in names if ours.get(n) != theirs.get(n)]


def compare(model: Model, plan: Plan, on_progress: OnProgress | None) -> list[str]:
    """Names of the tensors whose bytes are not what the recipe would write."""
    meter = Meter(plan.weights, on_progress)
    compile_kernels(plan, meter)
    with ExitStack() as stack:
        files = open_files(source_paths(plan), stack)
        comparison = Comparison(model, plan, open_files(model.paths, stack))
        run_steps(plan, files, comparison, meter)
    meter.finish()
    return [step.name for step in plan.steps if step.name in comparison.wrong]


class Comparison:
    """Takes the bytes as they are made again, and compares each piece with a finished file."""

    def __init__(self, model: Model, plan: Plan, files: Mapping[Path, int]) -> None:
        self._model, self._files = model, files
        self._names = [step.name for step in plan.steps]
        self._starts = [step.offset for step in plan.steps]
        self.wrong: set[str] = set()

    def write(self, offset: int, buffer: Buffer) -> None:
        """Note the tensor at this place of the plan if its bytes differ."""
        at = bisect_right(self._starts, offset) - 1
        tensor = self._model.tensors[self._names[at]]
        ours = np.frombuffer(buffer, np.uint8)
        theirs = np.empty_like(ours)
        place = tensor.offset + offset - self._starts[at]
        positional.read_into(self._files[tensor.path], theirs, place)
        if not np.array_equal(ours, theirs):
            self.wrong.add(tensor.name)
