"""Wide surveys: every cell becomes an answer or is counted, and the lines name the respondents."""

import datetime as dt

import ibis
import pytest

from workbench.core.errors import ProfileError
from workbench.core.params import SourceParams
from workbench.core.profile import load_profile
from workbench.core.workspace import Workspace
from workbench.intake.canonical import take_in
from workbench.intake.sources import check_source

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
        ("table: responses\n    layout: wide\n    numbered: answer", "'answer' is no id column of responses"),
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
