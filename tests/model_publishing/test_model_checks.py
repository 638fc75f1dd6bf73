"""A copy of a published model that was changed: each change is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.core import artifacts
from stages.publishing.statement import STATEMENT
from stages.verification.check_results import Mismatch
from stages.verification.verify_set import Evidence, verify_set
from tests.inference import tiny
from tests.model_publishing.trained import facts, finished_run, published


def mismatches(folder: Path, lock: Path | None = None) -> list[Mismatch]:
    result = verify_set(folder, Evidence(lock=lock))
    every = [one for check in result.checks for one in check.mismatches]
    assert result.differs == bool(every)
    # That the statement finds each of them too is what tests/publishing/test_statement.py holds.
    return [one for check in result.checks for one in check.mismatches if check.name != f"files of {STATEMENT}"]


def rewritten(path: Path, text: str) -> None:
    path.unlink()  # weights are the same file as those of the run
    path.write_text(text)


def test_a_sound_copy_has_nothing_that_differs(tmp_path: Path) -> None:
    folder = published(tmp_path, finished_run(tmp_path))
    assert mismatches(folder) == []
    checks = {one.name: one.compared for one in verify_set(folder, Evidence()).checks}
    assert checks["files"] == len(facts(folder)["files"])
    assert checks["weights_sha256"] == checks["chat template"] == 1


CHANGES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "weights": (lambda folder: rewritten(folder / "model.safetensors", "other"), "model.safetensors", "has the hash"),
    "tokenizer": (
        lambda folder: rewritten(folder / "tokenizer_config.json", "{}"), "tokenizer_config.json", "has the hash"
    ),
    "missing": (lambda folder: (folder / "config.json").unlink(), "config.json", "is missing"),
    "added": (lambda folder: (folder / "code.py").write_text("import os"), "code.py", "is not in provenance.json"),
    "scores": (
        lambda folder: rewritten(folder / ".eval_results/verified.yaml", "[]"), ".eval_results/verified.yaml", "hash"
    ),
    "card": (
        lambda folder: rewritten(folder / "README.md", (folder / "README.md").read_text().replace("`", "")[:300]),
        "README.md", "does not say",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_named(change: str, tmp_path: Path) -> None:
    folder = published(tmp_path, finished_run(tmp_path))
    edit, file, message = CHANGES[change]
    edit(folder)
    assert any(one.file.endswith(file) and message in one.message for one in mismatches(folder))


def test_a_template_that_renders_another_text_is_found_where_its_hash_was_changed_too(tmp_path: Path) -> None:
    folder = published(tmp_path, finished_run(tmp_path))
    for text, message in (
        (tiny.CHATML.replace("'\\n' + message", "' ' + message"), "opens a reply otherwise than it writes one"),
        ((folder / "chat_template.jinja").read_text().replace("+%}", "+%}{{ 'Hi ' }}", 1), "another text"),
        (tiny.CHATML, "does not mark replies"),
    ):
        rewritten(folder / "chat_template.jinja", text)
        told = facts(folder)
        told["files"]["chat_template.jinja"] = artifacts.sha256(folder / "chat_template.jinja")
        artifacts.write_json(folder / "provenance.json", told)
        (mismatch,) = mismatches(folder)
        assert message in mismatch.message


def test_other_facts_about_the_weights_are_found(tmp_path: Path) -> None:
    folder = published(tmp_path, finished_run(tmp_path))
    told = facts(folder)
    artifacts.write_json(folder / "provenance.json", told | {"weights_sha256": "0" * 64})
    assert {one.field for one in mismatches(folder)} == {"weights_sha256", ""}  # the card has the true one
    artifacts.write_json(folder / "provenance.json", told | {"training": told["training"] | {"weights": "0" * 16}})
    assert [one.field for one in mismatches(folder)] == ["training.weights"]


def test_a_lock_file_has_the_outputs_that_it_was_made_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = published(Path(), finished_run(Path()))
    outs = [{"path": path, "md5": md5} for path, md5 in facts(folder)["outputs"].items()]
    assert {one["path"] for one in outs} == {
        "models/sit", "data/metrics/train/sit.json", "data/metrics/train/sit.csv", "data/evaluated/sit",
        "data/published/sit",
    }  # fmt: skip
    lock = Path("dvc.lock")
    lock.write_text(json.dumps({"stages": {"any": {"outs": outs}}}))
    assert mismatches(folder, lock) == []
    outs[0]["md5"] = "0"
    lock.write_text(json.dumps({"stages": {"any": {"outs": outs}}}))
    (mismatch,) = mismatches(folder, lock)
    assert (mismatch.file, mismatch.field) == ("dvc.lock", outs[0]["path"])


def test_no_file_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    folder = published(tmp_path, finished_run(tmp_path))
    told = facts(folder)
    (tmp_path / "secret").write_text("x")
    told["files"]["../secret"] = artifacts.sha256(tmp_path / "secret")
    artifacts.write_json(folder / "provenance.json", told)
    (mismatch,) = mismatches(folder)
    assert mismatch.message.startswith("is missing")
