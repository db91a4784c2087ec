"""Checkpoint folders for tests: tokenizers made here, and those of GGUF vocabularies made again."""

import json
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, trainers
from tokenizers import pre_tokenizers as pre

from edgemed.checkpoints.tokenizers import Value
from edgemed.gguf import Metadata, edit_metadata, plan_layout

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)

TEXTS = (
    "The patient was seen on 3 March 2024 with a temperature of 38.5 °C; BP 120/80.",
    "She can't walk, they'll call her; we've said: I'M fine, he'd go. Don't!",
    "Führer, naïve café, Ελληνικά, нещо на Български, 我想在apple工作1314151天～",
    "  two  spaces\n\n\nand lines\r\n\ttabs \t 12345678 + 33 = 12345711 ...!!",
    "HbA1c 7.2%, CRP<5 mg/L, w/o murmur (S1/S2), 500mg b.i.d. x10d; PMHx: none",
)
"""What the small tokenizers are trained on; tests add more."""

# As published tokenizer.json files have them.
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CODER = ("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+")


def isolated(*expressions: str, digits: bool = False, how: str = "isolated") -> Any:
    """The splits of these expressions, then bytes."""
    splits = [pre.Split(Regex(e), how, invert=how == "removed") for e in expressions]
    more = [pre.Digits(individual_digits=True)] if digits else []
    bytes_ = pre.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre.Sequence([*splits, *more, bytes_])


SPLITS: Mapping[str, Any] = {
    "gpt-2": pre.ByteLevel(add_prefix_space=False),
    "smollm": pre.Sequence(
        [pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False)]
    ),
    "qwen2": isolated(QWEN2),
    "llama-bpe": isolated(LLAMA3),
    "dbrx": isolated(LLAMA3, how="removed"),
    "tekken": isolated(TEKKEN),
    "gpt-4o": isolated(O200K, how="removed"),
    "deepseek-coder": isolated(*CODER, digits=True),
    "falcon": pre.Sequence(
        [
            pre.Punctuation("contiguous"),
            pre.ByteLevel(add_prefix_space=False),
            pre.Digits(individual_digits=False),
            pre.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
        ]
    ),
}
"""llama.cpp's name -> the pre-tokenizer of its published tokenizer.json files."""

IGNORE_MERGES = ("llama-bpe", "tekken")


