"""Small checkpoint folders, and what llama.cpp's own converter wrote for them.

The folders are made here, always the same. CONVERTED has the converter's keys: arrays as their
SHA-256, all else as it is. To make it again, with hf_vocab.py of tests/oracles in the middle:

    python -m tests.edgemed.checkpoints.converted write FOLDER
    python tests/oracles/hf_vocab.py LLAMA_CPP FOLDER/* TARGET
    python -m tests.edgemed.checkpoints.converted collect TARGET
"""

import json
import sys
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from edgemed.gguf import open_model
from tests.edgemed.checkpoints import folders

CONVERTED = Path(__file__).parents[1] / "data" / "converted_tokenizers.json"

BEGIN, END = "<|begin|>", "<|end|>"
NAMED = {"bos_token": BEGIN, "eos_token": END}

BYTES_POST = {
    "type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True,
}  # fmt: skip
A: Any = {"Sequence": {"id": "A", "type_id": 0}}
B: Any = {"Sequence": {"id": "B", "type_id": 1}}

SHAPE = {
    "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 64,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "num_key_value_heads": 1, "head_dim": 64,
}  # fmt: skip
MODEL_TYPES = {
    "Llama": "llama", "Mistral": "mistral", "Mixtral": "mixtral", "Phi3": "phi3", "Qwen2": "qwen2",
    "Qwen3": "qwen3", "Gemma2": "gemma2", "Gemma3": "gemma3_text",
}  # fmt: skip


def mark(text: str) -> Any:
    return {"SpecialToken": {"id": text, "type_id": 0}}


def template(single: list[Any], pair: list[Any]) -> Any:
    """A post_processor of the kind TemplateProcessing."""
    ids = {text: {"id": text, "ids": [0], "tokens": [text]} for text in (BEGIN, END)}
    return {
        "type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": ids,
    }  # fmt: skip


BEGINS = template([mark(BEGIN), A], [mark(BEGIN), A, mark(BEGIN), B])
BOTH = template([mark(BEGIN), A, mark(END)], [mark(BEGIN), A, mark(END), B, mark(END)])
ENDS = template([A, mark(END)], [A, mark(END), B, mark(END)])
BETWEEN = template([mark(BEGIN), A], [mark(BEGIN), A, mark(END), B])


def config(model: str, rows: int, more: Mapping[str, Any]) -> dict[str, Any]:
    name = {"architectures": [f"{model}ForCausalLM"], "model_type": MODEL_TYPES[model]}
    return SHAPE | name | {"vocab_size": rows} | dict(more)


def of_bytes(
    folder: Path,
    pre: str,
    model: str = "Llama",
    rows: int = 320,
    post: Any = None,
    settings: Mapping[str, Any] = NAMED,
    more: Mapping[str, Any] = {},
    files: Mapping[str, str] = {},
) -> None:
    """A folder with a byte-level tokenizer.json."""
    tree = folders.small_bytes(pre, (BEGIN, END), ("<think>", "<|tool|>", "<far▁away>"))
    # Without it transformers takes its own class for some models, which adds tokens.
    kind = {"tokenizer_class": "GPT2Tokenizer" if model == "Phi3" else "PreTrainedTokenizerFast"}
    folders.write_folder(
        folder,
        None,
        config=config(model, rows, more),
        tokenizer_config=kind | dict(settings),
        tokenizer=tree | {"post_processor": post},
    )
    (folder / "pre.txt").write_text(pre)
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def of_pieces(
    folder: Path,
    model: str = "Llama",
    rows: int = 420,
    settings: Mapping[str, Any] = {},
    more: Mapping[str, Any] = {},
    space: bool = True,
    **trees: Any,
) -> None:
    """A folder with a tokenizer.model; `trees` are other JSON files."""
    kind = {"tokenizer_class": "LlamaTokenizer"}
    folders.write_folder(
        folder, None, config=config(model, rows, more), tokenizer_config=kind | dict(settings),
        **trees,
    )  # fmt: skip
    folders.write_pieces(folder / "tokenizer.model", folders.small_pieces(), space)


def described(*tokens: tuple[int, str, bool]) -> dict[str, Any]:
    """added_tokens_decoder of tokenizer_config.json."""
    return {
        str(id): {key: value for key, value in folders.added(id, text, special).items()
                  if key != "id"}
        for id, text, special in tokens
    }  # fmt: skip


def alike(**told: Any) -> Callable[[Path], None]:
    return lambda folder: of_bytes(folder, **told)


def pieces(**told: Any) -> Callable[[Path], None]:
    return lambda folder: of_pieces(folder, **told)


