"""How positions are encoded: keys of GGUF, and factors that llama.cpp reads as small tensors.

    default  nothing      linear, yarn  keys      llama3  rope_freqs      longrope  two lists, a key

config.json has them in `rope_scaling` beside `rope_theta`, or all in `rope_parameters`; gemma 3
has two sets. Sources: transformers' modeling_rope_utils, conversion scripts of llama.cpp.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from edgemed.checkpoints.hyper_parameters import CheckpointConfig, Values, partial

F32 = np.float32

FULL, SLIDING = "full_attention", "sliding_attention"
FREQUENCIES, LONG, SHORT = (
    f"rope_{word}.weight" for word in ("freqs", "factors_long", "factors_short")
)
YARN = ("extrapolation_factor", "beta_fast", "beta_slow")
"""Settings of yarn that have a key of their own, and the key."""
YARN_KEYS = ("yarn_ext_factor", "yarn_beta_fast", "yarn_beta_slow")


class Rope(NamedTuple):
    """Keys, and tensors of float32 by name."""

    keys: Values
    factors: dict[str, list[float]]


def rope_of(config: CheckpointConfig) -> Rope:
    """The rope of a checkpoint; Refused for a kind that llama.cpp does not have."""
    arch, table = config.row.gguf, table_of(config)
    keys: Values = {}
    theta = config.real("rope_theta", table)
    if arch != "gemma2" or theta != config.row.usual["rope_theta"]:
        keys["freq_base"] = ("float32", theta)
    if arch == "gemma3":
        keys["freq_base_swa"] = ("float32", local_theta(config))
    kind, factors = str(table.get("rope_type") or table.get("type") or "default"), {}
    if kind in ("linear", "yarn"):
        keys |= scaling(config, kind, table)
    elif kind == "llama3":
        factors = {FREQUENCIES: llama3(config, table)}
    elif kind in ("longrope", "su") and arch == "phi3":
        keys["scaling.attn_factor"] = ("float32", attention_factor(config, table))
        factors = longrope(config, table)
    elif kind != "default":
        config.refuse("rope_scaling", f"edgemed does not know the rope type {kind[:40]} for {arch}")
    return Rope({f"{arch}.rope.{key}": value for key, value in keys.items()}, factors)


def table_of(config: CheckpointConfig) -> Mapping[str, Any]:
    """The settings of the rope of full attention, `rope_theta` among them."""
    inner = config.get("rope_parameters")
    if isinstance(inner, dict):
        table = inner.get(FULL) if isinstance(inner.get(FULL), dict) else inner
    else:
        table = config.get("rope_scaling")
    table = dict(table) if isinstance(table, dict) else {}
    if table.get("rope_theta") is None:
        table["rope_theta"] = config.get("rope_theta")
    return table


def local_theta(config: CheckpointConfig) -> float:
    """The base frequency of blocks with a sliding window."""
    inner = config.get("rope_parameters")
    table = inner.get(SLIDING) if isinstance(inner, dict) else None
    if isinstance(table, dict) and table.get("rope_theta") is not None:
        return config.real("rope_theta", table)
    return config.real("rope_local_base_freq")


def original_length(
    config: CheckpointConfig, table: Mapping[str, Any], usual: int | None = None
) -> int:
    """The context that the model was trained with before it was stretched."""
    name = "original_max_position_embeddings"
    found = table.get(name) or config.get(name) or usual
    if type(found) is not int or found <= 0:
        config.wrong(name, found)
    return found


def scaling(config: CheckpointConfig, kind: str, table: Mapping[str, Any]) -> Values:
    """Positions that are divided, by one factor or by yarn."""
    keys: Values = {
        "scaling.type": ("string", kind),
        "scaling.factor": ("float32", config.real("factor", table)),
    }
    if kind == "yarn":
        keys["scaling.original_context_length"] = ("uint32", original_length(config, table))
        for name, key in zip(YARN, YARN_KEYS, strict=True):
            if table.get(name) is not None:
                keys[f"scaling.{key}"] = ("float32", config.real(name, table))
        name = "attention_factor" if table.get("attention_factor") is not None else "attn_factor"
        if table.get(name) is not None:
            keys["scaling.yarn_attn_factor"] = ("float32", config.real(name, table))
    return keys


def llama3(config: CheckpointConfig, table: Mapping[str, Any]) -> list[float]:
    """A divisor for every frequency: 1 for short waves, the factor for long ones, mixed between."""
    length = config.head_length
    theta, factor = config.real("rope_theta", table), config.real("factor", table)
    low, high = (config.real(f"{word}_freq_factor", table) for word in ("low", "high"))
    if low >= high:
        config.wrong("low_freq_factor", f"{low}, not below high_freq_factor, {high}")
    context = original_length(config, table, 8192)
    exponents = np.arange(0, length, 2, dtype=F32) / F32(length)
    frequencies = F32(1) / (theta ** exponents.astype(np.float64)).astype(F32)
    return [float(divisor(f, context, low, high, factor)) for f in frequencies]


def divisor(frequency: np.float32, context: int, low: float, high: float, factor: float) -> Any:
    """The divisor of one frequency, rounded step by step as torch does, so that the bits agree."""
    wave = (F32(1) / frequency) * F32(2 * math.pi)  # in tokens
    if wave < context / high:
        return 1.0
    if wave > context / low:
        return factor
    share = ((F32(1) / wave) * F32(context) - F32(low)) / F32(high - low)
    return F32(1) / ((F32(1) - share) / F32(factor) + share)


def stretch(config: CheckpointConfig, table: Mapping[str, Any]) -> tuple[float, int]:
    """How many times longer the context is than before, and the length before."""
    context = original_length(config, table)
    return config.whole("max_position_embeddings") / context, context


def attention_factor(config: CheckpointConfig, table: Mapping[str, Any]) -> float:
    """What attention is scaled by for the longer context."""
    times, context = stretch(config, table)
    return math.sqrt(1 + math.log(times) / math.log(context)) if times > 1 else 1.0


def longrope(config: CheckpointConfig, table: Mapping[str, Any]) -> dict[str, list[float]]:
    """Divisors of the frequencies for long and for short texts."""
    count = int(config.head_length * partial(config)) // 2
    names = {LONG: "long_factor", SHORT: "short_factor"}
    return {name: config.reals(key, table, count) for name, key in names.items()}
