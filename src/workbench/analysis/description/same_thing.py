"""Which two columns say the same thing? A column is no finding about a group that is made of the same entry."""

from __future__ import annotations

from workbench.intake.features.registry import Feature, registered

__all__ = ["say_the_same"]

# sets of columns of which one follows from another
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
}  # what most are made of


def say_the_same(one: str, other: str) -> bool:
    """Say whether two columns of the features stand for the same entry of the sources.

    Parameters
    ----------
    one, other : str
        Features or declared attributes.

    Returns
    -------
    bool
        True where they are of one family, such as city and city tier; or where both are made of the same column, such
        as the usual payment method and the share paid by instalments.

    Examples
    --------
    >>> say_the_same("city", "city_tier"), say_the_same("payment_method_top", "instalment_order_share")
    (True, True)
    >>> say_the_same("city", "monetary_total")
    False
    """
    if one == other or any({one, other} <= family for family in FAMILIES):
        return True
    return bool(_made_of(one) & _made_of(other))


def _made_of(name: str) -> set[str]:
    feature: Feature | None = next(iter(registered([name])), None)
    if feature is None:
        return {name}
    return {way.partition(".")[2] for need in feature.needs for way in need.split("|")} - SHARED
