"""A thousand portrait cards from a workspace that stage 12 has run in: under 30 s, gathered and written as pages.

    python benchmarks/bench_cards.py WORKSPACE PROFILE [--cards 1000]

Where the profile has fewer customers, they are requested repeatedly until the number is reached, in calls of 500: one
page a call, and the values of each card.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import cycle, islice
from pathlib import Path

from workbench.core.workspace import find_workspace
from workbench.report.cards.customer import card_page, card_values
from workbench.run.services.cards import CardService

SECONDS = 30.0
BATCH = 500


def main() -> int:
    """Make, write out and time the cards; return 1 where the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("profile")
    parser.add_argument("--cards", type=int, default=1000)
    options = parser.parse_args()
    begun = time.perf_counter()
    service = CardService(find_workspace(options.workspace), options.profile)
    ids = list(islice(cycle(service.ids_for_report(options.cards)), options.cards))
    gathered, size = 0.0, 0
    for start in range(0, len(ids), BATCH):
        started = time.perf_counter()
        cards = service.cards(ids[start : start + BATCH])
        gathered += time.perf_counter() - started
        size += len(card_page(cards, language=service.profile.languages[0], currency=service.profile.currency))
        size += sum(len(json.dumps(card_values(card), ensure_ascii=False)) for card in cards)
    seconds = time.perf_counter() - begun
    print(f"{len(ids)} cards in {seconds:.1f} s ({gathered:.1f} s gathering), {size / 1e6:.0f} MB of pages and values")
    return 0 if seconds < SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
