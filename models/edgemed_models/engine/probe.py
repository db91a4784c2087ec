"""Short questions to llama.cpp that need no model, each in its own process.

A build with instructions that this CPU lacks crashes when it is loaded; in a separate process the
crash becomes an answer and does not end the command.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from edgemed_models.base import ModelError
from edgemed_models.engine.memory_plan import Gpu
from edgemed_models.engine.process import hint_for, how_it_ended

GPU_BACKENDS = ("cuda", "metal", "vulkan", "hip", "sycl", "musa", "cann", "opencl", "webgpu")
SECONDS = 60  # a GPU's driver may take long to start


class Device(NamedTuple):
    """A device that llama.cpp can compute on; memory in bytes, 0 if not known."""

    name: str
    description: str
    kind: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Build:
    """The installed llama.cpp: version, instruction sets, devices."""

    version: str
    features: str
    devices: tuple[Device, ...]


def describe_build() -> Build:
    """Version, instruction sets and devices. Raises ModelError if llama.cpp cannot be loaded."""
    answer = ask({"op": "describe"})
    devices = tuple(Device(**device) for device in answer["devices"])
    return Build(answer["version"], answer["features"], devices)


def find_gpu() -> Gpu | None:
    """The GPU that llama.cpp would use; asked only if a build with GPU support is installed.

    That is the first one with its own memory, else the first integrated one.
    """
    spec = find_spec("llama_cpp")
    if spec is None or not spec.submodule_search_locations:
        return None
    libraries = Path(spec.submodule_search_locations[0]) / "lib"
    if not any(list(libraries.glob(f"*ggml-{backend}*")) for backend in GPU_BACKENDS):
        return None
    found = [device for device in describe_build().devices if "GPU" in device.kind]
    if not found:
        return None
    device = min(found, key=lambda device: device.kind != "GPU")
    apple = sys.platform == "darwin"
    shared = apple or device.kind != "GPU"
    return Gpu(device.description, device.free, device.total, shared, mapped=apple)


def check_schema(schema: str) -> None:
    """Raise ModelError if a JSON schema cannot be turned into a grammar."""
    ask({"op": "schema", "schema": schema})


def ask(question: dict[str, Any]) -> dict[str, Any]:
    """One question, one answer, one process."""
    command = [sys.executable, "-P", "-m", "edgemed_models.engine.probe"]
    data = json.dumps(question).encode()
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelError(
            f"llama.cpp does not answer: {type(error).__name__}", "try again"
        ) from None
    if done.returncode:
        log = tuple(done.stderr.decode("utf-8", "replace").splitlines()[-4:])
        ended = how_it_ended(done.returncode)
        raise ModelError(f"llama.cpp {ended} while it was loaded", hint_for(done.returncode), log)
    answer: dict[str, Any] = json.loads(done.stdout)
    if "refused" in answer:
        raise ModelError(*answer["refused"])
    return answer


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """The child's answer."""
    from edgemed_models.engine.library import functions, without_engine

    without_engine()
    functions()  # before numpy, as in a worker
    from edgemed_models.engine.devices import describe
    from edgemed_models.engine.grammar import gbnf_of

    try:
        if question["op"] == "describe":
            return describe()
        gbnf_of(question["schema"])
        return {}
    except ModelError as error:
        return {"refused": [error.message, error.hint]}


def main() -> None:
    """Read the question, write the answer."""
    import os

    from edgemed_models.engine.isolation import isolate

    isolate(os.getppid())
    sys.stdout.write(json.dumps(answer(json.loads(sys.stdin.read()))))


if __name__ == "__main__":
    main()
