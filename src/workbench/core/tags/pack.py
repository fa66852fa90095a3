"""Industry packs: changes to the tag registry, and strategies. A pack is data without code."""

from __future__ import annotations

from pydantic import model_validator

from workbench.core.section import Section
from workbench.core.tags.definition import Words

__all__ = ["Pack", "Strategy"]


class Strategy(Section):
    """A suggestion of what to try with one group of customers, written by people.

    Attributes
    ----------
    matches : list of str
        Words that must all occur in a segment's key for the strategy to apply; empty for a life-cycle stage.
    name : Words, optional
        The group's name on a card; default: the key of the strategy.
    goal, offer, channel, content, cadence, measure : Words
    avoid : Words
        What not to do.
    evidence : Words
        Evidence of the effect; default: a note that nothing has been measured.
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
    """The changes of one industry to the registry.

    Attributes
    ----------
    name : Words
    thresholds : dict of str to float
        ``<tag>.<threshold>`` to its number.
    tags : dict
        New or changed tags: tag id to its entry, in the format of a tag file.
    retired : list of str
        Tags that are not meaningful in this industry.
    life_cycle : dict of str to Strategy
        Life-cycle stage to its strategy.
    segments : dict of str to Strategy
        Name to strategy, in order; the first one that matches a segment's key is used, and the last matches every key.
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
            raise ValueError("the last strategy of segments, and only the last, has no 'matches': it is the default")
        return self
