"""What looks like a contradiction on a card is named; what agrees is not."""

from datetime import date

import pytest

from workbench.analysis.cards.card import CardTag, PortraitCard
from workbench.analysis.cards.tensions import tensions_of

AS_OF = date(2025, 7, 1)


def card(stage="active", *, expired=False, lists=None, **tags):
    held = tuple(
        CardTag(name, name, {}, value, {}, "predicted", AS_OF, AS_OF, None, expired, "") for name, value in tags.items()
    )
    return PortraitCard("a", AS_OF, life_cycle_stage=stage, tags=held, lists=lists or {})


@pytest.mark.parametrize(
    ("made", "names"),
    [
        (card(churn_risk="low", retention="likely"), ()),
        (card("dormant", churn_risk="high", retention="unlikely"), ()),
        (card("dormant", churn_risk="low", retention="likely"), ("stage",)),
        (card("lost", retention="likely"), ("stage",)),
        (card("new", churn_risk="high", retention="unlikely"), ("stage",)),
        (card("at_risk", churn_risk="high", retention="likely"), ("stage", "risk")),
        (card(churn_risk="low", retention="likely", lists={"keep_list": (3, 9)}), ("keep_list",)),
        (card(churn_risk="low", retention="likely", lists={"contact_list": (3, 9)}), ()),
        (card("lost", retention="likely", expired=True), ()),
        (card(None), ()),
    ],
)
def test_statements_that_seem_to_contradict_each_other_are_named(made, names):
    assert tensions_of(made) == names
