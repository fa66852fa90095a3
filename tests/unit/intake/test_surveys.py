"""Wide surveys: every cell becomes an answer or is counted, and the lines name the respondents."""

import datetime as dt

import ibis
import openpyxl
import pytest

from workbench.core.errors import ProfileError
from workbench.core.params.profile import load_profile
from workbench.core.params.sources import SourceParams
from workbench.core.workspace import Workspace
from workbench.intake.surveys.answers import _date
from workbench.intake.surveys.questionnaire import read_questionnaire
from workbench.intake.tables.canonical import take_in
from workbench.intake.tables.manual_sheets import make_sheet
from workbench.intake.tables.sources import check_source

WIDE = "id,Music,music,最喜欢的品牌,when\nA1,5,1,周大福,2024-05-01\nA2,,3, ,2024-05-02\nA3,2,2\n"


@pytest.fixture
def take(tmp_path):
    """Return what reads sources over files of a workspace: (rows of responses, metrics)."""

    def run(files, **sources):
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        engine = ibis.duckdb.connect()
        scratch = tmp_path / "scratch"
        params = {name: SourceParams(**source) for name, source in sources.items()}
        taken = take_in(
            engine, params, root=tmp_path, scratch=scratch, date_min=dt.date(1900, 1, 2), date_max=dt.date(2030, 1, 1)
        )
        rows = taken.tables["responses"].to_pyarrow().to_pylist()
        return rows, taken.metrics, taken

    return run


def test_a_wide_survey_gives_one_row_per_answer_and_counts_the_blanks(take):
    rows, metrics, _ = take(
        {"s.csv": WIDE},
        s={
            "path": "s.csv",
            "table": "responses",
            "layout": "wide",
            "columns": {"customer_id": "id", "answered_at": "when"},
        },
    )
    found = [
        (row["customer_id"], row["survey"], row["question"], row["answer"], row["answered_at"].day) for row in rows
    ]
    assert sorted(found) == [
        ("A1", "s", "Music", "5", 1), ("A1", "s", "music", "1", 1), ("A1", "s", "最喜欢的品牌", "周大福", 1), ("A2", "s", "music", "3", 2),
    ]  # fmt: skip
    assert (metrics["s.physical_records"], metrics["s.accepted"], metrics["s.rejected"]) == (3, 2, 1)
    assert metrics["s.unanswered"] == 2
    assert metrics["responses.rows"] + metrics["s.unanswered"] == 2 * 3


def test_named_questions_alone_are_read_and_the_others_told(take):
    rows, metrics, taken = take(
        {"s.csv": WIDE},
        s={
            "path": "s.csv",
            "table": "responses",
            "layout": "wide",
            "columns": {"customer_id": "id"},
            "questions": {"brand": "最喜欢的品牌"},
        },
    )
    assert [(row["question"], row["answer"]) for row in rows] == [("brand", "周大福")]
    assert taken.dropped == {"s": ["Music", "music", "when"]}


def test_without_an_id_the_line_names_the_respondent_in_every_source_of_the_file(take):
    rows, metrics, taken = take(
        {"s.csv": "Music,Age\n5,20\n,30\n4,40\n"},
        people={"path": "s.csv", "table": "customers", "numbered": "customer_id", "columns": {"age": "Age"}},
        s={"path": "s.csv", "table": "responses", "layout": "wide", "numbered": "customer_id", "questions": ["Music"]},
    )
    assert sorted((row["customer_id"], row["answer"]) for row in rows) == [("2", "5"), ("4", "4")]
    assert taken.tables["customers"].order_by("customer_id").to_pyarrow()["customer_id"].to_pylist() == ["2", "3", "4"]


def test_lines_of_further_files_carry_the_place_of_their_file(take):
    rows, _, _ = take(
        {"a.csv": "Music\n5\n", "b.csv": "Music\n4\n"},
        s={"path": "*.csv", "table": "responses", "layout": "wide", "numbered": "customer_id"},
    )
    assert sorted((row["customer_id"], row["answer"]) for row in rows) == [("2", "5"), ("2-2", "4")]


