"""How often the vital check speaks, and which losses and additions of each kind it finds.

    python -m tests.bench.vital [--data DIR] [--half kept|open|both] [--each N] [--documents N]

On human-written notes held against the dialogues they were written from: lines a draft, by kind and
direction; what is said there may be right. Then sentences of each kind (`SENTENCES`, and those of
the notes that hold one of `FOUND`), planted: into the note alone (lost), into the draft alone
(added), into both in other words (no line is right), and doubtful ones into the note (unclear).
Sentences and rules have one author, those of the notes do not.
"""

import argparse
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from edgemed.clinic.findings import Vital
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read
from edgemed.clinic.sentences import split
from edgemed.clinic.vital.comparing import vital
from tests.bench.documents import Document, documents, is_kept_out
from tests.bench.intervals import grouped, interval
from tests.conftest import DATA

# Two ways to say one thing, by kind; the first is planted, the second stands for it.
SENTENCES: dict[str, tuple[tuple[str, str], ...]] = {
    "allergy": (
        ("She is allergic to penicillin.", "Penicillin allergy."),
        ("Allergies: codeine.", "Codeine causes an allergic reaction."),
        ("He had anaphylaxis to peanuts.", "Allergic to peanuts."),
        ("Allergy to latex gloves.", "She is allergic to latex."),
        ("Bactrim allergy with rash.", "Allergic to Bactrim."),
        ("Allergic to ciprofloxacin, which gave him hives.", "Allergy: Cipro."),
        ("Intolerant to statins; allergic to shellfish.", "Shellfish allergy."),
        ("Adverse reaction to morphine in the past.", "Morphine allergy."),
        ("She carries an EpiPen because she is allergic to bees.", "Bee sting allergy."),
        ("Reports an allergy to iodine contrast.", "Allergic to iodine."),
    ),
    "anticoagulant": (
        ("He takes warfarin 5 mg daily.", "On Coumadin."),
        ("Eliquis 5 mg twice a day was continued.", "Continue apixaban."),
        ("She is anticoagulated with Xarelto.", "Takes rivaroxaban."),
        ("Lovenox 40 mg subcutaneously daily.", "On enoxaparin."),
        ("Heparin drip was started.", "He is on heparin."),
        ("Pradaxa for atrial fibrillation.", "Dabigatran."),
        ("Hold warfarin for five days before surgery.", "Warfarin is held before surgery."),
        ("Stop Eliquis after the bleed.", "Apixaban was stopped."),
        ("Anticoagulation for the pulmonary embolism.", "He is on a blood thinner."),
    ),
    "code status": (
        ("Code status: DNR.", "Do not resuscitate."),
        ("The patient is full code.", "Full code."),
        ("DNR/DNI was confirmed with the family.", "Do not resuscitate, do not intubate."),
        ("She wishes comfort measures only.", "Comfort care."),
        ("He does not want to be intubated; DNI.", "Do not intubate."),
        ("Enrolled in hospice.", "Hospice care."),
    ),
    "pending result": (
        ("The urine culture is still pending.", "Urine culture pending."),
        ("Biopsy results are not back yet.", "The biopsy is pending."),
        ("Blood cultures pending at discharge.", "Awaiting blood cultures."),
        ("Pathology is outstanding; we are awaiting the report.", "Pathology is pending."),
        ("We are waiting for the MRI results.", "MRI results are pending."),
        ("The TSH has not come back.", "TSH pending."),
        ("The final read of the CT is pending.", "CT read pending."),
        ("Lyme titer was sent, result to follow.", "Lyme titer pending."),
    ),
    "abnormal result": (
        ("Potassium 5.9 [H].", "Potassium was high at 5.9."),
        ("Hemoglobin was low at 7.2.", "Anemia with hemoglobin of 7.2."),
        ("TSH is elevated.", "High TSH."),
        ("Creatinine is increased to 2.4.", "Creatinine 2.4, elevated."),
        ("Critical troponin of 3.8.", "Troponin was positive at 3.8."),
        ("Blood culture was positive.", "Positive blood culture."),
        ("Sodium low at 121.", "Hyponatremia of 121."),
        ("INR was elevated at 4.7.", "INR 4.7."),
        ("Platelets are decreased at 41.", "Low platelets, 41."),
        ("Alkaline phosphatase is high.", "Elevated alkaline phosphatase."),
    ),
    "follow-up": (
        ("Follow up in 11 weeks.", "Return in eleven weeks."),
        ("Return to clinic in 5 months.", "Follow-up in 5 months."),
        ("She will be seen again on March 23.", "Appointment on 3/23."),
        ("Recheck the INR in 9 days.", "Repeat INR in nine days."),
        ("Repeat the chest CT in 18 months.", "Chest CT to be repeated in 18 months."),
        ("Come back in 13 days.", "Follow up in 13 days."),
        ("Next appointment: November 4.", "Follow up on November 4."),
        ("See cardiology for follow-up within 16 days.", "Cardiology follow-up in 16 days."),
    ),
}  # fmt: skip
UNCLEAR: dict[str, tuple[str, ...]] = {
    "allergy": ("Allergies: unknown.", "Possible allergy to latex.", "NKDA. Allergic to codeine.",
                "He is not sure whether he is allergic to penicillin.", "Allergic to sulfa?"),
    "anticoagulant": ("Unclear whether he still takes warfarin.", "? on Eliquis.",
                      "She is unsure if she is on Xarelto."),
    "code status": ("Code status was not discussed.", "Code status: unknown.",
                    "Full code in the chart, DNR by the daughter."),
    "pending result": ("Unclear whether the biopsy result is still pending.",),
    "abnormal result": ("Potassium 6.1 [H], hemolyzed, to be repeated.",
                        "Borderline elevated TSH."),
    "follow-up": ("Follow-up to be arranged.", "Follow up, date TBD.", "Return in ? weeks."),
}  # fmt: skip
# Sentences of the notes themselves, told by a few words, without the rules' lists.
FOUND = {
    "allergy": r"allergic to (?:penicillin|sulfa|codeine|latex|aspirin|amoxicillin|morphine)",
    "anticoagulant": r"(?:warfarin|coumadin|eliquis|xarelto|heparin|lovenox|apixaban)",
    "code status": r"(?:DNR|full code|hospice)",
    "pending result": r"(?:results? (?:is|are|were) pending|pending results|awaiting)",
    "abnormal result": r"(?:hemoglobin|potassium|glucose|a1c|creatinine|white blood cell\w*)"
                       r" \w* ?(?:elevated|high|low|decreased)",
    "follow-up": r"(?:follow[ -]?up|return|see \w+) (?:\w+ ){0,4}in (?:\d+|one|two|three|six) "
                 r"(?:day|week|month)s?",
}  # fmt: skip
DIRECTIONS = {
    "lost": "not in the draft", "added": "not in the note", "unclear": "unclear in the note",
    "cut out": "not in the draft", "cut in": "not in the note",
}  # fmt: skip


