"""A card whose clinical model is an adapter in the package: folded, merged and listed, offline.

The adapter folded into the instruct model gives the clinical one; a linear merge of both at t is
the adapter at strength 1 - t, apart from the rounding of the folded file.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edgemed_models.catalog import Card, Partner, partner_path

from edgemed.errors import InvalidFile
from edgemed.local_models import adding, library


def fold_partner(card: Card, instruct: Path, tell: Callable[[str], None]) -> library.AddedModel:
    """The clinical model of `card`, made from its instruct model; listed as `NAME-clinical`."""
    from edgemed_models.machine import logical_cores

    from edgemed.adapters.naming import Use
    from edgemed.merging.plan.plan import plan_merge
    from edgemed.merging.recipe.folding import folding
    from edgemed.merging.recipe.recipe import type_word
    from edgemed.merging.run.run import run_plan

    assert card.partner is not None
    name, adapter = f"{card.name}-clinical", whole(card.partner)
    out = library.folder() / f"{name}.gguf"
    recipe = replace(folding(instruct, [Use(adapter)]), out_type=type_word(card.partner.out_type))
    result = run_plan(plan_merge(recipe, out, logical_cores(), None, replace=True))
    entry = adding.take_in(name, out, adding.digest(out, lambda nbytes: None))
    tell(f"added {name}: {adapter.name} folded in, {result.seconds:.0f} s")
    return entry


def whole(partner: Partner) -> Path:
    """The adapter's file. InvalidFile if it is not the one that the card names."""
    path = partner_path(partner)
    if not path.is_file() or adding.digest(path, lambda nbytes: None) != partner.sha256:
        raise InvalidFile(
            f"the adapter {path.name} in the package is not the one of its card",
            "install edgemed again",
        )
    return path
