"""The writer: verbatim metadata with edits, planned offsets, and files other readers agree with."""

import ctypes
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from edgemed_native.ggml_types import BY_NAME, TYPES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgemed.gguf import Layout, Metadata, edit_metadata, metadata_bytes, open_model, plan_layout
from tests.edgemed.gguf_files import (
    LETTERS,
    METADATA,
    TENSORS,
    gguf_bytes,
    pair,
    small_model,
    value,
)
from tests.oracles import libggml_gguf

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=20),
    "bool": st.booleans(),
    "float32": st.floats(width=32, allow_nan=False),
    "float64": st.floats(allow_nan=False),
    **{
        f"{sign}int{bits}": st.integers(
            0 if sign else -(2 ** (bits - 1)), 2 ** (bits if sign else bits - 1) - 1
        )
        for sign in ("u", "")
        for bits in (8, 16, 32, 64)
    },
}
NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=12)
VALUES = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.one_of(
        st.tuples(st.just(kind), KINDS[kind]),
        st.tuples(st.just(kind + "[]"), st.lists(KINDS[kind], max_size=5)),
    )
)
MEANINGFUL = ("general.alignment", "split.")  # keys whose values the reader itself acts upon
METADATAS = st.dictionaries(
    NAMES.filter(lambda key: not key.startswith(MEANINGFUL)), VALUES, max_size=6
)
SHAPES = st.tuples(
    st.sampled_from(TYPES), st.integers(1, 3), st.lists(st.integers(1, 3), max_size=3)
)
TENSOR_TABLES = st.dictionaries(NAMES, SHAPES, max_size=5).map(
    lambda table: [(n, (blocks * t.block, *rest), t) for n, (t, blocks, rest) in table.items()]
)
ALIGNMENTS = st.sampled_from([None, 32, 64, 4096])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of a property."""
    return tmp_path_factory.mktemp("gguf")


def write(path: Path, layout: Layout, contents: list[bytes]) -> Path:
    """Carry a layout out: header, tensors at their offsets, zeros between."""
    whole = bytearray(layout.total_bytes)
    whole[: len(layout.header)] = layout.header
    for offset, raw in zip(layout.offsets, contents, strict=True):
        whole[offset : offset + len(raw)] = raw
    path.write_bytes(whole)
    return path


def plain(content: Any) -> Any:
    return content.tolist() if isinstance(content, np.ndarray) else content


@given(metadata=METADATAS, table=TENSOR_TABLES, alignment=ALIGNMENTS)
def test_what_is_written_is_read_back(folder, metadata, table, alignment) -> None:  # type: ignore[no-untyped-def]
    if alignment:
        metadata = {**metadata, "general.alignment": ("uint32", alignment)}
    raw = {key: value(kind, content) for key, (kind, content) in metadata.items()}
    layout = plan_layout(raw, table)
    contents = [np.random.default_rng(i).bytes(t.nbytes) for i, (_, _, t) in enumerate(table)]
    model = open_model(write(folder / "round.gguf", layout, contents))
    assert {k: (model.metadata.type_of(k), plain(model.metadata[k])) for k in metadata} == metadata
    assert [(t.name, t.shape, t.type) for t in model.tensors.values()] == table
    assert tuple(t.offset for t in model.tensors.values()) == layout.offsets
    assert model.alignment == (alignment or 32)
    assert layout.total_bytes % model.alignment == 0


@given(metadata=METADATAS, table=TENSOR_TABLES)
def test_an_unedited_copy_of_the_metadata_is_the_same_bytes(folder, metadata, table) -> None:  # type: ignore[no-untyped-def]
    specs = {n: (t.name, s, bytes(int(np.prod(s)) // t.block * t.nbytes)) for n, s, t in table}
    original = gguf_bytes(metadata, specs)
    path = folder / "copy.gguf"
    path.write_bytes(original)
    model = open_model(path)
    raw = edit_metadata(model.metadata)
    section = b"".join(pair(key, kind, content) for key, (kind, content) in metadata.items())
    assert metadata_bytes(raw) == section
    layout = plan_layout(raw, table)
    assert layout.header + bytes(layout.total_bytes - len(layout.header)) == original


@given(metadata=METADATAS)
def test_kinds_and_decoded_values_encode_to_the_same_bytes(folder, metadata) -> None:  # type: ignore[no-untyped-def]
    path = folder / "kinds.gguf"
    path.write_bytes(gguf_bytes(metadata, {}))
    found = open_model(path).metadata
    again = edit_metadata(found, replace={key: (found.type_of(key), found[key]) for key in found})
    assert again == {key: found.raw(key) for key in found}


@pytest.fixture
def small(tmp_path: Path) -> Metadata:
    return open_model(small_model(tmp_path / "small.gguf")).metadata


def test_empty_strings_and_arrays_survive_a_copy(small: Metadata) -> None:
    raw = edit_metadata(small)
    assert raw["general.license"] == value("string", "")
    assert raw["general.tags"] == value("string[]", [])


def test_an_edit_replaces_in_place_appends_in_order_and_drops(small: Metadata) -> None:
    raw = edit_metadata(
        small,
        replace={
            "z.last": ("bool", False),
            "general.name": ("string", "B"),
            "a.more": ("int32[]", np.array([1, -2], np.int32)),
        },
        drop={"general.tags", "not.there"},
    )
    kept = [key for key in METADATA if key != "general.tags"]
    assert list(raw) == [*kept, "z.last", "a.more"]
    assert raw["general.name"] == value("string", "B")
    assert raw["a.more"] == value("int32[]", [1, -2])
    assert raw["llama.context_length"] == small.raw("llama.context_length")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("uint8", 256), ("uint32", -1), ("int32", 1.5), ("float32", "1"), ("string", 7),
        ("string[]", [b"x"]), ("uint16[]", [1, 70_000]), ("float32", 1e300), ("text", "x"),
        ("array", []), ("", 1),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_its_kind_is_an_error(
    small: Metadata, kind: str, content: object
) -> None:
    with pytest.raises(ValueError, match=r"kind|value"):
        edit_metadata(small, replace={"key": (kind, content)})


def test_replacing_and_dropping_one_key_is_an_error(small: Metadata) -> None:
    with pytest.raises(ValueError, match=r"general\.name"):
        edit_metadata(small, replace={"general.name": ("string", "B")}, drop={"general.name"})


F32, Q8_0 = BY_NAME["F32"], BY_NAME["Q8_0"]


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ([("a", (4,), F32), ("a", (4,), F32)], "twice"),
        ([("", (4,), F32)], "not a valid tensor name"),
        ([("x" * 64, (4,), F32)], "not a valid tensor name"),
        ([("a", (33,), Q8_0)], "rows of 33"),
        ([("a", (4, 0), F32)], "empty"),
        ([("a", (1,) * 5, F32)], "5 dimensions"),
        ([("a", (2**31, 2**32), F32)], "counted"),
    ],
)
def test_a_layout_that_no_reader_would_accept_is_an_error(
    tensors: list[tuple[str, tuple[int, ...], Any]], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        plan_layout({}, tensors)


def test_the_alignment_is_the_metadatas() -> None:
    aligned = {"general.alignment": value("uint32", 128)}
    two = [("a", (1,), F32), ("b", (1,), F32)]
    layout = plan_layout(aligned, two)
    assert [offset % 128 for offset in layout.offsets] == [0, 0]
    assert plan_layout(aligned, two, alignment=128) == layout
    for raw, alignment in ((aligned, 32), ({}, 64)):
        with pytest.raises(ValueError, match="alignment"):
            plan_layout(raw, two, alignment=alignment)
    with pytest.raises(ValueError, match="power of two"):
        plan_layout({"general.alignment": value("uint32", 3)}, two)


@pytest.mark.parametrize("alignment", [1, 2, 4, 8, 16])
def test_an_alignment_that_llama_cpp_aborts_on_becomes_32(alignment: int, tmp_path: Path) -> None:
    key = "general.alignment"
    path = tmp_path / "narrow.gguf"
    path.write_bytes(gguf_bytes(METADATA | {key: ("uint32", alignment)}, TENSORS, alignment))
    metadata = open_model(path).metadata
    raw = edit_metadata(metadata, drop=["general.name"])
    assert raw[key] == value("uint32", 32)
    assert list(raw) == [name for name in metadata if name != "general.name"]
    with pytest.raises(ValueError, match="32 or more"):
        plan_layout(raw | {key: value("uint32", alignment)}, [])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(metadata=METADATAS, table=TENSOR_TABLES.filter(lambda t: all(x[2].id < 42 for x in t)))
def test_the_gguf_package_reads_what_is_written(folder, metadata, table) -> None:  # type: ignore[no-untyped-def]
    table = [spec for spec in table if spec[2].name != "Q8_1"]  # the package has its size wrong
    raw = {key: value(kind, content) for key, (kind, content) in metadata.items()}
    layout = plan_layout(raw, table)
    path = write(folder / "package.gguf", layout, [b""] * len(table))
    reader = gguf.GGUFReader(path)
    shapes = [(t.name, tuple(map(int, t.shape))) for t in reader.tensors]
    assert shapes == [(name, shape) for name, shape, _ in table]
    assert [int(t.data_offset) for t in reader.tensors] == list(layout.offsets)
    assert [int(t.tensor_type) for t in reader.tensors] == [t.id for _, _, t in table]
    for key, (kind, content) in metadata.items():
        field = reader.get_field(key)
        assert field is not None
        if content or not kind.endswith("[]"):
            assert field.contents() == content


def test_a_file_of_the_gguf_package_is_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "package.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("n")
    writer.add_context_length(512)
    writer.add_token_list(["a", "b", "ç"])
    writer.add_token_scores([0.5, 1.5, -2.0])
    writer.add_float64("x", 0.1)
    writer.add_int64("y", -5)
    writer.add_bool("z", True)
    weights = np.arange(96, dtype=np.float32).reshape(3, 32)
    writer.add_tensor("w", weights)
    writer.add_tensor("h", weights.astype(np.float16)[:1, :5])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model = open_model(path)
    assert {key: plain(model.metadata[key]) for key in model.metadata} == {
        "general.architecture": "llama",
        "general.name": "n",
        "llama.context_length": 512,
        "tokenizer.ggml.tokens": ["a", "b", "ç"],
        "tokenizer.ggml.scores": [0.5, 1.5, -2.0],
        "x": 0.1,
        "y": -5,
        "z": True,
    }
    tensor = model.tensors["w"]
    assert (tensor.shape, tensor.type.name) == ((32, 3), "F32")
    raw = path.read_bytes()[tensor.offset : tensor.offset + tensor.nbytes]
    assert raw == weights.tobytes()
    again = plan_layout(
        edit_metadata(model.metadata), [(t.name, t.shape, t.type) for t in model.tensors.values()]
    )
    assert path.read_bytes().startswith(again.header)
    assert again.total_bytes == path.stat().st_size


@pytest.fixture(scope="module")
def ggml() -> ctypes.CDLL:
    """libggml's own GGUF code."""
    library = libggml_gguf.load()
    if library is None:
        pytest.skip("llama-cpp-python is not installed: no libggml to compare with")
    return library


