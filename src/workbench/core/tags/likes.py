"""Tags for declared preferences (likes): one per name in ``12_tag_customers.likes``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.core.tags.definition import Tag, TagValue, Words

__all__ = ["like_tags"]

_LEAST_LIFT, _LEAST_LINES = 1.5, 3


def like_tags(likes: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, Tag]:
    """Return a tag ``likes_<name>`` for each declared preference.

    Parameters
    ----------
    likes : mapping
        Name to a mapping of one column of products to its values.
    """
    return {f"likes_{name}": _tag(name, *next(iter(rule.items()))) for name, rule in likes.items()}


def _tag(name: str, column: str, values: Sequence[str]) -> Tag:
    text = " / ".join(values)
    return Tag(
        id=f"likes_{name}",
        item="interests",
        name=Words(en=f"Likes {text}", zh=f"偏爱{text}"),
        business=Words(
            en=f"Buys {text} clearly more often than other customers do", zh=f"购买{text}的频率明显高于其他客户"
        ),
        technical=Words(
            en=f"likes_{name}_lift: share of the customer's lines with products.{column} in ({text}) against that of "
            "all lines, shrunk towards 1, and least lines",
            zh=f"likes_{name}_lift：客户订单行中 products.{column} 属于（{text}）的占比与总体占比之比，"
            "向 1 收缩；另有最少行数",
        ),
        kind="preference",
        owner="profile",
        cadence="every run",
        ttl_days=90,
        on_null="drop",
        purpose="service and marketing",
        version=1,
        status="published",
        thresholds={"lift": _LEAST_LIFT, "lines": _LEAST_LINES},
        values={
            "yes": TagValue(
                en="yes", zh="是", when=f"likes_{name}_lift >= {{lift}} and likes_{name}_lines >= {{lines}}"
            ),
            "no": TagValue(en="not in particular", zh="无明显偏爱", otherwise=True),
        },
    )
