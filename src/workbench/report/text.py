"""Sentences and labels of the pages in English and Chinese, filled with computed values.

Texts are in ``report/texts/*.yaml``, one file per stage and a few shared files; ``text_files`` reads them. A
template names its values as ``{share:pct}``; the kind after the colon is one of ``numbers.VALUE_KINDS``, or ``label``
(a name looked up by :func:`label`) or ``labels`` (a list of names). ``{n|customer|customers}`` is the singular or the
plural, whichever goes with the value ``n``. ``**...**`` marks the key number, ``((...))`` marks what is set in grey
(interval, n), a pair of backticks a name as written in a profile or a folder. Marks are removed in plain text; marks
inside a value stay. Used by all notebooks.

The texts and labels that a process looks up are recorded, since the output of a stage depends on exactly those.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from workbench.core.errors import Fault, WorkbenchError, did_you_mean, listed
from workbench.core.files import digest_json
from workbench.report.numbers import DIGITS, LANGUAGES, MISSING, VALUE_KINDS, is_missing, round_to_interval, show
from workbench.report.plurals import plural
from workbench.report.text_files import NAME_KINDS, TOKEN, text_files

__all__ = [
    "JOINERS",
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
_OUTCOME = re.compile(r"(bought|returned)_(\d+)d")  # 1 or 0 for each customer, within days of the assignment
_OUTCOMES = {
    "bought": {"en": "a purchase within {} days", "zh": "{} 天内购买"},
    "returned": {"en": "a return of goods within {} days", "zh": "{} 天内退货"},
}
_EARLIER = re.compile(r"(orders|spend|bought|returned)_(\d+)d_before")  # the same, before the assignment
_EARLIER_WORDS = {
    "orders": {"en": "orders in the {} days before", "zh": "此前 {} 天订单数"},
    "spend": {"en": "spend in the {} days before", "zh": "此前 {} 天消费额"},
    "bought": {"en": "a purchase in the {} days before", "zh": "此前 {} 天购买"},
    "returned": {"en": "a return of goods in the {} days before", "zh": "此前 {} 天退货"},
}
_TOGGLES = {"**": "strong", "`": "code"}  # the same mark begins and ends
THIN_SPACE = "\u2009"  # between Chinese and Latin letters or digits
SENTENCE_KINDS = ("label", "labels", "portion")  # capitalised at the start of a sentence

_TEXT, _LABEL, _NO_LABEL = "text:", "label:", "label?:"  # prefixes of recorded names
_DIGITS = 12  # of a digest

_texts_read: set[str] = set()  # keys
_labels_read: set[str] = set()  # names, with or without a label

Piece = tuple[str, str]  # text and its mark: "" plain, "strong", "quiet", "code"

_HAN = r"[\u3400-\u4dbf\u4e00-\u9fff]"
_LATIN_LEFT = r"[A-Za-z0-9%×]"
_LATIN_RIGHT = r"[A-Za-z0-9$€£¥−<>]"
_BLANK = re.compile(rf"(?<={_HAN}) (?={_HAN})")  # where a value ends or begins in Chinese, as in ¥3万
_GAP = re.compile(rf"(?<={_HAN}) ?(?={_LATIN_RIGHT})|(?<={_LATIN_LEFT}) ?(?={_HAN})")
JOINERS = {"en": ", ", "zh": "、"}  # between the parts of a list in a sentence


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
        The key is unknown (the nearest one is suggested), the language is unknown, or a value is missing.

    Examples
    --------
    >>> say("features_answer_undated_heading", "en", {"customers": 2469, "features": 47})
    '2,469 customers, 47 features each'
    """
    return "".join(text for text, _ in pieces(key, language, values, currency))


def pieces(key: str, language: str, values: Mapping[str, Any] | None = None, currency: str = "") -> list[Piece]:
    """Fill the template of a key and return (text, mark) pieces; see :func:`say` for the parameters."""
    template = _template(key, language)
    values = values or {}
    if faults := list(_lacking(f"text {key!r}", template, values)):
        raise WorkbenchError(faults)
    values = {name: round_to_interval(name, values) for name in values}
    filled = list(_fill(template, values, language, currency))
    return _spaced(filled) if language == "zh" else [(text, mark) for text, mark, _ in filled]