def test_a_further_file_that_lacks_a_question_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("id,Music,Dance\nx,5,3\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("id,Music\ny,4\n", encoding="utf-8")
    source = SourceParams(path="*.csv", table="responses", layout="wide", columns={"customer_id": "id"})
    assert ["column 'Dance'" in str(fault) for fault in check_source(source, tmp_path)] == [True]


def test_rules_speak_of_answers(take):
    rows, metrics, _ = take(
        {"s.csv": WIDE},
        s={"path": "s.csv", "table": "responses", "layout": "wide", "columns": {"customer_id": "id", "answered_at": "when"},
           "rules": {"known": "question != 'Music'"}},
    )  # fmt: skip
    assert {row["question"] for row in rows} == {"music", "最喜欢的品牌"}
    assert metrics["responses.rule.known"] == 1


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("table: customers\n    layout: wide\n    columns: {customer_id: id}", "layout wide is for responses"),
        ("table: responses\n    layout: wide", "customer_id not mapped"),
        ("table: responses\n    layout: wide\n    numbered: answer", "'answer' is not an id column of responses"),
        (
            "table: responses\n    questions: [a]\n    columns: {customer_id: id, question: q, answer: a}",
            "questions belong to layout wide",
        ),
        (
            "table: customers\n    numbered: customer_id\n    columns: {customer_id: id}",
            "customer_id is mapped to a column and numbered",
        ),
    ],
)
def test_a_layout_that_cannot_be_is_refused(tmp_path, lines, said):
    (tmp_path / "params").mkdir()
    (tmp_path / "params/s.yaml").write_text(
        f"profile: s\nsources:\n  s:\n    path: data/raw/s.csv\n    {lines}\n", encoding="utf-8"
    )
    with pytest.raises(ProfileError, match=said):
        load_profile(Workspace(tmp_path.resolve()), "s")


def test_the_young_people_survey_has_608_blank_cells(take, public_data, repository):
    profile = load_profile(Workspace(repository), "young_people")
    text = (public_data / "young_people_survey/responses.csv").read_text(encoding="utf-8")
    sources = {name: source.model_dump() | {"path": "responses.csv"} for name, source in profile.sources.items()}
    rows, metrics, _ = take({"responses.csv": text}, **sources)
    assert (metrics["survey.accepted"], metrics["survey.unanswered"], len(rows)) == (1010, 608, 1010 * 150 - 608)


# -- questionnaires -------------------------------------------------------------------------------------------------

ASKED = """
questionnaire: q
title: {en: Q, zh: 问卷}
sections: {a: {en: A, zh: 甲}}
questions:
  bought: {section: a, ask: {en: Bought?, zh: 买过吗？}, answer: single, required: true,
           options: {"yes": {en: "Yes", zh: 是}, "no": {en: "No", zh: 否}}}
  why: {section: a, ask: {en: Why?, zh: 为何？}, answer: multiple, most: 2, only_if: {bought: ["yes"]}, required: true,
        options: {price: {en: Price, zh: 价格}, look: {en: Look, zh: 款式}, brand: {en: Brand, zh: 品牌}}}
  score: {section: a, ask: {en: Score?, zh: 评分？}, answer: scale, low: 1, high: 5, only_if: {bought: ["yes"]}}
  born: {section: a, ask: {en: Born?, zh: 出生年？}, answer: number, low: 1900, high: 2020}
  wedding: {section: a, ask: {en: Wedding?, zh: 婚期？}, answer: date}
"""
ANSWERS = """id,bought,为何？,Score?,born,wedding
A1,是,价格;look,5,1990,2024-05-20
A2,no,,,,
A3,maybe,price,3,1890,soon
A4,yes,,6,about 1980,
A5,No,brand,4,,
A6,yes,price;look;brand,2.5,,
A7,,,,,
"""
FAULTS = [
    (4, "born", "answer-out-of-range", "1890"), (4, "bought", "answer-no-option", "maybe"), (4, "score", "answer-not-asked", "3"),
    (4, "wedding", "answer-no-date", "soon"), (4, "why", "answer-not-asked", "price"), (5, "born", "answer-no-number", "about 1980"),
    (5, "score", "answer-out-of-range", "6"), (5, "why", "answer-missing", ""), (6, "score", "answer-not-asked", "4"),
    (6, "why", "answer-not-asked", "brand"), (7, "score", "answer-out-of-range", "2.5"),
    (7, "why", "answer-too-many", "price;look;brand"), (8, "bought", "answer-missing", ""),
]  # fmt: skip


