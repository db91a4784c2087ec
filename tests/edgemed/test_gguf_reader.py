"""The reader: what it decodes, and everything it refuses, by name and with a remedy."""

import struct
from pathlib import Path

import numpy as np
import pytest
from edgemed_native.ggml_types import BY_ID, REMOVED, TYPES
from hypothesis import given
from hypothesis import strategies as st

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.gguf import Metadata, open_model
from edgemed.gguf.foreign import IK_LLAMA_TYPES
from tests.bench.fuzz_gguf import SEEDS, run_case
from tests.edgemed.gguf_files import (
    METADATA,
    TENSORS,
    assemble,
    element,
    gguf_bytes,
    pair,
    row,
    small_model,
    string,
    value,
    write_gguf,
)


@pytest.fixture
def metadata(tmp_path: Path) -> Metadata:
    return open_model(small_model(tmp_path / "small.gguf")).metadata


def test_values_come_out_as_python_and_numpy_values(metadata: Metadata) -> None:
    assert metadata["general.architecture"] == "llama"
    assert metadata["general.license"] == ""
    assert metadata["llama.context_length"] == 2048
    assert metadata["tokenizer.ggml.add_bos_token"] is True
    assert metadata["tokenizer.ggml.tokens"] == ["a", "", "ü", "<end>"]
    assert metadata["general.tags"] == []
    scores = metadata["tokenizer.ggml.scores"]
    assert scores.dtype == np.float32 and scores.tolist() == [0.0, -1.0, -2.5, 0.125]
    assert not scores.flags.writeable


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("uint8", 255), ("int8", -128), ("uint16", 65535), ("int16", -32768), ("uint32", 2**32 - 1),
        ("int32", -(2**31)), ("uint64", 2**64 - 1), ("int64", -(2**63)), ("float32", 0.5),
        ("float64", 0.1), ("bool", False), ("string", "né\n\0"), ("bool[]", [True, False, True]),
        ("uint8[]", [0, 255]), ("int8[]", [-128, 127]), ("uint16[]", [0, 65535]),
        ("int16[]", [-32768]), ("uint32[]", []), ("int32[]", [-1]), ("uint64[]", [2**64 - 1]),
        ("int64[]", [-(2**63)]), ("float32[]", [0.5, -0.0]), ("float64[]", [0.1]),
        ("string[]", ["", "x", "\0"]),
    ],
)  # fmt: skip
def test_every_kind_of_value_is_read_as_written(tmp_path: Path, kind: str, content: object) -> None:
    path = write_gguf(tmp_path / "one.gguf", {"key": (kind, content)}, {})
    metadata = open_model(path).metadata
    assert metadata.type_of("key") == kind
    found = metadata["key"]
    assert (found.tolist() if isinstance(found, np.ndarray) else found) == content
    assert metadata.raw("key") == value(kind, content)


def test_bytes_that_are_not_utf8_survive_in_a_value(tmp_path: Path) -> None:
    token = b"\xe2\x82"
    path = tmp_path / "bytes.gguf"
    path.write_bytes(assemble([string("t") + value("string[]", [token])]))
    assert open_model(path).metadata["t"][0].encode("utf-8", "surrogateescape") == token


def test_metadata_is_a_mapping_in_the_files_order(metadata: Metadata) -> None:
    assert list(metadata) == list(METADATA)
    assert len(metadata) == len(METADATA)
    assert "general.name" in metadata and "no.such.key" not in metadata
    assert metadata.get("no.such.key") is None
    with pytest.raises(KeyError):
        metadata["no.such.key"]


def test_lengths_are_known_without_decoding(metadata: Metadata) -> None:
    assert metadata.length_of("tokenizer.ggml.tokens") == 4
    assert metadata.length_of("general.tags") == 0
    assert metadata.length_of("general.architecture") == len("llama")
    assert metadata.length_of("llama.context_length") == 1


