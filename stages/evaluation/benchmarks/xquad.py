"""XQuAD as two tasks: translate the input into English, then answer (paper 4.1.1, C.1; Artetxe et al., 2020).

The files are SQuAD's, xquad.<language>.json, ids aligned, or the Hub's Parquet of them, a config xquad.<language> for
each. The right answer is the ENGLISH one, so the English file is always needed.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

import msgspec

from stages.core.errors import UserError
from stages.evaluation.benchmarks.declaration import LABEL, Benchmark
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import document, of_language, picked
from stages.evaluation.metrics.rouge import rouge_1
from stages.readers.layout import Wanted

TASK = "answer the question with a few words from the context."
MARKERS = ("result:", "answer:", "answer is", "result is")
"""Markers of the final answer, in the order in which the paper's rule searches them."""
FOLLOWED = 0.4
"""ROUGE-1 F against the English context and question above which the translation was attempted."""


_LOOKALIKES = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u00b4`", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
)
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")


class _Text(msgspec.Struct):
    text: str


class _SquadQuestion(msgspec.Struct):
    id: str
    question: str
    answers: list[_Text]


class _Answers(msgspec.Struct):
    text: list[str]


class _Row(msgspec.Struct):
    """A question as the Hub has it (google/xquad)."""

    id: str
    context: str
    question: str
    answers: _Answers


class _Paragraph(msgspec.Struct):
    context: str
    qas: list[_SquadQuestion]


class _Article(msgspec.Struct):
    paragraphs: list[_Paragraph]


class _Squad(msgspec.Struct):
    data: list[_Article]


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question]:
    """The questions of each language in file order. Raises UserError for a file or an id that does not fit."""
    english = {row.id: (context, row) for context, row in _rows(files, "en")}
    for language in languages:
        for context, row in _rows(files, language):
            if row.id not in english:
                raise UserError(f"xquad.{language}.json: question {row.id} is not in xquad.en.json; remove it")
            instruction = f"{wording['translate']} {TASK}"
            yield _question(language, licence, instruction, _input_text(context, row), row.id, *english[row.id])


def _question(
    language: str, licence: str, instruction: str, input_text: str, item: str, context: str, english: _SquadQuestion
) -> Question:
    return Question(
        id=f"xquad-{language}-{item}",
        benchmark="xquad",
        language=language,
        licence=licence,
        item=item,
        instruction=instruction,
        input=input_text,
        gold=tuple(dict.fromkeys(answer.text for answer in english.answers)),
        reference=_input_text(context, english),
        tasks=2,
    )


def _input_text(context: str, row: _SquadQuestion) -> str:
    return f"Context: {context}\n\nQuestion: {row.question}"


def _rows(files: Files, language: str) -> Iterator[tuple[str, _SquadQuestion]]:
    """(context, question) of a language. Raises UserError naming a question without an answer."""
    for where, context, row in _read(files, language):
        if not any(answer.text.strip() for answer in row.answers):
            raise UserError(f"{where}: question {row.id} has no answer; remove it")
        yield context, row


def _read(files: Files, language: str) -> Iterator[tuple[str, str, _SquadQuestion]]:
    name = f"xquad.{language}.json"
    if name not in files and (own := of_language(files, "xquad", language)):
        for where, row in picked(own, Wanted("validation", lone=True), _Row):
            yield where, row.context, _SquadQuestion(row.id, row.question, [_Text(text) for text in row.answers.text])
        return
    for article in document(files, name, _Squad).data:
        for paragraph in article.paragraphs:
            yield from ((name, paragraph.context, row) for row in paragraph.qas)


def grade(question: Question, text: str) -> dict[str, float]:
    """The metrics of `rules`, without those whose rule extracts no answer, which is neither right nor wrong; {} for an
    empty text."""
    if not text.strip():
        return {}
    values = rules(question, text)
    empty = {"accuracy": not _after_first_marker(text.lower()), "strict": not _after_last_marker(folded(text)).strip()}
    return {metric: value for metric, value in values.items() if not empty.get(metric)}


def rules(question: Question, text: str) -> dict[str, float]:
    """accuracy (the paper's rule), strict (ours) and following (did it translate?), each 0 or 1."""
    lowered = text.lower()
    return {
        "accuracy": float(paper_rule(lowered, [answer.lower() for answer in question.gold])),
        "strict": float(strict_rule(text, question.gold)),
        "following": float(rouge_1(lowered, question.reference.lower()) > FOLLOWED),
    }


def paper_rule(text: str, gold: Sequence[str]) -> bool:
    """Whether the text after the first marker, or all of it, contains a gold answer or is contained in one.

    All in lower case. The authors' rule, so that numbers compare: an empty answer counts as right, and a short one is
    favoured.
    """
    answer = _after_first_marker(text)
    return any(each in answer or answer in each for each in gold)


def _after_first_marker(text: str) -> str:
    marker = next((marker for marker in MARKERS if marker in text), "")
    return text.partition(marker)[2].strip() if marker else text.strip()


def strict_rule(text: str, gold: Sequence[str]) -> bool:
    """Whether the text after the LAST marker, or the last line, contains a gold answer as whole words, both `folded`.

    For folded texts the paper's rule accepts whatever this rule accepts. A translation that contains the answer on a
    line of its own is no answer; nor is an empty text.
    """
    answer = " ".join(_after_last_marker(folded(text)).split())
    return any(_contains(answer, each) for each in map(_one_line, gold) if each)


def _after_last_marker(text: str) -> str:
    end = max((text.rfind(marker) + len(marker) for marker in MARKERS if marker in text), default=-1)
    return text[end:] if end >= 0 else text.rstrip().rpartition("\n")[2]


def folded(text: str) -> str:
    """The text with what looks alike written alike: width, ligatures and composition (NFKC), case, quotation marks,
    dashes, spaces; without invisible signs. Accents stay, since they distinguish words."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text.translate(_LOOKALIKES))).casefold()
    return re.sub(r"[^\S\n]+", " ", re.sub(r"\r\n?|[\u2028\u2029\x85\x0b\x0c]", "\n", text))


def _one_line(text: str) -> str:
    return " ".join(folded(text).split())


def _contains(text: str, answer: str) -> bool:
    """Whether `text` contains `answer` with no letter or digit directly before or after it."""
    start = text.find(answer)
    while start >= 0:
        end = start + len(answer)
        if not text[max(0, start - 1) : start].isalnum() and not text[end : end + 1].isalnum():
            return True
        start = text.find(answer, start + 1)
    return False


def _texts(question: Question) -> Iterator[str]:
    """The context and the question, each by itself, in the question's language and in English."""
    for text in (question.input, question.reference):
        context, _, own_question = text.rpartition("\n\n")
        yield from (LABEL.sub("", part) for part in (context, own_question))


BENCHMARK = Benchmark(
    title="XQuAD, translate into English, then answer (paper 4.1.1, C.1; Artetxe et al., 2020)",
    questions=questions,
    metrics={
        "accuracy": "the paper's rule: the text after the first marker contains a gold answer or is contained in one",
        "strict": "the text after the last marker contains a gold answer as whole words",
        "following": "the translation was attempted",
    },
    published={"accuracy": {"IT": 38.5, "WizardLM": 42.1, "SIT": 46.1}},  # Table 5; Llama-3-8B tuned on Alpaca
    grade=grade,
    texts=_texts,
    one_split=False,
)