def faults_of(taken):
    rows = taken.rejects.to_pyarrow().to_pylist()
    return sorted((row["line"], row["column"], row["code"], row["raw"]) for row in rows)


def test_a_questionnaire_sets_aside_every_answer_that_is_not_valid_with_line_and_question(take):
    rows, metrics, taken = take(
        {"q.yaml": ASKED, "s.csv": ANSWERS},
        s={
            "path": "s.csv",
            "table": "responses",
            "layout": "wide",
            "columns": {"customer_id": "id"},
            "questionnaire": "q.yaml",
        },
    )
    assert faults_of(taken) == FAULTS
    assert [(row["customer_id"], row["question"], row["answer"]) for row in rows] == [
        ("A1", "bought", "yes"), ("A1", "why", "price"), ("A1", "why", "look"), ("A1", "score", "5"), ("A1", "born", "1990"),
        ("A1", "wedding", "2024-05-20"), ("A2", "bought", "no"), ("A4", "bought", "yes"), ("A5", "bought", "no"), ("A6", "bought", "yes"),
    ]  # fmt: skip
    assert (metrics["s.answers_missing"], metrics["s.nulled.answer-not-asked"]) == (2, 4)
    assert metrics["s.accepted"] == 7


def test_a_long_survey_is_judged_by_the_same_rules(take):
    lines = [line.split(",") for line in ANSWERS.splitlines()]
    long = [
        f"{row[0]},{question},{answer}"
        for row in lines[1:]
        for question, answer in zip(lines[0][1:], row[1:], strict=True)
        if answer
    ]
    rows, metrics, taken = take(
        {"q.yaml": ASKED, "s.csv": "\n".join(["id,q,a", *long, "A2,shoe size,41"]) + "\n"},
        s={
            "path": "s.csv",
            "table": "responses",
            "columns": {"customer_id": "id", "question": "q", "answer": "a"},
            "questionnaire": "q.yaml",
        },
    )
    codes = [(column, code, raw) for _, column, code, raw in faults_of(taken)]
    expected = [(column, code, raw) for line, column, code, raw in FAULTS if line < 8]
    assert sorted(codes) == sorted([*expected, ("shoe size", "question-unknown", "41")])
    assert len(rows) == 10


def test_a_sheet_for_a_questionnaire_asks_its_questions(tmp_path):
    (tmp_path / "q.yaml").write_text(ASKED, encoding="utf-8")
    source = SourceParams(
        path="s.csv",
        table="responses",
        layout="wide",
        manual=True,
        columns={"customer_id": "id"},
        questionnaire="q.yaml",
    )
    made = make_sheet(source, tmp_path)
    assert made.read_text(encoding="utf-8-sig").strip() == "id,Bought?,Why?,Score?,Born?,Wedding?"


