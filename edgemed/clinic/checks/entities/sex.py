"""The patient's sex, compared with the source and with the rest of the draft."""

from collections.abc import Iterator

from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.sex import nouns
from edgemed.clinic.reading.source import Source


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each noun or title that disagrees with the source or the rest."""
    for told in nouns(said):
        if source.sex and source.sex != told.sex:
            reason = f"{told.sex} in the draft; the patient is {source.sex} in the note"
            yield Flag("sex", "contradicted", "major", reason, told.span)
        elif not source.sex and said.rest_says and said.rest_says != told.sex:
            reason = f"{told.sex} here; the patient is {said.rest_says} in the rest of the draft"
            yield Flag("sex", "contradicted", "major", reason, told.span)
