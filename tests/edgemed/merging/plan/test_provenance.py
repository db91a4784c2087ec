"""What a merged file says of itself: parents, licences, recipe, hashes; and whether it is true."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest

import edgemed
from edgemed.cli.main import main
from edgemed.gguf import open_model
from edgemed.merging.plan import provenance
from edgemed.merging.plan.keys import RECIPE, RECIPE_HASH
from edgemed.merging.plan.provenance import recipe_from, weights_label
from edgemed.merging.recipe.recipe import Recipe, Slice, Source, between
from edgemed.merging.recipe.settings import Filter
from edgemed.merging.report import verify
from tests.edgemed.merge_pairs import weights, write_pair_member

PARENT = {
    "general__license": "apache-2.0",
    "general__author": "Ada",
    "general__description": "Not for clinical use.",
    "split__no": 7,
    "quantize__imatrix__file": "old.dat",
    "general__source__url": "https://example.org",
    "general__uuid": "11111111-1111-1111-1111-111111111111",
}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    a = write_pair_member(tmp_path / "a.gguf", weights(1), "Q8_0", general__name="One", **PARENT)
    b = write_pair_member(
        tmp_path / "b.gguf", weights(2), "Q8_0", general__name="Two", general__license="llama3.1"
    )
    return a, b


@pytest.fixture
def out(pair: tuple[Path, Path], tmp_path: Path) -> Path:
    edgemed.merge(*pair, t=0.25, out=tmp_path / "out.gguf", threads=2)
    return tmp_path / "out.gguf"


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_file_names_its_parents_their_licences_and_hashes(pair, out):
    keys = {f.name: f.contents() for f in gguf.GGUFReader(out).fields.values()}
    assert keys["general.base_model.count"] == 2
    assert keys["general.base_model.0.name"] == "One"
    assert keys["general.base_model.0.author"] == "Ada"
    assert keys["general.base_model.0.description"] == "Not for clinical use."
    assert keys["general.base_model.1.license"] == "llama3.1"
    assert keys["general.license"] == "apache-2.0 AND llama3.1"
    assert keys["general.name"] == "One + Two (linear)"
    assert keys["edgemed.merge.files_sha256"] == [sha(path) for path in pair]
    assert keys["edgemed.merge.files"] == ["a.gguf", "b.gguf"]
    recipe = keys["edgemed.merge.recipe"]
    assert keys["edgemed.merge.recipe_sha256"] == hashlib.sha256(recipe.encode()).hexdigest()
    assert json.loads(recipe)["merge_method"] == "linear"


def test_what_was_true_of_the_first_parent_alone_is_gone(out):
    metadata = open_model(out).metadata
    stale = ("split.", "quantize.", "general.source.", "general.author", "general.description")
    assert not [key for key in metadata if key.startswith(stale)]
    assert metadata["general.uuid"] != PARENT["general__uuid"]


def test_no_path_of_the_machine_is_in_the_file(pair, out, tmp_path):
    assert str(tmp_path).encode() not in out.read_bytes()


def test_the_same_recipe_in_another_folder_gives_the_same_bytes(pair, out, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    moved = [Path(other / path.name) for path in pair]
    for path, target in zip(pair, moved, strict=True):
        target.write_bytes(path.read_bytes())
    edgemed.merge(*moved, t=0.25, out=other / "result.gguf", threads=1)
    assert sha(other / "result.gguf") == sha(out)


@pytest.mark.parametrize(
    ("count", "label"),
    [(8_030_261_248, "8.0B"), (260_032, "260K"), (1_235_814_400, "1.2B"), (70_553_706_496, "71B")],
)
def test_size_labels_are_llama_cpps(count, label):
    assert weights_label(count) == label == gguf.utility.size_label(count, 0, 0, 0)


def test_a_recipe_comes_back_from_the_file_as_it_went_in(tmp_path):
    a, b, base = (Path(f"{n}.gguf") for n in ("a", "b", "base"))
    parameters = {
        "weight": (Filter("attn", (0.0, 0.5, 1.0)), Filter(None, 0.5)),
        "density": (0.3, 0.9),
        "normalize": False,
    }
    sources = (Source(a, (0, 2), {"weight": 1.0}), Source(b, (1, 3)), Source(base, (0, 2)))
    recipe = Recipe("ties", (Slice(sources, parameters),), base, {}, "Q6_K", (("attn", "Q8_0"),))
    text = provenance.recipe_text(recipe)
    metadata = {RECIPE: text, RECIPE_HASH: provenance.sha256(text)}
    assert provenance.recipe_text(recipe_from(metadata)) == text
    assert recipe_from(metadata).slices[0].parameters == parameters


def test_a_file_that_is_what_its_recipe_makes_is_verified(out, capsys):
    assert main(["verify", str(out)]) == 0
    assert "out.gguf: same" in capsys.readouterr().out


def test_inputs_under_other_names_are_given_in_order(pair, out, tmp_path, capsys):
    moved = [path.rename(tmp_path / f"moved-{path.name}") for path in pair]
    assert main(["verify", str(out), "--inputs", *map(str, moved)]) == 0
    assert main(["verify", str(out), "--inputs", *map(str, moved[::-1])]) == 1
    assert "is not the file that was merged" in capsys.readouterr().out


def test_one_changed_byte_is_found_and_its_tensor_named(out, capsys):
    tensor = open_model(out).tensors["blk.1.attn_q.weight"]
    data = bytearray(out.read_bytes())
    data[tensor.offset + 1000] ^= 1
    out.write_bytes(data)
    assert main(["verify", str(out), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["state"] == "different"
    assert answer["tensors"] == ["blk.1.attn_q.weight"]


def test_changed_metadata_is_found(out, capsys):
    data = out.read_bytes()
    out.write_bytes(data.replace(b"One + Two (linear)", b"Own + Two (linear)"))
    assert main(["verify", str(out)]) == 1
    assert "general.name was changed" in capsys.readouterr().out


def test_other_encoders_cannot_be_compared_and_are_not_called_different(out, monkeypatch, capsys):
    monkeypatch.setattr(verify, "ENCODERS", 99)
    assert main(["verify", str(out)]) == 3
    said = capsys.readouterr().out
    assert "out.gguf: cannot compare" in said
    assert "differ" not in said


def test_another_platforms_angles_are_not_called_different(pair, tmp_path, monkeypatch, capsys):
    slerped = tmp_path / "slerped.gguf"
    edgemed.merge(*pair, t=0.25, out=slerped, method="slerp")
    assert main(["verify", str(slerped)]) == 0
    from edgemed.merging.methods import spheres

    monkeypatch.setattr(spheres.math, "sin", np.tan)
    assert main(["verify", str(slerped)]) == 3
    assert "cannot compare" in capsys.readouterr().out


def test_a_file_that_says_nothing_of_a_merge_is_refused(pair, capsys):
    assert main(["verify", str(pair[0])]) == 3
    assert "does not say how it was merged" in capsys.readouterr().err


def test_verify_writes_nothing(out, tmp_path):
    before = sorted(tmp_path.iterdir())
    assert main(["verify", str(out)]) == 0
    assert sorted(tmp_path.iterdir()) == before


def test_shards_are_one_model_of_the_same_tensors_none_larger_than_allowed(pair, tmp_path):
    whole, parts = tmp_path / "whole.gguf", tmp_path / "parts.gguf"
    words = [*map(str, pair), "--t", "0.25"]
    assert main(["merge", *words, "-o", str(whole)]) == 0
    assert main(["merge", *words, "-o", str(parts), "--split-max-size", "160K"]) == 0
    files = sorted(tmp_path.glob("parts-*.gguf"))
    assert len(files) > 2
    assert files[0].name == f"parts-00001-of-{len(files):05d}.gguf"
    assert all(path.stat().st_size <= 160 * 1024 for path in files)
    assert not parts.exists()
    ours, theirs = open_model(whole), open_model(files[0])
    for tensor, other in zip(ours.tensors.values(), theirs.tensors.values(), strict=True):
        assert (tensor.name, bytes_of(tensor)) == (other.name, bytes_of(other))
    assert main(["verify", str(files[0]), "--inputs", *map(str, pair)]) == 0


def bytes_of(tensor) -> bytes:
    data = tensor.path.read_bytes()
    return data[tensor.offset : tensor.offset + tensor.nbytes]


def test_a_shard_too_small_for_a_tensor_is_refused_with_the_least_that_works(pair, tmp_path):
    out = tmp_path / "out.gguf"
    words = [sys.executable, "-m", "edgemed.cli.main", "merge", *map(str, pair), "--t", "0.5"]
    found = subprocess.run(
        [*words, "-o", str(out), "--split-max-size", "9K"], capture_output=True, text=True
    )
    assert found.returncode == 3
    assert "allow at least" in found.stderr


def test_a_merge_of_a_merge_names_its_own_parents(pair, out, tmp_path):
    again = tmp_path / "again.gguf"
    from edgemed.merging.plan.plan import plan_merge
    from edgemed.merging.run.run import run_plan

    run_plan(plan_merge(between(out, pair[1], 0.5), again, 1))
    metadata = open_model(again).metadata
    assert metadata["general.base_model.0.name"] == "One + Two (linear)"
    assert metadata["edgemed.merge.files_sha256"][0] == sha(out)
