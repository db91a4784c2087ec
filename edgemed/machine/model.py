"""One model on this machine: whether it can be used, whether it fits, how fast it is."""

from dataclasses import replace
from pathlib import Path

from edgemed_models.answer import collect
from edgemed_models.base import Done, Failed, Message, Request, Timings
from edgemed_models.engine.memory_plan import MemoryPlan, explain
from edgemed_models.engine.settings import EngineSettings

from edgemed.errors import EdgemedError
from edgemed.gguf import open_model
from edgemed.local_models.loading import Options, plan_model, settings_for, start
from edgemed.machine.check import Check
from edgemed.storage.sizes import show_size

# The text for the speed test: ordinary words, so that its tokens are as long as those of a note.
SAMPLE = (
    "The patient was seen for follow-up of high blood pressure and reports no chest pain. "
    "Blood pressure is 132/84 and pulse 72. The lungs are clear. Continue lisinopril 10 mg daily. "
)
SAMPLE_REPEATS, SAMPLE_ANSWER = 6, 24


def model_checks(path: Path) -> list[Check]:
    """Whether the model can be used and fits in memory, and how fast it is here."""
    try:
        model = open_model(path)
        plan = plan_model(model, Options())
    except EdgemedError as error:
        return [Check("model", "failure", error.message, error.hint)]
    weights = sum(tensor.nbytes for tensor in model.tensors.values())
    checks = [Check("model", "ok", f"{path.name}, {show_size(weights)} of weights")]
    if "tokenizer.chat_template" not in model.metadata:
        remedy = "give the chat template that its makers publish"
        checks.append(Check("chat template", "warning", "none in the file", remedy))
    checks.append(Check("fit", "ok", f"{plan.context} tokens: " + "; ".join(compact(plan))))
    return [*checks, speed_check(settings_for(path, Options(), plan))]


def compact(plan: MemoryPlan) -> list[str]:
    """The lines of the memory plan, without padding."""
    return [" ".join(line.split()) for line in explain(plan)]


def speed_check(settings: EngineSettings) -> Check:
    """Read a sample text and write a few tokens, and time both."""
    plain = "{% for m in messages %}{{ m.content }}{% endfor %}"  # the template does not matter
    try:
        model = start(replace(settings, chat_template=plain))
    except EdgemedError as error:
        return Check("speed", "failure", error.message, error.hint)
    try:
        text = SAMPLE * SAMPLE_REPEATS
        request = Request((Message("user", text),), max_tokens=SAMPLE_ANSWER)
        return speed_of(collect(model.generate(request)).end)
    finally:
        model.close()


def speed_of(end: Done | Failed | None) -> Check:
    """The sample's timings, scaled to a note of 1,000 tokens."""
    if isinstance(end, Failed):
        return Check("speed", "failure", end.message, end.hint)
    timings = end.timings if isinstance(end, Done) else Timings(0, 0.0, 0, 0.0)
    reading = timings.prompt_seconds / max(timings.prompt_tokens, 1)
    writing = timings.answer_seconds / max(timings.answer_tokens, 1)
    found = f"about {1000 * reading:.1f} s to read 1,000 note tokens, "
    found += f"{100 * writing:.1f} s to write 100 (measured over {timings.prompt_tokens} tokens)"
    if 1000 * reading <= 90:
        return Check("speed", "ok", found)
    return Check("speed", "warning", found, "use a smaller model, or a file type such as Q4_K_M")
