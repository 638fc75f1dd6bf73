"""The files of a published model: the same bytes anywhere, a card that huggingface_hub reads, facts that are true."""

import json
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, metadata_load, parse_eval_result_entries

from stages.core import artifacts
from stages.core.atomic_write import replacing_folder
from stages.core.dvc_hashes import file_hash, folder_hash
from stages.core.errors import UserError
from stages.model_publishing.generation_config import generation_config
from stages.model_publishing.hub_results import Leaderboard
from stages.model_publishing.linked_files import place
from stages.model_publishing.marked_template import MARKED
from stages.model_publishing.model_facts import Base
from stages.model_publishing.model_licences import model_cautions, model_licence
from stages.training.export import weights_hash
from tests.inference import tiny
from tests.model_publishing.test_marked_template import LAST_DIFFERS
from tests.model_publishing.trained import SUMMARY, facts, finished_run, published


def test_the_same_run_gives_the_same_bytes_wherever_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {}
    for place_ in ("here", "there/deeper"):
        (top := tmp_path / place_).mkdir(parents=True)
        monkeypatch.chdir(top)
        folder = published(Path(), finished_run(Path()))
        files = (path for path in folder.rglob("*") if path.is_file())
        made[place_] = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    assert made["here"] == made["there/deeper"]
    every = b"".join(data for path, data in made["here"].items() if not path.endswith(".safetensors"))
    assert str(tmp_path).encode() not in every


def test_the_facts_name_every_file_and_what_it_was_made_of(tmp_path: Path) -> None:
    outputs = finished_run(tmp_path)
    told = facts(folder := published(tmp_path, outputs))
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(told["files"]) == written - {"README.md", "provenance.json", "statement.intoto.json"}
    assert all(told["files"][path] == artifacts.sha256(folder / path) for path in told["files"])
    assert told["weights_sha256"] == weights_hash(outputs.model) == told["files"]["model.safetensors"]
    assert told["outputs"][outputs.model.as_posix()] == folder_hash(outputs.model)
    assert told["outputs"][outputs.curve.as_posix()] == file_hash(outputs.curve)
    data = json.loads((outputs.dataset / "provenance.json").read_text())
    assert told["dataset"]["rows_sha256"] == data["rows_sha256"]
    assert (told["dataset"]["repository"], told["dataset"]["version"], told["seed"]) == ("lab/rows", "0.2.0", 7)


def test_the_cards_metadata_is_what_the_hubs_library_reads(tmp_path: Path) -> None:
    folder = published(tmp_path, finished_run(tmp_path))
    data = ModelCard.load(folder / "README.md").data
    assert (data.library_name, data.license, data.language) == ("transformers", "apache-2.0", ["en"])
    assert (data.base_model, data.base_model_relation, data.datasets) == ("lab/base", "finetune", ["lab/rows"])
    scores = {one.metric_type: one for one in data.eval_results}
    assert {key: one.metric_value for key, one in scores.items()} == {"following": 25.0, "accuracy": 12.5}
    assert scores["following"].dataset_type == "lab/sequences"
    assert metadata_load(folder / "README.md")["model-index"][0]["name"] == "small"


def test_a_benchmark_without_a_leaderboard_never_has_the_name_of_a_data_set_of_the_hub(tmp_path: Path) -> None:
    folder = published(tmp_path, finished_run(tmp_path), leaderboards={})
    assert {one.dataset_type for one in ModelCard.load(folder / "README.md").data.eval_results} == {"seqit-verified"}
    assert not (folder / ".eval_results").exists()


def test_a_leaderboard_has_a_file_in_the_hubs_form(tmp_path: Path) -> None:
    folder = published(tmp_path, finished_run(tmp_path))
    (entry,) = parse_eval_result_entries(yaml.safe_load((folder / ".eval_results/verified.yaml").read_text()))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("lab/sequences", "verified", 25.0)
    assert (entry.dataset_revision, entry.date) == ("0123456789abcdef", None)
    assert entry.source_url == "https://huggingface.co/lab/small/blob/v0.1.0/README.md"
    assert "8 answers; greedy, at most 96 tokens" in entry.notes


def test_a_measure_that_was_not_taken_is_refused(tmp_path: Path) -> None:
    wrong = {"verified": Leaderboard("lab/sequences", "verified", measure="depth")}
    with pytest.raises(UserError, match=r"leaderboards\.verified: sit has no score depth there; name one of accuracy"):
        published(tmp_path, finished_run(tmp_path), leaderboards=wrong)


def test_only_declared_measures_over_all_answers_are_scores(tmp_path: Path) -> None:
    told = facts(published(tmp_path, finished_run(tmp_path)))["scores"]
    assert [(one["measure"], one["value"], one["low"], one["high"], one["n"]) for one in told] == [
        ("following", 25.0, 10.0, 50.0, 8), ("accuracy", 12.5, 10.0, 50.0, 8)
    ]  # fmt: skip
    assert "trend" in SUMMARY


def test_a_run_without_scores_is_published_without_any(tmp_path: Path) -> None:
    folder = published(tmp_path, finished_run(tmp_path), setups={}, leaderboards={})
    assert ModelCard.load(folder / "README.md").data.eval_results is None
    assert "## Evaluation" not in (folder / "README.md").read_text()


