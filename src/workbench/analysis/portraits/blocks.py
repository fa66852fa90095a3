"""The block of a portrait that a variable belongs to."""

from __future__ import annotations

from workbench.intake.features.registry import registered

__all__ = ["BLOCKS", "block_of"]

# blocks of a portrait in reading order
BLOCKS = (
    "demographic", "region", "source", "value", "rfm", "life_cycle", "preference", "channel", "time", "rhythm",
    "usage", "contact", "psychographic", "declared",
)  # fmt: skip
_COLUMNS = {
    "demographic": (
        "gender", "age", "age_band", "education", "occupation", "income", "marital_status", "children",
        "household_size", "family_life_cycle", "home_ownership", "car_ownership", "nationality",
    ),
    "region": ("country", "province", "city", "city_tier"),
    "source": ("source_l1", "source_l2", "source_l3", "acquisition_channel", "registered_days"),
    "value": (
        "member_level", "value_tier", "user_tier", "expected_orders", "expected_value", "value_low", "value_high",
        "p_alive",
    ),
    "rfm": ("r_score", "f_score", "m_score", "rfm_type", "activity_status", "segment"),
    "life_cycle": ("life_cycle_stage", "management_view", "churn_probability", "purchase_probability"),
    "channel": (
        "channel", "platform", "payment_method", "store", "channel_top", "channel_top_share", "channel_entropy",
        "online_order_share", "shopping_mode", "platform_top", "platform_top_share", "payment_method_top",
        "payment_method_top_share", "instalment_order_share", "store_top", "store_top_share", "event_platform_top",
        "event_channel_top",
    ),
    "preference": ("category", "brand"),
    "time": ("event_hour_top", "event_part_of_day_top"),
}  # fmt: skip
_GROUPS = {
    "spend": "value",
    "rhythm": "rhythm",
    "basket": "value",
    "preference": "preference",
    "times": "time",
    "price": "preference",
    "returns": "value",
    "occasion": "preference",
    "usage": "usage",
    "decision": "usage",
    "campaigns": "contact",
    "service": "contact",
    "reviews": "contact",
    "network": "contact",
    "survey": "psychographic",
    "origin": "source",
}
_BLOCK_OF = {name: block for block, names in _COLUMNS.items() for name in names}


def block_of(variable: str) -> str:
    """Return the block of a portrait that a variable belongs to; ``declared`` for other declared attributes.

    Examples
    --------
    >>> block_of("gender"), block_of("spend_90d"), block_of("scale_thrift"), block_of("hair_colour")
    ('demographic', 'value', 'psychographic', 'declared')
    """
    if variable in _BLOCK_OF:
        return _BLOCK_OF[variable]
    if variable.startswith(("scale_", "answer_")):
        return "psychographic"
    feature = next(iter(registered([variable])), None)
    return _GROUPS[feature.group] if feature else "declared"
