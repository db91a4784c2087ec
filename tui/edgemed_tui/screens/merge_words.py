"""The fields of the merge screen, and its words for a plan, a run and an interrupted run."""

from edgemed_models.scale import path_of

from edgemed.amounts import amount
from edgemed.local_models.demonstration import PARENTS
from edgemed.merging.methods.table import METHODS
from edgemed.merging.plan.plan import Plan
from edgemed.merging.recipe.recipe import LIKE_A
from edgemed.merging.run import unfinished
from edgemed.merging.run.run import MergeResult
from edgemed.quantizing.file_types import FILE_TYPES, usual_bits
from edgemed.storage.sizes import show_size
from edgemed_tui.screens.picker import Choice
from edgemed_tui.sentences import sentences

FIELDS = (
    ("a", "First model (t = 0)", ""),
    ("b", "Second model (t = 1)", ""),
    ("method", "Method", "slerp"),
    ("t", "t: how far to the second, 0 to 1", "0.5"),
    ("type", "Number format of the result (types)", LIKE_A),
    ("out", "File to write", "merged.gguf"),
)
MODELS = ("a", "b")
CHOSEN = ("method", "type")
"""The fields whose values are chosen from a list and never typed."""
ABOUT = """Two models of one architecture become one: ctrl+t or an arrow down lists what the field
with the cursor can be. enter shows what the merge will do; nothing is written before ctrl+g."""
A_FILE = "A file …"
OUT = "A new GGUF file. Nothing is written yet."


READING = "reading both files first, so that an interrupted merge can be continued …"
CANCELLED = """Cancelled. The models are unchanged, and there is no output file yet.
What was written is kept: enter shows how much, ctrl+g continues it."""


POLICIES: dict[str, str] = {
    LIKE_A: "as in the first model, tensor by tensor",
    "like-b": "as in the second model, tensor by tensor",
    "max": "the larger of the two, tensor by tensor",
}


PLAIN: dict[str, str] = {
    "linear": "the weighted mean of both models; the simplest",
    "slerp": "from the first to the second along an arc; weights keep their size",
    "nearswap": "goes to the second where both nearly agree, else stays at the first",
}
"""What a method does, in one line; for a method without a row its docstring's first line."""


def method_choices() -> list[Choice[str]]:
    """The methods, each with what it does."""
    return [Choice(name, does(name), name) for name in methods()]


def does(method: str) -> str:
    """What a method does, in a line."""
    return PLAIN.get(method) or first_line(METHODS[method].function.__doc__)


def first_line(words: str | None) -> str:
    """The first line of a docstring."""
    return (words or "").strip().partition("\n")[0]


def type_choices() -> list[Choice[str]]:
    """The types that a result can have: those of a model, or a mix of llama.cpp."""
    kept = [Choice(name, about, name) for name, about in POLICIES.items()]
    bits = "most matrices at {:.2f} bits per weight"
    mixes = [Choice(name, bits.format(usual_bits(name)), name) for name in FILE_TYPES]
    return [*kept, *mixes]


def methods() -> list[str]:
    """The methods that go from one model to another by a share t."""
    return ["linear", *(name for name, method in METHODS.items() if "t" in method.parameters)]


def form_of(t: float | None) -> dict[str, str]:
    """The initial values of the fields: a t from a sweep, or else an interrupted merge."""
    if t is not None:
        return {"t": f"{t:g}"}
    return unfinished.remembered() or {}


def is_begun(plan: Plan) -> bool:
    """Whether an earlier attempt at this output was interrupted."""
    return unfinished.share_written(plan) is not None


def begun_before(plan: Plan) -> list[str]:
    """What an interrupted merge has left."""
    share = unfinished.share_written(plan)
    if share is None:
        return []
    return [
        f"An earlier merge to this file was interrupted; {share:.0%} of it is written.",
        "ctrl+g continues it if files and choices are the same, ctrl+r deletes it.",
    ]


def consequences(plan: Plan, method: str) -> str:
    """The plan, in the figures that matter for the decision."""
    actions: dict[str, int] = {}
    for step in plan.steps:
        actions[step.action] = actions.get(step.action, 0) + 1
    done = ", ".join(f"{count} to {action}" for action, count in actions.items())
    rows = [
        "These models can be merged.",
        *begun_before(plan),
        "",
        sentences(f"{method}: {does(method)}"),
        f"{amount(len(plan.steps), 'table')} of weights (tensors): {done}",
        f"result:  {show_size(sum(s.nbytes for s in plan.steps))} in {plan.out}",
        f"memory:  {show_size(plan.buffers.nbytes)}, {amount(plan.buffers.threads, 'thread')}",
    ]
    return "\n".join([*rows, *(f"note: {note}" for note in plan.notes), "", "ctrl+g merges."])


def outcome(result: MergeResult) -> str:
    """What was done, in figures measured in this run."""
    rate = result.weights / max(result.seconds, 1e-9) / 1e6
    rows = [
        f"Done: {result.out}",
        f"{show_size(result.nbytes)}, {result.weights / 1e6:,.1f} M weights",
        f"{result.seconds:.1f} s ({rate:,.0f} M weights per second), "
        f"{result.sync_seconds:.1f} s to sync",
    ]
    if result.rows_kept:
        rows.append(f"kept as they are, the same in both: {amount(result.rows_kept, 'row')}")
    rows += ["", "f5 measures what the merge kept, layer by layer."]
    return "\n".join(rows)


def embedded_parents() -> list[Choice[str]]:
    """The two small models that come with edgemed, to try a merge on."""
    about = "comes with edgemed, not for patients"
    return [Choice(name, about, str(path_of(name))) for name in PARENTS]
