"""A chat template may loop, swell, nest or crash: it costs a refusal with the limit's number."""

import sys
from collections.abc import Iterator

import pytest
from edgemed_models.base import Message, ModelError
from edgemed_models.engine import renderer as module
from edgemed_models.engine.prompt import TemplateRefusal, segments
from edgemed_models.engine.renderer import Renderer

TURNS = [("user", "x")]
PLAIN = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    running = Renderer()
    yield running
    running.end()


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        # one operation, which no signal interrupts
        "{% set x = 9 ** (9 ** (8 + messages | length)) %}",
    ],
)
def test_a_template_that_runs_on_is_stopped(
    template: str, renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.5)
    with pytest.raises(ModelError, match=r"longer than 0\.5 seconds") as refused:
        renderer.render(template, TURNS, {})
    assert "chat template" in refused.value.hint
    monkeypatch.undo()
    assert renderer.render(PLAIN, TURNS, {"bos_token": "<s>"}) == "<s>x"


@pytest.mark.skipif(sys.platform == "win32", reason="a process's memory is limited by POSIX alone")
@pytest.mark.parametrize("template", ["{% set x = 'a' * 6000000000 %}", "{{ 'ab' * 400000000 }}"])
def test_a_template_that_takes_gigabytes_is_refused(template: str, renderer: Renderer) -> None:
    with pytest.raises(ModelError, match="512 MiB"):
        renderer.render(template, TURNS, {})


@pytest.mark.parametrize(
    ("template", "number"),
    [
        ("{{ 'ab' * 1000000 }}", "1,048,576 char"),
        (" " * 2_000_000, "1,048,576"),
        ("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}", "the chat template"),
        ("{% if 1 %}" * 3000 + "{% endif %}" * 3000, "the chat template"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "the chat template"),
        ("{{ 1 / 0 }}", "the chat template"),
        ("{{ messages[9].content[3] }}", "the chat template"),
    ],
    ids=["long result", "long", "deep expression", "deep blocks", "endless macro", "zero", "index"],
)
def test_what_is_too_long_too_deep_or_wrong_is_a_refusal(
    template: str, number: str, renderer: Renderer
) -> None:
    with pytest.raises(ModelError, match=number) as refused:
        renderer.render(template, TURNS, {})
    assert len(refused.value.message) < 300 and "chat template" in refused.value.hint
    assert renderer.render(PLAIN, TURNS, {}) == "x"


def test_a_templates_own_refusal_and_roles_pass_through(renderer: Renderer) -> None:
    with pytest.raises(TemplateRefusal, match="no system"):
        renderer.render("{{ raise_exception('no system') }}", TURNS, {})
    told = (Message("system", "Be exact."), Message("user", "BP 120/80"))
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + PLAIN
    found = segments(strict, told, "<s>", "</s>", renderer.render)
    assert [s.text for s in found] == ["<s>", "Be exact.", "\n\n", "BP 120/80"]


def test_a_child_that_died_idle_is_replaced(renderer: Renderer) -> None:
    assert renderer.render(PLAIN, TURNS, {}) == "x"
    assert renderer._child is not None
    renderer._child.kill()
    renderer._child.wait()
    assert renderer.render(PLAIN, [("user", "y")], {}) == "y"
