"""Adapters that the screen runs beside a model: shown in its list, named in records."""

from pathlib import Path

import numpy as np
from edgemed_models.scale import path_of
from edgemed_tui.desk import origin_of
from edgemed_tui.machine import desk

from edgemed.adapters.adapter import Adapter, Pair
from edgemed.adapters.gguf_form import write_adapter
from edgemed.adapters.naming import Use
from edgemed.clinic.template import load_template
from edgemed.local_models.loading import Options
from edgemed.merging.plan.fingerprints import sha256_of


def test_adapters_are_shown_and_recorded(tmp_path: Path) -> None:
    path = tmp_path / "letters.gguf"
    pair = Pair(np.ones((1, 8), "f4"), np.ones((8, 1), "f4"), 1.0)
    write_adapter(path, Adapter("llama", {"blk.0.attn_q.weight": pair}))
    at_work = desk(str(path_of("instruct")), Options(adapters=(Use(path, 0.5),)))
    choice = at_work.models()[0]
    assert "with letters.gguf:0.5" in choice.about
    origin = origin_of(at_work.hashes_of(choice), load_template("soap"), 512)
    assert dict(origin.settings)["adapters"] == f"letters.gguf:0.5 sha256 {sha256_of(path)}"
    plain = desk(str(path_of("instruct")), Options())
    assert "adapters" not in dict(origin_of(plain.models()[0], load_template("soap"), 1).settings)
