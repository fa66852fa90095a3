"""The lists of customers beside the report: who, why, what they are worth; and the answer they give to the goal."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from workbench.analysis.audiences.consent import MINOR, NEVER_CONTACT, REFUSED
from workbench.analysis.audiences.lists import (
    LOST,
    Size,
    answers_by_customer,
    answers_by_group,
    choose_size,
    detectable_difference,
    outcome_of_campaigns,
    rank_customers,
    tiers_and_tenths,
)
from workbench.core.exports import export_csv, export_xlsx
from workbench.core.files import write_text
from workbench.core.store.tables import to_pandas
from workbench.report.answer import (
    CONTACT_LIST,
    KEEP_LIST,
    Evidence,
    GoalAnswer,
    LeftOut,
    ListFile,
    NoList,
    TestProposal,
)
from workbench.report.lists.page import lists_page
from workbench.report.lists.words import reasons_in_words
from workbench.report.pages.goals import stages_of_goal
from workbench.run.services.consent import MARKETING, ConsentService
from workbench.run.stages.segments import placed

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.run.stages.stage import StageRun

__all__ = ["COLUMNS", "write_lists"]

COLUMNS = ("source_id", "customer_id", "reason", "value", "probability", "segment", "card")
PEOPLE = "people"
HOLD_OUT = 0.1  # share of a list that the proposed test leaves out
_CHURN, _DECISION = "08_predict_churn", ("decision_size", "decision_share")
_ANSWERS = "answers."  # prefix of the metrics of the model of answers
_DIGITS = 4


@dataclass(frozen=True)
class _Known:
    """What lists are made of: one row per customer in every frame, empty where a stage did not run."""

    leaving: pd.DataFrame  # customer_id, probability
    answering: pd.DataFrame  # customer_id, probability
    values: pd.DataFrame  # customer_id, expected_value
    life_cycle: pd.DataFrame  # customer_id, life_cycle_stage
    verdicts: pd.DataFrame  # customer_id, permitted, reason
    answers: pd.DataFrame  # customer_id, sent, answered
    facts: pd.DataFrame  # customer_id, recency_days, gap_days_median
    sources: pd.DataFrame  # customer_id, source_id
    segments: dict[str, str]
    names: dict[str, dict[str, str]]
    carded: frozenset[str]  # customers with a portrait card

    def permitted(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Keep the customers who may be named."""
        allowed = self.verdicts.loc[self.verdicts["permitted"], "customer_id"]
        return frame[frame["customer_id"].isin(allowed)].reset_index(drop=True)


def write_lists(stage: StageRun, summaries: Sequence[Mapping[str, Any]]) -> GoalAnswer:
    """Write the lists of the run into ``people/`` of the report stage, and return the answer they give.

    Parameters
    ----------
    stage : StageRun
        The report stage.
    summaries : sequence of mapping
        The summaries of the stages before it.

    Returns
    -------
    GoalAnswer
        Without any customer.
    """
    goal = stage.profile.goal
    answer = GoalAnswer(goal.kind, stages_of_goal(goal.model_dump()))
    if "features" not in stage.available():
        lists = (NoList(CONTACT_LIST, "no_model"), NoList(KEEP_LIST, "no_model"))
        return _recorded(stage, replace(answer, not_made=lists))
    consent = ConsentService(stage.workspace, stage.profile, stage.store, stage.as_of)
    known = _read(stage, consent)
    churn = next((summary for summary in summaries if summary["stage"] == _CHURN), {})
    least = stage.setting("run.min_cell")
    ranked = {
        "leaving": rank_customers(known.permitted(known.leaving), known.values, known.life_cycle, leavers=True),
        "answers": rank_customers(known.permitted(known.answering), known.values, known.life_cycle, leavers=False),
    }
    made: list[tuple[ListFile, pd.DataFrame]] = []
    not_made: list[NoList] = []
    for name, basis in _planned(goal.kind, known):
        size = _size(churn, basis, len(ranked[basis])) if basis in ranked else Size(0, basis)
        if size.n:
            made.append(_described(name, basis, size, ranked[basis], known, metrics=_judged(churn, basis), least=least))
        else:
            not_made.append(NoList(name, size.size_by))
    rows = {entry.name: _rows(frame, entry.basis, known, stage.language) for entry, frame in made}
    members = _members(stage, known)
    for name, frame in {**rows, **members}.items():
        _write(stage, name, frame)
    groups = tiers_and_tenths(ranked["leaving"], known.values)
    evidence = answers_by_group(groups, known.answers, least=least) if len(known.answers) else pd.DataFrame()
    answer = replace(
        answer,
        lists=tuple(entry for entry, _ in made),
        not_made=tuple(not_made),
        evidence=tuple(Evidence(**row) for row in evidence.to_dict("records")),
        leave_out=_left_out(known, least),
        unproven=_unproven([entry for entry, _ in made], known, recorded=consent.recorded),
        tests=tuple(_proposal(entry, frame, known) for entry, frame in made),
        consent_recorded=consent.recorded,
        members={name.removeprefix("members_"): f"{PEOPLE}/lists/{name}.csv" for name in members},
        page=f"{PEOPLE}/lists.html" if rows else "",
    )
    _write_pages(stage, rows)
    return _recorded(stage, answer)


