"""Whether a file is a questionnaire with one column per question: most of its columns are answers on a short scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.intake.guessing.samples import Sample
    from workbench.intake.guessing.values.facts import Facts

__all__ = ["scale_columns"]

_LEAST_SCALES, _LEAST_SHARE = 8, 0.5
_POINTS = (3, 11)  # of a scale: from three to 0..10
_ENDS = (0, 10)


def scale_columns(sample: Sample, facts: list[Facts]) -> set[int]:
    """Return the positions of the columns with answers on a scale; none where the file is not a questionnaire.

    Parameters
    ----------
    sample : Sample
    facts : list of Facts
        Facts of its columns.
    """
    scales = {at for at, column in enumerate(facts) if sample.header and _is_scale(column)}
    filled = sum(bool(column.filled) for column in facts)
    return scales if len(scales) >= max(_LEAST_SCALES, _LEAST_SHARE * filled) else set()


def _is_scale(facts: Facts) -> bool:
    whole = facts.fits("integer") or facts.fits("point_zero")
    few = _POINTS[0] <= facts.distinct <= _POINTS[1] < facts.filled
    return whole and few and _ENDS[0] <= facts.low and facts.high <= _ENDS[1]
