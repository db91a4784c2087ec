"""The app with a scripted model and a synthetic note: for tests, pictures and the terminal run.

`python -m tests.tui.scripted` opens it in a terminal; only here may a scripted draft be signed.
"""

import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edgemed_models.base import LanguageModel
from edgemed_models.fake import ScriptedModel
from edgemed_tui.app import EdgemedApp
from edgemed_tui.services import ModelChoice, Services

from edgemed.clinic.findings import Claim, Flag, Label, Omission, Review, Severity, Span, Vital
from edgemed.clinic.sentences import split
from edgemed.logs.audit import LogFiles
from edgemed.machine.check import Check

NOTE = """DISCHARGE NOTE

Patient: invented, 71-year-old woman.

Reason for admission:
Three days of worsening breathlessness and swelling of both legs.

Past medical history:
Heart failure with reduced ejection fraction, atrial fibrillation, type 2 diabetes.
Allergies: penicillin (rash).

Review of systems:
[ ] fever  [x] cough  [x] ankle swelling  [ ] chest pain

Labs on admission:
Na 128 [L]  K 5.9 [H]  creatinine 1.6 mg/dL [H]
NT-proBNP 8,400 pg/mL
CT [with contrast] not done because of the creatinine. [/x]

Hospital course:
Treated with intravenous furosemide 80 mg twice daily for four days; weight fell from 82 to 76 kg.
Potassium came down to 4.6 after spironolactone was stopped.
She denies chest pain. No pneumonia on the chest film; small effusion on the left.

Medications at discharge:
Furosemide 40 mg by mouth once daily (changed from 20 mg)
Bisoprolol 2.5 mg by mouth once daily
Apixaban 5 mg by mouth twice daily
Spironolactone stopped

Follow-up:
Potassium and creatinine in one week with the family doctor.
Echocardiogram on 12 March. Blood culture pending at discharge.
"""

DRAFT = """Reason for admission
Three days of worsening breathlessness and swelling of both legs.

Hospital course
Treated with intravenous furosemide 80 mg twice daily for four days; weight fell from 82 to 76 kg. \
Potassium came down to 4.6 after spironolactone was stopped. \
No pneumonia on the chest film; small effusion on the right.

Medications at discharge
- Furosemide 80 mg by mouth once daily
- Bisoprolol 2.5 mg by mouth once daily
- Apixaban 5 mg by mouth twice daily

Follow-up
Echocardiogram on 12 March.
"""


def pieces(text: str) -> list[str]:
    """Words with the white space before them, as a model's tokens come."""
    return re.findall(r"\s*\S+|\s+$", text)


MACHINE = (
    Check("memory", "ok", "7.6 GiB"),
    Check("disk", "warning", "2 GiB free", "free some space"),
)
FLAGS = (
    (
        "laterality",
        "contradicted",
        "major",
        "right",
        "left",
        "right, the note has left",
    ),
    ("dose", "contradicted", "major", "Furosemide 80 mg", "Furosemide 40 mg", "80 mg, 40 mg"),
    ("wording", "not found", "minor", "12 March", "12 March", "a date without its year"),
)
OMISSION = Omission("allergy", "major", "an allergy of the note", Span(0, 0))


def review(source: str, draft: str) -> Review:
    """A check of known outcome: the flags whose words stand in the draft, and the allergy."""
    flags = [flag_of(source, draft, *row) for row in FLAGS if row[3] in draft]
    claims = [
        Claim(span, "contradicted" if own else "supported", evidence_of(source, draft, span), own)
        for span in [s.span for s in split(draft) if s.kind != "heading"]
        for own in [tuple(f for f in flags if span.start <= f.draft.start < span.end)]
    ]
    start = source.find("Allergies: penicillin (rash).")
    left_out = replace(OMISSION, source=Span(start, start + 29))
    lost = Vital("allergy", "not in the draft", ("penicillin",), (left_out.source,))
    if "penicillin" in draft or start < 0:
        return Review(tuple(claims), ())
    return Review(tuple(claims), (left_out,), vital=(lost,))


def flag_of(
    source: str, draft: str, check: str, label: Label, severity: Severity, *words: str
) -> Flag:
    """A flag on the first place of `words[0]` in the draft, pointing to `words[1]` in the note."""
    at, there = draft.index(words[0]), max(0, source.find(words[1]))
    spans = (Span(at, at + len(words[0])), Span(there, there + len(words[1])))
    return Flag(check, label, severity, words[2], spans[0], (spans[1],))


def evidence_of(source: str, draft: str, span: Span) -> tuple[Span, ...]:
    """The sentence of the note that begins with the same three words, if there is one."""
    start = source.find(" ".join(draft[span.start : span.end].split()[:3]))
    return () if start < 0 else (Span(start, source.index("\n", start)),)


def services(
    model: ScriptedModel | None = None, *, demonstration: bool = False, folder: Path | None = None
) -> Services:
    """Services with one scripted model and a clock that stands still."""
    scripted = model or ScriptedModel(pieces(DRAFT))
    choice = ModelChoice("scripted", "says what it was told", "00ff", demonstration)

    def open_model(chosen: ModelChoice) -> LanguageModel:
        return scripted

    home = folder or Path(tempfile.mkdtemp(prefix="edgemed-test-"))
    return Services(
        models=lambda: [choice],
        open_model=open_model,
        place=LogFiles(home / "audit.sqlite", home / "audit.key", home / "audit.seal"),
        settings=home / "screen.toml",
        sessions=home / "sessions",
        notes=home,
        review=review,
        doctor=lambda: [
            Check("memory", "ok", "7.6 GiB"),
            Check("disk", "warning", "2 GiB free", "free some space"),
        ],
        sample=NOTE,
        clock=lambda: "2026-01-02T03:04:05+00:00",
    )


def app(
    model: ScriptedModel | None = None,
    *,
    demonstration: bool = False,
    folder: Path | None = None,
    note: str | None = NOTE,
    review: Callable[[str, str], Review] = review,
) -> EdgemedApp:
    """The app on that services, with the note open; `review` may be the real check."""
    place = services(model, demonstration=demonstration, folder=folder)
    return EdgemedApp(replace(place, review=review), note)


if __name__ == "__main__":
    pace = float(sys.argv[1]) if len(sys.argv) > 1 else 0.05
    own = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    app(ScriptedModel(pieces(DRAFT), delay=pace), folder=own).run()
