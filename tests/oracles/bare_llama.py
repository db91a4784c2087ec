"""llama-cpp-python as it is, for what is held against it.

Where its compiler broke the code for AMX, models load without the copy of the weights, for that
would end the process.
"""

import llama_cpp
from edgemed_models.engine.tiles import tiles_crash

__all__ = ["llama_cpp"]

if tiles_crash():
    defaults = llama_cpp.llama_cpp.llama_model_default_params

    def without_the_copy() -> llama_cpp.llama_cpp.llama_model_params:
        params = defaults()
        params.use_extra_bufts = False
        return params

    for module in (llama_cpp, llama_cpp.llama_cpp):
        module.llama_model_default_params = without_the_copy
