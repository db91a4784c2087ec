"""llama.cpp's own vocabularies made into checkpoint folders and back, and its own cases of text."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from edgemed.checkpoints.tokenizers import Value, tokenizer_metadata
from edgemed.checkpoints.tokenizers.vocabulary import Type, looks_special
from edgemed.gguf import Metadata, open_model
from tests.edgemed.checkpoints import folders
from tests.models.vocabularies import opened

BYTES = ["gpt-2", "llama-bpe", "qwen2", "deepseek-coder", "falcon"]
PIECES = ["llama-spm", "phi-3"]
ARCHITECTURES = {"phi-3": "Phi3ForCausalLM", "qwen2": "Qwen2ForCausalLM"}


@pytest.fixture(params=[*BYTES, *PIECES, *(f"{name} fast" for name in PIECES)])
def case(request: pytest.FixtureRequest, data: Path, tmp_path: Path) -> Iterator[Any]:
    """Name, the original's metadata, and the folder that was made from it."""
    name, _, fast = request.param.partition(" ")
    metadata = open_model(data / "vocab" / f"ggml-vocab-{name}.gguf").metadata
    yield name, metadata, folder_of(tmp_path / "checkpoint", name, metadata, bool(fast))


def folder_of(folder: Path, name: str, metadata: Metadata, fast: bool) -> Path:
    settings, config = folders.settings_of(metadata), {}
    config["architectures"] = [ARCHITECTURES.get(name, "LlamaForCausalLM")]
    for key, said in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown")):
        config[f"{key}_token_id"] = metadata.get(f"tokenizer.ggml.{said}_token_id")
    folders.write_folder(folder, None, config=config, tokenizer_config=settings)
    if name in BYTES:
        folders.write_json(folder / "tokenizer.json", folders.bytes_tree(metadata))
        return folder
    pieces = folders.pieces_of(metadata)
    tree = folders.fast_form(pieces)
    if not fast:
        base = 32000  # Phi-3 has the pieces of Llama 2
        plain = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3), *pieces[3:base]]
        folders.write_pieces(folder / "tokenizer.model", plain)
        tree["model"] = {"type": "BPE"}
    if not fast and name == "llama-spm":
        tree["added_tokens"] = []
    folders.write_json(folder / "tokenizer.json", tree)
    return folder


def plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def cases(data: Path, name: str) -> list[tuple[str, list[int]]]:
    """Texts, and the tokens that transformers gives for them."""
    stem = data / "vocab" / f"ggml-vocab-{name}.gguf"
    texts = Path(f"{stem}.inp").read_text(encoding="utf-8").split("\n__ggml_vocab_test__\n")
    lines = Path(f"{stem}.out").read_text(encoding="utf-8").split("\n")
    return [(t, [int(n) for n in line.split()]) for t, line in zip(texts, lines, strict=False)]


def test_the_keys_come_back_and_llama_cpp_gives_the_same_tokens(
    case: tuple[str, Metadata, Path], data: Path, tmp_path: Path
) -> None:
    name, metadata, folder = case
    found = tokenizer_metadata(folder, len(metadata["tokenizer.ggml.tokens"]))
    wanted = newer(name, {k: plain(metadata[k]) for k in metadata if k.startswith("tokenizer.")})
    if name in PIECES and not (folder / "tokenizer.model").exists():
        # Merges keep the order of scores, not their size; <unk>, <s> and </s> are added tokens.
        tokens, kinds = wanted["tokenizer.ggml.tokens"], wanted["tokenizer.ggml.token_type"]
        scores, ours = wanted["tokenizer.ggml.scores"], found["tokenizer.ggml.scores"][1]
        assert falls(
            scores, ours, [i for i, k in enumerate(kinds) if k == 1 and len(tokens[i]) > 1]
        )
        wanted["tokenizer.ggml.scores"] = ours
        if name == "llama-spm":
            kinds[:3] = [3, 3, 3]
    assert differences(found, wanted) == []
    weights = opened(folders.write_vocabulary(tmp_path / "v.gguf", found))
    try:
        for text, ids in cases(data, name):
            assert weights.tokenize(text, False) == ids, text
    finally:
        weights.free()
    if name in BYTES:  # so the structure that was named is the right one
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        for text, ids in cases(data, name):
            assert tokenizer.encode(text, add_special_tokens=False).ids == ids, text


def falls(scores: list[float], ours: list[float], rows: list[int]) -> bool:
    """Whether our scores fall where the scores do, over these rows."""
    rows = sorted(rows, key=lambda i: (-scores[i], -ours[i]))
    return all(ours[a] > ours[b] for a, b in pairwise(rows))


def newer(name: str, keys: dict[str, Any]) -> dict[str, Any]:
    """The keys as today's converter writes them: these files are older in two places."""
    tokens, types = keys["tokenizer.ggml.tokens"], keys["tokenizer.ggml.token_type"]
    for row, token in enumerate(tokens):
        if name == "phi-3" and token == f"[PAD{row}]":
            types[row] = Type.UNUSED
        if name == "deepseek-coder" and looks_special(token):
            types[row] = Type.CONTROL
    return keys


def differences(found: dict[str, Value], wanted: dict[str, Any]) -> list[str]:
    keys = sorted({*found, *wanted})
    return [key for key in keys if key not in found or plain(found[key][1]) != wanted.get(key)]
