"""What stands in llama.cpp's way: whatever we call fine, llama.cpp itself loads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgemed.cli.main import main
from edgemed.errors import EdgemedError
from edgemed.gguf import open_model
from edgemed.gguf.loadable.obstacles import obstacles
from edgemed.gguf.loadable.vocabulary import PRE_TOKENIZERS
from edgemed.merging.parents.compatibility import compatibility
from tests.edgemed.gguf_files import assemble, pair, row
from tests.edgemed.whole_llamas import (
    SHAPES,
    Change,
    Metadata,
    Tensors,
    pairs,
    pieces,
    set_keys,
    set_tensors,
    write_llama,
)
from tests.oracles.llama_load import loaded

GGML = "tokenizer__ggml__"
KEYS = (
    "context_length embedding_length block_count feed_forward_length attention__head_count "
    "attention__head_count_kv attention__layer_norm_rms_epsilon rope__dimension_count"
).split()


def texts(changed: dict[int, str]) -> Change:
    """Other texts for some tokens."""

    def change(metadata: Metadata, weights: Tensors) -> None:
        tokens = metadata["tokenizer.ggml.tokens"][1]
        found = [changed.get(i, token) for i, token in enumerate(tokens)]
        metadata["tokenizer.ggml.tokens"] = ("string[]", found)

    return change


def typed(name: str, type: str, nbytes: int) -> Change:
    """A tensor in another type, all its bytes zero."""

    def change(metadata: Metadata, weights: Tensors) -> None:
        weights[name] = (type, SHAPES[name], bytes(nbytes))

    return change


def of_a_list(name: str, kind: str, count: int) -> Change:
    return set_keys(**{GGML + name: (kind, [1] * count)})


def of_vocabularies() -> dict[str, Change]:
    """Changes of a vocabulary of any kind."""
    return {
        "a token twice": texts({20: "same", 40: "same"}),
        "three tokens twice": texts({20: "same", 40: "same", 41: "b", 42: "b", 43: "b"}),
        "an empty token": texts({20: ""}),
        "two empty tokens": texts({20: "", 30: ""}),
        "an empty token and its name": texts({20: "", 30: "[EMPTY_20]"}),
        "a NUL in a token": texts({20: "one\0two"}),
        "two tokens up to a NUL": texts({20: "one\0two", 30: "one"}),
        "a token that is no UTF-8": texts({20: "\udcff\udcfe"}),
        "types for all but one": of_a_list("token_type", "int32[]", 63),
        "types to spare": of_a_list("token_type", "int32[]", 65),
        "types of another kind": of_a_list("token_type", "uint32[]", 64),
        "types that are none": set_keys(**{GGML + "token_type": ("int32[]", [99] * 64)}),
        "no types": set_keys(**{GGML + "token_type": None}),
        "scores for all but one": of_a_list("scores", "float32[]", 63),
        "scores to spare": of_a_list("scores", "float32[]", 65),
        "scores in float64": of_a_list("scores", "float64[]", 64),
        "whole scores": of_a_list("scores", "int32[]", 64),
        **of_tokenizers(),
        "an end beyond the tokens": set_keys(**{GGML + "eos_token_id": ("uint32", 64)}),
        "an end in int32": set_keys(**{GGML + "eos_token_id": ("int32", 2)}),
        "an end by name": set_keys(**{GGML + "eos_token_id": ("string", "</s>")}),
        "a padding beyond the tokens": set_keys(**{GGML + "padding_token_id": ("uint32", 99)}),
        "a begin by number": set_keys(**{GGML + "add_bos_token": ("uint32", 1)}),
        "a prefix by number": set_keys(**{GGML + "add_space_prefix": ("uint32", 1)}),
        "suppressed tokens in uint32": of_a_list("suppress_tokens", "uint32[]", 1),
        "a template by number": set_keys(tokenizer__chat_template=("uint32", 1)),
        "96 rows": set_tensors({"token_embd.weight": (32, 96), "output.weight": (32, 96)}),
        "60 rows": set_tensors({"token_embd.weight": (32, 60), "output.weight": (32, 60)}),
        "a head of 96 rows": set_tensors({"output.weight": (32, 96)}),
        "another vocab_size": set_keys(llama__vocab_size=("uint32", 96)),
    }


def of_tokenizers() -> dict[str, Change]:
    """No tokens, and tokenizers that are none."""
    return {
        "no tokens": set_keys(**{GGML + "tokens": None}),
        "an empty list of tokens": set_keys(**{GGML + "tokens": ("string[]", [])}),
        "tokens in one string": set_keys(**{GGML + "tokens": ("string", "ab")}),
        "no tokenizer": set_keys(**{GGML + "model": None}),
        "an unknown tokenizer": set_keys(**{GGML + "model": ("string", "martian")}),
        "a tokenizer without tokens": set_keys(**{GGML + "model": ("string", "none")}),
        "an unknown pre-tokenizer": set_keys(**{GGML + "pre": ("string", "martian")}),
        "a pre-tokenizer by number": set_keys(**{GGML + "pre": ("uint32", 1)}),
    }


def of_merges() -> dict[str, Change]:
    """Changes of the pairs that are joined."""
    return {
        "no pre-tokenizer": set_keys(**{GGML + "pre": None}),
        "no merges": set_keys(**{GGML + "merges": None}),
        "merges by number": of_a_list("merges", "int32[]", 1),
        "an empty list of merges": set_keys(**{GGML + "merges": ("string[]", [])}),
        "merges of no tokens": set_keys(**{GGML + "merges": ("string[]", ["q z", "x", "", " "])}),
    }


def of_hyper_parameters() -> dict[str, Change]:
    """Changes of what a model says of itself."""
    found: dict[str, Change] = {}
    for key in KEYS:
        number = "float32" if key.endswith("epsilon") else "uint32"
        for words, value in {
            "no": None,
            "text for": ("string", "1"),
            "zero for": (number, 0),
            "int64 for": ("int64", 1),
        }.items():
            found[f"{words} {key}"] = set_keys(**{f"llama__{key}": value})
    single: dict[str, tuple[str, object] | None] = {
        "general.architecture": None,
        "general.name": ("uint32", 3),
        "general.file_type": ("string", "a"),
        "general.quantization_version": ("string", "a"),
        "llama.rope.scaling.type": ("string", "martian"),
        "llama.rope.freq_base": ("string", "a"),
        "llama.attention.key_length": ("uint32", 16),
        "llama.attention.value_length": ("uint32", 16),
        "llama.expert_count": ("uint32", 4),
        "llama.expert_used_count": ("uint32", 2),
        "split.count": ("uint32", 1),
    }
    for name, one in single.items():
        found[f"{name}: {one}"] = set_keys(**{name.replace(".", "__"): one})
    found |= {
        "an unknown architecture": set_keys(general__architecture=("string", "martian")),
        **{f"{n} heads": set_keys(llama__attention__head_count=("uint32", n)) for n in (3, 5)},
        **{
            f"{n} kv heads": set_keys(llama__attention__head_count_kv=("uint32", n)) for n in (3, 8)
        },
        **{f"{n} blocks": set_keys(llama__block_count=("uint32", n)) for n in (2, 600)},
        **{f"{n} turned": set_keys(llama__rope__dimension_count=("uint32", n)) for n in (6, 16)},
        **{
            f"an epsilon of {e}": set_keys(llama__attention__layer_norm_rms_epsilon=("float32", e))
            for e in (-1.0, float("nan"))
        },
    }
    return found


def of_tensors() -> dict[str, Change]:
    """Changes of the tensor table."""
    return {
        **{f"no {name}": set_tensors({name: None}) for name in SHAPES},
        "another tensor": set_tensors({"blk.0.extra.weight": (32,)}),
        "another block": set_tensors({"blk.1.attn_q.weight": (32, 32)}),
        "a bias": set_tensors({"blk.0.attn_q.bias": (32,)}),
        "a table of frequencies": set_tensors({"rope_freqs.weight": (4,)}),
        "a short table of frequencies": set_tensors({"rope_freqs.weight": (3,)}),
        "a narrow query": set_tensors({"blk.0.attn_q.weight": (32, 30)}),
        "a turned matrix": set_tensors({"blk.0.ffn_down.weight": (32, 64)}),
        "a short norm": set_tensors({"blk.0.attn_norm.weight": (31,)}),
        "a norm of one row": set_tensors({"blk.0.attn_norm.weight": (32, 1)}),
        "fused and separate": set_tensors({"blk.0.attn_qkv.weight": (32, 64)}),
        "a norm in F16": typed("blk.0.attn_norm.weight", "F16", 64),
        "a norm in Q8_0": typed("blk.0.attn_norm.weight", "Q8_0", 34),
        "a query in F64": typed("blk.0.attn_q.weight", "F64", 32 * 32 * 8),
        "a query in I8": typed("blk.0.attn_q.weight", "I8", 32 * 32),
        "an embedding in I32": typed("token_embd.weight", "I32", 64 * 32 * 4),
        "an embedding in BF16": typed("token_embd.weight", "BF16", 64 * 32 * 2),
    }


FAMILIES: dict[str, tuple[Callable[[], dict[str, Change]], Callable[[], Metadata]]] = {
    "pieces": (of_vocabularies, pieces),
    "byte pairs": (of_vocabularies, pairs),
    "merges": (of_merges, pairs),
    "hyper-parameters": (of_hyper_parameters, pieces),
    "tensors": (of_tensors, pieces),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_we_call_fine_llama_cpp_loads(family: str, tmp_path: Path) -> None:
    changes, vocabulary = FAMILIES[family]
    names = [*changes()]
    paths = [
        write_llama(tmp_path / f"{i}.gguf", change, vocabulary)
        for i, change in enumerate(changes().values())
    ]
    found = [[o for o in obstacles(open_model(p)) if o.about != "texts"] for p in paths]
    outcomes = dict(zip(names, loaded(paths), strict=True))
    called = dict(zip(names, found, strict=True))
    missed = {n: o.reason for n, o in outcomes.items() if not o.loads and not called[n]}
    assert missed == {}
    unjust = {n: called[n] for n, o in outcomes.items() if o.loads and called[n]}
    assert unjust == {}


def test_every_known_pre_tokenizer_is_known_to_llama_cpp(tmp_path: Path) -> None:
    names = sorted(PRE_TOKENIZERS)
    paths = [
        write_llama(tmp_path / f"{i}.gguf", set_keys(**{GGML + "pre": ("string", name)}), pairs)
        for i, name in enumerate(names)
    ]
    unknown = [n for n, o in zip(names, loaded(paths), strict=True) if not o.loads]
    assert unknown == []


def with_gap(folder: Path) -> Path:
    """A whole llama whose last tensor starts 32 bytes later than it need."""
    whole = write_llama(folder / "whole.gguf")
    model = open_model(whole)
    pieces_ = [pair(k, model.metadata.type_of(k), model.metadata[k]) for k in model.metadata]
    rows, data = [], b""
    for number, t in enumerate(model.tensors.values()):
        data += bytes(32 if number == len(model.tensors) - 1 else 0)
        rows.append(row(t.name, t.shape, t.type.name, len(data)))
        data += whole.read_bytes()[t.offset : t.offset + t.nbytes]
    path = folder / "gap.gguf"
    path.write_bytes(assemble(pieces_, rows, data))
    return path


def test_a_file_with_a_gap_is_merged_but_not_added(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    gap, other = with_gap(tmp_path), write_llama(tmp_path / "other.gguf", seed=1)
    assert not loaded([gap])[0].loads
    assert main(["models", "add", str(gap), "--link"]) == 3
    assert "does not directly follow" in capsys.readouterr().err
    out = tmp_path / "out.gguf"
    assert main(["merge", str(gap), str(other), "--t", "0.5", "-o", str(out)]) == 0
    assert loaded([out])[0].loads


TWICE = texts({20: "same\x1b[31m", 40: "same\x1b[31m"})


def test_a_token_that_occurs_twice_is_refused_by_name_everywhere(
    tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    a, b = (str(write_llama(tmp_path / f"{n}.gguf", TWICE, seed=n)) for n in range(2))
    out = tmp_path / "out.gguf"
    for words in (
        ["merge", a, b, "--t", "0.5", "-o", str(out)],
        ["quantize", a, str(out), "--out-type", "Q8_0"],
        ["models", "add", a],
        ["models", "add", a, "--link"],
        ["check", a, b],
    ):
        assert main(words) == 3
        said = "".join(capsys.readouterr())
        assert "0.gguf: llama.cpp does not load it: the token 'same\\x1b[31m' occurs twice" in said
        assert "number 20 and 40" in said
    assert not out.exists() and not (tmp_path / "data" / "edgemed" / "models" / "0.gguf").exists()
    assert main(["inspect", a]) == 0
    assert "warning: llama.cpp does not load it: the token 'same" in capsys.readouterr().err


def test_rows_without_tokens_are_refused_where_they_were_called_mergeable(tmp_path, capsys) -> None:
    rows = set_tensors({"token_embd.weight": (32, 96), "output.weight": (32, 96)})
    a, b = (str(write_llama(tmp_path / f"{n}.gguf", rows, seed=n)) for n in range(2))
    assert main(["check", a, b]) == 3
    said = capsys.readouterr().out
    assert "token_embd.weight has 96 rows for 64 tokens" in said
    assert "cannot be merged" in said


def test_a_vocabulary_that_cannot_be_read_is_refused_and_not_compared(tmp_path, capsys) -> None:
    broken = [of_vocabularies()[n] for n in ("tokens in one string", "types for all but one")]
    for change in broken:
        a = str(write_llama(tmp_path / "a.gguf", change))
        b = str(write_llama(tmp_path / "b.gguf"))
        assert main(["check", a, b]) == 3
        assert main(["merge", b, a, "--t", "0.5", "-o", str(tmp_path / "out.gguf")]) == 3
        assert "a.gguf: llama.cpp does not load it" in capsys.readouterr().err


def test_types_to_spare_do_not_end_a_merge_of_other_vocabularies(tmp_path) -> None:
    swapped = texts({1: "b", 2: "a"})
    a = write_llama(tmp_path / "a.gguf", of_a_list("token_type", "int32[]", 70), pairs)
    b = write_llama(tmp_path / "b.gguf", swapped, pairs, seed=1)
    out = tmp_path / "out.gguf"
    assert main(["merge", str(a), str(b), "--t", "0.5", "-o", str(out)]) == 0
    assert loaded([out])[0].loads


@pytest.mark.parametrize("key", ["scores", "token_type"])
@pytest.mark.parametrize("lacking", [0, 1])
def test_a_union_has_types_and_scores_for_every_token(key, lacking, tmp_path) -> None:
    paths = []
    for n in range(2):
        change = texts({63: f"▁own{n}"})
        path = write_llama(tmp_path / f"{n}.gguf", without(key, change, n == lacking), seed=n)
        paths.append(path)
    out = tmp_path / "out.gguf"
    words = ["merge", *map(str, paths), "--t", "0.5", "-o", str(out), "--tokenizer-from", "union"]
    assert main(words) == 0
    metadata = open_model(out).metadata
    assert metadata.length_of("tokenizer.ggml.tokens") == 65
    assert ("tokenizer.ggml." + key in metadata) == (lacking == 1)
    assert loaded([out])[0].loads


def without(key: str, change: Change, really: bool) -> Change:
    """The change, and a key left out if really."""

    def both(metadata: Metadata, weights: Tensors) -> None:
        change(metadata, weights)
        if really:
            del metadata["tokenizer.ggml." + key]

    return both


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
CHARACTERS = (range(0x800), range(0x800, 0xD800, 0x400), range(1 << 16, 17 << 16, 1 << 15))
EVERY_BYTE = [chr(n) for numbers in CHARACTERS for n in numbers]
"""Texts that hold, together, every byte that UTF-8 knows."""


def only(tokens: list[str]) -> Change:
    """A SentencePiece vocabulary of a few names, words and these tokens."""
    named = ["<unk>", "<s>", "</s>", *(f"▁w{i}" for i in range(61)), *tokens]
    lists: dict[str, tuple[str, list[Any]]] = {
        "tokens": ("string[]", named),
        "scores": ("float32[]", [float(-i) for i in range(len(named))]),
        "token_type": ("int32[]", [2, 3, 3, *[1] * (len(named) - 3)]),
    }
    keys = set_keys(**{GGML + key: value for key, value in lists.items()})
    rows = set_tensors(dict.fromkeys(("token_embd.weight", "output.weight"), (32, len(named))))

    def both(metadata: Metadata, weights: Tensors) -> None:
        keys(metadata, weights)
        rows(metadata, weights)

    return both


def test_a_vocabulary_without_a_byte_is_merged_but_not_added(tmp_path, monkeypatch, capsys) -> None:
    """llama.cpp loads it and aborts at the first text that holds the byte."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    tokens = {
        "whole": BYTES,
        "letters": [*map(chr, range(1, 0x80)), BYTES[0], *BYTES[0x80:]],
        "never-in-a-text": [*BYTES[:0xC0], *BYTES[0xC2:0xF5]],
        "no-line-end": [b for b in BYTES if b != "<0x0A>"],
        "no-umlauts": [b for b in BYTES if b != "<0xC3>"],
        "none": [],
    }
    paths = {n: write_llama(tmp_path / f"{n}.gguf", only(t)) for n, t in tokens.items()}
    assert all(outcome.loads for outcome in loaded(list(paths.values())))
    read = dict(zip(paths, loaded(list(paths.values()), EVERY_BYTE), strict=True))
    for name, path in paths.items():
        added = main(["models", "add", str(path)])
        assert added == (0 if read[name].loads else 3), name
        said = capsys.readouterr().err
        assert ("would crash on some texts: it has no token <0x" in said) == bool(added)
        main(["inspect", str(path)])
        assert ("warning: llama.cpp loads it, but" in capsys.readouterr().err) == bool(added)
    assert [outcome.loads for outcome in read.values()] == [True] * 3 + [False] * 3
    assert main(["check", str(paths["none"]), str(paths["none"])]) == 0
    assert "and for 242 more bytes" in capsys.readouterr().out


VALUES = {
    "uint8": 3, "int8": -1, "uint32": 3, "int32": -3, "float32": 0.5, "float64": 1e300,
    "bool": True, "string": "x", "uint64": 2**63, "int64": -1, "uint32[]": [1, 2],
    "string[]": ["a", "a"], "float32[]": [1.0], "bool[]": [True], "int32[]": [],
}  # fmt: skip
OTHERS = (
    "general.type general.name general.file_type tokenizer.chat_template tokenizer.ggml.merges "
    "llama.expert_count llama.expert_used_count llama.rope.scaling.type split.count"
).split()


@pytest.mark.parametrize("kind", VALUES)
def test_no_kind_of_value_ends_the_checks(kind: str, tmp_path: Path) -> None:
    whole = open_model(write_llama(tmp_path / "whole.gguf"))
    for key in (*whole.metadata, *OTHERS):

        def change(m: Metadata, w: Tensors, key: str = key) -> None:
            m[key] = (kind, VALUES[kind])

        path = write_llama(tmp_path / "changed.gguf", change)
        try:
            model = open_model(path)
        except EdgemedError:
            continue
        assert compatibility([whole, model]).results and compatibility([model, model]).results
