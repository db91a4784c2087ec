"""Everything the reader refuses, by name and with a remedy; broken headers by the thousand."""

import io
import random
import struct
import tracemalloc
from pathlib import Path

import pytest
from edgemed_native.ggml_types import BY_ID, REMOVED
from hypothesis import given
from hypothesis import strategies as st

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.gguf import open_model
from edgemed.gguf.foreign import IK_LLAMA_TYPES
from edgemed.gguf.model import parse
from tests.bench.fuzz_gguf import SEEDS, mutate, run_case
from tests.edgemed.gguf_files import assemble, pair, row, small_model, string
from tests.oracles import libggml_gguf

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
    "safetensors": (u64(70) + b'{"__metadata__":{}}', "safetensors", "edgemed convert FOLDER"),
    "checkpoint": (b"PK\3\4" + bytes(40), "PyTorch", "convert_hf_to_gguf"),
    "pickle": (b"\x80\x02}q\0" + bytes(40), "pickle", "convert_hf_to_gguf"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS", "git lfs pull"),
    "web page": (b"\n<!DOCTYPE html><html>" + bytes(30), "web page", "download"),
    "JSON": (b'{"error": "no"}' + bytes(20), "JSON", "download"),
    "error text": (b"Entry not found", "download error", "account"),
    "gzip": (b"\x1f\x8b\x08" + bytes(30), "compressed", "unpack"),
    "zeros": (bytes(64), "all zeros", "download"),
    "another file": (b"hello, world" * 5, "b'hell'", "model file"),
    "three bytes": (b"GGU", "not a GGUF", "model file"),
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
    "duplicate key": (assemble([KEY, KEY]), "key 'k' occurs twice", PUBLISHER),
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
        assemble([claimed("k", 9, struct.pack("<IQ", 8, 2**21))]),
        "value of 'k' would end at byte 16,777,",
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
        "'w' occurs twice",
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
        "rows of 33 weights; Q8_0 needs a multiple of 32",
        PUBLISHER,
    ),
    "half a super-block": (
        assemble([], [row("w", (128, 2), "Q4_K", 0)], bytes(160)),
        "rows of 128 weights; Q4_K needs a multiple of 256",
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


def test_removed_types_and_those_of_forks_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    for type_id, name in (REMOVED | IK_LLAMA_TYPES).items():
        path.write_bytes(assemble([], [row("w", (256,), type_id, 0)], bytes(512)))
        with pytest.raises(InvalidFile) as refusal:
            open_model(path)
        assert f"'w' has type {type_id} ({name})" in refusal.value.message


def test_no_fork_or_removed_id_is_one_that_can_be_read() -> None:
    assert not BY_ID.keys() & (REMOVED.keys() | IK_LLAMA_TYPES.keys())


def test_a_download_that_stopped_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    whole = SEEDS[0]
    last_padding = 4
    for length in range(len(whole) - last_padding):
        path.write_bytes(whole[:length])
        with pytest.raises(InvalidFile):
            open_model(path)


@pytest.mark.parametrize("element", ["string", "uint8", "float64", "one string"])
def test_a_claim_that_a_large_file_could_hold_is_refused_before_memory_is_taken(
    tmp_path: Path, element: str
) -> None:
    path = tmp_path / "sparse.gguf"
    claims = 2**29
    value = {
        "string": claimed("k", 9, struct.pack("<IQ", 8, claims)),
        "uint8": claimed("k", 9, struct.pack("<IQ", 0, claims)),
        "float64": claimed("k", 9, struct.pack("<IQ", 12, claims)),
        "one string": claimed("k", 8, u64(claims)),
    }[element]
    with path.open("wb") as file:
        file.write(assemble([value]))
        file.truncate(2**34)
    tracemalloc.start()
    with pytest.raises(InvalidFile, match=r"past the limit of|the limit is 2,097,152"):
        open_model(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_names_in_a_refusal_cannot_move_the_cursor(tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(assemble([], [row("\x1b[2J\u202ew", (4,), 1000, 0)], bytes(32)))
    with pytest.raises(InvalidFile) as refusal:
        open_model(path)
    assert r"'\x1b[2J\u202ew'" in refusal.value.message
    assert refusal.value.message.isprintable()


def test_a_file_that_shrinks_while_it_is_read_is_refused() -> None:
    whole = SEEDS[0]
    with pytest.raises(InvalidFile, match="became shorter"):
        parse(io.BytesIO(whole[:-40]), len(whole), Path("shrinking.gguf"))


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


def test_whatever_libggml_refuses_is_refused_but_gaps_between_tensors(tmp_path: Path) -> None:
    if libggml_gguf.load() is None:
        pytest.skip("llama-cpp-python is not installed: no libggml to compare with")
    rng = random.Random(7)
    cases = [mutate(rng) for _ in range(1500)]
    paths = [tmp_path / f"{number}.gguf" for number in range(len(cases))]
    for path, case in zip(paths, cases, strict=True):
        path.write_bytes(case)
    complaints = libggml_gguf.complaints(paths)
    outcomes = [run_case(case) for case in cases]
    assert 100 < complaints.count(None) < 1000
    for path, complaint, outcome in zip(paths, complaints, outcomes, strict=True):
        if complaint is not None and outcome == "accepted":
            assert "has offset" in complaint and ", expected" in complaint, path
