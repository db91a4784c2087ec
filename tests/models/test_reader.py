"""The second reader: its pairs, its weights from the encoder, its graph, its thresholds."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from edgemed_models.encoder import encoder
from edgemed_models.encoder import read as packaged
from tokenizers import Tokenizer

from edgemed.clinic.evidence import Index
from edgemed.clinic.sentences import split
from edgemed.evals.planting import Planted
from models.encoder.reader_rows import (
    CLAIM,
    LENGTH,
    Pair,
    Visit,
    against_note,
    batches,
    evidence,
    pairs,
    row,
)
from tests.bench.reader import Scored, Thresholds, chosen, raising

TALK = (
    "Doctor: Which knee hurts?\nPatient: The left one, it is severe.\n"
    "Doctor: Any fever?\nPatient: No.\nDoctor: Keep taking lisinopril 10 milligrams."
)
NOTE = "Severe pain of the left knee. The patient denies fever. Lisinopril 10 mg daily."
VISITS = [Visit("one", TALK, NOTE), Visit("two", TALK.replace("knee", "hip"), NOTE + " No cough.")]


@pytest.fixture(scope="module")
def tokens() -> Any:
    found = Tokenizer.from_str(packaged("tokenizer.json").decode())
    found.no_padding()
    found.no_truncation()
    return found


def test_pairs_of_all_labels_are_made_and_kinds_left_out_are_not() -> None:
    made = list(pairs(VISITS, 4, left_out=("severity",)))
    assert {p.label for p in made} == {"same", "other", "not said"}
    kinds = {p.kind for p in made}
    assert "laterality" in kinds and not any(k.startswith("severity") for k in kinds)
    other = next(p for p in made if p.kind == "laterality" and p.label == "other")
    assert other.wrong is not None
    assert other.claim[slice(*other.wrong)] == "right"
    assert any("left one" in text for _, text in other.evidence)


def test_evidence_has_the_question_before_the_answer() -> None:
    index = Index([s for s in split(TALK) if s.kind != "heading"])
    assert {"Any fever?", "No."} <= {text for _, text in evidence(index, "denies fever")}


def test_against_the_note_only_what_differs_is_other() -> None:
    start = NOTE.index("left")
    draft = NOTE.replace("left", "right")
    p = Planted("laterality", "one", draft, start, start + 5, "left")
    said = [(f.claim, dict(f.evidence)[0], f.label) for f in against_note(p, NOTE)]
    assert len(said) == 4
    assert all((label == "same") == (claim in text) for claim, text, label in said)


def test_a_row_is_never_longer_than_the_reader_reads(tokens: Any) -> None:
    long = Pair("pain " * 300, ((3, "fever " * 300), (1, "cough")), "other", "", "", (0, 4))
    made = row(tokens, long)
    assert (len(made.ids), made.claim, made.wrong) == (LENGTH, CLAIM, (1,))
    short = row(tokens, Pair("no pain", ((5, "later"), (2, "before")), "same", "", ""))
    shown = tokens.decode(short.ids[short.claim : -1])
    assert shown == "before later" and not short.wrong


def test_batches_hold_every_row_once(tokens: Any) -> None:
    import random

    rows = [row(tokens, Pair("pain " * n, (), "same", str(n), "")) for n in range(1, 30)]
    found = batches(rows, 4, random.Random(1))
    assert sorted(r.kind for b in found for r in b) == sorted(r.kind for r in rows)


@pytest.fixture(scope="module")
def model() -> Iterator[Any]:
    pytest.importorskip("torch", reason="torch is not installed (extra `train`)")
    pytest.importorskip("onnx", reason="onnx is not installed (extra `encoder`)")
    from models.encoder.reader_model import Reader, shipped

    yield Reader().begin(shipped())


def test_the_weights_read_back_give_the_shipped_vectors(model: Any) -> None:
    import torch

    text = "Patient denies chest pain in the left arm."
    ids = torch.tensor([encoder()._tokenizer.encode(text).ids])
    with torch.no_grad():
        vector = model.hidden(ids, torch.zeros_like(ids)).mean(1)[0].numpy()
    assert vector @ encoder().vectors([text])[0] / np.linalg.norm(vector) > 0.99


def test_the_graph_says_what_the_module_says(model: Any) -> None:
    import onnxruntime
    import torch

    from models.encoder.reader import LARGEST
    from models.encoder.reader_graph import ReaderGraph

    torch.manual_seed(0)
    for parameter in (model.segments, model.token.weight, model.verdict.weight):
        torch.nn.init.normal_(parameter, std=0.1)
    ids = encoder()._tokenizer.encode("no fever of the left knee").ids
    claim = np.arange(len(ids)) < 3
    fed = {"ids": np.array([ids]), "segments": np.array([~claim]).astype(np.int64)}
    found = {}
    for store in ("f32", "int8"):
        data = ReaderGraph(model.tensors(), store, LARGEST).build().SerializeToString()
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        found[store] = session.run(None, fed)[0][0]
    assert len(data) <= 25e6  # the int8 one
    with torch.no_grad():
        expected = model(torch.tensor([ids]), torch.tensor(claim[None]))[0][0].numpy()
    assert np.allclose(found["f32"], expected, atol=1e-3) and np.ptp(expected) > 0.5
    assert np.corrcoef(found["int8"], expected)[0, 1] > 0.95


def drawn(n: int = 400) -> Scored:
    rng = np.random.default_rng(3)
    firm, soft, wrong = (rng.random(n) < share for share in (0.1, 0.2, 0.4))
    return Scored((), firm, soft, wrong, rng.random(n) + 0.5 * wrong)


def test_no_more_false_flags_than_the_rules_and_no_firm_flag_silenced() -> None:
    s = drawn()
    at = chosen(s)
    clean = ~s.wrong
    assert s.flagged(at)[clean].sum() <= s.rules()[clean].sum()
    assert s.flagged(at)[s.firm].all()
    assert s.flagged(at)[s.wrong].sum() > s.rules()[s.wrong].sum()


def test_without_room_nothing_is_raised() -> None:
    s = drawn()
    at = raising(s, -np.inf, 0.0)
    assert at == Thresholds(-np.inf, np.inf)
    assert (s.flagged(at) == s.rules()).all()
