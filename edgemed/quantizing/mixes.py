"""Which type each tensor of a file type gets: the rules of llama.cpp's quantizer, as tables.

Some matrices matter more than others: the head, attention values, the feed-forward down projection,
most of all in the first and last blocks. Source: src/llama-quant.cpp of llama.cpp; its own
snapshots are the test. Names and shapes only: no files, no weights.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from edgemed_native.ggml_types import BY_NAME

from edgemed.quantizing.file_types import FILE_TYPES, FLOATS


class Facts(NamedTuple):
    """The facts of a model that the rules use. `shared`: how many query heads share a key head."""

    architecture: str
    layers: int
    shared: int
    experts: int
    heads_differ: bool
    imatrix: bool


class Matrix(NamedTuple):
    """A tensor by name and shape (row length first)."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Where:
    """A matrix's place among the `n` of its kind: it is number `i`."""

    i: int
    n: int
    facts: Facts

    @property
    def more_bits(self) -> bool:
        """In the first or last eighth, or every third between."""
        i, n = self.i, self.n
        return i < n // 8 or i >= 7 * n // 8 or (i - n // 8) % 3 == 2

    @property
    def first_eighth(self) -> bool:
        return self.i < self.n // 8

    @property
    def middle(self) -> bool:
        """Neither in the first eighth nor in the last."""
        return self.n // 8 <= self.i < 7 * self.n // 8

    @property
    def falcon(self) -> bool:
        return self.facts.architecture == "falcon"

    @property
    def eight_experts(self) -> bool:
        return self.facts.experts == 8


Rule = Callable[[Where], str]
"""A ggml type; empty for the file type's usual one."""

KINDS = (
    ("attn_qkv.weight", "attn_v"),
    ("attn_kv_b.weight", "attn_v"),
    ("attn_v.weight", "attn_v"),
    ("attn_k.weight", "attn_k"),
    ("attn_q.weight", "attn_q"),
    ("attn_output.weight", "attn_output"),
    ("ffn_up", "ffn_up"),
    ("ffn_gate", "ffn_gate"),
    ("ffn_down", "ffn_down"),
)
"""The first of these parts found in a name says what a matrix does."""

LOWEST = ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M")
"""File types below 3 bits, with rules of their own."""

TERNARY = ("TQ1_0", "TQ2_0", "Q2_0")

EMBEDDINGS = (
    dict.fromkeys(("IQ2_XXS", "IQ2_XS", "IQ1_S", "IQ1_M"), "Q2_K")
    | dict.fromkeys(("IQ2_S", "IQ2_M", "IQ3_XXS"), "IQ3_S")
    | dict.fromkeys(TERNARY, "Q4_K")
)
"""The type of token embeddings that are not the head as well."""


def _q4_if_shared(otherwise: str = "") -> Rule:
    return lambda at: "Q4_K" if at.facts.shared >= 4 else otherwise


def _always(name: str) -> Rule:
    return lambda at: name


def _unless_eight_experts(name: str) -> Rule:
    return lambda at: "Q5_K" if at.eight_experts else name


def _down_q4_k_m(at: Where) -> str:
    if at.falcon:
        return "Q6_K" if at.i < at.n // 16 else "Q5_K" if at.more_bits else "Q4_K"
    return "Q6_K" if at.more_bits else ""


def _down_q3_k_m(at: Where) -> str:
    if at.i < at.n // 16:
        return "Q5_K"
    return "Q4_K" if not at.falcon or at.more_bits else "Q3_K"


def _down_iq3_xxs(at: Where) -> str:
    if at.facts.imatrix:
        return ""
    return "Q4_K" if at.first_eighth else "Q3_K"


def _down_iq3_m(at: Where) -> str:
    return "Q4_K" if at.first_eighth or (at.eight_experts and at.more_bits) else ""


def _down_iq4(at: Where) -> str:
    return "Q5_K" if at.first_eighth and not at.facts.imatrix else ""


def _guarded_down(name: str) -> Rule:
    """Even with an importance matrix, the first blocks of these may lose quality: they get a
    minimum type."""
    return lambda at: name if at.facts.imatrix and at.first_eighth else ""


def _values_iq3_xxs(at: Where) -> str:
    return "Q4_K" if at.facts.shared >= 4 else "" if at.facts.imatrix else "IQ3_S"