def fill(
    template: str,
    language: str,
    values: Mapping[str, Any],
    currency: str = "",
    *,
    escape: Callable[[str], str] = str,
) -> str:
    """Fill the values into a text written by an analyst; its marks stay.

    Parameters
    ----------
    template : str
        Values are named as in ``report/texts``: ``{share:pct}``, ``{n|customer|customers}``.
    language, values, currency
        As in :func:`say`.
    escape : callable
        Applied to every value, so that Markdown shows it literally.

    Raises
    ------
    WorkbenchError
        A value is missing, or its kind is unknown.
    """
    kinds = placeholders(template)
    faults = list(_lacking("text", template, values))
    faults += [
        Fault("text", f"unknown kind {kind!r} of {name!r}", "", did_you_mean(kind, (*VALUE_KINDS, *NAME_KINDS)))
        for name, kind in kinds.items()
        if kind not in (*VALUE_KINDS, *NAME_KINDS)
    ]
    if faults:
        raise WorkbenchError(faults)

    def filled(token: re.Match[str]) -> str:
        name, counted = token["name"], token["counted"]
        if counted:
            return _form(token, values[counted], kinds.get(counted, "num"), language)
        return escape(_filled(values[name], token["kind"] or "text", language, currency)) if name else token[0]

    return TOKEN.sub(filled, template)


def _lacking(where: str, template: str, values: Mapping[str, Any]) -> Iterator[Fault]:
    names = dict.fromkeys(token["name"] or token["counted"] for token in TOKEN.finditer(template))
    lacking = [name for name in names if name and name not in values]
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
    """Yield (text, mark, is it a value); marks count in the template only, not in values."""
    mark, end, kinds = "", 0, placeholders(template)
    for token in TOKEN.finditer(template):
        if token.start() > end:
            yield template[end : token.start()], mark, False
        end = token.end()
        if name := token["name"]:
            kind = token["kind"] or "text"
            filled = _filled(values[name], kind, language, currency)
            starts = token.start() == 0 and kind in SENTENCE_KINDS
            yield filled[:1].upper() + filled[1:] if starts else filled, mark, True
        elif name := token["counted"]:
            yield _form(token, values[name], kinds.get(name, "num"), language), mark, False
        elif toggled := _TOGGLES.get(token[0]):
            mark = "" if mark == toggled else toggled
        else:
            mark = "quiet" if token[0] == "((" else ""
    if end < len(template):
        yield template[end:], mark, False


def _form(token: re.Match[str], value: Any, kind: str, language: str) -> str:
    """Return the singular or plural form for a value; a value that is not a number takes the plural."""
    try:
        count = float(value)
    except (TypeError, ValueError):
        return token["other"]
    if not math.isfinite(count):
        return token["other"]
    displayed = round(count) if kind == "int" else float(f"{count:.{DIGITS}g}")
    return plural(displayed, token["one"], token["other"], language)


def _filled(value: Any, kind: str, language: str, currency: str) -> str:
    if kind == "label":
        return label(value, language)
    if kind == "labels":
        return JOINERS[language].join(label(name, language) for name in value) or MISSING
    return show(value, kind, language, currency)


def _spaced(filled: Iterable[tuple[str, str, bool]]) -> list[Piece]:
    """Insert a thin space between Chinese and Latin letters or digits, except inside values."""
    spaced: list[Piece] = []
    before = ""
    for text, mark, is_value in filled:
        if not text:
            continue
        inner = text if is_value else _GAP.sub(THIN_SPACE, text)
        if before.endswith(" ") and _BLANK.search(before[-2:] + text[0]) and spaced:
            spaced[-1] = (spaced[-1][0][:-1], spaced[-1][1])
        elif before.endswith(" ") and _GAP.search(before[-2:] + text[0]) and spaced:
            spaced[-1] = (spaced[-1][0][:-1], spaced[-1][1])
            inner = THIN_SPACE + inner
        elif inner.startswith(" ") and _BLANK.match(before[-1:] + text[:2], 1):
            inner = inner[1:]
        elif inner.startswith(" ") and _GAP.search(before[-1:] + text[:2]):
            inner = THIN_SPACE + inner[1:]
        elif _GAP.search(before[-1:] + text[0]):
            inner = THIN_SPACE + inner
        spaced.append((inner, mark))
        before = text
    return spaced


