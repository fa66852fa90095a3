"""The generated retailer: the same seed gives the same bytes; content of the files."""

import csv
import hashlib
from collections import Counter
from datetime import datetime

import pytest

from workbench.intake.demo.synthetic import TINY_BAD_ROWS, TINY_END, TINY_START, generate_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("tiny")
    generate_tiny(target)
    return target


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def good_orders(folder):
    header, *lines = rows(folder / "orders.csv")
    full = [dict(zip(header, line, strict=True)) for line in lines if len(line) == len(header)]
    return [line for line in full if line["ordered_at"][:7] >= "2024-01" and _is_time(line["ordered_at"])]


def _is_time(text):
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def digests(paths):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path, folder):
    again = digests(generate_tiny(tmp_path / "again"))
    assert again == digests(folder.iterdir())
    other = digests(generate_tiny(tmp_path / "other", seed=8))
    assert not set(again.values()) & set(other.values())


def test_files_with_the_same_content_are_left_untouched(tmp_path):
    before = [path.stat().st_mtime_ns for path in generate_tiny(tmp_path, customers=20)]
    assert [path.stat().st_mtime_ns for path in generate_tiny(tmp_path, customers=20)] == before


def test_every_customer_occurs_once_with_leading_zeros_kept(folder):
    header, *people = rows(folder / "customers.csv")
    assert header[0] == "customer_id" and len(people) == 400
    assert len({person[0] for person in people}) == 400 and people[0][0] == "000001"
    names = [person[1] for person in people]
    assert any("一" <= name[0] <= "鿿" for name in names) and any(name.isascii() for name in names)
    assert any(person[header.index("income")] == "" for person in people)


def test_broken_rows_are_as_many_as_declared(folder):
    header, *lines = rows(folder / "orders.csv")
    time_at, amount_at = header.index("ordered_at"), header.index("amount")
    counts = Counter()
    for line in lines:
        if len(line) != len(header):
            counts["missing-cell" if len(line) < len(header) else "extra-cell"] += 1
        elif not _is_time(line[time_at]):
            counts["date-invalid"] += 1
        elif not line[amount_at].replace(".", "").replace("-", "").isdigit():
            counts["number-invalid"] += 1
    assert counts == TINY_BAD_ROWS


def test_orders_lie_in_the_period_with_returns_and_anonymous_lines(folder):
    lines = good_orders(folder)
    times = [datetime.fromisoformat(line["ordered_at"]) for line in lines]
    assert TINY_START <= min(times) and max(times) < TINY_END
    assert (max(times) - min(times)).days > 500
    returns = [line for line in lines if line["order_id"].startswith("R")]
    assert 0.02 < len(returns) / len(lines) < 0.06
    assert all(line["quantity"].startswith("-") and line["amount"].startswith("-") for line in returns)
    assert 0 < sum(line["customer_id"] == "" for line in lines) / len(lines) < 0.03


def test_every_order_names_registered_customers_and_listed_products(folder):
    people = {row[0] for row in rows(folder / "customers.csv")[1:]}
    listed = {row[0] for row in rows(folder / "products.csv")[1:]}
    lines = good_orders(folder)
    assert {line["customer_id"] for line in lines} - {""} < people
    assert {line["product_id"] for line in lines} <= listed
    assert 30 <= len(listed) <= 40
    assert {row[1] for row in rows(folder / "campaigns.csv")[1:]} <= people


def test_some_customers_drop_out_and_others_stay(folder):
    last = {}
    for line in good_orders(folder):
        if line["customer_id"]:
            last[line["customer_id"]] = max(last.get(line["customer_id"], ""), line["ordered_at"])
    gone = sum(when < "2025-03-01" for when in last.values()) / len(last)
    assert 0.25 < gone < 0.75


def test_one_customer_is_enough(tmp_path):
    files = generate_tiny(tmp_path, customers=1)
    assert all(path.stat().st_size > 0 for path in files)
