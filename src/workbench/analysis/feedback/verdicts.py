"""How often do reviewers mark results as right? Shares with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.analysis.intervals import wilson

__all__ = ["count_verdicts", "judge_tags", "rename_segments"]

_MEASURED = ["name", "n", "right", "right_share", "low", "high"]


def count_verdicts(marks: pd.DataFrame, by: str = "name") -> pd.DataFrame:
    """Count the marks by name, with the share of right ones.

    Parameters
    ----------
    marks : DataFrame
        verdict (right or wrong) and the column ``by``; one row per mark.
    by : str

    Returns
    -------
    DataFrame
        name, n, right, right_share (0..1), low, high (95 % by Wilson); the name with the most marks first.
    """
    rows = []
    for name, group in marks.groupby(by, sort=True):
        n, right = len(group), int((group["verdict"] == "right").sum())
        low, high = wilson(right, n)
        rows.append((name, n, right, right / n, float(low), float(high)))
    table = pd.DataFrame(rows, columns=_MEASURED)
    return table.sort_values(["n", "name"], ascending=[False, True], ignore_index=True)


def judge_tags(marks: pd.DataFrame, values: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure how often tags are right, from the marks of reviewers.

    A mark with a value counts as long as the customer's tag still has this value; a mark without a value refers to the
    current value. Marks on customers or tags that no longer exist are only counted.

    Parameters
    ----------
    marks : DataFrame
        customer_id, name (of a tag), value (may be blank), verdict.
    values : DataFrame
        customer_id, tag, value: the current tags of the marked customers.

    Returns
    -------
    measured : DataFrame
        `count_verdicts` by tag.
    counts : DataFrame
        state (counted, changed, absent), marks.
    """
    now = values.rename(columns={"tag": "name", "value": "value_now"})[["customer_id", "name", "value_now"]]
    joined = marks.merge(now.drop_duplicates(["customer_id", "name"]), on=["customer_id", "name"], how="left")
    absent = joined["value_now"].isna().to_numpy(dtype=bool)
    differs = joined["value"].str.strip().str.lower() != joined["value_now"].astype("str").str.lower()
    changed = ~absent & (joined["value"].str.strip() != "").to_numpy(dtype=bool) & differs.to_numpy(dtype=bool)
    state = np.select([absent, changed], ["absent", "changed"], "counted")
    counts = pd.Series(state, dtype="str").value_counts().reindex(["counted", "changed", "absent"], fill_value=0)
    table = pd.DataFrame({"state": counts.index, "marks": counts.to_numpy()})
    return count_verdicts(joined[state == "counted"]), table


def rename_segments(marks: pd.DataFrame, names: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return the better names that reviewers gave to segments whose name they marked as wrong.

    Parameters
    ----------
    marks : DataFrame
        name (in any language), verdict, value (the better name, may be blank).
    names : dict of str to dict
        Segment to its names by language.

    Returns
    -------
    dict of str to str
        Segment to its better name; names already used by a segment are left out.
    """
    used_names = {text for by_language in names.values() for text in by_language.values()}
    better: dict[str, str] = {}
    for row in marks.itertuples():
        keys = [key for key, by_language in names.items() if row.name in (key, *by_language.values())]
        text = str(row.value).strip()
        if row.verdict == "wrong" and keys and text and text not in used_names:
            better[keys[0]] = text
            used_names.add(text)
    return better
