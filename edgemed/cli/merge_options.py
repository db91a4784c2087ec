"""The options of `edgemed merge`, and the recipe that they ask for."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgemed_models.engine.machine import logical_cores

from edgemed.adapters.naming import parent_of
from edgemed.cli.load_check import load_check_option
from edgemed.cli.numbers import threads
from edgemed.errors import UsageError
from edgemed.merging.methods.table import METHODS
from edgemed.merging.plan.out_types import type_word
from edgemed.merging.recipe.chat_templates import FORMATS
from edgemed.merging.recipe.presets import PRESETS
from edgemed.merging.recipe.recipe import Recipe, between, weighted
from edgemed.merging.recipe.recipe_file import is_recipe, parse_settings, read_recipe
from edgemed.storage.bounded import read_bounded


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed merge`."""
    add = parser.add_argument
    add(
        "models",
        nargs="+",
        type=parent_of,
        metavar="MODEL",
        help="two models (t = 0 and t = 1), or as many as the method takes, or one recipe.yml; "
        "MODEL.gguf+ADAPTER[:strength] is a model with a LoRA adapter",
    )
    add("-o", "--out", type=Path, required=True, help="the file to write")
    recipe_options(parser.add_argument_group("recipe"))
    output_options(parser.add_argument_group("output"))
    add("--threads", type=threads, default=logical_cores(), metavar="N", help="default: all cores")
    add(
        "--max-ram",
        metavar="SIZE",
        help="cap on the buffers, such as 500M (default: about 10 MiB a thread)",
    )
    add("--report", type=Path, metavar="FILE", help="measure the result: a .html page, or .json")
    add(
        "--intermediate-dir",
        type=Path,
        metavar="DIR",
        help="where outputs with a name go, of a file with several recipes",
    )
    add("--dry-run", action="store_true", help="print every step and stop")
    add("--force", action="store_true", help="replace the output if it exists")
    add(
        "--resume",
        action="store_true",
        help="keep what is done if this attempt stops, and go on with what an earlier one with "
        "--resume wrote; reads every byte of the inputs first, to see that they are the same",
    )
    load_check_option(parser)


def recipe_options(group: Any) -> None:
    """What is mixed, and how."""
    add = group.add_argument
    add("--t", type=float, help="how far to go from the first model to the second, 0 to 1")
    add("--method", choices=list(METHODS), metavar="NAME", help=f"one of {', '.join(METHODS)}")
    add("--base", type=parent_of, metavar="MODEL", help="the common base of the models")
    add("--weight", type=float, nargs="+", metavar="W", help="one for every model but the base")
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the method, such as density=0.5 or t=[0,0.5,1]; repeatable",
    )
    add("--preset", choices=list(PRESETS), help="a recipe with a name")
    add("--seed", type=int, help="of random masks (default 0)")


def output_options(group: Any) -> None:
    """Types, vocabulary and template of the output."""
    add = group.add_argument
    add("--out-type", metavar="TYPE", help="like-a (default), like-b, max, Q6_K, Q4_K_M, ...")
    add(
        "--type",
        action="append",
        default=[],
        metavar="PART=TYPE",
        help="the type of tensors whose name has this part, or of a group; repeatable",
    )
    add(
        "--no-fallback",
        action="store_true",
        help="refuse (exit 3) a type that some rows do not fit, rather than take another for them",
    )
    add(
        "--imatrix",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="an importance matrix of llama-imatrix for the output; several are combined",
    )
    add("--split-max-size", metavar="SIZE", help="several files, none larger, such as 2G")
    add(
        "--tokenizer-from",
        metavar="MODEL",
        help="whose vocabulary, chat template and turn tokens the output has: A, B, ... for the "
        "first, the second, ..., a path, base or union",
    )
    add(
        "--chat-template",
        metavar="FILE",
        help=f"a template to put into the output: a file, or one of {', '.join(FORMATS)}",
    )


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The recipe that the command line asks for."""
    return changed(args, asked_for(args))


def changed(args: argparse.Namespace, recipe: Recipe) -> Recipe:
    """A recipe, with what the command line says of the output instead of what it says itself."""
    changes: dict[str, Any] = {}
    if args.out_type is not None:
        changes["out_type"] = type_word(args.out_type)
    if args.type:
        parts = (pair(text) for text in args.type)
        changes["types"] = tuple((part, type_word(word)) for part, word in parts)
    if args.imatrix:
        changes["imatrix"] = tuple(args.imatrix)
    if args.seed is not None:
        changes["seed"] = args.seed
    if args.tokenizer_from is not None:
        changes["tokenizer"] = args.tokenizer_from
    if args.chat_template is not None:
        changes["chat_template"] = read_template(args.chat_template)
    return replace(recipe, **changes)


def read_template(given: str | Path) -> str:
    """The text of a template file; where there is none, the format of that name."""
    word = str(given)
    if word in FORMATS and not Path(word).exists():
        return FORMATS[word].template
    try:
        return read_bounded(Path(word), "chat template").decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the chat template {word}",
            f"name a text file, or one of {', '.join(FORMATS)}",
        ) from error


def asked_for(args: argparse.Namespace) -> Recipe:
    """From a file, a preset, t alone, or a method with its parameters."""
    if is_recipe(args.models[0]):
        refuse_beside_recipe(args)
        return read_recipe(args.models[0])
    if args.preset:
        refuse(args, "a preset says how to merge", "t", "method", "base", "weight", "set")
        return PRESETS[args.preset](args.models)
    settings = parse_settings([pair(text) for text in args.set])
    if args.t is not None and len(args.models) == 2 and args.base is None and not settings:
        refuse(args, "two models are mixed by --t", "weight")
        a, b = args.models
        return between(a, b, args.t, args.method or "linear")
    if args.t is not None:
        settings["t"] = args.t
    return weighted(args.models, args.method or "linear", args.base, args.weight, settings)


def refuse_beside_recipe(args: argparse.Namespace) -> None:
    """A recipe file names its models and says how they are merged."""
    options = ("t", "method", "base", "weight", "set", "preset")
    refuse(args, "a recipe file says how to merge", *options)
    if len(args.models) > 1:
        raise UsageError("a recipe file names its models", "give the recipe alone")


def refuse(args: argparse.Namespace, why: str, *options: str) -> None:
    """UsageError if one of these options was given as well."""
    for option in options:
        if getattr(args, option) not in (None, []):
            raise UsageError(f"{why}: --{option} has no place beside it", f"leave out --{option}")


def pair(text: str) -> tuple[str, str]:
    """`name=value` as two words."""
    name, found, value = text.partition("=")
    if not (name and found and value):
        raise UsageError(f"{text!r} is not NAME=VALUE", "put one = between name and value")
    return name, value
