"""Small files in the forms of the published tasks, with invented rows."""

import csv
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

MTS = "mts-dialog/MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv"
ACI = "aci-bench/clinicalnlp_taskB_test1.csv"
IFEVAL = "ifeval/input_data.jsonl"
MEDQA = "medqa/us-4options-test.jsonl"
MEDMCQA = "medmcqa/dev.json"
PUBMEDQA = "pubmedqa/ori_pqal.json"
MMLU = "mmlu-med/test/anatomy_test.csv"
MEQSUM = "meqsum/MeQSum_ACL2019_BenAbacha_Demner-Fushman.xlsx"
OPEN_I = "open-i/indiana_reports.csv"
BHC = "mimic-iv-bhc/mimic-iv-bhc.csv"
SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"

MTS_HEAD = ("ID", "section_header", "section_text", "dialogue")
ACI_HEAD = ("dataset", "encounter_id", "dialogue", "note")
DIALOGUE = "Doctor: Any allergies?\nPatient: Yes, penicillin. I take aspirin 81 mg daily."
NOTE = "CHIEF COMPLAINT\nCough.\nPHYSICAL EXAM\nLungs clear.\nASSESSMENT AND PLAN\nRest."


def put(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def put_csv(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def put_lines(path: Path, rows: Sequence[Any]) -> Path:
    return put(path, "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))


def put_sheet(path: Path, rows: Sequence[Sequence[str]], head: str = "") -> Path:
    """An Excel file; every text is a shared one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [cell for row in rows for cell in row]
    shared = "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
    lines, at = [], 0
    for n, row in enumerate(rows, 1):
        cells = "".join(f'<c r="{"ABC"[i]}{n}" t="s"><v>{at + i}</v></c>' for i in range(len(row)))
        lines.append(f'<row r="{n}">{cells}</row>')
        at += len(row)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/sharedStrings.xml", f'{head}<sst xmlns="{SPACE}">{shared}</sst>')
        sheet = f'<worksheet xmlns="{SPACE}"><sheetData>{"".join(lines)}</sheetData></worksheet>'
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    return path


def medqa_row(number: int = 0, **other: Any) -> dict[str, Any]:
    options = {"A": "Rest", "B": "Aspirin", "C": "Surgery", "D": "Insulin"}
    return {
        "question": f"What helps in case {number}?",
        "options": options,
        "answer_idx": "B",
    } | other


def medmcqa_row(**other: Any) -> dict[str, Any]:
    options = {"opa": "Rest", "opb": "Aspirin", "opc": "Surgery", "opd": "Insulin"}
    return {"question": "What helps?", "cop": 2, "id": "a-1", **options} | other


def ifeval_row(key: int = 1, **other: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"key": key, "prompt": "Write without commas, in 3 words or more."}
    kinds = ["punctuation:no_comma", "length_constraints:number_words"]
    given = [{}, {"num_words": 3, "relation": "at least"}]
    return row | {"instruction_id_list": kinds, "kwargs": given} | other


def pubmedqa_row(**other: Any) -> dict[str, Any]:
    return {"QUESTION": "Does it help?", "CONTEXTS": ["We tried."], "final_decision": "yes"} | other
