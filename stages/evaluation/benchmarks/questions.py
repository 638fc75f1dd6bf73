"""What every benchmark shares: questions, answers, scores, and the bytes that questions are read from."""

from collections.abc import Mapping
from typing import Any

import msgspec

from stages.core.completions import Image, ReplyStatus

Files = Mapping[str, bytes]
"""A benchmark as downloaded: file name -> contents. For a folder, every file in it by its path relative to the folder
with "/" between the parts ("xquad.de.json", "exemplars/de.jsonl"), unzipped if it is gzipped (and named without ".gz");
for a single file, its name alone ("seqEval.json")."""
MAX_UNSCORED = 0.1
"""Share of answers without a score above which the others are no fair sample."""

Wording = Mapping[str, str]
"""Chain ("repeat") -> how its intermediate task is asked for before the instruction, in training and in tests."""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to ask a model under test, and what is needed to grade the answer."""

    id: str
    """"<benchmark>-<language>-<item>" without parts that are empty; unique in its file."""
    benchmark: str
    """A key of BENCHMARKS."""
    language: str
    """ISO 639-1 code of the question's language."""
    licence: str
    item: str
    """The item whose versions (languages, prompts) share it: draw samples by this, so that versions stay aligned."""
    instruction: str
    """What the user says, with the chain's prefix and the worked examples."""
    input: str = ""
    """Said after the instruction and a blank line; "" where there is none."""
    gold: tuple[str, ...] = ()
    """Right answers, any of them; empty where only a judge can tell."""
    reference: str = ""
    """What an answer that did the intermediate task holds, such as the translation; "" where nobody knows."""
    group: str = ""
    """What the scores are broken down by: iteration, prompt, subject; "" for no break-down."""
    tasks: int = 1
    """How many tasks the question asks for, at least 1."""
    meta: dict[str, str] = {}
    """What else the grading rule needs."""
    images: tuple[Image, ...] = ()
    """What is shown with it; as an adapter leaves it, the file names alone (see `pictures.shown`)."""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run answered to a question, before anybody judged it."""

    id: str
    """"<question>/<sample>"."""
    question: str
    """Question.id."""
    run: str
    """A key of train.runs or predict.models in params.yaml."""
    text: str
    """"" unless status is ok or truncated."""
    status: ReplyStatus
    sample: int
    """0-based; more than one only where a benchmark asks several times (pass@k)."""
    reply: str
    """Key in the reply store."""
    model: str
    """Identity of the model that answered."""
    tokens_in: int
    tokens_out: int
    error: str = ""
    scores: dict[str, float] = {}
    """Choice -> its log-probability, where choices are weighed; `text` is the likeliest then."""
    text_hash: str = ""
    """First 32 hexadecimal digits of the SHA-256 of the stored reply's text; "" in rows of older versions."""
    reasoning: str | msgspec.UnsetType = msgspec.UNSET
    """The model's reasoning before `text`, where params say to keep it; else no field of the row."""

    @property
    def has_text(self) -> bool:
        """Whether there is something to score; a truncated answer has a text as well."""
        return self.status in ("ok", "truncated")


class Score(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an answer is worth. Without `values` it is unscored, which is never the same as wrong."""

    id: str
    """Answer.id."""
    question: str
    item: str
    """Question.item: answers to the same item are not independent, so intervals resample items."""
    run: str
    language: str
    group: str
    tasks: int
    status: ReplyStatus
    """How the answer ended. A truncated answer has a text and is scored; refused and failed ones have none."""
    values: dict[str, float] = {}
    """Metric -> value: accuracy, strict, following in [0, 1]; quality from 1 to 5."""
    reason: str = ""
    """Why it is unscored: answer- or judge- with thought, refused or failed; judge-unparsed, answer-no-scores;
    answer-empty, answer-unread (a rule finds no answer in it)."""
    replies: tuple[str, ...] = ()
    """The judge's replies, as keys of the reply store, in the order they were asked."""
    text_hashes: tuple[str, ...] = ()
    """For each of `replies`, the first 32 hexadecimal digits of its text's SHA-256."""
    judge: str = ""
    """Identity of the judge."""
    verdict: str = ""
    """What the judge replied last, word for word, so that another parser can be tried without asking again."""


def user_text(question: Question) -> str:
    """What the user says: the instruction, a blank line, the input if there is one."""
    return f"{question.instruction}\n\n{question.input}" if question.input else question.instruction


def unscored_warning(name: str, summary: Mapping[str, Any]) -> str:
    """A warning of one line where more than a tenth of the answers have no score, else "".

    summary: what `score_statistics.summary` returns for `name`.
    """
    missing = summary["n"] - summary["scored"]
    if missing <= MAX_UNSCORED * summary["n"]:
        return ""
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(summary["unscored"].items()))
    rest = "; the rest is no fair sample" if summary["scored"] else ""
    return f"{name}: {missing:,} of {summary['n']:,} answers have no score ({reasons}){rest}"
