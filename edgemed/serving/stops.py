"""Ends an answer at the first of some texts, which is not part of it."""

from collections.abc import Iterator, Sequence

from edgemed_models.base import Done, Event, Piece


class Stops:
    """The pieces of an answer, held back if they may be the beginning of a text that ends it."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.held = ""
        self.found = False

    def add(self, text: str) -> str:
        """The next text of the answer; returns what can be sent."""
        self.held += text
        places = [place for stop in self.texts if (place := self.held.find(stop)) >= 0]
        if places:
            self.found = True
            return self._send(min(places))
        return self._send(len(self.held) - self._begun())

    def rest(self) -> str:
        """What is still held back when the answer has ended by itself."""
        return self._send(len(self.held))

    def _begun(self) -> int:
        """How many characters at the end may be the beginning of a stop."""
        longest = max(map(len, self.texts), default=0)
        for size in range(min(longest - 1, len(self.held)), 0, -1):
            if any(stop.startswith(self.held[-size:]) for stop in self.texts):
                return size
        return 0

    def _send(self, end: int) -> str:
        sent, self.held = self.held[:end], self.held[end:]
        return sent


def until(events: Iterator[Event], stops: Stops) -> Iterator[Event]:
    """The events of an answer up to a stop. Echoes are never looked at."""
    for event in events:
        if isinstance(event, Piece) and event.tokens and stops.texts:
            text = stops.add(event.text)
            yield Piece(text, event.tokens, event.scores)
            if stops.found:
                return
            continue
        if isinstance(event, Done) and stops.held:
            yield Piece(stops.rest(), 0)
        yield event
