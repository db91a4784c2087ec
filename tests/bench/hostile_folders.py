"""Checkpoint and adapter folders that lie: each is refused in words, or gives a model of numbers.

    python -m tests.bench.hostile_folders 1000 [--seed 1] [--keep FOLDER]

Takes the small folders of the tests and breaks one to three things in each: files are cut, grown,
swapped, replaced by links, pipes and pickles; tables of weights claim other places, shapes and
types; settings, tokenizers and indexes get other values; weights become NaN. A folder that opens is
converted, or folded, and what was written is read back. Counted as a fault: any exception that is
not edgemed's, an error without a remedy or with characters that a terminal obeys, a pickle that was
opened, an output with NaN, or more than a few seconds for one folder. Linux only.
"""

import argparse
import json
import os
import random
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from edgemed_native.finite import first_not_finite

from edgemed.adapters.describing import describe
from edgemed.adapters.naming import Use
from edgemed.adapters.running import refuse_unrunnable
from edgemed.errors import EdgemedError
from edgemed.gguf import open_model
from edgemed.merging.plan.plan import Target, plan_merge
from edgemed.merging.plan.quantization import plan_quantize, quantization
from edgemed.merging.recipe.folding import folding
from edgemed.merging.run.run import run_plan
from tests.edgemed.converted import values

DATA = Path(__file__).parents[1] / "edgemed" / "data"
CHECKPOINTS = sorted(p.parent for p in (DATA / "checkpoints").glob("*/config.json"))
ADAPTERS = sorted(p.parent for p in (DATA / "lora").glob("*/adapter_config.json"))
SLOW = 20.0
"""Seconds of the processor for one folder: kernels may have to be compiled."""

HANGS = 180
"""Seconds after which a folder that is still read counts as one that is read for ever."""

PICKLE = b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94."
ODD: Sequence[Any] = (
    None, True, False, 0, -1, 1, 2, 7, 1 << 31, 1 << 63, 10**40, 0.5, -0.0, 1e308, float("nan"),
    float("inf"), "", "x", "\x1b[2J", "a\0b", "\ud800", "..", "/etc/passwd", "é" * 300, [], {},
    [[]], {"a": 1}, [1, 2], ["x"], [0, 1 << 62], [-1, 5], "F32", "F64", "I8", "BF16",
)  # fmt: skip

Change = Callable[[Path, random.Random], None]


def files(folder: Path) -> list[Path]:
    """The plain files of the folder, but for the base and the fold that adapters here have."""
    plain = (p for p in folder.iterdir() if p.is_file() and not p.is_symlink())
    return sorted(p for p in plain if p.suffix not in (".gguf", ".npz"))


def one_of(folder: Path, rng: random.Random, ending: str = "") -> Path:
    """Any file of the folder; with `ending`, one of those where there is one."""
    found = [p for p in files(folder) if p.name.endswith(ending)] or files(folder)
    return rng.choice(found)


def cut(folder: Path, rng: random.Random) -> None:
    """A file that ends early."""
    path = one_of(folder, rng)
    size = path.stat().st_size
    os.truncate(
        path, rng.choice([0, 7, 8, 9, size // 2, max(0, size - 1), rng.randrange(size + 1)])
    )


def grow(folder: Path, rng: random.Random) -> None:
    """A file with more behind its end."""
    with one_of(folder, rng).open("ab") as file:
        file.write(rng.randbytes(rng.choice([1, 8, 1000])))


def flip(folder: Path, rng: random.Random) -> None:
    """Some bytes of a file are others."""
    path = one_of(folder, rng, rng.choice(["", ".safetensors"]))
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 3, 30])):
        if data:
            data[rng.randrange(min(len(data), rng.choice([16, 600, len(data)])))] = rng.randrange(
                256
            )
    path.write_bytes(bytes(data))


