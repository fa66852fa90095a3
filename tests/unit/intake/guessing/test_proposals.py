"""From small files to a profile: its tables, columns and doubts, and that a check accepts it."""

import json

import openpyxl
import pandas as pd
import pytest
import yaml

from workbench.core.params.profile import load_profile
from workbench.core.stages.build_features import ScaleParams
from workbench.core.workspace import Workspace
from workbench.intake.guessing.proposals import propose
from workbench.intake.guessing.samples import take_samples
from workbench.intake.guessing.text.writing import profile_text
from workbench.intake.identity.spaces import check_spaces
from workbench.intake.tables.sources import check_source


@pytest.fixture
def proposed(tmp_path):
    """Return a function that writes files, proposes a profile and reads it back: (text, profile, faults)."""
    (tmp_path / "params").mkdir()
    (tmp_path / "data/raw").mkdir(parents=True)

    def at(files, language=None):
        samples = []
        for name, content in files.items():
            path = tmp_path / "data/raw" / name
            if callable(content):
                content(path)
            elif isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content, encoding="utf-8")
            samples += take_samples(path, f"data/raw/{name}")
        text = profile_text("shop", propose(samples), language=language)
        (tmp_path / "params/shop.yaml").write_text(text, encoding="utf-8")
        profile = load_profile(Workspace(tmp_path), "shop")
        faults = [str(fault) for source in profile.sources.values() for fault in check_source(source, tmp_path)]
        return text, profile, faults

    return at


def mapping(profile, source):
    return dict(profile.sources[source].columns)


ORDERS = """订单编号,买家会员名,订单付款时间 ,实付金额(元),宝贝总数量,收货地址
A001,mei88,2024-05-01 10:00:00,128.50,1,上海
A002,lan99,2024-05-02 11:00:00,99.00,2,湖南省
A003,mei88,,10.00,1,内蒙古自治区
"""


def test_chinese_orders_in_gb18030_are_mapped_and_values_beat_the_name(proposed):
    text, profile, faults = proposed({"orders.csv": ORDERS.encode("gb18030")})
    assert faults == []
    assert profile.sources["orders"].table == "transactions"
    assert mapping(profile, "orders") == {
        "order_id": "订单编号", "customer_id": "买家会员名", "ordered_at": "订单付款时间", "quantity": "宝贝总数量",
        "amount": "实付金额(元)", "province": "收货地址",
    }  # fmt: skip
    assert profile.languages == ("zh",)
    assert profile.currency == "CNY"
    assert "编码 gb18030" in text
    assert "      # 存疑：仅凭取值判断，列名并未说明\n      province: 收货地址   # 取值为省份\n" in text


def test_a_file_without_a_header_is_mapped_by_position_and_doubted(proposed):
    rows = [" 00004 0001 19970101  2   29.33", " 00004 0001 19970118  2   29.73", " 00021 0002 19970101  3   63.34",
            " 00021 0002 19970113  1   11.77", " 00050 0003 19970101  1    6.79", " 00071 0004 19970101  1   13.97"]  # fmt: skip
    text, profile, faults = proposed({"sample.txt": "\n".join(rows) + "\n"})
    source = profile.sources["sample"]
    assert faults == []
    assert (source.header, source.separator, source.table) == (False, "whitespace", "transactions")
    assert source.columns == {"customer_id": 1, "ordered_at": 3, "quantity": 4, "amount": 5}
    assert source.formats.dates == {"ordered_at": "%Y%m%d"}
    assert "position 2 names the same rows, one to one" in text


def test_customers_with_an_outcome_give_people_and_labels(proposed):
    rows = "\n".join(f"C{at:03d},{'FM'[at % 2]},{at * 7 % 60},{['No', 'Yes'][at % 3 == 0]},EUR" for at in range(40))
    text, profile, faults = proposed({"clients.csv": f"customerID,gender,tenure,Churn,unit\n{rows}\n"})
    assert faults == []
    assert mapping(profile, "clients") == {"customer_id": "customerID", "gender": "gender"}
    assert profile.sources["clients"].attributes == {"tenure": "tenure"}
    assert mapping(profile, "clients_labels") == {"customer_id": "customerID", "label": "Churn"}
    assert profile.sections["08_predict_churn"].label_name == "Churn"
    assert "# not read: unit: always EUR" in text


