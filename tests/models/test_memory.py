"""The fit plan against the real process: what is planned covers what llama.cpp then takes."""

import re
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
from edgemed_models.base import Message, Piece, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.memory_plan import MIB
from edgemed_models.engine.tiles import tiles_crash
from edgemed_models.machine import container_limit
from edgemed_models.scale import path_of

from edgemed.errors import Refused
from edgemed.gguf import open_model
from edgemed.local_models import loading
from edgemed.local_models.header_sizes import shape_of
from edgemed.local_models.loading import Options, plan_model, settings_for

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and sets RLIMIT_DATA")


@linux
@pytest.mark.parametrize("repack", [True, False])
def test_private_memory_stays_below_the_plan_and_the_plan_is_not_idle(
    random_model: Path, repack: bool
) -> None:
    options = Options(context=4096, threads=2, repack=repack)
    plan = plan_model(open_model(random_model), options)
    model = LlamaModel(settings_for(random_model, options, plan))
    try:
        stream = model.generate(Request((Message("user", "pain " * 150),), max_tokens=3800))
        while not isinstance(next(stream), Piece):
            pass
        status = Path(f"/proc/{model.pid}/status").read_text()
        stream.close()
        log = "\n".join(model.log)
    finally:
        model.close()
    taken = int(re.findall(r"VmData:\s*(\d+)", status)[0]) * 1024
    assert taken <= plan.private <= taken + 120 * MIB
    (cache,) = re.findall(r"KV buffer size =\s*([\d.]+) MiB", log)
    assert float(cache) * MIB == plan.kv


def test_layers_for_a_gpu_that_is_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_gpu", lambda: None)
    model = open_model(path_of("instruct"))
    assert plan_model(model, Options(gpu_layers=0)).gpu_layers == 0
    with pytest.raises(Refused, match="finds no GPU"):
        plan_model(model, Options(gpu_layers=2))


@pytest.mark.parametrize("tied", [True, False])
def test_a_header_tells_the_output_from_the_embedding(tmp_path: Path, tied: bool) -> None:
    tensors = {"token_embd.weight": np.ones((8, 32), np.float32)}
    if not tied:
        tensors["output.weight"] = np.ones((4, 32), np.float32)
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_block_count(1)
    writer.add_embedding_length(32)
    for name, values in (tensors | {"blk.0.attn_q.weight": np.ones((2, 32), np.float32)}).items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    shape = shape_of(open_model(tmp_path / "m.gguf"))
    assert (shape.tied, shape.output_bytes) == (tied, 8 * 32 * 4 if tied else 4 * 32 * 4)


LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[2]), int(sys.argv[2])))
from edgemed.cli.main import main
sys.exit(main(["summarize", sys.argv[3], "--template", "soap", "--threads", "1", "--max-tokens",
               "24", "--model", sys.argv[1], "--explain", "--no-record"]))
"""


@linux
def test_under_a_limit_it_runs_with_less_or_is_refused_but_never_breaks(
    random_model: Path, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("Chest pain since Monday. No fever. Aspirin 81 mg daily.")
    seen = []
    for limit in (600, 262, 250, 120):
        command = [sys.executable, "-c", LIMITED, str(random_model), str(limit * MIB), str(note)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode in (0, 1, 3), done.stderr
        if done.returncode == 3:
            assert "MiB needed" in done.stderr and "weights, mapped from the file" in done.stderr
            seen.append("refused")
        else:
            assert "not complete" not in done.stderr or "cut at 24" in done.stderr
            seen.append("less" if "switched off" in done.stderr else "all")
    assert (
        seen[0] == ("less" if tiles_crash() else "all") and seen[-1] == "refused" and "less" in seen
    )


def limit_of(root: Path) -> tuple[int, int] | None:
    return container_limit(root, root / "own")


def test_a_containers_limit_is_read_in_both_its_forms(tmp_path: Path) -> None:
    assert limit_of(tmp_path) is None
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text("5\n")
    assert limit_of(tmp_path) is None
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("1000\n")
    assert limit_of(tmp_path) == (1000, 995)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("7\n")
    assert limit_of(tmp_path) == (1000, 995)
    (tmp_path / "memory.max").write_text("500\n")
    assert limit_of(tmp_path) == (500, 493)


def test_the_tightest_limit_on_the_way_to_the_processes_own_group_counts(tmp_path: Path) -> None:
    group = tmp_path / "user.slice" / "session"
    group.mkdir(parents=True)
    (tmp_path / "own").write_text("0::/user.slice/session\n")
    for folder, limit, used in ((group, 900, 100), (group.parent, 700, 650)):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
    assert limit_of(tmp_path) == (700, 50)
