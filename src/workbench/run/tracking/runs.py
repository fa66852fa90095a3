"""Tracking in MLflow: one parent run per flow, a child per stage, a grandchild per candidate model.

The store is ``mlruns/mlflow.db`` in the workspace, with the artifacts next to it and one experiment per profile. Metric
keys are stable and English.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

# before MLflow is imported: no telemetry, no calls of git
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.entities.dataset import Dataset
from mlflow.entities.dataset_input import DatasetInput
from mlflow.entities.input_tag import InputTag

from workbench.run.artifacts.model_files import FACTS_FILE, MODEL_FOLDER
from workbench.run.definitions.segment_names import SEGMENTING
from workbench.run.tracking.models import ModelRegistry, write_signature
from workbench.run.tracking.registry import DEFINITION_FILE, SegmentRegistry
from workbench.run.tracking.relocation import relocate_store, store_uri
from workbench.run.tracking.store_health import KILLED, close_dead_runs

if TYPE_CHECKING:
    from mlflow.entities import Run

    from workbench.core.workspace import Workspace

__all__ = ["Tracker", "store_uri"]

_STATUS = {"done": "FINISHED", "failed": "FAILED", "skipped": "FINISHED", "killed": KILLED}
_LONGEST_PARAM = 500


class Tracker:
    """Writes the runs of one profile.

    Parameters
    ----------
    workspace : Workspace
        The store is created in it, once, under its own lock.
    profile : str
        Also the experiment's name.
    """

    def __init__(self, workspace: Workspace, profile: str):
        self.workspace = workspace
        self.profile = profile
        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        workspace.tracking.mkdir(parents=True, exist_ok=True)
        with FileLock(workspace.tracking / ".initialise.lock"):
            _make_store(workspace)
            relocate_store(workspace)
            self.client = MlflowClient(store_uri(workspace))
            self.experiment = self._experiment()
        self.segments = SegmentRegistry(self.client, profile)

    # the life of a flow ------------------------------------------------------------------------

    def close_dead_runs(self) -> list[str]:
        """Mark runs that a dead process left running as killed; return their run ids.

        A run that was published before its process died is completed from its summary instead. Call it
        under the workspace lock, when no other flow of this workspace is alive.
        """
        return close_dead_runs(self.client, self._complete)

    def _complete(self, run: Run) -> bool:
        """Complete a run from its published summary; return whether there is one."""
        tags = run.data.tags
        profile = self.client.get_experiment(run.info.experiment_id).name
        folder = self.workspace.reports(profile) / tags["workbench.run_id"]
        try:
            summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        stage = summary["stages"].get(tags.get("workbench.stage", ""))
        if "workbench.stage" in tags:
            self.end(run.info.run_id, stage["status"] if stage else "killed")
        else:
            self.log_report(run.info.run_id, folder)
            self.end(run.info.run_id, summary["status"], summary)
        return True

    def begin(self, run_id: str, tags: Mapping[str, str]) -> str:
        """Open the parent run of a flow; return its MLflow id."""
        base = {"workbench.run_id": run_id, "workbench.pid": str(os.getpid()), "workbench.host": socket.gethostname()}
        name = self._named(f"{self.profile} {run_id}")
        return self.client.create_run(self.experiment, run_name=name, tags=base | dict(tags) | self._area()).info.run_id

    def end(self, tracked: str, status: str, summary: Mapping[str, Any] | None = None) -> None:
        """Close a run with the same status as exit code, summary and badge."""
        if summary is not None:
            stages = {name: stage for name, stage in summary["stages"].items() if stage.get("metrics")}
            metrics = {
                f"{name}.{key}": value for name, stage in stages.items() for key, value in stage["metrics"].items()
            }
            self._log(tracked, metrics=metrics | {"seconds": summary["seconds"]})
            tables = {name: table for stage in summary["stages"].values() for name, table in stage["tables"].items()}
            self._log_inputs(tracked, {"tables": tables, "as_of": summary["as_of"]})
            self.client.set_tag(tracked, "workbench.as_of", summary["as_of"] or "undated")
            reused = [name for name, stage in summary["stages"].items() if stage.get("reused_from")]
            if reused:
                self.client.set_tag(tracked, "workbench.reused", ",".join(reused))
        self.client.set_tag(tracked, "workbench.status", status)
        self.client.set_terminated(tracked, _STATUS[status])

    # writing ---------------------------------------------------------------------------

    def log_stage(self, parent: str | None, summary: Mapping[str, Any], folder: Path | None) -> str:
        """Write one stage as a child run, its candidates as grandchildren; return its MLflow id.

        A reused stage already has a run, in the flow that ran it; it is written again only if that run was deleted.

        Parameters
        ----------
        parent : str or None
            MLflow id of the flow; None for a stage run by hand.
        summary : mapping
            The stage's summary.
        folder : Path or None
            The stage's published folder: figures, definition and page become artifacts.
        """
        earlier = self._run_reused(summary)
        if earlier is not None:
            return earlier
        tracked = self._open(parent, _run_name(summary), summary)
        metrics = summary.get("metrics", {}) | {"seconds": summary.get("seconds", 0)}
        self._log(tracked, metrics=metrics, params=summary.get("settings", {}) | _chosen(summary))
        self._log_inputs(tracked, summary)
        for candidate in summary.get("candidates", []):
            self._log_candidate(tracked, summary, candidate)
        if folder is not None:
            self._log_folder(tracked, folder)
            if not self.workspace.scratch:
                self._register(tracked, summary, folder / DEFINITION_FILE)
                self._register_model(tracked, summary, folder / MODEL_FOLDER)
        self.end(tracked, summary["status"])
        return tracked

    def log_by_hand(self, summary: Mapping[str, Any], folder: Path) -> str:
        """Write a stage that was run by hand: like `log_stage`, without a parent."""
        return self.log_stage(None, summary, folder)

    def log_report(self, tracked: str, run_folder: Path) -> None:
        """Attach the report and the summary to the flow's run."""
        for name in ("report.html", "report.en.html", "report.zh.html", "summary.json"):
            if (run_folder / name).is_file():
                self.client.log_artifact(tracked, str(run_folder / name))

    def _experiment(self) -> str:
        experiment = self.client.get_experiment_by_name(self.profile)
        if experiment is not None:
            return experiment.experiment_id
        location = (self.workspace.tracking / "artifacts" / self.profile).as_uri()
        tags = {"mlflow.experimentKind": "custom_model_development"}  # so that the UI opens on the runs
        return self.client.create_experiment(self.profile, artifact_location=location, tags=tags)

    def _run_reused(self, summary: Mapping[str, Any]) -> str | None:
        """Return the MLflow run of a reused stage, from the flow that ran it; None if there is none."""
        if not summary.get("reused_from"):
            return None
        tags = {"run_id": summary["reused_from"], "stage": summary["stage"], "by": "flow", "status": "done"}
        condition = " AND ".join(f"tags.`workbench.{key}` = '{value}'" for key, value in tags.items())
        runs = self.client.search_runs([self.experiment], filter_string=condition, max_results=1)
        return runs[0].info.run_id if runs else None

    def _open(self, parent: str | None, name: str, summary: Mapping[str, Any]) -> str:
        tags = {
            "workbench.run_id": summary["run_id"],
            "workbench.stage": summary["stage"],
            "workbench.as_of": str(summary.get("as_of") or "undated"),
            "workbench.by": "flow" if parent else "hand",
        }
        if parent:
            tags["mlflow.parentRunId"] = parent
        if summary.get("reused_from"):
            tags["workbench.reused_from"] = summary["reused_from"]
        return self.client.create_run(self.experiment, run_name=self._named(name), tags=tags | self._area()).info.run_id

    def _area(self) -> dict[str, str]:
        """Return the tag of a run in a scratch area."""
        return {"workbench.scratch": self.workspace.scratch} if self.workspace.scratch else {}

    def _named(self, name: str) -> str:
        return f"{name} [{self.workspace.scratch}]" if self.workspace.scratch else name

    def _register(self, tracked: str, summary: Mapping[str, Any], definition: Path) -> None:
        """Register the segment definition of a stage; propose it if the stage judged it better."""
        if not definition.is_file() or summary["stage"] != SEGMENTING:
            return
        registered = self.segments.register(json.loads(definition.read_text(encoding="utf-8")), run_id=tracked)
        self.client.set_tag(tracked, "workbench.registered_version", str(registered.number))
        if summary["metrics"].get("challenger"):
            self.segments.propose(registered, why=str(summary["metrics"].get("challenger_reason", "")))

    def models(self, kind: str) -> ModelRegistry:
        """Return the registered models of a kind (churn, value)."""
        return ModelRegistry(self.client, self.profile, kind)

    def log_scoring(self, tags: Mapping[str, str], metrics: Mapping[str, Any], table: Mapping[str, Any]) -> None:
        """Write one scoring with a model as a separate run: version, data, number of rows."""
        summary = {"run_id": tags["workbench.run_id"], "stage": "score", "as_of": tags.get("as_of")}
        tracked = self._open(None, f"score {tags['model']}", summary)
        self._log(tracked, metrics=dict(metrics), params=dict(tags))
        self._log_inputs(tracked, {"tables": dict(table), "as_of": tags.get("as_of")})
        self.end(tracked, "done")

    def _register_model(self, tracked: str, summary: Mapping[str, Any], folder: Path) -> None:
        """Log the model of a stage, its signature and cards, and register it."""
        if not (folder / FACTS_FILE).is_file():
            return
        self.client.log_artifacts(tracked, str(folder), MODEL_FOLDER)
        with TemporaryDirectory() as temporary:
            shutil.copyfile(folder / FACTS_FILE, Path(temporary) / FACTS_FILE)
            write_signature(Path(temporary), tracked)
            self.client.log_artifact(tracked, str(Path(temporary) / "MLmodel"), MODEL_FOLDER)
        kind = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))["kind"]
        digests = [table["digest"] for _, table in sorted(summary.get("tables", {}).items())]
        data = summary.get("metrics", {}).get("data_digest") or (digests[0] if digests else "")
        registered = self.models(kind).register(folder, run_id=tracked, data_digest=str(data))
        self.client.set_tag(tracked, f"workbench.{kind}_model", str(registered.number))

    def _log_candidate(self, stage_run: str, summary: Mapping[str, Any], candidate: Mapping[str, Any]) -> None:
        tags = {
            "mlflow.parentRunId": stage_run,
            "workbench.run_id": summary["run_id"],
            "workbench.stage": summary["stage"],
            "workbench.candidate": candidate["name"],
        }
        tracked = self.client.create_run(self.experiment, run_name=candidate["name"], tags=tags).info.run_id
        self._log(tracked, metrics=candidate["metrics"], params=candidate["settings"])
        self.client.set_terminated(tracked, _STATUS["done"])

    def _log(self, tracked: str, *, metrics: Mapping[str, Any], params: Mapping[str, Any] | None = None) -> None:
        numbers = {key: float(value) for key, value in metrics.items() if _is_number(value)}
        texts = {key: value for key, value in metrics.items() if isinstance(value, (str, bool)) and value != ""}
        stamp = int(time.time() * 1000)
        self.client.log_batch(
            tracked,
            metrics=[Metric(_allowed(key), value, stamp, 0) for key, value in numbers.items()],
            params=[Param(_allowed(key), str(value)[:_LONGEST_PARAM]) for key, value in (params or {}).items()],
            tags=[RunTag(_allowed(key), str(value)[:_LONGEST_PARAM]) for key, value in texts.items()],
        )

    def _log_inputs(self, tracked: str, summary: Mapping[str, Any]) -> None:
        """Log digest, rows and as-of date of every table written, but no values."""
        inputs = [
            DatasetInput(
                Dataset(
                    name=name,
                    digest=table["digest"][:36],
                    source_type="workbench",
                    source=f'{{"path": "{table["path"]}"}}',
                    profile=f'{{"num_rows": {table["rows"]}}}',
                ),
                [InputTag("mlflow.data.context", "written"), InputTag("as_of", str(summary.get("as_of")))],
            )
            for name, table in summary.get("tables", {}).items()
        ]
        if inputs:
            self.client.log_inputs(tracked, inputs)

    def _log_folder(self, tracked: str, folder: Path) -> None:
        for path in sorted(folder.iterdir()):
            if path.suffix in {".html", ".json"}:
                self.client.log_artifact(tracked, str(path))
        figures = folder / "figures"
        if figures.is_dir():
            self.client.log_artifacts(tracked, str(figures), "figures")


def _make_store(workspace: Workspace) -> None:
    """Create the store in another file and rename it, so that a kill leaves no incomplete store."""
    store = workspace.tracking / "mlflow.db"
    if store.exists():
        return
    new_store = workspace.tracking / ".fresh.db"
    new_store.unlink(missing_ok=True)
    client = MlflowClient(f"sqlite:///{new_store}")
    client.search_experiments()
    client._tracking_client.store.engine.dispose()
    os.replace(new_store, store)


def _chosen(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the choices of a segmentation as parameters, by which the UI draws its plots."""
    if summary["stage"] != SEGMENTING:
        return {}
    return {name: summary.get("metrics", {}).get(name) for name in ("k", "method")}


def _run_name(summary: Mapping[str, Any]) -> str:
    """Return the run name of a stage; a segmentation adds its choices, so that runs can be distinguished in a list."""
    chosen = _chosen(summary)
    if not chosen.get("method"):
        return str(summary["stage"])
    return f"{summary['stage']} {chosen['method']} k={chosen['k']}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _allowed(key: str) -> str:
    """Return a name that MLflow accepts; names of rules and measures may contain other characters."""
    return re.sub(r"[^\w./: -]", "_", key)
