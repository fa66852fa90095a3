"""Errors that say what was found, what was expected and what to do next."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "DataError",
    "Fault",
    "ProfileError",
    "StageError",
    "WorkbenchError",
    "WorkspaceBusyError",
    "did_you_mean",
    "listed",
    "nearest",
]


_CREDENTIALS = re.compile(r"(?<=://)[^\s'\"]*@")  # user and password in an address; masked in every message


@dataclass(frozen=True)
class Fault:
    """One error: what was found, what was expected, what to do next.

    Parameters
    ----------
    where : str
        File, section, line or table of the fault.
    found : str
        What was found, name and value.
    expected : str
        What would be correct.
    remedy : str
        What to do next.
    """

    where: str
    found: str
    expected: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        text = " ".join(_sentence(part) for part in (self.found, self.expected, self.remedy) if part)
        return _CREDENTIALS.sub("***@", f"{self.where}: {text}" if self.where else text)


class WorkbenchError(Exception):
    """The base of every error the workbench raises on purpose.

    Parameters
    ----------
    faults : str, Fault or iterable of Fault
        What is wrong; all faults of one check go into one error.

    Examples
    --------
    >>> str(WorkbenchError(Fault("params/tiny.yaml, line 3", "unknown key 'k_maxx'", "Known keys: k_max, k_min")))
    "params/tiny.yaml, line 3: unknown key 'k_maxx'. Known keys: k_max, k_min."
    """

    exit_code = 1

    def __init__(self, faults: str | Fault | Iterable[Fault]):
        if isinstance(faults, str):
            faults = [Fault("", faults)]
        elif isinstance(faults, Fault):
            faults = [faults]
        self.faults: list[Fault] = list(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class StageError(WorkbenchError):
    """A stage failed while it ran (exit code 1)."""

    exit_code = 1


class ProfileError(WorkbenchError):
    """The profile or the command has an error (exit code 2)."""

    exit_code = 2


class DataError(WorkbenchError):
    """A required file or column is missing or unreadable, or the data is rejected (exit code 3)."""

    exit_code = 3


class WorkspaceBusyError(WorkbenchError):
    """Another run holds the workspace (exit code 4)."""

    exit_code = 4


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Suggest the most similar of the valid names, or list all of them.

    Examples
    --------
    >>> did_you_mean("k_maxx", ["k_max", "k_min"])
    "Did you mean 'k_max'?"
    >>> did_you_mean("colour", ["k_max", "k_min"])
    'Known names: k_max, k_min.'
    """
    names = [str(choice) for choice in choices]
    return nearest(name, names) or f"Known names: {listed(sorted(names))}."


def nearest(name: str, choices: Iterable[str]) -> str:
    """Suggest the most similar of the valid names, else return ""; for names that are too many or too private to list.

    Examples
    --------
    >>> nearest("00142", ["00042", "00097"]), nearest("x", ["00042"])
    ("Did you mean '00042'?", '')
    """
    matches = difflib.get_close_matches(str(name), [str(choice) for choice in choices], n=1, cutoff=0.6)
    return f"Did you mean '{matches[0]}'?" if matches else ""


def listed(names: Sequence[str], most: int = 20) -> str:
    """Join names with commas and cut a long list, saying how many more there are.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    text = ", ".join(str(name) for name in names[:most])
    return f"{text} and {len(names) - most} more" if len(names) > most else text


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!", "。")) else f"{text}."
