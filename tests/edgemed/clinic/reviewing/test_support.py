"""`Supported` is said only where all that was read in a claim was found."""

from edgemed.clinic.findings import Claim, Flag, Span
from edgemed.clinic.reviewing.ranking import first_then_rest
from edgemed.clinic.reviewing.review import review

TALK = "Doctor: What brings you in?\nPatient: I have had knee pain for two weeks."
NOTE = "Lisinopril 20 mg daily. Knee pain for two weeks. Mother had a stroke."


def claim(draft: str, note: str = NOTE) -> Claim:
    (only,) = review(note, draft).claims
    return only


def test_all_of_a_claim_found_is_supported() -> None:
    assert claim("Lisinopril 20 mg daily.").label == "supported"
    assert claim("Lisinopril 20 mg daily.").missing == ()


def test_what_was_not_found_is_named() -> None:
    found = claim("Intermittent knee pain for two weeks.", TALK)
    assert (found.label, found.missing) == ("partly supported", ("Intermittent",))
    assert found.says == "partly supported; not found: Intermittent"


def test_an_attribute_that_the_source_does_not_state_is_named() -> None:
    found = claim("Moderate knee pain for two weeks.", TALK)
    assert (found.label, found.missing) == ("partly supported", ("Moderate", "severity"))


def test_what_was_not_found_is_named_in_the_words_of_the_draft() -> None:
    found = claim("Metformin 500 mg by mouth.", "Metformin 500 mg twice a day.")
    assert found.missing == ("by mouth",)
    found = claim("Left wrist is unremarkable.", "Left wrist normal.")
    assert found.missing == ("unremarkable",)


def test_a_claim_without_anything_that_was_read_has_nothing_to_compare() -> None:
    assert claim("He is well.").label == "nothing to compare"


def test_the_three_gravest_stand_first_and_the_rest_keep_their_order() -> None:
    def flag(check: str, severity: str, at: int) -> Flag:
        return Flag(check, "contradicted", severity, "", Span(at, at + 1))  # type: ignore[arg-type]

    found = [flag("trend", "minor", 0), flag("site", "minor", 1), flag("dose", "major", 2),
             flag("laterality", "major", 3), flag("date", "minor", 4)]  # fmt: skip
    first, rest = first_then_rest(found)
    assert [f.check for f in first] == ["dose", "laterality", "site"]
    assert [f.check for f in rest] == ["trend", "date"]


def test_what_does_most_harm_is_major() -> None:
    (flag,) = claim("No oxycodone for pain.", "Takes oxycodone for pain.").flags or (None,)
    assert flag is None or flag.severity == "major"