class Planted(NamedTuple):
    """A note and a draft of it that differ by one sentence of a kind."""

    document: str
    kind: str
    way: str
    note: str
    draft: str
    plain: str  # what both are without it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA / "clinical")
    parser.add_argument("--half", choices=("kept", "open", "both"), default="kept")
    parser.add_argument("--each", type=int, default=60, help="planted of each kind and way")
    parser.add_argument("--documents", type=int, default=0, help="at most so many; 0: all")
    args = parser.parse_args()
    docs = [d for d in documents(args.data)
            if args.half == "both" or is_kept_out(d.name) == (args.half == "kept")]  # fmt: skip
    random.Random(11).shuffle(docs)
    docs = docs[: args.documents or None]
    for name, of in (("long", False), ("short", True)):
        speaks(name, [d for d in docs if d.name.startswith("MTS") is of])
    found(list(planted(docs, args.each)))


def speaks(name: str, docs: Sequence[Document]) -> None:
    """Lines on human-written notes held against their dialogues."""
    lines = [vital(Source(d.dialogue), read(d.note)) for d in docs]
    if not lines:
        return
    silent = sum(not found for found in lines)
    print(
        f"\n{len(docs)} {name} notes: {sum(map(len, lines)) / len(docs):.2f} lines a note, "
        f"{100 - 100 * silent / len(docs):.0f} % with any, at most {max(map(len, lines))}"
    )
    counts = Counter((line.kind, line.lack) for found in lines for line in found)
    for (kind, lack), count in sorted(counts.items()):
        print(f"  {kind:16s} {lack:20s} {count}")