def _recorded(stage: StageRun, answer: GoalAnswer) -> GoalAnswer:
    stage.answer = answer.to_json()
    return answer


def _read(stage: StageRun, consent: ConsentService) -> _Known:
    segments, names = placed(stage)
    customers = stage.read("features", lazy=True)
    verdicts = to_pandas(consent.verdicts(customers.select("customer_id"), MARKETING))
    facts = [name for name in ("recency_days", "gap_days_median") if name in customers.columns]
    return _Known(
        leaving=_column(stage, "churn", "churn_probability", "probability"),
        answering=_column(stage, "answers", "answer_probability", "probability"),
        values=_column(stage, "value", "expected_value"),
        life_cycle=_column(stage, "rfm", "life_cycle_stage"),
        verdicts=verdicts,
        answers=_answers(stage),
        facts=to_pandas(customers.select("customer_id", *facts)),
        sources=_source_ids(stage),
        segments=segments,
        names=names,
        carded=stage.carded,
    )


def _column(stage: StageRun, table: str, column: str, name: str = "") -> pd.DataFrame:
    rows = stage.read(table, lazy=True, missing="none")
    if rows is None or column not in rows.columns:
        return pd.DataFrame({"customer_id": pd.Series(dtype="str"), name or column: pd.Series(dtype="float64")})
    return to_pandas(rows.select("customer_id", **{name or column: rows[column]}).order_by("customer_id"))


def _answers(stage: StageRun) -> pd.DataFrame:
    campaigns = stage.tables(["campaigns"]).get("campaigns")
    needed = {"customer_id", "campaign_id", "sent_at"}
    outcome = outcome_of_campaigns(campaigns) if campaigns is not None else None
    if campaigns is None or outcome is None or not needed <= set(campaigns.columns):
        return pd.DataFrame(columns=["customer_id", "sent", "answered"])
    return answers_by_customer(campaigns, outcome, stage.as_of)


def _source_ids(stage: StageRun) -> pd.DataFrame:
    """Return the first id of each customer in the sources; where identities are not resolved it is the customer_id."""
    identities = stage.read("identities", lazy=True, missing="none")
    if identities is None:
        return pd.DataFrame(columns=["customer_id", "source_id"])
    ids = to_pandas(identities.select("customer_id", "source", "source_id"))
    ordered = ids.sort_values(["customer_id", "source", "source_id"])
    return ordered.drop_duplicates("customer_id")[["customer_id", "source_id"]]


def _planned(kind: str, known: _Known) -> list[tuple[str, str]]:
    """Return every list with its basis, or with the reason why there is none."""
    basis = "answers" if len(known.answering) else "leaving"
    if kind != CONTACT_LIST:
        return [(CONTACT_LIST, "not_asked"), (KEEP_LIST, "leaving")]
    return [(CONTACT_LIST, basis), (KEEP_LIST, "leaving" if basis == "answers" else "same")]


def _judged(churn: Mapping[str, Any], basis: str) -> dict[str, Any]:
    """Return the metrics of the model behind a list: of the answers, or of churn."""
    metrics = churn.get("metrics", {})
    if basis != "answers":
        return {name: value for name, value in metrics.items() if value is not None}
    own = {name.removeprefix(_ANSWERS): value for name, value in metrics.items() if name.startswith(_ANSWERS)}
    return {name: value for name, value in own.items() if value is not None}


def _size(churn: Mapping[str, Any], basis: str, candidates: int) -> Size:
    size, share = (churn.get("settings", {}).get(name) for name in _DECISION)
    return choose_size(candidates, _judged(churn, basis), decision_size=size, decision_share=share or HOLD_OUT)


def _described(
    name: str, basis: str, size: Size, ranked: pd.DataFrame, known: _Known, *, metrics: Mapping[str, Any], least: int
) -> tuple[ListFile, pd.DataFrame]:
    listed = ranked.head(size.n)
    sent = listed[["customer_id"]].merge(known.answers, on="customer_id")
    enough = len(sent) >= least
    entry = ListFile(
        name=name,
        file=f"{PEOPLE}/lists/{name}.csv",
        workbook=f"{PEOPLE}/lists/{name}.xlsx",
        n=len(listed),
        candidates=len(ranked),
        basis=basis,
        size_by=size.size_by,
        expected_value=_total(listed["value"]) if len(known.values) else None,
        expected_events=_total(listed["probability"]),
        at_stake=_total(listed["at_stake"]) if len(known.values) else None,
        at_stake_all=_total(ranked["at_stake"]) if len(known.values) else None,
        sent=len(sent) if enough else None,
        answered=int((sent["answered"] > 0).sum()) if enough else None,
        random=metrics.get("base_rate"),
        tested=int(metrics.get("customers") or 0),
    )
    return entry, listed


def _total(numbers: pd.Series) -> float:
    return round(float(numbers.astype("float64").sum()), _DIGITS)


