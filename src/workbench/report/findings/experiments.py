"""Findings on experiments and on campaigns without a control. Serves 10_measure_experiments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.report.findings.finding import Finding
from workbench.report.numbers import as_precise_as

if TYPE_CHECKING:
    from workbench.analysis.experiments.guards import Guard
    from workbench.analysis.experiments.studies import Measured
    from workbench.analysis.experiments.study import ExperimentStudy

__all__ = [
    "CAMPAIGN_FORMATS",
    "GROUP_FORMATS",
    "GUARD_FORMATS",
    "MEAN_FORMATS",
    "RATE_FORMATS",
    "candidates",
    "charted_effects",
    "charted_groups",
    "charted_ranking",
    "find_experiments",
    "limit_experiments",
    "measure_effects",
    "numbers_of",
    "table_campaigns",
    "table_groups",
    "table_guards",
    "table_means",
    "table_rates",
]

RATE_FORMATS = {
    "experiment": "text", "arm": "text", "outcome": "label", "n_treated": "int", "n_control": "int",
    "mean_treated": "pct", "mean_control": "pct", "arm_effect": "pct", "low": "pct", "high": "pct",
    "relative": "pct", "adjusted_effect": "pct", "variance_saved": "pct", "p": "num", "verdict": "label",
}  # fmt: skip
MEAN_FORMATS = RATE_FORMATS | dict.fromkeys(
    ("mean_treated", "mean_control", "arm_effect", "low", "high", "adjusted_effect", "winsorised"), "num"
)
GUARD_FORMATS = {
    "experiment": "text", "guard": "label", "arm": "text", "outcome": "label", "value": "num", "bound": "num",
    "fired": "label",
}  # fmt: skip
GROUP_FORMATS = {
    "experiment": "text", "outcome": "label", "group": "label", "level": "label", "n_treated": "int",
    "n_control": "int", "arm_effect": "num", "low": "num", "high": "num", "q_value": "num",
}  # fmt: skip
CAMPAIGN_FORMATS = {
    "campaign": "text", "outcome": "label", "sent_on": "date", "n_with": "int", "n_without": "int", "crude": "num",
    "difference": "num", "low": "num", "high": "num", "e_value": "num",
}  # fmt: skip
_RATE, _POINTS = "newcombe", 100.0
_WEIGHTS = {"shown": 0.8, "opposite": 0.8, "not_shown": 0.55, "not_valid": 0.7, "immature": 0.3}


def find_experiments(measured: Measured, *, least: int) -> list[Finding]:
    """Report the effects of experiments (latest first), effects by group, and associations with campaigns."""
    findings: list[Finding] = []
    for study in reversed(measured.studies):
        findings += [*_effects(study), *_looks(study), *_for_whom(study), *_warnings(study)]
    for name, arm in measured.alone.items():
        findings.append(Finding("experiment_one_arm", {"experiment": name, "arm": arm}, 0.2))
    return findings + _campaigns(measured, least)


def limit_experiments(measured: Measured) -> list[Finding]:
    """Report the limitations of the measured effects."""
    limits = [Finding("experiment_limit_window"), Finding("experiment_limit_people")] if measured.studies else []
    return limits + ([Finding("campaign_limit_control")] if len(measured.associations) or not limits else [])


def measure_effects(measured: Measured) -> dict[str, Any]:
    """Return the metrics: per experiment srm_p and verdict; per arm and outcome effect, interval, p and sizes."""
    campaigns = int(measured.associations["campaign"].nunique())
    metrics: dict[str, Any] = {"experiments": len(measured.studies), "campaigns": campaigns}
    for study in measured.studies:
        name = study.experiment.name
        shares = next(guard for guard in study.guards if guard.name == "shares")
        metrics |= {f"{name}.srm_p": shares.value, f"{name}.verdict": study.verdict}
        for row in _overall(study).to_dict("records"):
            at = f"{name}.{row['arm']}.{row['outcome']}"
            numbers = {"effect": row["effect"], "low": row["low"], "high": row["high"], "p": row["p_value"]}
            metrics |= {f"{at}.{key}": None if pd.isna(value) else float(value) for key, value in numbers.items()}
            metrics |= {f"{at}.n_treated": int(row["n_treated"]), f"{at}.n_control": int(row["n_control"])}
            metrics |= _measure_ranking(study, at, row["arm"], row["outcome"])
    return metrics


def table_rates(measured: Measured) -> pd.DataFrame:
    """Return the effects on rates, one row per experiment, arm and outcome."""
    rows = _all_overall(measured)
    return rows[rows["method"] == _RATE].reset_index(drop=True)


def table_means(measured: Measured) -> pd.DataFrame:
    """Return the effects on means and ratios, and rows without an effect."""
    rows = _all_overall(measured)
    return rows[rows["method"] != _RATE].reset_index(drop=True)


def table_guards(measured: Measured) -> pd.DataFrame:
    """Return the failed validity checks, and the shares of every experiment."""
    rows = [
        {
            "experiment": study.experiment.name, "guard": f"guard_{guard.name}", "arm": guard.arm or None,
            "outcome": guard.outcome or None, "value": guard.value, "bound": guard.bound,
            "fired": "guard_fired" if guard.fired else "guard_silent",
        }
        for study in measured.studies
        for guard in study.guards
        if guard.fired or guard.name in {"shares", "two_arms", "contamination"}
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(GUARD_FORMATS))


def table_groups(measured: Measured) -> pd.DataFrame:
    """Return the effects by group level, for primary outcomes."""
    parts = []
    for study in measured.studies:
        if len(study.groups):
            primary = set(_overall(study).query("primary")["outcome"])
            rows = study.groups[study.groups["outcome"].isin(primary)]
            parts.append(rows.assign(experiment=study.experiment.name))
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(GROUP_FORMATS))
    return frame.rename(columns={"effect": "arm_effect"})[list(GROUP_FORMATS)]


def table_campaigns(measured: Measured) -> pd.DataFrame:
    """Return the campaigns without a control, the latest first."""
    frame = measured.associations[list(CAMPAIGN_FORMATS)]
    return frame.iloc[::-1].reset_index(drop=True)


def candidates(measured: Measured) -> pd.DataFrame:
    """Return one row per experiment, arm and outcome, with equal columns, for tracking."""
    rows = _all_overall(measured)
    names = [" ".join(parts) for parts in zip(rows["experiment"], rows["arm"], rows["outcome"], strict=True)]
    columns = ["n_treated", "n_control", "arm_effect", "low", "high", "p"]
    return rows[columns].assign(candidate=names)


def charted_effects(measured: Measured) -> pd.DataFrame:
    """Return name, relative, low, high, verdict of the effects that have a relative lift."""
    rows = _all_overall(measured)
    several = len(measured.studies) > 1 or rows["arm"].nunique() > 1
    rows = rows[rows["relative"].notna()]
    return pd.DataFrame(
        {
            "experiment": rows["experiment"] if several else "",
            "arm": rows["arm"] if several else "",
            "outcome": rows["outcome"],
            "relative": rows["relative"],
            "low": rows["relative_low"],
            "high": rows["relative_high"],
            "verdict": rows["verdict"],
            "n": rows["n_treated"] + rows["n_control"],
        }
    ).reset_index(drop=True)


def charted_groups(measured: Measured) -> pd.DataFrame:
    """Return the levels of the group with the smallest q-value, from the latest experiment with groups.

    ``is_rate``: the effect is a difference of shares.
    """
    for study in reversed(measured.studies):
        primary = set(_overall(study).query("primary")["outcome"])
        rows = study.groups[study.groups["outcome"].isin(primary)] if len(study.groups) else study.groups
        if len(rows):
            first = rows.sort_values(["q_value", "interaction_p", "group"], kind="stable").iloc[0]
            same = (rows["group"] == first["group"]) & (rows["arm"] == first["arm"])
            rates = set(_overall(study).query("method == @_RATE")["outcome"])
            facts = {"experiment": study.experiment.name, "is_rate": first["outcome"] in rates}
            return rows[same & (rows["outcome"] == first["outcome"])].assign(**facts)
    return pd.DataFrame(
        columns=["experiment", "arm", "outcome", "group", "level", "effect", "low", "high", "q_value", "is_rate"]
    )


def charted_ranking(measured: Measured) -> pd.DataFrame:
    """Return ranking, qini, low, high of the latest experiment with rankings."""
    for study in reversed(measured.studies):
        for (arm, outcome), ranked in study.rankings.items():
            rows = [
                {"ranking": f"ranked_{rank.name}", "qini": rank.qini, "low": rank.low, "high": rank.high}
                for rank in ranked
            ]
            return pd.DataFrame(rows).assign(experiment=study.experiment.name, arm=arm, outcome=outcome)
    return pd.DataFrame(columns=["ranking", "qini", "low", "high", "experiment", "arm", "outcome"])


def _overall(study: ExperimentStudy) -> pd.DataFrame:
    return study.effects[study.effects["group"].isna()]


def _all_overall(measured: Measured) -> pd.DataFrame:
    parts = [_overall(study) for study in measured.studies]
    columns = [*MEAN_FORMATS, "relative_low", "relative_high", "primary", "method"]
    if not parts:
        return pd.DataFrame(columns=columns)
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.assign(p=rows["p_adjusted"].fillna(rows["q_value"]), arm_effect=rows["effect"])
    return rows.reindex(columns=columns)


def _effects(study: ExperimentStudy) -> list[Finding]:
    """Report the primary outcomes, or why there is no effect because the experiment is not valid."""
    name = study.experiment.name
    if study.verdict == "not_valid":
        guard = study.fatal[0]
        values = {"experiment": name, "reason": f"guard_{guard.name}", "value": guard.value}
        return [Finding("experiment_not_valid", values, _WEIGHTS["not_valid"]), *_reason(study, guard)]
    findings = []
    rows = _overall(study)
    for row in rows.to_dict("records"):
        weight = _WEIGHTS[row["verdict"]] if row["primary"] else 0.2
        values = {"experiment": name, "arm": row["arm"], "outcome": row["outcome"]}
        sizes = {"n_treated": int(row["n_treated"]), "n_control": int(row["n_control"])}
        if row["verdict"] == "immature":
            findings.append(Finding("experiment_immature", values, weight))
        elif pd.isna(row["effect"]):
            findings.append(Finding("experiment_too_few", values | sizes, weight))
        else:
            kind = "rate" if row["method"] == _RATE else "mean"
            findings.append(Finding(f"experiment_{row['verdict']}_{kind}", values | sizes | numbers_of(row), weight))
    return findings


def _looks(study: ExperimentStudy) -> list[Finding]:
    """Report always-valid intervals if results are evaluated more than once."""
    rows = _overall(study)
    if "always_low" not in rows.columns:
        return []
    findings = []
    for row in rows[rows["primary"] & rows["always_low"].notna()].to_dict("records"):
        scale = _POINTS if row["method"] == _RATE else 1.0
        values = {"experiment": study.experiment.name, "arm": row["arm"], "outcome": row["outcome"]}
        numbers = {name: float(row[name]) * scale for name in ("low", "high", "always_low", "always_high")}
        key = "experiment_looks_rate" if row["method"] == _RATE else "experiment_looks_mean"
        findings.append(Finding(key, values | numbers | {"looks": int(row["looks"])}, 0.3))
    return findings


def numbers_of(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of an effect for its sentence: rates in percentage points, arms rounded like the effect."""
    scale = _POINTS if row["method"] == _RATE else 1.0
    scaled = {name: float(row[name]) * scale for name in ("effect", "low", "high", "detectable")}
    means = {name: float(row[f"mean_{name}"]) * scale for name in ("treated", "control")}
    return scaled | {name: as_precise_as(mean, scaled["low"], scaled["high"]) for name, mean in means.items()}