def poison(folder: Path, rng: random.Random) -> None:
    """NaN or infinity among the weights."""
    path = one_of(folder, rng, ".safetensors")
    data = bytearray(path.read_bytes())
    if len(data) > 16:
        at = rng.randrange(len(data) // 2, len(data) - 3) & ~3
        data[at : at + 4] = rng.choice(
            [b"\xff\xff\xff\xff", b"\x00\x00\x80\x7f", b"\x80\x7f\x80\x7f"]
        )
    path.write_bytes(bytes(data))


def table(folder: Path, rng: random.Random) -> None:
    """A file of weights whose table claims something else."""
    path = one_of(folder, rng, ".safetensors")
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    try:
        tree = json.loads(data[8 : 8 + size])
        names = [name for name in tree if name != "__metadata__"]
        lie(tree, names, rng)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return  # it is broken already
    text = json.dumps(tree).encode("utf-8", "surrogatepass")
    stated = rng.choice([len(text)] * 6 + [0, 1, len(text) - 1, 1 << 40, (1 << 64) - 1])
    path.write_bytes(struct.pack("<Q", stated) + text + data[8 + size :])


def lie(tree: dict[str, Any], names: list[str], rng: random.Random) -> None:
    """Another place, shape, type or name for a tensor."""
    one, other = rng.choice(names), rng.choice(names)
    match rng.randrange(8):
        case 0:
            tree[one]["data_offsets"] = tree[other]["data_offsets"]
        case 1:
            tree[one]["data_offsets"][rng.randrange(2)] += rng.choice([-4, 4, 1, 1 << 40])
        case 2:
            tree[one]["shape"] = rng.choice(
                [tree[one]["shape"][::-1], tree[other]["shape"], [], [0]]
            )
        case 3:
            tree[one]["dtype"] = rng.choice(["F16", "BF16", "F32", "F64", "I8", "F8_E4M3", "x", 3])
        case 4:
            tree[one], tree[other] = tree[other], tree[one]
        case 5:
            tree[rng.choice([*names, "x", "model.\x1b[2J", "é" * 70, "a.lora_A.weight"])] = (
                tree.pop(one)
            )
        case 6:
            tree.pop(one)
        case _:
            tree[one][rng.choice(list(tree[one]))] = rng.choice(ODD)


def setting(folder: Path, rng: random.Random) -> None:
    """Another value somewhere in a JSON file."""
    path = one_of(folder, rng, ".json")
    try:
        tree = json.loads(path.read_bytes())
        at = tree
        while isinstance(at, dict | list) and at:
            key = rng.choice(list(at) if isinstance(at, dict) else range(len(at)))
            if not isinstance(at[key], dict | list) or not at[key] or rng.random() < 0.3:
                break
            at = at[key]
        at[key] = rng.choice(ODD)
    except (ValueError, TypeError, UnboundLocalError, KeyError):
        return
    path.write_text(json.dumps(tree), encoding="utf-8")


def text(folder: Path, rng: random.Random) -> None:
    """A file that holds something else."""
    one_of(folder, rng).write_bytes(
        rng.choice([
            b"", b"{}", b"[]", b"null", PICKLE, b"PK\x03\x04" + PICKLE, b"[" * 100_000,
            b"\xff\xfe{}",
            b'{"a": ' + b"9" * 6000 + b"}", b"GGUF\x03\x00\x00\x00", b"version https://git-lfs",
            struct.pack("<Q", 2) + b"{}", struct.pack("<Q", 1 << 62) + b"{}",
        ])
    )  # fmt: skip


def gone(folder: Path, rng: random.Random) -> None:
    """A file is missing."""
    one_of(folder, rng).unlink()


def pickled(folder: Path, rng: random.Random) -> None:
    """Weights in a pickle file, beside the others or in their place."""
    names = ["pytorch_model.bin", "adapter_model.bin", "model.pt", "consolidated.00.pth", "x.ckpt"]
    (folder / rng.choice(names)).write_bytes(PICKLE)
    if rng.random() < 0.7:
        one_of(folder, rng, ".safetensors").unlink()


def another_kind(folder: Path, rng: random.Random) -> None:
    """A link, a pipe or a folder where a file should be."""
    path = one_of(folder, rng)
    path.unlink()
    match rng.randrange(6):
        case 0:
            os.mkfifo(path)
        case 1:
            path.mkdir()
        case 2:
            path.symlink_to("/dev/zero")
        case 3:
            path.symlink_to(path)
        case 4:
            path.symlink_to("/proc/self/mem")
        case _:
            path.symlink_to(folder / "nothing")


CHANGES: tuple[Change, ...] = (
    cut, grow, flip, poison, table, table, setting, setting, setting, text, gone, pickled,
    another_kind,
)  # fmt: skip


class Watch:
    """Which pickle files were opened, and whether anything was unpickled."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "pickle.find_class" and args == ("posix", "system"):  # numba's cache has others
            self.seen.append("unpickled")
        if event == "open" and str(args[0]).endswith((".bin", ".pt", ".pth", ".ckpt")):
            self.seen.append(f"opened {args[0]}")


def use_checkpoint(folder: Path, out: Path) -> None:
    """Convert it."""
    plan = plan_quantize(quantization(folder, "Q8_0"), Target(out, 1))
    run_plan(plan, load_check=False)


def use_adapter(folder: Path, out: Path) -> None:
    """Look at it, see whether it runs beside its base, fold it."""
    base = folder / "base.gguf"
    describe(folder)
    try:
        refuse_unrunnable(open_model(base), Use(folder))
    except EdgemedError as error:
        judged(error)
    run_plan(plan_merge(folding(base, [Use(folder)]), out, 1), load_check=False)


def judged(error: EdgemedError) -> None:
    """ValueError for an error that does not help, or that a terminal would obey."""
    lines = f"{error.message}\n{error.hint}".split("\n")
    if not error.hint or not all(line.isprintable() for line in lines):
        raise ValueError(f"unfit words: {lines!r}")
    if max(map(len, lines)) > 1500:
        raise ValueError(f"a line of {max(map(len, lines)):,} characters")


def numbers_only(out: Path) -> None:
    """ValueError for an output that holds NaN or infinity."""
    model = open_model(out)
    for name, tensor in model.tensors.items():
        rows = np.frombuffer(values(model, name), np.uint8).reshape(tensor.rows, -1)
        if first_not_finite(tensor.type.name, rows.copy()) is not None:
            raise ValueError(f"{name} of the output holds NaN")


def attacked(number: int, seed: int, at: Path, watch: Watch) -> tuple[str, str]:
    """(what came of folder `number`, the fault or nothing). The folder is at/folder."""
    rng = random.Random(seed * 1_000_003 + number)
    adapter = rng.random() < 0.4
    folder, out = at / "folder", at / "out.gguf"
    shutil.copytree(rng.choice(ADAPTERS if adapter else CHECKPOINTS), folder)
    made = [rng.choice(CHANGES) for _ in range(rng.choice([1, 1, 2, 3]))]
    for change in made:
        try:
            change(folder, rng)
        except (OSError, ValueError, IndexError):
            continue  # an earlier change has left nothing to change
    what = f"{'adapter' if adapter else 'checkpoint'} {'+'.join(c.__name__ for c in made)}"
    watch.seen.clear()
    signal.alarm(HANGS)
    start, fault = time.process_time(), ""
    try:
        (use_adapter if adapter else use_checkpoint)(folder, out)
        numbers_only(out)
        ended = "written"
    except EdgemedError as error:
        ended = "refused"
        try:
            judged(error)
        except ValueError as unfit:
            fault = str(unfit)
        if out.exists():
            fault = "refused, and the output is there"
    except Exception:  # whatever else comes of it is a fault, and is told
        ended, fault = "broken", traceback.format_exc()
    signal.alarm(0)
    if watch.seen:
        fault = f"{watch.seen[0]}"
    if time.process_time() - start > SLOW:
        fault = fault or f"{time.process_time() - start:.1f} s"
    return f"{what.split()[0]} {ended}", f"{what}: {fault}" if fault else ""


def hung(number: int, frame: object) -> None:
    """The alarm."""
    raise TimeoutError(f"still reading after {HANGS} s")


def run(count: int, seed: int, keep: Path | None = None) -> tuple[Counter[str], list[str]]:
    """How often each end came, and the faults."""
    watch, ends, faults = Watch(), Counter[str](), []
    signal.signal(signal.SIGALRM, hung)
    for number in range(count):
        with tempfile.TemporaryDirectory() as name:
            end, fault = attacked(number, seed, Path(name), watch)
            ends[end] += 1
            if fault:
                faults.append(f"folder {number}: {fault}")
                if keep is not None:
                    target = keep / str(number)
                    shutil.copytree(
                        Path(name) / "folder", target, symlinks=True, dirs_exist_ok=True
                    )
    return ends, faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="where folders with a fault are kept")
    args = parser.parse_args()
    ends, faults = run(args.count, args.seed, args.keep)
    print("\n".join(faults))
    print(f"{args.count} folders: {dict(sorted(ends.items()))}; {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