def test_a_workbook_for_the_deep_interview_offers_options_and_says_what_may_be_answered(tmp_path, repository, take):
    asked = (repository / "params/questionnaires/deep_interview.yaml").read_text(encoding="utf-8")
    (tmp_path / "q.yaml").write_text(asked, encoding="utf-8")
    given = {"path": "s.xlsx", "table": "responses", "layout": "wide", "manual": True,
             "columns": {"customer_id": "客户编号"}, "questionnaire": "q.yaml"}  # fmt: skip
    source = SourceParams(**given)
    assert check_source(source, tmp_path) == []
    book = openpyxl.load_workbook(make_sheet(source, tmp_path, "zh"))
    sheet, guide = book.worksheets
    names = [cell.value for cell in sheet[1]]
    assert names[:3] == ["客户编号", "您的性别？", "您出生于哪一年？"]
    assert '"女,男,不愿透露"' in {each.formula1 for each in sheet.data_validations.dataValidation}
    rows = list(guide.iter_rows(values_only=True))
    assert rows[0] == ("部分", "题目", "作答形式", "选项或范围", "仅当")
    assert ("基本信息", "计划何时举行婚礼？", "日期，如 2026-05-01", None, "您的婚姻状况？ = 备婚") in rows
    assert take({}, s=given)[0] == []  # empty: nobody has answered
    answers = {"客户编号": "K1", "您的性别？": "女", "您的婚姻状况？": "备婚", "计划何时举行婚礼？": dt.date(2027, 5, 2),
               "您目前是否工作？": "学生", "您通常从哪里了解产品？": "微信，抖音", "过去一年您是否在本店购买过？": "否",
               "家庭月收入？": "8000-20000元"}  # fmt: skip
    sheet.append([answers.get(name) for name in names])
    book.save(tmp_path / "s.xlsx")
    rows, metrics, _ = take({}, s=given)
    assert sorted((row["question"], row["answer"]) for row in rows) == [
        ("bought_last_year", "no"), ("employment", "student"), ("gender", "female"), ("income_band", "middle"),
        ("marital_status", "engaged"), ("media_habit", "douyin"), ("media_habit", "wechat"), ("wedding_date", "2027-05-02"),
    ]  # fmt: skip
    assert not [key for key in metrics if "answer-" in key or key.endswith("answers_missing")]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026年5月1日", "2026-05-01"), ("２０２６／５／１", "2026-05-01"), ("2026-05-01 10:30:00", "2026-05-01"),
        ("2026-05-01x", None), ("1/5/2026", None), ("2026-02-30", None),
    ],
)  # fmt: skip
def test_dates_that_begin_with_the_year_are_answers(text, read):
    assert _date(text) == (((read,), None) if read else ((), "answer-no-date"))


def test_a_questionnaire_is_found_by_its_name_and_missed_before_the_sheet_is_made(tmp_path):
    given = {"table": "responses", "layout": "wide", "manual": True, "columns": {"customer_id": "id"}}
    source = SourceParams(path="s.csv", questionnaire="talks", **given)
    told = [str(fault) for fault in check_source(source, tmp_path)]
    assert told == [
        "params/questionnaires/talks.yaml: questionnaire not found. Copy params/questionnaires/deep_interview.yaml."
    ]
    folder = tmp_path / "params/questionnaires"
    folder.mkdir(parents=True)
    (folder / "talks.yaml").write_text(ASKED, encoding="utf-8")
    assert check_source(source, tmp_path) == []
    assert "Bought?" in make_sheet(source, tmp_path).read_text(encoding="utf-8-sig")


def test_every_fault_of_a_questionnaire_is_told_at_once_with_its_line(tmp_path):
    wrong = ASKED.replace("section: a, ask: {en: Born", "section: b, ask: {en: Born").replace(
        'only_if: {bought: ["yes"]}}', "only_if: {born: [x], bought: [ja]}}"
    )
    (tmp_path / "q.yaml").write_text(wrong, encoding="utf-8")
    (tmp_path / "s.csv").write_text(ANSWERS, encoding="utf-8")
    source = SourceParams(
        path="s.csv", table="responses", layout="wide", columns={"customer_id": "id"}, questionnaire="q.yaml"
    )
    said = [str(fault) for fault in check_source(source, tmp_path)]
    assert any("q.yaml, line 10: score: only_if names 'born', which is not asked before it" in each for each in said)
    assert any("score: only_if: 'ja' is no option of bought" in each for each in said)
    assert any("q.yaml, line 11: born: no section 'b'" in each for each in said)


def test_the_deep_interview_covers_its_sections_in_both_languages(repository):
    found = read_questionnaire(repository / "params/questionnaires/deep_interview.yaml", "deep_interview.yaml")
    assert {text.zh for text in found.sections.values()} == {
        "基本信息",
        "职业",
        "兴趣",
        "媒介习惯",
        "购买",
        "用途",
        "评价",
    }
    assert {question.section for question in found.questions.values()} == set(found.sections)
    assert any(question.only_if for question in found.questions.values())
