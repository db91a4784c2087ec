"""The keys of a recipe file: which are known where, and how others are treated.

mergekit skips every key it does not know. Here a key that belongs elsewhere, or looks misspelled,
is an error; any other is named in a note and has no effect.
"""

from collections.abc import Collection

from edgemed.merging.methods.table import METHODS

ABOUT_MEMORY = ("int8_mask", "lazy_unpickle", "low_cpu_memory", "clone_tensors", "read_to_gpu")
"""Keys that change how mergekit runs, not its result."""

ABOUT_FLOATS = ("dtype", "out_dtype")
"""Types of mergekit's arithmetic and output. Here rows are float32, and out_type sets types."""

TOP = (
    "merge_method", "models", "slices", "modules", "base_model", "parameters", "tokenizer_source",
    "tokenizer", "chat_template", "out_type", "seed", "imatrix", *ABOUT_FLOATS, *ABOUT_MEMORY,
)  # fmt: skip
SLICE = ("sources", "base_model", "parameters", "residual_weight")
SOURCE = ("model", "layer_range", "parameters")
MODULE = ("models", "slices", "parameters")
FILTER = ("filter", "value")
TOKENIZER = ("source", "tokens", "pad_to_multiple_of")

ANYWHERE = {*TOP, *SLICE, *SOURCE, *FILTER, *TOKENIZER}
PARAMETERS = {name for method in METHODS.values() for name in method.parameters}

FORMER = ("embed_slerp",)
"""Parameters that mergekit once had."""

OWN = {("karcher", "weight")}
"""(method, parameter) pairs that mergekit lacks although it has the method."""

ELSEWHERE = {
    "random_seed": "the seed of random masks is `seed` here",
    "experts": "mergekit-moe puts models side by side as experts; edgemed mixes their weights",
    "gate_mode": "mergekit-moe puts models side by side as experts; edgemed mixes their weights",
    "genome": "mergekit-evolve searches for a recipe; `edgemed sweep` searches for t",
    "tasks": "mergekit-evolve searches for a recipe; `edgemed sweep` searches for t",
}
"""Keys of mergekit's other tools and options, and what to do instead."""

ALIKE = 0.8
"""difflib's likeness above which a key is taken for a misspelling of another."""


def objection(key: str, known: Collection[str]) -> str:
    """Why an unknown `key` is an error; empty if it may be ignored."""
    if key in ELSEWHERE:
        return ELSEWHERE[key]
    if key in PARAMETERS:
        return f"it is a parameter: put it under `parameters`, as {key}: value"
    if key in ANYWHERE:
        return f"it belongs elsewhere in a recipe; keys here are {', '.join(known)}"
    from difflib import get_close_matches  # for a key that is not known alone

    alike = get_close_matches(key, sorted({*known, *PARAMETERS}), 1, ALIKE)
    return f"{alike[0]} may be meant" if alike else ""


def stray_parameter(key: str, method: str) -> bool:
    """Whether `key` is a parameter of other methods alone."""
    return key in PARAMETERS and key not in METHODS[method].parameters
