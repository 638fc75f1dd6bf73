"""lm-eval over models that are functions: what is asked, what is kept, and that its numbers are ours."""

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stages.core.completions import Capabilities, Image, Prompt, Reply, Sampling
from stages.core.errors import UserError
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.questions import Question
from stages.evaluation.benchmarks.scoring import Graders, evaluate
from stages.evaluation.lm_eval import GenerationConfig, answer_questions, require_capabilities
from tests.benchmarks.test_scoring import idle, nobody

SEEDS = Path(__file__).resolve().parents[2] / "data" / "seeds"
RAW = GenerationConfig("it", Sampling(0.7, 0.9, 5, 32), 1, raw=True)
CHAT = msgspec.structs.replace(RAW, raw=False)


def questions(*benchmarks: str) -> list[Question]:
    folder = SEEDS / "generic"
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    every_question = [q for q in BENCHMARKS["generic"].read(files, [], "Apache-2.0", {}) if isinstance(q, Question)]
    return [q for q in every_question if not benchmarks or q.benchmark in benchmarks]


class Recorder:
    """A model that weighs by a hash of context and choice, and writes a number; it keeps what it was asked."""

    def __init__(self, fails: str = "never") -> None:
        self.prompts: list[Prompt] = []
        self.fails = fails

    def __call__(self, prompts: Iterable[Prompt]) -> Iterator[Reply]:
        for prompt in prompts:
            self.prompts.append(prompt)
            text = prompt.messages[-1].content
            if self.fails in text:
                yield Reply("", "failed", 1, 0, "too long", "id", "m")
                continue
            draw = random.Random(text)
            choices = prompt.constraint.choice if prompt.constraint else ()
            text = f"#### {draw.randrange(40)}"
            yield Reply(text, "ok", 9, 2, "", "id", "m", {choice: draw.uniform(-9, 0) for choice in choices})


def test_prompts_are_lm_evals_with_our_examples() -> None:
    model, items = Recorder(), questions()
    answers = list(answer_questions(model, items, RAW))
    assert [answer.question for answer in answers] == [question.id for question in items]
    assert all(p.raw and p.sampling.temperature == 0 and len(p.messages) == 1 for p in model.prompts)
    mmlu, arc, gsm8k = (
        next(p for p in model.prompts if word in p.messages[0].content)
        for word in ("How many legs", "goes round the Earth?", "#### ")
    )
    text = mmlu.messages[0].content
    assert text.startswith("The following are multiple choice questions (with answers) about high school biology.\n\n")
    assert text.count("\nAnswer:") == 6 and text.endswith("\nD. ten\nAnswer:")
    assert mmlu.constraint is not None and mmlu.constraint.choice == (" A", " B", " C", " D")
    assert arc.messages[0].content.count("Question: ") == 26 and arc.messages[0].content.endswith("?\nAnswer:")
    assert arc.constraint is not None and " the Moon" in arc.constraint.choice
    assert gsm8k.messages[0].content.count("Question: ") == 9 and "Question:" in gsm8k.sampling.stop
    assert gsm8k.constraint is None and gsm8k.sampling.max_tokens == 32


def test_its_numbers_are_ours() -> None:
    import lm_eval.evaluator

    from stages.evaluation.lm_eval.model_adapter import Model
    from stages.evaluation.lm_eval.run_tasks import to_tasks

    for benchmark, theirs, ours in (
        ("mmlu", "acc", "mmlu"), ("arc", "acc_norm", "arc"), ("arc", "acc", "arc_acc"),
        ("gsm8k-harness", "exact_match", "gsm8k"),
    ):  # fmt: skip
        items = questions(benchmark)
        total = evaluate(items, answer_questions(Recorder(), items, RAW), Graders(nobody, idle), [1])[1]
        logged = lm_eval.evaluator.evaluate(Model(Recorder(), RAW), to_tasks(items), bootstrap_iters=0)["samples"]
        values = [s[theirs] for some in logged.values() for s in some if s["filter"] in ("none", "strict-match")]
        assert len(values) == len(items) == total[ours].n
        assert total[ours].mean == pytest.approx(sum(values) / len(values), abs=1e-6), (benchmark, theirs)


def test_a_question_has_the_same_prompt_among_others_and_alone() -> None:
    whole, alone = Recorder(), Recorder()
    list(answer_questions(whole, questions(), RAW))
    for question in questions():
        list(answer_questions(alone, [question], RAW))
    assert alone.prompts == whole.prompts


def test_with_a_chat_template_examples_and_question_are_one_message() -> None:
    model = Recorder()
    answers = list(answer_questions(model, questions("arc", "gsm8k-harness"), CHAT))
    assert all(not p.raw and [m.role for m in p.messages] == ["user"] for p in model.prompts)
    assert model.prompts[0].messages[0].content.count("Question: ") == 26
    assert model.prompts[0].constraint is not None
    assert not any(choice.startswith(" ") for choice in model.prompts[0].constraint.choice)
    assert answers[0].text in answers[0].scores and not answers[-1].scores and answers[-1].text.startswith("#### ")


def test_a_failure_stays_a_failure() -> None:
    items = questions("mmlu")
    answers = list(answer_questions(Recorder(fails="How many legs"), items, RAW))
    assert [a.status for a in answers].count("failed") == 1
    scored, total = evaluate(items, answers, Graders(nobody, idle), [1])
    assert total["unscored"] == {"answer-failed": 1} and total["mmlu"].n == 7
    assert [s.values for s in scored if s.reason] == [{}]


