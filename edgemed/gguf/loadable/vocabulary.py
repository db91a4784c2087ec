"""What llama.cpp requires of a vocabulary. Source: src/llama-vocab.cpp, and trials."""

from collections.abc import Iterator, Sequence

from edgemed.gguf.flaw import quoted
from edgemed.gguf.loadable.obstacle import CONVERT, Obstacle
from edgemed.gguf.metadata import Metadata

MODEL, PRE = "tokenizer.ggml.model", "tokenizer.ggml.pre"
TOKENS, MERGES = "tokenizer.ggml.tokens", "tokenizer.ggml.merges"
PER_TOKEN = ("tokenizer.ggml.token_type", "tokenizer.ggml.scores")

WITHOUT_TOKENS = ("none", "no_vocab")
BYTE_PAIRS = ("gpt2", "gemma4", "hybriddna", "whitespace")
"""Byte-pair tokenizers: they need the list of merges."""
SENTENCEPIECE = "llama"
NEVER_IN_UTF8 = frozenset((0xC0, 0xC1, *range(0xF5, 0x100)))
BYTE_TOKENS = {byte: f"<0x{byte:02X}>" for byte in range(256) if byte not in NEVER_IN_UTF8}
"""What a SentencePiece tokenizer writes for a character that no token stands for, byte by byte."""
TOKENIZERS = (*WITHOUT_TOKENS, *BYTE_PAIRS, "llama", "bert", "t5", "rwkv", "plamo2")
WITHOUT_MERGES = ("kimi-k2",)

PRE_TOKENIZERS = frozenset(
    """
    a.x-4.0 afmoe bailingmoe bailingmoe2 bloom chameleon chatglm-bpe codeshell cohere2moe command-r
    dbrx deepseek-coder deepseek-llm deepseek-r1-qwen deepseek-v3 default exaone exaone-moe exaone4
    f2llmv2 falcon falcon-h1 falcon3 gemma4 gigachat glm4 glm5 gpt-2 gpt-4o gpt3-finnish
    granite-docling granite-embed-multi-311m granite-embed-multi-97m grok-2 hunyuan hunyuan-dense
    hy_v4 jais jais-2 jina-de jina-es jina-v1-en jina-v2-code jina-v2-de jina-v2-es jina-v5-nano
    joyai-llm kanana2 kimi-k2 kormo laguna lfm2 llada-moe llama-bpe llama-v3 llama3 llama4 megrez
    mellum mellum2 midm-2.0 minerva-7b minicpm5 minimax-m2 modern-bert mpt olmo phi-2 pixtral
    poro-chat qwen2 qwen35 refact roberta-bpe sarvam-moe seed-coder smaug-bpe smollm solar-open
    spark2_5 stablelm2 starcoder superbpe talkie tekken tiny_aya trillion ufakzeka viking whitespace
    youtu
    """.split()
)
"""Pre-tokenizers that the installed llama.cpp knows by name; it refuses every other."""

ONE_TEXT = f"no two tokens may have the same text: {CONVERT}"
NEWER = "a newer llama.cpp may know it; this one refuses it"


def vocabulary(metadata: Metadata) -> Iterator[Obstacle]:
    """What llama.cpp would refuse. The types of the values must have been checked before."""
    model = metadata.get(MODEL)
    if model in WITHOUT_TOKENS:
        return
    if model is None or TOKENS not in metadata:
        missing = MODEL if model is None else TOKENS
        yield Obstacle(f"it has no vocabulary: there is no {missing}")
        return
    if model not in TOKENIZERS:
        what = f"{MODEL} is {quoted(model)}, which llama.cpp does not know"
        yield Obstacle(what, NEWER, "unknown")
    if model in BYTE_PAIRS:
        yield from byte_pairs(metadata)
    yield from token_lists(metadata)
    tokens = metadata[TOKENS]
    different = set(tokens)
    yield from repeated(tokens, different)
    if model == SENTENCEPIECE:
        yield from without_bytes(different)


def byte_pairs(metadata: Metadata) -> Iterator[Obstacle]:
    """The pre-tokenizer must be known, and the list of merges must be there."""
    pre = metadata.get(PRE, "default")
    if metadata[MODEL] != "gemma4" and pre and pre not in PRE_TOKENIZERS:
        what = f"{PRE} is {quoted(pre)}, which llama.cpp does not know"
        yield Obstacle(what, NEWER, "unknown")
    if MERGES not in metadata and pre not in WITHOUT_MERGES:
        yield Obstacle(f"there is no {MERGES}, which a {metadata[MODEL]} vocabulary needs")


def token_lists(metadata: Metadata) -> Iterator[Obstacle]:
    """There must be at least one token, and a type and score for each."""
    count = metadata.length_of(TOKENS)
    if not count:
        yield Obstacle("its vocabulary is empty")
    for key in PER_TOKEN:
        if key in metadata and metadata.length_of(key) < count:
            yield Obstacle(f"{key} has {metadata.length_of(key):,} values for {count:,} tokens")


def without_bytes(tokens: set[str]) -> Iterator[Obstacle]:
    """llama.cpp opens the file and aborts at the first text that holds a byte without a token.

    It takes `<0x41>`, or the character alone, for the byte 0x41.
    """
    missing = [
        name
        for byte, name in BYTE_TOKENS.items()
        if name not in tokens and (byte == 0 or byte > 0x7F or chr(byte) not in tokens)
    ]
    if missing:
        more = f" (and for {len(missing) - 1:,} more bytes)" if missing[1:] else ""
        yield Obstacle(f"it has no token {missing[0]}{more}", about="texts")


def repeated(tokens: Sequence[str], different: set[str]) -> Iterator[Obstacle]:
    """Tokens that have the same text for llama.cpp: it reads a text up to a NUL, and calls an empty
    one [EMPTY_number]."""
    if len(different) == len(tokens) and "" not in different and "\0" not in "".join(tokens):
        return
    seen: dict[str, int] = {}
    twice: list[tuple[str, int, int]] = []
    for number, token in enumerate(tokens):
        text = token.split("\0", 1)[0] or f"[EMPTY_{number}]"
        first = seen.setdefault(text, number)
        if first != number:
            twice.append((text, first, number))
    for text, first, number in twice[:1]:
        more = f", and {len(twice) - 1:,} more are repeated" if twice[1:] else ""
        yield Obstacle(
            f"the token {quoted(text)} occurs twice, as number {first} and {number}{more}", ONE_TEXT
        )