def planted(docs: Sequence[Document], each: int) -> Iterator[Planted]:
    """Sentences of every kind and way, one in a note; those of the notes themselves too."""
    for kind, pairs in SENTENCES.items():
        rng = random.Random(f"vital {kind}")
        for n in range(each):
            doc, (one, other) = docs[n % len(docs)], pairs[n % len(pairs)]
            at = rng.choice(
                [m.end() for m in re.finditer(r"[.](?=\s|$)", doc.note)] or [len(doc.note)]
            )
            with_one, with_other = (f"{doc.note[:at]} {s}{doc.note[at:]}" for s in (one, other))
            yield Planted(doc.name, kind, "lost", with_one, doc.note, doc.note)
            yield Planted(doc.name, kind, "added", doc.note, with_one, doc.note)
            yield Planted(doc.name, kind, "same", with_one, with_other, doc.note)
            yield Planted(doc.name, kind, "same", with_other, with_one, doc.note)
            doubtful = UNCLEAR[kind][n % len(UNCLEAR[kind])]
            unclear = f"{doc.note[:at]} {doubtful}{doc.note[at:]}"
            yield Planted(doc.name, kind, "unclear", unclear, doc.note, doc.note)
        yield from islice(cut_out(docs, kind), 2 * each)


def cut_out(docs: Sequence[Document], kind: str) -> Iterator[Planted]:
    """Notes whose one sentence of a kind is cut out of draft or note."""
    for doc in docs:
        there = [s for s in split(doc.note) if re.search(rf"\b{FOUND[kind]}\b", s.text, re.I)]
        if len(there) == 1:
            rest = doc.note[: there[0].span.start] + doc.note[there[0].span.end :]
            yield Planted(doc.name, kind, "cut out", doc.note, rest, doc.note)
            yield Planted(doc.name, kind, "cut in", rest, doc.note, doc.note)


def found(every: Sequence[Planted]) -> None:
    """Share of planted differences with a line of their kind and direction that was not there
    before; of the same in other words, share with any line of the kind."""
    ways = ["lost", "added", "unclear", "same", "cut out", "cut in"]
    cells: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for p in every:
        cells[p.kind, p.way].append((p.document, float(is_told(p))))
    print(f"\n{'':16s} " + " ".join(f"{way:>26s}" for way in ways))
    for kind in SENTENCES:
        row = [cells[kind, way] for way in ways]
        shown = [f"{interval(grouped(c))} of {len(c)}" if c else "" for c in row]
        print(f"{kind:16s} " + " ".join(f"{cell:>26s}" for cell in shown))


def is_told(p: Planted) -> bool:
    """Whether the line is there, and not without the planted sentence."""
    here = lines_of(p.kind, vital(Source(p.note), read(p.draft)))
    before = lines_of(p.kind, vital(Source(p.plain), read(p.plain)))
    new = {line.lack for line in here if line not in before}
    if p.way == "same":
        return bool(new - {DIRECTIONS["unclear"]})
    return DIRECTIONS[p.way] in new


def lines_of(kind: str, lines: Sequence[Vital]) -> list[Vital]:
    return [line for line in lines if line.kind == kind]


if __name__ == "__main__":
    main()
