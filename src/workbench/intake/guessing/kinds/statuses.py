"""Which statuses of order lines are purchases: closed, refunded, unpaid and lost ones are not."""

from __future__ import annotations

from collections import Counter

from workbench.intake.guessing.headers.parts import without_accents
from workbench.intake.guessing.headers.reasons import Reason
from workbench.intake.guessing.headers.words import value_words

__all__ = ["is_no_purchase", "status_rule"]

_MOST_VALUES, _LISTED = 40, 8


def is_no_purchase(status: str) -> bool:
    """Tell whether a status says that nothing was bought, or that it was given back."""
    plain = without_accents(status)
    return any(word in plain for word in value_words("no_purchase"))


def status_rule(counts: Counter[str], *, blanks: bool = False) -> tuple[dict[str, str], list[Reason]]:
    """Propose the rule that keeps purchases, by the values of the status with their counts.

    Parameters
    ----------
    counts : Counter
        Status to number of records.
    blanks : bool
        Some records have no status; they are kept.

    Returns
    -------
    (dict, list of Reason)
        The rule, empty where no status speaks against a purchase; the doubts that list the values.
    """
    if not counts or len(counts) > _MOST_VALUES:
        return {}, []
    won = [status for status in counts if _is_won(status)]
    left_out = [status for status in counts if is_no_purchase(status)]
    listed = ", ".join(f"{status} {count}" for status, count in counts.most_common(_LISTED))
    if won:  # of a pipeline of sales, only what is won is revenue
        rule = f"status in ({', '.join(map(_quoted, won))})"
        return {"won": rule}, [Reason("status_won", {"values": listed})]
    if left_out:
        rule = f"status not in ({', '.join(map(_quoted, left_out))})"
        rule = f"status is null or {rule}" if blanks else rule
        return {"completed": rule}, [
            Reason("status_left", {"values": listed, "count": sum(counts[s] for s in left_out)})
        ]
    if len(counts) > 1:
        return {}, [Reason("status_all", {"values": listed})]
    return {}, []


def _is_won(status: str) -> bool:
    words = without_accents(status).replace("_", " ").replace("-", " ").split()
    return any(word in words or without_accents(status) == word for word in value_words("won"))


def _quoted(status: str) -> str:
    return "'" + status.replace("'", "''") + "'"
