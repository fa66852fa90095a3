"""A pack: what one trade changes of the registry, and its strategies. Data, no code."""

from __future__ import annotations

from pydantic import model_validator

from workbench.core.section import Section
from workbench.core.tags.definition import Words

__all__ = ["Pack", "Strategy"]


class Strategy(Section):
    """What to try with one group of customers: a suggestion, declared and edited by people.

    Attributes
    ----------
    matches : list of str
        Words of a segment's key this strategy is for, all of them; empty for a life-cycle stage.
    name : Words, optional
        What the group is called on a card; without it the key of the strategy is.
    goal, offer, channel, content, cadence, measure : Words
    avoid : Words
        What not to do.
    evidence : Words
        What is known of its effect; by default that nothing has been measured.
    """

    matches: list[str] = []
    name: Words | None = None
    goal: Words
    offer: Words
    channel: Words
    content: Words
    cadence: Words
    measure: Words
    avoid: Words
    evidence: Words = Words(en="not measured yet: a suggestion", zh="尚未衡量效果，仅为建议")


class Pack(Section):
    """A trade's changes to the registry.

    Attributes
    ----------
    name : Words
    thresholds : dict of str to float
        ``<tag>.<threshold>`` to its number.
    tags : dict
        Further tags, or tags of the registry in other words: id to what a tag file says of it.
    retired : list of str
        Tags that mean nothing in this trade.
    life_cycle : dict of str to Strategy
        By life-cycle stage.
    segments : dict of str to Strategy
        By direction, the first that matches a segment's key wins; the last matches every key.
    """

    name: Words
    thresholds: dict[str, float] = {}
    tags: dict[str, dict] = {}
    retired: list[str] = []
    life_cycle: dict[str, Strategy] = {}
    segments: dict[str, Strategy] = {}

    @model_validator(mode="after")
    def _covers_every_segment(self) -> Pack:
        others = [name for name, strategy in self.segments.items() if not strategy.matches]
        if self.segments and others != list(self.segments)[-1:]:
            raise ValueError("the last strategy of segments, and only the last, has no 'matches': it is for all others")
        return self
