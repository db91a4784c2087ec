"""The vital check in words, the same wherever it is shown: after the findings, a line for each
difference, or one line that there is none."""

from edgemed.clinic.findings import Review

TITLE = "Vital check"
NO_DIFFERENCE = (
    "no difference found in allergies, anticoagulants, code status, pending and abnormal results,"
    " follow-up; still read them in the note yourself"
)


def vital_lines(review: Review | None, *, named: bool = True) -> list[str]:
    """The lines to show; none for a text that was not checked.

    `named`: with the things by name, which are words of the note.
    """
    if review is None or any(claim.label == "not checked" for claim in review.claims):
        return []
    if not review.vital:
        return [NO_DIFFERENCE]
    return [line.words if named else f"{line.kind}, {line.lack}" for line in review.vital]