def test_without_orders_segments_use_numbers_and_a_campaign_answer_is_no_churn_label(proposed):
    rows = "\n".join(f"C{at:03d},{1000 + at},{at * 7 % 60},{at * 11 % 50},{at % 2}" for at in range(40))
    text, profile, faults = proposed({"people.csv": f"customerID,Income,MntWines,MntFish,Response\n{rows}\n"})
    assert faults == []
    assert list(profile.sources) == ["people"]  # who answered a campaign has not left
    segmenting = profile.sections["06_segment_customers"]
    assert (segmenting.features, segmenting.log_features) == (["income", "MntWines", "MntFish"], [])
    assert "no orders, so groups are made of these" in text
    assert "06_segment_customers" not in proposed({"orders.csv": ORDERS.encode("gb18030")})[0]


@pytest.mark.parametrize(("header", "stays", "left"), [("Status", "Active", "Closed"), ("客户状态", "在网", "流失")])
def test_a_status_that_says_who_left_becomes_a_label(proposed, header, stays, left):
    rows = "\n".join(f"C{at:03d},{at * 7 % 60},{[stays, left][at % 3 == 0]}" for at in range(40))
    text, profile, faults = proposed({"clients.csv": f"customerID,tenure,{header}\n{rows}\n"})
    assert faults == []
    assert mapping(profile, "clients_labels") == {"customer_id": "customerID", "label": header}
    assert profile.sources["clients_labels"].formats.means_yes == {"label": [left]}
    assert profile.sources["clients"].attributes == {"tenure": "tenure"}  # the column of the label is no feature
    assert left in text


def test_orders_say_whose_ids_they_use_where_two_files_hold_people(proposed):
    crm = "客户编号,姓名,手机号\n" + "".join(f"C{at},张伟{'甲乙丙丁戊'[at]},1381234567{at}\n" for at in range(5))
    shop = "user_id,email,gender\n" + "".join(f"u{at},u{at}@a.cn,F\n" for at in range(5))
    orders = "order_id,user_id,order_date,amount\n" + "".join(
        f"o{at},u{at % 5},2024-05-0{at + 1},9.50\n" for at in range(8)
    )
    text, profile, faults = proposed({"crm.csv": crm, "shop_users.csv": shop, "orders.csv": orders})
    assert faults == []
    assert {name: source.table for name, source in profile.sources.items()} == {
        "crm": "customers", "shop_users": "customers", "orders": "transactions",
    }  # fmt: skip
    assert profile.sources["orders"].people == "shop_users"
    assert "; 100% of its customer ids are known to shop_users" in text and "DOUBT: 100%" not in text
    assert not [number for number in ("13812345671", "u1@a.cn", "张伟甲") if number in text]


def test_a_province_without_a_customer_is_doubted_since_nothing_keeps_it(proposed):
    text, profile, faults = proposed({"orders.csv": ORDERS.replace("买家会员名", "备注")}, language="en")
    assert faults == []
    assert mapping(profile, "orders")["province"] == "收货地址"
    assert "DOUBT: province will be kept nowhere as long as customer_id is not mapped" in text


def test_unknown_ids_are_taken_for_ids_of_their_own_and_doubted(proposed):
    crm = "客户编号,姓名,手机号\n" + "".join(f"C{at},张伟{'甲乙丙丁戊'[at]},1381234567{at}\n" for at in range(5))
    shop = "user_id,email,gender\n" + "".join(f"u{at},u{at}@a.cn,F\n" for at in range(5))
    till = "order_id,card,order_date,amount\n" + "".join(f"o{at},9{at % 5},2024-05-0{at + 1},9.50\n" for at in range(8))
    files = {"crm.csv": crm, "shop_users.csv": shop, "till.csv": till.replace("card", "member_id")}
    text, profile, faults = proposed(files, language="en")
    assert faults == []
    assert profile.sources["till"].people == "till"
    assert "DOUBT: none of its customer ids is known to crm, so they are taken for ids of its own" in text
    assert check_spaces(profile.sources) == {}