FULL = {
    "__type": "AddedToken", "content": BEGIN, "lstrip": False, "normalized": False,
    "rstrip": False, "single_word": False,
}  # fmt: skip

CASES: Mapping[str, Callable[[Path], None]] = {
    **{
        f"plain-{name}": alike(pre=name, model="Phi3" if name in ("dbrx", "gpt-4o") else "Llama")
        for name in folders.SPLITS
    },
    "smollm2": alike(
        pre="smollm", rows=49152, post=BYTES_POST,
        settings=NAMED | {"add_prefix_space": False, "pad_token": END, "unk_token": BEGIN},
    ),
    "llama3": alike(
        pre="llama-bpe", post={"type": "Sequence", "processors": [BYTES_POST, BEGINS]},
        settings=NAMED | {"chat_template": "{{ messages }}"}, more={"eos_token_id": [1, 2]},
    ),
    "begins-and-ends": alike(
        pre="llama-bpe", post=BOTH,
        settings=NAMED | {"add_bos_token": False, "chat_template": [
            {"name": "default", "template": "d"}, {"name": "tool use", "template": "t"}]},
    ),
    "another-end": alike(
        pre="qwen2", post=ENDS, settings={"eos_token": BEGIN}, more={"bos_token_id": 3},
    ),
    "between": alike(pre="qwen2", post=BETWEEN),
    "told-in-full": alike(
        pre="llama-bpe", model="Mistral", post=BEGINS, settings={"bos_token": FULL},
        more={"eos_token_id": 5, "bos_token_id": 4}, files={"chat_template.jinja": "J"},
    ),
    "more-templates": alike(
        pre="tekken", model="Mistral", post=BEGINS, settings=NAMED | {"add_prefix_space": True},
        files={"chat_template.jinja": "J", "additional_chat_templates/rag.jinja": "R"},
    ),
    "template-in-json": alike(
        pre="llama-bpe", settings=NAMED | {"add_bos_token": False},
        files={"chat_template.json": '{"chat_template": "CJ"}'},
    ),
    "told-in-config": alike(pre="gpt-2", settings={}, more={"bos_token_id": 3, "eos_token_id": 4}),
    "described": alike(
        pre="llama-bpe",
        settings=NAMED | {"added_tokens_decoder": described(
            (folders.SMALL + 5, "<extra>", False), (folders.SMALL + 6, "<|im|>", False))},
    ),
    "llama2": pieces(
        more={"bos_token_id": 1, "eos_token_id": 2},
        settings={"add_bos_token": True, "add_eos_token": False, "chat_template": "c"},
    ),
    "code-llama": pieces(rows=32016),
    "added": pieces(
        added_tokens={"<pad>": 401, "<x▁y>": 402, "<out>": 700},
        settings={"add_prefix_space": True, "added_tokens_decoder": described(
            (0, "<unk>", True), (1, "<s>", True), (410, "<a▁b>", False), (411, "<|c|>", False),
            (412, "<unused3>", False), (999, "<no>", True))},
    ),
    "mixtral": pieces(
        model="Mixtral", more={"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None},
    ),
    "gemma2": pieces(model="Gemma2", space=False, more={"bos_token_id": 1, "pad_token_id": 0}),
    "gemma3": pieces(model="Gemma3", space=False, more={"bos_token_id": 1, "eos_token_id": [1, 2]}),
    "phi3": pieces(
        model="Phi3", settings={"eos_token": "<|c|>", "added_tokens_decoder": described(
            (2, "</s>", False), (410, "<|c|>", False))},
        tokenizer={"model": {"type": "BPE"}, "added_tokens": [
            folders.added(410, "<|c|>", True), folders.added(411, "<|d|>", False)]},
    ),
    "qwen-pieces": pieces(model="Qwen2", settings={"add_prefix_space": False}),
}  # fmt: skip


def summary(raw: Mapping[str, bytes], values: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of the tokenizer with their values; arrays by their digest, names excepted."""
    return {
        key: sha256(raw[key]).hexdigest()
        if not isinstance(values[key], str | int | float | bool)
        else values[key]
        for key in sorted(raw)
    }


def write(folder: Path) -> None:
    for name, make in CASES.items():
        make(folder / name)


def collect(target: Path) -> None:
    found = {}
    for name in CASES:
        meta = open_model(target / f"{name}.gguf").metadata
        keys = [key for key in meta if key.startswith("tokenizer.")]
        found[name] = summary({k: meta.raw(k) for k in keys}, {k: meta[k] for k in keys})
    CONVERTED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    {"write": write, "collect": collect}[sys.argv[1]](Path(sys.argv[2]))
