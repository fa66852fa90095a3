"""Databases, HTTP endpoints, folders and manual sheets: fetched whole, stored as files, secrets never displayed."""

from __future__ import annotations

import functools
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import duckdb
import ibis
import pyarrow.parquet as pq
import pytest

from workbench.core.errors import DataError, WorkbenchError
from workbench.core.params.profile import load_profile
from workbench.core.params.sources import SourceParams
from workbench.core.workspace import Workspace
from workbench.intake.reading.places import find_files
from workbench.intake.remote.databases import fetch_table, without_password
from workbench.intake.remote.http_json import fetch_records
from workbench.intake.remote.snapshots import fetch_source, remote_faults
from workbench.intake.tables.manual_sheets import make_sheet
from workbench.intake.tables.sources import check_source, read_source

ROWS = [
    (1, "张伟", "2024-01-02 03:04:05", "12.50"),
    (2, "O'Brien", "2024-01-03 00:00:00", "-3.00"),
    (3, None, None, "7.25"),
]


def orders(**more):
    columns = {"order_id": "id", "customer_id": "buyer", "ordered_at": "paid_at", "amount": "total"}
    return SourceParams(**({"path": "env:SHOP_URL", "table": "transactions", "columns": columns} | more))


def rows_of(path):
    return pq.read_table(path).to_pylist()


@pytest.fixture
def sqlite_file(tmp_path):
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, buyer TEXT, paid_at TEXT, total NUMERIC)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", reversed(ROWS))
        connection.execute("CREATE VIEW recent AS SELECT * FROM orders WHERE id > 1")
    return path


def test_a_table_becomes_a_file_in_the_order_of_its_key(sqlite_file, tmp_path):
    assert fetch_table(f"sqlite:///{sqlite_file}", "orders", tmp_path / "out.parquet") == 3
    rows = rows_of(tmp_path / "out.parquet")
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert [row["buyer"] for row in rows] == ["张伟", "O'Brien", None]
    assert (tmp_path / "out.parquet").stat().st_mode & 0o777 == 0o600


def test_a_view_is_read_and_a_misspelt_table_gets_the_nearest_name(sqlite_file, tmp_path):
    assert fetch_table(f"sqlite:///{sqlite_file}", "recent", tmp_path / "out.parquet") == 2
    with pytest.raises(DataError, match="no table or view 'order'. Did you mean 'orders'"):
        fetch_table(f"sqlite:///{sqlite_file}", "order", tmp_path / "out.parquet")
    with pytest.raises(DataError, match="no table or view"):
        fetch_table(f"sqlite:///{sqlite_file}", "orders; DROP TABLE orders", tmp_path / "out.parquet")
    assert len(rows_of(tmp_path / "out.parquet")) == 2  # the earlier result is unchanged


def test_a_duckdb_file_is_read_only(tmp_path):
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT 7 AS id, DATE '2024-05-06' AS day, 1.50::DECIMAL(9, 2) AS total"
        )
    assert fetch_table(f"duckdb:///{path}", "orders", tmp_path / "out.parquet") == 1
    assert rows_of(tmp_path / "out.parquet") == [{"id": "7", "day": "2024-05-06", "total": "1.50"}]


def test_no_message_contains_a_password(tmp_path):
    url = "postgresql://reader:s3cret@127.0.0.1:1/shop?application_name=s3cret"
    assert "s3cret" not in without_password(url)
    with pytest.raises(DataError) as caught:
        fetch_table(url, "orders", tmp_path / "out.parquet")
    assert "s3cret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://ann:p@:ss/w0rd@host/db", "postgresql://ann:x@host:p0rt-secret/db"])
def test_an_address_that_cannot_be_read_says_no_part_of_its_password(tmp_path, url):
    with pytest.raises(DataError) as caught:
        fetch_table(url, "orders", tmp_path / "out.parquet")
    assert not any(part in str(caught.value) for part in ("p@", "ss/w", "w0rd", "p0rt", "secret"))


