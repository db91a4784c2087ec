"""Sweeps from files: what is read, what is refused with its line, which t is best and why."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemed.errors import InvalidFile
from edgemed.evals.sweep_file import (
    best,
    embedded_sweep,
    own_sweeps,
    parse_sweep,
    read_sweep,
    sweeps_folder,
)


def line(t: float, seed: int = 1, method: str = "linear", **axes: float) -> dict[str, Any]:
    scores = {
        name: {
            "mean": mean,
            "low": max(0.0, mean - 0.05),
            "high": min(1.0, mean + 0.05),
            "items": 9,
        }
        for name, mean in (axes or {"a": 0.5}).items()
    }
    return {"method": method, "type": "Q8_0", "t": t, "seed": seed, "axes": scores}


def text(*lines: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, lines))


def test_lines_become_curves_in_order_of_t_the_longest_first() -> None:
    curves = parse_sweep(text(line(1.0, 2), line(1.0), line(0.0), line(0.5)), "x")
    assert [(c.seed, [p.t for p in c.points]) for c in curves] == [(1, [0.0, 0.5, 1.0]), (2, [1.0])]
    assert curves[0].name == "linear, Q8_0, training seed 1"
    assert parse_sweep(text(line(0.5, 0)), "x")[0].name == "linear, Q8_0"


def test_the_best_t_keeps_most_where_least_is_kept() -> None:
    (curve,) = parse_sweep(
        text(line(0.0, a=0.9, b=0.1), line(0.5, a=0.72, b=0.49), line(1.0, a=0.3, b=0.7)), "x"
    )
    found = best(curve)
    assert (found.t, found.axis) == (0.5, "b")
    assert found.share == pytest.approx(0.7)
    assert found.like == ()


def test_a_t_that_the_intervals_do_not_tell_apart_is_named() -> None:
    (curve,) = parse_sweep(text(line(0.0, a=0.4), line(0.5, a=0.8), line(0.6, a=0.78)), "x")
    assert best(curve).t == 0.5
    assert best(curve).like == (0.6,)


def changed(**changes: Any) -> str:
    return text({**line(0.5), **changes})


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "holds no scores"),
        ("{", "line 1: not JSON"),
        ("[1]", "line 1: not an object"),
        (changed(method=3), "method and type"),
        (changed(type="\x1b[2J"), "method and type"),
        (changed(seed=True), "seed must be a whole number"),
        (changed(t=1.5), "t must be a number from 0 to 1"),
        (changed(t="0.5"), "t must be a number"),
        (text(line(0.5)).replace("0.5,", "NaN,", 1), "t must be a number"),
        (changed(axes={}), "axes must name"),
        (changed(axes={"a": 1}), "a must have mean"),
        (changed(axes={"a\n": {}}), "name of an axis is not printable"),
        (changed(axes={"a": {"mean": 0.5, "low": 0.6, "high": 0.7, "items": 1}}), "not between"),
        (
            changed(axes={"a": {"mean": 0.5, "low": 0.4, "high": 0.7, "items": 0}}),
            "count the items",
        ),
        (text(line(0.5), line(0.5)), "line 2: t = 0.5 occurs twice"),
        (text(line(0.4), line(0.5, b=0.1)), "line 2: its axes differ"),
    ],
)
def test_what_does_not_hold_to_the_form_is_refused_with_its_line(written: str, why: str) -> None:
    with pytest.raises(InvalidFile, match=why) as caught:
        parse_sweep(written, "file")
    assert caught.value.message.startswith("file")
    assert caught.value.hint


@given(
    st.text(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["method", "type", "t", "seed", "axes", "mean"]), inner
            )
        ),
        max_leaves=12,
    ).map(json.dumps)
)
def test_any_text_is_a_sweep_or_a_refusal(written: str) -> None:
    try:
        assert parse_sweep(written, "x")
    except InvalidFile as error:
        assert error.hint


def test_the_sweep_of_the_embedded_models_is_there_and_whole() -> None:
    name, path = embedded_sweep()
    assert name == "the embedded models" and own_sweeps() == []
    curves = read_sweep(path)
    assert {"clinical", "instruction", "composite"} == set(curves[0].axes)
    assert [curves[0].points[0].t, curves[0].points[-1].t] == [0.0, 1.0]
    assert 0.0 < best(curves[0]).t < 1.0


def test_the_users_own_sweeps_come_first_and_what_is_no_text_is_refused(tmp_path: Path) -> None:
    sweeps_folder().mkdir(parents=True)
    (sweeps_folder() / "ours.jsonl").write_text(text(line(0.5)), "utf-8")
    assert own_sweeps()[0][0] == "ours"
    (tmp_path / "x.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidFile, match="not UTF-8"):
        read_sweep(tmp_path / "x.jsonl")
    with pytest.raises(InvalidFile, match="cannot be read"):
        read_sweep(tmp_path / "none.jsonl")


def test_an_axis_without_any_score_has_no_say_and_ties_go_by_the_other_axis() -> None:
    (curve,) = parse_sweep(
        text(line(0.0, a=0.2, b=0.0), line(0.5, a=0.9, b=0.0), line(1.0, a=0.5, b=0.0)), "x"
    )
    assert best(curve)[:3] == (0.5, "a", 1.0)
    (curve,) = parse_sweep(
        text(line(0.3, a=0.9, b=0.9), line(0.4, a=0.9, b=1.0), line(1.0, a=1.0, b=0.2)), "x"
    )
    assert best(curve).t == 0.4