@given(metadata=METADATAS, table=TENSOR_TABLES, alignment=ALIGNMENTS)
def test_libggml_reads_a_header_and_writes_the_same_bytes(  # type: ignore[no-untyped-def]
    folder, ggml, metadata, table, alignment
) -> None:
    if alignment:
        metadata = {**metadata, "general.alignment": ("uint32", alignment)}
    raw = {key: value(kind, content) for key, (kind, content) in metadata.items()}
    layout = plan_layout(
        raw, [(name, libggml_gguf.as_written(shape), t) for name, shape, t in table]
    )
    path = write(folder / "ggml.gguf", layout, [b""] * len(table))
    assert libggml_gguf.rewritten(ggml, path) == layout.header


def test_libggml_writes_the_same_header_for_the_small_model(tmp_path: Path, ggml) -> None:  # type: ignore[no-untyped-def]
    path = small_model(tmp_path / "small.gguf")
    model = open_model(path)
    layout = plan_layout(
        edit_metadata(model.metadata), [(t.name, t.shape, t.type) for t in model.tensors.values()]
    )
    assert libggml_gguf.rewritten(ggml, path) == layout.header
    assert path.read_bytes().startswith(layout.header)
    assert layout.total_bytes == path.stat().st_size
    assert len(TENSORS) == len(layout.offsets)


