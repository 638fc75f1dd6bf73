"""A response that only repeats the prompt follows nothing: no following rule is satisfied by it, or it is left out."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from stages.core.completions import Image
from stages.evaluation.benchmarks import BENCHMARKS
from stages.evaluation.benchmarks.questions import Answer, Question, user_text
from stages.evaluation.benchmarks.scoring import Graders, evaluate
from stages.evaluation.verdict_types import Exchange, Rating
from stages.params import load
from stages.verified.sequence_generation import Settings, sequences

ROOT = Path(__file__).resolve().parents[2]
WORDING = load(ROOT / "stages/profiles/full.yaml").wording


def unrated(exchanges: Iterable[Exchange | None]) -> Iterator[Rating | None]:
    return (None for _ in exchanges)


GRADERS = Graders(unrated, lambda programs: iter(()))


def questions(benchmark: str, languages: list[str], folder: str = "") -> list[Question]:
    root = ROOT / "data" / "seeds" / (folder or benchmark)
    files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    read = BENCHMARKS[benchmark].read(files, languages, "Apache-2.0", WORDING)
    return [question for question in read if isinstance(question, Question)]


def answer(question: Question, text: str) -> Answer:
    return Answer(f"{question.id}/0", question.id, "it", text, "ok", 0, "r", "m", 1, 1)


def following(some: list[Question], *, whole_prompt: bool) -> dict[tuple[str, str], list[float]]:
    """(language, group) -> following of the copies, where they have it."""
    copies = [answer(q, user_text(q) if whole_prompt else q.input or q.instruction) for q in some]
    scores, _ = evaluate(some, copies, GRADERS, [1])
    collected: dict[tuple[str, str], list[float]] = {}
    for score in scores:
        if "following" in score.values:
            collected.setdefault((score.language, score.group), []).append(score.values["following"])
    return collected


@pytest.mark.parametrize("whole_prompt", [False, True])
@pytest.mark.parametrize(("benchmark", "languages"), [("xquad", ["de", "zh", "es", "ru"]), ("mgsm", ["de", "es"])])
def test_a_copy_is_no_translation(benchmark: str, languages: list[str], whole_prompt: bool) -> None:
    copies = following(questions(benchmark, languages), whole_prompt=whole_prompt)
    assert {language for language, _ in copies} == set(languages)
    assert {value for values in copies.values() for value in values} == {0.0}


def test_english_questions_of_mgsm_have_no_following_and_the_summary_says_why() -> None:
    some = questions("mgsm", ["en", "de"])
    scores, summary = evaluate(some, [answer(q, q.input) for q in some], GRADERS, [1])
    assert {score.language for score in scores if "following" in score.values} == {"de"}
    english = sum(question.language == "en" for question in some)
    assert summary["left_out"] == {
        "following": {"the question is in English already, so repeating it counts as translating it": english}
    }


@pytest.mark.parametrize("whole_prompt", [False, True])
def test_a_copy_is_a_repetition_and_no_paraphrase(whole_prompt: bool) -> None:
    copies = following(questions("commonsenseqa", []), whole_prompt=whole_prompt)
    assert set(copies["en", "repeat"]) == {1.0}
    assert set(copies["en", "paraphrase"]) == {0.0}


def test_a_paraphrase_is_one() -> None:
    question = next(q for q in questions("commonsenseqa", []) if q.group == "paraphrase")
    first, _, rest = question.input.partition(" ")
    reworded = f"Put differently: {first.lower()}, then, {rest}\nAnswer: A"
    assert BENCHMARKS["commonsenseqa"].grade(question, reworded)["following"] == 1.0  # type: ignore[misc]


def test_captions_in_place_of_a_picture_are_no_description_of_it() -> None:
    shown = Question("vqav2-caption-1", "vqav2", "en", "CC0-1.0", "1", "First describe the image, then answer.",
                     "Image: A cat sits on a mat.\n\nQuestion: What sits there?", ("cat",) * 10, "A cat sits on a mat.",
                     "caption", 2)  # fmt: skip
    seen = msgspec.structs.replace(shown, input="What sits there?", images=(Image("", "cat.jpg"),))
    copies = [answer(shown, "Image: A cat sits on a mat.\nAnswer: cat")]
    (captions,), summary = evaluate([shown], copies, GRADERS, [1])
    (pixels,), _ = evaluate([seen], copies, GRADERS, [1])
    assert "following" not in captions.values and "accuracy" in captions.values
    assert pixels.values["following"] == 1.0
    assert set(summary["left_out"]) == {"following", "rouge_l"}


def test_a_copy_of_a_verified_sequence_attempts_none_of_two_tasks() -> None:
    rows = list(sequences(4, 80, Settings(lengths=(2, 3, 4), types="all", wordings="all")))
    read = BENCHMARKS["verified"].read({"v.jsonl": b"\n".join(map(msgspec.json.encode, rows))}, [], "x", {})
    some = [question for question in read if isinstance(question, Question)]
    copies = [answer(question, user_text(question)) for question in some]
    _, summary = evaluate(some, copies, GRADERS, [1])
    assert summary["following"].mean < 0.05


def test_tasks_are_scored_by_their_position() -> None:
    rows = list(sequences(4, 40, Settings(lengths=(1, 3))))
    read = BENCHMARKS["verified"].read({"v.jsonl": b"\n".join(map(msgspec.json.encode, rows))}, [], "x", {})
    some = [question for question in read if isinstance(question, Question)]
    firsts = [answer(q, q.gold[0].split("\n")[0]) for q in some]
    _, summary = evaluate(some, firsts, GRADERS, [1])
    positions = summary["positions"]
    longer = sum(question.tasks == 3 for question in some)
    assert {name: means["attempted"].n for name, means in positions.items()} == {"1": 40, "2": longer, "3": longer}
    assert positions["1"]["accuracy"].mean > positions["3"]["accuracy"].mean
    assert "positions" not in evaluate([], [], GRADERS, [1])[1]
