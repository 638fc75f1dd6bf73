"""What every benchmark shares: questions, answers, scores, and the bytes that questions are read from."""

from collections.abc import Mapping
from typing import Any

import msgspec

from stages.core.completions import Image, ReplyStatus

Files = Mapping[str, bytes]
"""A benchmark as downloaded: file name -> contents. For a folder, every file in it by its path relative to the folder
with "/" between the parts ("xquad.de.json", "exemplars/de.jsonl"), unzipped if it is gzipped (and named without ".gz");
for a single file, its name alone ("seqEval.json")."""
NO_JUDGE = "judge-none"
"""Why an answer is unscored that only a judge scores, where none is wanted."""
MAX_UNSCORED = 0.1
"""Share of answers without a score above which the others are no fair sample."""

Wording = Mapping[str, str]
"""Chain ("repeat") -> the text that asks for its intermediate task before the instruction, in training and in tests."""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question for a model under test, with the data that grading needs."""

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
    """The user's message, with the chain's prefix and the worked examples."""
    input: str = ""
    """The text after the instruction and a blank line; "" where there is none."""
    gold: tuple[str, ...] = ()
    """The right answers, each of them sufficient; empty where a judge scores."""
    reference: str = ""
    """The result of the intermediate task, such as the translation; "" where it is not known."""
    group: str = ""
    """The group that scores are broken down by: iteration, prompt, subject; "" for no break-down."""
    tasks: int = 1
    """Number of tasks in the question, at least 1."""
    meta: dict[str, str] = {}
    """Further data for the grading rule."""
    images: tuple[Image, ...] = ()
    """Images of the question; without their data until `image_questions.with_images`."""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run's answer to a question, without a score."""

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
    """0-based; more than one only where params.yaml wants several samples (pass@k)."""
    reply: str
    """Key in the reply store."""
    model: str
    """Identity of the model that answered."""
    tokens_in: int
    tokens_out: int
    error: str = ""
    scores: dict[str, float] = {}
    """Choice -> its log-probability, where choices are scored; `text` is then the most probable choice."""
    text_hash: str = ""
    """First 32 hexadecimal digits of the SHA-256 of the stored reply's text; "" in rows of older versions."""
    reasoning: str | msgspec.UnsetType = msgspec.UNSET
    """The model's reasoning before `text`, where params.yaml keeps it; otherwise the row has no such field."""

    @property
    def has_text(self) -> bool:
        """Whether there is a text to score; a truncated answer has one as well."""
        return self.status in ("ok", "truncated")


class Score(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The score of an answer. Without `values` it is unscored, which is not the same as wrong."""

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
    answer-empty, answer-unread (a rule extracts no answer from it)."""
    replies: tuple[str, ...] = ()
    """The judge's replies, as keys of the reply store, in the order of the requests."""
    text_hashes: tuple[str, ...] = ()
    """For each of `replies`, the first 32 hexadecimal digits of its text's SHA-256."""
    judge: str = ""
    """Identity of the judge."""
    verdict: str = ""
    """The judge's last reply, word for word, so that another parser needs no new request."""


def user_text(question: Question) -> str:
    """The user's message: the instruction, then a blank line and the input if there is one."""
    return f"{question.instruction}\n\n{question.input}" if question.input else question.instruction


def unscored_warning(name: str, summary: Mapping[str, Any]) -> str:
    """A warning of one line where more than a tenth of the answers have no score, else ""; not for want of a judge.

    summary: what `score_statistics.summary` returns for `name`.
    """
    unwanted = summary["unscored"].get(NO_JUDGE, 0)
    missing = summary["n"] - summary["scored"] - unwanted
    if missing <= MAX_UNSCORED * summary["n"]:
        return ""
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(summary["unscored"].items()))
    rest = "; the rest is no fair sample" if summary["scored"] else ""
    return f"{name}: {missing:,} of {summary['n']:,} answers have no score ({reasons}){rest}"
