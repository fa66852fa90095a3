"""Make the customer lists of the report (members, order) and the answer to the goal that they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.audiences.consent import MINOR, NEVER_CONTACT, REFUSED, RESTRICTED
from workbench.analysis.audiences.lists import (
    LOST,
    Size,
    answers_by_group,
    choose_size,
    close_test,
    detectable_difference,
    rank_customers,
    tiers_and_tenths,
)
from workbench.analysis.privacy.suppression import small_cells
from workbench.report.answer import (
    CONTACT_LIST,
    KEEP_LIST,
    PLAN,
    Evidence,
    GoalAnswer,
    LeftOut,
    ListFile,
    NoList,
    PlannedAction,
    TestProposal,
)
from workbench.report.numbers import LANGUAGES
from workbench.report.pages.addresses import lists_file, of_people
from workbench.report.pages.goals import stages_of_goal
from workbench.run.stages.lists.customers import Customers, read_customers
from workbench.run.stages.segments import file_name

if TYPE_CHECKING:
    from workbench.run.stages.stage import StageRun

__all__ = ["CustomerLists", "make_lists"]

HOLD_OUT = 0.1  # control share in the proposed test of a list
_SHARE, _SAME = "decision_share", "same"
_PLANNING = "11_plan_actions"
_CHURN, _DECISION = "08_predict_churn", ("decision_size", _SHARE)
_GONE = "churn_decision_gone"  # finding of 08: number of customers who have already left
_ANSWERS = "answers."  # prefix of the metrics of the model of answers
_PRECISION = "list_precision"  # table of 08: precision by share of the tested customers
_DIGITS = 4


@dataclass(frozen=True)
class CustomerLists:
    """The lists of a run before they are written: only customers who may be contacted.

    Attributes
    ----------
    answer : GoalAnswer
        The answer to the goal, without customer ids.
    customers : Customers or None
        The inputs of the lists; None if the run has no features.
    ranked : dict of str to DataFrame
        List -> customer_id, probability, value, in the order of the list.
    members : dict of str to DataFrame
        ``members_<segment>`` -> the same, the most valuable first.
    """

    answer: GoalAnswer
    customers: Customers | None = None
    ranked: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    members: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def ids(self) -> dict[str, list[str]]:
        """List name to customer ids, in the order of the list."""
        return {name: frame["customer_id"].tolist() for name, frame in self.ranked.items()}


def make_lists(stage: StageRun, summaries: Sequence[Mapping[str, Any]]) -> CustomerLists:
    """Make the lists of the run and the answer to its goal; write nothing.

    Parameters
    ----------
    stage : StageRun
        The report stage.
    summaries : sequence of mapping
        The summaries of the stages before it.
    """
    goal = stage.profile.goal
    answer = GoalAnswer(goal.kind, stages_of_goal(goal.model_dump()))
    if "features" not in stage.available():
        nothing = (NoList(CONTACT_LIST, "no_model"), NoList(KEEP_LIST, "no_model"))
        return CustomerLists(replace(answer, not_made=nothing))
    customers = read_customers(stage)
    churn = next((summary for summary in summaries if summary["stage"] == _CHURN), {})
    least, planned = stage.setting("run.min_cell"), _planned_customers(customers)
    values, life_cycle = customers.values, customers.life_cycle
    ranked = {
        "leaving": rank_customers(customers.contactable(customers.leaving), values, life_cycle, leavers=True),
        "answers": rank_customers(customers.contactable(customers.answering), values, life_cycle, leavers=False),
    }
    lists: list[tuple[ListFile, pd.DataFrame]] = []
    not_made: list[NoList] = []
    for name, basis in _planned(goal.kind, customers):
        if basis == PLAN:
            lists.append((_of_plan(name, planned, customers, summaries, least=least), planned))
            continue
        size = _size(churn, basis, len(ranked[basis])) if basis in ranked else Size(0, basis)
        if basis == _SAME and not lists:  # there is no contact list to compare with
            not_made.append(NoList(name, not_made[0].because))
        elif size.n:
            entry, frame = _described(name, basis, size, ranked[basis], customers, least=least)
            tested = _precision(churn, basis, size.n / len(ranked[basis]))
            optimum = _tested(churn, basis).get("profit_share") if size.size_by == _SHARE else None
            lists.append((replace(entry, **tested, profit_share=optimum), frame))
        else:
            not_made.append(NoList(name, size.size_by))
    frames = {entry.name: frame for entry, frame in lists}
    members = _members(customers)
    groups = tiers_and_tenths(ranked["leaving"], values)
    evidence = answers_by_group(groups, customers.answers, least=least) if len(customers.answers) else pd.DataFrame()
    answer = replace(
        answer,
        lists=tuple(entry for entry, _ in lists),
        not_made=tuple(not_made),
        evidence=tuple(Evidence(**row) for row in evidence.to_dict("records")),
        leave_out=_left_out(customers, frames, least, labelled=_gone(churn)),
        unproven=_unproven([entry for entry, _ in lists], customers),
        tests=tuple(_proposal(entry, frame, customers) for entry, frame in lists if entry.basis != PLAN),
        consent_recorded=customers.consent_recorded,
        members={name.removeprefix("members_"): of_people(f"lists/{name}.csv") for name in members},
        page=of_people(lists_file(stage.language, stage.languages)) if lists else "",
    )
    return CustomerLists(answer, customers, frames, members)


def _planned(kind: str, customers: Customers) -> list[tuple[str, str]]:
    """Return (list, basis) pairs, or the reason why a list cannot be made."""
    basis = PLAN if len(customers.planned) else "answers" if len(customers.answering) else "leaving"
    if kind != CONTACT_LIST:
        return [(CONTACT_LIST, "not_asked"), (KEEP_LIST, "leaving")]
    if basis == PLAN:
        return [(CONTACT_LIST, PLAN), (KEEP_LIST, "leaving")]
    return [(CONTACT_LIST, basis), (KEEP_LIST, "leaving" if basis == "answers" else _SAME)]


def _planned_customers(customers: Customers) -> pd.DataFrame:
    """Return the planned customers who may still be contacted, the largest expected gain first."""
    frame = customers.permitted(customers.planned)
    frame = frame.merge(customers.leaving, on="customer_id", how="left")
    frame = frame.merge(customers.values.rename(columns={"expected_value": "value"}), on="customer_id", how="left")
    order = ["expected_gain", "value", "customer_id"]
    frame = frame.astype({"probability": "float64", "value": "float64"})
    return frame.sort_values(order, ascending=[False, False, True], na_position="last", ignore_index=True)


def _of_plan(
    name: str, planned: pd.DataFrame, customers: Customers, summaries: Sequence[Mapping[str, Any]], *, least: int
) -> ListFile:
    """Describe the list of the plan: number of customers, cost and expected gain."""
    metrics: Mapping[str, Any] = next((one["metrics"] for one in summaries if one["stage"] == _PLANNING), {})
    return ListFile(
        name=name,
        file=of_people(f"lists/{name}.csv"),
        workbook=of_people(f"lists/{name}.xlsx"),
        n=len(planned),
        candidates=len(customers.permitted(customers.facts[["customer_id"]])),
        basis=PLAN,
        size_by=PLAN,
        expected_value=_total(planned["value"]) if len(customers.values) else None,
        planned=metrics.get("planned"),
        cost=metrics.get("cost"),
        held_out=metrics.get("held_out"),
        actions=_actions(planned, customers, least),
    )


def _actions(planned: pd.DataFrame, customers: Customers, least: int) -> tuple[PlannedAction, ...]:
    """Count the customers of each action, the most frequent first, without those whose count tells of few."""
    counts = planned.groupby("action").size().sort_values(ascending=False, kind="stable").to_frame("n")
    visible = counts["n"][~small_cells(counts, least=least, rows=False, name="list by action")["n"]]
    unnamed = {name: dict.fromkeys(LANGUAGES, str(name)) for name in visible.index}
    return tuple(PlannedAction((unnamed | customers.actions)[name], int(n)) for name, n in visible.items())


def _tested(churn: Mapping[str, Any], basis: str) -> dict[str, Any]:
    """Return the metrics of the model behind a list: answers or churn."""
    metrics = churn.get("metrics", {})
    if basis != "answers":
        return {name: value for name, value in metrics.items() if value is not None}
    answers = {name.removeprefix(_ANSWERS): value for name, value in metrics.items() if name.startswith(_ANSWERS)}
    return {name: value for name, value in answers.items() if value is not None}


def _size(churn: Mapping[str, Any], basis: str, candidates: int) -> Size:
    size, share = (churn.get("settings", {}).get(name) for name in _DECISION)
    judged, tests = _tested(churn, basis), _tests(churn, basis)
    return choose_size(candidates, judged, tests, decision_size=size, decision_share=share or HOLD_OUT)


def _tests(churn: Mapping[str, Any], basis: str) -> list[dict[str, Any]]:
    """Return the tested precision by share of the tested customers: share, precision, low, high, tested."""
    view = next((table for table in churn.get("shown") or () if table["name"] == _PRECISION), None)
    rows = [dict(zip(view["columns"], row, strict=True)) for row in view["rows"]] if view else []
    return [row for row in rows if row["basis"] == basis]


def _described(
    name: str,
    basis: str,
    size: Size,
    ranked: pd.DataFrame,
    customers: Customers,
    *,
    least: int,
) -> tuple[ListFile, pd.DataFrame]:
    listed = ranked.head(size.n)
    sent = listed[["customer_id"]].merge(customers.answers, on="customer_id")
    enough = len(sent) >= least
    entry = ListFile(
        name=name,
        file=of_people(f"lists/{name}.csv"),
        workbook=of_people(f"lists/{name}.xlsx"),
        n=len(listed),
        candidates=len(ranked),
        basis=basis,
        size_by=size.size_by,
        expected_value=_total(listed["value"]) if len(customers.values) else None,
        expected_events=_total(listed["probability"]),
        at_stake=_total(listed["at_stake"]) if len(customers.values) else None,
        at_stake_all=_total(ranked["at_stake"]) if len(customers.values) else None,
        sent=len(sent) if enough else None,
        answered=int((sent["answered"] > 0).sum()) if enough else None,
    )
    return entry, listed


def _precision(churn: Mapping[str, Any], basis: str, share: float) -> dict[str, Any]:
    """Return the share of tested customers at the same list share who left or answered, with its interval.

    Empty if no tested share is close to that of the list.
    """
    row = close_test(_tests(churn, basis), share)
    if row is None:
        return {}
    values = {name: round(row[name], _DIGITS) for name in ("precision", "low", "high")}
    return values | {"tested": row["tested"], "random": _tested(churn, basis).get("base_rate")}


def _total(numbers: pd.Series) -> float:
    return round(float(numbers.astype("float64").sum()), _DIGITS)


def _members(customers: Customers) -> dict[str, pd.DataFrame]:
    """Return the permitted members of every segment, the most valuable first."""
    frame = customers.permitted(customers.facts[["customer_id"]])
    frame = frame.merge(customers.leaving, on="customer_id", how="left")
    frame = frame.merge(customers.values.rename(columns={"expected_value": "value"}), on="customer_id", how="left")
    frame = frame.astype({"probability": "float64", "value": "float64"})
    frame = frame.sort_values(["value", "customer_id"], ascending=[False, True], na_position="last", ignore_index=True)
    of_segment = frame["customer_id"].map(customers.segments)
    return {
        f"members_{file_name(segment)}": frame[of_segment == segment].reset_index(drop=True)
        for segment in sorted(set(customers.segments.values()))
        if (of_segment == segment).any()
    }


def _gone(churn: Mapping[str, Any]) -> int:
    """Return the number of customers who have already left; they have no prediction and are on no list."""
    findings = (entry["values"] for entry in churn.get("findings") or () if entry.get("key") == _GONE)
    return next((int(values["gone"]) for values in findings), 0)


def _left_out(
    customers: Customers, lists: Mapping[str, pd.DataFrame], least: int, *, labelled: int = 0
) -> tuple[LeftOut, ...]:
    """Count the customers who are on no list: by reason those who may not be contacted, and those who have left.

    Without life-cycle stages, customers who have left are the ``labelled`` ones.
    """
    reasons = customers.verdicts.loc[~customers.verdicts["permitted"], ["customer_id", "reason"]]
    lost = customers.life_cycle.loc[customers.life_cycle["life_cycle_stage"] == LOST, ["customer_id"]]
    listed = {customer for frame in lists.values() for customer in frame["customer_id"]}
    values = customers.values.set_index("customer_id")["expected_value"]
    entries = []
    for reason in (REFUSED, RESTRICTED, NEVER_CONTACT, MINOR, LOST):
        part = lost[~lost["customer_id"].isin(listed)] if reason == LOST else reasons[reasons["reason"] == reason]
        worth = part["customer_id"].map(values).dropna().astype("float64")
        enough = len(part) >= least
        if len(part):
            mean = round(float(worth.mean()), 2) if enough and len(worth) else None
            entries.append(LeftOut(reason, len(part) if enough else None, mean))
    if labelled and customers.life_cycle.empty:
        entries.append(LeftOut(LOST, labelled if labelled >= least else None))
    return tuple(entries)


def _unproven(lists: Sequence[ListFile], customers: Customers) -> tuple[str, ...]:
    bases = {entry.basis for entry in lists}
    sent = len(customers.answers) > 0
    keys = ["answer_is_no_gain"] * ("answers" in bases) + ["selected_before", "groups_of_today"] * sent
    no_consents = ["no_consents"] * (not customers.consent_recorded)
    return tuple(keys + ["leaving_is_no_gain"] * ("leaving" in bases) + no_consents)


def _proposal(entry: ListFile, listed: pd.DataFrame, customers: Customers) -> TestProposal:
    """Propose to hold out a tenth of a list at random; the outcome is a repeat purchase."""
    held_out = max(1, round(entry.n * HOLD_OUT))
    chances = customers.leaving.set_index("customer_id")["probability"]
    leaving = listed["customer_id"].map(chances).dropna()
    base = round(1 - float(leaving.mean()), _DIGITS) if len(leaving) else None
    treated = entry.n - held_out
    detectable = detectable_difference(treated, held_out, base) if base is not None else None
    return TestProposal(entry.name, HOLD_OUT, treated, held_out, base, detectable)
