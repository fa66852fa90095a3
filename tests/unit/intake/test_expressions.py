"""The language of rules and measures."""

import ibis
import pytest

from workbench.core.errors import ProfileError
from workbench.intake.expressions import ATTRIBUTE, check_expression, columns_in, to_ibis

KINDS = {"order_id": "id", "quantity": "quantity", "unit_price": "money", "ordered_at": "timestamp", "seen": "flag"}
KINDS |= {"points": ATTRIBUTE}


@pytest.fixture(scope="module")
def table():
    rows = {
        "order_id": ["C1", "A2", "3", None],
        "quantity": [1, -2, 0, 5],
        "unit_price": [2.5, 1.0, None, 0.1],
        "ordered_at": ["2024-01-01 10:00:00", "2024-02-01 00:00:00", None, "2024-03-01 00:00:00"],
        "seen": [True, False, None, True],
        "points": ["10", "9", "x", None],
    }
    kinds = {"quantity": "decimal(18,3)", "unit_price": "decimal(18,4)", "ordered_at": "timestamp"}
    schema = {"order_id": "string", "seen": "boolean", "points": "string"} | kinds
    texts = ibis.memtable(rows)
    return ibis.duckdb.connect().create_table("t", texts.select(**{k: texts[k].cast(v) for k, v in schema.items()}))


def chosen(table, expression):
    order_ids = table.filter(to_ibis(expression, table, KINDS).fill_null(False)).order_id
    return sorted(str(order_id) for order_id in order_ids.to_pyarrow().to_pylist())


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("quantity > 0", ["C1", "None"]),
        ("quantity >= 0 and unit_price < 2", ["None"]),
        ("order_id like 'C%'", ["C1"]),
        ("not order_id like 'C%'", ["3", "A2"]),
        ("order_id not like 'C%'", ["3", "A2"]),
        ("order_id is null", ["None"]),
        ("order_id is not null and quantity = 0", ["3"]),
        ("quantity in (1, -2)", ["A2", "C1"]),
        ("order_id not in ('C1', 'A2')", ["3"]),
        ("quantity > 0 or order_id = '3'", ["3", "C1", "None"]),
        ("not (quantity > 0 or order_id = '3')", ["A2"]),
        ("quantity > 0 or quantity < 0 and order_id = 'none'", ["C1", "None"]),
        ("ordered_at >= '2024-02-01'", ["A2", "None"]),
        ("unit_price = 0.1", ["None"]),
        ("seen = true", ["C1", "None"]),
        ("points > 9", ["C1"]),
        ("points = '9'", ["A2"]),
        ("quantity != -2", ["3", "C1", "None"]),
    ],
)
def test_expression_keeps_the_rows_for_which_it_is_true(table, expression, expected):
    assert chosen(table, expression) == expected


def test_unknown_column_is_named_with_the_nearest():
    (fault,) = check_expression("quantty > 0", KINDS, where="rules.sold")
    assert str(fault) == "rules.sold: unknown column 'quantty' in quantty > 0. Did you mean 'quantity'?"


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("", "the end where a column"),
        ("quantity >", "the end where a column, a number or quoted text was expected"),
        ("quantity > 0)", "')' after the end of the expression"),
        ("(quantity > 0", "the end where ')' was expected"),
        ("quantity", "the end where a comparison was expected"),
        ("quantity > 'a'", "quantity (quantity) compared with 'a'"),
        ("order_id = 5", "order_id (id) compared with 5"),
        ("ordered_at > 'soon'", "Expected 'YYYY-MM-DD'"),
        ("order_id = quantity", "order_id (id) against quantity (quantity)"),
        ("1 = 1", "a test that does not begin with a column"),
        ("quantity like '5%'", "'like' on quantity (quantity)"),
        ("quantity > 0; drop table t", "';' at character 13"),
        ("sleep(9) > 0", "'(' where a comparison was expected"),
        ("(" * 60 + "quantity > 0" + ")" * 60, "more than 40 nested brackets"),
    ],
)
def test_wrong_expressions_are_refused_with_a_message(expression, part):
    assert part in str(check_expression(expression, KINDS)[0])


def test_text_is_bound_and_never_becomes_a_query(table):
    assert chosen(table, "order_id = 'x'' or 1=1 --'") == []
    assert chosen(table, """order_id = "C1" """) == ["C1"]


def test_columns_are_listed_once():
    assert columns_in("quantity > 0 and (unit_price > 0 or quantity < 9)") == ["quantity", "unit_price"]


def test_using_a_wrong_expression_raises_every_fault(table):
    with pytest.raises(ProfileError) as caught:
        to_ibis("amont > 0 and qty > 0", table, KINDS)
    assert len(caught.value.faults) == 2
