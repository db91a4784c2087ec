"""adapter_config.json of a PEFT folder: what is read from it, and what cannot be folded.

scaling = alpha / r, or alpha / sqrt(r) with rsLoRA (arXiv 2312.03732); rank_pattern and
alpha_pattern set r and alpha for modules whose names end in the pattern.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from edgemed.adapters.forms import CONFIG
from edgemed.errors import InvalidFile, Refused
from edgemed.printable import printable
from edgemed.storage.bounded import json_of, read_bounded

USUAL_STARTS = (True, False, None, "gaussian", "eva", "orthogonal")
"""Ways to initialise a training that leave the base's weights unchanged."""

NOT_FOLDED = {
    "layer_replication": "it stacks blocks in a new order",
    "target_parameters": "it changes parameters inside experts",
    "trainable_token_indices": "it trains rows of single tokens",
    "alora_invocation_tokens": "it applies only after certain tokens (aLoRA)",
    "use_qalora": "its A works on grouped inputs (QA-LoRA)",
    "use_bdlora": "its matrices are in blocks (BD-LoRA)",
    "arrow_config": "it chooses between adapters at every token (Arrow)",
    "kasa_config": "it is KaSA",
    "monteclora_config": "it draws random numbers (MonteCLoRA)",
}
"""Keys that change the arithmetic if they are set, and why."""

QUANTIFIED_GROUP = re.compile(r"\)[*+?{]")
QUANTIFIER = re.compile(r"[*+{]")
MOST_QUANTIFIERS = 3  # each one multiplies the matching time by the length of a module's name
LONGEST_PATTERN = 200
LARGEST = 1 << 31
"""A rank or alpha that no adapter has."""


@dataclass(frozen=True, slots=True)
class PeftConfig:
    """What an adapter says about itself."""

    path: Path
    rank: int
    alpha: float
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    rooted: bool
    dora: bool
    turned: bool
    tied: bool
    base: str

    def rank_of(self, module: str) -> int:
        """The rank that a module must have."""
        return int(pattern_value(self.rank_pattern, module, self.rank))

    def scale_of(self, module: str) -> float:
        """How strongly B A counts in a module."""
        rank = self.rank_of(module)
        alpha = float(pattern_value(self.alpha_pattern, module, self.alpha))
        return alpha / (math.sqrt(rank) if self.rooted else rank)


def read_config(folder: Path) -> PeftConfig:
    """The config in a folder; InvalidFile or Refused for what cannot be folded correctly."""
    path = folder / CONFIG
    tree = read_tree(path)
    kind = tree.get("peft_type")
    if kind != "LORA":
        raise Refused(
            f"{path}: it is a {shown(kind)} adapter, and only LORA is read",
            "merge it into its model with PEFT, or train a LoRA adapter",
        )
    for key, why in NOT_FOLDED.items():
        if tree.get(key):
            raise Refused(f"{path}: {key} is set: {why}", "only plain LoRA and DoRA can be folded")
    start = tree.get("init_lora_weights", True)
    if start not in USUAL_STARTS:
        raise Refused(
            f"{path}: init_lora_weights is {shown(start)}: such training may change "
            "the base first, so that the adapter does not fit the original",
            "save the adapter as a plain LoRA: PEFT's path_initial_model_for_weight_conversion",
        )
    return PeftConfig(
        path,
        number(path, tree, "r", whole=True),
        number(path, tree, "lora_alpha"),
        {key: int(n) for key, n in patterns(path, tree, "rank_pattern").items()},
        patterns(path, tree, "alpha_pattern"),
        flag(path, tree, "use_rslora"),
        flag(path, tree, "use_dora"),
        flag(path, tree, "fan_in_fan_out"),
        flag(path, tree, "ensure_weight_tying"),
        shown(tree.get("base_model_name_or_path") or ""),
    )


def read_tree(path: Path) -> dict[str, Any]:
    """The file as plain values."""
    if path.exists() and not path.is_file():
        raise InvalidFile(f"{path} is not a file", "get the adapter again")
    try:
        tree = json_of(read_bounded(path, "file of settings"))
    except FileNotFoundError:
        raise InvalidFile(
            f"there is no {path}", "a PEFT folder has adapter_config.json and the weights"
        ) from None
    except OSError as error:
        raise InvalidFile(f"cannot read {path}: {error.strerror}", "check the file") from error
    except ValueError as error:
        raise InvalidFile(f"{path} is not JSON: {error}", "get the adapter again") from None
    if not isinstance(tree, dict):
        raise InvalidFile(f"{path} is not a JSON object", "get the adapter again")
    return tree


def number(path: Path, tree: Mapping[str, Any], key: str, whole: bool = False) -> Any:
    """A number above 0 (alpha: any but 0) that must be given: there is no default."""
    given = tree.get(key)
    if key not in tree or given is None:
        raise InvalidFile(
            f"{path} has no {key}", f"write {key} into it, with the value used in training"
        )
    return one_number(path, key, given, whole)


def one_number(path: Path, key: str, given: Any, whole: bool) -> Any:
    """The number; InvalidFile if it is not one."""
    good = type(given) is int or (type(given) is float and not whole)
    if not good or not 0 < abs(given) <= LARGEST or (whole and given < 0):
        wrong(path, key, given)
    return given


def patterns(path: Path, tree: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Numbers by pattern."""
    given = tree.get(key) or {}
    if not isinstance(given, dict):
        wrong(path, key, given)
    for pattern, value in given.items():
        one_number(path, f"{key} of {shown(pattern)}", value, key == "rank_pattern")
        refuse_pattern(path, key, pattern)
    return given


def refuse_pattern(path: Path, key: str, pattern: str) -> None:
    """Patterns are regular expressions in PEFT; one that could take forever to match is refused."""
    try:
        re.compile(pattern)
    except re.error:
        wrong(path, key, pattern)
    many = len(QUANTIFIER.findall(pattern)) > MOST_QUANTIFIERS
    if many or len(pattern) > LONGEST_PATTERN or QUANTIFIED_GROUP.search(pattern):
        wrong(path, key, pattern)


def flag(path: Path, tree: Mapping[str, Any], key: str) -> bool:
    """True or false; false if it is missing."""
    given = tree.get(key)
    if given is not None and type(given) is not bool:
        wrong(path, key, given)
    return bool(given)


def wrong(path: Path, key: str, given: Any) -> NoReturn:
    raise InvalidFile(f"{path}: {key} is {shown(given)}", "get the adapter again")


def shown(value: Any) -> str:
    """A value of the file, short and printable."""
    return printable(str(value)[:200])


@cache
def ending(pattern: str) -> re.Pattern[str]:
    """The expression of a pattern: an adapter may have one for each of hundreds of modules."""
    return re.compile(rf"(.*\.)?({pattern})$")


def pattern_value(found: Mapping[str, Any], module: str, usual: Any) -> Any:
    """The value of the first pattern that a module's name ends in, or is."""
    for pattern, value in found.items():
        if ending(pattern).match(module):
            return value
    return usual
