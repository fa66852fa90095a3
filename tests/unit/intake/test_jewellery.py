"""The jewellery generator: same bytes for one seed, duplicate people, seasons, rhythms, a planted effect."""

import csv
import datetime as dt
import math
from pathlib import Path

import duckdb
import numpy as np
import pytest
import python_calamine as calamine
import yaml

from workbench.core.errors import ProfileError
from workbench.core.files import digest_file
from workbench.intake.demo.datasets import materialise
from workbench.intake.demo.jewellery import MOST_IN_WORKBOOKS, PERSONAS, generate_jewellery
from workbench.intake.demo.jewellery.catalogue import OCCASIONS, TRADE_IN
from workbench.intake.demo.jewellery.days import DAYS, gold_prices
from workbench.intake.demo.jewellery.draws import Draws
from workbench.intake.demo.jewellery.personas import FESTIVALS
from workbench.intake.demo.jewellery.survey import SCALES

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Raw files of 600 people."""
    folder = tmp_path_factory.mktemp("jewellery")
    generate_jewellery(folder, customers=600, seed=3)
    return folder


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Raw files of 5,000 people, for rare or small effects."""
    folder = tmp_path_factory.mktemp("large")
    generate_jewellery(folder, customers=5000, seed=4)
    return folder


@pytest.fixture(scope="module")
def lines(shop):
    """All order lines of the tills and the web shop, as read by an engine of its own."""
    book = calamine.CalamineWorkbook.from_path(shop / "pos_sales.xlsx")
    header, *rows = book.get_sheet_by_name("销售").to_python()
    engine = duckdb.connect()
    engine.execute(
        "create table tills (o varchar, c varchar, ts timestamp, p varchar, n int, price double, amount double, status varchar)"
    )
    keep = [
        header.index(name)
        for name in ("销售单号", "会员卡号", "销售时间", "货号", "件数", "单价", "实收金额", "单据状态")
    ]
    engine.executemany(
        "insert into tills values (?, ?, ?, ?, ?, ?, ?, ?)", [[row[at] or None for at in keep] for row in rows]
    )
    engine.execute(f"""create table lines as select *, false as web from tills union all
        select 订单编号, 买家会员名, try_cast(订单付款时间 as timestamp), 商品编码, 数量::int, 单价::double, try_cast(实付金额 as double), 订单状态, true
        from read_csv('{shop}/web_orders.csv', all_varchar = true)""")
    for name in ("people", "records", "effects", "occasions"):
        engine.execute(f"create table {name} as from '{shop}/truth/{name}.parquet'")
    return engine


def rows(engine, query):
    return engine.execute(query).fetchall()


def test_shares_of_personas_sum_to_one_and_each_has_its_festivals():
    assert math.isclose(sum(persona.share for persona in PERSONAS), 1)
    assert {persona.name for persona in PERSONAS} == set(FESTIVALS)
    assert all(sum(weights.values()) == 100 for weights in OCCASIONS.values())


def test_draws_of_different_names_are_uniform_and_do_not_depend_on_each_other():
    draws, engine = Draws(1), duckdb.connect()
    one, other, normal = draws.unit("range", "one"), draws.unit("range", "other"), draws.normal("range", "z")
    moments = engine.execute(
        f"select avg({one}), avg({other}), corr({one}, {other}), avg({normal}), stddev({normal}) from range(100000)"
    ).fetchone()
    assert moments == pytest.approx((0.5, 0.5, 0, 0, 1), abs=0.01)


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads_and_another_seed_others(tmp_path):
    one, two, other = (tmp_path / name for name in ("one", "two", "other"))
    generate_jewellery(one, customers=60, seed=5, threads=1)
    generate_jewellery(two, customers=60, seed=5, threads=4)
    generate_jewellery(other, customers=60, seed=6)
    files = sorted(path.relative_to(one) for path in one.rglob("*.*") if path.is_file())
    assert len(files) == 19
    assert [digest_file(one / file) for file in files] == [digest_file(two / file) for file in files]
    same = [str(file) for file in files if digest_file(one / file) == digest_file(other / file)]
    assert same == []


def test_a_single_customer_can_be_generated(tmp_path):
    written = generate_jewellery(tmp_path, customers=1, seed=1)
    assert all(path.stat().st_size > 20 for path in written)


