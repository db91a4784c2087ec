"""Whether an existing file is exactly the output of a plan, so that no work is needed."""

from edgemed.merging.plan.fingerprints import hashes_of
from edgemed.merging.plan.placement import changes
from edgemed.merging.plan.plan import Plan
from edgemed.merging.plan.provenance import signed


def is_made(plan: Plan) -> bool:
    """Whether the output exists, complete, made by this recipe from the present bytes of its
    inputs.

    A file has its final name only when it is complete; its header says what it was made from,
    with the hash of every input. Reads every byte of the inputs, and no tensor of the output.
    """
    if len(plan.placement.shards) > 1 or not plan.out.is_file():
        return False
    layout = plan.placement.shards[0].layout
    if plan.out.stat().st_size != layout.total_bytes:
        return False
    header = bytearray(layout.header)
    with plan.out.open("rb") as file:
        found = file.read(len(header))
    hashes = hashes_of(plan.inputs, lambda: None)
    for offset, value in changes(plan.placement, signed(plan.placement.metadata, hashes)):
        header[offset : offset + len(value)] = value
    return found == header
