"""How does each group differ from all customers (the base)? Comparison by variable, for 04_describe_customers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from workbench.analysis.description.same_thing import are_equivalent
from workbench.analysis.description.variables import CODED_CATEGORIES, as_text, variable_kinds
from workbench.analysis.intervals import LEVEL, SMALL_CELL, benjamini_hochberg, compare_shares, tgi, wilson
from workbench.analysis.privacy.suppression import small_cells
from workbench.core.errors import DataError, Fault, did_you_mean

__all__ = [
    "DIFFERENCE_COLUMNS",
    "FALSE_DISCOVERIES",
    "compare_counts",
    "compare_variables",
    "differences_from_base",
    "settle",
    "strongest_differences",
]

FALSE_DISCOVERIES = 0.05  # false discovery rate: expected share of false positives among the differences
TOP_VALUES = 12
DIFFERENCE_COLUMNS = (
    "group_by", "group", "variable", "kind", "value", "n", "base_n", "share", "share_low", "share_high", "base_share",
    "tgi", "tgi_low", "tgi_high", "mean", "median", "base_mean", "base_median", "effect", "effect_low", "effect_high",
    "p_value", "q_value", "differs", "suppressed",
)  # fmt: skip
TEXTS = ("group_by", "group", "variable", "kind", "value")
FLAGS = ("differs", "suppressed")
COUNTS = ("n", "base_n")
RESULTS = tuple(name for name in DIFFERENCE_COLUMNS if name not in TEXTS + FLAGS + COUNTS)


def differences_from_base(
    features: pd.DataFrame,
    *,
    by: str | Sequence[str],
    columns: Sequence[str] | None = None,
    top_values: int = TOP_VALUES,
    least: int = SMALL_CELL,
) -> pd.DataFrame:
    """Compare each group with the base, variable by variable.

    The base of a comparison is all customers with a known group and variable. Numbers are compared by the
    standardised mean difference (group mean - base mean) / base standard deviation, with Welch's t interval of the
    group against the rest; categories by share, TGI and Cohen's h of group share against base share. Both effects use
    the same scale: .2 small, .5 medium, .8 large.

    Parameters
    ----------
    features : DataFrame, one row per customer, with customer_id
    by : str or sequence of str
        Categorical columns whose values are the groups; the ``top_values`` most frequent ones.
    columns : sequence of str, optional
        Variables to compare; default: all numeric and categorical variables except the groupings.
    top_values : int
        Most values of a category, and most groups of a column.
    least : int
        Cells of 1 to ``least`` - 1 customers are suppressed, with further cells to prevent recovery by subtraction.

    Returns
    -------
    DataFrame, `DIFFERENCE_COLUMNS`, one row per group and number, or group, category and value
        n: group members with a known variable; base_n: the base; shares and TGI for categories; means and medians for
        numbers; effect with its 95 % interval; p_value of group against the rest; q_value: adjusted over all rows by
        Benjamini and Hochberg; differs: q_value at most `FALSE_DISCOVERIES`; suppressed. Suppressed rows have no
        results and no n. Sorted by grouping, group, variable, value, the most frequent first.

    Raises
    ------
    DataError
        When a column is missing, or must not be described (contact, sensitive, identifier).

    Notes
    -----
    B. L. Welch (1947), Biometrika 34:28-35. J. Cohen (1988), Statistical power analysis for the behavioral sciences,
    chapters 2 and 6. Benjamini and Hochberg (1995). The effects overlap and are not causes.
    """
    groupings = [by] if isinstance(by, str) else list(by)
    blocks = compare_variables(features, by=groupings, columns=columns, top_values=top_values, least=least)
    return settle(blocks, groupings)


def compare_variables(
    features: pd.DataFrame,
    *,
    by: Sequence[str],
    columns: Sequence[str] | None = None,
    top_values: int = TOP_VALUES,
    least: int = SMALL_CELL,
) -> list[pd.DataFrame]:
    """Return the comparisons of `differences_from_base` before `settle`, one block per grouping and variable."""
    groupings = list(by)
    kinds = variable_kinds(features, categorical=(*CODED_CATEGORIES, *groupings))
    default = [name for name in kinds if kinds[name] != "date" and name not in groupings]
    variables = default if columns is None else list(columns)
    _check_columns([*groupings, *variables], kinds)
    ordered = features.sort_values("customer_id", ignore_index=True)
    categorical = {*groupings, *(name for name in variables if kinds[name] != "numeric")}
    categories = {name: pd.Categorical(as_text(ordered[name])) for name in categorical}
    blocks = []
    for grouping in groupings:
        for variable in (name for name in variables if name != grouping):
            name = f"{variable} by {grouping}"
            if kinds[variable] == "numeric":
                block = _compare_numbers(ordered[variable], categories[grouping], top_values, least, name)
            else:
                block = _compare_categories(categories[variable], categories[grouping], top_values, least, name)
            blocks.append(block.assign(group_by=grouping, variable=variable, kind=kinds[variable]))
    return blocks


def strongest_differences(
    differences: pd.DataFrame, *, attributes: Collection[str] = (), max_rows: int = 10
) -> pd.DataFrame:
    """Select the largest significant differences by absolute effect; ties in table order.

    Differences between two declared attributes (height by gender) come after those in what customers do or answer.

    Variables equivalent to the grouping (`same_thing.are_equivalent`) are skipped. Duplicates are skipped too: a number
    with the same effect in the same group as an earlier one, and a group of the same size and with the same difference
    as an earlier one, since it has the same customers.

    Parameters
    ----------
    differences : DataFrame
        From `differences_from_base`.
    attributes : collection of str
        Declared attributes of customers, from `workbench.analysis.description.population.declared_attributes`.
    max_rows : int
        Most rows.

    Returns
    -------
    DataFrame
        The same columns, the largest effect first, pairs of attributes last.
    """
    significant = differences[differences["differs"].astype(bool)]
    pairs = significant[["group_by", "variable"]].drop_duplicates().itertuples(index=False)
    equivalent = {pair for pair in pairs if are_equivalent(*pair)}
    pairs = zip(significant["group_by"], significant["variable"], strict=True)
    significant = significant[np.array([pair not in equivalent for pair in pairs], dtype=bool)]
    rounded = significant.assign(rounded=significant["effect"].round(9))
    same_number = rounded.duplicated(["group_by", "group", "kind", "rounded"])
    same_customers = rounded.duplicated(["variable", "value", "kind", "n", "rounded"])
    significant = significant[~(same_number | same_customers)]
    is_pair = significant["group_by"].isin(attributes) & significant["variable"].isin(attributes)
    order = significant.assign(is_pair=is_pair, size=significant["effect"].abs())
    order = order.sort_values(["is_pair", "size"], ascending=[True, False], kind="stable").index
    return significant.loc[order].head(max_rows).reset_index(drop=True)


def _compare_numbers(values: pd.Series, groups: pd.Categorical, top_values: int, least: int, name: str) -> pd.DataFrame:
    numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    is_known = np.isfinite(numbers) & (groups.codes >= 0)
    numbers, (rank, sizes) = numbers[is_known], _ranked(groups, is_known)
    base_mean = numbers.mean() if len(numbers) else np.nan
    effects = _welch(numbers - base_mean, rank, len(sizes))
    rows = pd.DataFrame(
        {
            "group": sizes.index,
            "n": sizes.to_numpy(),
            "base_n": len(numbers),
            "mean": base_mean + effects.pop("difference"),
            "median": [float(np.median(numbers[rank == group])) for group in range(len(sizes))],
            "base_mean": base_mean,
            "base_median": np.median(numbers) if len(numbers) else np.nan,
            "suppressed": small_cells(sizes.to_frame(), least=least, name=name)["n"].to_numpy(),
            **effects,
        }
    )
    return rows.head(top_values)


def _welch(numbers: np.ndarray, rank: np.ndarray, groups: int) -> dict[str, np.ndarray]:
    """Compare each group with all others; ``numbers`` are centred on their mean.

    Returns difference (from the base), effect (standardised) with its interval, and p_value, by group.
    """
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415  only here, so that other notebooks start faster

    n = np.bincount(rank, minlength=groups).astype(float)
    rest_n = len(numbers) - n
    with np.errstate(divide="ignore", invalid="ignore"):
        own_mean = np.bincount(rank, numbers, minlength=groups) / n
        rest_mean = -n * own_mean / rest_n
        squares = np.bincount(rank, (numbers - own_mean[rank]) ** 2, minlength=groups)
        total = np.sum(squares + n * own_mean**2)
        rest_squares = np.maximum(total - squares - n * own_mean**2 - rest_n * rest_mean**2, 0)
        group_variance, rest_variance = squares / (n - 1) / n, rest_squares / (rest_n - 1) / rest_n
        freedom = (group_variance + rest_variance) ** 2 / (
            group_variance**2 / (n - 1) + rest_variance**2 / (rest_n - 1)
        )
        error, contrast = np.sqrt(group_variance + rest_variance), own_mean - rest_mean
        p_value = np.where(
            error == 0, np.isclose(contrast, 0).astype(float), 2 * stdtr(freedom, -np.abs(contrast / error))
        )
        sd = np.sqrt(total / (len(numbers) - 1)) if total > 0 else np.nan
        half_width = stdtrit(freedom, 0.5 + LEVEL / 2) * error * rest_n / len(numbers) / sd
    effect = own_mean / sd
    bounds = {"effect_low": effect - half_width, "effect_high": effect + half_width}
    return {"difference": own_mean, "effect": effect, **bounds, "p_value": p_value}


def _compare_categories(
    values: pd.Categorical, groups: pd.Categorical, top_values: int, least: int, name: str
) -> pd.DataFrame:
    is_known = (values.codes >= 0) & (groups.codes >= 0)
    (group_rank, sizes), (value_rank, value_counts) = _ranked(groups, is_known), _ranked(values, is_known)
    cells = np.bincount(group_rank * len(value_counts) + value_rank, minlength=len(sizes) * len(value_counts))
    cross = pd.DataFrame(cells.reshape(len(sizes), len(value_counts)), index=sizes.index, columns=value_counts.index)
    return compare_counts(cross, sizes, top_values=top_values, least=least, name=name)


def _ranked(values: pd.Categorical, is_known: np.ndarray) -> tuple[np.ndarray, pd.Series]:
    """Return the rank of each known value, and the frequencies: the most frequent first, ties by name."""
    codes = values.codes[is_known]
    counts = np.bincount(codes, minlength=len(values.categories))
    order = np.argsort(-counts, kind="stable")
    rank = np.argsort(order)[codes]
    order = order[counts[order] > 0]
    return rank, pd.Series(counts[order], index=values.categories[order], name="n")


def compare_counts(
    counts: pd.DataFrame,
    sizes: pd.Series,
    *,
    top_values: int = TOP_VALUES,
    least: int = SMALL_CELL,
    exclusive: bool = True,
    name: str | None = None,
) -> pd.DataFrame:
    """Compare the shares of groups that partition the base, using counts only; `settle` completes the result.

    Parameters
    ----------
    counts : DataFrame of int
        Customers with a value (columns) in each group (rows), both in the order of the result.
    sizes : Series of int
        Number of customers of each group with a known variable. The groups together are the base.
    top_values : int
        Most groups and most values in the result.
    least : int
        As for `differences_from_base`.
    exclusive : bool
        Whether each customer has only one value. With several values (such as categories bought) the counts of a group
        do not add up to its size, so that only columns need complementary suppression.
    name : str, optional
        Name of the table, for the memory of hidden cells.

    Returns
    -------
    DataFrame
        group, value, n, base_n, the results of a share, suppressed. Groups of fewer than ``least``, and values with
        fewer than ``least`` customers in the base, are suppressed completely.
    """
    sizes = sizes.reindex(counts.index)
    must_hide = np.zeros(counts.shape, dtype=bool)
    value_totals = counts.sum(axis=0).to_numpy()
    must_hide |= ((sizes.to_numpy() < least)[:, None]) | ((value_totals > 0) & (value_totals < least))[None, :]
    must_hide[top_values:], must_hide[:, top_values:] = (
        True,
        True,
    )  # not shown, so that they also protect the shown cells
    hidden = small_cells(counts, least=least, hide=must_hide, rows=exclusive, name=name).iloc[:top_values, :top_values]
    top_counts = counts.iloc[:top_values, :top_values]
    rows = pd.MultiIndex.from_product([top_counts.index, top_counts.columns], names=["group", "value"]).to_frame(
        index=False
    )
    hits, n = top_counts.to_numpy().ravel(), sizes.loc[rows["group"]].to_numpy()
    base_hits = np.tile(value_totals[: top_counts.shape[1]], len(top_counts))
    base_n = int(sizes.sum())
    return rows.assign(
        n=n, base_n=base_n, suppressed=hidden.to_numpy().ravel(), **_share_results(hits, n, base_hits, base_n)
    )


def _share_results(hits: np.ndarray, n: np.ndarray, base_hits: np.ndarray, base_n: int) -> dict[str, np.ndarray]:
    share, base_share = hits / n, base_hits / max(base_n, 1)
    low, high = wilson(hits, n)
    index, index_low, index_high = tgi(hits, n, base_share)
    angle, angle_low, angle_high, base_angle = (2 * np.arcsin(np.sqrt(part)) for part in (share, low, high, base_share))
    return {
        "share": share, "share_low": low, "share_high": high, "base_share": base_share,
        "tgi": index, "tgi_low": index_low, "tgi_high": index_high,
        "effect": angle - base_angle, "effect_low": angle_low - base_angle, "effect_high": angle_high - base_angle,
        "p_value": compare_shares(hits, n, base_hits, base_n),
    }  # fmt: skip


def settle(blocks: Sequence[pd.DataFrame], groupings: Sequence[str]) -> pd.DataFrame:
    """Combine compared blocks into one table: blank suppressed rows, adjust for the number of tests, sort.

    Parameters
    ----------
    blocks : sequence of DataFrame
        From `compare_variables`, or from `compare_counts` with group_by, variable and kind added.
    groupings : sequence of str
        Groupings in the order of the result.

    Returns
    -------
    DataFrame, `DIFFERENCE_COLUMNS`
    """
    table = pd.concat(blocks, ignore_index=True) if len(blocks) else pd.DataFrame(columns=list(DIFFERENCE_COLUMNS))
    table = table.reindex(columns=list(DIFFERENCE_COLUMNS))
    hidden = table["suppressed"].astype(bool)
    results = {name: table[name].astype("float64").mask(hidden) for name in RESULTS}
    adjusted = benjamini_hochberg(results["p_value"])
    results["q_value"] = pd.Series(adjusted, index=table.index)
    counts = {name: table[name].astype("Int64") for name in COUNTS}
    counts["n"] = counts["n"].mask(hidden)
    texts = {name: table[name].astype("str") for name in TEXTS}
    flags = {"suppressed": hidden, "differs": results["q_value"] <= FALSE_DISCOVERIES}
    table = table.assign(**results, **counts, **texts, **flags)
    place = {name: position for position, name in enumerate(groupings)}
    return table.sort_values("group_by", key=lambda names: names.map(place), kind="stable", ignore_index=True)


def _check_columns(names: Sequence[str], kinds: dict[str, str]) -> None:
    faults = [
        Fault("differences_from_base", f"'{name}' cannot be compared", "", did_you_mean(name, kinds))
        for name in dict.fromkeys(names)
        if name not in kinds or kinds[name] == "date"
    ]
    if faults:
        raise DataError(faults)
