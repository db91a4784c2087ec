"""What one model answers to many requests, as texts that stay in memory."""

from collections.abc import Callable, Sequence

from edgemed_models.base import Request
from edgemed_models.engine.settings import EngineSettings

from edgemed.evals.asking import answered
from edgemed.local_models.loading import start


def texts(
    settings: EngineSettings,
    places: Sequence[str],
    requests: Sequence[Request],
    tell: Callable[[int, int], None],
) -> list[str]:
    """The model's answers to all requests, in their order."""
    found = dict[int, str]()
    model = start(settings)
    try:
        for number, answer in answered(places, model, requests):
            found[number] = answer.text.strip()
            tell(len(found), len(requests))
    finally:
        model.close()
    return [found[number] for number in range(len(requests))]