def label(name: Any, language: str) -> str:
    """Return the label of a column, feature, table, status or category; without one, the name itself.

    Parameters
    ----------
    name : object
        The name, or a mapping of language to text; a missing value becomes an en dash.
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
    """Return whether the workbench has a label for a name."""
    _labels_read.add(name)
    return _label_entry(name) is not None


def has_text(key: str) -> bool:
    """Return whether there is a text with this key; the look-up is recorded in both cases."""
    _texts_read.add(key)
    return key in texts()


def note_text(key: str) -> None:
    """Record that a text was read, for a caller that caches the filled text."""
    _texts_read.add(key)


def text_names_read() -> dict[str, str]:
    """Return the texts and labels this process looked up since its start, or since they were last forgotten.

    Returns
    -------
    dict of str to str
        Name to digest of its entry, both languages, sorted by name. ``text:rfm_champions`` is a text (digest "" for a
        text that does not exist), ``label:active`` a label. A name without a label may be a value of the data, so it
        is hashed: ``label?:93a1...``, with the digest "".
    """
    names = {f"{_TEXT}{key}" for key in _texts_read} | {_label_name(name) for name in _labels_read}
    return text_digests(sorted(names))


def forget_names_read() -> None:
    """Clear the record of :func:`text_names_read`."""
    _texts_read.clear()
    _labels_read.clear()


def text_digests(names: Iterable[str]) -> dict[str, str]:
    """Return today's digests of names from :func:`text_names_read`; a changed digest means a page may read differently.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    dict of str to str
        In the order of ``names``; "" for a text or label that does not exist. The hash of a name without a label gets
        a digest as soon as the name gets a label.

    Examples
    --------
    >>> text_digests(["text:no_such_text", "label?:000000000000"])
    {'text:no_such_text': '', 'label?:000000000000': ''}
    """
    return {name: _digest_today(name) for name in names}


def _digest_today(name: str) -> str:
    kind, colon, key = name.partition(":")
    if kind + colon == _TEXT:
        entry = texts().get(key)
    elif kind + colon == _LABEL:
        entry = _label_entry(key)
    else:
        unhashed = _names_by_hash().get(key) if kind + colon == _NO_LABEL else None
        entry = _label_entry(unhashed) if unhashed else None
    return digest_json(entry)[:_DIGITS] if entry else ""


def _label_name(name: str) -> str:
    return f"{_LABEL}{name}" if _label_entry(name) else f"{_NO_LABEL}{_hash(name)}"


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]


@cache
def _names_by_hash() -> dict[str, str]:
    """Map hashes to the names that have a label, except names of scales and windows, which are open-ended."""
    from workbench.core.tags.items import ITEMS  # noqa: PLC0415
    from workbench.intake.features.registry import REGISTRY  # noqa: PLC0415

    return {_hash(name): name for name in (*labels(), *REGISTRY, *(f"{_SCORE}{item}" for item in ITEMS))}


def texts() -> dict[str, dict[str, str]]:
    """Return every text entry by key."""
    return text_files().texts


def labels() -> dict[str, dict[str, str]]:
    """Return every label of the text files by name; registered features have additional labels."""
    return text_files().labels


def _label_entry(name: str) -> dict[str, str] | None:
    return labels().get(name) or _feature_label(name)


@cache
def _feature_label(name: str) -> dict[str, str] | None:
    """Return the label of a feature of any window; the registry is imported late to avoid loading the engine."""
    from workbench.core.tags.items import ITEMS  # noqa: PLC0415
    from workbench.intake.features.registry import registered  # noqa: PLC0415

    if name.startswith(_SCORE):  # a scale declared by the profile: a portrait item, or its own name
        scale = name.removeprefix(_SCORE)
        stem = scale.replace("_", " ")
        item = ITEMS[scale].name["zh"] if scale in ITEMS else stem
        return {"en": f"{stem} (scale score)", "zh": f"{item}（量表得分）"}
    for pattern, wordings in ((_OUTCOME, _OUTCOMES), (_EARLIER, _EARLIER_WORDS)):
        if outcome := pattern.fullmatch(name):
            return {language: words.format(outcome[2]) for language, words in wordings[outcome[1]].items()}
    features = registered([name])
    entry = dict(features[0].label) if features else None
    if entry and entry["en"][1:2].islower():  # labels stand within a sentence
        entry["en"] = entry["en"][:1].lower() + entry["en"][1:]
    return entry


def placeholders(template: str) -> dict[str, str]:
    """Map the value names a template uses to their kinds.

    Examples
    --------
    >>> placeholders("{share:pct} of {name}")
    {'share': 'pct', 'name': 'text'}
    """
    return {token["name"]: token["kind"] or "text" for token in TOKEN.finditer(template) if token["name"]}
