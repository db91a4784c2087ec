"""SmolLM2-135M as a Hugging Face folder: converted, adapted, folded and run.

The folder is made here from the GGUF file, whose weights become F16. The file is the one that
EDGEMED_SMOLLM2 names, or that `edgemed models get smollm2-135m` has fetched.
"""

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgemed_native.codecs import decode_rows
from platformdirs import user_data_path

from edgemed.adapters.naming import Use
from edgemed.cli.main import main
from edgemed.gguf import Model, open_model
from edgemed.gguf.reading import read_rows
from edgemed.gguf.tensor_names import checkpoint_name
from tests.edgemed.adapters.test_unfolded import ASKED, loaded, peft
from tests.edgemed.checkpoints import folders
from tests.oracles.llama_nll import mean_nll

FETCHED = user_data_path("edgemed", appauthor=False) / "models" / "smollm2-135m-instruct.gguf"
SOURCE = Path(
    os.environ.get("EDGEMED_SMOLLM2", FETCHED)
)  # the tests have user folders of their own

pytestmark = pytest.mark.skipif(
    not SOURCE.is_file(),
    reason=f"no SmolLM2-135M at {SOURCE} (edgemed models get smollm2-135m, or set EDGEMED_SMOLLM2)",
)

QUESTION, ANSWER = "Which colour does the ward's door have?", "It is violet."
TEXT = "The patient was admitted with chest pain and shortness of breath. The ECG was normal."


def numbers(model: Model, name: str) -> Any:
    """A tensor's numbers, f32[rows, row length]."""
    tensor = model.tensors[name]
    packed = np.empty((tensor.rows, tensor.row_bytes), np.uint8)
    with tensor.path.open("rb") as file:
        read_rows(tensor, 0, {tensor.path: file.fileno()}, packed)
    out = np.empty((tensor.rows, tensor.row_length), np.float32)
    decode_rows(tensor.type.name, packed, out)
    return out


def turned_back(rows: Any, heads: int) -> Any:
    """Neighbouring rows of a head as halves again, as the checkpoint has them."""
    split = rows.reshape(heads, len(rows) // heads // 2, 2, -1)
    return split.swapaxes(1, 2).reshape(rows.shape)


def arrays(model: Model) -> Iterator[tuple[str, Any]]:
    """Every tensor under the checkpoint's name, f16, in the shape that it has there."""
    heads = {"attn_q": "llama.attention.head_count", "attn_k": "llama.attention.head_count_kv"}
    for name, tensor in model.tensors.items():
        rows = numbers(model, name)
        part = name.removesuffix(".weight").rsplit(".", 1)[-1]
        if part in heads:
            rows = turned_back(rows, model.metadata[heads[part]])
        found = checkpoint_name(name, "llama")
        assert found is not None
        yield found, rows.astype("<f2").reshape(tensor.shape[::-1])


def write_checkpoint(folder: Path, model: Model) -> None:
    """Weights, config.json and tokenizer, as the publisher's folder has them."""
    meta = model.metadata
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": meta["llama.embedding_length"], "tie_word_embeddings": True,
        "intermediate_size": meta["llama.feed_forward_length"],
        "num_hidden_layers": meta["llama.block_count"],
        "num_attention_heads": meta["llama.attention.head_count"],
        "num_key_value_heads": meta["llama.attention.head_count_kv"],
        "rms_norm_eps": round(meta["llama.attention.layer_norm_rms_epsilon"], 8),
        "rope_theta": meta["llama.rope.freq_base"], "vocab_size": meta["llama.vocab_size"],
        "max_position_embeddings": meta["llama.context_length"],
    }  # fmt: skip
    for name in ("bos", "eos"):
        config[f"{name}_token_id"] = meta[f"tokenizer.ggml.{name}_token_id"]
    settings = folders.settings_of(meta) | {"add_prefix_space": False}
    folders.write_folder(folder, None, config=config, tokenizer_config=settings)
    folders.write_json(folder / "tokenizer.json", folders.bytes_tree(meta))
    table: dict[str, Any] = {}
    at, found = 0, dict(arrays(model))
    for name, values in found.items():
        place = [at, at + values.nbytes]
        table[name] = {"dtype": "F16", "shape": list(values.shape), "data_offsets": place}
        at = place[1]
    text = json.dumps(table).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in found.values():
            file.write(values.tobytes())


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in Q8_0."""
    folder = tmp_path_factory.mktemp("smollm2")
    write_checkpoint(folder / "model", open_model(SOURCE))
    out = folder / "smollm2.gguf"
    words = ["convert", str(folder / "model"), "-o", str(out), "--out-type", "Q8_0"]
    assert main([*words, "--max-ram", "64M"]) == 0
    (folder / "model" / "model.safetensors").unlink()
    return out


def test_the_conversion_is_the_model_again(converted: Path) -> None:
    ours, theirs = open_model(converted), open_model(SOURCE)
    keys = [k for k in theirs.metadata if k.startswith(("tokenizer.", "llama."))]
    for key in keys:
        assert ours.metadata.raw(key) == theirs.metadata.raw(key), key
    assert set(ours.tensors) == set(theirs.tensors)
    for name in ("blk.0.attn_q.weight", "blk.29.attn_k.weight", "blk.11.ffn_down.weight"):
        one, other = numbers(ours, name), numbers(theirs, name)
        assert np.abs(one - other).max() <= 0.005 * np.abs(other).max()
    apart = mean_nll(converted, TEXT) - mean_nll(SOURCE, TEXT)
    assert abs(apart) < 0.1  # llama.cpp rounds what is multiplied otherwise for each type


def said(capsys: pytest.CaptureFixture[str], model: Path, *words: str) -> str:
    """What `chat` answers to the question."""
    capsys.readouterr()
    main(["chat", QUESTION, "--model", str(model), "--max-tokens", "8", *words])
    answer = capsys.readouterr()
    assert answer.out.strip(), answer.err
    return answer.out.strip()


def test_an_adapter_is_trained_folded_and_run(
    converted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    examples, adapter = tmp_path / "examples.jsonl", tmp_path / "ward.gguf"
    row = json.dumps({"prompt": QUESTION, "completion": ANSWER})
    examples.write_text(f"{row}\n{row}\n", "utf-8")
    words = ["adapt", str(converted), "--examples", str(examples), "-o", str(adapter)]
    words += ["--rank", "8", "--rate", "1e-2", "--epochs", "8", "--held-out", "0"]
    assert main(words) == 0
    folded = tmp_path / "folded.gguf"
    fold = ["fold", str(converted), str(adapter), "-o", str(folded), "--out-type", "F16"]
    assert main(fold) == 0
    bare, beside = said(capsys, converted), said(capsys, converted, "--adapter", str(adapter))
    assert beside == said(capsys, folded) == ANSWER != bare


def test_an_adapter_in_both_forms_runs_as_it_folds(converted: Path, tmp_path: Path) -> None:
    """Without torch: random numbers."""
    folder, folded = peft(converted, tmp_path / "random", 0.1), tmp_path / "folded.gguf"
    assert main(["fold", str(converted), str(folder), "-o", str(folded), "--out-type", "F16"]) == 0
    scores = []
    for path, *uses in (
        (converted,),
        (folded,),
        (converted, Use(folder)),
        (converted, Use(folder.with_suffix(".gguf"))),
    ):
        with loaded(path, *uses) as model:
            scores.append(np.array(model.score(ASKED, "Rest lets the body heal.")))
    bare, inside, beside, again = scores
    assert np.array_equal(beside, again)
    assert np.abs(inside - beside).mean() < 0.1 * np.abs(inside - bare).mean()
