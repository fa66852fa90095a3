"""Random draws inside the engine: each is a hash of a seed, a name and a key, so it needs no row order and no state.

The same seed, name and key give the same draw whatever the number of threads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

__all__ = ["Draws", "quoted"]


class Draws:
    """Write draws as SQL expressions.

    Parameters
    ----------
    seed : int
        The same seed gives the same values.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def number(self, name: str) -> int:
        """Return the 64-bit number that stands for a name under this seed."""
        return int.from_bytes(hashlib.sha256(f"{self.seed}:{name}".encode()).digest()[:8], "little")

    def unit(self, key: str, name: str) -> str:
        """Draw uniformly from [0, 1): ``key`` is a whole-number expression, ``name`` says what is drawn."""
        return f"((hash(xor(hash(({key})::BIGINT), {self.number(name)}::UBIGINT)) >> 11) / 9007199254740992.0)"

    def normal(self, key: str, name: str) -> str:
        """Draw from the standard normal distribution (Box and Muller 1958)."""
        return f"(sqrt(-2 * ln(1 - {self.unit(key, name + ' r')})) * cos(2 * pi() * {self.unit(key, name + ' a')}))"

    def exponential(self, key: str, name: str) -> str:
        """Draw from the exponential distribution of mean 1."""
        return f"(-ln(1 - {self.unit(key, name)}))"

    def whole(self, key: str, name: str, low: int | str, high: int | str) -> str:
        """Draw a whole number uniformly from [low, high)."""
        return f"(({low}) + floor({self.unit(key, name)} * (({high}) - ({low}))))::BIGINT"

    def happens(self, key: str, name: str, probability: float | str) -> str:
        """Draw whether something happens."""
        return f"({self.unit(key, name)} < ({probability}))"

    def one_of(self, key: str, name: str, values: Sequence[str]) -> str:
        """Draw one of several texts with equal probability."""
        literals = ", ".join(map(quoted, values))
        return f"([{literals}])[1 + floor({self.unit(key, name)} * {len(values)})::INTEGER]"

    def weighted(self, key: str, name: str, weights: Mapping[str, float]) -> str:
        """Draw one of several texts by weight."""
        total, so_far, branches = sum(weights.values()), 0.0, []
        for value, weight in weights.items():
            so_far += weight / total
            branches.append(f"WHEN v < {so_far:.9f} THEN {quoted(value)}")
        last = quoted(list(weights)[-1])
        whens = " ".join(branches[:-1]).replace("v <", f"{self.unit(key, name)} <")
        return f"(CASE {whens} ELSE {last} END)" if len(branches) > 1 else last


def quoted(text: object) -> str:
    """Write a text as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"