def test_the_template_marks_replies_and_the_trained_one_is_beside_it(tmp_path: Path) -> None:
    folder = published(tmp_path, finished_run(tmp_path))
    assert (folder / "trained_chat_template.jinja").read_text() == tiny.CHATML
    assert MARKED.search((folder / "chat_template.jinja").read_text())
    assert facts(folder)["template"]["marks_replies"]


def test_a_template_that_cannot_be_marked_is_published_as_it_is(tmp_path: Path) -> None:
    folder = published(tmp_path, finished_run(tmp_path, template=LAST_DIFFERS))
    assert (folder / "chat_template.jinja").read_text() == LAST_DIFFERS
    assert not facts(folder)["template"]["marks_replies"]
    assert "it marks no replies" in (folder / "README.md").read_text()


def test_texts_of_others_have_no_effect_in_the_card(tmp_path: Path) -> None:
    hostile = "x` | <script>alert(1)</script> [a](http://b) {% generation %}\n---\n# Head"
    base = Base(hostile, hostile, hostile)
    folder = published(tmp_path, finished_run(tmp_path, licence=hostile), base=base)
    text = (folder / "README.md").read_text().split("\n---\n", 1)[1]
    assert [line for line in text.splitlines() if line.startswith("# ")] == ["# small"]
    for part in text.split("`")[::2]:  # outside of code
        assert "<script>" not in part and "](http://b)" not in part
    assert ModelCard.load(folder / "README.md").data.license == "other"
    assert (folder / "LICENSE.md").is_file()


def test_a_run_that_was_not_trained_is_refused(tmp_path: Path) -> None:
    outputs = finished_run(tmp_path)
    metrics = json.loads(outputs.metrics.read_text())
    artifacts.write_json(outputs.metrics, metrics | {"final_loss": None})
    with pytest.raises(UserError, match="was not trained"):
        published(tmp_path, outputs)
    artifacts.write_json(outputs.metrics, metrics | {"weights": "0" * 16})
    with pytest.raises(UserError, match=r"has other weights than .*sit\.json tells of; run"):
        published(tmp_path, outputs, "two")


def test_missing_scores_are_told(tmp_path: Path) -> None:
    outputs = finished_run(tmp_path)
    (outputs.evaluated / "verified.json").unlink()
    with pytest.raises(UserError, match="has no scores on verified; run `seqit run evaluate@sit`"):
        published(tmp_path, outputs)


# ---------------------------------------------------------------- the parts
@pytest.mark.parametrize(
    ("base", "rows", "expected"),
    [
        ("Apache-2.0", ["MIT"], "apache-2.0"), ("llama3", ["Apache-2.0"], "llama3"), ("gemma", ["ODC-BY"], "gemma"),
        ("Apache-2.0", ["CC BY-NC 4.0", "MIT"], "cc-by-nc-4.0"), ("llama3", ["CC BY-NC 4.0"], "other"),
        ("cc-by-sa-4.0", ["cc-by-nc-4.0"], "cc-by-nc-4.0"), ("unknown", ["MIT"], "other"),
        ("Apache-2.0", ["my own"], "other"),
    ],
)  # fmt: skip
def test_the_licence_is_the_bases_or_the_strictest(base: str, rows: list[str], expected: str) -> None:
    assert model_licence(base, rows) == expected


def test_cautions_are_about_base_clash_and_rows() -> None:
    assert "publish_models.NAME.base_licence" in model_cautions("unknown", "path:x", ["MIT"], [])[0]
    assert "Built with Llama" in model_cautions("llama3", "hub:meta-llama/Meta-Llama-3-8B@1", ["MIT"], [])[0]
    assert model_cautions("Apache-2.0", "path:x", ["MIT"], ["a"]) == ["Of the rows that it was trained on: a"]
    (clash,) = model_cautions("cc-by-sa-4.0", "path:x", ["cc-by-nc-4.0"], [])
    assert clash.startswith("The licences of base model and rows clash")


def test_answers_end_where_training_ended_them() -> None:
    specials = {"bos": 1, "eos": 2, "pad": 0}
    assert generation_config({}, specials, None) == {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    assert generation_config({"eos_token_id": 9}, specials, None)["eos_token_id"] == [2, 9]
    assert generation_config({"eos_token_id": [9, 2]}, specials, None)["eos_token_id"] == [9, 2]
    base = {"do_sample": True, "temperature": 0.6, "max_new_tokens": 5, "eos_token_id": 2, "repetition_penalty": 1.1}
    greedy = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "max_tokens": 64}
    made = generation_config(base, specials, greedy)
    assert made == {
        "do_sample": False, "eos_token_id": 2, "repetition_penalty": 1.1, "bos_token_id": 1, "pad_token_id": 0
    }  # fmt: skip
    drawn = generation_config(base, specials, greedy | {"temperature": 0.7, "top_k": 40})
    assert (drawn["do_sample"], drawn["temperature"], drawn["top_p"], drawn["top_k"]) == (True, 0.7, 1.0, 40)


def test_weights_are_on_the_disk_once_and_keep_their_permissions(tmp_path: Path) -> None:
    (source := tmp_path / "weights").write_bytes(b"x" * 4096)
    source.chmod(0o444)
    with replacing_folder(tmp_path / "folder") as folder:
        how = place(source, folder / "weights")
    made = tmp_path / "folder/weights"
    assert made.read_bytes() == source.read_bytes()
    if how == "hard link":
        assert made.samefile(source)
        assert source.stat().st_mode & 0o777 == 0o444
    assert how in ("hard link", "shared blocks", "copy")