def test_an_engine_that_does_not_weigh() -> None:
    def mute(prompts: Iterable[Prompt]) -> Iterator[Reply]:
        for _ in prompts:
            yield Reply("A", "ok", 1, 1)

    with pytest.raises(UserError, match="no log-probabilities"):
        list(answer_questions(mute, questions("arc"), RAW))


def test_a_choice_without_a_score() -> None:
    def half(prompts: Iterable[Prompt]) -> Iterator[Reply]:
        for prompt in prompts:
            assert prompt.constraint is not None
            yield Reply("x", "ok", 1, 1, scores=dict.fromkeys(prompt.constraint.choice[:2], -1.0))

    answers = list(answer_questions(half, questions("mmlu"), RAW))
    assert {(a.status, a.text) for a in answers} == {("failed", "")} and "' C'" in answers[0].error


def test_a_subject_that_mmlu_does_not_have() -> None:
    (items, *_) = questions("mmlu")
    odd = msgspec.structs.replace(items, meta={**items.meta, "task": "mmlu_astrology"})
    with pytest.raises(UserError, match="no task mmlu_astrology"):
        list(answer_questions(Recorder(), [odd], RAW))


def test_other_benchmarks_keep_their_own_prompts() -> None:
    other = Question("x-1", "xquad", "en", "x", "1", "Say it.", "Now.")
    model = Recorder()
    answers = list(answer_questions(model, [other, *questions("gsm8k-harness")[:1], other], CHAT))
    assert [a.question for a in answers] == ["x-1", "gsm8k-harness-0000", "x-1"]
    assert model.prompts[0].messages[0].content == "Say it.\n\nNow." and model.prompts[0].sampling.temperature == 0.7


def test_hostile_documents_are_data() -> None:
    row = {"question": "{{ 7 * 7 }} {% for %} ${x} {{question}}", "answer": "{{ 1/0 }} #### 3"}
    files = {name: json.dumps(row).encode() for name in ("train.jsonl", "test.jsonl")}
    (items,) = BENCHMARKS["gsm8k-harness"].read(files, [], "x", {})
    model = Recorder()
    assert isinstance(items, Question)
    list(answer_questions(model, [items], RAW))
    assert model.prompts[0].messages[0].content == (
        f"Question: {row['question']}\nAnswer: {row['answer']}\n\nQuestion: {row['question']}\nAnswer:"
    )


@pytest.mark.local
@pytest.mark.slow
def test_log_likelihoods_are_those_of_lm_evals_own_transformers_model(tmp_path: Path) -> None:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    from stages.evaluation.lm_eval.model_adapter import Model
    from stages.inference.backends.transformers.engine import open_engine
    from tests.inference import tiny

    directory = tiny.model(tmp_path)
    pairs = [("Question: why?\nAnswer:", choice) for choice in (" so", " no", " x y")]
    pairs += [("Is it?", " yes"), ("B", "C")]
    requests = [Instance("loglikelihood", {}, pair, n) for n, pair in enumerate(pairs)]
    theirs = HFLM(pretrained=str(directory), device="cpu", dtype="float32", batch_size=2).loglikelihood(requests)

    with open_engine(directory, {"batch": 4, "threads": 1, "dtype": "float32"}) as engine:

        def complete(prompts: Iterable[Prompt]) -> Iterator[Reply]:
            return (reply for group in engine.answer(prompts) for _, reply in group)

        ours = Model(complete, RAW).loglikelihood(requests)
    assert [score for score, _ in ours] == pytest.approx([score for score, _ in theirs], abs=1e-3)


def test_a_benchmark_that_needs_a_missing_capability_is_refused_before_any_request() -> None:
    every = {"suite": (questions(), RAW)}
    require_capabilities(Capabilities(choice_scores=True), "engine openai (m)", "big", every)
    require_capabilities(Capabilities(), "engine openai (m)", "big", {"gsm8k": (questions("gsm8k-harness"), RAW)})
    for benchmark in ("mmlu", "arc"):
        with pytest.raises(UserError) as caught:
            require_capabilities(
                Capabilities(), "engine openai (m)", "big", {"suite": (questions("gsm8k-harness", benchmark), RAW)}
            )
        line = str(caught.value)
        assert line.startswith(f"predict.benchmarks.suite: {benchmark} is scored by the log-probabilities")
        assert "\n" not in line and "engine openai (m)" in line and "predict.models.big" in line
    shown = msgspec.structs.replace(questions("gsm8k-harness")[0], images=(Image("a" * 64),))
    with pytest.raises(UserError, match=r"predict\.benchmarks\.vqa: its questions show pictures"):
        require_capabilities(Capabilities(), "engine openai (m)", "big", {"vqa": ([shown], RAW)})


@pytest.mark.parametrize("status", ["ok", "truncated"])
def test_a_choice_without_scores_is_unscored_and_never_a_traceback(status: Any) -> None:
    items = questions("mmlu", "arc")

    def unscored(prompts: Iterable[Prompt]) -> Iterator[Reply]:
        for number, one in enumerate(prompts):
            choices = one.constraint.choice if one.constraint else ()
            scores = {} if number == 1 else {choice: -1.0 - place for place, choice in enumerate(choices)}
            yield Reply(choices[0], "truncated" if number == 1 else "ok", 1, 1, "", "id", "m", scores)

    answers = list(answer_questions(unscored, items, RAW))
    total = evaluate(items, answers, Graders(nobody, idle), [1])[1]
    assert total["unscored"] == {"answer-failed": 1} and total["scored"] == len(items) - 1
    bare = [msgspec.structs.replace(answer, scores={}, status=status) for answer in answers]
    total = evaluate(items, bare, Graders(nobody, idle), [1])[1]
    assert total["unscored"] == {"answer-no-scores": len(items)} and total["scored"] == 0
