"""Persona cards: one A4 page per segment or audience. Every number on it comes from the portrait.

The emblem has a petal per trait: a longer petal means a value above that of all customers. There are no faces and no
guesses. Shown in 06_segment_customers; also for audiences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.analysis.portraits.facts import emblem_traits, most_distinctive_facts
from workbench.report.charts.chart import UNKNOWN, About, Chart, footnote
from workbench.report.charts.lettering import drawable, shortened, wrapped
from workbench.report.charts.marks import heat_cells, kind_of, sequential
from workbench.report.charts.theme import ACCENT, BASE, CATEGORICAL, DPI, FAINT, GREY, INK, PALE, render, themed
from workbench.report.datelines import dateline
from workbench.report.html import data_uri
from workbench.report.numbers import show
from workbench.report.plots.portraits.groups import mark_hidden
from workbench.report.text import label, say
from workbench.report.value_names import value_key

if TYPE_CHECKING:
    from workbench.analysis.portraits.study import GroupStudy
    from workbench.analysis.segments.definition import SegmentDefinition

__all__ = ["Persona", "gather_personas", "persona_card", "personas_page"]

WIDTH, HEIGHT = 11.69, 8.27  # inches, A4 landscape
MOST_FACTS, MOST_WAYS, MOST_ADVICE = 3, 6, 4
WAYS = ("channel", "channel_top", "shopping_mode", "platform", "platform_top", "event_channel_top", "store_top")
REACH = 1.5  # standard deviations of the longest petal
BASE_TGI = 100


@dataclass(frozen=True)
class Persona:
    """The contents of a card.

    Attributes
    ----------
    key : str
    name : mapping
        By language.
    size : Series
        A row of `workbench.analysis.portraits.groups.group_sizes`.
    facts, traits, ways, week : DataFrame
        The most distinctive facts, the traits of the emblem, the shares of channels (portrait rows), the typical week.
    evidence : mapping
        name and version of the definition, as_of, jaccard (stability over halves; may be missing).
    sentence : mapping
        By language; if empty, it is built from the facts.
    do, do_not : mapping
        Declared strategies, lists by language; nothing is shown if none is declared.
    """

    key: str
    name: Mapping[str, str]
    size: pd.Series
    facts: pd.DataFrame
    traits: pd.DataFrame
    ways: pd.DataFrame
    week: pd.DataFrame
    evidence: Mapping[str, Any] = field(default_factory=dict)
    sentence: Mapping[str, str] = field(default_factory=dict)
    do: Mapping[str, Sequence[str]] = field(default_factory=dict)
    do_not: Mapping[str, Sequence[str]] = field(default_factory=dict)


def gather_personas(
    study: GroupStudy,
    definition: SegmentDefinition,
    *,
    jaccard: float | None = None,
    advice: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]] | None = None,
) -> list[Persona]:
    """Collect the contents of the cards of a definition's segments.

    Parameters
    ----------
    study : GroupStudy
        Study whose groups are the segments.
    definition : SegmentDefinition
        Names, sentences and columns of the segments; facts about other columns come first.
    jaccard : float, optional
        Jaccard similarity of the segments between halves of the data.
    advice : mapping, optional
        Segment to ``do`` and ``do_not``: declared strategies, lists by language.

    Returns
    -------
    list of Persona
        In the order of the segments; no card for a suppressed, empty or single segment.
    """
    about = {"name": definition.name, "version": definition.version, "as_of": definition.as_of, "jaccard": jaccard}
    personas: list[Persona] = []
    if len(study.sizes) < 2:  # noqa: PLR2004  a single group cannot differ from all customers
        return personas
    for _, size in study.sizes.iterrows():
        key = str(size["group"])
        if bool(size["suppressed"]) or pd.isna(size["n"]) or not size["n"]:
            continue
        segment = definition.segment(key)
        portrait = study.portrait[study.portrait["group"] == key]
        way = next((name for name in WAYS if portrait.loc[portrait["variable"] == name, "share"].notna().any()), None)
        week = study.week
        facts = most_distinctive_facts(study.portrait, key, max_facts=MOST_FACTS, defining_variables=definition.columns)
        personas.append(
            Persona(
                key=key,
                name=segment.name,
                size=size,
                facts=facts,
                traits=emblem_traits(study.portrait, key),
                ways=portrait[(portrait["variable"] == way) & portrait["share"].notna()]
                .head(MOST_WAYS)
                .reset_index(drop=True),
                week=week[week["group"] == key].reset_index(drop=True) if len(week) else week,
                evidence=about,
                sentence=segment.description,
                **((advice or {}).get(key, {})),
            )
        )
    return personas


def persona_card(persona: Persona, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the card of one group: A4 landscape, as vectors.

    Parameters
    ----------
    persona : Persona
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
        Its alternative text contains name, sentence and facts.
    """
    with themed():
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI)
        sentence = persona.sentence.get(language) or _sentence(persona, language)
        name = drawable(persona.name[language])
        _emblem(figure, persona, language)
        _headline(figure, name, drawable(sentence))
        _size(figure, persona, language)
        facts = [_fact(row, language, about.currency) for _, row in persona.facts.iterrows()]
        _facts(figure, facts, language)
        _week(figure, persona, language)
        _ways(figure, persona, language)
        _advice(figure, persona, language)
        note = _note(persona, language, about)
        figure.add_artist(_line(0.35))
        _write(figure, 0.4, 0.45, wrapped(drawable(note), 88), size=8.8, color=GREY)
        facts_text = "; ".join(" ".join(fact) for fact in facts)
        alt = say("persona_alt", language, {"name": name, "sentence": sentence, "facts": facts_text})
        title = say("persona_title", language, {"name": name})
        return Chart(figure=figure, title=title, alt=alt, note=note)


