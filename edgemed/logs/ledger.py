"""The audit log as a case uses it: opened when first needed, and owing nothing for long.

What a person decides is logged before it counts: where the log refuses, it is not done. What has
happened already (a model wrote a draft) is not thrown away for that: its row is owed, and goes in
before any other.
"""

from collections import deque
from collections.abc import Callable

from edgemed.errors import EdgemedError
from edgemed.logs.audit import Entry, Log, Place

Write = Callable[[Log], Entry]


class Ledger:
    """A log, and the rows that could not be written yet."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.owed: deque[Write] = deque()
        self._log: Log | None = None

    def write(self, row: Write) -> None:
        """Write what is owed, then this row. EdgemedError: this row is not written, nothing is
        lost, and the same call may be made again."""
        self._log = self._log or Log(self.place)
        while self.owed:
            self.owed[0](self._log)
            self.owed.popleft()
        row(self._log)

    def owe(self, row: Write) -> EdgemedError | None:
        """Write a row of what has happened; where that fails it is owed, and why is returned."""
        try:
            self.write(row)
        except EdgemedError as error:
            self.owed.append(row)
            return EdgemedError(
                f"the draft is not in the audit log yet: {error.message}",
                f"it goes in with your next decision, and must before you sign; {error.hint}",
            )
        return None
