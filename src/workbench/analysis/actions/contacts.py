"""Who was contacted lately: from campaigns and from plans that were exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from workbench.core.store.tables import to_pandas
from workbench.intake.features.inputs.exact import at_midnight

if TYPE_CHECKING:
    import ibis

__all__ = ["CHANNEL_WORDS", "EVERY", "channel_of", "contacts_before", "contacts_since"]

EVERY = "*"  # a contact on a channel that no word names: it counts on every channel
# a channel of actions: words for it in campaigns
CHANNEL_WORDS: Mapping[str, Sequence[str]] = {
    "sms": ("短信", "text message", "text"),
    "email": ("邮件", "电子邮件", "邮箱", "mail", "e-mail", "edm"),
    "phone": ("电话", "外呼", "call", "telephone"),
    "app": ("app推送", "推送", "push", "app push"),
    "wechat": ("微信", "企业微信", "公众号", "小程序", "wecom"),
    "store": ("门店", "到店", "导购", "shop"),
}
_COLUMNS = ["customer_id", "channel", "day"]


def channel_of(word: object, words: Mapping[str, Sequence[str]]) -> str:
    """Return the channel that a word of the data means; ``EVERY`` where nobody can tell.

    Examples
    --------
    >>> channel_of("短信", {}), channel_of("SMS", {}), channel_of("pigeon", {}), channel_of(None, {"post": ["mail"]})
    ('sms', 'sms', '*', '*')
    """
    if not isinstance(word, str) or not word.strip():
        return EVERY
    plain = word.strip().lower()
    for known in (words, CHANNEL_WORDS):
        for channel, spellings in known.items():
            if plain == channel or plain in {spelling.strip().lower() for spelling in spellings}:
                return channel
    return EVERY


def contacts_before(
    campaigns: ibis.Table | None,
    plans: pd.DataFrame,
    *,
    as_of: date,
    days: int,
    words: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return the contacts of the last days.

    Parameters
    ----------
    campaigns : ibis.Table or None
        customer_id, sent_at and, where recorded, channel.
    plans : DataFrame
        Of exported plans: customer_id, channel, arm, starts_at.
    as_of : date
        Contacts on or after it are not read.
    days : int
        How far back.
    words : mapping of str to sequence of str
        Channel to the words for it in the data, before those of ``CHANNEL_WORDS``.

    Returns
    -------
    DataFrame
        customer_id, channel (``EVERY`` where unknown), day; one row per customer, channel and day.
    """
    begin = as_of - timedelta(days=days)
    parts = []
    if campaigns is not None and {"customer_id", "sent_at"} <= set(campaigns.columns) and days > 0:
        channel = {"channel": campaigns.channel} if "channel" in campaigns.columns else {}
        inside = (campaigns.sent_at >= at_midnight(begin)) & (campaigns.sent_at < at_midnight(as_of))
        rows = campaigns.filter(campaigns.customer_id.notnull(), inside)
        rows = rows.select("customer_id", day=rows.sent_at.date(), **channel).distinct()
        parts.append(to_pandas(rows).reindex(columns=_COLUMNS))
    treated = plans[plans["arm"] == "treat"] if len(plans) else plans
    if len(treated):
        starts = pd.to_datetime(treated["starts_at"]).dt.date
        inside = (starts >= begin) & (starts < as_of)
        parts.append(treated.assign(day=starts)[inside][_COLUMNS])
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_COLUMNS)
    known = {word: channel_of(word, words) for word in frame["channel"].dropna().unique()}
    frame = frame.assign(channel=frame["channel"].map(known).fillna(EVERY), day=pd.to_datetime(frame["day"]))
    return frame.drop_duplicates(ignore_index=True)


def contacts_since(contacts: pd.DataFrame, day: date, channel: str | None = None) -> pd.Series:
    """Count the contacts of each customer from a day on, on one channel or on all.

    Parameters
    ----------
    contacts : DataFrame
        As from ``contacts_before``.
    day : date
    channel : str, optional
        With contacts whose channel nobody can tell.

    Returns
    -------
    Series
        Contacts by customer_id; customers without one are absent.
    """
    rows = contacts[contacts["day"] >= pd.Timestamp(day)]
    if channel is not None:
        rows = rows[rows["channel"].isin([channel, EVERY])]
    return rows.groupby("customer_id").size()
