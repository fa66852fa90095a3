"""What the pages say: every sentence and every label in English and Chinese, filled with computed values.

Texts live in ``report/texts/*.yaml``, one file per stage and a few that stages share; ``text_files`` reads them. A
template names its values as ``{share:pct}``; the kind after the colon is one of ``numbers.VALUE_KINDS``, or ``label``
(a name looked up by :func:`label`) or ``labels`` (a list of names). ``**...**`` marks the number a reader should
keep, ``((...))`` marks what is set in grey (interval, n), a pair of backticks a name as it stands in a profile or a
folder; all marks vanish in plain text and are never read inside a value. Serves all notebooks.

Which texts and labels a process looked up is recorded: what a stage shows depends on those and on no others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from workbench.core.errors import Fault, WorkbenchError, did_you_mean, listed
from workbench.core.files import digest_json
from workbench.report.numbers import LANGUAGES, MISSING, VALUE_KINDS, is_missing, show
from workbench.report.text_files import NAME_KINDS, TOKEN, text_files

__all__ = [
    "Piece",
    "fill",
    "forget_names_read",
    "has_label",
    "has_text",
    "label",
    "labels",
    "note_text",
    "pieces",
    "placeholders",
    "say",
    "text_digests",
    "text_names_read",
    "texts",
]

_SCORE = "scale_"
THIN_SPACE = "\u2009"  # between Chinese and Latin letters or digits
SENTENCE_KINDS = ("label", "labels", "portion")  # words of ours: capital letter where they begin a sentence

_TEXT, _LABEL, _NO_LABEL = "text:", "label:", "label?:"  # how names that were read begin
_DIGITS = 12  # of a digest

_texts_read: set[str] = set()  # keys
_labels_read: set[str] = set()  # names, those without a label too

Piece = tuple[str, str]  # text and its mark: "" plain, "strong", "quiet", "code"

_HAN = r"[\u3400-\u4dbf\u4e00-\u9fff]"
_LATIN_LEFT = r"[A-Za-z0-9%×]"
_LATIN_RIGHT = r"[A-Za-z0-9$€£¥−<>]"
_GAP = re.compile(rf"(?<={_HAN}) ?(?={_LATIN_RIGHT})|(?<={_LATIN_LEFT}) ?(?={_HAN})")
_JOINERS = {"en": ", ", "zh": "、"}


def say(key: str, language: str, values: Mapping[str, Any] | None = None, currency: str = "") -> str:
    """Fill the template of a key and return plain text.

    Parameters
    ----------
    key : str
        A key of the text files.
    language : str
        ``en`` or ``zh``.
    values : mapping, optional
        Values by the names the template uses; further values are allowed and ignored.
    currency : str
        ISO code or sign for values of the kind ``money``.

    Returns
    -------
    str

    Raises
    ------
    WorkbenchError
        For an unknown key (with the nearest one), an unknown language, or values the template needs and was not given.

    Examples
    --------
    >>> say("features_answer_undated_heading", "en", {"customers": 2469, "features": 47})
    '2,469 customers, 47 facts about each'
    """
    return "".join(text for text, _ in pieces(key, language, values, currency))


def pieces(key: str, language: str, values: Mapping[str, Any] | None = None, currency: str = "") -> list[Piece]:
    """Fill the template of a key and return (text, mark) pieces; see :func:`say` for the parameters."""
    template = _template(key, language)
    values = values or {}
    if faults := list(_lacking(f"text {key!r}", placeholders(template), values)):
        raise WorkbenchError(faults)
    found = list(_fill(template, values, language, currency))
    return _spaced(found) if language == "zh" else [(text, mark) for text, mark, _ in found]


def fill(
    template: str,
    language: str,
    values: Mapping[str, Any],
    currency: str = "",
    *,
    escape: Callable[[str], str] = str,
) -> str:
    """Fill a template that is no entry of ours, its marks left as they are.

    Parameters
    ----------
    template : str
        Values are named as in our own: ``{share:pct}``.
    language, values, currency
        As in :func:`say`.
    escape : callable
        What is done to every value, so that it shows to the letter where the template is Markdown.

    Raises
    ------
    WorkbenchError
        A value is not given, or its kind is unknown.
    """
    needed = placeholders(template)
    faults = list(_lacking("text", needed, values))
    faults += [
        Fault("text", f"unknown kind {kind!r} of {name!r}", "", did_you_mean(kind, (*VALUE_KINDS, *NAME_KINDS)))
        for name, kind in needed.items()
        if kind not in (*VALUE_KINDS, *NAME_KINDS)
    ]
    if faults:
        raise WorkbenchError(faults)

    def filled(token: re.Match) -> str:
        name = token[1]
        return escape(_filled(values[name], token[2] or "text", language, currency)) if name else token[0]

    return TOKEN.sub(filled, template)


def _lacking(where: str, needed: Iterable[str], values: Mapping[str, Any]) -> Iterator[Fault]:
    lacking = [name for name in needed if name not in values]
    if lacking:
        yield Fault(where, f"no value for {listed(lacking)}", f"Given: {listed(sorted(values)) or 'none'}")


def _template(key: str, language: str) -> str:
    entry = texts().get(key)
    if entry is None:
        raise WorkbenchError(Fault("", f"unknown text {key!r}", did_you_mean(key, texts())))
    if language not in LANGUAGES:
        raise WorkbenchError(
            Fault(f"text {key!r}", f"unknown language {language!r}", did_you_mean(language, LANGUAGES))
        )
    _texts_read.add(key)
    return entry[language]


def _fill(template: str, values: Mapping[str, Any], language: str, currency: str) -> Iterator[tuple[str, str, bool]]:
    """Yield (text, mark, is a value); marks are read in the template alone."""
    mark, end = "", 0
    for token in TOKEN.finditer(template):
        if token.start() > end:
            yield template[end : token.start()], mark, False
        end = token.end()
        name, kind, strong, opening, _, code = token.groups()
        if name:
            filled = _filled(values[name], kind or "text", language, currency)
            starts = token.start() == 0 and kind in SENTENCE_KINDS
            yield filled[:1].upper() + filled[1:] if starts else filled, mark, True
        elif strong or code:
            own = "strong" if strong else "code"
            mark = "" if mark == own else own
        else:
            mark = "quiet" if opening else ""
    if end < len(template):
        yield template[end:], mark, False


def _filled(value: Any, kind: str, language: str, currency: str) -> str:
    if kind == "label":
        return label(value, language)
    if kind == "labels":
        return _JOINERS[language].join(label(name, language) for name in value) or MISSING
    return show(value, kind, language, currency)


def _spaced(found: Iterable[tuple[str, str, bool]]) -> list[Piece]:
    """Set a thin space between Chinese and Latin or digits, leaving the inside of values as it is."""
    spaced: list[Piece] = []
    before = ""
    for text, mark, is_value in found:
        if not text:
            continue
        inner = text if is_value else _GAP.sub(THIN_SPACE, text)
        if before.endswith(" ") and _GAP.search(before[-2:] + text[0]) and spaced:
            spaced[-1] = (spaced[-1][0][:-1], spaced[-1][1])
            inner = THIN_SPACE + inner
        elif inner.startswith(" ") and _GAP.search(before[-1:] + text[:2]):
            inner = THIN_SPACE + inner[1:]
        elif _GAP.search(before[-1:] + text[0]):
            inner = THIN_SPACE + inner
        spaced.append((inner, mark))
        before = text
    return spaced


def label(name: Any, language: str) -> str:
    """Return what a column, feature, table, status or category is called; a name without a label is its own.

    Parameters
    ----------
    name : object
        The name; a mapping of language to text is read in the language; a missing value is an en dash.
    language : str
        ``en`` or ``zh``.

    Examples
    --------
    >>> label("recency_days", "en"), label("active", "zh"), label("Toronto", "zh")
    ('days since last purchase', '活跃', 'Toronto')
    """
    if language not in LANGUAGES:
        raise WorkbenchError(Fault("", f"unknown language {language!r}", did_you_mean(language, LANGUAGES)))
    if is_missing(name) or isinstance(name, (dict, bool)):
        return show(name, "text", language)
    name = str(name)
    _labels_read.add(name)
    entry = _label_entry(name)
    return entry[language] if entry else name


def has_label(name: str) -> bool:
    """Say whether a name is one the workbench has a label for."""
    _labels_read.add(name)
    return _label_entry(name) is not None


def has_text(key: str) -> bool:
    """Say whether there is a text of this key; that there is none is recorded too."""
    _texts_read.add(key)
    return key in texts()


def note_text(key: str) -> None:
    """Record that a text is read; for a caller that keeps what was said."""
    _texts_read.add(key)


def text_names_read() -> dict[str, str]:
    """Return what texts and labels this process looked up, since its start or since they were forgotten.

    Returns
    -------
    dict of str to str
        Name to digest of its entry, both languages, sorted by name. ``text:rfm_champions`` is a text (digest "" where
        it was asked for and there is none), ``label:active`` a label. A name without a label may be a value of the
        data: it is hashed, ``label?:93a1...``, with the digest "".
    """
    asked = {f"{_TEXT}{key}" for key in _texts_read} | {_label_name(name) for name in _labels_read}
    return text_digests(sorted(asked))


def forget_names_read() -> None:
    """Begin the record of :func:`text_names_read` anew."""
    _texts_read.clear()
    _labels_read.clear()


def text_digests(names: Iterable[str]) -> dict[str, str]:
    """Return the digests that names of :func:`text_names_read` have today; where one differs, what was shown may too.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    dict of str to str
        In the order given; "" for a text or label that there is not. The hash of a name without a label has a digest
        as soon as a label is given to that name.

    Examples
    --------
    >>> text_digests(["text:no_such_text", "label?:000000000000"])
    {'text:no_such_text': '', 'label?:000000000000': ''}
    """
    return {name: _digest_today(name) for name in names}


def _digest_today(name: str) -> str:
    kind, colon, rest = name.partition(":")
    if kind + colon == _TEXT:
        entry = texts().get(rest)
    elif kind + colon == _LABEL:
        entry = _label_entry(rest)
    else:
        named = _names_by_hash().get(rest) if kind + colon == _NO_LABEL else None
        entry = _label_entry(named) if named else None
    return digest_json(entry)[:_DIGITS] if entry else ""


def _label_name(name: str) -> str:
    return f"{_LABEL}{name}" if _label_entry(name) else f"{_NO_LABEL}{_hash(name)}"


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]


@cache
def _names_by_hash() -> dict[str, str]:
    """Map the hashes of all names that have a label to the names; scales and windows of any length are not all."""
    from workbench.core.tags.items import ITEMS  # noqa: PLC0415
    from workbench.intake.features.registry import REGISTRY  # noqa: PLC0415

    return {_hash(name): name for name in (*labels(), *REGISTRY, *(f"{_SCORE}{item}" for item in ITEMS))}


def texts() -> dict[str, dict[str, str]]:
    """Return every text entry by key."""
    return text_files().texts


def labels() -> dict[str, dict[str, str]]:
    """Return every label that a file of texts gives, by name; features may have registered ones besides."""
    return text_files().labels


def _label_entry(name: str) -> dict[str, str] | None:
    return labels().get(name) or _feature_label(name)


@cache
def _feature_label(name: str) -> dict[str, str] | None:
    """Return the label of a feature, of any window; looked up late, so that reading a text imports no engine."""
    from workbench.core.tags.items import ITEMS  # noqa: PLC0415
    from workbench.intake.features.registry import registered  # noqa: PLC0415

    if name.startswith(_SCORE):  # of a scale that the profile declares, by portrait item or by a name of its own
        scale = name.removeprefix(_SCORE)
        stem = scale.replace("_", " ")
        item = ITEMS[scale].name["zh"] if scale in ITEMS else stem
        return {"en": f"{stem} (scale score)", "zh": f"{item}（量表得分）"}
    found = dict(registered([name])[0].label) if registered([name]) else None
    if found and found["en"][1:2].islower():  # a name stands within a sentence
        found["en"] = found["en"][:1].lower() + found["en"][1:]
    return found


def placeholders(template: str) -> dict[str, str]:
    """Map the value names a template uses to their kinds.

    Examples
    --------
    >>> placeholders("{share:pct} of {name}")
    {'share': 'pct', 'name': 'text'}
    """
    return {token[1]: token[2] or "text" for token in TOKEN.finditer(template) if token[1]}
