"""Files that were never seen: what each is, which columns mean what, whatever they are called and however they lie."""

import csv
import datetime as dt
import io
import random
import re

import pytest

ENCODINGS = ("utf-8-sig", "gb18030", "cp1252")

# case: its files, the tables with our columns and theirs, and other names that mean the same
KINDS = {
    "headers_in_french": (
        {
            "customers": {"customer_id": "num_client", "gender": "genre", "birth_date": "date_naissance",
                          "registered_at": "date_creation_compte"},
            "transactions": {"customer_id": "num_client", "order_id": "numero_commande", "ordered_at": "date",
                             "amount": "montant_total_paye"},
        },
        {"num_client": "Kundennummer", "genre": "Geschlecht", "date_naissance": "Geburtsdatum",
         "date_creation_compte": "Registrierungsdatum", "numero_commande": "Bestellnummer", "date": "Bestelldatum",
         "montant_total_paye": "Gesamtbetrag", "montant_livraison": "Versandkosten"},
    ),
    "crm_contacts_and_deals": (
        {
            "customers": {"customer_id": "Email", "given_name": "First Name", "surname": "Last Name"},
            "transactions": {"order_id": "Deal ID", "customer_id": "Associated Contact Email",
                             "ordered_at": "Close Date", "amount": "Amount", "status": "Deal Stage"},
            "events": {"customer_id": "Associated Contact Email", "occurred_at": "Activity Date"},
        },
        {"Deal ID": "Opportunity Number", "Close Date": "closing_date", "Deal Stage": "opportunity stage",
         "Amount": "Deal value", "Contact Owner": "Account manager", "First Name": "Vorname"},
    ),
    "sales_pipeline_taken_for_service": (
        {
            "transactions": {"order_id": "opportunity_id", "customer_id": "account", "ordered_at": "close_date",
                             "amount": "close_value", "status": "deal_stage"},
            "customers": {"customer_id": "account"},
        },
        {"account": "client company", "close_value": "Revenue", "close_date": "Closed At", "deal_stage": "Status"},
    ),
    "order_heads_as_customers": (
        {
            "transactions": {"order_id": "info_id", "customer_id": "phone", "ordered_at": "use_start_time",
                             "amount": "expenditure", "status": "order_status"},
            "products": {"product_id": "dishes_id"},
        },
        {"phone": "mobile_no", "expenditure": "total_amount", "dishes_id": "item_id", "emp_id": "cashier_id"},
    ),
    "people_written_into_order_lines": (
        {
            "transactions": {"order_id": "Transaction ID", "customer_id": "Customer ID", "ordered_at": "Date",
                             "quantity": "Quantity", "unit_price": "Price per Unit", "amount": "Total Amount",
                             "category": "Product Category"},
            "customers": {"customer_id": "Customer ID", "gender": "Gender", "age": "Age"},
        },
        {"Customer ID": "codigo_cliente", "Date": "fecha de compra", "Quantity": "cantidad", "Gender": "Sexo",
         "Price per Unit": "precio unitario", "Total Amount": "importe total", "Age": "Edad"},
    ),
    "headers_compound": (
        {"transactions": {"customer_id": "顾客ID", "product_id": "产品ID", "quantity": "购买件数", "amount": "总价",
                          "ordered_at": "购买日期"}},
        {"顾客ID": "会员 编号", "产品ID": "货品编码", "购买件数": "订购数量", "总价": "消费金额", "购买日期": "成交时间"},
    ),
}  # fmt: skip


def read_rows(content):
    """Read a separated file of any of the corpus's encodings: its rows and its separator."""
    for encoding in ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    separator = ";" if text.splitlines()[0].count(";") > text.splitlines()[0].count(",") else ","
    return list(csv.reader(io.StringIO(text), delimiter=separator)), separator


def write_rows(rows, separator):
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def rename(rows, names):
    """Give columns other names."""
    return [[names.get(name, name) for name in rows[0]], *rows[1:]]


def reorder(rows, seed):
    """Put the columns in another order."""
    order = list(range(len(rows[0])))
    random.Random(seed).shuffle(order)
    return [[row[at] for at in order] for row in rows]


def redraw(rows, seed):
    """Draw other values: codes of other letters and digits, one for each; dates some days later; other rows first."""
    shift = random.Random(seed).randint(3, 20)

    def other(cell):
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}( .*)?", cell):
            return (dt.date.fromisoformat(cell[:10]) + dt.timedelta(days=shift)).isoformat() + cell[10:]
        if re.fullmatch(r"[A-Z]{1,5}[-_]?\d{1,6}", cell):
            letters = "".join(chr((ord(sign) - 65 + shift) % 26 + 65) if sign.isalpha() else sign for sign in cell)
            return re.sub(r"\d+$", lambda digits: str(int(digits[0]) + 7 * shift), letters)
        return cell

    return [rows[0], *([other(cell) for cell in row] for row in rows[1:])]


