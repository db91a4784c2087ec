"""How many tokens a model reads for a first, a second and a third draft of one note.

    python -m tests.bench.second_draft MODEL.gguf [BATCH ...]

The note is read ahead, as the screen does while a template is chosen. Counted, not timed: on a busy
machine seconds say little.
"""

import sys
from pathlib import Path

from edgemed_models.base import Done, LanguageModel

from edgemed.clinic.note import Note, parse
from edgemed.clinic.summarizing.readahead import read_ahead
from edgemed.clinic.summarizing.summarize import prompt_of, request_of
from edgemed.clinic.summarizing.template_files import load_template
from edgemed.local_models.loading import Options, load_model
from edgemed.local_models.tuning import invented

TEMPLATES = ("soap", "discharge-summary", "referral-letter")
NOTE_TOKENS = 1800


def note_of(model: LanguageModel) -> Note:
    """Invented lines of about `NOTE_TOKENS` tokens."""
    lines, text = invented(), ""
    while model.count(prompt_of(parse(text or "x"), load_template("soap")).messages) < NOTE_TOKENS:
        text += "".join(next(lines) for _ in range(8))
    return parse(text)


def reads(path: Path, batch: int) -> list[tuple[str, int, int]]:
    """Template, tokens of the prompt, and those that were read for it."""
    model = load_model(path, Options(batch=batch), 4096)
    try:
        note = note_of(model)
        list(read_ahead(model, note))
        rows = []
        for name in TEMPLATES:
            *_, end = model.generate(request_of(prompt_of(note, load_template(name)), 1))
            assert isinstance(end, Done)
            prompt = end.timings.prompt_tokens
            rows.append((name, prompt, prompt - end.timings.kept_tokens))
        return rows
    finally:
        model.close()


if __name__ == "__main__":
    for size in [int(arg) for arg in sys.argv[2:]] or [128, 512]:
        for template, prompt_tokens, read in reads(Path(sys.argv[1]), size):
            print(f"batch {size:4}  {template:10} prompt {prompt_tokens:5}  read {read:5}")
