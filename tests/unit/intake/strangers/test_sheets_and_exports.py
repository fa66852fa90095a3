"""Workbooks with sheets that are no tables, and exports of platforms."""


def left_out(shop):
    return {own.sheet: own.reason.key for own in shop.proposal.left_out}


def test_titles_dictionaries_and_pivots_are_left_out_with_a_reason(shop):
    shop.new(shop.put("sheets_that_are_no_tables"))
    assert sorted(shop.tables.values()) == ["customers", "labels"]
    assert left_out(shop) == {"Title Sheet": "sheet_few", "Data Dict": "sheet_texts", "Pivot": "sheet_pivot"}
    intake = shop.intake()
    assert intake.tables["customers"].count().execute() == 24
    assert intake.tables["labels"].to_pandas().label.sum() == 4


def test_returns_and_staff_are_no_people_and_a_share_is_no_money(shop):
    shop.new(shop.put("returns_and_staff_sheets"))
    assert left_out(shop) == {"退货": "sheet_orders", "销售人员": "sheet_staff"}
    columns = shop.columns("transactions")
    assert (columns["product_id"], columns["order_id"], columns["customer_id"]) == ("产品 ID", "订单 ID", "客户 ID")
    assert shop.source("transactions")["formats"]["units"] == {"discount": "share"}
    assert shop.doubted("折扣率")


def test_a_hidden_sheet_is_named_and_not_read(shop):
    shop.new(shop.put("hidden_sheet"))
    assert left_out(shop) == {"old_hidden": "sheet_hidden"}
    lines = shop.intake().tables["transactions"].to_pandas()
    assert (len(lines), float(lines.amount.sum())) == (3, 297.0)


def test_without_a_named_sheet_the_first_visible_one_is_read(shop):
    metrics = shop.declared("hidden_sheet", "hidden.xlsx").metrics
    assert (metrics["transactions.amount_total"], metrics["orders.hidden_sheets"]) == (297.0, 1)


def test_a_repeated_header_that_nobody_maps_is_a_doubt(shop):
    shop.new(shop.put("duplicate_unused_header"))
    assert shop.doubted("宝贝种类")
    assert shop.intake().tables["transactions"].count().execute() == 20


def test_an_export_with_several_rows_per_order(shop):
    shop.new(shop.put("shopify_orders_export"))
    columns = {"order_id": "Name", "customer_id": "Email", "ordered_at": "Created at", "status": "Financial Status",
               "quantity": "Lineitem quantity", "unit_price": "Lineitem price"}  # fmt: skip
    assert columns.items() <= shop.columns("transactions").items()
    assert "status" in shop.source("transactions")["fill"]["columns"]
    assert shop.doubted("which zone")
    lines = shop.intake().tables["transactions"].to_pandas()
    assert (sorted(lines.order_id), float(lines.amount.sum())) == (["#1001", "#1001"], 55.0)
    assert not lines.customer_id.str.contains("@").any()


def test_statuses_are_listed_and_those_that_are_no_purchase_left_out(shop):
    shop.new(shop.put("order_status_closed"))
    assert shop.doubted("等待买家付款 4", "交易成功 12")
    lines = shop.intake().tables["transactions"].to_pandas()
    assert (len(lines), float(lines.amount.sum())) == (16, 1004.0)
