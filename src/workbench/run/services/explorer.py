"""The portrait explorer for JupyterLab: find a customer, filter by tags, read the card, compare."""

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

_PAGE = 200  # customers in the list at a time
_HEIGHT = 900  # pixels of a card's frame
_NUMBERS = ("this_customer", "group_median", "base_median")
_FORMATS = {"feature": "label", **dict.fromkeys(_NUMBERS, WRITTEN), "base_share_below": "pct", "group_n": "int"}
_CARD_LAYOUT = {"flex": "1 1 440px", "min_width": "0"}  # two cards side by side if there is room


def explore(profile: str, *, language: str = "en", workspace: Path | None = None) -> widgets.Widget:
    """Open the explorer of a profile's portraits.

    Parameters
    ----------
    profile : str
        A profile whose stage 12 has run.
    language : {"en", "zh"}
    workspace : Path, optional
        Default: the nearest folder upward that has params/.

    Returns
    -------
    ipywidgets.Widget
        The cell displays it.
    """
    return Explorer(CardService(find_workspace(workspace), profile), language).page


class Explorer:
    """The widgets of the explorer and their callbacks.

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
        self.at = widgets.BoundedIntText(description=self._say("explorer_page"), value=1, min=1, max=1)
        self.customers = widgets.Select(description=self._say("explorer_customers"), rows=12)
        self.other = widgets.Text(description=self._say("explorer_compare"), continuous_update=False)
        self.count, self.group = widgets.HTML(), widgets.HTML()
        self.card, self.beside = (widgets.HTML(layout=widgets.Layout(**_CARD_LAYOUT)) for _ in range(2))
        for widget, act in ((self.search, self._search), (self.value, self._search), (self.tag, self._offer_values)):
            widget.observe(act, names="value")
        self.at.observe(self._list, names="value")
        for widget in (self.customers, self.other):
            widget.observe(self._show, names="value")
        parts = [self.search, self.tag, self.value, self.count, self.at, self.customers, self.other]
        left = widgets.VBox(parts, layout=widgets.Layout(flex="0 0 330px"))
        cards = widgets.HBox([self.card, self.beside], layout=widgets.Layout(flex_flow="row wrap"))
        right = widgets.VBox([self.group, cards], layout=widgets.Layout(flex="1 1 auto", min_width="0"))
        self.page = widgets.HBox([left, right])
        self._search()

    # data ------------------------------------------------------------------------------

    @cached_property
    def features(self) -> pd.DataFrame:
        """The features of every customer."""
        return self.service.store.frame("features")

    @cached_property
    def segments(self) -> dict[str, str]:
        """The segment of every customer; empty if there are none."""
        if "segments" not in self.service.tables:
            return {}
        segments = to_pandas(self.service.tables["segments"])
        return dict(zip(segments["customer_id"], segments["segment"], strict=True))

    def find(self, text: str = "", tag: str = "", value: str = "", *, page: int = 1) -> list[str]:
        """List a page of the customers by a part of the id, of the name or its pinyin, and by the value of a tag.

        The customer with exactly this id comes first, then ids that start with the text; numeric ids are in numeric
        order. Names are searched only if the key of the vault is available; they are always masked.
        """
        matching, part = self._matching(text, tag, value), text.strip().lower()
        customer = matching.customer_id.lower()
        rank = ibis.cases((customer == part, 0), (customer.startswith(part), 1), else_=2)
        ranked = matching.select("customer_id", rank=rank, number=matching.customer_id.try_cast("int64"))
        ordered = ranked.order_by("rank", ibis.asc("number", nulls_first=False), "customer_id")
        return to_pandas(ordered.limit(_PAGE, offset=_PAGE * (page - 1)))["customer_id"].tolist()

    def _matching(self, text: str, tag: str, value: str) -> ibis.Table:
        table, part = self.service.tables["portraits"], text.strip().lower()
        if part:
            matches = table.customer_id.lower().contains(part)
            named = self.service.ids_named(text)
            table = table.filter(matches | table.customer_id.isin(named) if named else matches)
        if tag and value:
            table = table.filter(table[tag] == value)
        return table

    def comparison(self, customer: str) -> pd.DataFrame:
        """Compare a customer with the segment of the customer, or with all customers if there are no segments."""
        segment = self.segments.get(customer)
        members = [name for name, group in self.segments.items() if group == segment] if segment else []
        return compare_with_group(self.features, customer, members or self.features["customer_id"].tolist())

    # callbacks ------------------------------------------------------------------------

    def _search(self, _change: Any = None) -> None:
        matching = self._matching(self.search.value, self.tag.value, self.value.value)
        n = int(matching.count().to_pyarrow().as_py())
        self.at.max, self.at.value = max(1, -(-n // _PAGE)), 1
        values = {"n": n, "pages": self.at.max, "size": _PAGE}
        self.count.value = html.escape(self._say("explorer_count", values))
        self._list()

    def _list(self, _change: Any = None) -> None:
        page = self.find(self.search.value, self.tag.value, self.value.value, page=self.at.value)
        ids = self.service.permitted(page)
        self.customers.options = ids
        self.customers.value = ids[0] if ids else None
        self._show()

    def _offer_values(self, _change: Any = None) -> None:
        values = self._values(self.tag.value) if self.tag.value else []
        self.value.options = [("–", ""), *values]
        self._search()

    def _show(self, _change: Any = None) -> None:
        customer, other = self.customers.value, self.other.value.strip()
        self.card.value = self._frame(customer) if customer else ""
        ids = set(self.service.permitted(self.features["customer_id"])) if other else set()
        unknown = html.escape(self._say("explorer_unknown", {"id": other}))
        self.beside.value = "" if not other else self._frame(other) if other in ids else f"<p>{unknown}</p>"
        self.group.value = str(self._table(customer)) if customer else ""

    def _frame(self, customer: str) -> str:
        """Put a card's page into a sandboxed frame that isolates its styles and blocks scripts."""
        currency = self.service.profile.currency
        page = card_page(self.service.cards([customer]), language=self.language, currency=currency)
        size = f'style="width: 100%; border: 0" height="{_HEIGHT}"'
        return f'<iframe sandbox="" title="{html.escape(customer)}" {size} srcdoc="{html.escape(page)}"></iframe>'

    def _table(self, customer: str) -> str:
        rows = self.comparison(customer).rename(columns={"customer": "this_customer"})
        return str(table_html(rows.assign(**self._formatted(rows)), formats=_FORMATS, language=self.language))

    def _formatted(self, rows: pd.DataFrame) -> dict[str, list[str]]:
        """Format the figures with the unit of their feature."""
        kinds = [kind_of(feature) for feature in rows["feature"]]
        currency = self.service.profile.currency
        return {
            name: [show(value, kind, self.language, currency) for value, kind in zip(rows[name], kinds, strict=True)]
            for name in _NUMBERS
        }

    def _tags(self) -> list[tuple[str, str]]:
        columns = [name for name in self.service.tables["portraits"].columns if name in self.service.registry.tags]
        return sorted((self.service.registry.tags[name].name.model_dump()[self.language], name) for name in columns)

    def _values(self, tag: str) -> list[tuple[str, str]]:
        table = self.service.tables["portraits"]
        counts = table.group_by(value=table[tag]).aggregate(n=table.count())
        counts = to_pandas(counts.filter(counts["value"].notnull()))
        ranked = counts.sort_values(["n", "value"], ascending=[False, True])
        return [(f"{self._called(tag, row.value)} ({row.n:,})", row.value) for row in ranked.itertuples()]

    def _called(self, tag: str, value: str) -> str:
        return label(self.service.registry.called(tag, value)[self.language], self.language)

    def _say(self, key: str, values: dict[str, Any] | None = None) -> str:
        return say(key, self.language, values or {})
