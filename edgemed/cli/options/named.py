"""Adds option names to remedies: rooms below the command line name a setting in words only.

Their messages are also read from Python and on the screen, where nothing is called `--force`.
"""

import argparse
import re

from edgemed.errors import LOG_LINE

OPTIONS = (
    ("again with the default noise", "noise", "leave out --noise"),
    ("all the same", "force_broken", "--force-broken"),
    ("another (file )?name", "name", "--name NAME"),
    ("another (file|folder)", "out", "--out"),
    ("answers at once", "at_once", "--at-once N"),
    ("as a link", "link", "--link"),
    ("base model", "base", "--base MODEL"),
    ("bytes per file", "split_max_size", "--split-max-size SIZE"),
    ("bytes of memory", "max_ram", "--max-ram SIZE"),
    ("chat template", "chat_template", "--chat-template FILE"),
    ("context", "context", "--context N"),
    ("every number in float32", "compute", "--compute float32"),
    ("fewer examples before a question", "shots", "--shots K"),
    ("fewer items", "limit", "--limit N"),
    ("fewer tokens at a time", "batch_tokens", "--batch-tokens N"),
    ("from a stick", "stick", "--from FOLDER"),
    ("go on where it stopped", "resume", "--resume"),
    ("have one chosen", "no_fallback", "leave out --no-fallback"),
    ("importance matri", "imatrix", "--imatrix FILE"),
    ("instead of resuming", "resume", "leave out --resume"),
    ("larger batch", "batch", "--batch N"),
    ("larger pool", "shots_pool", "--shots-pool N"),
    ("layers to the processor", "gpu_layers", "leave out --gpu-layers"),
    ("longest example", "longest", "--longest N"),
    ("minutes in all", "budget", "--budget 30m"),
    ("more tries", "tries", "--tries N"),
    ("name a folder", "to", "--to FOLDER"),
    ("name a model", "model", "--model FILE"),
    ("name its folder", "data", "--data FOLDER"),
    ("name the models", "inputs", "--inputs FILE"),
    ("norms and biases", "without_vectors", "--without-vectors"),
    ("on the processor", "device", "leave out --device"),
    ("output type", "out_type", "--out-type TYPE"),
    ("port", "port", "--port N"),
    ("replace (it|what is there)", "force", "--force"),
    ("(longer|smaller) draft", "max_tokens", "--max-tokens N"),
    ("shorter", "in_parts", "--in-parts drafts it in parts"),
    ("skip this check", "load_check", "--no-load-check"),
    ("smaller (learning )?rate", "rate", "--rate X"),
    ("smaller rank", "rank", "--rank N"),
    ("by the tasks named", "force_knowledge", "--force-knowledge"),
    ("tasks so far", "finish", "--finish"),
    ("type for this tensor", "part_type", "--part-type PART=TYPE"),
    ("type for this tensor", "tensor_type", "--tensor-type REGEX=TYPE"),
    ("whose vocabulary", "tokenizer_from", "--tokenizer-from MODEL"),
    ("without examples", "shots", "leave out --shots"),
)
"""Words of a remedy, the argument that they mean, and how it is given or left out."""

OPTION = re.compile(r"--[a-z][\w-]*")


def with_options(hint: str, args: argparse.Namespace) -> str:
    """`hint` with the options of this command that it means, except for a flag given already."""
    words, mark, log = hint.partition(LOG_LINE)
    named = [
        how
        for setting, argument, how in OPTIONS
        if re.search(rf"\b{setting}", words)
        and helps(how, getattr(args, argument, None), hasattr(args, argument))
        and OPTION.findall(how)[0] not in OPTION.findall(words)
    ]
    return words + (f" ({'; '.join(named)})" if named else "") + mark + log


def helps(how: str, value: object, exists: bool) -> bool:
    """Whether this command has the option, not given yet (or given, if it is to be left out)."""
    if how.startswith("leave out"):
        return bool(value)
    return exists and (value is True) == how.startswith("--no-")
