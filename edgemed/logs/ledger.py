"""The audit log as a case uses it: opened when first needed; a row that failed is written later.

A person's decision is logged before it takes effect: if the log refuses, it is not done. What has
happened already (a model wrote a draft) is not thrown away then: its row is kept, and written
before any other.
"""

from collections import deque
from collections.abc import Callable

from edgemed.errors import EdgemedError
from edgemed.logs.audit import Entry, Log, LogFiles

Write = Callable[[Log], Entry]


class Ledger:
    """A log, and rows that are still to be written."""

    def __init__(self, place: LogFiles) -> None:
        self.place = place
        self.owed: deque[Write] = deque()
        self._log: Log | None = None

    def write(self, row: Write) -> None:
        """Write the rows that are owed, then this one. EdgemedError: this row is not written,
        nothing is lost, and the same call may be made again."""
        self.settle()
        row(self._opened())

    def settle(self) -> None:
        """Write the rows that are owed. EdgemedError if that fails: they stay owed."""
        while self.owed:
            self.owed[0](self._opened())
            self.owed.popleft()

    def _opened(self) -> Log:
        self._log = self._log or Log(self.place)
        return self._log

    def owe(self, row: Write) -> EdgemedError | None:
        """Write a row of what has happened; if that fails it is owed, and the reason returned."""
        try:
            self.write(row)
        except EdgemedError as error:
            self.owed.append(row)
            return EdgemedError(
                f"the draft is not in the audit log yet: {error.message}",
                f"it is written with your next decision, or before you sign; {error.hint}",
            )
        return None
