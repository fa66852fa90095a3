"""Which columns are equivalent? A group defined by one column must not be described by an equivalent one."""

from __future__ import annotations

from workbench.intake.features.registry import Feature, registered

__all__ = ["are_equivalent"]

# sets of columns that determine each other
FAMILIES = (
    {"country", "province", "city", "city_tier"},
    {"source_l1", "source_l2", "source_l3", "acquisition_channel"},
    {"weekday_top", "weekend_share"},
    {"part_of_day_top", "evening_share"},
    {"age", "age_band", "birth_date"},
)
SHARED = {
    "customer_id",
    "amount",
    "ordered_at",
    "occurred_at",
    "product_id",
    "quantity",
    "type",
}  # source columns of most features


def are_equivalent(one: str, other: str) -> bool:
    """Return whether two columns of the features come from the same source column.

    Parameters
    ----------
    one, other : str
        Features or declared attributes.

    Returns
    -------
    bool
        True within a family, such as city and city tier, or when both are computed from the same column, such as the
        usual payment method and the share paid by instalments.

    Examples
    --------
    >>> are_equivalent("city", "city_tier"), are_equivalent("payment_method_top", "instalment_order_share")
    (True, True)
    >>> are_equivalent("city", "monetary_total")
    False
    """
    if one == other or any({one, other} <= family for family in FAMILIES):
        return True
    return bool(_source_columns(one) & _source_columns(other))


def _source_columns(name: str) -> set[str]:
    feature: Feature | None = next(iter(registered([name])), None)
    if feature is None:
        return {name}
    return {source.partition(".")[2] for need in feature.needs for source in need.split("|")} - SHARED
