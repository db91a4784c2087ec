"""`edgemed inspect FILE`: what is in a GGUF file, a checkpoint or an adapter, as tables or JSON."""

import argparse
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemed.adapters.forms import is_adapter
from edgemed.amounts import amount
from edgemed.checkpoints.folder import is_checkpoint
from edgemed.cli.terminal.printing import print_json
from edgemed.cli.terminal.tables import show
from edgemed.gguf import Model, Tensor, printable
from edgemed.gguf.description import ModelDescription, describe
from edgemed.gguf.loadable.obstacle import Obstacle
from edgemed.gguf.loadable.obstacles import obstacles
from edgemed.gguf.tables import summary, tensor_table, type_table
from edgemed.merging.parents.opening import open_source
from edgemed.storage.sizes import show_size
from edgemed.tables import Table

if TYPE_CHECKING:
    from edgemed.adapters.describing import AdapterDescription as Adapter


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed inspect`."""
    add = parser.add_argument
    add(
        "file",
        type=Path,
        metavar="FILE",
        help="a GGUF file, any shard of a split one, a checkpoint's folder, or a LoRA adapter "
        "(GGUF, or a PEFT folder)",
    )
    add("--tensors", action="store_true", help="list every tensor: name, shape, type, bytes")
    add("--json", action="store_true", help="print JSON for programs")


def run(args: argparse.Namespace) -> int:
    """Open and check the file, then print."""
    if not is_checkpoint(args.file) and is_adapter(args.file):
        from edgemed.adapters.describing import describe as described  # loads what decodes rows

        return show_adapter(described(args.file), args)
    model = open_source(args.file)
    description = describe(model)
    if args.json:
        print_json(as_json(model, description, args.tensors))
        return 0
    for obstacle in against(model):
        print(f"warning: {obstacle.verdict}: {printable(obstacle.what)}", file=sys.stderr)
        print(f"         {printable(obstacle.remedy)}", file=sys.stderr)
    for note in model.notes:
        print(printable(note), file=sys.stderr)
    tables = [summary(description), type_table(description)]
    if args.tensors:
        tables.append(tensor_table(model))
    show(tables)
    return 0


def show_adapter(found: "Adapter", args: argparse.Namespace) -> int:
    """An adapter's figures; its targets if requested."""
    if args.json:
        document = asdict(found)
        if not args.tensors:
            document["targets"] = len(found.targets)
        print_json(document)
        return 0
    show([adapter_table(found), *([target_table(found)] if args.tensors else [])])
    return 0


def adapter_table(found: "Adapter") -> Table:
    """One line per fact."""
    kinds = Counter(target.kind for target in found.targets)
    ranks = sorted({t.rank for t in found.targets if t.rank is not None})
    scales = sorted({t.scale for t in found.targets if t.scale is not None})
    return Table(
        ("", ""),
        [
            ("adapter", " and ".join(found.files)),
            ("size", f"{show_size(found.nbytes)} ({amount(found.nbytes, 'byte')})"),
            ("form", found.form),
            ("architecture", found.architecture or "not stated"),
            ("trained on", found.base or "not stated"),
            ("weights", f"{found.weights:,}"),
            ("changes", ", ".join(f"{n} x {kind}" for kind, n in kinds.items())),
            ("rank", ", ".join(map(str, ranks)) or "none"),
            ("scale", ", ".join(f"{scale:g}" for scale in scales) or "none"),
        ],
    )


def target_table(found: "Adapter") -> Table:
    """One line per change."""
    columns = ("target", "kind", ">shape", ">rank", ">scale")
    rows = [
        (
            t.name,
            t.kind,
            f"{t.length} x {t.rows}",
            str(t.rank or "-"),
            "-" if t.scale is None else f"{t.scale:g}",
        )
        for t in found.targets
    ]
    return Table(columns, rows)


def against(model: Model) -> list[Obstacle]:
    """The reasons why llama.cpp will not load it."""
    return [obstacle for obstacle in obstacles(model) if obstacle.about != "unknown"]


def as_json(model: Model, description: ModelDescription, tensors: bool) -> dict[str, Any]:
    """The description, its types by name; with `tensors`, also a list of them."""
    types = {name: share._asdict() for name, share in description.types.items()}
    document = asdict(description) | {"types": types}
    document["obstacles"] = [{"what": o.what, "remedy": o.remedy} for o in against(model)]
    if tensors:
        document["tensors"] = [tensor_record(t) for t in model.tensors.values()]
    return document


def tensor_record(tensor: Tensor) -> dict[str, Any]:
    """One tensor as JSON: its shape (row length first) and its offset in its file."""
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "type": tensor.type.name,
        "file": tensor.path.name,
        "offset": tensor.offset,
        "nbytes": tensor.nbytes,
    }