@pytest.mark.parametrize("token", ["ghp_a1B2c3", "eyJhbGciOi.J9", "AKIA1234567890"])
def test_a_token_written_into_the_profile_is_refused_or_not_repeated(tmp_path, token):
    (tmp_path / "params").mkdir()
    text = f"sources: {{o: {{path: 'env:URL', table: customers, token: {token}, columns: {{customer_id: id}}}}}}\n"
    (tmp_path / "params/shop.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(WorkbenchError) as caught:
        source = load_profile(Workspace(tmp_path), "shop").sources["o"]
        raise DataError(remote_faults(source, {"URL": "http://127.0.0.1:9/x"}))
    assert token not in str(caught.value) and "token" in str(caught.value)


def test_an_unset_variable_is_named_before_anything_is_read(tmp_path):
    source = orders(select="orders", token="SHOP_TOKEN", snapshot="data/raw/x.parquet")
    messages = "\n".join(map(str, remote_faults(source, {})))
    assert "SHOP_URL is not set" in messages and "SHOP_TOKEN is not set" in messages
    assert any("SHOP_URL is not set" in str(fault) for fault in check_source(source, tmp_path))
    assert "needs the name of a table" in str(remote_faults(orders(), {"SHOP_URL": "sqlite:///x.db"})[0])
    assert "has no table" in str(remote_faults(orders(select="t"), {"SHOP_URL": "https://x/y"})[0])


@pytest.mark.parametrize("content", ["hello", "ftp://user:s3cret@host/orders.csv"])
def test_what_is_no_address_of_a_database_or_an_endpoint_is_named_without_its_secrets(content):
    (fault,) = remote_faults(orders(select="orders"), {"SHOP_URL": content})
    assert "SHOP_URL holds no URL that is read. http(s)://host/path, or the URL of a database" in str(fault)
    assert "s3cret" not in str(fault)


def test_a_fetched_table_is_read_like_a_file(sqlite_file, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_URL", f"sqlite:///{sqlite_file}")
    source = orders(select="orders", snapshot="data/raw/shop.parquet")
    assert fetch_source(source, tmp_path) == 3
    parsed = read_into(tmp_path, source)
    assert [str(row["amount"]) for row in parsed] == ["12.5000", "-3.0000", "7.2500"]


def read_into(root, source):
    import datetime as dt

    engine = ibis.duckdb.connect(threads=2)
    dates = (dt.date(1900, 1, 2), dt.date(2026, 1, 1))
    parsed = read_source(engine, "shop", source, root=root, scratch=root / "scratch", dates=dates)
    assert parsed.metrics["shop.physical_records"] == parsed.metrics["shop.accepted"] + parsed.metrics["shop.rejected"]
    return parsed.table.order_by("_order").to_pyarrow().to_pylist()


# -- an HTTP endpoint ---------------------------------------------------------------------------------------------


class Shop(BaseHTTPRequestHandler):
    """Serves seven orders, three a page, to holders of the token; fails once before it answers."""

    stumbles = 1
    stumble: tuple = (503, {})
    requested: list = []
    orders = [
        {"id": at, "buyer": {"name": f"客{at}"}, "paid_at": "2024-01-02", "total": at + 0.5} for at in range(1, 8)
    ]

    def do_GET(self):
        parts, query = urlsplit(self.path), parse_qs(urlsplit(self.path).query)
        type(self).requested.append(self.path)
        if type(self).stumbles:
            type(self).stumbles -= 1
            return self.answer(*type(self).stumble)
        if parts.path == "/elsewhere":
            return self.answer(200, {"items": [], "next": "http://other.invalid/orders"})
        if parts.path == "/moved":
            return self.answer(302, {}, {"Location": "http://other.invalid/"})
        if parts.path == "/page":
            return self.answer(200, b"<html>not JSON</html>")
        if parts.path == "/loop":
            return self.answer(200, {"items": [{}], "next": "/loop"})
        if self.headers.get("Authorization") != "Bearer t0ken":
            return self.answer(401, {})
        page = int(query.get("page", ["1"])[0])
        page_orders = self.orders[3 * (page - 1) : 3 * page]
        following = f"/orders?page={page + 1}" if 3 * page < len(self.orders) else None
        return self.answer(200, {"data": {"items": page_orders}, "links": {"next": following}})

    def answer(self, status, content, headers=None):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def waits(monkeypatch):
    """The seconds waited between attempts; none passes."""
    seconds = []
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=seconds.append, time=time.time))
    return seconds


