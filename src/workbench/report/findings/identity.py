"""Findings on identity resolution. Serves 02_resolve_identity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.report.findings.finding import Finding

__all__ = ["find_identity", "limit_identity"]


def find_identity(metrics: Mapping[str, Any], sealed: Mapping[str, int]) -> list[Finding]:
    """Report records and customers, accuracy, alarms, and the storage of contact data.

    Parameters
    ----------
    metrics : mapping
        `workbench.intake.identity.resolve.Resolution.metrics`.
    sealed : mapping
        `workbench.intake.identity.resolve.seal_people`.

    Returns
    -------
    list of Finding
    """
    findings = [_customers(metrics), *_evaluated(metrics), *_alarms(metrics), *_changes(metrics)]
    if metrics["households"]:
        findings.append(Finding("identity_households", {"households": metrics["households"]}, 0.2))
    if metrics["orphans"]:
        findings.append(Finding("identity_orphans", {"orphans": metrics["orphans"]}, 0.3))
    if metrics["unlinkable_share"] is not None:
        values = {"share": metrics["unlinkable_share"], "n": metrics["persons"]}
        findings.append(Finding("identity_unlinkable", values, 0.25))
    if sealed["vaulted"]:
        return [*findings, Finding("identity_vaulted", {"records": sealed["vaulted"]}, 0.15)]
    if sealed["contact_deleted"]:
        return [*findings, Finding("identity_deleted", {"records": sealed["contact_deleted"]}, 0.45)]
    return findings


def _customers(metrics: Mapping[str, Any]) -> Finding:
    values = {name: metrics[name] for name in ("records", "customers", "links_by_key", "links_by_likeness")}
    merged = metrics["persons"] - metrics["customers"]
    if not merged:
        return Finding("identity_nobody_merged", values, 0.5)
    return Finding("identity_customers", values | {"share": merged / metrics["persons"]}, 0.6)


def _evaluated(metrics: Mapping[str, Any]) -> list[Finding]:
    if "precision" not in metrics or math.isnan(metrics["f1"]):
        return []
    names = ("precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high", "f1", "pairs_true")
    return [Finding("identity_evaluated", {name: metrics[name] for name in names}, 0.7)]


def _alarms(metrics: Mapping[str, Any]) -> list[Finding]:
    findings = []
    if metrics["over_merged"] or metrics["chains"]:
        values = {"over_merged": metrics["over_merged"], "chains": metrics["chains"]}
        findings.append(Finding("identity_alarms", values, 0.55))
    if metrics["hubs"]:
        findings.append(Finding("identity_hubs", {"hubs": metrics["hubs"]}, 0.4))
    if metrics["links_cut"]:
        findings.append(Finding("identity_cut", {"links": metrics["links_cut"]}, 0.35))
    return findings


def _changes(metrics: Mapping[str, Any]) -> list[Finding]:
    values = {kind: metrics[f"changes.{kind}"] for kind in ("merged", "split", "new", "gone")}
    return [Finding("identity_changes", values, 0.3)] if any(values.values()) else []


def limit_identity(metrics: Mapping[str, Any], notes: Sequence[str], comparisons: Sequence[str]) -> list[Finding]:
    """Report the limits of identity resolution."""
    limits = []
    if "no_comparisons" in notes:
        limits.append(Finding("identity_limit_keys_only"))
    elif "not_trained" in notes:
        limits.append(Finding("identity_limit_not_trained", {"comparisons": len(comparisons)}))
    if "precision" not in metrics:
        limits.append(Finding("identity_limit_no_truth", {"n": metrics["records"]}))
    return [*limits, Finding("identity_limit_family")]
