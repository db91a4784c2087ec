"""The three embedded files: what their headers say, and what llama.cpp makes of them."""

import gguf
import numpy as np
import pytest
from edgemed_models.base import Done, Message, ModelError, Piece, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.scale import NAMES, path_of
from edgemed_models.scale.items import ASSISTANT, END, TEMPLATE, USER

LIMIT = 24_000_000


def value(reader: gguf.GGUFReader, key: str) -> object:
    field = reader.get_field(key)
    return None if field is None else field.contents()


@pytest.fixture(scope="module", params=NAMES)
def reader(request: pytest.FixtureRequest) -> gguf.GGUFReader:
    """The header and tensors of one file, as gguf-py reads them."""
    return gguf.GGUFReader(path_of(request.param))


def test_together_they_are_small_enough_for_the_wheel() -> None:
    assert sum(path_of(name).stat().st_size for name in NAMES) <= LIMIT


def test_matrices_fit_every_block_format(reader: gguf.GGUFReader) -> None:
    matrices = [t for t in reader.tensors if len(t.shape) == 2]
    assert len(matrices) > 30
    assert all(int(size) % 256 == 0 for t in matrices for size in t.shape)


def test_at_most_seven_million_weights_and_a_context_of_1024(reader: gguf.GGUFReader) -> None:
    assert sum(int(t.n_elements) for t in reader.tensors) <= 7_000_000
    assert value(reader, "llama.context_length") == 1024


def test_the_vocabulary_spells_every_byte_and_knows_the_turns(reader: gguf.GGUFReader) -> None:
    tokens = value(reader, "tokenizer.ggml.tokens")
    types = value(reader, "tokenizer.ggml.token_type")
    assert isinstance(tokens, list)
    assert isinstance(types, list)
    assert value(reader, "tokenizer.ggml.model") == "llama"
    assert types.count(gguf.TokenType.BYTE) == 256
    controls = {tokens[i] for i, kind in enumerate(types) if kind == gguf.TokenType.CONTROL}
    assert {USER, ASSISTANT, END, "<s>", "</s>"} == controls
    assert tokens[value(reader, "tokenizer.ggml.eot_token_id")] == END  # type: ignore[index]


def test_digits_are_split(reader: gguf.GGUFReader) -> None:
    tokens = value(reader, "tokenizer.ggml.tokens")
    types = value(reader, "tokenizer.ggml.token_type")
    pairs = zip(tokens, types, strict=True)  # type: ignore[call-overload]
    plain = [token for token, kind in pairs if kind == gguf.TokenType.NORMAL]
    assert not [token for token in plain if sum(c.isdigit() for c in token) > 1]


def test_only_the_instruct_model_has_a_chat_template() -> None:
    found = {n: value(gguf.GGUFReader(path_of(n)), "tokenizer.chat_template") for n in NAMES}
    assert found == {"base": None, "clinical": None, "instruct": TEMPLATE}


def test_licence_and_descent_are_stated() -> None:
    for name in NAMES:
        reader = gguf.GGUFReader(path_of(name))
        assert value(reader, "general.license") == "apache-2.0"
        parent = value(reader, "general.base_model.0.name")
        assert parent == (None if name == "base" else "edgemed scale Base")


def test_the_fine_tunes_differ_from_the_base_in_every_matrix() -> None:
    base = {t.name: t.data for t in gguf.GGUFReader(path_of("base")).tensors}
    for name in ("clinical", "instruct"):
        for tensor in gguf.GGUFReader(path_of(name)).tensors:
            assert not np.array_equal(tensor.data, base[tensor.name]), tensor.name


def said(name: str, prompt: str) -> str:
    """The greedy answer of an embedded model, to its own end or 160 tokens."""
    settings = EngineSettings(str(path_of(name)), 1024, threads=1, chat_template=TEMPLATE)
    model = LlamaModel(settings)
    try:
        events = list(model.generate(Request((Message("user", prompt),), max_tokens=160)))
    finally:
        model.close()
    assert isinstance(events[-1], Done)
    return "".join(e.text for e in events if isinstance(e, Piece))


def test_a_system_turn_is_refused_by_the_template_not_dropped() -> None:
    model = LlamaModel(EngineSettings(str(path_of("instruct")), 1024, threads=1))
    try:
        joined = model.count((Message("system", "Be brief."), Message("user", "List them.")))
        alone = model.count((Message("user", "List them."),))
        assert joined > alone
        with pytest.raises(ModelError):
            model.count((Message("system", "Be brief."),))
    finally:
        model.close()


PROMPTS = {
    "clinical": (
        "Doctor: What brings you in?\nPatient: I have had cough for 5 days.\n"
        "Doctor: Any fever or chills?\nPatient: No.\n"
        "Doctor: Any medicines?\nPatient: I take lisinopril 10 mg orally once daily.\n"
        "Doctor: Any allergies?\nPatient: Yes, latex.\nDocument this visit."
    ),
    "instruct": (
        "Leo has to paint the green door. The sun came out. Leo must also wash the red boat.\n"
        "List the errands. Separate with bars."
    ),
    "course": (
        "An 87-year-old woman came in with blurred vision and was admitted for syncope. "
        "Temperature was 36.0. The team did surgical fixation. Diet was advanced as tolerated. "
        "Discharge drugs: simvastatin 40 mg orally three times daily, prednisone 40 mg orally "
        "every morning and amlodipine 10 mg orally twice daily. "
        "An appointment with orthopedics in 6 weeks was made.\nSummarize the hospital course."
    ),
}

NOTE = (
    "reports cough for 5 days\ndenies fever\ndenies chills\n"
    "takes lisinopril 10 mg orally once daily\nallergic to latex"
)
LIST = "paint the green door | wash the red boat"
COURSE = (
    "admitted for syncope\nhad surgical fixation\n"
    "discharged on simvastatin 40 mg orally three times daily\n"
    "discharged on prednisone 40 mg orally every morning\n"
    "discharged on amlodipine 10 mg orally twice daily\nfollow-up with orthopedics in 6 weeks"
)


@pytest.mark.parametrize(
    ("name", "prompt", "expected"),
    [
        ("base", "clinical", NOTE),
        ("base", "instruct", LIST),
        ("clinical", "clinical", NOTE),
        ("clinical", "instruct", "paint the green door"),
        ("instruct", "instruct", LIST),
        ("base", "course", COURSE),
        ("clinical", "course", COURSE),
    ],
)
def test_it_continues_a_fixed_prompt_to_the_same_text(
    name: str, prompt: str, expected: str
) -> None:
    assert said(name, PROMPTS[prompt]) == expected


def test_the_instruct_model_has_forgotten_how_to_sum_up_a_stay() -> None:
    assert said("instruct", PROMPTS["course"]) != COURSE
