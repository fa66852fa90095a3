"""Contact data typed into free text is masked in every table; what only looks like it stays."""

import datetime as dt
import random
from dataclasses import replace

import ibis
import pytest

from workbench.core.params.sources import SourceParams
from workbench.intake.privacy.free_text import mask_free_text
from workbench.intake.tables.canonical import take_in
from workbench.intake.tables.sources import ParsedSource


def source(rows, kinds, table="service", name="cases", people=None):
    frame = ibis.memtable(rows)
    params = SourceParams(path=f"{name}.csv", table=table, columns={})
    return ParsedSource(name, params, frame, kinds, None, {}, [], people=people)


def masked(cells, kind="text", **options):
    rows = {"customer_id": [f"c{at}" for at in range(len(cells))], "text": list(cells)}
    sources, counts = mask_free_text({"cases": source(rows, {"customer_id": "id", "text": kind}, **options)})
    return sources["cases"].table.order_by("customer_id").to_pandas()["text"].tolist(), counts


@pytest.mark.parametrize("kind", ["text", "category"])
@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("律师 联系13577001234", "律师 联系[phone]"), ("请回电13377001234，谢谢", "请回电[phone]，谢谢"),
        ("tel 138 1234 5678 / 139-1234-5678", "tel [phone] / [phone]"), ("+8613812345678", "[phone]"),
        ("13812345678,13912345678", "[phone],[phone]"), ("+49 30 1234567", "[phone]"), ("0755-12345678", "[phone]"),
        ("call (555) 123-4567 or 555.123.4567", "call [phone] or [phone]"),
        ("/reset?email=sneaky.leak@nowhere.example&x=1", "/reset?email=[email]&x=1"),
        ("身份证110101199003074514", "身份证[document]"), ("11010119900307451X", "[document]"),
        ("退款到卡6222021234567890123", "退款到卡[card]"), ("4111 1111 1111 1111", "[card]"),
    ],
)  # fmt: skip
def test_contact_data_is_masked_by_its_kind(cell, shown, kind):
    texts, counts = masked([cell, "gold"], kind=kind)
    assert texts == [shown, "gold"]
    assert counts == {"cases.masked.text": 1}


@pytest.mark.parametrize(
    "cell",
    ["2024-01-15 10:20:30", "ZB07011", "18K金 3.25g", "3000-5000", "age 35-44", "1234567", "订单 20240115", "@home",
     "12,345.67", "1.2万", "No. 555-1234", "SKU-1000-2000-30", "10:30-18:00", None, ""],
)  # fmt: skip
def test_what_only_looks_like_contact_data_stays(cell):
    assert masked([cell]) == ([cell], {})


def test_a_customers_own_name_is_masked_in_their_own_texts_alone():
    people = ibis.memtable({"customer_id": ["c0", "c1"], "name": ["Rose", "独孤问月"]})
    crm = source({"customer_id": ["c0", "c1"]}, {"customer_id": "id"}, table="customers", name="crm", people=people)
    rows = {"customer_id": ["c0", "c1", "c2"], "text": ["Rose wants a ring", "我叫独孤问月", "a Rose quartz"]}
    sources, counts = mask_free_text({"crm": crm, "cases": source(rows, {"customer_id": "id", "text": "text"})})
    texts = sources["cases"].table.order_by("customer_id").to_pandas()["text"].tolist()
    assert texts == ["[name] wants a ring", "我叫[name]", "a Rose quartz"]
    assert counts == {"cases.masked.text": 2}


@pytest.mark.parametrize(
    ("columns", "record"),
    [({"customer_id": "id", "name": "who"}, "[record]"), ({"order_id": "id"}, "O1,慕容破晓,[phone],extra")],
)
def test_rejects_repeat_no_contact_data(columns, record):
    rows = [("extra-cell", "O1,慕容破晓,13177001234,extra"), ("date-invalid", "call me 13077005678"),
            ("number-invalid", "x@y.example"), ("id-damaged", "1234567890123450000"), ("date-invalid", "2025-13-41")]  # fmt: skip
    rejects = ibis.memtable([{"line": at, "code": code, "raw": raw} for at, (code, raw) in enumerate(rows)])
    parsed = source({"order_id": ["1"]}, {"order_id": "id"})
    parsed = replace(parsed, rejects=rejects, source=parsed.source.model_copy(update={"columns": columns}))
    sources, _ = mask_free_text({"cases": parsed})
    raw = sources["cases"].rejects.order_by("line").to_pandas()["raw"].tolist()
    assert raw == [record, "call me [phone]", "[email]", "1234567890123450000", "2025-13-41"]


