"""Today is the day of the shop, not that of the machine."""

import datetime as dt

import pytest

from workbench.core.params.shop_day import shop_day
from workbench.core.params.sources import SourceParams

QUARTER_PAST_SIX_IN_SHANGHAI = dt.datetime(2026, 11, 29, 22, 15, tzinfo=dt.UTC)


def source(zone):
    formats = {"time_zone": zone} if zone else {}
    columns = {"order_id": "a", "ordered_at": "b"}
    return SourceParams(path="data/raw/a.csv", table="transactions", columns=columns, formats=formats)


@pytest.mark.parametrize(
    ("zones", "day"),
    [
        (["Asia/Shanghai"], 30),
        (["UTC"], 29),
        (["America/New_York"], 29),
        (["America/New_York", "Asia/Shanghai"], 30),
        ([None], 30),  # a morning somewhere on earth
        ([], 30),
    ],
)
def test_the_day_is_the_latest_of_the_declared_zones(zones, day):
    days = shop_day([source(zone) for zone in zones], QUARTER_PAST_SIX_IN_SHANGHAI)
    assert days == dt.date(2026, 11, day)
