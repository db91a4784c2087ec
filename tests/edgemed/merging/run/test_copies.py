"""What is copied is held to the rule for what is mixed: NaN and infinity stop the work."""

import pytest
from edgemed_native.ggml_types import BY_NAME

from edgemed.cli.main import main
from edgemed.gguf import open_model
from tests.edgemed.merge_pairs import weights, write_pair_member

SPOILED = "blk.1.ffn_up.weight"


@pytest.fixture(params=["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q6_K"])
def pair(request, tmp_path):
    """Two models, the first with a NaN in row 7 of one matrix."""
    a, b = (write_pair_member(tmp_path / f"{n}.gguf", weights(n), request.param) for n in range(2))
    spoil(a, 7)
    return a, b


def spoil(path, row):
    """Have the last half of the row's last block be NaN where it is a scale, or all of it."""
    tensor = open_model(path).tensors[SPOILED]
    nbytes = BY_NAME[tensor.type.name].nbytes
    raw = bytearray(path.read_bytes())
    end = tensor.offset + (row + 1) * tensor.row_bytes
    raw[end - nbytes : end] = b"\xff" * nbytes
    path.write_bytes(raw)


@pytest.mark.parametrize("t", ["0", "0.5"])
def test_the_same_words_at_every_t(pair, t, tmp_path, capsys):
    out = tmp_path / "out.gguf"
    assert main(["merge", *map(str, pair), "--t", t, "-o", str(out)]) == 1
    assert f"{SPOILED}: NaN or infinity in row 7 of 0.gguf" in capsys.readouterr().err
    assert not out.exists()


def test_the_model_that_is_not_used_may_be_spoiled(pair, tmp_path):
    assert main(["merge", *map(str, pair), "--t", "1", "-o", str(tmp_path / "out.gguf")]) == 0


def test_rows_that_are_equal_in_both_are_looked_at(pair, tmp_path, capsys):
    out = tmp_path / "out.gguf"
    assert main(["merge", str(pair[0]), str(pair[0]), "--t", "0.5", "-o", str(out)]) == 1
    assert f"{SPOILED}: NaN or infinity in row 7 of 0.gguf" in capsys.readouterr().err


def test_a_tensor_that_keeps_its_type_is_looked_at_when_others_are_quantized(
    pair, tmp_path, capsys
):
    kind = open_model(pair[0]).tensors[SPOILED].type.name
    out = tmp_path / "out.gguf"
    words = ["quantize", str(pair[0]), str(out), "--out-type", kind]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert f"{SPOILED}: NaN or infinity in row 7 of 0.gguf" in said and not out.exists()
