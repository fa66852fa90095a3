"""Headers of forty documented exports: id, date, money and product are mapped right, or the mapping is in doubt."""

import random
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from workbench.intake.guessing.proposals import propose
from workbench.intake.guessing.samples import take_samples
from workbench.intake.guessing.text.writing import profile_text

EXPORTS = yaml.safe_load((Path(__file__).parents[3] / "corpus/header_sets/exports.yaml").read_text(encoding="utf-8"))
RIGHT = 0.95  # share of headers mapped right; the others must be in doubt
ORDERS, CUSTOMERS, PRODUCTS = 90, 40, 12
LEADING = {"customer_id": "C", "sku": "P"}
WORDS = {
    "status": ["paid", "paid", "paid", "refunded"], "wcstatus": ["completed", "completed", "processing", "cancelled"],
    "zhstatus": ["交易成功", "交易成功", "已发货", "交易关闭"], "dealstage": ["Closed Won", "Closed Won", "Closed Lost", "Negotiation"],
    "linetype": ["Sale", "Sale", "Standard"], "lead": ["NEW", "OPEN", "CONNECTED"], "currency": ["EUR"],
    "flag": ["true"], "paymethod": ["Visa", "PayPal", "Cash"], "device": ["Till 1", "Till 2"], "level": ["金卡", "银卡"],
    "category": ["Kitchen", "Garden", "Office"], "city": ["Leipzig", "Lyon", "Porto", "Turin"],
    "country": ["Germany", "France", "Portugal"], "gender": ["女", "男"], "owner": ["Kim Reyes", "Lee Brandt"],
    "account": ["0015g001", "0015g002", "0015g003"], "blank": [""], "zero": ["0.00"], "code": ["1", "2"],
    "small": ["1", "1", "1", "2"], "score": ["1", "2", "3", "4", "5"],
    "street": ["Lindenweg 4", "Rue Nord 9", "Rua Nova 2"],
}  # fmt: skip
GIVEN, FAMILY = ["Ada", "Ben", "Cleo", "Dag", "Eva", "Finn", "Gia", "Hal"], ["Amsel", "Birk", "Cole", "Dorn", "Elm"]
GOODS = ["Kettle", "Lamp", "Rake", "Stapler", "Mug", "Chair", "Vase", "Brush", "Clock", "Shelf", "Apron", "Spade"]