def _rows(frame: pd.DataFrame, basis: str, known: _Known, language: str) -> pd.DataFrame:
    """Return the rows of a list under the names of its columns, in its order."""
    rows = frame.merge(known.facts, on="customer_id", how="left").merge(known.answers, on="customer_id", how="left")
    source_ids = known.sources.set_index("customer_id")["source_id"]
    names = {segment: name.get(language, segment) for segment, name in known.names.items()}
    segments = rows["customer_id"].map(known.segments)
    return pd.DataFrame(
        {
            "source_id": rows["customer_id"].map(source_ids).fillna(rows["customer_id"]),
            "customer_id": rows["customer_id"],
            "reason": reasons_in_words(rows, basis=basis, language=language),
            "value": rows["value"].round(2),
            "probability": rows["probability"].round(_DIGITS),
            "segment": segments.map(names).fillna(segments).fillna(""),
            "card": [f"../cards.html#c-{name}" if name in known.carded else "" for name in rows["customer_id"]],
        }
    )


def _members(stage: StageRun, known: _Known) -> dict[str, pd.DataFrame]:
    """Return the permitted members of every segment, the most valuable first."""
    frame = known.permitted(known.facts[["customer_id"]])
    frame = frame.merge(known.leaving, on="customer_id", how="left")
    frame = frame.merge(known.values.rename(columns={"expected_value": "value"}), on="customer_id", how="left")
    frame = frame.astype({"probability": "float64", "value": "float64"})
    frame = frame.sort_values(["value", "customer_id"], ascending=[False, True], na_position="last", ignore_index=True)
    of_segment = frame["customer_id"].map(known.segments)
    return {
        f"members_{_file_name(segment)}": _rows(frame[of_segment == segment], "member", known, stage.language)
        for segment in sorted(set(known.segments.values()))
        if (of_segment == segment).any()
    }


def _file_name(segment: str) -> str:
    return re.sub(r"[^\w\-]", "_", segment)


def _write(stage: StageRun, name: str, frame: pd.DataFrame) -> None:
    folder = _folder(stage) / "lists"
    folder.mkdir(mode=0o700, exist_ok=True)
    texts = ("source_id", "customer_id", "reason", "segment", "card")
    schema = {column: "string" if column in texts else "float64" for column in COLUMNS}
    plain = frame[list(COLUMNS)].astype({column: "object" if column in texts else "float64" for column in COLUMNS})
    table = ibis.memtable(plain, schema=schema)
    export_csv(stage.store.engine, table, folder / f"{name}.csv")
    export_xlsx(table, folder / f"{name}.xlsx", sheet=name[:31])


def _folder(stage: StageRun) -> Path:
    folder = stage.staging.folder / PEOPLE
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chmod(folder, 0o700)
    return folder


def _write_pages(stage: StageRun, rows: Mapping[str, pd.DataFrame]) -> None:
    for language in stage.languages if rows else ():
        page = lists_page(rows, language=language, currency=stage.currency)
        name = "lists.html" if language == stage.languages[0] else f"lists.{language}.html"
        write_text(_folder(stage) / name, page, mode=0o600)


def _left_out(known: _Known, least: int) -> tuple[LeftOut, ...]:
    reasons = known.verdicts.loc[~known.verdicts["permitted"], ["customer_id", "reason"]]
    lost = known.life_cycle.loc[known.life_cycle["life_cycle_stage"] == LOST, ["customer_id"]].assign(reason=LOST)
    values = known.values.set_index("customer_id")["expected_value"]
    entries = []
    for reason in (REFUSED, NEVER_CONTACT, MINOR, LOST):
        part = lost if reason == LOST else reasons[reasons["reason"] == reason]
        worth = part["customer_id"].map(values).dropna().astype("float64")
        enough = len(part) >= least
        if len(part):
            mean = round(float(worth.mean()), 2) if enough and len(worth) else None
            entries.append(LeftOut(reason, len(part) if enough else None, mean))
    return tuple(entries)


def _unproven(lists: Sequence[ListFile], known: _Known, *, recorded: bool) -> tuple[str, ...]:
    bases = {entry.basis for entry in lists}
    keys = ["answer_is_no_gain"] * ("answers" in bases) + ["selected_before"] * (len(known.answers) > 0)
    return tuple(keys + ["leaving_is_no_gain"] * ("leaving" in bases) + ["no_consents"] * (not recorded))


def _proposal(entry: ListFile, listed: pd.DataFrame, known: _Known) -> TestProposal:
    """Propose to hold out a tenth of a list at random; the outcome is a repeat purchase."""
    held_out = max(1, round(entry.n * HOLD_OUT))
    chances = known.leaving.set_index("customer_id")["probability"]
    leaving = listed["customer_id"].map(chances).dropna()
    base = round(1 - float(leaving.mean()), _DIGITS) if len(leaving) else None
    treated = entry.n - held_out
    detectable = detectable_difference(treated, held_out, base) if base is not None else None
    return TestProposal(entry.name, HOLD_OUT, treated, held_out, base, detectable)
