"""An English parser: a spaCy pipeline in a folder of models/, as `fetch` puts it there."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stages.core.errors import UserError
from stages.verbs.root_verbs import Sentence, Word

NEEDED = ("parser", "tagger", "lemmatizer")
"""Components of a pipeline without which there is no verb, no relation or no lemma."""
UNUSED = ("ner", "senter")
BATCH = 256
"""Texts parsed together. Fixed, so that the same rows give the same parses."""
MISSING = "spaCy is not installed; run `make env-verbs` (pip install 'seqit[verbs]'), or remove count_verbs"


class SpacyParser:
    """Parses texts into sentences; `identity` is what models/NAME/reference.json says of the pipeline."""

    def __init__(self, folder: Path, identity: str) -> None:
        """Load the pipeline. Raises UserError without spaCy, and for a folder that is no pipeline with a parser."""
        self.identity = identity
        self._pipeline = _loaded(folder)

    def __call__(self, texts: Iterable[str]) -> Iterator[list[Sentence]]:
        """The sentences of each text, lazily and in the same order."""
        for document in self._pipeline.pipe(texts, batch_size=BATCH):
            yield [[_word(token, sentence.start) for token in sentence] for sentence in document.sents]


def _loaded(folder: Path) -> Any:
    try:
        import spacy
    except ImportError:
        raise UserError(f"{folder}: {MISSING}") from None
    if not (folder / "config.cfg").is_file():
        raise UserError(f"{folder}: is no spaCy pipeline; name one as count_verbs.parser, fetched by its package:…")
    try:
        pipeline = spacy.load(folder, exclude=UNUSED)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{folder}: can't be loaded ({reason}); name one for spaCy {spacy.__version__}") from None
    if absent := [name for name in NEEDED if name not in pipeline.pipe_names]:
        raise UserError(f"{folder}: the pipeline has no {' and no '.join(absent)}; name another as count_verbs.parser")
    return pipeline


def _word(token: Any, first: int) -> Word:
    return Word(token.idx, token.lemma_, token.pos_, token.dep_, token.head.i - first)