def test_genders_of_all_files_are_written_in_the_two_words_most_records_use(proposed):
    crm = "客户编号,姓名,性别,手机号\nC1,王芳,女,13900000001\nC2,李雷,男,13900000002\nC3,韩梅,女性,13900000003\n"
    shop = "买家会员名,收货人,性别\nW1,张三,F\nW2,李四,m\nW3,王五,未知\n"
    codes = "customer_id,name,gender\nP1,Ann,2\nP2,Bob,1\n"
    text, profile, faults = proposed({"crm.csv": crm, "shop.csv": shop, "codes.csv": codes}, language="zh")
    assert faults == []
    declared = {name: source.standardise for name, source in profile.sources.items()}
    assert declared == {"crm": {"gender": {"女性": "女"}}, "shop": {"gender": {"F": "女", "m": "男"}}, "codes": {}}
    assert "多数记录写作 女 / 男" in text


@pytest.mark.parametrize(
    ("genders", "declared"),
    [
        (["female", "male", ""], {}),
        (["F", "F", "male"], {"gender": {"male": "M"}}),
        (["Female", "Male", "male"], {"gender": {"male": "Male"}}),
        (["x", "x", "unknown"], {}),
    ],
)
def test_the_usual_words_keep_their_case_and_other_words_are_left_alone(proposed, genders, declared):
    rows = "".join(f"{at},Ann,{gender}\n" for at, gender in enumerate(genders))
    _, profile, _ = proposed({"crm.csv": f"customer_id,name,gender\n{rows}"})
    assert profile.sources["crm"].standardise == declared


def test_people_without_ids_match_nobody_and_respondents_are_ids(proposed):
    people = "gender,age,education,town\n" + "".join(f"{'FM'[at % 2]},{20 + at},college,x\n" for at in range(30))
    answers = "respondent,question,answer\n" + "".join(f"R{at},Music,{1 + at % 5}\n" for at in range(30))
    text, profile, faults = proposed({"people.csv": people, "survey_answers.csv": answers}, language="en")
    assert faults == [] and profile.sources["people"].numbered == "customer_id"
    assert "survey_answers" in text and "none of its customer ids" not in text
    assert "DOUBT: no column names the customer: the line of the record does" in text
    named = "respondent,gender,age,education\n" + "".join(
        f"R{at},{'FM'[at % 2]},{20 + at},college\n" for at in range(30)
    )
    text, profile, faults = proposed({"people.csv": named, "survey_answers.csv": answers}, language="en")
    assert faults == [] and mapping(profile, "people")["customer_id"] == "respondent"


def test_a_few_shared_ids_are_joined_and_doubted_with_their_share(proposed):
    crm = "客户编号,姓名,手机号\n" + "".join(f"C{at},张伟{'甲乙丙丁戊'[at]},1381234567{at}\n" for at in range(5))
    orders = "order_id,user_id,order_date,amount\n" + "".join(f"o{at},C{at},2024-05-01,9.50\n" for at in range(40))
    text, profile, faults = proposed({"crm.csv": crm, "orders.csv": orders}, language="en")
    assert faults == []
    assert profile.sources["orders"].people is None
    assert "DOUBT: only 12.5% of its customer ids are known to crm" in text


def test_day_and_month_that_could_be_exchanged_are_left_to_the_reader(proposed):
    rows = "".join(f"o{at},c{at % 3},0{at % 9 + 1}/0{at % 7 + 1}/2024,9.50\n" for at in range(20))
    text, profile, faults = proposed({"orders.csv": f"order_id,customer_id,order_date,amount\n{rows}"})
    assert faults == []
    assert profile.sources["orders"].formats.dates is None
    assert "DOUBT: ordered_at: day and month could stand in either order" in text


