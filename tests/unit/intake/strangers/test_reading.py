"""Encodings, quotes, repeated keys, formulas without a value, cells far away."""

import openpyxl
import pytest

from workbench.core.errors import DataError
from workbench.core.params.sources import SourceParams
from workbench.intake.reading.text.text_encodings import reading_of_lines
from workbench.intake.tables.source_heads import check_source

TEXTS = {
    "gb18030": "订单编号,客户姓名,下单时间\n1,张伟,上海市浦东新区\n2,欧阳娜娜,浙江省杭州市\n3,王芳,已付款等待发货\n",
    "big5": "訂單編號,客戶姓名,下單時間\n1,陳小明,臺北市中山區\n2,林美玲,高雄市左營區\n3,黃志強,已付款等待出貨\n",
    "shift_jis": "注文番号,お客様名,商品\n1,田中さくら,コーヒーカップ\n2,鈴木いちろう,タオルと石けん\n",
    "euc_kr": "주문번호,고객이름,상품\n1,김민수,커피잔 세트\n2,이영희,수건과 비누 선물\n3,박지훈,가죽 지갑\n",
    "cp1252": "Nr;Name;Artikel\n1;Jürgen Groß;Käse\n2;Zoë Façade;Crème brûlée\n3;Ana Núñez;Piñata\n4;Bjørn Åkesson;Stuhl\n",
    "cp1250": "Nr;Jméno;Zboží\n1;Jiří Dvořák;Příbor\n2;Tomáš Růžička;Čajová konvička\n3;Lenka Šťastná;Hůlka\n",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_the_encoding_is_the_one_whose_letters_are_plausible(encoding):
    assert reading_of_lines(TEXTS[encoding].encode(encoding).splitlines()).encoding == encoding


def test_one_accented_name_in_a_large_file_does_not_become_chinese():
    lines = [f"{at},order,12.50".encode() for at in range(500)] + ["501,Andrés Muñoz,3.50".encode("cp1252")]
    assert reading_of_lines(lines).encoding == "cp1252"


def test_accented_names_keep_their_letters(shop):
    shop.new(shop.put("latin1_read_as_gb18030"))
    assert shop.source("transactions")["encoding"] == "cp1252"
    lines = shop.intake().tables["transactions"].to_pandas()
    assert (len(lines), float(lines.amount.sum()), (lines.customer_id == "Jörg Müßig").sum()) == (7, 81.45, 2)


def test_an_undeclared_encoding_is_named(shop):
    metrics = shop.declared(
        "cp1252_mojibake", "cp1252.csv", columns=shop.ours | {"product_name": "product_name"}
    ).metrics
    assert (metrics["orders.accepted"], metrics["orders.encoding"]) == (5, "cp1252")


def test_a_remark_of_several_lines_forges_no_order(shop):
    intake = shop.declared("record_forging", "orders.csv")
    metrics = intake.metrics
    assert (metrics["orders.accepted"], metrics["orders.rejected"], metrics["transactions.amount_total"]) == (
        42,
        0,
        420.0,
    )
    assert metrics["orders.multiline_cells"] == 1
    assert "KVICTIM" not in set(intake.tables["transactions"].to_pandas().customer_id)


def test_records_inside_a_cell_are_told_with_their_line(shop):
    metrics = shop.declared("record_forging", "inner.csv").metrics
    assert (metrics["orders.accepted"], metrics["transactions.amount_total"]) == (2, 30.0)
    assert metrics["orders.records_inside_cells"] == 2
    shop.new(["data/raw/inner.csv"])
    assert shop.doubted("line 2")


def test_a_quote_never_closed_costs_its_own_line_alone(shop):
    text = 'order_id,customer_id,ordered_at,quantity,amount,remark\nA,K,2024-05-01,1,5,"open\nB,K,2024-05-02,1,6,ok\n'
    source = SourceParams(path=shop.write("o.csv", text), table="transactions", columns=shop.ours)
    metrics = shop.intake({"orders": source}, max_rejected_share=1.0).metrics
    assert (metrics["orders.rejected.unclosed-quote"], metrics["transactions.amount_total"]) == (1, 6.0)


@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_an_object_that_gives_a_key_twice_is_rejected(shop, ending):
    (path,) = shop.put("json_duplicate_key")
    if ending == "json":
        lines = (shop.workspace.root / path).read_text(encoding="utf-8").splitlines()
        path = shop.write("list.json", "[" + ",".join(lines) + "]")
    source = SourceParams(path=path, table="transactions", columns=shop.ours)
    metrics = shop.intake({"orders": source}, max_rejected_share=1.0).metrics
    assert (metrics["orders.accepted"], metrics["orders.rejected.key-repeated"]) == (5, 1)
    assert metrics["transactions.amount_total"] == 50.0


def test_formulas_without_a_value_are_refused(shop):
    with pytest.raises(DataError, match="formula-without-value 6"):
        shop.declared("xlsx_formula_ids", "formula2.xlsx")


def test_errors_of_a_workbook_are_no_values(shop):
    book = openpyxl.Workbook()
    for row in (
        list(shop.ours),
        ["A", "K", "2024-05-01", 1, 5],
        ["B", "#REF!", "2024-05-02", 1, 6],
        ["C", "K", "#REF!", 1, 7],
    ):
        book.active.append(row)
    book.active["B3"].data_type = book.active["C4"].data_type = "e"
    book.save(shop.workspace.raw / "o.xlsx")
    source = SourceParams(path="data/raw/o.xlsx", table="transactions", columns=shop.ours)
    metrics = shop.intake({"orders": source}, max_rejected_share=1.0).metrics
    assert (metrics["orders.rejected.date-invalid"], metrics["orders.nulled.workbook-error"]) == (1, 1)
    assert metrics["transactions.no_customer"] == 1


def test_a_cell_far_from_the_others_is_refused(shop):
    (path,) = shop.put("xlsx_far_cell")
    (fault,) = check_source(SourceParams(path=path, table="transactions", columns=shop.ours), shop.workspace.root)
    assert "XFD1048576" in str(fault)
