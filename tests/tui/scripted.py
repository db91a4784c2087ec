"""The app with a scripted model and a synthetic note: for tests, pictures and the terminal run.

`python -m tests.tui.scripted` opens it in a terminal; only here may a scripted draft be signed.
"""

import re
import sys

from edgemed_models.base import Model
from edgemed_models.fake import ScriptedModel
from edgemed_tui.app import EdgemedApp
from edgemed_tui.desk import Desk, ModelChoice

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


def desk(model: ScriptedModel | None = None, *, demonstration: bool = False) -> Desk:
    """A desk with one scripted model and a clock that stands still."""
    scripted = model or ScriptedModel(pieces(DRAFT))
    choice = ModelChoice("scripted", "says what it was told", "00ff", demonstration)

    def open_model(chosen: ModelChoice) -> Model:
        return scripted

    return Desk(lambda: [choice], open_model, clock=lambda: "2026-01-02T03:04:05+00:00")


def app(model: ScriptedModel | None = None, *, demonstration: bool = False) -> EdgemedApp:
    """The app on that desk, with the note open."""
    return EdgemedApp(desk(model, demonstration=demonstration), NOTE)


if __name__ == "__main__":
    pace = float(sys.argv[1]) if len(sys.argv) > 1 else 0.05
    app(ScriptedModel(pieces(DRAFT), delay=pace)).run()
