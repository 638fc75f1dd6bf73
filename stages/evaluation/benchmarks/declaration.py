"""What a benchmark declares: how its files become questions, and how an answer is scored."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stages.core.errors import UserError
from stages.core.records import Rejected
from stages.evaluation.benchmarks.program_outcomes import Program
from stages.evaluation.benchmarks.questions import Files, Question, Wording, user_text
from stages.readers.layout import Choice

Reader = Callable[[Files, Sequence[str], str, Wording], Iterator[Question | Rejected]]
"""(files, languages, licence, wording) -> questions in file order, and rows that are none with a reason of a closed
list. `languages` is [] for a benchmark in one language; wording: chain -> the text that asks for its intermediate task.
Raises UserError naming the file and row that do not fit."""
LABEL = re.compile(r"^[^:：\n]{1,40}[:：]\s*")
"""A label in front of a question: "Frage: "."""


def input_texts(question: Question) -> Iterator[str]:
    """The input, or the instruction where there is no input, with and without its label; then the same of the English
    reference."""
    for text in (question.input or question.instruction, question.reference):
        yield from dict.fromkeys([text, LABEL.sub("", text)])


def whole_text(question: Question) -> Iterator[str]:
    """Instruction and input."""
    yield user_text(question)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """The declaration of one benchmark. It is scored in exactly one manner: `grade`, `program`, `grade_choices` or
    `judge`; a suite in none, since its questions belong to other benchmarks. All functions are pure."""

    title: str
    """For people: the task, and the section of the paper or the publication that defines it."""
    questions: Reader
    metrics: Mapping[str, str] = field(default_factory=dict)
    """Metric -> its meaning; values are in [0, 1]. Those of a judged benchmark are the judge's."""
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Metric -> method ("IT", "SIT") -> the paper's figure, for the report: percent, or the value of another scale."""
    main_measure: str = "accuracy"
    """The one measure by which people compare experiments: of a sequential benchmark, the share of answers that
    attempt every task."""
    sequential: bool = False
    """Whether its questions ask for several tasks; the report then shows scores by the number of tasks."""
    measures_by_tasks: tuple[str, ...] = ("following",)
    """Of a sequential benchmark, the measures that the report draws against the number of tasks."""
    grade: Callable[[Question, str], dict[str, float]] | None = None
    """(question, answer text) -> metric -> value; a metric that can't be computed is left out."""
    grade_steps: Callable[[Question, str], Sequence[dict[str, float]]] | None = None
    """(question, answer text) -> for each task of the question, in order, metric -> value; for scores by position."""
    left_out: Callable[[Question], Mapping[str, str]] = lambda question: {}
    """Metric that the grade of this question does not mean anything for -> why, in words; it gets no such value. A rule
    that a copy of the prompt satisfies measures nothing."""
    program: Callable[[Question, str], Program] | None = None
    """(question, answer text) -> the program with its tests; it is run in the sandbox only."""
    grade_choices: Callable[[Question, Mapping[str, float]], dict[str, float]] | None = None
    """(question, choice -> log-probability) -> metric -> value; the model generates no text."""
    judge: bool = False
    """Whether the judge of params.yaml scores its answers."""
    suite: bool = False
    """Whether it reads the questions of several other benchmarks from one folder."""
    texts: Callable[[Question], Iterator[str]] = input_texts
    """The texts of a question that no training row should contain, without worked examples and choices."""
    bertscore: bool = False
    """Whether answers are also compared with the reference by BERTScore, where params.yaml names an encoder."""
    lm_eval: bool = False
    """Whether lm-evaluation-harness runs it, as the task named in the question's `meta`."""
    one_split: bool = True
    """Whether it is one split of one config, so that params.yaml may choose another by `split` and `config`."""

    def __post_init__(self) -> None:
        manners = [self.grade, self.program, self.grade_choices, self.judge or None, self.suite or None]
        if sum(manner is not None for manner in manners) != 1:
            raise ValueError(f"{self.title}: declare one of grade, program, grade_choices, judge and suite")

    def read(
        self, files: Files, languages: Sequence[str], licence: str, wording: Wording
    ) -> Iterator[Question | Rejected]:
        """The questions of a benchmark's own files, see `Reader`.

        Raises UserError where the entry chooses a split or a config of a benchmark that consists of several.
        """
        choice = getattr(files, "choice", Choice())
        if not self.one_split and (choice.split or choice.config):
            raise UserError("params.yaml: `split` and `config` have no effect on this benchmark; remove them")
        return self.questions(files, languages, licence, wording)
