"""The in-toto statement of published folders: every file, everything they were made of, and nothing of the machine."""

import hashlib
import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.errors import UserError
from stages.core.records import digest
from stages.publishing.dataset import Publication, write_dataset
from stages.publishing.resource_names import Resource, digests, file, hub_address, model, uri
from stages.publishing.set_files import file_hashes
from stages.publishing.statement import STATEMENT, Making, statement, subjects
from tests.reporting.examples import GENERATOR, record, step, trained
from tests.verification.small_set import SEED, SHIPPED, make

URI = re.compile(r"[a-z][a-z0-9+.-]*:(?:[A-Za-z0-9._~:/@!$&'()*+,;=-]|%[0-9A-F]{2})+")
"""Scheme and path of RFC 3986."""
TEXT = st.text(max_size=20) | st.sampled_from(
    ["@id", '"}', "http://a/ b", "%zz", "\x00", "hub:a/b@c", "../..", "path:\n"]
)
RESOURCES = st.lists(st.tuples(TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=2)), max_size=5)
HASHES = st.dictionaries(TEXT, st.text("0123456789abcdef", min_size=64, max_size=64), max_size=5)


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / STATEMENT).read_bytes())


def test_every_file_is_a_subject_by_its_sha256(tmp_path: Path) -> None:
    folder = make(tmp_path).folder
    files = {path for path in folder.rglob("*") if path.is_file() and path.name != STATEMENT}
    named = {one["name"]: one["digest"]["sha256"] for one in read(folder)["subject"]}
    assert named == {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
    own = {"README.md", "provenance.json", "rows.sha256", "verify_rows.py", "croissant.json"}
    assert named.keys() == own | {"data/train.parquet"}


def test_it_names_sources_prompts_models_parameters_and_the_artifact(tmp_path: Path) -> None:
    small = make(tmp_path)
    artifact = tmp_path / "artifact.jsonl"
    artifact.write_text("rows\n")
    folder = tmp_path / "again"
    folder.mkdir()
    what = Publication("lakes", "1.0.0", "responded/lakes/2", repository="lab/lakes", seed=SEED)
    write_dataset(folder, what, lambda: small.rows, inputs=[file(artifact, "data/responded/lakes/2.jsonl")])
    predicate = read(folder)["predicate"]
    found = {one["name"]: one for one in predicate["buildDefinition"]["resolvedDependencies"]}
    assert found["data/responded/lakes/2.jsonl"]["digest"] == {
        "sha256": hashlib.sha256(b"rows\n").hexdigest(),
        "md5": hashlib.md5(b"rows\n", usedforsecurity=False).hexdigest(),
    }
    hashes = pq.read_table(folder / "data/train.parquet").column("source_sha256").to_pylist()
    source = found["path:data/alpaca.jsonl"]
    assert source["digest"] == {
        "seqit_source_rows_v1": hashlib.sha256("".join(f"{one}\n" for one in hashes).encode()).hexdigest()
    }
    assert source["annotations"] == {"licence": "MIT", "rows": 4}
    shipped = {digest(path.read_text(), 16): path.stem for path in (SHIPPED / "seqinstruct").glob("*.txt")}
    prompts = {
        (one["name"], shipped[one["digest"]["seqit_prompt_v1"]])
        for one in found.values()
        if one["uri"].startswith("seqit:prompt/")
    }
    assert {name.rpartition("/")[2] for name, _ in prompts} == {stem for _, stem in prompts} > {"choose"}
    assert found["hub:org/writer@0a1b"]["uri"] == "https://huggingface.co/org/writer/tree/0a1b"
    assert predicate["buildDefinition"]["externalParameters"]["entries"] == [{
        "name": "lakes", "version": "1.0.0", "reads": "responded/lakes/2", "form": "rows", "split": "train",
        "repository": "lab/lakes", "seed": SEED,
    }]  # fmt: skip
    assert predicate["runDetails"]["builder"]["id"].startswith("seqit:builder/")


def test_equal_rows_give_equal_bytes_in_any_folder_at_any_time(tmp_path: Path) -> None:
    folders = []
    for place in ("one", "another/place"):
        small = make(tmp_path / place)
        os.utime(small.data, (1, 1))
        small.publish(small.rows)
        folders.append(small.folder)
    first, second = ({n: (f / n).read_bytes() for n in [*file_hashes(f), STATEMENT]} for f in folders)
    assert first == second
    for name in (STATEMENT, "croissant.json"):
        text = first[name].decode()
        assert str(tmp_path) not in text and socket.gethostname() not in text and "localhost" not in text
        assert not re.search(r"20\d\d-\d\d-\d\d|startedOn|datePublished", text)


@given(HASHES, RESOURCES, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_order_does_not_matter_and_any_text_is_data(hashes: dict[str, str], values: list[Any], random: Any) -> None:
    resources = [Resource(uri(kind, name), name, more) for kind, name, more in values]
    making = Making("publish", {"b": 1, "a": [2]}, {}, resources)
    first = statement(hashes, making)
    shuffled, names = list(resources) * 2, list(hashes)
    random.shuffle(shuffled)
    random.shuffle(names)
    other = Making("publish", {"a": [2], "b": 1}, {}, shuffled)
    assert statement({name: hashes[name] for name in names}, other) == first
    assert subjects(first) == hashes
    listed = json.loads(first)["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {one["name"] for one in listed} == {one.name for one in resources}


@given(TEXT)
@settings(max_examples=300, deadline=None)
def test_a_uri_holds_nothing_but_what_a_uri_may_hold(name: str) -> None:
    for reference in (name, f"hub:{name}", f"hub:a/b@{name}", f"path:{name}", f"package:{name}@sha256:{'0' * 64}"):
        assert URI.fullmatch(model(reference).uri)
        address = hub_address(reference, models=False)
        assert not address or URI.fullmatch(address)


def test_digests_are_those_that_a_reference_ends_with() -> None:
    assert digests(f"package:llm@sha256:{'a' * 64}") == {"sha256": "a" * 64}
    assert digests(f"hub:lab/set@{'b' * 40}") == {"gitCommit": "b" * 40}
    assert digests("hub:lab/set@main") == digests("path:x") == digests(f"hub:lab/set@{'b' * 40}/x") == {}
    assert hub_address("hub:lab/set@main", models=False) == "https://huggingface.co/datasets/lab/set/tree/main"


def test_hostile_references_and_models_stay_names(tmp_path: Path) -> None:
    hostile = 'hub:a/b", "uri": "http://evil'
    rows = [record(0, step("respond", "respond", generator=hostile, prompt='"}]'), licence='"@id": "x"')]
    folder = tmp_path / "set"
    folder.mkdir()
    write_dataset(folder, Publication("set", "1.0.0", "responded/seed/1"), lambda: rows)
    listed = read(folder)["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {one["name"] for one in listed} == {"path:data/seeds/alpaca.json", hostile, "respond/respond"}
    assert all(URI.fullmatch(one["uri"]) for one in listed)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"_type": "x"}', b"\xff", b'{"_type": 1, "subject": []}'])
def test_other_files_are_no_statement(data: bytes) -> None:
    with pytest.raises(UserError, match="no in-toto statement"):
        subjects(data)


def test_a_name_that_stands_twice_is_no_statement() -> None:
    made = json.loads(statement({"a": "0" * 64}, Making("publish", {}, {}, [])))
    made["subject"] *= 2
    with pytest.raises(UserError, match="no in-toto statement"):
        subjects(json.dumps(made).encode())


def test_the_library_of_in_toto_reads_it(tmp_path: Path) -> None:
    library = pytest.importorskip("in_toto_attestation.v1.statement")
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1 import statement_pb2

    folder = tmp_path / "set"
    folder.mkdir()
    write_dataset(folder, Publication("set", "1.0.0", "responded/seed/1", seed=1), lambda: trained(3))
    read_back = json_format.Parse((folder / STATEMENT).read_bytes(), statement_pb2.Statement())
    library.Statement.copy_from_pb(read_back).validate()
    predicate = json_format.MessageToDict(read_back.predicate)
    slsa = json_format.ParseDict(predicate, provenance_pb2.Provenance())
    assert GENERATOR in {one.name for one in slsa.build_definition.resolved_dependencies}
