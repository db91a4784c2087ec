"""All `tokenizer.*` keys for a checkpoint's folder, as llama.cpp's converter writes them."""

from pathlib import Path
from typing import Any

from edgemed.checkpoints.tokenizers import vocabulary
from edgemed.checkpoints.tokenizers.byte_pairs import read_byte_pairs
from edgemed.checkpoints.tokenizers.chat import DEFAULT, read_templates
from edgemed.checkpoints.tokenizers.fast_pieces import is_of_pieces, read_fast_pieces
from edgemed.checkpoints.tokenizers.files import (
    PIECES,
    SETTINGS,
    TOKENIZER,
    Folder,
    read_folder,
    shown,
    wrong,
)
from edgemed.checkpoints.tokenizers.sentencepieces import SentencePieces, read_pieces
from edgemed.checkpoints.tokenizers.special import ADDED_BY_ITSELF, IDS, read_special
from edgemed.checkpoints.tokenizers.vocabulary import Type, VocabularyToken
from edgemed.errors import InvalidFile, Refused
from edgemed.gguf.values import MAX_STRINGS

Value = tuple[str, Any]
"""Kind and value, as `edgemed.gguf.edit_metadata` and `edgemed.gguf.values.encode` take them."""

GGML = "tokenizer.ggml."
TEMPLATE = "tokenizer.chat_template"

LLAMAS = ("LlamaForCausalLM", "LLaMAForCausalLM", "MistralForCausalLM", "MixtralForCausalLM")
PHIS = ("Phi3ForCausalLM",)

SMOLLM_ROWS = 49152
"""Llamas with this many rows (SmolLM, Granite) put no bos token before texts."""

CODE_LLAMA_ROWS, CODE_LLAMA_EOT = 32016, 32010

OTHER_FILES = {
    "tekken.json": "put tokenizer.json of the same model beside it: Mistral publishes both forms",
    "vocab.json": "put tokenizer.json of the same model beside it: AutoTokenizer's save_pretrained "
    "of transformers writes it",
    "tokenizer.model.v3": "rename it to tokenizer.model",
}
"""Forms of tokenizers that are not read, and what to do with them."""


def tokenizer_metadata(folder: Path, vocab_size: int) -> dict[str, Value]:
    """Key -> (kind, value) of the tokenizer in `folder`, for an embedding of `vocab_size` rows.

    Read are tokenizer.model, or tokenizer.json if there is none, with config.json,
    tokenizer_config.json, added_tokens.json and the chat template's files. The keys are
    tokenizer.ggml.model, .pre, .tokens, .token_type, .scores or .merges, the rows of special
    tokens, .add_bos_token, .add_eos_token, .add_sep_token, .add_space_prefix and
    tokenizer.chat_template, each if the folder gives it. Rows without a token are [PAD<row>].
    Added tokens of a SentencePiece vocabulary in rows from `vocab_size` on are left out: the model
    has no numbers for them (gemma 3 has one). InvalidFile for files that are broken or do not fit,
    Refused for tokenizers that llama.cpp would not run as the checkpoint means them.
    """
    if not 0 < vocab_size <= MAX_STRINGS:
        raise InvalidFile(
            f"{shown(folder)}: vocab_size is {vocab_size:,}",
            f"it must be from 1 to {MAX_STRINGS:,}: check config.json",
        )
    files = read_folder(folder)
    if files.has(PIECES):
        keys = of_pieces(files, read_pieces(files, vocab_size), vocab_size)
    elif files.tokenizer is None:
        raise no_tokenizer(files)
    elif is_of_pieces(files):
        keys = of_pieces(files, read_fast_pieces(files, vocab_size), vocab_size)
    else:
        keys = of_bytes(files, vocab_size)
    keys |= special_keys(files, vocab_size)
    return keys | template_keys(files)


def no_tokenizer(files: Folder) -> Refused:
    """The error for a folder without a tokenizer that can be read."""
    for name, remedy in OTHER_FILES.items():
        if files.has(name):
            return Refused(
                f"{shown(files.file(name))}: a tokenizer in this form is not read", remedy
            )
    return Refused(
        f"{shown(files.path)} has neither {PIECES} nor {TOKENIZER}",
        "put the checkpoint's tokenizer into the folder",
    )


