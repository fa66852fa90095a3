"""A workspace that proposes a profile for files as a stranger brings them, checks it and reads it as 01 does."""

import datetime as dt
import shutil
from pathlib import Path

import ibis
import pytest
import yaml

from workbench.core.params.profile import load_profile
from workbench.core.params.sources import SourceParams
from workbench.core.workspace import Workspace
from workbench.intake.tables.canonical import take_in
from workbench.run.commands.profiles.new_profile import write_new_profile
from workbench.run.flows.trial import try_sources

CORPUS = Path(__file__).parents[3] / "corpus/strangers"
DATES = (dt.date(1900, 1, 2), dt.date(2027, 1, 1))
OURS = {name: name for name in ("order_id", "customer_id", "ordered_at", "quantity", "amount")}


class Shop:
    """A workspace and the profile `shop` that `workbench new` wrote into it."""

    corpus, ours = CORPUS, OURS

    def __init__(self, root, repository):
        for name in ("packs", "tags"):
            shutil.copytree(repository / "params" / name, root / "params" / name)
        (root / "data/raw").mkdir(parents=True)
        self.workspace = Workspace(root.resolve())

    def put(self, case, *names):
        """Copy the files of a case; return their paths."""
        files = [path for path in sorted((CORPUS / case).iterdir()) if path.suffix != ".yaml"]
        files = [path for path in files if not names or path.name in names]
        return [self.write(path.name, path.read_bytes()) for path in files]

    def write(self, name, content):
        path = self.workspace.raw / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return f"data/raw/{name}"

    def new(self, files, language=None):
        """Propose a profile; it must pass its check, on the beginnings of the files too."""
        result = write_new_profile(self.workspace, "shop", files, try_sources, language=language)
        self.text = result.path.read_text(encoding="utf-8")
        self.yaml = yaml.safe_load(self.text)
        self.proposal = result.proposal
        assert result.faults == (), result.faults
        return self

    @property
    def tables(self):
        return {name: source["table"] for name, source in self.yaml["sources"].items()}

    def source(self, table):
        (own,) = [source for source in self.yaml["sources"].values() if source["table"] == table]
        return own

    def columns(self, table):
        return self.source(table)["columns"]

    def doubted(self, *words):
        lines = [line for line in self.text.splitlines() if "# DOUBT: " in line or "# 存疑：" in line]
        return any(all(word in line for word in words) for line in lines)

    def intake(self, sources=None, **options):
        sources = sources or load_profile(self.workspace, "shop").sources
        self.engine = ibis.duckdb.connect(threads=1)
        options = {"max_rejected_share": 0.2} | options
        return take_in(self.engine, sources, root=self.workspace.root, scratch=self.workspace.root / "scratch",
                       date_min=DATES[0], date_max=DATES[1], **options)  # fmt: skip

    def declared(self, case, file, **settings):
        """Read one file of a case under our own column names."""
        (path,) = self.put(case, file)
        source = {"path": path, "table": "transactions", "columns": OURS} | settings
        return self.intake({"orders": SourceParams(**source)}, max_rejected_share=1.0)


@pytest.fixture
def shop(tmp_path, repository):
    return Shop(tmp_path / "workspace", repository)