VARIANTS = {
    "as they are": lambda rows, names: rows,
    "renamed": rename,
    "reordered": lambda rows, names: reorder(rows, 3),
    "redrawn": lambda rows, names: redraw(rows, 5),
}
FILES = {"headers_compound": ("orders.csv",)}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("case", KINDS)
def test_files_are_taken_for_what_they_are(shop, case, variant):
    expected, names = KINDS[case]
    files = []
    for path in sorted((shop.corpus / case).glob("*.csv")):
        if path.name in FILES.get(case, (path.name,)):
            rows, separator = read_rows(path.read_bytes())
            files.append(shop.write(path.name, write_rows(VARIANTS[variant](rows, names), separator)))
    shop.new(files)
    called = names if variant == "renamed" else {}
    for table, columns in expected.items():
        wanted = {ours: called.get(theirs, theirs) for ours, theirs in columns.items()}
        assert wanted.items() <= shop.columns(table).items()
    assert sorted(shop.tables.values()) == sorted(expected)


def test_french_files_have_their_people_and_sums(shop):
    intake = shop.new(shop.put("headers_in_french")).intake()
    orders = intake.tables["transactions"].to_pandas()
    assert (len(orders), float(orders.amount.sum()), intake.tables["customers"].count().execute()) == (17, 778.6, 11)


def test_contacts_are_people_and_only_won_deals_are_revenue(shop):
    intake = shop.new(shop.put("crm_contacts_and_deals")).intake()
    orders = intake.tables["transactions"].to_pandas()
    assert sorted(orders.order_id) == ["DEAL-0003", "DEAL-0006", "DEAL-0009", "DEAL-0012"]
    assert orders.amount.sum() == 30_000
    assert intake.tables["customers"].count().execute() == 14
    assert not orders.customer_id.str.contains("@").any()  # an address is shown as a pseudonym
    assert set(orders.customer_id) <= set(intake.tables["customers"].to_pandas().customer_id)


def test_a_pipeline_of_sales_has_accounts_as_customers(shop):
    orders = shop.new(shop.put("sales_pipeline_taken_for_service")).intake().tables["transactions"].to_pandas()
    assert (len(orders), float(orders.amount.sum()), orders.customer_id.nunique()) == (8, 4108.0, 5)


def test_a_table_without_an_id_is_numbered_and_its_few_codes_are_no_id(shop):
    intake = shop.new(shop.put("churn_without_an_id")).intake()
    assert "Area code" not in shop.yaml["06_segment_customers"]["features"]
    assert sorted(shop.tables.values()) == ["customers", "labels"]
    assert {source["numbered"] for source in shop.yaml["sources"].values()} == {"customer_id"}
    assert (intake.tables["customers"].count().execute(), intake.tables["labels"].count().execute()) == (28, 28)
    assert {"Area code", "Account length", "International plan"} <= set(shop.source("customers")["attributes"])


def test_a_chinese_table_without_an_id_says_so(shop):
    shop.new(shop.put("no_customer_id"))
    assert sorted(shop.tables.values()) == ["customers", "labels"]
    assert shop.columns("labels") == {"label": "流失"}
    assert shop.doubted("没有客户编号")


def test_labels_keep_the_other_columns_as_attributes(shop):
    shop.new(shop.put("label_file_loses_its_features"))
    assert sorted(shop.tables.values()) == ["customers", "labels"]
    assert len(shop.source("customers")["attributes"]) == 5


def test_a_running_number_is_not_read(shop):
    shop.new(shop.put("running_number_as_a_feature"))
    assert "# not read: RowNumber: it numbers the rows" in shop.text
    assert "RowNumber" not in str(shop.yaml)
    assert "numbers, 607 to 845" in shop.text or "CreditScore: CreditScore   # numbers, 607 to" in shop.text


def test_one_list_of_people_with_unique_ids_keeps_them(shop):
    shop.new(shop.put("own_ids_lost"))
    assert "02_resolve_identity" not in shop.yaml["run"]["stages"]


def test_people_in_order_lines_become_customers(shop):
    intake = shop.new(shop.put("people_written_into_order_lines")).intake()
    people = intake.tables["customers"].to_pandas()
    assert len(people) == 9 and people.gender.notna().all() and people.age.notna().all()
    assert intake.tables["products"].to_pandas().category.nunique() == 2


def test_baskets_without_money_are_orders(shop):
    intake = shop.new(shop.put("baskets_without_money")).intake()
    lines = intake.tables["transactions"].to_pandas()
    baskets = lines.drop_duplicates(["customer_id", "ordered_at"])
    assert (len(lines), lines.customer_id.nunique(), len(baskets)) == (28, 7, 28)
    assert intake.tables["products"].count().execute() == 4
    assert shop.doubted("no column holds money")


