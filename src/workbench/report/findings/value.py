"""Findings on customer value. Serves 09_value_customers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL
from workbench.analysis.value.study import LEAST_CYCLES, ValueStudy
from workbench.analysis.value.trial import LEAST_REPEATERS
from workbench.report.findings.finding import Finding

__all__ = ["find_value", "limit_value", "measure_value", "rank_ladder", "table_models", "table_parameters"]

_RANKS = (0.01, 0.05, 0.1, 0.25, 0.5)  # shares of customers
_TOP = 0.1
_MEASURES = ("mae", "rmse", "correlation", "gini", "deviance")
_OFF = 0.05  # tolerated shortfall of coverage (coverage is higher if many customers spend nothing)


def find_value(study: ValueStudy, curves: pd.DataFrame, *, least: int = SMALL_CELL) -> list[Finding]:
    """Report total value, forecast quality, and the time to the next purchase.

    Parameters
    ----------
    study : ValueStudy
    curves : DataFrame
        Result of ``survival.return_curves``.
    """
    if study.verdict == "too_little_data":
        return [_lacking(study), *_returns(curves)]
    findings = [
        _answer(study),
        _forecast(study),
        _error(study),
        *_ranking(study, least),
        *_model(study),
        _interval(study),
    ]
    return [*findings, *_next(study, least), *_returns(curves), *_hazard_ratios(study)]


def limit_value(study: ValueStudy, *, currency: str, groups: bool) -> list[Finding]:
    """Report the limits of the values.

    Parameters
    ----------
    study : ValueStudy
    currency : str
        Empty if the data names none.
    groups : bool
        Whether curves of segments are shown.
    """
    findings = [Finding("value_limit_groups")] if groups else []
    if study.verdict == "too_little_data":
        return findings
    facts = study.facts
    findings = [Finding("value_limit_alive"), Finding("value_limit_person"), *_independence(study), *findings]
    findings.append(Finding("value_margin", {"margin": facts["margin"]}) if facts["margin_known"]
                 else Finding("value_limit_margin"))  # fmt: skip
    unsettled = [model for model, fit in study.fits.items() if not fit.converged]
    findings += [Finding("value_limit_converged", {"models": unsettled})] if unsettled else []
    findings += [] if currency else [Finding("value_limit_currency")]
    return [*findings, Finding("value_limit_period", _period(study))]


def measure_value(study: ValueStudy) -> dict[str, Any]:
    """Return the metrics of the stage, with or without values.

    Returns
    -------
    dict
        verdict, reason, chosen and facts; ``<model>.<parameter>``, ``.<parameter>_se``, ``.log_likelihood``,
        ``.converged`` of bgnbd, pareto and gamma_gamma; per model ``<model>.holdout_mae`` and so on; holdout_mae,
        naive_mae, holdout_correlation (orders, of the model used), value_mae (spend); interval_coverage, next_coverage
        and the independence check.
    """
    facts = {name: value for name, value in study.facts.items() if name != "as_of"}
    metrics = {"verdict": study.verdict, "reason": study.reason, "chosen": study.chosen, **facts}
    if study.definition is None:
        return metrics
    for model, fit in study.fits.items():
        metrics |= {f"{model}.{name}": value for name, value in fit.parameters.items()}
        metrics |= {f"{model}.{name}_se": value for name, value in fit.standard_errors.items()}
        metrics |= {f"{model}.log_likelihood": fit.log_likelihood, f"{model}.converged": fit.converged}
        metrics |= {f"{model}.n": fit.customers}
    for row in study.holdout.to_dict("records"):
        kind = "holdout" if row["target"] == "orders" else "value"
        metrics |= {f"{row['model']}.{kind}_{name}": row[name] for name in _MEASURES}
    model = facts["order_model"]
    metrics |= {f"holdout_{name}": metrics[f"{model}.holdout_{name}"] for name in ("mae", "rmse", "correlation")}
    metrics |= {"naive_mae": metrics["naive.holdout_mae"], "value_mae": metrics[f"{study.chosen}.value_mae"]}
    expected = float(study.values["expected_value"].sum())
    return metrics | study.reasons | {"model_version": study.definition.version, "expected_value_total": expected}


def table_models(study: ValueStudy) -> pd.DataFrame:
    """Return one row per model and target: model, target, mae, rmse, correlation, bias, gini, deviance and more."""
    table = study.holdout
    if table.empty:
        columns = ["model", "target", "mae", "rmse", "correlation", "bias", "gini", "deviance", "candidate", "chosen"]
        return pd.DataFrame(columns=columns)
    used = {"orders": study.facts["order_model"], "spend": study.chosen}
    is_chosen = [used[row.target] == row.model for row in table.itertuples()]
    return table.assign(
        candidate=table["model"] + " " + table["target"], target="target_" + table["target"], chosen=is_chosen
    )


def table_parameters(study: ValueStudy) -> pd.DataFrame:
    """Return model, parameter, estimate, standard_error, log_likelihood, converged, starts_agreeing of every fit."""
    rows = [
        {
            "model": model, "parameter": name, "estimate": value, "standard_error": fit.standard_errors[name],
            "log_likelihood": fit.log_likelihood, "converged": "converged_yes" if fit.converged else "converged_no",
            "starts_agreeing": fit.starts_agreeing,
        }
        for model, fit in study.fits.items() for name, value in fit.parameters.items()
    ]  # fmt: skip
    names = ["model", "parameter", "estimate", "standard_error", "log_likelihood", "converged", "starts_agreeing"]
    return pd.DataFrame(rows, columns=names)


def rank_ladder(values: pd.DataFrame, *, least: int = SMALL_CELL) -> pd.DataFrame:
    """Return the value of customers at selected ranks.

    Returns
    -------
    DataFrame
        rank (share of customers with at least this value), then means over the ``least`` customers around the rank
        (single customers would be identifiable): expected_value, value_low, value_high. Ranks with fewer are left out.
    """
    ordered = values.sort_values(["expected_value", "customer_id"], ascending=[False, True], ignore_index=True)
    rows = []
    for rank in _RANKS:
        at = int(rank * len(ordered))
        if at >= least:
            around = ordered.iloc[at - least // 2 : at + least // 2]
            rows.append({"rank": rank, **around[["expected_value", "value_low", "value_high"]].mean()})
    return pd.DataFrame(rows, columns=["rank", "expected_value", "value_low", "value_high"])


def _lacking(study: ValueStudy) -> Finding:
    facts = study.facts
    if study.reason == "few_cycles":
        gap = facts["gap_days_median"]
        values = {
            "span_days": facts["span_days"],
            "gap_days": round(gap),
            "needed_days": int(np.ceil(LEAST_CYCLES * gap)),
        }
        return Finding("value_few_cycles", values, 0.5)
    values = {name: facts.get(f"calibration_{name}", 0) for name in ("repeaters", "customers")}
    return Finding("value_few_repeaters", values | {"needed": LEAST_REPEATERS}, 0.5)


def _answer(study: ValueStudy) -> Finding:
    worth = study.values["expected_value"].sort_values(ascending=False)
    total = float(worth.sum())
    top = float(worth.iloc[: max(1, int(len(worth) * _TOP))].sum())
    money = study.part("predictions")
    measure = "value_in_margin" if study.facts["margin_known"] else "value_in_spend"
    values = {"customers": len(worth), "total": total, "measure": measure, "share": top / total if total > 0 else None}
    values |= {"foretold": float(money["chosen"].sum()), "came": float(money["observed"].sum())}
    days = {"horizon_days": study.facts["horizon_days"], "test_days": study.facts["holdout_days"]}
    return Finding("value_answer", values | days, 0.75)


def _forecast(study: ValueStudy) -> Finding:
    table = study.part("by_frequency")
    expected = float((table[study.facts["order_model"]] * table["n"]).sum())
    values = {"expected": expected, "came": float((table["observed"] * table["n"]).sum()), "n": int(table["n"].sum())}
    return Finding("value_foretold", values | _period(study), 0.45)


def _period(study: ValueStudy) -> dict[str, str]:
    return {"start": study.facts["calibration_until"].isoformat(), "end": study.facts["holdout_until"].isoformat()}


def _error(study: ValueStudy) -> Finding:
    rows = study.holdout[study.holdout["target"] == "orders"].set_index("model")
    model = rows.loc[study.facts["order_model"]]
    values = {"mae": model["mae"], "naive_mae": rows.loc["naive", "mae"], "correlation": model["correlation"]}
    values |= {"n": study.facts["calibration_customers"]}
    better = model["mae"] < values["naive_mae"]
    return Finding("value_error" if better else "value_no_gain", values, 0.4 if better else 0.7)


def _ranking(study: ValueStudy, least: int) -> list[Finding]:
    table = study.part("deciles")
    if len(table) < 10 or table["n"].min() < least or table["observed_share"].isna().any():  # noqa: PLR2004
        return []
    first = table.iloc[0]
    values = {"share_customers": _TOP, "share_spend": first["observed_share"], "naive_share": first["naive_share"]}
    return [Finding("value_ranking", values | {"n": int(table["n"].sum())}, 0.6)]


def _model(study: ValueStudy) -> list[Finding]:
    findings = [Finding("value_model", {"model": study.facts["order_model"]}, 0.2)]
    if study.definition is not None and study.definition.learned:
        rows = study.holdout[study.holdout["target"] == "spend"].set_index("model")
        values = {"model": study.chosen, "n": study.facts["calibration_customers"], "by": study.facts["choose_by"]}
        for name, model in (("mine", study.chosen), ("other", study.facts["order_model"])):
            values |= {f"{name}_deviance": rows.loc[model, "deviance"], f"{name}_gini": rows.loc[model, "gini"]}
        findings.append(Finding("value_learned", values, 0.3))
    return findings


def _interval(study: ValueStudy) -> Finding:
    coverage, level = study.reasons["interval_coverage"], study.facts["level"]
    values = {"coverage": coverage, "level": level, "n": study.facts["calibration_customers"]}
    return Finding("value_interval" if coverage >= level - _OFF else "value_interval_off", values, 0.35)


def _next(study: ValueStudy, least: int) -> list[Finding]:
    names = ("expected", "observed", "coverage", "days_off_median")
    expected, actual, coverage, off = (study.reasons[f"next_{name}"] for name in names)
    if actual < least:
        return []
    return [
        Finding("value_next", {"expected": expected, "came": actual, "coverage": coverage, "off_days": round(off)}, 0.4)
    ]


def _returns(curves: pd.DataFrame) -> list[Finding]:
    rows = curves[curves["group"] == "all"]
    if rows.empty:
        return []
    last = rows.iloc[-1]
    values = {"share": 1 - last["waiting"], "low": 1 - last["high"], "high": 1 - last["low"]}
    return [Finding("value_return", values | {"days": int(last["days"]), "n": int(last["n"])}, 0.45)]


def _hazard_ratios(study: ValueStudy) -> list[Finding]:
    table = study.part("hazard_ratios")
    if table.empty:
        return []
    row = table.loc[np.log(table["ratio"]).abs().idxmax()]
    return [Finding("value_hazard_ratios", row[["factor", "ratio", "low", "high", "n"]].to_dict(), 0.25)]


def _independence(study: ValueStudy) -> list[Finding]:
    values = {name: study.reasons[f"independence_{name}"] for name in ("correlation", "low", "high", "n")}
    if study.definition is None or study.definition.spend.fit is None:
        return [Finding("value_limit_spend_mean")]
    if not np.isfinite(values["correlation"]):
        return []
    linked = values["low"] > 0 or values["high"] < 0
    return [Finding("value_limit_independence" if linked else "value_limit_independence_held", values)]
