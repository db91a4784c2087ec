"""Our verdicts on answers beside those of lm-evaluation-harness's IFEval checkers.

    python -m venv PUBLISHED && PUBLISHED/bin/pip install --no-deps lm_eval langdetect nltk six \\
        immutabledict packaging regex joblib click tqdm defusedxml
    NLTK_DATA=FOLDER python -m tests.oracles.ifeval --python PUBLISHED/bin/python \\
        --data ../shared/data --answers 40 [--seed 7] [--write]

FOLDER holds `tokenizers/punkt_tab`. Each prompt of IFEval gets so many answers, made by chance.
`--write` makes the fixture again: instructions and answers of our own, with published verdicts.
Exit code 1 if a verdict differs.
"""

import argparse
import json
import random
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.evals.following.kinds import KINDS, Instruction
from edgemed.evals.following.verdicts import loose, strict
from edgemed.evals.tasks.loaders import load
from edgemed.evals.tasks.task import read_task
from tests.edgemed.evals.answers import answer, words_of

SCRIPT = Path(__file__).with_name("ifeval_published.py")
FIXTURE = Path(__file__).parents[1] / "edgemed" / "data" / "ifeval" / "verdicts.jsonl"
EACH = 12  # answers for every instruction of the fixture
OWN: list[tuple[str, dict[str, Any]]] = [
    ("keywords:existence", {"keywords": ["clinic", "mill"]}),
    ("keywords:frequency", {"keyword": "clinic", "frequency": 3, "relation": "at least"}),
    ("keywords:frequency", {"keyword": "the", "frequency": 4, "relation": "less than"}),
    ("keywords:forbidden_words", {"forbidden_words": ["fine", "nobody"]}),
    ("keywords:letter_frequency", {"letter": "Q", "let_frequency": 2, "let_relation": "less than"}),
    ("keywords:letter_frequency", {"letter": "e", "let_frequency": 9, "let_relation": "at least"}),
    ("language:response_language", {"language": "de"}),
    ("language:response_language", {"language": "hi"}),
    ("length_constraints:number_sentences", {"num_sentences": 6, "relation": "at least"}),
    ("length_constraints:number_sentences", {"num_sentences": 4, "relation": "less than"}),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 3}),
    ("length_constraints:number_words", {"num_words": 60, "relation": "at least"}),
    ("length_constraints:number_words", {"num_words": 20, "relation": "less than"}),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "the"},
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 1, "nth_paragraph": 1, "first_word": "quoted"},
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}),
    ("detectable_format:number_bullet_lists", {"num_bullets": 3}),
    ("detectable_format:constrained_response", {}),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}),
    ("detectable_format:multiple_sections", {"section_spliter": "Section", "num_sections": 2}),
    ("detectable_format:multiple_sections", {"section_spliter": "Day", "num_sections": 1}),
    ("detectable_format:json_format", {}),
    ("detectable_format:title", {}),
    ("combination:two_responses", {}),
    ("combination:repeat_prompt", {"prompt_to_repeat": "the patient was"}),
    ("startend:end_checker", {"end_phrase": "anything else I can help with?"}),
    ("startend:quotation", {}),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 4, "capital_relation": "at least"},
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 3, "capital_relation": "less than"},
    ),
    ("change_case:english_capital", {}),
    ("change_case:english_lowercase", {}),
    ("punctuation:no_comma", {}),
]


class Asked(NamedTuple):
    """Instructions, and an answer to them."""

    instructions: tuple[Instruction, ...]
    answer: str

    def line(self) -> str:
        """As the published checkers are asked."""
        kinds = [one.kind for one in self.instructions]
        arguments = [dict(one.arguments) for one in self.instructions]
        return json.dumps({"kinds": kinds, "arguments": arguments, "answer": self.answer})


def published(python: str, asked: Sequence[Asked]) -> list[list[list[bool]]]:
    """The verdicts of the published checkers."""
    lines = "\n".join(one.line() for one in asked)
    done = subprocess.run(
        [python, str(SCRIPT)], input=lines, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return [json.loads(line) for line in done.stdout.splitlines()]


def ours(one: Asked) -> list[list[bool]]:
    """Our verdicts."""
    return [strict(one.answer, one.instructions), loose(one.answer, one.instructions)]


def of_published_prompts(data: Path, answers: int, seed: int) -> Iterator[Asked]:
    """So many answers to every prompt of IFEval."""
    for item in load(read_task("ifeval:full"), data):
        assert isinstance(item.wanted, tuple)
        kept = tuple(one for one in item.wanted if not counts_a_sign(one))  # type: ignore[arg-type]
        if kept:
            rng = random.Random(f"{seed} {item.key}")
            needed = words_of([dict(one.arguments) for one in kept])
            for _ in range(answers):
                yield Asked(kept, answer(rng, needed))


def counts_a_sign(one: Instruction) -> bool:
    """Whether the published checker would count a random letter in place of a sign."""
    letter = str(one.arguments.get("letter", "a")).lower()
    return not "a" <= letter <= "z"


def of_our_own(seed: int) -> Iterator[Asked]:
    """Half of the answers of each instruction are such that both verdicts occur, where they can."""
    for kind, arguments in OWN:
        rng, made = random.Random(f"{seed} {kind} {arguments}"), Instruction(kind, arguments)
        wanted = {True: EACH // 2, False: EACH // 2}
        for _ in range(2_000):
            if not any(wanted.values()):
                break
            one = Asked((made,), answer(rng, words_of([arguments])))
            (verdict,) = strict(one.answer, one.instructions)
            if len(one.answer) < 600 and wanted[verdict]:
                wanted[verdict] -= 1
                yield one


def compared(asked: Sequence[Asked], theirs: Sequence[list[list[bool]]]) -> int:
    """Print how many verdicts differ, by kind; returns how many do."""
    seen: Counter[str] = Counter()
    obeyed: Counter[str] = Counter()
    differ: Counter[str] = Counter()
    for one, their in zip(asked, theirs, strict=True):
        for mine, other in zip(ours(one), their, strict=True):
            for instruction, a, b in zip(one.instructions, mine, other, strict=True):
                seen[instruction.kind] += 1
                obeyed[instruction.kind] += b
                differ[instruction.kind] += a != b
    for kind in KINDS:
        print(
            f"{kind:48s} {seen[kind]:7,} verdicts, {obeyed[kind]:7,} obeyed, {differ[kind]} differ"
        )
    total = sum(differ.values())
    print(f"{len(asked):,} answers, {sum(seen.values()):,} verdicts, {total} differ")
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--answers", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if args.write:
        asked = list(of_our_own(args.seed))
        rows = zip(asked, published(args.python, asked), strict=True)
        FIXTURE.parent.mkdir(exist_ok=True)
        lines = (json.dumps(json.loads(one.line()) | {"verdicts": v}) + "\n" for one, v in rows)
        FIXTURE.write_text("".join(lines), "utf-8")
    asked = list(of_published_prompts(args.data, args.answers, args.seed))
    return 1 if compared(asked, published(args.python, asked)) else 0


if __name__ == "__main__":
    raise SystemExit(main())
