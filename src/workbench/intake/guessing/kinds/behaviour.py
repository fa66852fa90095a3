"""Events without a header: the product is the code that decides another one, its category."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.intake.guessing.headers.reasons import Reason
from workbench.intake.guessing.kinds.fitting import ENOUGH, Match, is_code
from workbench.intake.guessing.kinds.people import constant_within

if TYPE_CHECKING:
    from workbench.intake.guessing.samples import Sample
    from workbench.intake.guessing.values.facts import Facts

__all__ = ["goods_in_events"]


def goods_in_events(matches: Mapping[str, Match], sample: Sample, facts: list[Facts]) -> dict[str, Match]:
    """Return the product and, where there is one, its category among the columns that are not mapped.

    Parameters
    ----------
    matches : mapping of str to Match
        Of the events: the customer, the type and the time.
    sample : Sample
    facts : list of Facts

    Returns
    -------
    dict of str to Match
        ``product_id`` and ``category``, as doubts; empty where no code is left.
    """
    used = {match.at for match in matches.values()}
    codes = [at for at, own in enumerate(facts) if at not in used and is_code(own) and own.distinct > 1]
    doubt = (Reason("values_alone"),)
    pairs = [
        (product, category)
        for product in codes
        for category in codes
        if facts[category].distinct < facts[product].distinct
        and constant_within(sample.columns[product], sample.columns[category])
    ]
    if pairs:
        product, category = max(pairs, key=lambda pair: (facts[pair[0]].distinct, facts[pair[1]].distinct))
        return {
            "product_id": Match("product_id", product, ENOUGH, (Reason("only_codes"),), doubt),
            "category": Match("category", category, ENOUGH, (Reason("decided_by_product"),), doubt),
        }
    return {"product_id": Match("product_id", codes[0], ENOUGH, (Reason("only_codes"),), doubt)} if codes else {}
