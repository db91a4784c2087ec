"""edgemed from Python: merge, fold, quantize, check, summarize, review and sweep as functions.

Every function raises `EdgemedError`, with what is wrong and what to do about it, before it has
written anything. What a function needs is loaded when the function is called.

The examples run in a folder that holds the models clinical.gguf and instruct.gguf, an adapter
letters.gguf and the cases cases.jsonl.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemed.errors import UsageError
from edgemed.storage.sizes import parse_size

if TYPE_CHECKING:
    from edgemed_models.base import Event

    from edgemed.clinic.findings import Review
    from edgemed.evals.sweep_file import Best
    from edgemed.evals.sweeping.scores import Examined
    from edgemed.gguf import Model
    from edgemed.local_models.loading import Options
    from edgemed.merging.parents.compatibility import CheckResult
    from edgemed.merging.recipe.recipe import Recipe
    from edgemed.merging.report.folded import Folded
    from edgemed.merging.run.progress import OnProgress
    from edgemed.merging.run.run import MergeResult

File = str | Path
TENTHS = tuple(n / 10 for n in range(11))


def merge(
    *models: File,
    out: File,
    recipe: "File | Recipe | None" = None,
    t: float | None = None,
    method: str = "linear",
    base: File | None = None,
    weight: Sequence[float] | None = None,
    parameters: Mapping[str, Any] | None = None,
    out_type: str | None = None,
    threads: int | None = None,
    max_ram: int | str | None = None,
    resume: bool = False,
    replace: bool = False,
    on_progress: "OnProgress | None" = None,
    load_check: bool = True,
) -> "MergeResult":
    """Merge GGUF files into `out`, each alone or with adapters: "MODEL.gguf+ADAPTER:0.5".

    Two `models` and `t` (0 is the first model, 1 the second); or models with `weight`, `base` and
    the `parameters` of a `method`; or a `recipe` alone: a mergekit file, or a Recipe. `out_type` is
    a ggml type or a mix of llama.cpp (default: as the first model's). `max_ram` caps the buffers,
    in bytes or as "500M". `resume` goes on with what an earlier attempt left. With `load_check`,
    the installed llama.cpp opens the file before it gets its name.

    >>> merge("clinical.gguf", "instruct.gguf", t=0.5, out="merged.gguf").out.name
    'merged.gguf'
    """
    from dataclasses import replace as changed

    from edgemed_models.machine import logical_cores

    from edgemed.merging.plan.plan import plan_merge
    from edgemed.merging.recipe.recipe import type_word
    from edgemed.merging.run.run import run_plan

    asked = _recipe(models, recipe, t, method, base, weight, dict(parameters or {}))
    if out_type is not None:
        asked = changed(asked, out_type=type_word(out_type))
    cap = parse_size(max_ram) if isinstance(max_ram, str) else max_ram
    plan = plan_merge(asked, Path(out), threads or logical_cores(), cap, replace)
    return run_plan(plan, on_progress, resume, load_check)


@dataclass(frozen=True, slots=True)
class Fold:
    """A written fold, and how much of every tensor's change survives rounding.

    `result`: what was written; `tensors`: a row for each tensor that the adapters change, with
    `held`, the cosine (up to 1) between the stored change and the adapter's;
    `summary`: the same in sentences.
    """

    result: "MergeResult"
    tensors: "tuple[Folded, ...]"
    summary: tuple[str, ...]


def fold(
    model: File,
    *adapters: File,
    out: File,
    out_type: str | None = None,
    threads: int | None = None,
    max_ram: int | str | None = None,
    resume: bool = False,
    replace: bool = False,
    on_progress: "OnProgress | None" = None,
    load_check: bool = True,
) -> Fold:
    """Write LoRA adapters into `model`, one after the other, in its types or in `out_type`.

    An adapter is a GGUF file or a PEFT folder, with its strength after a colon if that is not
    1: "style.gguf:0.5".

    >>> folded = fold("clinical.gguf", "letters.gguf", out="folded.gguf")
    >>> min(tensor.held for tensor in folded.tensors) > 0.5
    True
    """
    from dataclasses import replace as changed

    from edgemed_models.machine import logical_cores

    from edgemed.adapters.naming import use_of
    from edgemed.merging.plan.plan import plan_merge
    from edgemed.merging.recipe.folding import folding
    from edgemed.merging.recipe.recipe import type_word
    from edgemed.merging.report.folded import measure_fold, summary
    from edgemed.merging.run.progress import Meter
    from edgemed.merging.run.run import compile_kernels, run_plan

    if not adapters:
        raise UsageError("no adapter was given", "name one or more")
    recipe = folding(Path(model), [use_of(str(adapter)) for adapter in adapters])
    if out_type is not None:
        recipe = changed(recipe, out_type=type_word(out_type))
    cap = parse_size(max_ram) if isinstance(max_ram, str) else max_ram
    plan = plan_merge(recipe, Path(out), threads or logical_cores(), cap, replace)
    compile_kernels(plan, Meter(plan.weights, on_progress))
    found = measure_fold(plan)
    result = run_plan(plan, on_progress, resume, load_check)
    return Fold(result, tuple(found), tuple(summary(found)))


def _recipe(
    models: Sequence[File],
    recipe: "File | Recipe | None",
    t: float | None,
    method: str,
    base: File | None,
    weight: Sequence[float] | None,
    parameters: dict[str, Any],
) -> "Recipe":
    from edgemed.adapters.naming import parent_of
    from edgemed.merging.methods.table import METHODS
    from edgemed.merging.recipe.recipe import Recipe, between, weighted
    from edgemed.merging.recipe.recipe_file import read_recipe

    if recipe is not None:
        if models or t is not None or base or weight or parameters or method != "linear":
            raise UsageError(
                "a recipe cannot be combined with other settings", "give the recipe and `out`"
            )
        return recipe if isinstance(recipe, Recipe) else read_recipe(Path(recipe))
    if method not in METHODS:
        raise UsageError(f"no method is named {method!r}", f"one of: {', '.join(METHODS)}")
    if t is not None and len(models) == 2 and base is None and not parameters:
        if weight is not None:
            raise UsageError("t and weight were both given", "leave out one of the two")
        return between(models[0], models[1], t, method)
    if t is not None:
        parameters["t"] = t
    paths = [parent_of(str(model)) for model in models]
    under = None if base is None else parent_of(str(base))
    return weighted(paths, method, under, weight, parameters)


def open_model(path: File) -> "Model":
    """The header of a GGUF model, one file or shards: `.metadata`, `.tensors`, no weights read.

    >>> open_model("clinical.gguf").metadata["general.architecture"]
    'llama'
    """
    from edgemed.gguf import open_model as opened

    return opened(Path(path))


def quantize(
    source: File,
    out: File,
    out_type: str,
    *,
    tensor_types: Sequence[tuple[str, str]] = (),
    imatrix: Sequence[File] = (),
    threads: int | None = None,
    max_ram: int | str | None = None,
    split_max_size: int | str | None = None,
    resume: bool = False,
    replace: bool = False,
    on_progress: "OnProgress | None" = None,
    load_check: bool = True,
) -> Path:
    """Write `source` as `out_type`: a mix of llama.cpp (`Q4_K_M`) or a ggml type for every matrix.

    `source` is a GGUF file, or the folder of a Hugging Face checkpoint, which is converted.

    `tensor_types` are (regular expression, ggml type) pairs; the first that is found in a tensor's
    name counts. `imatrix` are importance matrices of llama-imatrix, taken together. `max_ram` caps
    the buffers, and no file is larger than `split_max_size`: in bytes, or as "500M". `resume`
    goes on with what an earlier attempt left. With `load_check`, the installed llama.cpp opens the
    file before it gets its name. Returns the path of the file, or of the first.

    >>> small = quantize("clinical.gguf", "small.gguf", "Q4_0")
    >>> open_model(small).tensors["blk.0.ffn_up.weight"].type.name
    'Q4_0'
    """
    from edgemed_models.machine import logical_cores

    from edgemed.merging.plan.plan import Target
    from edgemed.merging.plan.quantization import plan_quantize, quantization
    from edgemed.merging.run.run import run_plan

    recipe = quantization(Path(source), out_type, tensor_types, [Path(path) for path in imatrix])
    cap, size = (parse_size(s) if isinstance(s, str) else s for s in (max_ram, split_max_size))
    target = Target(Path(out), threads or logical_cores(), cap, replace, size)
    return run_plan(plan_quantize(recipe, target), on_progress, resume, load_check).out


def check(*models: File, tokenizer_from: str | None = None) -> "tuple[CheckResult, ...]":
    """Whether models can be merged, from headers alone: one result per check, with its remedy.

    They can if no result's level is "refuse".

    >>> found = check("clinical.gguf", "instruct.gguf")
    >>> any(result.level == "refuse" for result in found)
    False
    """
    from edgemed.adapters.naming import parent_of
    from edgemed.merging.parents.chat import TokenizerChoice
    from edgemed.merging.parents.compatibility import compatibility
    from edgemed.merging.parents.opening import open_parents

    if len(models) < 2:
        raise UsageError("check needs at least two models", "name two or more GGUF files")
    choice = TokenizerChoice(tokenizer_from)
    return compatibility(open_parents(parent_of(str(m)) for m in models), choice=choice).results


@dataclass(frozen=True, slots=True)
class Summary:
    """A draft and its check. `ending`: stop (complete), length (cut), loop (it repeats itself),
    failed; `review` is None if the engine failed before the first word."""

    text: str
    ending: str
    review: "Review | None"


def summarize(
    note: File,
    template: str = "soap",
    *,
    model: File | None = None,
    max_tokens: int | None = None,
    temperature: float = 0.0,
    seed: int = 0,
    options: "Options | None" = None,
    on_text: Callable[[str], None] | None = None,
) -> Summary:
    """Draft a document from a note, and check it against the note. Nothing is recorded.

    `note` is a text, or the Path of a file. `model` is a GGUF file or the name of a model that was
    added (default: the default model). `on_text` gets the draft piece by piece.

    >>> note = "Admitted with heart failure. Furosemide 40 mg daily. Home after three days."
    >>> draft = summarize(note, "sample", model="instruct.gguf", max_tokens=16)
    >>> draft.ending in ("stop", "length") and len(draft.review.claims) > 0
    True
    """
    from edgemed_models.answer import collect

    from edgemed.clinic.note import parse, read_note, refuse_unusable
    from edgemed.clinic.summarizing.summarize import prompt_of, request_fitting, write
    from edgemed.clinic.summarizing.template import readable
    from edgemed.clinic.summarizing.template_files import load_template
    from edgemed.local_models.beside import kept_adapter
    from edgemed.local_models.library import find_model
    from edgemed.local_models.loading import Options as Loading
    from edgemed.local_models.loading import running

    read = read_note(note) if isinstance(note, Path) else parse(note)
    asked = load_template(template)
    refuse_unusable(read)
    name = None if model is None else str(model)
    path, loading = find_model(name), options or Loading()
    loading = replace(loading, adapters=loading.adapters or kept_adapter(name))
    prompt = prompt_of(read, asked, max_tokens)
    with running(path, loading, prompt.messages, prompt.answer) as (engine, tokens):
        request = request_fitting(engine, prompt, tokens, temperature, seed)
        answer = collect(write(engine, request), _teller(on_text))
    if answer.ending == "failed" and not answer.text.strip():
        return Summary(answer.text, "failed", None)
    shown = readable(asked, answer.text) if answer.complete else answer.text
    return Summary(shown, answer.ending, review(read.text, shown))


def _teller(on_text: Callable[[str], None] | None) -> "Callable[[Event], None]":
    from edgemed_models.base import Piece

    def tell(event: "Event") -> None:
        if on_text is not None and isinstance(event, Piece):
            on_text(event.text)

    return tell


def review(note: str, draft: str) -> "Review":
    """Check a draft against its note, claim by claim, with evidence, findings and omissions.

    >>> found = review("Furosemide 40 mg daily.", "Furosemide 80 mg daily.")
    >>> [flag.check for claim in found.claims for flag in claim.flags]
    ['dose']
    """
    from edgemed.clinic.reviewing.review import review as reviewed

    return reviewed(note, draft)


@dataclass(frozen=True, slots=True)
class Sweep:
    """The result of every point, in order of t; `best` is None for a single point."""

    points: "tuple[Examined, ...]"
    best: "Best | None"


def sweep(
    a: File,
    b: File,
    *,
    cases: Sequence[File],
    out: File,
    ts: Sequence[float] = TENTHS,
    method: str = "linear",
    max_tokens: int = 256,
    options: "Options | None" = None,
) -> Sweep:
    """Merge `a` and `b` at every t, ask each merge the cases, and say which t is best.

    `cases` are files of JSON lines. Scores go to `out` (`.jsonl`) after every point; a sweep
    that finds points there does not make them again.

    >>> models = "clinical.gguf", "instruct.gguf"
    >>> found = sweep(*models, cases=["cases.jsonl"], out="scores.jsonl", ts=(0, 1), max_tokens=8)
    >>> [point.t for point in found.points], found.best.axis
    ([0, 1], 'short')
    """
    from edgemed.adapters.naming import parent_of
    from edgemed.evals.cases import read_cases
    from edgemed.evals.sweep_file import best
    from edgemed.evals.sweeping.scores import curve_of
    from edgemed.evals.sweeping.sweep import Exam, Silent, Way
    from edgemed.evals.sweeping.sweep import sweep as swept
    from edgemed.local_models.loading import Options as Loading

    exam = Exam(read_cases([Path(case) for case in cases]), max_tokens, options or Loading())
    way = Way(parent_of(str(a)), parent_of(str(b)), method)
    points = tuple(swept(way, sorted(set(ts)), exam, Path(out), Silent()))
    return Sweep(points, best(curve_of(points, method)) if len(points) > 1 else None)
