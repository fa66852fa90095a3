"""Generate companies that buy from a maker of laboratory supplies: the raw files of the ``b2b`` profile.

Groups with subsidiaries, buying committees, contacts who order and complain. For account health some accounts are
fading and some depend on one contact; one contact works for two accounts, one parent is not in the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.files import write_text

__all__ = ["BUSINESS_END", "BUSINESS_START", "generate_business"]

BUSINESS_START, BUSINESS_END = date(2022, 1, 1), date(2025, 1, 1)  # orders lie in [start, end)
DAYS = (BUSINESS_END - BUSINESS_START).days
INDUSTRIES = ("生物医药", "高校科研", "食品检测", "新能源材料", "化工")
REGIONS = ("华东", "华北", "华南", "西南", "华中")
STAGES = ("lead", "opportunity", "customer", "expand", "renew")
ROLES = ("拍板人", "内部支持者", "技术把关", "使用者", "采购", "影响者")
POSITIONS = ("研发总监", "实验室主任", "高级工程师", "研究员", "采购经理", "质量经理")
FUNCTIONS = ("研发", "研发", "技术", "研发", "采购", "质量")
PROBLEMS = ("交付周期长", "批间差异", "发票与对账", "缺少技术支持", "")
PRODUCTS = (
    ("L01", "移液吸头", "耗材", 180), ("L02", "离心管", "耗材", 150), ("L03", "细胞培养皿", "耗材", 320),
    ("L04", "PCR 试剂盒", "试剂", 1450), ("L05", "缓冲液", "试剂", 260), ("L06", "标准品", "试剂", 2100),
    ("L07", "台式离心机", "设备", 18600), ("L08", "移液器校准", "服务", 600),
)  # fmt: skip
TOPICS = ("物流", "质量", "发票", "使用咨询")
FADING, ONE_PERSON = 0.2, 0.15  # shares of accounts


def generate_business(folder: Path, *, accounts: int = 60, seed: int = 11) -> list[Path]:
    """Write accounts.csv, contacts.csv, orders.csv, products.csv and service.csv.

    Parameters
    ----------
    folder : Path
        Created if absent. A file with the same content is left untouched.
    accounts : int
        How many companies, from 4; about a third are subsidiaries of another.
    seed : int
        The same seed gives the same bytes.

    Returns
    -------
    list of Path
        The five files; UTF-8, comma separated, header first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, accounts])
    firms = _firms(accounts, rng)
    people = _people(firms, rng)
    orders = _order_rows(people, rng)
    header = ("product_id", "product_name", "category", "unit_price")
    files: dict[str, Sequence[Sequence[object]]] = {
        "accounts.csv": _account_rows(firms),
        "contacts.csv": _contact_rows(people),
        "orders.csv": orders,
        "products.csv": [header, *PRODUCTS],
        "service.csv": _service_rows(people, rng),
    }
    for name, rows in files.items():
        text, path = _csv_text(rows), folder / name
        if not path.is_file() or path.read_bytes() != text.encode():
            write_text(path, text)
    return [folder / name for name in files]


