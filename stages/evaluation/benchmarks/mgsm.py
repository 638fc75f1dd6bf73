"""MGSM: grade-school mathematics in eleven languages, with worked examples (paper 4.2 and C.2; Shi et al., 2023).

Two instructions. "mgsm" (translate-CoT): translate the question into English, reason, answer. "mgsm-en" (en-CoT):
reason in English at once. Both read mgsm_<language>.tsv (no header; question, number; rows aligned across languages)
and exemplars/<language>.jsonl, or the makers' exemplars.py, or instead of both the Hub's Parquet, a config for each
language with the splits test and train; English is always needed. Every worked example of the files is used, so a small
model gets a file with one or two.
"""

import ast
import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from stages.core.errors import UserError
from stages.evaluation.benchmarks import number_rules
from stages.evaluation.benchmarks.declaration import Benchmark, Reader
from stages.evaluation.benchmarks.questions import Files, Question, Wording
from stages.evaluation.benchmarks.readers import contents, of_language, picked, rows, separated
from stages.evaluation.metrics.rouge import exceeds_l
from stages.readers.layout import Wanted

TRANSLATE = (
    "First translate the question into English, then solve it step by step in English, "
    "and lastly give the answer as a number."
)
DIRECT = "Solve the question step by step in English, and lastly give the answer as a number."
FOLLOWED = 0.5
"""ROUGE-L F against the English question above which the translation was attempted."""
ENGLISH = "the question is in English already, so repeating it counts as translating it"
_LABEL = re.compile(r"^[^:：]{1,40}[:：]\s*")


class Example(msgspec.Struct):
    """A worked example; `question` and `answer` begin with their labels in their language."""

    question: str
    answer: str


class _Row(msgspec.Struct):
    """A question as the Hub has it (juletxu/mgsm)."""

    question: str
    answer_number: int


def questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question]:
    """translate-CoT: rows in file order, language by language. Raises UserError for files that do not fit together."""
    return _questions("mgsm", files, languages, licence, _translated)


def direct_questions(files: Files, languages: Sequence[str], licence: str, wording: Wording) -> Iterator[Question]:
    """en-CoT: the same without the translation, so without a following rate. Raises UserError as `questions` does."""
    return _questions("mgsm-en", files, languages, licence, _direct)


def grade(question: Question, text: str) -> dict[str, float]:
    """accuracy (the paper's exact match) and strict (by value), 0 or 1; following where a translation was requested."""
    values = {
        "accuracy": float(number_rules.paper_rule(text, question.gold[0])),
        "strict": float(number_rules.strict_rule(text, question.gold[0], question.language)),
    }
    if question.reference:
        values["following"] = float(exceeds_l(text.lower(), question.reference.lower(), FOLLOWED))
    return values


def left_out(question: Question) -> dict[str, str]:
    """following, of an English question: repeating it is translating it."""
    return {"following": ENGLISH} if question.reference and question.language == "en" else {}


def _questions(
    benchmark: str, files: Files, languages: Sequence[str], licence: str, instruct: Callable[[Files, str], str]
) -> Iterator[Question]:
    english = _rows(files, "en")
    for language in languages:
        questions = _rows(files, language)
        if len(questions) != len(english):
            raise UserError(f"mgsm_{language}.tsv: {len(questions)} rows, mgsm_en.tsv has {len(english)}; align them")
        instruction, label = instruct(files, language), _label(files, language)
        for number, ((text, gold), (translation, _)) in enumerate(zip(questions, english, strict=True)):
            yield Question(
                id=f"{benchmark}-{language}-{number:04}",
                benchmark=benchmark,
                language=language,
                licence=licence,
                item=f"{number:04}",
                instruction=instruction,
                input=label + text,
                gold=(gold,),
                reference=translation if benchmark == "mgsm" else "",
                tasks=3 if benchmark == "mgsm" else 2,
            )


def _rows(files: Files, language: str) -> list[tuple[str, str]]:
    name = f"mgsm_{language}.tsv"
    if name not in files and (own := of_language(files, "mgsm", language)):
        return [(row.question, str(row.answer_number)) for _, row in picked(own, Wanted("test", lone=True), _Row)]
    rows = [(text, gold.strip()) for text, gold in separated(files, name, 2)]
    for number, (_, gold) in enumerate(rows, 1):
        if number_rules.last_number(gold) is None:
            raise UserError(f"{name}:{number}: the answer {gold!r:.40} is not a number; correct this line")
    return rows


def _examples(files: Files, language: str) -> list[Example]:
    name = f"exemplars/{language}.jsonl"
    if name in files:
        return rows(files, name, Example)
    if "exemplars.py" in files:
        return _literal(files, language)
    own = of_language(files, "mgsm", language)
    if own and f"mgsm_{language}.tsv" not in files:
        return [example for _, example in picked(own, Wanted("train", exact=True), Example)]
    return rows(files, name, Example)


def _literal(files: Files, language: str) -> list[Example]:
    """The worked examples in the makers' Python file, of which only a literal is read: nothing of it runs."""
    try:
        tree = ast.parse(contents(files, "exemplars.py"))
        values = [ast.literal_eval(node.value) for node in tree.body if _assigns(node, "MGSM_EXEMPLARS")]  # type: ignore[attr-defined]
        return [Example(str(one["q"]), str(one["a"])) for one in values[0][language].values()]
    except (SyntaxError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(
            f"exemplars.py: has no worked examples of {language} in MGSM_EXEMPLARS ({error!r:.80}); "
            f"download it again, or write exemplars/{language}.jsonl"
        ) from None


def _assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets)


def _label(files: Files, language: str) -> str:
    """How the worked examples label a question ("Frage: "); "" if there are none or they have no label."""
    match = _LABEL.match(next((example.question for example in _examples(files, language)), ""))
    return match.group() if match else ""


def _translated(files: Files, language: str) -> str:
    own, english = _examples(files, language), _examples(files, "en")
    if len(own) != len(english):
        raise UserError(f"exemplars/{language}.jsonl: {len(own)} rows, en.jsonl has {len(english)}; align them")
    examples = (
        f"{here.question}\nTranslation: {_LABEL.sub('', there.question)}\n{there.answer}"
        for here, there in zip(own, english, strict=True)
    )
    return "\n\n".join([TRANSLATE, *examples])


def _direct(files: Files, language: str) -> str:
    own, english = _examples(files, language), _examples(files, "en")
    examples = (f"{here.question}\n{there.answer}" for here, there in zip(own, english, strict=False))
    return "\n\n".join([DIRECT, *examples])


def _declaration(title: str, questions: Reader, translated: bool) -> Benchmark:
    published = {"IT": 15.7, "WizardLM": 26.9, "SIT": 32.9}  # Table 5; Llama-3-8B tuned on Alpaca, another checkpoint
    following = {"following": "the translation into English was attempted"} if translated else {}
    return Benchmark(
        title=f"MGSM, {title} (paper 4.2, C.2; Shi et al., 2023)",
        questions=questions,
        metrics={
            "accuracy": "the paper's exact match of the last number", "strict": "the last number by its value",
            **following,
        },
        published={"accuracy": published} if translated else {},
        grade=grade,
        left_out=left_out,
        one_split=False,
    )  # fmt: skip


TRANSLATE_COT = _declaration("translate into English, reason, answer", questions, translated=True)
ENGLISH_COT = _declaration("reason in English, answer", direct_questions, translated=False)