def test_people_without_an_id_are_numbered_with_a_doubt(proposed):
    text, profile, faults = proposed({"people.csv": "gender,age,city\nF,30,上海\nM,41,北京\nF,30,上海\n"})
    assert faults == []
    assert profile.sources["people"].numbered == "customer_id"
    assert "DOUBT: no column names the customer" in text


def test_every_sheet_of_a_workbook_is_a_source(proposed):
    def write(path):
        book = openpyxl.Workbook()
        book.active.title = "会员"
        for row in (["会员编号", "性别", "出生日期"], ["0001", "女", "1990-01-02"], ["0002", "男", "1985-03-04"]):
            book.active.append(row)
        orders = book.create_sheet("订单")
        for row in (
            ["订单号", "会员编号", "下单时间", "金额"],
            ["A1", "0001", "2024-05-01", 12.5],
            ["A2", "0002", "2024-05-02", 8],
        ):
            orders.append(row)
        book.create_sheet("空")
        book.save(path)

    _, profile, faults = proposed({"shop.xlsx": write})
    assert faults == []
    assert [(source.sheet, source.table) for source in profile.sources.values()] == [
        ("会员", "customers"),
        ("订单", "transactions"),
    ]


def test_json_and_parquet_are_sampled_like_text(proposed):
    events = "".join(
        json.dumps({"user": {"id": f"u{at % 3}"}, "ts": f"2024-05-01T10:0{at}:00", "event": "view", "page": f"/p/{at}"})
        + "\n"
        for at in range(6)
    )
    nested = json.dumps(
        {
            "data": {
                "items": [{"case_id": f"T{at}", "customer_id": f"u{at}", "opened_at": "2024-05-01"} for at in range(4)]
            }
        }
    )
    products = pd.DataFrame({"sku": ["a", "b"], "title": ["gold ring", "silver ring"], "brand": ["x", "y"]})
    _, profile, faults = proposed(
        {"events.jsonl": events, "tickets.json": nested, "products.parquet": products.to_parquet}
    )
    assert faults == []
    assert profile.sources["events"].table == "events"
    assert mapping(profile, "events")["customer_id"] == "user.id"
    assert (profile.sources["tickets"].records, profile.sources["tickets"].table) == ("data.items", "service")
    assert mapping(profile, "products") == {"product_id": "sku", "product_name": "title", "brand": "brand"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_names_stay_inside_their_comment_and_their_quotes(proposed, language):
    name = '"note\n  run: {stages: []} # !!python/object"'
    text, profile, _ = proposed({"people.csv": f"customer_id,gender,{name}\nA1,F,x\nA2,M,y\n"}, language)
    assert yaml.safe_load(text)["sources"]["people"]["table"] == "customers"
    assert profile.run.stages != []
    assert "!!python" not in "".join(line.split("#", 1)[0] for line in text.splitlines() if "note" not in line)


def test_proposing_twice_gives_the_same_text(proposed):
    assert (
        proposed({"orders.csv": ORDERS.encode("gb18030")})[0] == proposed({"orders.csv": ORDERS.encode("gb18030")})[0]
    )


def test_a_questionnaire_gives_who_answered_and_the_answers(proposed):
    questions = [f"第{at}题 我喜欢首饰" for at in range(1, 11)]
    rows = [["2024-05-01 10:00:00", str(20 + at), "男女"[at % 2], *[str(1 + (at * at + q) % 5) for q in range(10)]]
            for at in range(30)]  # fmt: skip
    text = "\n".join(",".join(row) for row in [["提交时间", "年龄", "性别", *questions], *rows]) + "\n"
    profile_yaml, profile, faults = proposed({"满意度问卷.csv": text})
    assert faults == []
    people, answers = profile.sources.values()
    assert (people.table, people.numbered, mapping(profile, "manyiduwenjuan")) == (
        "customers", "customer_id", {"age": "年龄", "gender": "性别"})  # fmt: skip
    assert (answers.table, answers.layout, answers.numbered) == ("responses", "wide", "customer_id")
    assert answers.columns == {"answered_at": "提交时间"}
    assert "13 列中有 10 列为量表答案" in profile_yaml
    assert (
        f'#     mine: {{items: ["{questions[0]}", "{questions[1]}", "{questions[2]}"], reverse: ["{questions[2]}"], low: 1, high: 5}}'
        in profile_yaml
    )
    uncommented = (
        profile_yaml.replace("# 03_build", "03_build")
        .replace("#   scales:", "  scales:")
        .replace("#     mine:", "    mine:")
    )
    scales = yaml.safe_load(uncommented)["03_build_features"]["scales"]
    assert ScaleParams(**scales["mine"]).reverse == [questions[2]]


def test_answers_are_joined_by_the_number_of_the_respondent_where_there_is_one(proposed):
    head = ["member_id", *[f"Q{at}" for at in range(1, 10)]]
    rows = [[f"M{at:03d}", *[str(1 + (at + q) % 7) for q in range(9)]] for at in range(40)]
    _, profile, faults = proposed({"survey.csv": "\n".join(",".join(row) for row in [head, *rows]) + "\n"})
    assert faults == []
    assert [(source.table, source.columns, source.numbered) for source in profile.sources.values()] == [
        ("customers", {"customer_id": "member_id"}, None), ("responses", {"customer_id": "member_id"}, None),
    ]  # fmt: skip


HEAD = 1500  # lines that suffice to recognise a public file
PUBLIC = {
    "tmall_orders/tmall_order_report_gbk_derived.csv": (
        "transactions",
        {"order_id": "订单编号", "ordered_at": "订单付款时间", "amount": "买家实际支付金额", "province": "收货地址"},
    ),
    "customer_personality/marketing_campaign.csv": (
        "customers",
        {"customer_id": "ID", "birth_date": "Year_Birth", "education": "Education", "marital_status": "Marital_Status",
         "income": "Income", "registered_at": "Dt_Customer"},
    ),
    "online_retail/online_retail.csv.gz": (
        "transactions",
        {"order_id": "InvoiceNo", "product_id": "StockCode", "product_name": "Description", "quantity": "Quantity",
         "ordered_at": "InvoiceDate", "unit_price": "UnitPrice", "customer_id": "CustomerID", "country": "Country"},
    ),
    "telco_churn/WA_Fn-UseC_-Telco-Customer-Churn.csv": ("customers", {"customer_id": "customerID", "gender": "gender"}),
    "cdnow/CDNOW_master.txt": (
        "transactions",
        {"customer_id": "customer_id", "ordered_at": "date", "quantity": "number_of_cds", "amount": "dollar_value"},
    ),
    "young_people_survey/responses.csv": (
        "customers", {"gender": "Gender", "age": "Age", "education": "Education"}),
    "cdnow/CDNOW_sample.txt": ("transactions", {"customer_id": 1, "ordered_at": 3, "quantity": 4, "amount": 5}),
}  # fmt: skip


@pytest.mark.parametrize("file", PUBLIC)
def test_public_files_are_mapped_as_their_own_profiles_map_them(proposed, public_data, file):
    table, columns = PUBLIC[file]
    content = (public_data / file).read_bytes()
    if not file.endswith(".gz"):
        content = b"".join(content.splitlines(keepends=True)[:HEAD])
    _, profile, faults = proposed({file.split("/")[1]: content})
    source = next(iter(profile.sources.values()))
    assert faults == []
    assert (source.table, source.columns) == (table, columns)
    if "marketing" in file:
        assert source.formats.dates == {"birth_date": "%Y", "registered_at": "%d-%m-%Y"}
