"""The section with answers to read: two runs side by side on the same questions, chosen by rule."""

from collections.abc import Iterator, Mapping

from stages.reporting.case_selection import Case, CaseAnswer, CaseSet, TaskMark, extremes
from stages.reporting.declared_benchmarks import is_sequential
from stages.reporting.findings import Findings, run_title
from stages.reporting.html import Safe, element, join, number
from stages.reporting.score_section import judged, place

EACH = 2
"""Gains, losses and others of a benchmark on the page."""
MOST = 3
"""Benchmarks on the page, sequential ones first."""
LONGEST = 1500
"""Characters of one text on the page; answers.html has more."""
KINDS = {"gains": "Largest gains", "losses": "Largest losses", "random": "Others, drawn by the seed"}


def case_section(findings: Findings) -> list[Safe]:
    """The section; empty where no benchmark was answered by both runs that are compared."""
    shown = [parts for cases in _sets(findings) if (parts := list(_benchmark(cases, findings)))]
    if not shown:
        return []
    note = (
        f"{findings.treatment} beside {findings.baseline} on the same question. The rule takes the largest gains and "
        "losses of the main measure (ties in the order that the seed draws) and others at random; nothing is chosen by "
        "hand. Any two runs, and every filter: "
    )
    browser = element("a", "all answers side by side", href="answers.html")
    parts = [part for some in shown[:MOST] for part in some]
    return [element("h2", "Answers to read", id="answers"), element("p", note, browser, ".", class_="note"), *parts]


def _sets(findings: Findings) -> list[CaseSet]:
    return sorted(findings.cases, key=lambda s: (not is_sequential(findings, s.benchmark), place(s.benchmark)))


def _benchmark(cases: CaseSet, findings: Findings) -> Iterator[Safe]:
    picked = extremes(cases.cases, findings.baseline, findings.treatment, cases.measure, EACH)
    if any(picked):
        yield element("h3", f"{cases.benchmark}, by {cases.measure}")
    for (kind, title), some in zip(KINDS.items(), picked, strict=True):
        if some:
            yield element("p", element("b", title), class_="note")
        elif any(picked) and kind != "random":
            yield element("p", element("b", title), ": none.", class_="note")
        yield from (_case(case, cases.measure, findings) for case in some)


def _case(case: Case, measure: str, findings: Findings) -> Safe:
    runs = (findings.baseline, findings.treatment)
    values = " → ".join(number(case.answers[run].values.get(measure), 2) for run in runs)
    title = f"{measure} {values}: {_ends(case.text)}"
    parts = [element("pre", cut(case.text), dir="auto")]
    if case.gold:
        parts += [element("div", "Right answer", class_="note"), element("pre", cut(" | ".join(case.gold)), dir="auto")]
    sides = [element("div", *_side(run_title(findings, run), case.answers[run])) for run in runs]
    change = element("p", f"{runs[1]} − {runs[0]}: {_changes(case, *runs)}", class_="note")
    return element("details", element("summary", title), *parts, element("div", *sides, class_="sides"), change)


def _side(title: str, answer: CaseAnswer) -> Iterator[Safe]:
    ended = " (cut off at the token limit)" if answer.status == "truncated" else ""
    yield element("p", element("b", title), element("span", ended, class_="warn"))
    yield element("p", scores_text(answer), class_="note")
    if answer.marks:
        yield element("ol", *map(_mark, answer.marks), class_="checks")
    yield element("pre", cut(answer.text) or f"(no text: {answer.status})", dir="auto")
    if answer.verdict:
        yield element("p", "What the judge wrote", class_="note")
        yield element("pre", cut(answer.verdict), dir="auto")


def _mark(mark: TaskMark) -> Safe:
    good = min(mark.values.values(), default=0.0) > 0.5
    values = ", ".join(f"{name} {_word(value)}" for name, value in mark.values.items())
    shown = join([element("span", values, class_="good" if good else "bad"), f" {cut(mark.label, 200)}"])
    return element("li", shown)


def _word(value: float) -> str:
    return {0.0: "no", 1.0: "yes"}.get(value, number(value, 2))


def scores_text(answer: CaseAnswer) -> str:
    """The scores of an answer, or why it has none."""
    if not answer.values:
        return f"no score ({answer.reason})" if answer.reason else "no score"
    return ", ".join(f"{name} {number(value, 0 if judged(name) else 2)}" for name, value in answer.values.items())


def _changes(case: Case, baseline: str, treatment: str) -> str:
    before: Mapping[str, float] = case.answers[baseline].values
    after = case.answers[treatment].values
    changes = [f"{name} {number(after[name] - before[name], 2, sign=True)}" for name in after if name in before]
    return ", ".join(changes) or "no score in both"


def _ends(text: str) -> str:
    """The beginning and the end of a question: many have the same instruction before different inputs."""
    line = " ".join(text.split())
    return line if len(line) <= 110 else f"{line[:60].rstrip()} … {line[-45:].lstrip()}"


def cut(text: str, longest: int = LONGEST) -> str:
    """The text, or its beginning where it is longer."""
    return text if len(text) <= longest else f"{text[:longest].rstrip()} …"
