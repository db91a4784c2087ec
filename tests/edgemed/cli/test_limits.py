"""What is read from outside is counted before it costs anything; a refusal says the number."""

import json
from pathlib import Path

import pytest
from edgemed_models.base import ModelError
from edgemed_models.engine.grammar import gbnf_of
from edgemed_models.scale import path_of

from edgemed.clinic.note import read_note
from edgemed.clinic.summarizing.template import readable
from edgemed.clinic.summarizing.template_files import list_templates, read_template
from edgemed.errors import EdgemedError, InvalidFile, Refused, UsageError
from edgemed.evals.cases import case_of
from edgemed.gguf import open_model
from edgemed.gguf.values import MAX_STRINGS
from edgemed.local_models import library
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.documents import Strict, documents
from edgemed.merging.recipe.recipe_file import parse_recipe
from edgemed.quantizing.imatrix import read_imatrices
from edgemed.storage.bounded import BYTES, NESTING, json_of, read_bounded, toml_of
from tests.edgemed.gguf_files import assemble, string

TEMPLATE = (
    'title = "a"\npurpose = "b"\ninstruction = "c"\nversion = 1\nmax_tokens = 100\nform = "json"\n'
)
LAUGHS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_and_toml_are_read_to_a_stated_depth(opening: str) -> None:
    closing = "]" if opening == "[" else "}"

    def nested(levels: int) -> str:
        return opening * levels + ("" if opening == "[" else "1") + closing * levels

    assert json_of(nested(NESTING))
    for levels in (NESTING + 2, 500, 100_000):
        with pytest.raises(ValueError, match=f"deeper than {NESTING} levels"):
            json_of(nested(levels))
    with pytest.raises(ValueError, match=f"{NESTING} levels"):
        toml_of("x = " + "[" * 5000 + "]" * 5000)


@pytest.mark.parametrize(
    "schema",
    [
        "schema = {a = " + "[" * 5000 + "]" * 5000 + "}",
        "[schema." + ".".join("a" * 3000) + "]\nx = 1",
        "schema = " + "{a = " * 400 + "1" + "}" * 400,
    ],
    ids=["lists", "dotted", "tables"],
)
def test_a_deep_template_is_refused_with_the_number(schema: str, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(TEMPLATE + schema)
    with pytest.raises(InvalidFile, match=f"deeper than {NESTING} levels"):
        read_template("x", path)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "<<: {"])
def test_yaml_is_read_to_its_depth_and_no_further(
    opening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = [0]
    fetch = Strict.fetch_more_tokens

    def counted(self: Strict) -> None:
        fetched[0] += 1
        fetch(self)

    monkeypatch.setattr(Strict, "fetch_more_tokens", counted)
    with pytest.raises(UsageError, match=f"r.yml is not YAML: .* deeper than {NESTING} levels"):
        documents(opening * (120_000 // len(opening)), "r.yml")
    assert fetched[0] < 2000
    assert documents("[" * NESTING + "]" * NESTING, "r.yml")
    with pytest.raises(UsageError, match=f"deeper than {NESTING} levels"):
        documents("[" * (NESTING + 2) + "]" * (NESTING + 2), "r.yml")


def test_files_are_read_to_their_limit_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_bytes(b"#" * (BYTES["template"] + 1))
    with pytest.raises(InvalidFile, match="262,144 bytes"):
        read_template("x", path)
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing: only the limit is read
    with pytest.raises(InvalidFile, match="16,777,216 bytes") as refused:
        read_note(path)
    assert str(path) not in str(refused.value)
    for kind, most in BYTES.items():
        with pytest.raises(InvalidFile, match=f"{most:,} bytes"):
            read_bounded(path, kind)


@pytest.mark.parametrize(
    ("schema", "number"),
    [
        ({"type": "array", "items": {"type": "string"}, "maxItems": 100_000_000}, "100,000,000"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 1e300}, "more than 10,000"),
        ({"type": "string", "pattern": "^a{1,90000000}$"}, "90,000,000"),
        ({"properties": {f"a{i}": {"maxLength": 9000} for i in range(9)}}, "81,000"),
        ({"enum": ["x"] * 30_000}, "20,000 parts"),
        ({"description": "x" * 300_000}, "262,144"),
    ],
)
def test_a_schema_that_would_be_a_huge_grammar_is_refused(
    schema: dict[str, object], number: str
) -> None:
    with pytest.raises(ModelError, match=number):
        gbnf_of(json.dumps(schema))


@pytest.mark.parametrize("levels", [100, 20_000])
def test_a_deep_schema_is_refused(levels: int) -> None:
    with pytest.raises(ModelError, match="64 levels"):
        gbnf_of('{"items":' * levels + "{}" + "}" * levels)


def test_the_packaged_schemas_are_far_below_the_limits() -> None:
    structured = [t.schema_text for t in list_templates() if t.schema_text]
    assert len(structured) >= 2 and all(gbnf_of(text) for text in structured)


def test_a_deep_draft_is_no_draft() -> None:
    template = next(t for t in list_templates() if t.form == "json")
    with pytest.raises(EdgemedError, match="not complete JSON"):
        readable(template, "[" * 100_000 + "]" * 100_000)


def test_a_recipe_makes_no_more_blocks_than_llama_runs(tmp_path: Path) -> None:
    one = "- sources:\n  - {model: clinical.gguf, layer_range: [0, 4]}\n"
    text = "merge_method: linear\nparameters: {weight: 1}\nslices:\n" + one * 129
    recipe = parse_recipe(text, path_of("clinical").parent, "recipe")
    with pytest.raises(Refused, match=r"516 blocks, .* at most 512"):
        plan_merge(recipe, tmp_path / "m.gguf", 1, None)


@pytest.mark.parametrize("text", [LAUGHS, "- " * 5000 + "a"], ids=["aliases", "depth"])
def test_aliases_and_depth_in_a_recipe_are_refused(text: str) -> None:
    with pytest.raises(EdgemedError):
        parse_recipe(text, Path(), "recipe")


def test_a_header_may_not_claim_more_strings_than_any_vocabulary_has(tmp_path: Path) -> None:
    count = (MAX_STRINGS + 1).to_bytes(8, "little")
    path = tmp_path / "m.gguf"
    array = b"\x09\0\0\0\x08\0\0\0" + count
    path.write_bytes(assemble([string("a.b") + array + bytes(8 * (MAX_STRINGS + 1))]))
    with pytest.raises(InvalidFile, match="2,097,153 elements, the limit is 2,097,152"):
        open_model(path)


def test_an_importance_matrix_that_claims_many_entries_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.imatrix"
    path.write_bytes((2**31 - 1).to_bytes(4, "little") + bytes(64))
    with pytest.raises(InvalidFile, match="2,147,483,647 entries, the limit is 131,072"):
        read_imatrices([path])


def test_a_deep_list_of_models_and_a_deep_case_are_refused() -> None:
    library.folder().mkdir(parents=True)
    (library.folder() / "library.json").write_text('{"entries": ' + "[" * 9000 + "]" * 9000 + "}")
    with pytest.raises(EdgemedError, match="damaged"):
        library.read_library()
    with pytest.raises(InvalidFile, match="not JSON"):
        case_of('{"axis": ' + "[" * 90_000 + "]" * 90_000 + "}", "line 1")