def test_tensors_point_at_their_bytes(tmp_path: Path) -> None:
    path = small_model(tmp_path / "small.gguf")
    model = open_model(path)
    assert list(model.tensors) == list(TENSORS)
    for name, (type_name, shape, raw) in TENSORS.items():
        tensor = model.tensors[name]
        assert (tensor.type.name, tensor.shape, tensor.path) == (type_name, tuple(shape), path)
        assert path.read_bytes()[tensor.offset : tensor.offset + tensor.nbytes] == raw
    experts = model.tensors["blk.0.ffn_up_exps.weight"]
    assert (experts.row_length, experts.rows, experts.row_bytes) == (5, 6, 10)
    assert model.weights == 128 + 32 + 96 + 30


def test_a_tensor_without_dimensions_is_one_weight(tmp_path: Path) -> None:
    tensor = open_model(write_gguf(tmp_path / "s.gguf", {}, {"s": ("F32", (), bytes(4))})).tensors[
        "s"
    ]
    assert (tensor.shape, tensor.row_length, tensor.rows, tensor.nbytes) == ((), 1, 1, 4)


@pytest.mark.parametrize("type", TYPES, ids=lambda t: t.name)
def test_every_type_of_the_table_is_sized_by_its_blocks(tmp_path: Path, type) -> None:  # type: ignore[no-untyped-def]
    spec = (type.name, (2 * type.block, 3), bytes(6 * type.nbytes))
    tensor = open_model(write_gguf(tmp_path / "t.gguf", {}, {"t": spec})).tensors["t"]
    assert (tensor.nbytes, tensor.row_bytes) == (6 * type.nbytes, 2 * type.nbytes)


def test_version_2_and_other_alignments_are_read(tmp_path: Path) -> None:
    path = tmp_path / "v2.gguf"
    pairs = [pair("general.alignment", "uint32", 8)]
    path.write_bytes(assemble(pairs, [row("w", (3,), "F32", 0)], bytes(12), version=2, alignment=8))
    model = open_model(path)
    assert (model.version, model.alignment) == (2, 8)
    assert model.tensors["w"].offset % 8 == 0


def test_padding_behind_the_last_tensor_may_be_there_or_not(tmp_path: Path) -> None:
    path = tmp_path / "pad.gguf"
    for padding in (0, 1, 20):
        path.write_bytes(assemble([], [row("w", (3,), "F32", 0)], bytes(12 + padding)))
        assert open_model(path).tensors["w"].nbytes == 12


def test_a_vocabulary_without_tensors_is_a_model(tmp_path: Path) -> None:
    path = tmp_path / "vocab.gguf"
    whole = assemble([pair("tokenizer.ggml.tokens", "string[]", ["a", "b"])])
    for raw in (whole, whole.rstrip(b"\0")):
        path.write_bytes(raw)
        assert open_model(path).tensors == {}


def test_a_header_longer_than_the_first_read_is_read_whole(tmp_path: Path) -> None:
    tokens = [f"token {n}" for n in range(100_000)]
    path = write_gguf(tmp_path / "long.gguf", {"t": ("string[]", tokens), "end": ("uint8", 7)}, {})
    metadata = open_model(path).metadata
    assert metadata["t"] == tokens and metadata["end"] == 7


F32_ROW = row("w", (4,), "F32", 0)
Q8_ROW = row("w", (32, 2), "Q8_0", 0)
KEY = pair("k", "uint32", 7)


def claimed(key: str, type_id: int, *rest: bytes) -> bytes:
    """A pair whose value is put together by hand."""
    return string(key) + struct.pack("<I", type_id) + b"".join(rest)


def u64(number: int) -> bytes:
    return struct.pack("<Q", number)


def alignment(kind: str, content: object) -> bytes:
    return assemble([pair("general.alignment", kind, content)])


AGAIN, PUBLISHER = "download it again", "another publisher"