def test_ids_and_the_catalogue_are_left_as_they_are():
    rows = {"product_id": ["6901234567892013"], "product_name": ["Ring 6901234567892013"]}
    catalogue = source(rows, {"product_id": "id", "product_name": "text"}, table="products", name="catalogue")
    sources, counts = mask_free_text({"catalogue": catalogue})
    assert sources["catalogue"].table is catalogue.table
    assert counts == {}


def test_a_source_without_contact_data_keeps_its_copy(tmp_path):
    rows = {"customer_id": ["c1"], "text": ["fine"]}
    parsed = replace(source(rows, {"customer_id": "id", "text": "text"}), copy=tmp_path / "cases.parquet")
    sources, _ = mask_free_text({"cases": parsed})
    assert sources["cases"].table is parsed.table
    assert sources["cases"].copy == parsed.copy


def test_a_phone_typed_into_an_occupation_is_in_no_canonical_table(tmp_path):
    people = "id,name,job,note\n" + "".join(f"C{at},名{at},教师,VIP\n" for at in range(20))
    (tmp_path / "people.csv").write_text(people + "C90,诸葛流萤,律师 联系13577001234,微信 wx 13677001234\n", "utf-8")
    (tmp_path / "cases.csv").write_text("case,who,words\n1,C90,我叫诸葛流萤 电话13377001234\n", "utf-8")
    sources = {
        "crm": SourceParams(path="people.csv", table="customers", attributes={"note": "note"},
                            columns={"customer_id": "id", "name": "name", "occupation": "job"}),
        "cases": SourceParams(path="cases.csv", table="service", people="crm",
                              columns={"case_id": "case", "customer_id": "who", "text": "words"}),
    }  # fmt: skip
    engine = ibis.duckdb.connect()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    dates = {"date_min": dt.date(1990, 1, 1), "date_max": dt.date(2030, 1, 1)}
    intake = take_in(engine, sources, root=tmp_path, scratch=scratch, identity=True, **dates)
    customer = intake.tables["customers"].filter(lambda rows: rows.customer_id == "C90").to_pandas().iloc[0]
    assert (customer["occupation"], customer["note"]) == ("律师 联系[phone]", "微信 wx [phone]")
    assert intake.tables["service"].to_pandas()["text"].tolist() == ["我叫[name] 电话[phone]"]
    counts = {key: value for key, value in intake.metrics.items() if ".masked." in key}
    assert counts == {"crm.masked.occupation": 1, "crm.masked.note": 1, "cases.masked.text": 1}


def _planted(draw):
    digits = "".join(draw.choice("0123456789") for _ in range(8))
    mobile = f"1{draw.choice('3456789')}{draw.choice('0123456789')}{digits}"
    day = dt.date(1950, 1, 1) + dt.timedelta(draw.randrange(20_000))
    document = f"{draw.randrange(110000, 659999)}{day:%Y%m%d}{draw.randrange(1000):03d}{draw.choice('0123456789X')}"
    item = draw.choice([mobile, f"+86 {mobile}", document, f"u{digits}@shop-{digits[:3]}.example", f"0571-{digits}"])
    before, after = draw.choice(["", "电话", "call ", "微信/", "("]), draw.choice(["", "，谢谢", " please", ")", "。"])
    return item, f"{before}{item}{after}"


def test_none_of_a_thousand_planted_items_remains_and_few_other_cells_change():
    draw = random.Random(5)
    planted = [_planted(draw) for _ in range(1000)]
    words = ["ring", "wedding", "款式", "尺寸不合适", "delivered late", "gift", "revised", "size 7", "18K"]
    plain = [
        f"{draw.choice(words)} {draw.choice(words)} {draw.randrange(10 ** draw.randrange(1, 9))}" for _ in range(1000)
    ]
    texts, _ = masked([text for _, text in planted] + plain)
    together = set(texts)
    assert [item for item, _ in planted if any(item in text for text in together)] == []
    assert len([text for text in plain if text not in together]) < 10