def byte_pairs(name: str, size: int = 700) -> Tokenizer:
    """A byte-level BPE tokenizer that splits as llama.cpp's `name`, trained on TEXTS."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=name in IGNORE_MERGES))
    tokenizer.pre_tokenizer = SPLITS[name]
    tokenizer.normalizer = normalizers.NFC() if name == "qwen2" else None
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS * 2, trainer)
    tokenizer.add_special_tokens(["<|begin|>", "<|end|>"])
    tokenizer.add_tokens([AddedToken("<think>", normalized=False)])
    return tokenizer


def write_json(path: Path, tree: Any) -> Path:
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


def write_folder(folder: Path, tokenizer: Tokenizer | None, /, **files: Any) -> Path:
    """tokenizer.json, and JSON files by their names without the ending."""
    folder.mkdir(parents=True, exist_ok=True)
    if tokenizer is not None:
        tokenizer.save(str(folder / "tokenizer.json"))
    for name, tree in files.items():
        write_json(folder / f"{name}.json", tree)
    return folder


def train_pieces(folder: Path, **options: Any) -> Path:
    """A tokenizer.model as llama's, trained on TEXTS; `options` of SentencePiece's trainer."""
    folder.mkdir(parents=True, exist_ok=True)
    usual = {
        "model_type": "bpe", "vocab_size": 600, "byte_fallback": True, "max_sentence_length": 9999,
        "normalization_rule_name": "identity", "remove_extra_whitespaces": False,
        "split_digits": True, "character_coverage": 1.0, "hard_vocab_limit": False,
        "minloglevel": 2,
    }  # fmt: skip
    lines = [line for text in TEXTS for line in text.splitlines() if line]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines * 3), model_prefix=str(folder / "tokenizer"), **usual | options
    )
    (folder / "tokenizer.vocab").unlink()
    return folder / "tokenizer.model"


def trained(processor: Any) -> list[tuple[str, float, int]]:
    """The pieces of a trained model."""
    kinds = {UNKNOWN: processor.is_unknown, CONTROL: processor.is_control, BYTE: processor.is_byte}
    return [
        (processor.id_to_piece(i), processor.get_score(i),
         next((kind for kind, holds in kinds.items() if holds(i)), NORMAL))
        for i in range(processor.vocab_size())
    ]  # fmt: skip


def fast_form(pieces: Sequence[tuple[str, float, int]], space: bool | None = True) -> Any:
    """The tokenizer.json that transformers makes of pieces (text, score, type). `space`: one goes
    before a text, by the normalizer; None: by Metaspace."""
    vocab = {text: i for i, (text, _, _) in enumerate(pieces)}
    scores = {text: score for text, score, _ in pieces}
    joins = [
        (left, right)
        for text in vocab
        for left, right in sorted(
            ((text[:at], text[at:]) for at in range(1, len(text))
             if text[:at] in vocab and text[at:] in vocab),
            key=lambda pair: (vocab[pair[0]], vocab[pair[1]]),
        )
    ]  # fmt: skip
    joins.sort(key=lambda p: (scores[p[0] + p[1]], len(p[0]), len(p[1])), reverse=True)
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    prepend = {"type": "Prepend", "prepend": "▁"}
    metaspace = {
        "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False,
    }  # fmt: skip
    unknown = next(text for text, _, kind in pieces if kind == UNKNOWN or text == "<unk>")
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(i, text, kind == CONTROL or text == unknown)
                         for i, (text, _, kind) in enumerate(pieces)
                         if kind in (CONTROL, UNKNOWN, USER)],
        "normalizer": {True: {"type": "Sequence", "normalizers": [prepend, replace]},
                       False: replace, None: None}[space],
        "pre_tokenizer": metaspace if space is None else None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": unknown, "fuse_unk": True,
            "byte_fallback": True, "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "ignore_merges": False, "vocab": vocab, "merges": [" ".join(join) for join in joins],
        },
    }  # fmt: skip


def added(id: int, content: str, special: bool) -> dict[str, Any]:
    """An added token as tokenizer.json has it."""
    how = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": id, "content": content, **how, "special": special}


def pieces_of(metadata: Metadata) -> list[tuple[str, float, int]]:
    """Text, score and type of every token of a vocabulary that are no padding."""
    rows = zip(
        metadata["tokenizer.ggml.tokens"],
        metadata["tokenizer.ggml.scores"].tolist(),
        metadata["tokenizer.ggml.token_type"].tolist(),
        strict=True,
    )
    return [row for row in rows if not re.fullmatch(r"\[PAD\d+\]", row[0])]


def bytes_tree(metadata: Metadata) -> Any:
    """The tokenizer.json of a byte-level vocabulary."""
    names = metadata["tokenizer.ggml.tokens"]
    types = metadata["tokenizer.ggml.token_type"].tolist()
    name = metadata["tokenizer.ggml.pre"]
    tree = json.loads(byte_pairs(name, 300).to_str())
    rows = list(enumerate(zip(names, types, strict=True)))
    last = max(i for i, (_, kind) in rows if kind == NORMAL)  # the vocabulary ends with it
    tree["model"]["vocab"] = {text: i for i, (text, _) in rows if i <= last}
    tree["model"]["merges"] = [merge.split(" ") for merge in metadata["tokenizer.ggml.merges"]]
    tree["added_tokens"] = [
        added(i, text, kind == CONTROL) for i, (text, kind) in rows if kind in (CONTROL, USER)
    ]
    return tree


def settings_of(metadata: Metadata) -> dict[str, Any]:
    """The tokenizer_config.json of a vocabulary."""
    tokens = metadata["tokenizer.ggml.tokens"]
    kinds = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    found = {
        f"{name}_token": tokens[row]
        for name, key in kinds.items()
        if (row := metadata.get(f"tokenizer.ggml.{key}_token_id")) is not None
    }
    for name in ("bos", "eos"):
        flag = metadata.get(f"tokenizer.ggml.add_{name}_token")
        if flag is not None:
            found[f"add_{name}_token"] = flag
    template = metadata.get("tokenizer.chat_template")
    return found | ({} if template is None else {"chat_template": template})


def small_bytes(name: str, special: Sequence[str], others: Sequence[str]) -> Any:
    """A byte-level tokenizer.json of SMALL tokens and a few added ones, always the same."""
    tree = json.loads(byte_pairs(name, 256).to_str())
    alphabet = sorted(pre.ByteLevel.alphabet())
    merges = [("Ġ", "t"), ("Ġt", "he"), ("h", "e"), ("i", "n"), ("in", "g"), ("1", "2"), ("a", "n"),
              ("an", "d"), ("Ġ", "and"), ("Ċ", "Ċ"), ("Ġ", "Ġ"), ("ĠĠ", "ĠĠ")]  # fmt: skip
    names = [*alphabet, *("".join(merge) for merge in merges)]
    tree["model"]["vocab"] = {name: i for i, name in enumerate(names)}
    tree["model"]["merges"] = [" ".join(merge) for merge in merges]
    tree["added_tokens"] = [
        added(SMALL + i, text, text in special) for i, text in enumerate((*special, *others))
    ]
    return tree


SMALL = 268


def small_pieces() -> list[tuple[str, float, int]]:
    """A few pieces of a SentencePiece model."""
    first = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
    bytes_ = [(f"<0x{i:02X}>", 0.0, BYTE) for i in range(256)]
    joined = ["▁t", "he", "▁the", "in", "ing", "an", "and", "▁and", "▁▁"]
    letters = ["▁", *(chr(i) for i in range(33, 127))]
    plain = [(name, -float(i), NORMAL) for i, name in enumerate([*joined, *letters])]
    return [*first, *bytes_, *plain, ("<user>", 0.0, USER), ("[INST]", 0.0, CONTROL),
            ("<never>", 0.0, UNUSED)]  # fmt: skip


def write_pieces(
    path: Path, pieces: Sequence[tuple[str, float, int]], space: bool = True, kind: int = 2
) -> Path:
    """A tokenizer.model of these pieces, byte by byte; `kind` 2 is bpe, 1 unigram."""
    rows = [
        field(
            1,
            field(1, text.encode("utf-8", "surrogateescape"))
            + b"\x15"
            + struct.pack("<f", score)
            + number(3, kind),
        )
        for text, score, kind in pieces
    ]
    trainer = (
        number(3, kind) + number(4, len(pieces)) + number(35, any(p[2] == BYTE for p in pieces))
    )  # byte fallback
    normalizer = field(1, b"identity") + number(3, space) + number(4, 0) + number(5, 1)
    path.write_bytes(b"".join(rows) + field(2, trainer) + field(3, normalizer))
    return path


def field(tag: int, content: bytes) -> bytes:
    """A part of a message that has a length."""
    return varint(tag << 3 | 2) + varint(len(content)) + content


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def write_vocabulary(path: Path, keys: Mapping[str, Value]) -> Path:
    """A GGUF file without weights that llama.cpp opens for its vocabulary."""
    model: dict[str, Value] = {
        "general.architecture": ("string", "llama"),
        "llama.context_length": ("uint32", 64),
        "llama.embedding_length": ("uint32", 64),
        "llama.block_count": ("uint32", 1),
        "llama.feed_forward_length": ("uint32", 64),
        "llama.attention.head_count": ("uint32", 1),
        "llama.attention.layer_norm_rms_epsilon": ("float32", 1e-5),
    }
    raw = edit_metadata(Metadata(b"", {}), {**model, **keys})
    path.write_bytes(plan_layout(raw, []).header)
    return path