def of_pieces(files: Folder, pieces: SentencePieces, vocab_size: int) -> dict[str, Value]:
    """The keys of a SentencePiece vocabulary."""
    path = files.file(PIECES if files.has(PIECES) else TOKENIZER)
    refuse_without_bytes(path, pieces.rows)
    rows = dict(enumerate(pieces.rows)) | added_rows(files, len(pieces.rows), vocab_size)
    keys = vocabulary_keys(path, "llama", "default", vocabulary.filled(rows, vocab_size))
    scores = [row.score for row in vocabulary.filled(rows, vocab_size)]
    return keys | {f"{GGML}scores": ("float32[]", scores)} | prefix_keys(files, pieces.space)


def of_bytes(files: Folder, vocab_size: int) -> dict[str, Value]:
    """The keys of a byte-level BPE vocabulary."""
    found = read_byte_pairs(files, vocab_size)
    rows = vocabulary.filled(found.rows, vocab_size)
    keys = vocabulary_keys(files.file(TOKENIZER), "gpt2", found.pre, rows)
    return keys | {f"{GGML}merges": ("string[]", found.merges)} | prefix_keys(files, True)


def vocabulary_keys(
    path: Path, model: str, pre: str, rows: list[VocabularyToken]
) -> dict[str, Value]:
    """The keys that all vocabularies have."""
    vocabulary.refuse_duplicates(path, rows)
    return {
        f"{GGML}model": ("string", model),
        f"{GGML}pre": ("string", pre),
        f"{GGML}tokens": ("string[]", [row.text for row in rows]),
        f"{GGML}token_type": ("int32[]", [int(row.type) for row in rows]),
    }


def refuse_without_bytes(path: Path, rows: list[VocabularyToken]) -> None:
    """llama.cpp ends the program if it needs the piece of a byte and there is none."""
    missing = {f"<0x{byte:02X}>" for byte in range(256)} - {row.text for row in rows}
    if missing:
        raise Refused(
            f"{shown(path)}: it has no piece {min(missing)} for that byte",
            "only SentencePiece models with pieces for all bytes (byte_fallback) can be converted",
        )


def added_rows(files: Folder, pieces: int, vocab_size: int) -> dict[int, VocabularyToken]:
    """The rows that added tokens take, those of pieces too: the last file that says so wins."""
    judged = files.architecture not in PHIS
    rows = {
        added.id: VocabularyToken(added.text, vocabulary.ADDED_SCORE, Type.USER)
        for added in vocabulary.listed(files)
    }
    settings = vocabulary.described(files)
    rows |= {added.id: vocabulary.row_of(added, judged) for added in settings}
    for added in vocabulary.in_tokenizer(files):
        # Of tokenizer.json only what no other file tells, as far as the pieces tell nothing.
        if not judged or (added.id not in rows and (added.id >= pieces or not files.has(PIECES))):
            rows[added.id] = vocabulary.row_of(added, judged)
    return {id: row for id, row in rows.items() if id < vocab_size}


def prefix_keys(files: Folder, space: bool) -> dict[str, Value]:
    """Whether a space goes before a text, if a file says; llama.cpp assumes that it does."""
    given = files.settings.get("add_prefix_space")
    if given is not None and type(given) is not bool:
        wrong(files.file(SETTINGS), "add_prefix_space", given, "true or false")
    if not space:
        return {f"{GGML}add_space_prefix": ("bool", False)}
    if given is None or files.architecture not in LLAMAS:
        return {}
    return {f"{GGML}add_space_prefix": ("bool", given)}


def special_keys(files: Folder, vocab_size: int) -> dict[str, Value]:
    """Rows of special tokens, and which are added to every text."""
    special = read_special(files, vocab_size)
    if files.architecture in LLAMAS and vocab_size == SMOLLM_ROWS:
        special.adds["bos"] = False
    if files.architecture in LLAMAS and vocab_size == CODE_LLAMA_ROWS:
        special.rows.setdefault("eot", CODE_LLAMA_EOT)
    keys: dict[str, Value] = {
        f"{GGML}{IDS[name]}": ("uint32", row) for name, row in special.rows.items()
    }
    return keys | {
        f"{GGML}add_{name}_token": ("bool", special.adds[name])
        for name in ADDED_BY_ITSELF
        if name in special.adds
    }


def template_keys(files: Folder) -> dict[str, Value]:
    """The chat template, and others by name."""
    templates = read_templates(files)
    usual = templates.pop(DEFAULT, None)
    keys: dict[str, Value] = {
        f"{TEMPLATE}.{name}": ("string", template) for name, template in templates.items()
    }
    if templates:
        keys["tokenizer.chat_templates"] = ("string[]", sorted(templates))
    return keys if usual is None else keys | {TEMPLATE: ("string", usual)}