def _reason(study: ExperimentStudy, guard: Guard) -> list[Finding]:
    facts = {"experiment": study.experiment.name, "arm": guard.arm, "outcome": guard.outcome, "share": guard.value}
    if guard.name == "shares":
        counts = guard.facts["counts"]
        stated = [f"{arm} {counts[arm]}" for arm in counts]
        planned = [f"{arm} {study.experiment.shares[arm]:.0%}" for arm in counts]
        return [
            Finding(
                "experiment_guard_shares", facts | {"counts": ", ".join(stated), "planned": ", ".join(planned)}, 0.4
            )
        ]
    return [Finding(f"experiment_guard_{guard.name}", facts | guard.facts, 0.4)]


def _warnings(study: ExperimentStudy) -> list[Finding]:
    """Report failed validity checks that do not rule out an effect."""
    kept = [guard for guard in study.guards if guard.fired and not guard.is_fatal and guard.name != "size"]
    findings = []
    for guard in kept:
        values = {"experiment": study.experiment.name, "arm": guard.arm, "outcome": guard.outcome, "value": guard.value}
        findings.append(Finding(f"experiment_guard_{guard.name}", values | guard.facts, 0.35))
    return findings


def _for_whom(study: ExperimentStudy) -> list[Finding]:
    """Report whether groups differ; one sentence per arm and primary outcome."""
    if study.groups.empty:
        return []
    overall = _overall(study)
    primary = set(overall.query("primary")["outcome"])
    rates = set(overall.loc[overall["method"] == _RATE, "outcome"])
    findings = []
    for (arm, outcome), rows in study.groups[study.groups["outcome"].isin(primary)].groupby(
        ["arm", "outcome"], sort=False
    ):
        values = {
            "experiment": study.experiment.name,
            "arm": arm,
            "outcome": outcome,
            "groups": rows["group"].nunique(),
        }
        differing = rows[rows["differs"].astype(bool)]
        if differing.empty:
            findings.append(Finding("experiment_groups_alike", values, 0.5))
            continue
        first = differing.sort_values(["q_value", "group"], kind="stable")["group"].iloc[0]
        levels = differing[differing["group"] == first].sort_values("effect")
        most, least = levels.iloc[-1], levels.iloc[0]
        named = {"group": first, "most": most["level"], "least": least["level"]}
        is_rate = outcome in rates
        scale = _POINTS if is_rate else 1.0
        bounds = {"most_effect": float(most["effect"]) * scale, "least_effect": float(least["effect"]) * scale}
        sizes = {
            "most_n": int(most["n_treated"] + most["n_control"]),
            "least_n": int(least["n_treated"] + least["n_control"]),
        }
        key = "experiment_groups_differ_rate" if is_rate else "experiment_groups_differ"
        findings.append(Finding(key, values | named | bounds | sizes, 0.75))
    return findings


