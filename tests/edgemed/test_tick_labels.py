"""The numbers beside an axis differ wherever the places do."""

import pytest

from edgemed.tick_labels import tick_labels


@pytest.mark.parametrize(
    ("values", "digits", "labels"),
    [
        ([1.0, 0.75, 0.5], 2, ["1.00", "0.75", "0.50"]),
        ([0.99991, 0.99993, 0.99995], 4, ["0.99991", "0.99993", "0.99995"]),
        ([0.9999, 0.99990001], 4, ["0.99990000", "0.99990001"]),
        ([2e-7, 3e-7], 2, ["0.0000002", "0.0000003"]),
        ([0.5, 0.5], 2, ["0.50", "0.50"]),
        ([1.0, 0.9875, 0.975], 2, ["1.000", "0.988", "0.975"]),
        ([0.3333333, 0.6666667], 2, ["0.33", "0.67"]),
    ],
)
def test_labels_have_as_many_digits_as_they_need(
    values: list[float], digits: int, labels: list[str]
) -> None:
    assert tick_labels(values, digits) == labels