def test_a_note_above_the_header_is_skipped(shop):
    shop.new(shop.put("note_above_the_header"))
    assert shop.source("transactions")["skip_rows"] == 1
    lines = shop.intake().tables["transactions"].to_pandas()
    assert (len(lines), lines.customer_id.nunique(), float(lines.amount.sum())) == (24, 6, 792.0)


def test_a_generic_id_is_decided_by_the_other_file(shop):
    shop.new(shop.put("id_belongs_to_members"))
    assert shop.columns("customers")["customer_id"] == "ID"
    assert {"customer_id": "ID", "amount": "消费金额", "ordered_at": "消费时间"}.items() <= shop.columns(
        "transactions"
    ).items()


def test_a_ready_table_of_rfm_is_a_list_of_people(shop):
    shop.new(shop.put("ready_rfm_table"))
    assert shop.columns("customers")["customer_id"] == "Id"
    assert shop.yaml["06_segment_customers"]["features"] == ["R", "F", "M"]


def test_the_card_of_a_member_list_is_the_id_and_its_money_is_read(shop):
    intake = shop.new(shop.put("member_card_list")).intake()
    assert {"customer_id": "会员卡号", "birth_date": "会员生日"}.items() <= shop.columns("customers").items()
    people = intake.tables["customers"].to_pandas()
    assert (people["累计消费"].min(), people["累计消费"].max()) == (1200, 9950)
    assert (people["储值余额"].min(), people["储值余额"].max()) == (0, 87.5)
    assert intake.metrics["huiyuanziliao.nulled.year-missing"] > 0  # a birthday without a year is no fault of a date
    assert "huiyuanziliao.nulled.date-invalid" not in intake.metrics


def test_events_without_a_header_are_recognised(shop):
    intake = shop.new(shop.put("headerless_behaviour")).intake()
    columns = shop.columns("events")
    assert {"customer_id": 1, "product_id": 2, "type": 4, "occurred_at": 5}.items() <= columns.items()
    events, goods = intake.tables["events"].to_pandas(), intake.tables["products"].to_pandas()
    assert events.type.value_counts().to_dict() == {"pv": 14, "cart": 5, "fav": 5, "buy": 4}
    assert (events.customer_id.nunique(), len(goods), goods.category.nunique()) == (7, 11, 4)
    assert str(events.occurred_at.min()) == "2017-11-25 08:53:20"


def test_members_and_order_lines_without_headers(shop):
    intake = shop.new(shop.put("headerless_members")).intake()
    assert shop.yaml["language"] == "zh"
    assert {"customer_id": 1, "gender": 3, "age": 4, "registered_at": 5}.items() <= shop.columns("customers").items()
    orders = shop.columns("transactions")
    assert {"order_id": 1, "product_id": 2, "quantity": 4, "ordered_at": [5, 6]}.items() <= orders.items()
    assert "customer_id" not in orders
    assert str(intake.tables["transactions"].to_pandas().ordered_at.min()) == "2024-05-01 10:10:00"


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("jd_orders.csv", {"customer_id": "下单帐号", "quantity": "订购数量", "ordered_at": "下单时间"}),
        (
            "youzan.csv",
            {"quantity": "商品数量", "ordered_at": "付款日期", "customer_id": "买家昵称", "order_id": "订单号"},
        ),
    ],
)
def test_platform_exports_are_mapped_by_the_parts_of_their_headers(shop, file, columns):
    shop.new(shop.put("headers_compound", file))
    assert columns.items() <= shop.columns("transactions").items()


def test_titles_stand_for_products_without_a_number(shop):
    intake = shop.new(shop.put("title_without_product_id")).intake()
    assert shop.columns("transactions")["product_id"] == "宝贝标题"
    assert shop.doubted("宝贝标题")
    assert "platform" not in shop.columns("transactions") and "store_id" not in shop.columns("transactions")
    assert intake.tables["products"].count().execute() >= 1
    assert "# 不读取：收货地址: 地址以省、市开头" in shop.text


def test_orders_without_a_buyer_are_still_orders(shop):
    shop.new(shop.put("orders_without_customer"))
    assert shop.intake().tables["transactions"].count().execute() == 28
    assert shop.doubted("没有客户编号")


def test_a_price_that_ends_in_zero_is_no_id(shop):
    shop.new(shop.put("price_point_zero"))
    assert not shop.doubted(".0")


def test_data_shorter_than_the_bounds_propose_the_own_rhythm(shop):
    shop.new(shop.put("bounds_longer_than_data"))
    assert shop.yaml["05_score_rfm"]["bounds"] == "rhythm"
