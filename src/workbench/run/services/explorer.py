"""The explorer of portraits for JupyterLab: find a customer, filter by tags, read the card, compare."""

from __future__ import annotations

import html
from functools import cached_property
from pathlib import Path
from typing import Any

import ibis
import ipywidgets as widgets
import pandas as pd

from workbench.analysis.cards.comparison import compare_with_group
from workbench.core.store.tables import to_pandas
from workbench.core.workspace import find_workspace
from workbench.report.cards.customer import card_page
from workbench.report.charts.marks import kind_of
from workbench.report.numbers import show
from workbench.report.tables import WRITTEN, table_html
from workbench.report.text import label, say
from workbench.run.services.cards import CardService

__all__ = ["Explorer", "explore"]

_MOST = 200  # customers listed at once
_TALL = 900  # pixels of a card's frame
_NUMBERS = ("this_customer", "group_median", "base_median")
_FORMATS = {"feature": "label", **dict.fromkeys(_NUMBERS, WRITTEN), "base_share_below": "pct", "group_n": "int"}
_WIDE = {"flex": "1 1 440px", "min_width": "0"}  # of a card: two beside each other where there is room, else below


def explore(profile: str, *, language: str = "en", workspace: Path | None = None) -> widgets.Widget:
    """Open the explorer of a profile's portraits.

    Parameters
    ----------
    profile : str
        Its stage 12 has run.
    language : {"en", "zh"}
    workspace : Path, optional
        Default: the nearest folder upward that has params/.

    Returns
    -------
    ipywidgets.Widget
        To be displayed by the cell.
    """
    return Explorer(CardService(find_workspace(workspace), profile), language).page


