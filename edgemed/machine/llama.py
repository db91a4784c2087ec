"""Whether the installed llama.cpp uses what this processor can do, and the devices it finds."""

from collections.abc import Iterator

from edgemed_models import machine
from edgemed_models.engine.probe import Build
from edgemed_models.engine.tiles import tiles_crash

from edgemed.machine.check import Check
from edgemed.storage.sizes import show_size

# Instruction sets that make llama.cpp faster: its names, and Linux's names for them.
INSTRUCTIONS = {
    "AVX": "avx",
    "AVX2": "avx2",
    "FMA": "fma",
    "F16C": "f16c",
    "BMI2": "bmi2",
    "AVX512": "avx512f",
    "AVX512_VNNI": "avx512_vnni",
    "DOTPROD": "asimddp",
    "MATMUL_INT8": "i8mm",
}
MATTERS = ("AVX2", "FMA", "F16C", "DOTPROD")  # without these, models run several times slower

CRASHES = (
    "the compiler of this llama.cpp miscompiled its AMX code: models run without it and read notes "
    "more slowly"
)
OTHER_BUILD = "build llama-cpp-python with GCC 14, or with CMAKE_ARGS=-DGGML_NATIVE=OFF set"


def build_checks(build: Build) -> Iterator[Check]:
    """Whether the llama.cpp build fits this processor, and the devices it finds."""
    used = features_of(build.features)
    mine = machine.cpu_features()
    unused = [name for name, flag in INSTRUCTIONS.items() if flag in mine and name not in used]
    listed = ", ".join(sorted(used)) or "none"
    slow = [name for name in unused if name in MATTERS]
    remedy = (
        f"this build does not use {', '.join(slow)} and is slow: install the CPU wheel, or build "
        "llama-cpp-python from source on this machine"
    )
    found = f"llama-cpp-python {build.version}, uses {listed}"
    yield Check("llama.cpp", "warning" if slow else "ok", found, remedy if slow else "")
    if tiles_crash():
        yield Check("AMX", "warning", CRASHES, OTHER_BUILD)
    for device in build.devices:
        size = f", {show_size(device.free)} of {show_size(device.total)} free"
        yield Check("device", "ok", f"{device.kind}: {device.description}{size}")


def features_of(text: str) -> set[str]:
    """The instruction sets switched on in llama.cpp's own line: `CPU : AVX2 = 1 | FMA = 1 | `."""
    parts = [part.split("=") for part in text.replace("CPU :", "").split("|") if "=" in part]
    return {name.strip() for name, value in parts if value.strip() == "1"}