def test_real_files_are_read_as_the_gguf_package_reads_them(data: Path) -> None:
    for path in (
        data / "models" / "stories260k" / "stories260K.gguf",
        data / "vocab" / "ggml-vocab-llama-spm.gguf",
    ):
        model, reader = open_model(path), gguf.GGUFReader(path)
        fields = {k: f for k, f in reader.fields.items() if not k.startswith("GGUF.")}
        assert list(model.metadata) == list(fields)
        for key, field in fields.items():
            assert plain(model.metadata[key]) == field.contents(), key
        assert [
            (t.name, tuple(map(int, t.shape)), int(t.tensor_type), int(t.data_offset))
            for t in reader.tensors
        ] == [(t.name, t.shape, t.type.id, t.offset) for t in model.tensors.values()]


def test_every_real_file_is_planned_as_it_was_written(data: Path) -> None:
    paths = [*(data / "vocab").glob("*.gguf"), *(data / "models").rglob("*.gguf")]
    assert len(paths) >= 8
    for path in paths:
        model = open_model(path)
        specs = [(t.name, t.shape, t.type) for t in model.tensors.values()]
        layout = plan_layout(edit_metadata(model.metadata), specs)
        assert layout.offsets == tuple(t.offset for t in model.tensors.values()), path
        assert path.read_bytes().startswith(layout.header.rstrip(b"\0")), path


def test_the_builders_kinds_are_all_kinds() -> None:
    assert {*LETTERS, "string"} == {*KINDS}
