"""How many requests a model answers at the same time: as many as memory allows, up to a limit."""

from dataclasses import replace

from edgemed_models.engine import fit, memory_plan
from edgemed_models.engine.probe import find_gpu
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.machine import memory

from edgemed.errors import Refused
from edgemed.gguf import Model
from edgemed.local_models.header_sizes import shape_of
from edgemed.local_models.loading import Options

MOST = 8
"""The limit, unless the user gives another."""


def many_at_once(
    model: Model, settings: EngineSettings, options: Options, plan: memory_plan.MemoryPlan
) -> EngineSettings:
    """The settings of a plan with room for many requests at once.

    Raises Refused if the user's number of them does not fit.
    """
    most = options.at_once or MOST
    wish = memory_plan.Wish(tokens=0, threads=settings.threads, batch=settings.batch)
    gpu = None if options.gpu_layers == 0 else find_gpu()
    count = fit.sequences_for(shape_of(model), memory(), plan, wish, min(most, settings.batch), gpu)
    if options.at_once and count < options.at_once:
        raise Refused(
            f"{options.at_once} answers at once do not fit: there is room for {count}, "
            f"{plan.context} tokens each",
            f"ask for {count} answers at once, a smaller context, or a larger batch",
        )
    return replace(settings, sequences=count)