RULES: dict[str, dict[str, Rule]] = {
    "attn_v": {
        "Q2_K": _q4_if_shared("Q3_K"),
        "Q2_K_S": _q4_if_shared(),
        "IQ3_XXS": _values_iq3_xxs,
        "IQ3_XS": _q4_if_shared(),
        "IQ3_S": _q4_if_shared(),
        "IQ3_M": _always("Q4_K"),
        "Q3_K_M": lambda at: "Q5_K" if at.i < 2 else "Q4_K",
        "Q3_K_L": _always("Q5_K"),
        "IQ4_NL": lambda at: "Q5_K" if at.facts.shared >= 4 else "",
        "IQ4_XS": lambda at: "Q5_K" if at.facts.shared >= 4 else "",
        "Q4_K_M": lambda at: "Q6_K" if at.more_bits else "",
        "Q5_K_M": lambda at: "Q6_K" if at.more_bits else "",
        "Q4_K_S": lambda at: "Q5_K" if at.i < 4 else "",
    },
    "attn_k": {"IQ3_XS": _always("IQ3_XXS"), "IQ3_XXS": _always("IQ2_S")},
    "attn_q": {"IQ3_XS": _always("IQ3_XXS"), "IQ3_XXS": _always("IQ2_S")},
    "ffn_down": {
        "Q2_K": _always("Q3_K"),
        "Q2_K_S": lambda at: "Q4_K" if at.first_eighth else "",
        "IQ3_XXS": _down_iq3_xxs,
        "Q3_K_M": _down_q3_k_m,
        "IQ3_M": _down_iq3_m,
        "Q3_K_L": lambda at: "Q4_K" if at.falcon else "Q5_K",
        "Q4_K_M": _down_q4_k_m,
        "IQ4_NL": _down_iq4,
        "IQ4_XS": _down_iq4,
        "Q5_K_M": lambda at: "Q6_K" if at.more_bits else "",
        "Q4_K_S": lambda at: "Q5_K" if at.first_eighth and not at.falcon else "",
        "Q4_0": _guarded_down("Q4_1"),
        "Q5_0": _guarded_down("Q5_1"),
    },
    "attn_output": {
        "Q2_K": _unless_eight_experts("Q3_K"),
        "IQ3_XXS": _unless_eight_experts("IQ3_S"),
        "Q3_K_M": _unless_eight_experts("Q4_K"),
        "IQ3_M": _unless_eight_experts("Q4_K"),
        "Q3_K_L": lambda at: "" if at.eight_experts else "Q5_K",
    }
    | dict.fromkeys(
        ("IQ3_XS", "Q3_K_S", "IQ4_NL", "Q4_K_S", "Q4_K_M", "IQ3_S", "IQ4_XS"),
        _unless_eight_experts(""),
    ),
    "ffn_gate": {"IQ3_XS": lambda at: "IQ3_XXS" if at.middle else ""},
    "ffn_up": {"IQ3_XS": lambda at: "IQ3_XXS" if at.middle else ""},
}