REFUSED: dict[str, tuple[bytes, str, str]] = {
    # what the file is
    "empty": (b"", "empty", "download"),
    "big endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian", "gguf-convert-endian"),
    "big endian magic": (b"FUGG" + bytes(20), "big-endian", "gguf-convert-endian"),
    "GGML": (b"lmgg" + bytes(40), "before GGUF", "as GGUF"),
    "GGJT": (b"tjgg\3\0\0\0" + bytes(40), "before GGUF", "as GGUF"),
    "safetensors": (u64(70) + b'{"__metadata__":{}}', "safetensors", "convert_hf_to_gguf"),
    "checkpoint": (b"PK\3\4" + bytes(40), "PyTorch", "convert_hf_to_gguf"),
    "pickle": (b"\x80\x02}q\0" + bytes(40), "pickle", "convert_hf_to_gguf"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS", "git lfs pull"),
    "web page": (b"\n<!DOCTYPE html><html>" + bytes(30), "web page", "download"),
    "JSON": (b'{"error": "no"}' + bytes(20), "JSON", "download"),
    "error text": (b"Entry not found", "download error", "account"),
    "gzip": (b"\x1f\x8b\x08" + bytes(30), "compressed", "unpack"),
    "zeros": (bytes(64), "empty space", "download"),
    "another file": (b"hello, world" * 5, "b'hell'", "model file"),
    "three bytes": (b"GGU", "no GGUF", "model file"),
    # version and counts
    "only a magic": (b"GGUF", "the version would end at byte 8", AGAIN),
    "version 0": (assemble(version=0), "GGUF version 0", "convert the model again"),
    "version 1": (assemble(version=1), "version 1", "convert the model again"),
    "version 4": (assemble(version=4), "version 4", "update edgemed"),
    "no counts": (assemble()[:20], "the number of keys", AGAIN),
    "too many tensors": (assemble(tensors=2**40), "1,099,511,627,776 tensors", "download"),
    "too many keys": (assemble(keys=2**63), "9,223,372,036,854,775,808 keys", "download"),
    "more tensors than bytes": (assemble(tensors=1000), "1,000 tensors", "download"),
    "more keys than bytes": (assemble(keys=1000), "1,000 keys", "download"),
    # keys
    "empty key": (assemble([pair("", "uint8", 1)]), "key number 0 is 0 bytes", PUBLISHER),
    "endless key": (
        assemble([u64(2**62) + bytes(20)]),
        "4,611,686,018,427,387,904 bytes",
        PUBLISHER,
    ),
    "long key": (assemble([pair("k" * 65_536, "uint8", 1)]), "65,536 bytes", PUBLISHER),
    "key not UTF-8": (assemble([pair(b"\xff\xfe", "uint8", 1)]), "not UTF-8", "download"),
    "key with NUL": (assemble([pair("a\0b", "uint8", 1)]), "NUL", PUBLISHER),
    "duplicate key": (assemble([KEY, KEY]), "key 'k' stands there twice", PUBLISHER),
    # values
    "value type 13": (assemble([claimed("k", 13, bytes(8))]), "'k' has value type 13", PUBLISHER),
    "string too long": (assemble([claimed("k", 8, u64(1000))]), "value of 'k' would end", AGAIN),
    "string overflow": (assemble([claimed("k", 8, u64(2**64 - 1))]), "would end", AGAIN),
    "array of arrays": (
        assemble([claimed("k", 9, struct.pack("<IQ", 9, 1), bytes(20))]),
        "array of arrays",
        PUBLISHER,
    ),
    "array of unknown": (
        assemble([claimed("k", 9, struct.pack("<IQ", 77, 1), bytes(20))]),
        "array of type 77",
        PUBLISHER,
    ),
    "array too long": (
        assemble([claimed("k", 9, struct.pack("<IQ", 6, 1000))]),
        "value of 'k' would end",
        "download",
    ),
    "array overflow": (
        assemble([claimed("k", 9, struct.pack("<IQ", 12, 2**61))]),
        "2,305,843,009,213,693,952 elements",
        PUBLISHER,
    ),
    "strings claimed": (
        assemble([claimed("k", 9, struct.pack("<IQ", 8, 2**29))]),
        "536,870,912 strings",
        "download",
    ),
    "string in an array too long": (
        assemble([claimed("k", 9, struct.pack("<IQ", 8, 1), u64(2**60))]),
        "value of 'k' would end",
        "download",
    ),
    # alignment
    "alignment 0": (alignment("uint32", 0), "general.alignment is 0", PUBLISHER),
    "alignment 24": (alignment("uint32", 24), "general.alignment is 24", PUBLISHER),
    "alignment 2^31": (alignment("uint32", 2**31), "2,147,483,648", PUBLISHER),
    "alignment as text": (alignment("string", "32"), "is string, not uint32", PUBLISHER),
    "alignment as u64": (alignment("uint64", 32), "is uint64, not uint32", PUBLISHER),
    # tensor table
    "no tensor name": (assemble([], [row("", (4,), 0, 0)], bytes(16)), "0 bytes long", PUBLISHER),
    "long tensor name": (
        assemble([], [row("w" * 64, (4,), 0, 0)], bytes(16)),
        "64 bytes long, not 1 to 63",
        PUBLISHER,
    ),
    "tensor name not UTF-8": (
        assemble([], [row(b"\xc3", (4,), 0, 0)], bytes(16)),
        "UTF-8",
        AGAIN,
    ),
    "tensor twice": (
        assemble([], [F32_ROW, F32_ROW], bytes(32)),
        "'w' stands there twice",
        PUBLISHER,
    ),
    "5 dimensions": (
        assemble([], [row("w", (1,) * 5, 0, 0)], bytes(32)),
        "5 dimensions",
        PUBLISHER,
    ),
    "2^32 - 1 dimensions": (
        assemble([], [string("w") + struct.pack("<I", 2**32 - 1) + bytes(40)]),
        "4,294,967,295 dimensions",
        PUBLISHER,
    ),
    "a dimension of 0": (assemble([], [row("w", (32, 0), 0, 0)]), "shape is 32 x 0", PUBLISHER),
    "element overflow": (
        assemble([], [row("w", (2**32, 2**32), 0, 0)], bytes(32)),
        "more weights than can be counted: 4294967296 x 4294967296",
        "download",
    ),
    "negative dimension": (assemble([], [row("w", (2**64 - 1,), 0, 0)]), "be counted", "download"),
    "byte overflow": (
        assemble([], [row("w", (2**61,), "F64", 0)]),
        "18,446,744,073,709,551,616",
        AGAIN,
    ),
    "half a block": (
        assemble([], [row("w", (33, 2), "Q8_0", 0)], bytes(128)),
        "rows of 33 weights, Q8_0 stores 32",
        PUBLISHER,
    ),
    "half a super-block": (
        assemble([], [row("w", (128, 2), "Q4_K", 0)], bytes(160)),
        "rows of 128 weights, Q4_K stores 256",
        PUBLISHER,
    ),
    "unknown type": (assemble([], [row("w", (4,), 1000, 0)], bytes(32)), "type 1000", "update"),
    "negative type": (assemble([], [row("w", (4,), 2**32 - 1, 0)], bytes(32)), "unknown", "update"),
    # extents
    "offset not aligned": (
        assemble([], [row("w", (4,), 0, 4)], bytes(64)),
        "offset 4, which is not a multiple of 32",
        "download",
    ),
    "offset past the end": (
        assemble([], [row("w", (4,), 0, 2**40)], bytes(64)),
        "bytes are missing",
        "download",
    ),
    "offset overflow": (
        assemble([], [row("w", (4,), 0, 2**64 - 32)], bytes(64)),
        "bytes are missing",
        "download",
    ),
    "data cut": (assemble([], [Q8_ROW], bytes(67)), "1 bytes are missing", AGAIN),
    "no data": (assemble([], [Q8_ROW]), "68 bytes are missing", AGAIN),
    "overlap": (
        assemble([], [row("a", (16,), 0, 0), row("b", (16,), 0, 32)], bytes(96)),
        "tensors 'a' and 'b' overlap at offset 32",
        "download",
    ),
    "same place": (
        assemble([], [row("a", (4,), 0, 0), row("b", (4,), 0, 0)], bytes(32)),
        "tensors 'a' and 'b' overlap",
        "download",
    ),
    "surplus": (assemble([], [F32_ROW], bytes(32 + 1)), "1 bytes at the end belong to no", AGAIN),
    "surplus without tensors": (assemble([KEY], data=bytes(40)), "40 bytes at the end", AGAIN),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_is_refused_with_file_thing_value_and_remedy(
    tmp_path: Path, name: str
) -> None:
    raw, thing, remedy = REFUSED[name]
    path = tmp_path / "bad.gguf"
    path.write_bytes(raw)
    with pytest.raises(InvalidFile) as refusal:
        open_model(path)
    assert str(path) in refusal.value.message
    assert thing in refusal.value.message
    assert remedy in refusal.value.hint and len(refusal.value.hint) > 10
    assert "\n" not in refusal.value.message


@pytest.mark.parametrize("type_id", sorted(REMOVED.keys() | IK_LLAMA_TYPES.keys()))
def test_removed_types_and_those_of_forks_are_refused_by_name(tmp_path: Path, type_id: int) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(assemble([], [row("w", (256,), type_id, 0)], bytes(512)))
    with pytest.raises(InvalidFile) as refusal:
        open_model(path)
    name = REMOVED.get(type_id) or IK_LLAMA_TYPES[type_id]
    assert f"'w' has type {type_id} ({name})" in refusal.value.message


def test_no_fork_or_removed_id_is_one_that_can_be_read() -> None:
    assert not BY_ID.keys() & (REMOVED.keys() | IK_LLAMA_TYPES.keys())


@pytest.mark.parametrize("cut", range(0, len(SEEDS[0]), 7))
def test_a_download_that_stopped_anywhere_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.gguf"
    last_tensor_padding = 4
    assert cut < len(SEEDS[0]) - last_tensor_padding
    path.write_bytes(SEEDS[0][:cut])
    with pytest.raises(InvalidFile):
        open_model(path)


def test_names_in_a_refusal_cannot_move_the_cursor(tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(assemble([], [row("\x1b[2J\u202ew", (4,), 1000, 0)], bytes(32)))
    with pytest.raises(InvalidFile) as refusal:
        open_model(path)
    assert r"'\x1b[2J\u202ew'" in refusal.value.message
    assert refusal.value.message.isprintable()


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="there is no file"):
        open_model(tmp_path / "nothing.gguf")
    with pytest.raises(InvalidFile, match="folder"):
        open_model(tmp_path)


def test_a_file_that_may_not_be_read_is_an_error_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_model(tmp_path / "small.gguf")

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(EdgemedError, match="Permission denied"):
        open_model(path)


@given(seed=st.sampled_from(SEEDS), changes=st.lists(
    st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4
))  # fmt: skip
def test_a_changed_header_is_accepted_soundly_or_refused(
    seed: bytes, changes: list[tuple[int, bytes]]
) -> None:
    data = bytearray(seed)
    for at, replacement in changes:
        data[at : at + len(replacement)] = replacement
    run_case(bytes(data))


@given(tail=st.binary(max_size=200), tensors=st.integers(0, 3), keys=st.integers(0, 3))
def test_noise_behind_a_magic_is_accepted_soundly_or_refused(
    tail: bytes, tensors: int, keys: int
) -> None:
    run_case(struct.pack("<4sIQQ", b"GGUF", 3, tensors, keys) + tail)


def test_opening_a_large_vocabulary_needs_no_numpy_and_keeps_only_its_bytes(data: Path) -> None:
    import tracemalloc

    path = data / "vocab" / "ggml-vocab-llama-bpe.gguf"
    tracemalloc.start()
    model = open_model(path)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = path.stat().st_size
    assert model.metadata.length_of("tokenizer.ggml.merges") == 280_147
    assert kept < 1.2 * size and peak < 3 * size


def test_elements_of_the_builder_agree_with_the_bytes_of_the_format() -> None:
    assert element("uint16", 258) == b"\2\1"
    assert value("string", "ab") == b"\x08\0\0\0\2\0\0\0\0\0\0\0ab"
    assert gguf_bytes({}, {})[:24] == b"GGUF\3\0\0\0" + bytes(16)
