"""The columns that a suite may name, computed by polars from the rows of an artifact."""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from stages.core.errors import UserError
from stages.core.languages import SCRIPTS
from stages.validation import language_identification
from stages.validation.flat_rows import COLUMNS, NUMBERS, TEXTS, flat

if TYPE_CHECKING:
    import polars as pl

FEW = 30
"""A share is not judged over fewer rows than this: its column is empty then."""
FEW_OF = {"effect": 10, "outcome": 10}
"""The same for single columns: that of ten rows none has changed is no accident."""
NAMES = re.findall(r"\w+(?=})", "".join(SCRIPTS.values()))
"""Scripts as Unicode names them."""


def table(rows: Iterable[tuple[int, bytes]], names: Iterable[str], file: str, suite: str) -> "pl.DataFrame":
    """One line a row: `id`, and the columns `names`.

    rows: (line number, JSON object). file, suite: names for messages. Raises UserError for a column that there is
    not, for a line that can't be decoded or has no id, and for no row at all.
    The columns:

    - FIELD: a text or number of a row, null where absent; `source.language`, `source.licence`, `gold.count`
    - FIELD.chars, FIELD.words: lengths of a text
    - FIELD.blank: 1 where a text is absent, empty or white space, else 0
    - FIELD.copies: number of rows with the same text
    - FIELD.script: the script of most letters by its Unicode name, null where there are none; `script`: that of the
      language the row names, by its code of ISO 15924, null where that is not known or there are several
    - FIELD.foreign: 1 where there are letters but none of `script`, else 0; null where no script is known for it
    - FIELD.strange: 1 where the text is in another language than the row names (`tongue`), else 0, also where there is
      too little text (see `language_identification.strange`); null where the row names none that is known there
    - FIELD.untranslated: 1 where there are letters but none of `translated`, the script of the language that a chain
      translated the input into, else 0; null where none did
    - step.action, step.status, …: of the last step; `chosen`: the action of the last rewrite, where that came out ok
    - effect: what the last round did with the row: changed, held or lost (not ok); null where it was frozen
    - outcome: what all rounds together did with the row; see `flat_rows`
    - messages.count, messages.blank (how many are), messages.order (1 for [system] (user assistant)+, else 0)
    - COLUMN=VALUE: 1 or 0, so that the mean is a share; null in every row where fewer than FEW (FEW_OF) rows have a
      value
    """
    import polars as pl

    names = sorted({*names, "id"})
    bases = sorted({base for name in names for base in _bases(name, suite)})
    kinds = {base: pl.Int64 if _is_number(base) else pl.String for base in bases}
    chunks = (pl.DataFrame(chunk, schema=kinds) for chunk in flat(rows, bases, file))
    frames = [chunk.select(_column(chunk, name).alias(name) for name in names) for chunk in chunks]
    if not frames:
        raise UserError(f"{file}: holds no row; look at the stage that made it")
    frame = pl.concat(frames, rechunk=False)
    if (missing := frame["id"].null_count()) > 0:
        raise UserError(
            f"{file}: {missing} rows have no id, the first is row {frame['id'].is_null().arg_max()} (from 0)"
        )
    return frame.with_columns(_whole(frame, name).alias(name) for name in names if "=" in name or _is(name, "copies"))


def _bases(name: str, suite: str) -> list[str]:
    """The columns of `rows.COLUMNS` that a column is computed from. Raises UserError for an unknown column."""
    column = name.partition("=")[0]
    head, _, feature = column.partition(".")
    if column in COLUMNS:
        return [column]
    if head in TEXTS and feature in FEATURES:
        return [head, *NEEDS.get(feature, [])]
    raise UserError(
        f"{suite}: unknown column {name!r}; known are {', '.join(COLUMNS)}, TEXT.{'|'.join(FEATURES)} and COLUMN=VALUE"
    )


def _is(name: str, feature: str) -> bool:
    return name not in COLUMNS and name.endswith(f".{feature}")


def _is_number(base: str) -> bool:
    return base in NUMBERS or base == "step.round" or base.startswith("messages.") or base == "gold.count"


def _column(frame: "pl.DataFrame", name: str) -> "pl.Series":
    column, share, value = name.partition("=")
    head, _, feature = column.partition(".")
    series = frame[column] if column in COLUMNS else FEATURES[feature](frame, frame[head])
    return (series == value) if share else series


def _whole(frame: "pl.DataFrame", name: str) -> "pl.Expr":
    """What can be known only when all rows are there."""
    import polars as pl

    if "=" in name:
        few = FEW_OF.get(name.partition("=")[0], FEW)
        return pl.when(pl.col(name).count() >= few).then(pl.col(name).cast(pl.Int8))
    return pl.len().over(name)


def _chars(frame: "pl.DataFrame", text: "pl.Series") -> "pl.Series":
    return text.str.len_chars()


def _words(frame: "pl.DataFrame", text: "pl.Series") -> "pl.Series":
    return text.str.count_matches(r"\S+")


def _blank(frame: "pl.DataFrame", text: "pl.Series") -> "pl.Series":
    return (~text.fill_null("").str.contains(r"\S")).cast(int)


def _hash(frame: "pl.DataFrame", text: "pl.Series") -> "pl.Series":
    """Stands for the text until all rows are there and the copies can be counted."""
    return text.hash(seed=0)


def _script(frame: "pl.DataFrame", text: "pl.Series") -> "pl.Series":
    import polars as pl

    scripts = dict.fromkeys(NAMES)
    counts = pl.DataFrame({script: text.str.count_matches(rf"\p{{{script}}}") for script in scripts})
    most = counts.max_horizontal()
    names = [pl.when(pl.col(script) == most).then(pl.lit(script)) for script in scripts]
    return counts.select(pl.when(most > 0).then(pl.coalesce(names)).alias("script"))["script"]


def _foreign(frame: "pl.DataFrame", text: "pl.Series") -> "pl.Series":
    return _elsewhere(frame["script"], text)


def _untranslated(frame: "pl.DataFrame", text: "pl.Series") -> "pl.Series":
    return _elsewhere(frame["translated"], text)


def _strange(frame: "pl.DataFrame", text: "pl.Series") -> "pl.Series":
    return language_identification.strange(text, frame["tongue"])


def _elsewhere(scripts: "pl.Series", text: "pl.Series") -> "pl.Series":
    """0 for a text without letters: a number or a formula is in every language."""
    import polars as pl

    foreign = pl.lit(None, pl.Int8)
    for script in scripts.drop_nulls().unique().sort():
        other = ~text.str.contains(rf"[{SCRIPTS[script]}]") & text.str.contains(r"\pL")
        foreign = pl.when(pl.lit(scripts) == script).then(pl.lit(other).cast(pl.Int8)).otherwise(foreign)
    return pl.select(foreign.alias("foreign") if scripts.count() else pl.repeat(None, len(text), dtype=pl.Int8))[:, 0]


FEATURES: dict[str, Callable[["pl.DataFrame", "pl.Series"], "pl.Series"]] = {
    "chars": _chars, "words": _words, "blank": _blank, "copies": _hash, "script": _script, "foreign": _foreign,
    "strange": _strange, "untranslated": _untranslated,
}  # fmt: skip
"""What can be computed from a text."""
NEEDS = {"foreign": ["script"], "strange": ["tongue"], "untranslated": ["translated"]}
"""What a feature needs beside the text."""
