"""The whole portrait of any group, its answers counted by hand: journey, cross, sizes, and what is suppressed."""

from __future__ import annotations

from datetime import date

import ibis
import pandas as pd
import pytest

from workbench.analysis.portraits.members import portray_members
from workbench.core.errors import DataError

AS_OF = date(2025, 7, 1)
IDS = [f"{at:03d}" for at in range(80)]
FEATURES = pd.DataFrame({"customer_id": IDS, "monetary_total": 10.0, "city": ["a", "b"] * 40})
INSIDE = IDS[:40]
TAGS = pd.DataFrame({
    "customer_id": IDS, "stage": ["new"] * 20 + ["old"] * 60,
    "band": ["high"] * 15 + ["low"] * 5 + ["high"] * 10 + ["low"] * 50,
})  # fmt: skip


def tables():
    """All are contacted; 30 members view two days later, 20 of these buy three days after that, no others."""
    sent = pd.DataFrame({"campaign_id": "c", "customer_id": IDS, "sent_at": pd.Timestamp("2025-01-01")})
    views = pd.DataFrame({"customer_id": IDS[:30], "occurred_at": pd.Timestamp("2025-01-03"), "type": "view"})
    orders = pd.DataFrame(
        {"order_id": IDS[:20], "customer_id": IDS[:20], "ordered_at": pd.Timestamp("2025-01-06 10:00"), "amount": 10.0}
    )
    return {
        name: ibis.memtable(frame)
        for name, frame in {"campaigns": sent, "events": views, "transactions": orders}.items()
    }


def portray(members=INSIDE, **more):
    return portray_members(FEATURES, members, tables(), as_of=AS_OF, tags=TAGS, **more)


def test_the_journey_of_the_members_has_rates_times_and_where_they_drop_off():
    journey = portray().journey.set_index("step")
    assert journey.loc[["awareness", "consideration", "purchase"], "reached"].tolist() == [40, 30, 20]
    assert journey.loc[["consideration", "purchase"], "rate"].round(6).tolist() == [0.75, 0.666667]
    assert journey.loc[["consideration", "purchase"], "days_median"].tolist() == [2.0, 3.416667]
    assert not journey.loc["use", "recorded"]


def test_two_tags_are_crossed_among_the_members_alone_and_small_cells_are_hidden():
    cross = portray(crosses=[("stage", "band")]).crosses.set_index(["first_value", "second_value"])
    # of the members: new 15 high and 5 low, old 10 high and 10 low; 5 is too few, and 15 would give it away
    assert cross.loc["new", "suppressed"].all() and cross.loc["new", "cell"].isna().all()
    assert cross["cell"].sum() in (0, 20)  # the other row is shown, or hidden with it
    assert portray(crosses=[("stage", "no_such_tag")]).crosses.empty


def test_the_whole_base_is_a_group_like_any_other():
    result = portray(IDS)
    assert result.size[["n", "share"]].to_numpy().tolist() == [[80, 1.0]]
    city = result.portrait[result.portrait["variable"] == "city"].set_index("value")
    assert city["share"].tolist() == [0.5, 0.5] and city["tgi"].tolist() == [100.0, 100.0]
    assert not result.portrait["differs"].any()
    assert result.journey["customers"].max() == 80


def test_an_empty_and_a_small_group_show_nothing():
    for members in ([], IDS[:3]):
        result = portray(members, crosses=[("stage", "band")])
        assert result.portrait["share"].isna().all() and result.portrait["median"].isna().all()
        assert result.journey["reached"].isna().all()
        assert result.crosses["cell"].isna().all()


def test_the_order_of_rows_changes_nothing():
    mixed = portray_members(
        FEATURES.sample(frac=1, random_state=1), INSIDE[::-1], tables(), as_of=AS_OF, tags=TAGS.sample(frac=1, random_state=2),
        crosses=[("stage", "band")],
    )  # fmt: skip
    straight = portray(crosses=[("stage", "band")])
    for name in ("size", "portrait", "week", "journey", "crosses"):
        pd.testing.assert_frame_equal(getattr(mixed, name), getattr(straight, name))


def test_a_stranger_among_the_members_is_refused():
    with pytest.raises(DataError, match="1 members are not customers of this base, such as 'x'"):
        portray(["x"])