def _campaigns(measured: Measured, least: int) -> list[Finding]:
    """Count the campaigns without a control, and report the latest whose window is over."""
    rows = measured.associations
    if rows.empty:
        return [] if measured.studies else [Finding("experiments_nothing", {}, 0.1)]
    findings = [Finding("campaign_no_control", {"campaigns": int(rows["campaign"].nunique())}, 0.5)]
    usable = rows[rows["difference"].notna() & (rows["n_with"] >= least)]
    if len(usable):
        first_outcome = usable[usable["campaign"] == usable.iloc[-1]["campaign"]].iloc[0]
        names = ("campaign", "outcome", "n_with", "n_without", "difference", "low", "high", "e_value")
        values = {name: first_outcome[name] for name in names} | {"sent_on": str(first_outcome["sent_on"])}
        values |= {name: int(values[name]) for name in ("n_with", "n_without")}
        apart = values["low"] > 0 or values["high"] < 0
        if not apart:
            del values["e_value"]
        findings.append(Finding("campaign_association" if apart else "campaign_no_association", values, 0.3))
    return findings


def _measure_ranking(study: ExperimentStudy, at: str, arm: str, outcome: str) -> dict[str, Any]:
    ranked = study.rankings.get((arm, outcome), [])
    best = max((rank for rank in ranked if rank.name.endswith("learner")), key=lambda rank: rank.qini, default=None)
    metrics: dict[str, Any] = {}
    if best is not None:
        metrics |= {f"{at}.qini": best.qini, f"{at}.qini_low": best.low, f"{at}.qini_high": best.high}
    if len(study.groups):
        rows = study.groups[(study.groups["arm"] == arm) & (study.groups["outcome"] == outcome)]
        if len(rows):
            metrics[f"{at}.heterogeneity"] = "shown" if rows["differs"].astype(bool).any() else "not_shown"
    return metrics