def personas_page(cards: Sequence[Chart], *, language: str) -> str:
    """Write cards as one self-contained page; one card per sheet in print.

    Parameters
    ----------
    cards : sequence of Chart
        From `persona_card`.
    language : str

    Returns
    -------
    str
        An HTML file.
    """
    figures = Markup("").join(
        Markup('<figure><img src="{}" alt="{}"></figure>').format(
            data_uri(render(card, "svg"), "image/svg+xml"), card.alt
        )
        for card in cards
    )
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    style = Markup(
        "@page{size:A4 landscape;margin:0}body{margin:0;background:#f3f4f5}figure{margin:1rem auto;max-width:1122px;"
        "background:#fff}img{width:100%;display:block}@media print{body{background:#fff}figure{margin:0;max-width:none;"
        "break-after:page}}"
    )
    return str(
        Markup(
            '<!doctype html><html lang="{}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
            'content="{}"><meta name="viewport" content="width=device-width"><title>{}</title><style>{}</style></head>'
            "<body><main>{}</main></body></html>\n"
        ).format(
            "zh-Hans" if language == "zh" else "en",
            Markup(policy),
            escape(say("persona_page", language)),
            style,
            figures,
        )
    )


def _write(figure: Figure, x: float, y: float, text: str, **look: Any) -> None:
    """Write text with its upper left corner at inches from the lower left of the card."""
    figure.text(x / WIDTH, y / HEIGHT, text, va="top", linespacing=1.3, **look)


def _box(figure: Figure, left: float, bottom: float, width: float, height: float, **more: Any) -> Axes:
    return figure.add_axes((left / WIDTH, bottom / HEIGHT, width / WIDTH, height / HEIGHT), **more)


def _line(left: float) -> Any:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    return Line2D([left / WIDTH, 1 - left / WIDTH], [0.52 / HEIGHT] * 2, color=FAINT, lw=0.8)


def _headline(figure: Figure, name: str, sentence: str) -> None:
    """Write the name (up to four lines) and the sentence below it."""
    head = wrapped(shortened(name, 4 * 14), 19)
    _write(figure, 2.75, 7.85, head, size=22, color=INK)
    _write(figure, 2.75, min(7.0, 7.4 - 0.4 * head.count("\n")), wrapped(sentence, 33), size=12.5, color=GREY)


