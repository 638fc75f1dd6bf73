"""spaCy pipelines as models of `fetch`, which needs no spaCy."""

from pathlib import Path

import pytest

from stages.core import artifacts
from stages.core.errors import UserError
from stages.model_files.references import fetch_model
from stages.model_files.spacy_pipeline import identity_of, pipelines


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    folder = tmp_path / "package" / "parser-1.0"
    (folder / "tagger").mkdir(parents=True)
    for name in ("config.cfg", "meta.json", "tagger/model", "evil.py", "weights.pkl"):
        (folder / name).write_text("{}")
    return folder


def test_a_pipeline_is_copied_without_code_and_named_by_its_bytes(pipeline: Path, tmp_path: Path) -> None:
    fetch_model(f"path:{pipeline}", tmp_path / "m")
    copied = {path.relative_to(tmp_path / "m").as_posix() for path in (tmp_path / "m").rglob("*") if path.is_file()}
    assert copied == {"config.cfg", "meta.json", "tagger/model", artifacts.REFERENCE}
    first = identity_of(tmp_path / "m")
    assert first.startswith("path:parser-1.0@sha256:")
    (pipeline / "tagger/model").write_text("other")
    fetch_model(f"path:{pipeline}", tmp_path / "m")
    assert identity_of(tmp_path / "m") != first


def test_pipelines_are_those_with_both_files(pipeline: Path, tmp_path: Path) -> None:
    assert pipelines([str(tmp_path)]) == [pipeline]
    (pipeline / "meta.json").unlink()
    assert pipelines([str(tmp_path)]) == []


def test_a_folder_that_was_not_fetched_has_no_identity(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was not fetched; run `dvc repro fetch_model@english`"):
        identity_of(tmp_path / "english")
