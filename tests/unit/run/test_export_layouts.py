"""The files of every layout against a description of what its platform reads."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from workbench.core.actions.definition import Action
from workbench.core.actions.layout import read_layout
from workbench.core.store.tables import Store
from workbench.core.workspace import Workspace
from workbench.run.services.actions.lists import lists_folder, write_lists
from workbench.run.services.actions.rows import ContactRows

PLATFORMS = yaml.safe_load(Path(__file__).with_name("platforms.yaml").read_text(encoding="utf-8"))
PLAN = "shop_2025-07-01_0123abcd"
TEXT = "“新品” 8 折"
ACTIONS = {
    "coupon": Action(name="coupon", label={"en": "Coupon", "zh": "优惠券"}, channel="sms", cost=1.0),
    "call_back": Action(
        name="call_back", label={"en": "Call", "zh": "回访"}, channel="phone", cost=1.0, kind="service",
        occasion={"birthday": True, "days_before": 7},
    ),
}  # fmt: skip


def rows(texts, channel="sms"):
    """Return rows to contact, one per text."""
    many = len(texts)
    frame = pd.DataFrame({
        "customer_id": [f"P{at}" for at in range(many)], "source": "crm", "source_id": [f"00{at}" for at in range(many)],
        "plan": PLAN, "action": "coupon" if channel == "sms" else "call_back", "channel": channel, "content": texts,
        "reason": '=a "b" | <c>', "neutral_alternative": None, "valid_until": pd.Timestamp("2025-07-31").date(),
        "phone": "13800000001", "email": "c@example.com",
    })  # fmt: skip
    return frame


@pytest.fixture
def lists(tmp_path, repository):
    """A function that writes lists in a layout and returns them as frames of text, by file."""
    workspace = Workspace(tmp_path)
    store = Store(workspace, "shop")

    def written(name, frame, *, contacts=None, language="zh", **changes):
        layout = read_layout(Workspace(repository), name).model_copy(update=changes)
        folder = lists_folder(workspace, "shop", PLAN)
        options = {"contacts": contacts, "language": language}
        files = write_lists(store, folder, ContactRows(frame, {}, True), layout, ACTIONS, **options)
        ending = PLATFORMS.get(name, {}).get("form", "csv")
        text = {"dtype": str, "keep_default_na": False}
        paths = [tmp_path / file.file for file in files if file.file.endswith(ending)]
        return {
            path.name: pd.read_excel(path, engine="openpyxl", **text)
            if ending == "xlsx"
            else pd.read_csv(path, encoding="utf-8-sig", **text)
            for path in paths
        }

    return written


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("kind", [None, "phone", "email"])
def test_the_lists_are_what_the_platform_reads(lists, repository, name, kind):
    platform, layout = PLATFORMS[name], read_layout(Workspace(repository), name)
    if kind is not None and kind not in layout.contacts:
        assert f"with_{kind}" not in platform
        return
    frame = pd.concat([rows([TEXT, 'a "b" | <c>']), rows(["", ""], "phone")] if name != "sms" else [rows([TEXT])])
    frames = lists(name, frame, contacts=kind)
    ending = f"_with_{kind}" if kind else ""
    channels = ["sms"] if name == "sms" else ["phone", "sms"]
    assert set(frames) == {f"{channel}{ending}.{platform['form']}" for channel in channels}
    headings = [*platform["headings"], *([platform[f"with_{kind}"]] if kind else [])]
    for table in frames.values():
        assert sorted(table.columns) == sorted(headings) and len(table)
        assert list(table.columns.drop(headings[len(platform["headings"]) :])) == platform["headings"]
        assert kind is None or set(table[headings[-1]]) == {"13800000001" if kind == "phone" else "c@example.com"}
        for heading, form in platform.get("dates", {}).items():
            assert table[heading].str.fullmatch(form).all()
        if "refused" in platform:
            assert not table.map(lambda cell: bool(re.search(platform["refused"], cell))).any(axis=None)
    assert "most_rows" not in platform or layout.rows_per_file <= platform["most_rows"]
    assert "most_columns" not in platform or len(platform["headings"]) < platform["most_columns"]


def test_ids_keep_their_zeros_and_no_cell_is_a_formula(lists):
    table = lists("generic", rows([TEXT]), language="en")["sms.csv"]
    assert table["customer id"].tolist() == ["000"] and table["reason"].tolist() == ['\'=a "b" | <c>']
    assert table["action name"].tolist() == ["Coupon"] and "phone" not in table.columns
    assert lists("generic", rows([""], "phone"))["phone.csv"]["服务时机"].str.replace("\u2009", "").tolist() == [
        "7天内过生日"
    ]


def test_every_text_message_says_how_to_unsubscribe_and_what_it_costs(lists):
    texts = ["有券", "有券，退订回T", "字" * 100, "字" * 50, ""]
    table = lists("sms", rows(texts))["sms.csv"]
    assert table["短信内容"].tolist() == [
        "有券 拒收请回复R",
        texts[1],
        f"{'字' * 100} 拒收请回复R",
        f"{'字' * 50} 拒收请回复R",
        "",
    ]
    assert table["计费条数"].tolist() == ["1", "1", "2", "1", "0"]  # with ten characters of the signature
    assert lists("sms", rows(["Hi"]), language="en")["sms.csv"]["message"].tolist() == ["Hi Reply R to unsubscribe"]


def test_a_longer_list_is_written_in_parts_and_old_parts_are_removed(lists, tmp_path):
    frames = lists("zoho", rows(["x"] * 7), rows_per_file=3)
    assert {name: len(frame) for name, frame in frames.items()} == {"sms_1.csv": 3, "sms_2.csv": 3, "sms_3.csv": 1}
    lists("zoho", rows(["x"] * 2), contacts="email", rows_per_file=3)
    assert list(lists("zoho", rows(["x"] * 3), rows_per_file=3)) == ["sms.csv"]
    kept = {path.name for path in (tmp_path / f"reports/shop/people/plans/{PLAN}/zoho").iterdir()}
    assert kept == {"sms.csv", "sms_with_email.csv"}
