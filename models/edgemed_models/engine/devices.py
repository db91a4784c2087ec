"""What the installed llama.cpp can use on this machine: instruction sets and devices."""

import ctypes
from typing import Any

from edgemed_models.engine.binding import ggml_function, llama, start

DEVICE_KINDS = ("CPU", "GPU", "integrated GPU", "accelerator", "meta")  # ggml_backend_dev_type


def describe() -> dict[str, Any]:
    """Version, instruction sets by llama.cpp's names, and the devices it finds."""
    from importlib.metadata import version

    start()
    features = llama.llama_print_system_info().decode("utf-8", "replace")
    return {
        "version": version("llama-cpp-python"),
        "features": features,
        "devices": [describe_device(number) for number in range(device_count())],
    }


def device_count() -> int:
    """How many devices ggml found."""
    return int(ggml_function("ggml_backend_dev_count", ctypes.c_size_t)())


def describe_device(number: int) -> dict[str, Any]:
    """Name, kind and memory of one device."""
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    size = ctypes.POINTER(ctypes.c_size_t)
    device = ggml_function("ggml_backend_dev_get", pointer, ctypes.c_size_t)(number)
    kind = ggml_function("ggml_backend_dev_type", ctypes.c_int, pointer)(device)
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    memory = ggml_function("ggml_backend_dev_memory", None, pointer, size, size)
    memory(device, ctypes.byref(free), ctypes.byref(total))
    return {
        "name": ggml_function("ggml_backend_dev_name", text, pointer)(device).decode(),
        "description": ggml_function("ggml_backend_dev_description", text, pointer)(
            device
        ).decode(),
        "kind": DEVICE_KINDS[kind] if kind < len(DEVICE_KINDS) else "other",
        "free": free.value,
        "total": total.value,
    }
