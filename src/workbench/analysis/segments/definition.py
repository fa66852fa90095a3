"""Segment definitions: saved as JSON, versioned by hash, and sufficient to assign any customer.

A definition has features with unit and formula, transforms, a model (rules, centroids, gaussians, classes), names and
evidence. ``assign`` assigns the customers of a data frame, ``assign_table`` those of a table in the database engine;
``to_expression`` returns the expression used. There is no model file and no pickle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import ibis
import numpy as np
import pandas as pd

from workbench.analysis.clustering.transforms import Transform
from workbench.analysis.segments.placing import (
    compile_place,
    kind_faults,
    model_columns,
    model_faults,
    place,
    place_table,
)
from workbench.core.errors import DataError, Fault, did_you_mean
from workbench.core.schema import UNKNOWN_SEGMENT

__all__ = [
    "ALL", "METHODS", "NO_TRANSFORM", "UNKNOWN", "USES", "Segment", "SegmentDefinition", "assign", "assign_table",
    "check_features", "to_expression",
]  # fmt: skip

VERSION_DIGITS = 12  # hexadecimal digits of the SHA-256 of the content
USES = ("ok", "pattern", "do_not_use")  # Jaccard of .75 or more, of .6 or more, below .6
METHODS = ("rules", "kmeans", "mixture", "mixed", "classes", "tree", "rfm_grid", "life_cycle_grid", "single")
NO_TRANSFORM = Transform((), {}, "none", 0, 5.0, 0, 0)


@dataclass(frozen=True)
class Segment:
    """One segment.

    Attributes
    ----------
    key : str
        The value in tables.
    name, description : dict of str
        By language, en and zh; a description is one sentence or empty.
    use : str
        ``ok``, ``pattern`` or ``do_not_use`` (one of ``USES``).
    """

    key: str
    name: dict[str, str]
    description: dict[str, str] = field(default_factory=dict)
    use: str = "ok"


UNKNOWN = Segment(*UNKNOWN_SEGMENT)
ALL = Segment("all", {"en": "All customers", "zh": "全部客户"})


@dataclass(frozen=True)
class SegmentDefinition:
    """Everything needed to assign customers to segments, with the evidence for using them.

    Attributes
    ----------
    name : str
        Name of the definition, stable across refits.
    model : dict
        Plain JSON values with ``type``: ``single``; ``centroids`` (centers, categories); ``gaussians`` (weights, means,
        precision_cholesky, log_det, covariance); ``classes`` (weights, variables, cuts); ``rules`` (rules: segment,
        when; the first rule that is true applies; decision trees and grids are rules too).
    segments : tuple of Segment
        In the order of the model's groups; of equal costs the first segment is chosen.
    as_of : str
        ISO date of the features; for rules the date of the declaration.
    verdict : str
        structure, continuum, no_structure, too_little_data; ``declared`` for rules.
    method : str
        One of ``METHODS``.
    transform : Transform
        How features become coordinates; ``NO_TRANSFORM`` if they keep their unit.
    title : dict of str
        Name by language.
    subject : str
    features : dict
        Column to {unit, formula: {en, zh}} as registered at the time of the fit.
    parameters, evidence : dict
        JSON values: the settings of the fit, and the measurements behind the verdict.
    training_digest : str
        Digest of the features table used for the fit.
    made_by : dict
        The run that made the definition; not part of the version, so that a repeated run gives the same version.
    """

    name: str
    model: dict[str, Any]
    segments: tuple[Segment, ...]
    as_of: str
    verdict: str
    method: str
    transform: Transform = NO_TRANSFORM
    title: dict[str, str] = field(default_factory=dict)
    subject: str = "customer"
    features: dict[str, dict[str, Any]] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    training_digest: str = ""
    made_by: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise DataError(faults)

    @property
    def version(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 of the content."""
        return hashlib.sha256(_canonical(self._content()).encode()).hexdigest()[:VERSION_DIGITS]

    @property
    def columns(self) -> list[str]:
        """The columns the definition uses."""
        return model_columns(self.transform, self.model)

    @property
    def keys(self) -> list[str]:
        """Every segment key a customer can get, ``unknown`` last."""
        unknown = [] if self.model["type"] == "single" else [UNKNOWN.key]
        return [segment.key for segment in self.segments] + unknown

    @property
    def names(self) -> dict[str, dict[str, str]]:
        """The name of every segment by its key, in en and zh, including ``unknown``."""
        return {segment.key: segment.name for segment in (*self.segments, UNKNOWN)}

    def segment(self, key: str) -> Segment:
        """Return a segment by its key, including ``unknown``.

        Raises
        ------
        DataError
            When no segment has that key.
        """
        match = next((segment for segment in (*self.segments, UNKNOWN) if segment.key == key), None)
        if match is None:
            where = f"segment definition '{self.name}'"
            raise DataError(Fault(where, f"no segment '{key}'", "", did_you_mean(key, self.keys)))
        return match

    def label(self, key: str, language: str) -> str:
        """Return the name of a segment in a language (en or zh); an unknown key is returned unchanged."""
        return self.names.get(key, {language: key})[language]

    def to_json(self) -> str:
        """Return the definition with its version as canonical JSON."""
        content = {**self._content(), "made_by": self.made_by, "version": self.version}
        return json.dumps(content, ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SegmentDefinition:
        """Restore a definition.

        Parameters
        ----------
        text : str
            From ``to_json``.

        Returns
        -------
        SegmentDefinition

        Raises
        ------
        DataError
            When the text is not a definition, or its content does not match its version.
        """
        try:
            content = json.loads(text)
            stated = content.pop("version")
            transform = Transform.from_dict(content.pop("transform"))
            segments = tuple(Segment(**segment) for segment in content.pop("segments"))
            definition = cls(**content, transform=transform, segments=segments)
            actual = definition.version
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            problem = f"not readable: {type(error).__name__}: {error}"
            raise DataError(
                Fault("segment definition", problem, "the output of to_json", "Run 06_segment_customers.")
            ) from error
        if stated != actual:
            problem = f"it states version '{stated}', its content has version '{actual}'"
            remedy = "It was changed after it was made; restore it or run 06_segment_customers again."
            raise DataError(Fault("segment definition", problem, "equal versions", remedy))
        return definition

    def _content(self) -> dict[str, Any]:
        content = asdict(self)
        del content["made_by"]
        return content


def assign(definition: SegmentDefinition, features: pd.DataFrame) -> pd.DataFrame:
    """Assign the customers of a data frame to segments.

    Parameters
    ----------
    definition : SegmentDefinition
    features : pandas.DataFrame
        One row per customer: customer_id and the columns of the definition.

    Returns
    -------
    pandas.DataFrame
        customer_id, segment, definition_version; one row per customer, sorted by customer_id. Customers with
        fewer known features than the definition requires, or who meet no rule, get ``unknown``. Other missing values
        are replaced by the median of the fit; in rules, comparisons with missing values are false.

    Raises
    ------
    DataError
        When a column is missing, has texts for numbers or numbers for texts, or a customer repeats.
    """
    numbers = {name: _is_number(features[name]) for name in features.columns}
    _check_columns(definition, numbers)
    if features["customer_id"].duplicated().any():
        problem = f"{int(features['customer_id'].duplicated().sum())} repeated customer_id"
        raise DataError(Fault("features", problem, "one row per customer"))
    ordered = features.sort_values("customer_id", ignore_index=True)
    positions = place(definition.transform, definition.model, ordered)
    frame = pd.DataFrame(
        {"customer_id": ordered["customer_id"], "segment": np.array(_placed_keys(definition))[positions]}
    )
    return frame.assign(definition_version=definition.version).astype({"segment": "str", "definition_version": "str"})


def assign_table(definition: SegmentDefinition, table: ibis.Table) -> ibis.Table:
    """Assign the customers of a table to segments, inside the database engine.

    Parameters
    ----------
    definition : SegmentDefinition
    table : ibis.Table
        One row per customer: customer_id and the columns of the definition.

    Returns
    -------
    ibis.Table
        customer_id, segment, definition_version: the result of ``assign``, unordered.
    """
    _check_columns(definition, {name: _is_numeric_type(table[name].type()) for name in table.columns})
    assigned = place_table(definition.transform, definition.model, table, _placed_keys(definition))
    return assigned.mutate(definition_version=ibis.literal(definition.version))


def to_expression(definition: SegmentDefinition, table: ibis.Table) -> ibis.Value:
    """Return the definition as one expression over a features table, equivalent to ``assign``.

    Parameters
    ----------
    definition : SegmentDefinition
    table : ibis.Table
        One row per customer with the columns of the definition.

    Returns
    -------
    ibis string expression
        The segment key; use it as ``table.mutate(segment=...)``.

    Raises
    ------
    DataError
        When a column is missing, or has texts for numbers or numbers for texts.
    """
    _check_columns(definition, {name: _is_numeric_type(table[name].type()) for name in table.columns})
    return compile_place(definition.transform, definition.model, table, _placed_keys(definition))


def check_features(definition: SegmentDefinition, registered: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise an error for a definition whose features no longer exist or have another unit.

    Parameters
    ----------
    definition : SegmentDefinition
    registered : mapping
        Column to {unit, ...} of the current features; a column without ``unit`` is a declared attribute.

    Raises
    ------
    DataError
        With every feature that no longer exists or has another unit.
    """
    where = f"segment definition '{definition.name}' {definition.version}"
    faults: list[Fault] = []
    for name in definition.columns:
        if name not in registered:
            remedy = f"{did_you_mean(name, registered)} Run 03_build_features with it, or fit a definition without it"
            faults.append(
                Fault(where, f"its feature '{name}' no longer exists", "a column of the features", remedy.strip())
            )
            continue
        before, now = definition.features.get(name, {}).get("unit", ""), registered[name].get("unit", "")
        if before and now and before != now:
            remedy = "Its bounds and centres no longer apply; fit a new definition"
            faults.append(Fault(where, f"feature '{name}' is measured in {now}", f"{before}, as in the fit", remedy))
    if faults:
        raise DataError(faults)


def _placed_keys(definition: SegmentDefinition) -> list[str]:
    """Return the segment key of each group or rule of the model, ``unknown`` last (at -1)."""
    if definition.model["type"] == "rules":
        return [*(rule["segment"] for rule in definition.model["rules"]), UNKNOWN.key]
    return [*(segment.key for segment in definition.segments), UNKNOWN.key]


def _faults(definition: SegmentDefinition) -> Iterator[Fault]:
    where = f"segment definition '{definition.name}'"
    keys = [segment.key for segment in definition.segments]
    if definition.method not in METHODS:
        yield Fault(where, f"method '{definition.method}'", ", ".join(METHODS))
    for problem, expected in model_faults(definition.transform, definition.model, keys):
        yield Fault(where, problem, expected)
    if len(set(keys)) != len(keys) or UNKNOWN.key in keys:
        yield Fault(where, f"segment keys {', '.join(keys)}", f"distinct keys, none of them '{UNKNOWN.key}'")
    for language in ("en", "zh"):
        names = [segment.name.get(language, "") for segment in definition.segments]
        if "" in names or len(set(names)) != len(names):
            yield Fault(where, f"segment names ({language}) {', '.join(names)}", "a distinct name for each")
    for segment in definition.segments:
        if segment.use not in USES:
            yield Fault(where, f"segment '{segment.key}' has use '{segment.use}'", ", ".join(USES))


def _check_columns(definition: SegmentDefinition, numbers: Mapping[str, bool | None]) -> None:
    """Check that columns exist and have the right type; ``numbers`` maps each column to whether it is numeric."""
    where, columns = f"segment definition '{definition.name}'", definition.columns
    missing = [name for name in ("customer_id", *columns) if name not in numbers]
    faults = [
        Fault(where, f"column '{name}' is not in the features", _listing(columns), did_you_mean(name, numbers))
        for name in missing
    ]
    if not missing:
        faults = [Fault(where, fault) for fault in kind_faults(definition.transform, definition.model, numbers)]
    if faults:
        raise DataError(faults)


def _listing(columns: Sequence[str]) -> str:
    return f"the columns {', '.join(columns)}"


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _is_number(values: pd.Series) -> bool | None:
    if values.dtype == object and values.isna().all():  # with no values it fits either type
        return None
    return pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)


def _is_numeric_type(kind: ibis.expr.datatypes.DataType) -> bool | None:
    return None if kind.is_null() else kind.is_numeric() or kind.is_boolean()
