"""The windows of an account's activity, and what its sums need."""

from datetime import date

import ibis
import pandas as pd

from workbench.analysis.accounts.activity import customer_activity
from workbench.analysis.accounts.portraits import portray_accounts

AS_OF = date(2025, 1, 1)
WINDOW = 30


def orders(rows) -> ibis.Table:
    frame = pd.DataFrame(rows, columns=["order_id", "customer_id", "ordered_at", "amount"])
    return ibis.memtable(frame.assign(ordered_at=pd.to_datetime(frame["ordered_at"])))


def activity(**tables) -> pd.DataFrame:
    return customer_activity(tables, as_of=AS_OF, window_days=WINDOW).set_index("customer_id")


def test_a_window_begins_with_its_first_instant_and_ends_before_the_next():
    rows = [
        ("1", "c1", "2024-12-02 00:00", 1.0),  # first instant of the last window
        ("2", "c1", "2024-12-01 23:59", 10.0),
        ("3", "c1", "2024-11-02 00:00", 100.0),  # first instant of the window before
        ("4", "c1", "2024-11-01 23:59", 1000.0),
    ]
    result = activity(transactions=orders(rows)).loc["c1"]
    assert (result["spend_recent"], result["spend_before"], result["spend"]) == (1.0, 110.0, 1111.0)
    assert (result["orders"], result["orders_recent"]) == (4, 1)


def cases(**columns) -> ibis.Table:
    opened = pd.to_datetime(["2024-12-02 00:00", "2024-12-01 23:59"])
    return ibis.memtable(pd.DataFrame({"customer_id": ["c1", "c1"], "opened_at": opened, **columns}))


def test_a_case_is_recent_from_the_first_instant_of_the_window():
    result = activity(service=cases()).loc["c1"]
    assert (result["cases"], result["cases_recent"]) == (2, 1)


def test_without_closing_dates_every_rating_counts_and_without_ratings_none():
    rated = activity(service=cases(rating=[2.0, 5.0])).loc["c1"]
    assert (rated["ratings"], rated["rating_sum"]) == (2, 7.0)
    bare = activity(service=cases()).loc["c1"]
    assert bare.get("ratings", 0) == 0 or pd.isna(bare["ratings"])


def portraits(spends: list[float]):
    firms = pd.DataFrame({"account_id": ["A", "B"]})
    contacts = pd.DataFrame({"contact_id": ["k1", "k2"], "account_id": ["A", "B"], "customer_id": ["c1", "c2"]})
    lines = [(str(at), f"c{at}", "2024-12-10", spend) for at, spend in enumerate(spends, start=1)]
    tables = {"accounts": ibis.memtable(firms), "contacts": ibis.memtable(contacts), "transactions": orders(lines)}
    return portray_accounts(tables, as_of=AS_OF)


def test_shares_of_groups_are_of_the_spend_of_all_groups():
    shares = portraits([0.3, 0.3]).groups["spend_share"].tolist()
    assert shares == [0.5, 0.5]
    assert portraits([1.0, -1.0]).groups["spend_share"].isna().all()


def test_spend_without_an_account_is_kept_to_the_cent():
    assert portraits([1.0, 1.0, 0.126]).unattributed_spend == 0.13