@pytest.fixture
def shop(waits):
    Shop.stumbles, Shop.stumble, Shop.requested = 1, (503, {}), []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


PAGED = {"token": "t0ken", "records": "data.items"}


@pytest.mark.parametrize("paging", [{"next_page": "links.next"}, {"page_parameter": "page"}])
def test_every_page_is_fetched_once(shop, tmp_path, paging):
    assert fetch_records(f"{shop}/orders", tmp_path / "out.jsonl", **PAGED, **paging) == 7
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert records == Shop.orders
    assert not any("t0ken" in path for path in Shop.requested)


def test_fetched_records_are_read_like_a_file(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_URL", f"{shop}/orders")
    monkeypatch.setenv("SHOP_TOKEN", "t0ken")
    columns = {"order_id": "id", "customer_id": "buyer.name", "ordered_at": "paid_at", "amount": "total"}
    more = {"columns": columns, "token": "SHOP_TOKEN", "records": "data.items", "next_page": "links.next"}
    source = orders(**more, snapshot="data/raw/shop.jsonl")
    assert fetch_source(source, tmp_path) == 7
    assert [row["customer_id"] for row in read_into(tmp_path, source)] == [f"客{at}" for at in range(1, 8)]


@pytest.mark.parametrize(
    ("path", "more", "message"),
    [
        ("/orders", {"token": "wrong"}, "status 401"),
        ("/elsewhere", {"records": "items", "next_page": "next"}, "another host, other.invalid"),
        ("/moved", {}, "redirect to other.invalid"),
        ("/page", {}, "no JSON"),
        ("/loop", {"records": "items", "next_page": "next"}, "read already"),
        ("/orders", {"token": "t0ken", "records": "rows"}, "no list at 'rows'"),
    ],
)
def test_unusable_endpoints_are_refused(shop, tmp_path, path, more, message):
    (tmp_path / "out.jsonl").write_text("before")
    with pytest.raises(DataError, match=message):
        fetch_records(f"{shop}{path}", tmp_path / "out.jsonl", **more)
    assert (tmp_path / "out.jsonl").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl"]


@pytest.mark.parametrize(("header", "waited"), [("7", 7), ("86400", 300)])
def test_an_endpoint_that_asks_to_wait_is_given_the_time_up_to_five_minutes(shop, waits, tmp_path, header, waited):
    Shop.stumble = (429, {}, {"Retry-After": header})
    assert fetch_records(f"{shop}/orders", tmp_path / "out.jsonl", **PAGED, next_page="links.next") == 7
    assert waits == [waited]


def test_an_endpoint_that_stays_busy_is_refused_with_its_status(shop, waits, tmp_path):
    Shop.stumbles, Shop.stumble = 99, (429, {})
    with pytest.raises(DataError, match="status 429"):
        fetch_records(f"{shop}/orders", tmp_path / "out.jsonl", **PAGED)
    assert len(Shop.requested) == 4


def test_an_endpoint_that_is_down_is_reported(waits, tmp_path):
    with pytest.raises(DataError, match="no answer") as caught:
        fetch_records("http://user:s3cret@127.0.0.1:1/x?key=s3cret", tmp_path / "out.jsonl")
    assert str(caught.value).startswith("http://127.0.0.1:1/x: no answer")


# -- PostgreSQL ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """A real server: the one named in the environment, or a private one of this machine's installation."""
    if url := os.environ.get("WORKBENCH_TEST_POSTGRES_URL"):
        yield url
        return
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(binaries[-1]) if binaries else shutil.which("initdb")
    if initdb is None:
        pytest.skip("no PostgreSQL is installed and WORKBENCH_TEST_POSTGRES_URL is not set")
    home = Path(initdb).resolve().parent
    folder = tmp_path_factory.mktemp("postgres")
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        if subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode:
            pytest.skip("PostgreSQL does not run as root and there is no account postgres")
        folder = Path(subprocess.check_output([*as_user, "mktemp", "-d"], text=True).strip())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(folder / "data")
    run = functools.partial(subprocess.run, check=True, capture_output=True, cwd="/")
    run([*as_user, str(home / "initdb"), "-D", data, "-A", "trust", "-U", "tester", "--no-sync"])
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run([*as_user, str(home / "pg_ctl"), "-D", data, "-o", options, "-w", "-l", f"{folder}/log", "start"])
    yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    run([*as_user, str(home / "pg_ctl"), "-D", data, "-m", "immediate", "stop"])
    if as_user:
        subprocess.run([*as_user, "rm", "-rf", str(folder)], check=False)


def test_a_postgresql_table_is_read_unchanged(postgres, tmp_path, monkeypatch):
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS 订单 CASCADE")
        connection.execute(
            "CREATE TABLE 订单 (id bigint PRIMARY KEY, buyer text, paid_at timestamptz, total numeric(12, 2), vip boolean)"
        )
        insert = "INSERT INTO 订单 VALUES (%s, %s, %s, %s, true)"
        connection.cursor().executemany(
            insert, [(123456789012345678, "张伟", "2024-01-02 03:04:05+08", "12.50"), (2, "䶮𠮷", None, "-3")]
        )
        connection.execute("CREATE VIEW 已付 AS SELECT * FROM 订单 WHERE paid_at IS NOT NULL")
        connection.execute("SET TIME ZONE 'UTC'")
    monkeypatch.setenv("SHOP_URL", postgres)
    source = orders(select="订单", snapshot="data/raw/pg.parquet", formats={"time_zone": "Asia/Shanghai"})
    assert fetch_source(source, tmp_path) == 2
    by_id = {row["order_id"]: row for row in read_into(tmp_path, source)}
    assert set(by_id) == {"123456789012345678", "2"}
    assert str(by_id["123456789012345678"]["ordered_at"]) == "2024-01-02 03:04:05"
    assert str(by_id["2"]["amount"]) == "-3.0000"
    assert fetch_source(orders(select="已付", snapshot="data/raw/pg2.parquet"), tmp_path) == 1
    with pytest.raises(DataError, match="Did you mean"):
        fetch_source(orders(select="订", snapshot="data/raw/pg3.parquet"), tmp_path)


# -- folders and sheets -------------------------------------------------------------------------------------------


def test_a_folder_is_all_its_readable_files_in_order(tmp_path):
    (tmp_path / "in").mkdir()
    for name, row in (("b.csv", "2,K2,2024-01-02,2"), ("a.csv", "1,K1,2024-01-01,1")):
        (tmp_path / "in" / name).write_text(f"id,buyer,paid_at,total\n{row}\n")
    (tmp_path / "in" / "readme.md").write_text("no data")
    (tmp_path / "in" / "~$open.xlsx").write_text("a lock of a spreadsheet")
    source = orders(path="in")
    assert [path.name for path in find_files(source, tmp_path)] == ["a.csv", "b.csv"]
    assert [row["order_id"] for row in read_into(tmp_path, source)] == ["1", "2"]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_sheet_is_made_once_and_may_stay_empty(tmp_path, ending):
    source = orders(path=f"data/raw/by_hand.{ending}", manual=True)
    assert check_source(source, tmp_path) == []
    made = make_sheet(source, tmp_path)
    assert made is not None and check_source(source, tmp_path) == []
    assert read_into(tmp_path, source) == []
    before = made.read_bytes()
    assert make_sheet(source, tmp_path) is None and made.read_bytes() == before


def test_what_is_typed_into_a_sheet_is_read(tmp_path):
    source = orders(path="by_hand.csv", manual=True)
    with make_sheet(source, tmp_path).open("a", encoding="utf-8") as stream:
        stream.write("1,张伟,2024-01-01,10\n")
    assert [row["customer_id"] for row in read_into(tmp_path, source)] == ["张伟"]