def drawn(export):
    """Return the lines of a file with these headers: people who buy several times, or one line per person."""
    rng = random.Random(export["name"])
    people = "ordered_at" not in export["means"]
    lines = []
    for at in range(CUSTOMERS if people else ORDERS):
        person = at if people else rng.randrange(CUSTOMERS)
        product, quantity = rng.randrange(PRODUCTS), rng.randint(1, 4)
        price = round(7.35 + 3.1 * product, 2)
        moment = datetime(2024, 1, 3, 9) + timedelta(hours=47 * at + person % 7, minutes=13 * person % 60)
        given, family = GIVEN[person % 8], FAMILY[person // 8]
        cells = {
            "order": f"{70310 + at * 7}", "line": f"{990001 + at}", "customer": f"{5203 + person * 11}",
            "email": f"{given}.{family}{person}@example.org".lower(), "name": f"{given} {family}", "given": given,
            "family": family, "nick": f"{given}{family}_{person}".lower(), "phone": f"1390000{1000 + person * 37}",
            "datetime": f"{moment:%Y-%m-%d %H:%M:%S}", "date": f"{moment:%Y-%m-%d}", "clock": f"{moment:%H:%M:%S}",
            "sku": f"{GOODS[product][:3].upper()}-{100 + product}", "product": f"{GOODS[product]} classic",
            "quantity": str(quantity), "price": f"{price:.2f}", "amount": f"{price * quantity:.2f}",
            "total": f"{price * quantity + 4.9:.2f}", "fee": f"{rng.uniform(0, 3):.2f}",
            "text": f"{FAMILY[person % 5]} {GOODS[person % 12]} works",
        }  # fmt: skip
        lines.append([cells.get(kind) or rng.choice(WORDS.get(kind, [""])) for kind in export["headers"].values()])
    return lines


def proposed(export, folder, headers=None):
    names = headers or list(export["headers"])
    path = folder / f"{export['name']}.csv"
    rows = [names, *drawn(export)]
    path.write_text("\n".join(",".join(f'"{cell}"' for cell in row) for row in rows) + "\n", encoding="utf-8")
    text = profile_text("shop", propose(take_samples(path, f"data/raw/{path.name}")))
    sources = (yaml.safe_load(text) or {}).get("sources", {})
    mapped = {}
    for source in sources.values():
        for column, header in source["columns"].items():
            parts = header if isinstance(header, list) else [header]  # a date and a time of two columns
            mapped.setdefault(column, set()).update(str(part).strip() for part in parts)
    doubts = "\n".join(line for line in text.splitlines() if "DOUBT" in line)
    return mapped, doubts, text


def judged(export, folder):
    """Return (right, in doubt, wrong) headers of an export: one entry per column that it must be mapped to."""
    mapped, doubts, _ = proposed(export, folder)
    right, doubted, wrong = [], [], []
    for column, headers in export["means"].items():
        found = mapped.get(column, set())
        if found & set(headers) and found <= set(headers):
            right.append(column)
        elif any(header in doubts for header in {*headers, *found}) or column in doubts:
            doubted.append((export["name"], column, sorted(found)))
        else:
            wrong.append((export["name"], column, sorted(found)))
    return right, doubted, wrong


def test_the_sets_are_forty_and_their_columns_exist():
    assert len(EXPORTS) >= 40 and len({export["name"] for export in EXPORTS}) == len(EXPORTS)
    for export in EXPORTS:
        assert {name for names in export["means"].values() for name in names} <= set(export["headers"]), export["name"]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("headers")
    return [judged(export, folder) for export in EXPORTS]


def test_ids_dates_money_and_products_of_documented_exports_are_mapped_right(verdicts):
    right = sum(len(names) for names, _, _ in verdicts)
    missed = [entry for _, doubted, wrong in verdicts for entry in (*doubted, *wrong)]
    assert right / (right + len(missed)) >= RIGHT, missed


def test_what_is_not_mapped_right_is_in_doubt(verdicts):
    assert [entry for _, _, wrong in verdicts for entry in wrong] == []


def words_of(header):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header).replace("_", " ").replace("-", " ").split()


SPELLINGS = {
    "capitals": str.upper,
    "underscores": lambda header: "_".join(words_of(header)).lower(),
    "blanks": lambda header: " ".join(words_of(header)).title(),
    "humps": lambda header: "".join(word[:1].upper() + word[1:] for word in words_of(header)),
    "another order": str,
}


def respelled(export, spelling):
    names = {header: SPELLINGS[spelling](header) for header in export["headers"]}
    headers = list(export["headers"].items())
    if spelling == "another order":
        random.Random(export["name"]).shuffle(headers)
    means = {column: [names[header] for header in headers] for column, headers in export["means"].items()}
    return {**export, "headers": {names[header]: kind for header, kind in headers}, "means": means}


@pytest.mark.slow
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_headers_spelled_otherwise_are_mapped_as_well(spelling, tmp_path, capsys):
    exports = [respelled(export, spelling) for export in EXPORTS]
    results = [judged(export, tmp_path) for export in exports]
    right = sum(len(names) for names, _, _ in results)
    missed = [entry for _, doubted, wrong in results for entry in (*doubted, *wrong)]
    with capsys.disabled():
        print(f"\n{spelling}: {right} of {right + len(missed)} columns are mapped right")
    assert right / (right + len(missed)) >= RIGHT, missed
    assert [entry for _, _, wrong in results for entry in wrong] == []