FALLBACK = (
    dict.fromkeys(("Q2_0", "Q2_K", "Q3_K", "TQ1_0", "TQ2_0"), "Q4_0")
    | {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
    | dict.fromkeys(
        ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS"), "IQ4_NL"
    )
)
"""For rows that do not fill whole blocks; if these do not fit either, F16."""

NEVER = re.compile(
    r"_norm\.weight|ffn_gate_inp\.weight|ffn_gate_tid2eid\.weight|altup|laurel"
    r"|per_layer_model_proj|^position_embd\.|^token_types\.|ssm_conv1d|shortconv\.conv\.weight"
    r"|indexer\.[kq]_proj\.weight|time_mix_(first|w[012]|v[012]|a[012]|g[12]|decay_w[12])\.weight"
    r"|time_mix_lerp_fused\.weight|attn_rel_b\.weight|\.position_embd|sam\.pos_embd|sam\.neck\."
    r"|sam\.net_|\.rel_pos|\.patch_embd|\.patch_merger|a\.rvq\.codebook|mm\.a\.code_embd"
)
"""Names of matrices that llama.cpp never quantizes: small, or routers, or positions."""


def is_quantizable(matrix: Matrix) -> bool:
    """Whether llama.cpp would ever quantize it; vectors and what NEVER names it would not."""
    dimensions = len(matrix.shape)
    while dimensions > 1 and matrix.shape[dimensions - 1] == 1:
        dimensions -= 1
    return dimensions > 1 and matrix.name.endswith("weight") and not NEVER.search(matrix.name)


def kind_of(name: str) -> str:
    """What a matrix does: output, token_embd, one of KINDS, or other."""
    if name == "output.weight":
        return "output"
    if name in ("token_embd.weight", "per_layer_token_embd.weight"):
        return "token_embd"
    return next((kind for part, kind in KINDS if part in name), "other")


def facts_of(metadata: Mapping[str, Any], imatrix: bool) -> Facts:
    """The facts of a model from its metadata; 0 if it says nothing."""
    architecture = str(metadata.get("general.architecture", ""))

    def number(key: str) -> int:
        value = metadata.get(f"{architecture}.{key}", 0)
        return int(value) if isinstance(value, int) else int(next(iter(value), 0))

    heads = number("attention.head_count")
    keys = number("attention.head_count_kv") or heads
    return Facts(
        architecture,
        number("block_count"),
        heads // keys if keys else 0,
        number("expert_count"),
        heads != keys,
        imatrix,
    )


def mixed_types(
    file_type: str, facts: Facts, matrices: Sequence[Matrix], set_apart: Mapping[str, str]
) -> dict[str, str]:
    """Name -> ggml type for `matrices`, all of them quantizable; see `wanted_types`."""
    wanted = wanted_types(file_type, facts, matrices, set_apart)
    return {m.name: fitting(wanted[m.name], m.shape[0]) for m in matrices}


def wanted_types(
    file_type: str, facts: Facts, matrices: Sequence[Matrix], set_apart: Mapping[str, str]
) -> dict[str, str]:
    """What the rules want for each matrix, whether or not its rows fill the type's blocks.

    Rules count matrices of a kind block by block, whatever their order in the file. `set_apart`
    gives types to some by name; those are not counted, as in llama.cpp.
    """
    usual = FILE_TYPES[file_type].usual
    if usual in FLOATS:
        return {m.name: set_apart.get(m.name, usual) for m in matrices}
    mix = _Mix(file_type, usual, facts, matrices)
    ordered = sorted(matrices, key=_place)
    return {m.name: set_apart.get(m.name) or mix.type_of(m) for m in ordered}


def fitting(name: str, row_length: int) -> str:
    """The type, or what llama.cpp falls back to where rows do not fill its blocks."""
    if row_length % BY_NAME[name].block:
        name = FALLBACK.get(name, name)
    return "F16" if row_length % BY_NAME[name].block else name


class _Mix:
    """A file type's rules, applied matrix by matrix: it counts how many of a kind there were."""

    def __init__(
        self, file_type: str, usual: str, facts: Facts, matrices: Sequence[Matrix]
    ) -> None:
        self._file_type, self._usual, self._facts = file_type, usual, facts
        self._values = sum(kind_of(m.name) == "attn_v" for m in matrices)
        self._tied = all(m.name != "output.weight" for m in matrices)
        self._seen: dict[str, int] = {}

    def type_of(self, matrix: Matrix) -> str:
        kind = kind_of(matrix.name)
        if kind == "output" or (kind == "token_embd" and self._tied):
            return self._head(matrix)
        if self._file_type == "MXFP4_MOE":
            return "MXFP4" if len(matrix.shape) > 2 and matrix.shape[2] > 1 else "Q8_0"
        if kind == "token_embd":
            return EMBEDDINGS.get(self._file_type, self._usual)
        at = self._where(kind, matrix)
        return (self._lowest if self._file_type in LOWEST else self._by_table)(kind, at)

    def _head(self, matrix: Matrix) -> str:
        whole = matrix.shape[0] % BY_NAME[self._usual].block == 0
        if self._file_type == "MXFP4_MOE" or self._facts.architecture == "falcon" or not whole:
            return "Q8_0"
        if self._file_type in (*LOWEST, "IQ3_XXS"):
            return "Q5_K"
        return "Q8_0" if self._usual == "Q8_0" else "Q6_K"

    def _where(self, kind: str, matrix: Matrix) -> Where:
        """Experts are found by the number in their name; all others in the order of blocks."""
        i = self._seen.get(kind, 0)
        self._seen[kind] = i + 1
        if self._facts.experts > 1 and kind.startswith("ffn_") and self._file_type not in LOWEST:
            i = max(0, _place(matrix)[0])
        return Where(i, self._values if kind == "attn_v" else self._facts.layers, self._facts)

    def _by_table(self, kind: str, at: Where) -> str:
        if kind == "attn_k" and at.eight_experts:
            return "Q8_0"
        if kind == "attn_output" and at.falcon:
            return "Q4_K" if self._file_type == "Q3_K_L" else self._usual
        rule = RULES.get(kind, {}).get(self._file_type)
        name = (rule(at) if rule else "") or self._usual
        return self._richer_values(name, at) if kind == "attn_v" else name

    def _richer_values(self, name: str, at: Where) -> str:
        """Where many heads share them, or there are eight experts, values cost little."""
        facts = self._facts
        if at.eight_experts:
            return "Q8_0"
        llama_70b = facts.architecture == "llama" and facts.layers == 80 and facts.heads_differ
        return "Q5_K" if llama_70b and name in ("Q3_K", "Q4_K") else name

    def _lowest(self, kind: str, at: Where) -> str:
        better = "IQ3_S" if self._file_type in ("IQ2_S", "IQ2_M") else "Q2_K"
        if kind == "attn_v":
            return "Q4_K" if self._facts.shared >= 4 or self._facts.experts >= 4 else better
        if kind == "attn_k" and at.eight_experts:
            return "Q4_K"
        if kind == "ffn_down" and at.first_eighth:
            return better
        if kind == "attn_output" and at.eight_experts:
            return "Q5_K"
        if kind == "attn_output" and self._file_type in ("IQ1_S", "IQ1_M"):
            return "IQ2_XXS"
        return "IQ3_S" if kind == "attn_output" and better == "IQ3_S" else self._usual


def _place(matrix: Matrix) -> tuple[int, str]:
    """llama.cpp's order: by block, then by name."""
    block = re.match(r"blk\.(\d+)\.", matrix.name)
    return (int(block[1]) if block else -1, matrix.name)