def _firms(count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Draw the companies: size, industry, parent, purchase rate, whether they fade."""
    heads = max(2, count * 2 // 3)
    employees = np.maximum(3, rng.lognormal(4.3, 1.2, count)).astype(int)
    firms = []
    for at in range(count):
        parent = "" if at < heads else f"A{rng.integers(heads) + 1:03d}"
        firms.append({
            "account_id": f"A{at + 1:03d}", "parent_id": "A999" if at == count - 1 else parent,
            "name": f"{REGIONS[at % 5]}{'集团' if at < heads else '子公司'}{at + 1:03d}",
            "industry": INDUSTRIES[rng.integers(5)], "employees": int(employees[at]),
            "revenue": int(employees[at]) * int(rng.integers(300_000, 900_000)), "sites": 1 + int(employees[at] // 200),
            "stage": STAGES[rng.choice(5, p=[0.08, 0.12, 0.4, 0.25, 0.15])], "region": REGIONS[rng.integers(5)],
            "rate": 0.02 + 0.05 * rng.random() + employees[at] / 20_000,
            "until": DAYS * (rng.uniform(0.55, 0.75) if rng.random() < FADING else 1.0),
            "alone": rng.random() < ONE_PERSON,
        })  # fmt: skip
    return firms


def _people(firms: list[dict[str, Any]], rng: np.random.Generator) -> list[dict[str, Any]]:
    people: list[dict[str, Any]] = []
    for firm in firms:
        if firm["stage"] == "lead" and rng.random() < 0.5:  # a lead without known contacts
            continue
        roles = rng.permutation(6)[: rng.integers(2, 7)]
        for place, role in enumerate(sorted(int(number) for number in roles)):
            people.append({
                "firm": firm, "role": role, "contact_id": f"K{len(people) + 1:04d}",
                "customer_id": f"C{len(people) + 1:04d}", "problem": PROBLEMS[rng.integers(5)],
                "weight": 0.0 if firm["stage"] in ("lead", "opportunity") else _weight(firm, place, rng),
            })  # fmt: skip
    people.append(people[0] | {"contact_id": f"K{len(people) + 1:04d}", "firm": firms[1]})  # one person, two accounts
    return people


def _weight(firm: dict[str, Any], place: int, rng: np.random.Generator) -> float:
    """Draw a contact's share of the account's orders; at some accounts the first contact places nearly all."""
    if firm["alone"]:
        return 0.95 if place == 0 else 0.02
    return float(rng.uniform(0.1, 0.5))


def _account_rows(firms: list[dict[str, Any]]) -> list[Sequence[object]]:
    columns = ("account_id", "parent_id", "name", "industry", "employees", "revenue", "sites", "stage", "region")
    return [columns, *([firm[name] for name in columns] for firm in firms)]


def _contact_rows(people: list[dict[str, Any]]) -> list[Sequence[object]]:
    header = ("contact_id", "account_id", "customer_id", "position", "function", "decision_role", "problem")
    rows: list[Sequence[object]] = [header]
    for person in people:
        role = person["role"]
        rows.append(
            (person["contact_id"], person["firm"]["account_id"], person["customer_id"], POSITIONS[role],
             FUNCTIONS[role], ROLES[role], person["problem"])
        )  # fmt: skip
    return rows


def _order_rows(people: list[dict[str, Any]], rng: np.random.Generator) -> list[Sequence[object]]:
    purchases: list[tuple[datetime, str, int, int]] = []
    for person in people[:-1]:
        firm = person["firm"]
        days = np.sort(rng.uniform(0, firm["until"], rng.poisson(firm["rate"] * firm["until"] * person["weight"])))
        for day in days:
            moment = datetime.combine(BUSINESS_START, datetime.min.time()) + timedelta(seconds=int(day * 86_400))
            for product in rng.choice(len(PRODUCTS), 1 + rng.integers(3), replace=False, p=_SHARES):
                purchases.append((moment, person["customer_id"], int(product), 1 + int(rng.integers(1, 20))))
    purchases.sort()
    rows: list[Sequence[object]] = [
        ("order_id", "customer_id", "ordered_at", "product_id", "quantity", "unit_price", "amount")
    ]
    numbers: dict[tuple[datetime, str], int] = {}
    for moment, customer, product, pieces in purchases:
        number = numbers.setdefault((moment, customer), len(numbers) + 1)
        quantity, price = (
            (1, PRODUCTS[product][3]) if PRODUCTS[product][2] == "设备" else (pieces, PRODUCTS[product][3])
        )
        rows.append(
            (f"O{number:06d}", customer, f"{moment:%Y-%m-%d %H:%M:%S}", PRODUCTS[product][0], quantity, price,
             quantity * price)
        )  # fmt: skip
    return rows


_SHARES = np.array([22, 20, 16, 14, 14, 8, 1, 5]) / 100


def _service_rows(people: list[dict[str, Any]], rng: np.random.Generator) -> list[Sequence[object]]:
    rows: list[Sequence[object]] = [("case_id", "customer_id", "opened_at", "closed_at", "type", "topic", "rating")]
    for person in people[:-1]:
        fading = person["firm"]["until"] < DAYS
        for _ in range(rng.poisson(3.0 * person["weight"] * (2 if fading else 1))):
            opened = BUSINESS_START + timedelta(days=int(rng.uniform(0, DAYS - 1)))
            closed = opened + timedelta(days=1 + int(rng.gamma(2, 4 if fading else 2)))
            done = closed < BUSINESS_END and rng.random() < (0.7 if fading else 0.95)
            topic = TOPICS[rng.integers(4)]
            kind = "咨询" if topic == "使用咨询" else "投诉"
            rating = max(1, min(5, round(rng.normal(2.6 if fading else 4.1, 0.9)))) if done else ""
            rows.append(
                (f"S{len(rows):05d}", person["customer_id"], opened, closed if done else "", kind, topic, rating)
            )
    return rows


def _csv_text(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
