"""The files of a saved model: model.json, model.skops and its cards, and the digest that proves their origin."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from workbench.analysis.saved_models import SavedModel
from workbench.core.errors import DataError, Fault
from workbench.core.files import write_file, write_text
from workbench.core.params.profile import LANGUAGES

__all__ = ["FACTS_FILE", "MODEL_FOLDER", "digest_model", "read_cards", "read_model", "write_model"]

MODEL_FOLDER = "model"
FACTS_FILE = "model.json"
BODY_FILE = "model.skops"
CARD = "model_card.{language}.md"


def write_model(folder: Path, saved: SavedModel, cards: Mapping[str, str]) -> None:
    """Write a model and its cards (by language) into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / FACTS_FILE, saved.to_json())
    write_file(folder / BODY_FILE, lambda target: target.write_bytes(saved.body))
    for language, text in cards.items():
        write_text(folder / CARD.format(language=language), text)


def read_cards(folder: Path) -> str:
    """Return the cards of a model as one Markdown text; empty if there are none."""
    cards = [folder / CARD.format(language=language) for language in LANGUAGES]
    return "\n\n---\n\n".join(card.read_text(encoding="utf-8").strip() for card in cards if card.is_file())


def digest_model(folder: Path) -> str:
    """Return one SHA-256 over both files of a model.

    Raises
    ------
    DataError
        A file is missing.
    """
    combined = hashlib.sha256()
    for name in (FACTS_FILE, BODY_FILE):
        path = folder / name
        if not path.is_file():
            raise DataError(Fault(str(path), "the file is missing", "", "Restore mlruns/artifacts from a copy"))
        combined.update(hashlib.sha256(path.read_bytes()).digest())
    return combined.hexdigest()


def read_model(folder: Path, *, digest: str) -> SavedModel:
    """Read a model after checking that its digest is the registered one.

    Parameters
    ----------
    folder : Path
    digest : str
        The value of ``digest_model`` when the model was registered.

    Raises
    ------
    DataError
        A file is missing, or was changed after registration.
    """
    actual = digest_model(folder)
    if not digest or actual != digest:
        problem = f"its digest is {actual[:12]}, registered was {digest[:12] or 'none'}"
        raise DataError(
            Fault(str(folder), problem, "The model that was registered", "Train it again, or restore a copy")
        )
    text = (folder / FACTS_FILE).read_text(encoding="utf-8")
    return SavedModel.from_json(text, (folder / BODY_FILE).read_bytes())
