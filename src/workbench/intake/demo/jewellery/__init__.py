"""Generate a Chinese jewellery retailer: the raw files of the ``jewellery`` profile, and the true values behind them.

The engine makes the rows, not Python; each random draw is a hash of its purpose. A person has a persona, chances to buy by
month, season, festival, birthday and wedding, and a day of leaving; orders are the chances that were realised.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from workbench.intake.demo.jewellery import other_files
from workbench.intake.demo.jewellery.accounts import write_accounts
from workbench.intake.demo.jewellery.campaigns import added_chances_sql, write_arms, write_campaigns
from workbench.intake.demo.jewellery.catalogue import write_catalogue
from workbench.intake.demo.jewellery.chances import write_bought
from workbench.intake.demo.jewellery.contacts import write_consents, write_relations, write_reviews, write_service
from workbench.intake.demo.jewellery.days import write_days
from workbench.intake.demo.jewellery.draws import Draws
from workbench.intake.demo.jewellery.files import put_csv, put_json_lines, put_parquet, put_workbook
from workbench.intake.demo.jewellery.orders import write_lines, write_orders
from workbench.intake.demo.jewellery.orders_files import pos_sales_sql, products_sql, web_orders_sql
from workbench.intake.demo.jewellery.people import write_households, write_people
from workbench.intake.demo.jewellery.people_files import crm_sql, members_sql, web_accounts_sql
from workbench.intake.demo.jewellery.personas import PERSONAS, write_personas
from workbench.intake.demo.jewellery.places import write_places
from workbench.intake.demo.jewellery.planted import PLANTED, cut_off_file, plant
from workbench.intake.demo.jewellery.survey import write_answers
from workbench.intake.demo.jewellery.truth import truth_queries
from workbench.intake.demo.jewellery.visits import write_visits

__all__ = ["MOST_IN_WORKBOOKS", "PERSONAS", "PLANTED", "generate_jewellery"]

MOST_IN_WORKBOOKS = 100_000  # most customers for workbooks; above, Parquet
MEMORY = "3GB"


def generate_jewellery(
    folder: Path, *, customers: int = 5_000, seed: int = 7, threads: int = 2, planted: str = ""
) -> list[Path]:
    """Write the raw files of the retailer, and the true values into the folder ``truth``.

    Parameters
    ----------
    folder : Path
        Created if absent. A file with the same content is left untouched.
    customers : int
        Real persons, from 1; their records are more, since many have several. Up to ``MOST_IN_WORKBOOKS`` the shops'
        files are workbooks, above they are Parquet with the same columns (the other form is removed). Eighteen
        million make some fifty million order lines.
    seed : int
        The same seed and number of customers give the same bytes.
    threads : int
        Threads of the engine; the files do not depend on them.
    planted : str
        A key of ``PLANTED``: a change of the last 30 days, by which the watching of changes is tested.

    Returns
    -------
    list of Path
        The raw files, without the truth: crm_export.csv (GB18030), pos_sales and pos_members (.xlsx or .parquet),
        web_accounts.csv, web_orders.csv, survey.csv, reviews.csv (UTF-8 with its mark), products.csv, campaigns.csv,
        experiments.csv, relations.csv, consents.csv (UTF-8), service.jsonl, events.parquet. The truth is people.parquet,
        households.parquet, records.parquet, effects.parquet, occasions.parquet; ``truth.TRUTH`` says what their columns are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spill = TemporaryDirectory(dir=folder, prefix=".spill-")
    limits: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "memory_limit": MEMORY,
        "temp_directory": spill.name,
    }
    with spill, duckdb.connect(config=limits) as engine:
        draws = Draws(seed)
        _make_tables(engine, draws, customers)
        plant(engine, planted)
        paths = [
            *_write_shops(engine, draws, folder, in_workbooks=customers <= MOST_IN_WORKBOOKS),
            *_write_texts(engine, draws, folder),
            put_json_lines(engine, other_files.service_sql(draws), folder / "service.jsonl"),
            put_parquet(engine, other_files.events_sql(), folder / "events.parquet"),
        ]
        (folder / "truth").mkdir(exist_ok=True)
        for name, query in truth_queries(draws).items():
            put_parquet(engine, query, folder / "truth" / f"{name}.parquet")
    cut_off_file(folder, planted)
    return paths


def _make_tables(engine: duckdb.DuckDBPyConnection, draws: Draws, customers: int) -> None:
    write_personas(engine)
    write_days(engine, draws.seed)
    write_places(engine)
    write_catalogue(engine, draws.seed)
    write_people(engine, draws, customers)
    write_households(engine, draws)
    write_arms(engine, draws)
    write_bought(engine, draws, added_chances_sql(draws))
    write_orders(engine, draws)
    write_lines(engine, draws)
    write_accounts(engine, draws)
    for write in (
        write_visits,
        write_campaigns,
        write_service,
        write_reviews,
        write_relations,
        write_consents,
        write_answers,
    ):
        write(engine, draws)


def _write_shops(engine: duckdb.DuckDBPyConnection, draws: Draws, folder: Path, *, in_workbooks: bool) -> list[Path]:
    queries = {"pos_sales": ("销售", pos_sales_sql(draws)), "pos_members": ("会员", members_sql(draws))}
    paths = []
    for name, (sheet, query) in queries.items():
        book, table = folder / f"{name}.xlsx", folder / f"{name}.parquet"
        paths.append(
            put_workbook(engine, query, book, sheet=sheet) if in_workbooks else put_parquet(engine, query, table)
        )
        (table if in_workbooks else book).unlink(missing_ok=True)
    return paths


def _write_texts(engine: duckdb.DuckDBPyConnection, draws: Draws, folder: Path) -> list[Path]:
    files = {
        "crm_export.csv": (crm_sql(draws), "gb18030"),
        "web_accounts.csv": (web_accounts_sql(draws), "utf-8-sig"),
        "web_orders.csv": (web_orders_sql(draws), "utf-8-sig"),
        "survey.csv": (other_files.answers_sql(), "utf-8-sig"),
        "reviews.csv": (other_files.reviews_sql(), "utf-8-sig"),
        "products.csv": (products_sql(), "utf-8"),
        "campaigns.csv": (other_files.campaigns_sql(), "utf-8"),
        "experiments.csv": (other_files.experiments_sql(), "utf-8"),
        "relations.csv": (other_files.relations_sql(), "utf-8"),
        "consents.csv": (other_files.consents_sql(), "utf-8"),
    }
    return [put_csv(engine, query, folder / name, encoding=encoding) for name, (query, encoding) in files.items()]