def test_an_existing_file_is_not_written_again(shop):
    before = {path: path.stat().st_mtime_ns for path in shop.rglob("*.*")}
    generate_jewellery(shop, customers=600, seed=3)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_above_a_number_of_people_the_tills_are_parquet_and_the_workbook_is_gone(tmp_path, monkeypatch):
    generate_jewellery(tmp_path, customers=40, seed=1)
    book = calamine.CalamineWorkbook.from_path(tmp_path / "pos_sales.xlsx").get_sheet_by_index(0).to_python()
    monkeypatch.setattr("workbench.intake.demo.jewellery.MOST_IN_WORKBOOKS", 39)
    generate_jewellery(tmp_path, customers=40, seed=1)
    table = duckdb.sql(f"from '{tmp_path}/pos_sales.parquet'")
    assert table.columns == book[0]
    assert len(table.fetchall()) == len(book) - 1
    assert not (tmp_path / "pos_sales.xlsx").exists()
    assert MOST_IN_WORKBOOKS * 5 < 1_048_576


def test_no_source_of_the_profile_reads_the_truth(shop):
    profile = yaml.safe_load((ROOT / "params/jewellery.yaml").read_text(encoding="utf-8"))
    paths = [source["path"].removeprefix("data/raw/jewellery/") for source in profile["sources"].values()]
    read = {path for pattern in paths for path in shop.glob(pattern)}
    assert len(read) == len(paths) == 14
    assert not read & set((shop / "truth").iterdir())
    personas = [persona.name.encode() for persona in PERSONAS if persona.name not in ("service", "gift")]
    assert not [path.name for path in read if any(name in path.read_bytes() for name in personas)]


def test_every_record_belongs_to_a_real_person_and_some_people_have_several(lines):
    sources = dict(rows(lines, "select source, count(*) from records group by 1"))
    assert set(sources) == {"crm", "pos_members", "web_accounts"}
    assert rows(lines, "select count(*) from records anti join people using (person_id)") == [(0,)]
    assert rows(lines, "select count(*) - count(distinct (source, source_id)) from records") == [(0,)]
    (several, twice), *_ = rows(lines, """select count(*) filter (n > 1), count(*) filter (crm > 1) from (
        select count(*) as n, count(*) filter (source = 'crm') as crm from records group by person_id)""")  # fmt: skip
    assert several > 300
    assert 5 <= twice <= 40


def test_orders_carry_ids_of_their_own_channel(lines):
    unknown = rows(lines, "select count(*) from lines where c is not null and c not in (select source_id from records)")
    assert unknown == [(0,)]
    assert rows(lines, "select count(distinct source) from lines join records on c = source_id where web") == [(1,)]


def test_records_of_one_person_contradict_each_other_and_some_cells_are_damaged(shop):
    text = (shop / "crm_export.csv").read_bytes().decode("gb18030")
    with pytest.raises(UnicodeDecodeError):
        (shop / "crm_export.csv").read_bytes().decode("utf-8")
    assert " 手机号 " in text.splitlines()[0]
    cells = list(csv.reader(text.splitlines()))
    header = cells[0]
    column = {name: [row[header.index(name)] for row in cells[1:]] for name in header}
    assert any("E+12" in number for number in column["会员号"])
    assert {"1893-06-01", "2031-01-15", "1990-02-30", "1900-01-01", "0000-00-00"} & set(column["出生日期"])
    assert {"13800000000", "13800138000", "11111111111", "00000000000", "12345678901"} & set(column[" 手机号 "])
    assert any(phone.startswith("+86 ") for phone in column[" 手机号 "])
    assert set(column["姓名"]) & {"鐜嬭姵", "鏉庡"} or any(name[:1] in "鐜鏉寮闄" for name in column["姓名"] if name)