class Explorer:
    """The widgets and what they do.

    Parameters
    ----------
    service : CardService
    language : {"en", "zh"}
    """

    def __init__(self, service: CardService, language: str = "en"):
        self.service, self.language = service, language
        self.search = widgets.Text(description=self._say("explorer_search"), continuous_update=False)
        self.tag = widgets.Dropdown(description=self._say("explorer_tag"), options=[("–", ""), *self._tags()])
        self.value = widgets.Dropdown(description=self._say("explorer_value"), options=[("–", "")])
        self.found = widgets.Select(description=self._say("explorer_customers"), rows=12)
        self.other = widgets.Text(description=self._say("explorer_compare"), continuous_update=False)
        self.count, self.group = widgets.HTML(), widgets.HTML()
        self.card, self.beside = (widgets.HTML(layout=widgets.Layout(**_WIDE)) for _ in range(2))
        for widget, act in ((self.search, self._list), (self.value, self._list), (self.tag, self._offer_values)):
            widget.observe(act, names="value")
        for widget in (self.found, self.other):
            widget.observe(self._show, names="value")
        parts = [self.search, self.tag, self.value, self.count, self.found, self.other]
        left = widgets.VBox(parts, layout=widgets.Layout(flex="0 0 330px"))
        cards = widgets.HBox([self.card, self.beside], layout=widgets.Layout(flex_flow="row wrap"))
        right = widgets.VBox([self.group, cards], layout=widgets.Layout(flex="1 1 auto", min_width="0"))
        self.page = widgets.HBox([left, right])
        self._list()

    # what is known ------------------------------------------------------------------------------

    @cached_property
    def features(self) -> pd.DataFrame:
        """The features of every customer."""
        return self.service.store.frame("features")

    @cached_property
    def segments(self) -> dict[str, str]:
        """The segment of every customer; empty where none were made."""
        if "segments" not in self.service.tables:
            return {}
        placed = to_pandas(self.service.tables["segments"])
        return dict(zip(placed["customer_id"], placed["segment"], strict=True))

    def find(self, text: str = "", tag: str = "", value: str = "") -> list[str]:
        """List customers by a part of the id, of the name or its pinyin, and by the value of a tag; at most 200.

        The customer whose whole id was given comes first, then those whose id begins so.

        Names are looked at only where the key of the vault is here; they are shown masked all the same.
        """
        table, wanted = self.service.tables["portraits"], text.strip().lower()
        if wanted:
            found = table.customer_id.lower().contains(wanted)
            named = self.service.ids_named(text)
            table = table.filter(found | table.customer_id.isin(named) if named else found)
        if tag and value:
            table = table.filter(table[tag] == value)
        own = table.customer_id.lower()
        place = ibis.cases((own == wanted, 0), (own.startswith(wanted), 1), else_=2)
        ranked = table.select("customer_id", place=place).order_by("place", "customer_id").limit(_MOST)
        return to_pandas(ranked)["customer_id"].tolist()

    def comparison(self, customer: str) -> pd.DataFrame:
        """Set a customer beside her segment, or beside everybody where there are no segments."""
        segment = self.segments.get(customer)
        members = [each for each, own in self.segments.items() if own == segment] if segment else []
        return compare_with_group(self.features, customer, members or self.features["customer_id"].tolist())

    # what the widgets do ------------------------------------------------------------------------

    def _list(self, _change: Any = None) -> None:
        ids = self.find(self.search.value, self.tag.value, self.value.value)
        self.found.options = ids
        self.found.value = ids[0] if ids else None
        self.count.value = html.escape(self._say("explorer_count", {"n": len(ids), "most": _MOST}))
        self._show()

    def _offer_values(self, _change: Any = None) -> None:
        values = self._values(self.tag.value) if self.tag.value else []
        self.value.options = [("–", ""), *values]
        self._list()

    def _show(self, _change: Any = None) -> None:
        shown, other = self.found.value, self.other.value.strip()
        self.card.value = self._frame(shown) if shown else ""
        known = set(self.features["customer_id"]) if other else set()
        unknown = html.escape(self._say("explorer_unknown", {"id": other}))
        self.beside.value = "" if not other else self._frame(other) if other in known else f"<p>{unknown}</p>"
        self.group.value = str(self._table(shown)) if shown else ""

    def _frame(self, customer: str) -> str:
        """Put a card's page into a frame of its own, so that its styles stay inside and no script of it runs."""
        currency = self.service.profile.currency
        page = card_page(self.service.cards([customer]), language=self.language, currency=currency)
        size = f'style="width: 100%; border: 0" height="{_TALL}"'
        return f'<iframe sandbox="" title="{html.escape(customer)}" {size} srcdoc="{html.escape(page)}"></iframe>'

    def _table(self, customer: str) -> str:
        found = self.comparison(customer).rename(columns={"customer": "this_customer"})
        return str(table_html(found.assign(**self._written(found)), formats=_FORMATS, language=self.language))

    def _written(self, found: pd.DataFrame) -> dict[str, list[str]]:
        """Write the figures with the unit of their feature."""
        kinds = [kind_of(feature) for feature in found["feature"]]
        currency = self.service.profile.currency
        return {
            name: [show(each, kind, self.language, currency) for each, kind in zip(found[name], kinds, strict=True)]
            for name in _NUMBERS
        }

    def _tags(self) -> list[tuple[str, str]]:
        columns = [name for name in self.service.tables["portraits"].columns if name in self.service.registry.tags]
        return sorted((self.service.registry.tags[name].name.model_dump()[self.language], name) for name in columns)

    def _values(self, tag: str) -> list[tuple[str, str]]:
        table = self.service.tables["portraits"]
        counted = to_pandas(
            table.group_by(value=table[tag]).aggregate(n=table.count()).filter(lambda each: each["value"].notnull())
        )
        ranked = counted.sort_values(["n", "value"], ascending=[False, True])
        return [(f"{self._called(tag, row.value)} ({row.n:,})", row.value) for row in ranked.itertuples()]

    def _called(self, tag: str, value: str) -> str:
        return label(self.service.registry.called(tag, value)[self.language], self.language)

    def _say(self, key: str, values: dict[str, Any] | None = None) -> str:
        return say(key, self.language, values or {})
