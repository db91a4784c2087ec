"""The options of `edgemed merge`, and the recipe that they ask for."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgemed.adapters.naming import parent_of
from edgemed.cli.merging.plans import limit_options
from edgemed.cli.options.load_check import load_check_option
from edgemed.cli.options.numbers import finite
from edgemed.errors import UsageError
from edgemed.merging.methods.table import METHODS
from edgemed.merging.recipe.chat_templates import FORMATS
from edgemed.merging.recipe.presets import PRESETS
from edgemed.merging.recipe.recipe import Recipe, between, type_word, weighted
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
        help="two models (t = 0 and t = 1), or as many as the method takes, or one recipe.yml; a "
        "model is a GGUF file or a checkpoint's folder, with an adapter MODEL+ADAPTER[:strength]",
    )
    add("-o", "--out", type=Path, required=True, help="the file to write")
    recipe_options(parser.add_argument_group("recipe"))
    output_options(parser.add_argument_group("output"))
    limit_options(parser)
    add("--report", type=Path, metavar="FILE", help="measure the result: a .html page, or .json")
    add(
        "--intermediate-dir",
        type=Path,
        metavar="DIR",
        help="the folder for named outputs, where a file holds several recipes",
    )
    add("--dry-run", action="store_true", help="print every step and stop")
    add("--force", action="store_true", help="replace the output if it exists")
    load_check_option(parser)


def recipe_options(group: Any) -> None:
    """What is mixed, and how."""
    add = group.add_argument
    add(
        "--t",
        type=finite,
        metavar="T",
        help="how far to go from the first model to the second, 0 to 1",
    )
    add("--method", choices=list(METHODS), metavar="NAME", help=f"one of {', '.join(METHODS)}")
    add("--base", type=parent_of, metavar="MODEL", help="the common base of the models")
    add(
        "--weight",
        type=finite,
        nargs="+",
        metavar="W",
        help="one weight for every model but the base",
    )
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the method, such as density=0.5 or t=[0,0.5,1]; repeatable",
    )
    add("--preset", choices=list(PRESETS), help="a named recipe")
    add("--seed", type=int, metavar="N", help="the seed of random masks (default: 0)")


def output_options(group: Any) -> None:
    """Types, vocabulary and template of the output."""
    add = group.add_argument
    type_options(group, "types of the output: like-a (default), like-b, max, or Q6_K, Q4_K_M, ...")
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


def type_options(group: Any, out_types: str) -> None:
    """Types of the output's tensors, and the size of its files; `out_types` lists the types."""
    add = group.add_argument
    add("--out-type", metavar="TYPE", help=out_types)
    add(
        "--part-type",
        action="append",
        default=[],
        metavar="PART=TYPE",
        help="the type of some tensors, by a part of their names or by group; repeatable",
    )
    add(
        "--no-fallback",
        action="store_true",
        help="refuse (exit 3) a type that some rows do not fit, instead of choosing another",
    )
    add(
        "--imatrix",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="an importance matrix of llama-imatrix for the output; several are combined",
    )
    add(
        "--split-max-size",
        metavar="SIZE",
        help="write several files, none larger than this, such as 2G",
    )


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The recipe that the command line asks for."""
    return changed(args, asked_for(args))


def changed(args: argparse.Namespace, recipe: Recipe) -> Recipe:
    """A recipe, with the output options of the command line in place of its own."""
    changes: dict[str, Any] = {}
    if args.out_type is not None:
        changes["out_type"] = type_word(args.out_type)
    if args.part_type:
        parts = (pair(text) for text in args.part_type)
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
    """The text of a template file; if there is no such file, the format of that name."""
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
    """A recipe from a file, a preset, t alone, or a method with its parameters."""
    if is_recipe(args.models[0]):
        refuse_beside_recipe(args)
        return read_recipe(args.models[0])
    if args.preset:
        refuse(args, "--preset", "t", "method", "base", "weight", "set")
        return PRESETS[args.preset](args.models)
    settings = parse_settings([pair(text) for text in args.set])
    if args.t is not None and len(args.models) == 2 and args.base is None and not settings:
        refuse(args, "--t", "weight")
        a, b = args.models
        return between(a, b, args.t, args.method or "linear")
    if args.t is not None:
        settings["t"] = args.t
    method = args.method or "linear"
    refuse_unweighted(args, method, settings)
    return weighted(args.models, method, args.base, args.weight, settings)


def refuse_unweighted(args: argparse.Namespace, method: str, settings: Mapping[str, Any]) -> None:
    """UsageError that names the option if the method needs weights or a t and got none."""
    if args.weight or args.t is not None:
        return
    for name in ("weight", "t"):
        known = METHODS[method].parameters.get(name) if method in METHODS else None
        if known is None or known.default is not None or name in settings:
            continue
        by_t = method == "linear" and len(args.models) == 2 and args.base is None
        what = "one weight for each model" if name == "weight" else "t, how far to go"
        remedy = f"give --{name}, or --set {name}=VALUE"
        raise UsageError(f"{method} needs {what}", "give --t, or --weight" if by_t else remedy)


def refuse_beside_recipe(args: argparse.Namespace) -> None:
    """UsageError for options that a recipe file already decides."""
    options = ("t", "method", "base", "weight", "set", "preset")
    refuse(args, "a recipe file", *options)
    if len(args.models) > 1:
        raise UsageError(
            "a recipe file cannot be combined with further models", "give only the recipe"
        )


def refuse(args: argparse.Namespace, other: str, *options: str) -> None:
    """UsageError if one of these options was given together with `other`."""
    for option in options:
        if getattr(args, option) not in (None, []):
            raise UsageError(f"--{option} cannot be combined with {other}", f"leave out --{option}")


def pair(text: str) -> tuple[str, str]:
    """`name=value` as two words."""
    name, found, value = text.partition("=")
    if not (name and found and value):
        raise UsageError(f"{text!r} is not NAME=VALUE", "put one = between name and value")
    return name, value
