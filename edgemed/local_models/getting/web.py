"""Fetches a file over https, resuming after a break. Proxies and certificates are the system's."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from edgemed.errors import EdgemedError, Refused
from edgemed.local_models.getting.part import PartFile

TRIES = 5
PATIENCE = 30.0  # seconds without a byte
PIECE = 1 << 20
PAUSE = 0.5  # seconds before the second try, doubled with every further one

BROKEN = (urllib.error.URLError, http.client.HTTPException, TimeoutError, OSError)


class HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https only."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        if not newurl.startswith("https://"):
            raise Refused(
                f"the server redirects to {newurl.split(':', 1)[0]}, which is not https",
                "nothing was fetched; tell whoever wrote the card",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, part: PartFile) -> None:
    """Add the missing bytes of `url` to `part`, in at most TRIES tries.

    Raises EdgemedError if the connection keeps failing (the bytes so far stay), Refused if the
    server has a different file.
    """
    for attempt in range(TRIES):
        try:
            once(url, part)
            if part.done == part.size:
                return
            reason = "the server closed the connection early"
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise gone(url, error.code) from None
            reason = f"the server answered {error.code}"
        except BROKEN as error:
            reason = words(error)
        if attempt + 1 < TRIES:
            time.sleep(PAUSE * 2**attempt)
    raise EdgemedError(
        f"{reason}; {part.done:,} of {part.size:,} bytes were fetched",
        "run the command again: it resumes where it stopped; or take the file from a stick",
    )


def once(url: str, part: PartFile) -> None:
    """One request for the missing bytes."""
    request = urllib.request.Request(url, headers={"User-Agent": "edgemed"})
    if part.done:
        request.add_header("Range", f"bytes={part.done}-")
    opener = urllib.request.build_opener(HttpsOnly)
    with opener.open(request, timeout=PATIENCE) as answer:
        if part.done and not goes_on(answer, part):
            part.restart()
        refuse_size(answer, part)
        part.add(pieces(answer))


def goes_on(answer: Any, part: PartFile) -> bool:
    """Whether the response starts where the part ends."""
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        return False
    where = str(answer.headers.get("Content-Range", ""))
    return where.startswith(f"bytes {part.done}-")


def refuse_size(answer: Any, part: PartFile) -> None:
    """Refuse a response whose size is not the card's."""
    stated = str(answer.headers.get("Content-Length", ""))
    if stated.isascii() and stated.isdigit() and part.done + int(stated[:20]) != part.size:
        total = part.done + int(stated[:20])
        raise Refused(
            f"the server has a file of {total:,} bytes, but the card says {part.size:,}",
            "this is not the file that the card describes; nothing was fetched",
        )


def pieces(answer: Any) -> Iterator[bytes]:
    while piece := answer.read(PIECE):
        yield piece


def gone(url: str, code: int) -> EdgemedError:
    host = url.split("/")[2]
    return EdgemedError(
        f"{host} answered {code}: the file is missing or not public",
        "take the file from a stick, or use another card",
    )


def words(error: Exception) -> str:
    """Why a connection broke, in a few words."""
    reason = getattr(error, "reason", error)
    return f"the connection failed ({reason or type(error).__name__})"
