"""What is a segment, exactly? A definition that is data: kept as JSON, hashed, and enough to place any customer.

The definition of 06_segment_customers carries the transforms, the centres, the names and the evidence. ``assign``
places customers of a frame, ``compile_expression`` gives the same segment inside the database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import ibis
import numpy as np
import pandas as pd

from workbench.analysis.centres import DISTANCE_DECIMALS, distances
from workbench.analysis.transforms import FeatureTransform, Transform, apply_transform
from workbench.core.errors import DataError, Fault, did_you_mean

__all__ = ["ALL", "UNKNOWN", "Segment", "SegmentDefinition", "assign", "compile_expression"]

VERSION_DIGITS = 12  # hexadecimal digits of the SHA-256 of the content


@dataclass(frozen=True)
class Segment:
    """One segment: the key that stands in tables, and its name in each language."""

    key: str
    name: dict[str, str]


UNKNOWN = Segment("unknown", {"en": "Too little known", "zh": "信息不足"})
ALL = Segment("all", {"en": "All customers", "zh": "全部客户"})


@dataclass(frozen=True)
class SegmentDefinition:
    """Everything that is needed to place a customer, and why it may be used.

    Attributes
    ----------
    name : str
        What the definition is called, stable over refits.
    transform : Transform
        How features become coordinates.
    centroids : tuple of tuple of float
        One per segment, scaled units; empty with a single segment.
    segments : tuple of Segment
        In the order of the centroids; a tie in distance goes to the first.
    as_of : str
        ISO date up to which the features were built.
    verdict : str
        structure, continuum, no_structure or too_little_data.
    subject, method : str
    parameters, evidence : dict
        JSON values: the settings of the fit, and the measurements behind the verdict.
    training_digest : str
        Digest of the features table it was fitted on.
    made_by : dict
        The run that made it; the one part that the version does not cover, so that a repeated run gives the same
        version.
    """

    name: str
    transform: Transform
    centroids: tuple[tuple[float, ...], ...]
    segments: tuple[Segment, ...]
    as_of: str
    verdict: str
    subject: str = "customer"
    method: str = "kmeans"
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
    def keys(self) -> list[str]:
        """Every segment key a customer can get, ``unknown`` last."""
        rest = [UNKNOWN.key] if self.centroids else []
        return [each.key for each in self.segments] + rest

    def label(self, key: str, language: str) -> str:
        """Return the name of a segment in a language (en or zh)."""
        return next((each.name[language] for each in (*self.segments, UNKNOWN) if each.key == key), key)

    def to_json(self) -> str:
        """Write the definition, its version included, as canonical JSON."""
        content = {**self._content(), "made_by": self.made_by, "version": self.version}
        return json.dumps(content, ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SegmentDefinition:
        """Read a definition back.

        Parameters
        ----------
        text : str
            As ``to_json`` wrote it.

        Returns
        -------
        SegmentDefinition

        Raises
        ------
        DataError
            When the text is no definition, or its content does not match the version it states.
        """
        try:
            content = json.loads(text)
            stated = content.pop("version")
            read = cls(
                **{
                    **content,
                    "transform": Transform.from_dict(content["transform"]),
                    "centroids": tuple(tuple(row) for row in content["centroids"]),
                    "segments": tuple(Segment(**each) for each in content["segments"]),
                }
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            found = f"not readable: {type(error).__name__}: {error}"
            raise DataError(
                Fault("segment definition", found, "what to_json wrote", "Run 06_segment_customers.")
            ) from error
        if stated != read.version:
            found = f"it states version '{stated}', its content has version '{read.version}'"
            remedy = "It was changed after it was made; restore it or run 06_segment_customers again."
            raise DataError(Fault("segment definition", found, "equal versions", remedy))
        return read

    def _content(self) -> dict[str, Any]:
        content = asdict(self)
        del content["made_by"]
        return content


def assign(definition: SegmentDefinition, features: pd.DataFrame) -> pd.DataFrame:
    """Place customers.

    Parameters
    ----------
    definition : SegmentDefinition
    features : pandas.DataFrame
        One row per customer: customer_id and the columns the definition names.

    Returns
    -------
    pandas.DataFrame
        customer_id, segment, definition_version; one row per customer, sorted by customer_id. Who has fewer known
        features than the definition asks for is ``unknown``; other missing values stand at the fit's median.

    Raises
    ------
    DataError
        When a column is missing.
    """
    _check_columns(definition, list(features.columns))
    placed = pd.Series(definition.segments[0].key, index=pd.Index(features["customer_id"].sort_values()), dtype="str")
    if definition.centroids:
        points = apply_transform(definition.transform, features)
        nearest = distances(points.to_numpy(), np.array(definition.centroids)).argmin(axis=1)
        keys = np.array([each.key for each in definition.segments], dtype=object)
        placed = pd.Series(UNKNOWN.key, index=placed.index, dtype="str")
        placed.loc[points.index] = keys[nearest]
    frame = placed.rename("segment").rename_axis("customer_id").reset_index()
    return frame.assign(definition_version=definition.version).astype({"segment": "str", "definition_version": "str"})


def compile_expression(definition: SegmentDefinition, table: ibis.Table) -> ibis.Value:
    """Write the definition as an expression over a features table, giving the segment that ``assign`` gives.

    Parameters
    ----------
    definition : SegmentDefinition
    table : ibis.Table
        One row per customer with the columns the definition names.

    Returns
    -------
    ibis string expression
        The segment key; ``table.mutate(segment=...)`` places everybody.

    Raises
    ------
    DataError
        When a column is missing.
    """
    _check_columns(definition, list(table.columns))
    if not definition.centroids:
        return ibis.literal(definition.segments[0].key)
    features = definition.transform.features
    known = {each.name: _known(table[each.name].cast("float64")) for each in features}
    places = [_coordinate(known[each.name], each, definition.transform.clip) for each in features]
    far = [_distance(places, centre) for centre in definition.centroids]
    least = far[0] if len(far) == 1 else ibis.least(*far)
    count = sum(value.notnull().cast("int64") for value in known.values())
    branches = [(each == least, segment.key) for each, segment in zip(far, definition.segments, strict=True)]
    return ibis.cases((count < definition.transform.min_known, UNKNOWN.key), *branches, else_=UNKNOWN.key)


def _faults(definition: SegmentDefinition):
    where = f"segment definition '{definition.name}'"
    keys = [each.key for each in definition.segments]
    wanted = len(definition.centroids) or 1
    if len(keys) != wanted:
        yield Fault(where, f"{len(keys)} segments", f"{wanted}, one per centre")
    if len(set(keys)) != len(keys) or UNKNOWN.key in keys:
        yield Fault(where, f"segment keys {', '.join(keys)}", f"keys that differ, none of them '{UNKNOWN.key}'")
    for language in ("en", "zh"):
        names = [each.name.get(language, "") for each in definition.segments]
        if "" in names or len(set(names)) != len(names):
            yield Fault(where, f"segment names ({language}) {', '.join(names)}", "a name for each, all different")
    for row in definition.centroids:
        if len(row) != len(definition.transform.features):
            yield Fault(
                where, f"a centre of {len(row)} numbers", f"{len(definition.transform.features)}, one per feature"
            )


def _check_columns(definition: SegmentDefinition, columns: Sequence[str]) -> None:
    wanted = definition.transform.columns if definition.centroids else []
    faults = [
        Fault(
            f"segment definition '{definition.name}'",
            f"column '{name}' is not in the features",
            f"the columns {', '.join(wanted)}",
            did_you_mean(name, columns),
        )
        for name in wanted
        if name not in columns
    ]
    if faults:
        raise DataError(faults)


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _known(value: ibis.Value) -> ibis.Value:
    return value.isnan().ifelse(ibis.null("float64"), value)


def _coordinate(value: ibis.Value, how: FeatureTransform, clip: float) -> ibis.Value:
    filled = value.coalesce(how.fill)
    logged = filled.sign() * (filled.abs() + 1.0).ln() if how.log else filled
    return ibis.least(ibis.greatest((logged - how.center) / how.scale, -clip), clip)


def _distance(places: Sequence[ibis.Value], centre: Sequence[float]) -> ibis.Value:
    squares = [(place - at) * (place - at) for place, at in zip(places, centre, strict=True)]
    total = squares[0]
    for square in squares[1:]:
        total = total + square
    return total.round(DISTANCE_DECIMALS)
