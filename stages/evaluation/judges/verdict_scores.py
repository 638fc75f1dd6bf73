"""A second judge's opinion of the same exchanges: by the paper's verdict, or by how its scores lean to Yes or No."""

from collections.abc import Iterable, Iterator

from stages.evaluation.judges import Exchange, Judgement, judge, request
from stages.evaluation.judges.judge_requests import Asked, Panel, asked, grounds, likings
from stages.evaluation.judges.task_marks import ANSWERS, share_of_yes


def opinions(panel: Panel, exchanges: Iterable[Exchange | None]) -> Iterator[Judgement | None]:
    """A judgement for each exchange, in order; None passes by unasked.

    stated: following and quality, as `evaluation.judges.judge` reads them. scores: following alone, which is whether
    the scores of Yes and No lean to Yes, less what the judge gives to texts that say nothing. The prompt file gets
    `instruction` and `response`.
    """
    if panel.reading == "scores":
        return _leaned(panel, exchanges)
    return judge(panel, exchanges)


def _leaned(panel: Panel, exchanges: Iterable[Exchange | None]) -> Iterator[Judgement | None]:
    liking = likings(panel, ANSWERS, ("instruction", "response"))
    found = asked(panel, map(request, exchanges), lambda _, reply: share_of_yes(reply, liking) is not None, ANSWERS)
    for item in found:
        yield _judgement(item, liking) if item.replies else None


def _judgement(item: Asked, liking: dict[str, float]) -> Judgement:
    share = share_of_yes(item.last, liking)
    found = grounds(item, share is not None)
    if share is None:
        return Judgement({}, **found)
    return Judgement({"following": float(share > 0.5)}, **found | {"text": f"{item.last.text} ({share:.4f})"})
