"""The table of merge methods: the rows of all families, defined beside their formulas."""

from edgemed.merging.methods import angles, directions, elements, sums, task_vectors
from edgemed.merging.methods.method import Method

METHODS: dict[str, Method] = (
    sums.ROWS | angles.ROWS | task_vectors.ROWS | elements.ROWS | directions.ROWS
)