def test_the_web_shop_has_duplicate_rows_impossible_dates_and_a_byte_order_mark(large):
    content = (large / "web_orders.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    body = content.decode("utf-8-sig").splitlines()[1:]
    assert 5 <= len(body) - len(set(body)) <= 80
    assert any("待确认" in line or "2024-13-40" in line for line in body)
    assert any("见备注" in line for line in body)


def test_money_adds_up_and_returns_and_old_gold_are_negative(lines):
    wrong = rows(lines, "select count(*) from lines where (n < 0) <> (amount < 0)")
    assert wrong == [(0,)]
    assert rows(lines, "select bool_and(amount > 0) from lines where status = '已完成' and amount is not null") == [
        (True,)
    ]
    back = rows(
        lines,
        "select count(*) from lines as l where status = '已退款' and not exists (from lines as s where substr(s.o, 3) = substr(l.o, 3) and s.amount = -l.amount)",
    )
    assert back == [(0,)]
    old = rows(
        lines, f"select count(*), bool_and(p = '{TRADE_IN}'), bool_and(amount < 0) from lines where status = '旧料抵扣'"
    )[0]
    assert old[0] > 3
    assert old[1:] == (True, True)
    assert rows(
        lines,
        "select min(total) > 0 from (select sum(amount) as total from lines where o like 'XS%' and amount is not null group by o)",
    ) == [(True,)]


def test_a_piece_occurs_once_in_an_order_of_the_tills(lines):
    assert rows(lines, "select count(*) - count(distinct (o, p)) from lines where not web") == [(0,)]


def test_a_ring_comes_before_the_pair_by_three_to_twelve_months(lines):
    gaps = rows(lines, """select date_diff('day', min(ts) filter (occasion = 'engagement'), min(ts) filter (occasion = 'wedding_pair'))
        from lines join occasions on o = order_id group by person_id having count(*) filter (occasion = 'engagement') > 0
        and count(*) filter (occasion = 'wedding_pair') > 0""")  # fmt: skip
    days = [gap for (gap,) in gaps if gap is not None]
    assert len(days) > 20
    assert min(days) >= 89
    assert max(days) <= 366


def test_most_people_wait_for_months_and_some_come_back_several_times(lines):
    gaps = [gap for (gap,) in rows(lines, """select date_diff('day', lag(day) over (partition by person_id order by day), day) as gap
        from (select distinct person_id, ts::date as day from lines join occasions on o = order_id where ts is not null) qualify gap is not null""")]  # fmt: skip
    assert np.median(gaps) > 120
    assert np.quantile(gaps, 0.9) > 400
    orders = [n for (n,) in rows(lines, "select count(distinct order_id) from occasions group by person_id")]
    assert np.mean([n == 1 for n in orders]) > 0.2
    assert np.mean([n >= 3 for n in orders]) > 0.2


def test_gifts_peak_before_festivals_and_gold_rises():
    gold = gold_prices(3)
    assert 420 < gold[:60].mean() < 560
    assert gold[DAYS - 60 : DAYS].mean() > 1.6 * gold[:60].mean()


def test_sales_of_gifts_are_higher_before_qixi_and_520(lines):
    near = """ts::date between date '2024-05-08' and date '2024-05-20' or ts::date between date '2023-08-10' and date '2023-08-22'
        or ts::date between date '2024-07-29' and date '2024-08-10' or ts::date between date '2023-05-08' and date '2023-05-20'"""
    daily_orders = rows(lines, f"""select count(distinct o) filter ({near}) / 52.0, count(distinct o) filter (not ({near})) / (730 - 52.0)
        from lines join occasions on o = order_id where occasion = 'gift' and ts::date between date '2022-09-01' and date '2024-08-30'""")[0]  # fmt: skip
    assert daily_orders[0] > 2 * daily_orders[1]


def test_the_hazard_predicts_the_year_ahead(lines):
    sums = rows(lines, """select sum(buy_probability_365d), sum((orders_365d > 0)::int), sum(expected_orders_365d), sum(orders_365d),
        max(expected_orders_365d) filter (not alive), corr(expected_orders_365d, orders_365d), min(buy_probability_365d), max(buy_probability_365d) from people""")[0]  # fmt: skip
    assert sums[0] == pytest.approx(sums[1], abs=4 * math.sqrt(sums[1]))
    assert sums[2] == pytest.approx(sums[3], abs=4 * math.sqrt(sums[3]))
    assert sums[4] == 0
    assert sums[5] > 0.4
    assert 0 <= sums[6] <= sums[7] <= 1


def test_arms_are_alike_before_and_differ_after_where_the_campaign_works(large):
    engine = duckdb.connect()
    by_persona = dict((name, rest) for name, *rest in engine.execute(f"""
        select persona, avg(treated::int), avg(chance_without) filter (treated) - avg(chance_without) filter (not treated),
            avg(effect) filter (treated), count(*) from '{large}/truth/effects.parquet' where experiment = '春季老客唤醒券2025' group by 1""").fetchall())  # fmt: skip
    assert all(abs(share - 0.6) < 0.1 for share, *_ in by_persona.values())
    assert all(abs(difference) < 0.05 for _, difference, *_ in by_persona.values())
    effects = {name: effect for name, (_, _, effect, _) in by_persona.items()}
    assert (
        effects["bargain"]
        > effects["self_reward"]
        > effects["bridal"]
        > effects["investor"]
        == effects["collector"]
        == 0
    )
    bought = dict(engine.execute(f"""select 分组, avg("90天内购买") from read_csv('{large}/experiments.csv') as x
        join '{large}/truth/records.parquet' as r on r.source_id = x.客户编号 join '{large}/truth/people.parquet' as p using (person_id)
        where 实验名称 = '春季老客唤醒券2025' and persona = 'bargain' group by 1""").fetchall())  # fmt: skip
    assert bought["触达组"] - bought["对照组"] == pytest.approx(effects["bargain"], abs=0.07)


def test_the_crm_repeats_the_true_household_or_says_nothing(large):
    text = (large / "crm_export.csv").read_bytes().decode("gb18030")
    truth = {
        source_id: household
        for source_id, *household in duckdb.execute(f"""select source_id, children, owns_home, owns_car
        from '{large}/truth/records.parquet' join '{large}/truth/households.parquet' using (person_id) where source = 'crm'""").fetchall()
    }
    crm = [(row, truth[row["客户编号"]]) for row in csv.DictReader(text.splitlines())]
    assert {(row["子女数"], of[0]) for row, of in crm} == {(cell, n) for n in range(4) for cell in ("", str(n))}
    assert {(row["住房情况"], of[1]) for row, of in crm} == {("", True), ("", False), ("自有", True), ("租房", False)}
    assert {(row["车辆情况"], of[2]) for row, of in crm} == {("", True), ("", False), ("有车", True), ("无车", False)}
    assert sum(row["子女数"] != "" for row, _ in crm) / len(crm) == pytest.approx(0.65, abs=0.03)


def test_children_come_with_marriage_and_leave_with_age(large):
    share = dict(duckdb.execute(f"""select is_married, avg((children > 0)::int)
        from '{large}/truth/households.parquet' group by 1""").fetchall())  # fmt: skip
    assert share[False] < 0.05 < 0.4 < share[True]


def test_choices_follow_the_persona(large):
    investors = dict(duckdb.execute(f"""select persona = 'investor', avg((答案 = '保值')::int)
        from read_csv('{large}/survey.csv', all_varchar = true) join '{large}/truth/records.parquet' as r on r.source_id = 客户编号
        join '{large}/truth/people.parquet' using (person_id) where 题目 = '购买理由' group by 1""").fetchall())  # fmt: skip
    assert investors[True] > 0.6 > 0.3 > investors[False]


def test_all_scales_but_one_are_reliable(large):
    answers = duckdb.execute(
        f"select 客户编号, 题目, try_cast(答案 as double) from read_csv('{large}/survey.csv', all_varchar = true)"
    ).fetchall()
    by_question = {}
    for customer, question, answer in answers:
        by_question.setdefault(question, {})[customer] = answer
    alphas = {}
    for scale in SCALES:
        items = [(by_question[text.removeprefix("-")], text.startswith("-")) for text in scale.items]
        complete = sorted(set.intersection(*[{c for c, a in item.items() if a is not None} for item, _ in items]))
        table = np.array([[6 - item[c] if reverse else item[c] for item, reverse in items] for c in complete])
        n = table.shape[1]
        alphas[scale.name] = n / (n - 1) * (1 - table.var(axis=0, ddof=1).sum() / table.sum(axis=1).var(ddof=1))
    assert min(alpha for name, alpha in alphas.items() if name != "环保") > 0.7
    assert alphas["环保"] < 0.5


def test_the_command_refuses_impossible_numbers(tmp_path):
    with pytest.raises(ProfileError, match="customers is 0.*whole number from 1"):
        materialise("jewellery", tmp_path, customers=0)
    with pytest.raises(ProfileError, match="seed is -1"):
        materialise("jewellery", tmp_path, seed=-1)
    with pytest.raises(ProfileError, match="customers is given, which 'journey' does not take"):
        materialise("journey", tmp_path, customers=5)


def digests(folder):
    return {path.name: digest_file(path) for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("planted", "files"),
    [
        ("price_shock", {"pos_sales.xlsx", "web_orders.csv"}),
        ("broken_till", {"pos_sales.xlsx"}),
        ("tracking_outage", {"events.parquet"}),
        ("new_shop", {"pos_sales.xlsx"}),
        ("truncated_file", {"reviews.csv"}),
        ("renamed_category", {"pos_sales.xlsx", "web_orders.csv"}),
    ],
)
def test_a_planted_change_is_in_its_files_alone(shop, tmp_path, planted, files):
    generate_jewellery(tmp_path, customers=600, seed=3, planted=planted)
    plain, changed = digests(shop), digests(tmp_path)
    assert {name for name in plain if plain[name] != changed[name]} == files


def test_a_change_is_planted_into_the_last_thirty_days_alone(shop, tmp_path):
    generate_jewellery(tmp_path, customers=600, seed=3, planted="price_shock")

    def prices(folder):
        rows = calamine.load_workbook(folder / "pos_sales.xlsx").get_sheet_by_name("销售").to_python()
        at = {name: place for place, name in enumerate(rows[0])}
        return [(row[at["销售时间"]].date(), row[at["单价"]]) for row in rows[1:]]

    ratios = [(day, round(new / old, 2)) for (day, old), (_, new) in zip(prices(shop), prices(tmp_path), strict=True)]
    assert {ratio for day, ratio in ratios if day < dt.date(2025, 6, 1)} == {1.0}
    assert {ratio for day, ratio in ratios if day >= dt.date(2025, 6, 1)} == {1.3}


def test_an_unknown_change_is_refused(tmp_path):
    with pytest.raises(ValueError, match="known are price_shock, "):
        generate_jewellery(tmp_path, customers=1, planted="nothing")