def _emblem(figure: Figure, persona: Persona, language: str) -> None:
    """Draw a petal per trait; the circle marks all customers."""
    axes: Any = _box(figure, 0.4, 5.75, 2.1, 2.1, projection="polar")
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.axis("off")
    axes.set_ylim(0, 2.0)
    traits = persona.traits
    ring = np.linspace(0, 2 * np.pi, 120)
    axes.fill(ring, np.full(120, 1.95), color=PALE, lw=0)
    step = 2 * np.pi / max(len(traits), 3)
    for at, row in enumerate(traits.itertuples()):
        reach = 1.0 + float(np.clip(row.effect / REACH, -1, 1)) * 0.75
        colour = BASE if not row.differs else CATEGORICAL[1] if row.effect > 0 else ACCENT
        angle = np.linspace(at * step - step * 0.42, at * step + step * 0.42, 24)
        bend = np.sin(np.linspace(0, np.pi, 24)) ** 0.6
        axes.fill(np.r_[angle, at * step], np.r_[0.15 + (reach - 0.15) * bend, 0.0], color=colour, alpha=0.85, lw=0)
    axes.plot(ring, np.ones(120), color=INK, lw=0.9, ls=(0, (3, 3)))
    words = say("persona_emblem", language, {"traits": list(traits["variable"])}) if len(traits) else ""
    _write(figure, 0.4, 5.68, wrapped(drawable(words), 88), size=8.8, color=GREY)


def _sentence(persona: Persona, language: str) -> str:
    traits = [_trait(row, language) for _, row in persona.facts.iterrows()]
    if not traits:
        return say("persona_sentence_none", language)
    return say("persona_sentence", language, {"traits": ("、" if language == "zh" else "; ").join(traits)})


def _trait(row: pd.Series, language: str) -> str:
    if row["kind"] == "numeric":
        key = "persona_more" if row["effect"] > 0 else "persona_less"
        return say(key, language, {"variable": row["variable"]})
    key = "persona_often" if row["tgi"] > BASE_TGI else "persona_seldom"
    return say(key, language, {"variable": row["variable"], "value": value_key(row["variable"], row["value"])})


def _size(figure: Figure, persona: Persona, language: str) -> None:
    size = persona.size
    blocks = [(show(size["share"], "pct", language), say("persona_share", language, size.to_dict()))]
    if pd.notna(size["value_share"]):
        blocks.append((show(size["value_share"], "pct", language), say("persona_value", language)))
    for at, (number, words) in enumerate(blocks):
        top = 7.85 - at * 1.05
        _write(figure, 9.35, top, number, size=24, color=ACCENT)
        _write(figure, 9.35, top - 0.48, wrapped(words, 14.5), size=10, color=GREY)


def _fact(row: pd.Series, language: str, currency: str) -> tuple[str, str, str]:
    """Return a fact as (number, what it measures, comparison)."""
    if row["kind"] == "numeric":
        kind = kind_of(row["variable"])
        median, base = (show(row[name], kind, language, currency) for name in ("median", "base_median"))
        against = say("persona_against_median", language, {"base": base, "n": row["n"]})
        return median, label(row["variable"], language), against
    number = say("persona_tgi", language, {"tgi": row["tgi"]})
    named = {"variable": row["variable"], "value": value_key(row["variable"], row["value"])}
    what = say("trait_value", language, named)
    values = {name: row[name] for name in ("share", "base_share", "n", "tgi_low", "tgi_high")}
    return number, what, say("persona_against_share", language, values)


def _facts(figure: Figure, facts: Sequence[tuple[str, str, str]], language: str) -> None:
    if not facts:
        _write(figure, 0.4, 5.1, say("persona_no_facts", language), size=11, color=GREY)
    for at, (number, what, against) in enumerate(facts):
        left = 0.4 + at * 3.68
        axes = _box(figure, left, 3.72, 3.52, 1.5)
        axes.set_axis_off()
        axes.add_patch(_panel())
        _write(figure, left + 0.18, 5.1, shortened(number, 14), size=19, color=INK)
        _write(figure, left + 0.18, 4.65, wrapped(shortened(what, 42), 23), size=10.5, color=INK)
        _write(figure, left + 0.18, 4.22, wrapped(drawable(against), 25), size=9.3, color=GREY)


def _panel() -> Any:
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    return Rectangle((0, 0), 1, 1, facecolor=PALE, edgecolor="none")


def _week(figure: Figure, persona: Persona, language: str) -> None:
    _write(figure, 0.4, 3.5, say("persona_week", language), size=10.5, color=INK)
    week = persona.week
    if not len(week) or not week["share"].notna().any():
        _write(figure, 0.4, 3.15, say("persona_week_none", language), size=9, color=GREY)
        return
    table = week.pivot_table(index="weekday", columns="hour", values="share", dropna=False)
    axes = _box(figure, 1.15, 0.98, 3.3, 2.2)
    heat_cells(axes, table, colours=sequential(0.0, float(table.max().max())), write=None)
    mark_hidden(axes, table)
    axes.set_yticks(np.arange(7) + 0.5, labels=[label(f"weekday_{weekday}", language) for weekday in range(1, 8)])
    columns = list(table.columns)
    every = max(1, round(len(columns) / 8))
    ticks = range(0, len(columns), every) if len(columns) > 1 else ()  # only days are known
    axes.set_xticks(list(ticks), labels=[str(int(columns[place])) for place in ticks])
    axes.tick_params(labelsize=9.3, labelcolor=INK)


def _ways(figure: Figure, persona: Persona, language: str) -> None:
    ways = persona.ways
    head = label(ways["variable"].iloc[0], language) if len(ways) else say("persona_ways", language)
    _write(figure, 4.95, 3.5, shortened(head[:1].upper() + head[1:], 26), size=10.5, color=INK)
    if not len(ways):
        _write(figure, 4.95, 3.15, say("persona_ways_none", language), size=9, color=GREY)
        return
    axes = _box(figure, 6.05, 0.98, 1.75, 2.2)
    positions = np.arange(len(ways))
    axes.barh(positions, ways["share"], height=0.55, color=ACCENT)
    axes.scatter(ways["base_share"], positions, marker="|", s=150, c=INK, linewidths=1.5, zorder=3)
    axes.set_yticks(positions, labels=[shortened(label(value, language), 8) for value in ways["value"]])
    axes.set_ylim(max(len(ways), 4) - 0.5, -0.5)
    axes.set_xlim(0, max(1e-9, float(np.nanmax(ways[["share", "base_share"]].to_numpy()))) * 1.35)
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(labelsize=9.3, labelcolor=INK)
    for place, row in enumerate(ways.itertuples()):
        end = max(row.share, row.base_share)
        axes.annotate(show(row.share, "pct", language), (end, place), (5, 0), textcoords="offset points", va="center",
                      size=9.3, color=GREY)  # fmt: skip
    _write(figure, 4.95, 0.9, say("persona_base_mark", language), size=8.8, color=GREY)


def _advice(figure: Figure, persona: Persona, language: str) -> None:
    top = 3.5
    for key, icon, advice in (("persona_do", "✓", persona.do), ("persona_do_not", "✗", persona.do_not)):
        lines = list(advice.get(language, ()))[:MOST_ADVICE]
        if not lines:
            continue
        _write(figure, 8.45, top, say(key, language), size=10.5, color=INK)
        for line in lines:
            top -= 0.27
            text = wrapped(drawable(line), 19)
            _write(figure, 8.45, top, icon, size=9.8, color=GREY)
            _write(figure, 8.68, top, text, size=9.8, color=INK)
            top -= 0.18 * text.count("\n")
        top -= 0.4
    if top < 3.5:  # noqa: PLR2004  there is advice on the card
        _write(figure, 8.45, top + 0.15, wrapped(say("persona_suggestion", language), 23), size=8.8, color=GREY)


def _note(persona: Persona, language: str, about: About) -> str:
    values = {"name": "", "version": "", "as_of": None, "jaccard": None, **persona.evidence, "n": persona.size["n"]}
    when = dateline(values["as_of"], language)
    values |= {"when": f"{when[:1].lower()}{when[1:]}"}
    key = (
        "persona_evidence" if values["jaccard"] is not None and pd.notna(values["jaccard"]) else "persona_evidence_bare"
    )
    return footnote(language, about, say(key, language, values), say("persona_method", language))
