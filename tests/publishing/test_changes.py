"""`seqit diff` says of each changed row what changed it: sets that differ in exactly one thing."""

import hashlib
import json
import re
import typing
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages import diff as command
from stages.core import artifacts
from stages.core.atomic_write import replacing_folder
from stages.core.cli import call
from stages.core.completions import Sampling
from stages.core.errors import UserError
from stages.core.records import Record, ResponseCheck, Source, Step
from stages.publishing.changes import published_version
from stages.publishing.changes.change_types import MEANINGS, Changes, Kind, RowChange
from stages.publishing.changes.compare_versions import compare_versions
from stages.publishing.changes.left_out import by_checkout
from stages.publishing.changes.published_version import open_version
from stages.publishing.changes.since_version import comparison, contents
from stages.publishing.dataset import Publication, write_dataset
from stages.publishing.published_rows import EARLIER_NAMES
from stages.seqinstruct.filters import Limits
from tests.publishing.version_sets import ASKED, BASE, TASKS, Recipe, publish
from tests.verification.test_verify import renamed_back

SUFFIXED = {"suffix": "Be kind."}
OTHER_ANSWERS = Sampling(temperature=1.0, top_p=0.9, top_k=50, max_tokens=96)
COOLER = Sampling(temperature=0.5, top_p=0.8, top_k=50, max_tokens=64)


def compared(before: Path, after: Path, **more: Any) -> tuple[Changes, list[RowChange]]:
    rows: list[RowChange] = []
    return compare_versions(open_version(before), open_version(after), listed=rows.append, **more), rows


def kinds(changes: Changes) -> dict[tuple[str, str], int]:
    """(change, kind) -> rows."""
    counts: Counter[tuple[str, str]] = Counter()
    for group in changes.groups:
        counts[group.change, group.cause.kind] += group.rows
    return dict(counts)


def words(changes: Changes) -> set[tuple[str, str, str, str, str]]:
    return {(c.kind, c.stage, c.what, c.before, c.after) for c in (group.cause for group in changes.groups)}


CHANGED = {
    "seed, actions drawn": (BASE, {"seed": 8}, {"seed"}),
    "seed, actions chosen": (ASKED, {"seed": 8}, {"seed"}),
    "prompt file": (BASE, {"edited": SUFFIXED}, {"prompt"}),
    "prompt file that chooses": (ASKED, {"edited": {"choose": "Think."}}, {"prompt"}),
    "policy": (ASKED.but(policy="uniform"), {"policy": "model"}, {"policy"}),
    "actions": (BASE, {"actions": ("prefix", "suffix", "hold")}, {"policy"}),
    "what is kept": (BASE.but(actions=("hold",)), {"hold": "keep"}, {"policy"}),
    "model": (BASE, {"model": "hub:org/other@9f"}, {"model"}),
    "model that chooses": (ASKED, {"model": "hub:org/other@9f"}, {"model"}),
    "sampling of instructions": (BASE.but(actions=("suffix",), policy="fixed"), {"sampling": COOLER}, {"sampling"}),
    "sampling of outputs": (BASE, {"answers": OTHER_ANSWERS}, {"sampling"}),
    "server": (BASE, {"server": "http://localhost:2/v1"}, {"request"}),
    "rounds": (BASE, {"rounds": 1}, {"stages"}),
    "fields": (BASE.but(adapter="own"), {"system": "note"}, {"reading"}),
    "name of the corpus": (BASE, {"corpus": "seas"}, {"corpus"}),
    "licence": (BASE, {"licence": "Apache-2.0"}, {"origin"}),
    "limits": (BASE, {"limits": Limits(1, 8.0)}, {"attempts", "outcome"}),
    "attempts": (BASE.but(limits=Limits(1, 8.0)), {"attempts": 3}, {"attempts"}),
    "reply to an equal request": (BASE, {"said": " Truly."}, {"outcome", "reply"}),
    "flags of decontamination": (BASE.but(removed=frozenset()), {"benchmark": TASKS}, {"decontamination"}),
    "arm": (BASE.but(arm=9), {"arm": None}, {"selection"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGED)
def test_rows_are_under_the_one_thing_that_is_different(tmp_path: Path, case: str) -> None:
    base, changes, expected = CHANGED[case]
    before, after = publish(tmp_path / "a", base, "0.1.0"), publish(tmp_path / "b", base.but(**changes), "0.2.0")
    result, rows = compared(before, after)
    found = kinds(result)
    assert {change for change, _ in found} == {"changed"} and {kind for _, kind in found} <= expected
    assert len(rows) == result.changed == sum(found.values()) > 0
    assert result.equal + result.changed == len(base.tasks)
    back, _ = compared(after, before)
    assert kinds(back) == found and (back.equal, back.changed) == (result.equal, result.changed)


def steps_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {row["id"]: row["steps"] for row in pq.read_table(folder / "data/train.parquet").to_pylist()}


def test_a_prompt_file_changes_the_rows_that_it_was_rendered_for(tmp_path: Path) -> None:
    before = publish(tmp_path / "a", BASE, "0.1.0")
    result, rows = compared(before, publish(tmp_path / "b", BASE.but(edited=SUFFIXED), "0.2.0"))
    using = {id for id, steps in steps_of(before).items() if any(step["action"] == "suffix" for step in steps)}
    assert {row.id for row in rows} == using and 0 < len(using) < len(TASKS)
    ((kind, stage, what, old, new),) = words(result)
    assert (kind, stage, what) == ("prompt", "rewrite", "suffix")
    (fact,) = result.facts
    assert (fact.fact, fact.before, fact.after) == ("prompt files of rewrite suffix", old, new)


def test_sampling_names_the_keys_and_both_values(tmp_path: Path) -> None:
    before = publish(tmp_path / "a", BASE, "0.1.0")
    result, _ = compared(before, publish(tmp_path / "b", BASE.but(answers=OTHER_ANSWERS), "0.2.0"))
    assert words(result) == {("sampling", "respond", "max_tokens", "128", "96")}
    assert result.groups[0].rows == result.groups[0].outputs == 9 and result.groups[0].instructions == 0


def test_a_change_of_the_first_round_takes_what_follows_with_it(tmp_path: Path) -> None:
    base = BASE.but(policy="fixed", actions=("suffix",))
    before = publish(tmp_path / "a", base, "0.1.0")
    result, rows = compared(before, publish(tmp_path / "b", base.but(sampling=COOLER, answers=OTHER_ANSWERS), "0.2.0"))
    assert {row.step for row in rows} == {"rewrite 1"}
    ((kind, stage, what, *_),) = words(result)
    assert (kind, stage, what) == ("sampling", "rewrite", "temperature, top_p")


def test_several_things_in_one_step_are_named_in_the_order_of_origin(tmp_path: Path) -> None:
    base = BASE.but(policy="fixed", actions=("suffix",))
    before = publish(tmp_path / "a", base, "0.1.0")
    changed = base.but(edited=SUFFIXED, model="hub:org/other@9f", sampling=COOLER, seed=8)
    result, rows = compared(before, publish(tmp_path / "b", changed, "0.2.0"))
    assert {row.cause.kind for row in rows} == {"prompt"}
    assert [one.kind for one in rows[0].also] == ["model", "sampling", "seed"]
    facts = [one.fact for one in result.facts]
    assert facts == ["seed", "models", "prompt files of rewrite suffix", "sampling of rewrite"]


def test_a_seed_that_a_set_does_not_name_is_no_cause(tmp_path: Path) -> None:
    before = publish(tmp_path / "a", BASE, "0.1.0", seed_known=False)
    result, _ = compared(before, publish(tmp_path / "b", BASE.but(seed=8), "0.2.0"))
    assert {kind for _, kind in kinds(result)} == {"policy", "request"}


def test_an_edited_source_row_is_one_changed_row(tmp_path: Path) -> None:
    tasks = (*TASKS[:4], "Name a mountain.", *TASKS[5:])
    before, after = publish(tmp_path / "a", BASE, "0.1.0"), publish(tmp_path / "b", BASE.but(tasks=tasks), "0.2.0")
    result, (row,) = compared(before, after)
    assert kinds(result) == {("changed", "source"): 1} and (result.equal, result.added, result.removed) == (8, 0, 0)
    assert row.id_before in steps_of(before) and row.id in steps_of(after) and row.id != row.id_before


def test_a_row_put_before_the_others_is_added_and_they_are_told_by_their_place(tmp_path: Path) -> None:
    before = publish(tmp_path / "a", BASE, "0.1.0")
    result, _ = compared(before, publish(tmp_path / "b", BASE.but(tasks=("Sing.", *TASKS)), "0.2.0"))
    assert kinds(result) == {("added", "absent"): 1, ("changed", "origin"): 9}
    assert {group.cause.what for group in result.groups if group.change == "changed"} == {"source_row"}


def test_two_edited_rows_that_share_a_place_are_not_paired(tmp_path: Path) -> None:
    before, after = publish(tmp_path / "a", BASE, "0.1.0"), publish(tmp_path / "b", BASE.but(tasks=(
        "Name a mountain.", *TASKS[1:])), "0.2.0")  # fmt: skip
    path = before / "data/train.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0]["source_sha256"], rows[0]["id"] = "0" * 64, f"lakes-{'0' * 16}"
    pq.write_table(pa.Table.from_pylist([rows[0], *table.to_pylist()], schema=table.schema), path)
    result, _ = compared(before, after)
    assert (result.changed, result.added, result.removed) == (0, 1, 2)


LEFT_OUT = {
    "decontamination": ({"benchmark": (TASKS[3],)}, "decontamination", "overlap-exact"),
    "validation": ({"quarantined": (3,)}, "validation", "expect_output"),
    "selection": ({"arm": 8}, "selection", "combine:responded/lakes/2"),
    "a row that is gone": ({"tasks": TASKS[:-1]}, "absent", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", LEFT_OUT)
def test_a_row_that_is_gone_is_under_what_left_it_out(
    tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changes, kind, what = LEFT_OUT[case]
    base = BASE.but(arm=9) if "arm" in changes else BASE
    before, after = publish(tmp_path / "a", base, "0.1.0"), publish(tmp_path / "b", base.but(**changes), "0.2.0")
    for words, change in ((((before, after)), "removed"), ((after, before), "added")):
        assert call(command, [*map(str, words), "--json", "--rows"]) == 0
        result = json.loads(capsys.readouterr().out)
        (group,) = result["changes"]["groups"]
        assert (group["change"], group["cause"]["kind"], group["cause"]["what"]) == (change, kind, what)
        assert (result["changes"]["equal"], len(result["rows"])) == (8, 1)


def test_a_lost_response_is_read_of_the_checkout(tmp_path: Path) -> None:
    top = tmp_path / "a"
    folder = publish(top, BASE, "0.1.0")
    gone = next(iter(steps_of(folder)))
    (top / "data/responded/lakes/2.rejected.jsonl").write_text(json.dumps({"id": gone, "reason": "truncated"}) + "\n")
    (top / "data/responded/lakes/1.rejected.jsonl").write_text(json.dumps({"id": "x-1", "reason": "failed"}) + "\n")
    (cause,) = by_checkout(top, "responded/lakes/2", {gone, "x-1"}).values()
    assert (cause.kind, cause.stage, cause.what) == ("lost", "responded", "truncated")


def test_a_source_that_only_one_version_has_is_named(tmp_path: Path) -> None:
    rows = [record(0), record(1), record(2, reference="hub:org/more@1")]
    before, after = written(tmp_path / "a", rows[:2]), written(tmp_path / "b", rows, "0.2.0")
    result, _ = compared(before, after)
    assert [(one.change, one.cause.kind, one.cause.what) for one in result.groups] == [
        ("added", "sources", "hub:org/more")
    ]
    assert ("sources", "", "hub:org/more@1 (MIT)") in {(f.fact, f.before, f.after) for f in result.facts}


# ---------------------------------------------------------------- earlier layouts, other forms


def as_published_before(folder: Path) -> None:
    """Give a set the names of columns of earlier versions, and no hashes of rows."""
    path = folder / "data/train.parquet"
    rows = [
        renamed_back(row) | {"steps": [renamed_back(step) for step in row["steps"]], "image": ""}
        for row in pq.read_table(path).drop_columns(["messages", "round"]).to_pylist()
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    (folder / "rows.sha256").unlink()
    facts = json.loads((folder / "provenance.json").read_bytes())
    kept = {key: value for key, value in facts.items() if key not in ("columns", "columns_sha256")}
    (folder / "provenance.json").write_text(json.dumps(kept))


@pytest.mark.parametrize(("changes", "expected"), [({}, set()), ({"edited": SUFFIXED}, {"prompt"})])
def test_sets_of_earlier_layouts_are_read(tmp_path: Path, changes: dict[str, Any], expected: set[str]) -> None:
    before, after = publish(tmp_path / "a", BASE, "0.1.0"), publish(tmp_path / "b", BASE.but(**changes), "0.2.0")
    as_published_before(before)
    result, _ = compared(before, after)
    assert {kind for _, kind in kinds(result)} == expected and result.equal + result.changed == 9
    (columns,) = (fact for fact in result.facts if fact.fact == "columns")
    assert (columns.before, columns.after) == ("image_file", "messages, round")
    assert "image" in EARLIER_NAMES


def with_text_hashes(folder: Path, text: str) -> None:
    """Add hashes of the replies' texts to steps."""
    path = folder / "data/train.parquet"
    rows = pq.read_table(path).to_pylist()
    for row in rows:
        for step in row["steps"]:
            said = text if step["stage"] == "respond" else "same"
            step["replies_sha256"] = [hashlib.sha256(said.encode()).hexdigest()[:32] for _ in step["replies"]]
    pq.write_table(pa.Table.from_pylist(rows), path)
    (folder / "rows.sha256").unlink()


@pytest.mark.parametrize(("text", "kind"), [("b", "reply"), ("a", "outcome")])
def test_with_hashes_of_texts_another_reply_is_told_from_another_use_of_it(
    tmp_path: Path, text: str, kind: str
) -> None:
    before, after = publish(tmp_path / "a", BASE, "0.1.0"), publish(tmp_path / "b", BASE.but(said="!"), "0.2.0")
    with_text_hashes(before, "a")
    with_text_hashes(after, text)
    assert kinds(compared(before, after)[0]) == {("changed", kind): 9}


def test_other_forms_are_compared_by_their_columns(tmp_path: Path) -> None:
    rows = [[record(n, checks=(ResponseCheck("bullets", {"count": n + m}),)) for n in range(3)] for m in (1, 2)]
    before = written(tmp_path / "a", rows[0], form="grpo")
    result, _ = compared(before, written(tmp_path / "b", [rows[0][0], *rows[1][1:]], "0.2.0", form="grpo"))
    assert words(result) == {("columns", "", "checks", "", "")} and (result.equal, result.changed) == (1, 2)


# ---------------------------------------------------------------- properties


def record(number: int, reference: str = "path:x.jsonl", **more: Any) -> Record:
    sha256 = f"{number:016x}" + "0" * 48
    values = {"instruction": f"Task {number}.", "response": "Yes."} | more
    return Record(
        f"x-{sha256[:16]}", "x", input="", system="", source=Source(reference, number, sha256, "MIT", "en"), **values
    )


def written(folder: Path, rows: list[Record], version: str = "0.1.0", **more: Any) -> Path:
    with replacing_folder(folder) as inside:
        write_dataset(inside, Publication("x", version, "responded/x/1", seed=1, **more), lambda: rows)
    return folder


STEPS = st.builds(
    Step,
    stage=st.sampled_from(["decontaminate", "rewrite", "evolve", "respond", "sample", "split", "augment"]),
    action=st.sampled_from(["", "hold", "suffix", "prefix", "constrain", "keep", "respond"]),
    status=st.sampled_from(["ok", "frozen", "failed", "truncated", "unparsed"]),
    round=st.integers(0, 2), generator=st.sampled_from(["", "m", "n"]), prompt=st.sampled_from(["", "a", "b", "a+b"]),
    sampling=st.sampled_from([{}, {"top_k": 1}, {"top_k": 2, "stop": ["|"]}]),
    replies=st.lists(st.sampled_from(["0" * 64, "1" * 64]), max_size=2).map(tuple),
)  # fmt: skip
ROWS = st.lists(
    st.builds(
        record, st.integers(0, 5), reference=st.sampled_from(["path:x.jsonl", "hub:a/b@1", "hub:a/b@2"]),
        instruction=st.sampled_from(["A", "B"]), response=st.sampled_from(["", "C", "D"]),
        steps=st.lists(STEPS, max_size=3).map(tuple),
    ),
    max_size=5,
).map(lambda rows: [record(9), *{row.id: row for row in rows}.values()])  # fmt: skip


@given(ROWS, ROWS)
@settings(max_examples=80, deadline=None)
def test_counts_add_up_and_are_the_same_the_other_way_round(
    tmp_path_factory: pytest.TempPathFactory, first: list[Record], second: list[Record]
) -> None:
    top = tmp_path_factory.mktemp("pair")
    before, after = written(top / "a", first), written(top / "b", second, "0.2.0")
    result, rows = compared(before, after)
    back, _ = compared(after, before)
    assert result.equal + result.changed + result.removed == len(first)
    assert result.equal + result.changed + result.added == len(second)
    assert len(rows) == sum(group.rows for group in result.groups) == result.changed + result.added + result.removed
    assert (back.equal, back.changed, back.added, back.removed) == (
        result.equal, result.changed, result.removed, result.added,
    )  # fmt: skip
    swapped = {"added": "removed", "removed": "added", "changed": "changed"}
    assert kinds(back) == {(swapped[change], kind): count for (change, kind), count in kinds(result).items()}


@given(ROWS)
@settings(max_examples=40, deadline=None)
def test_a_set_does_not_differ_from_itself(tmp_path_factory: pytest.TempPathFactory, rows: list[Record]) -> None:
    folder = written(tmp_path_factory.mktemp("set") / "a", rows)
    for _ in range(2):
        result, listed = compared(folder, folder)
        assert (result.equal, result.facts, result.groups, listed) == (len(rows), [], [], [])
        (folder / "rows.sha256").unlink(missing_ok=True)
        folder = folder.rename(folder.with_name("b")) if folder.name == "a" else folder


def test_row_hashes_and_rows_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = publish(tmp_path / "a", BASE, "0.1.0")
    after = publish(tmp_path / "b", BASE.but(edited=SUFFIXED), "0.2.0")
    decoded: list[str] = []
    decode = published_version._decoded

    def counting(*arguments: Any) -> Iterator[dict[str, Any]]:
        for row in decode(*arguments):
            decoded.append(row["id"])
            yield row

    monkeypatch.setattr(published_version, "_decoded", counting)
    quick, rows = compared(before, after)
    assert set(decoded) == {row.id for row in rows} and len(decoded) == 2 * len(rows)
    (before / "rows.sha256").unlink()
    assert compared(before, after)[0] == quick and len(decoded) > 2 * len(rows)


def test_every_kind_has_a_meaning() -> None:
    assert set(MEANINGS) == set(typing.get_args(Kind))


# ---------------------------------------------------------------- the card


def published_since(tmp_path: Path, recipe: Recipe, reference: Callable[[Path], str]) -> Path:
    """A set with the changes since one with the seed 7."""
    before = publish(tmp_path / "a", BASE, "0.1.0")
    receipt = artifacts.Receipt("responded/lakes/2", "0" * 64, "responded", 9, {}, 3)
    return publish(tmp_path / "b", recipe, "0.2.0", comparison(reference(before), receipt))


def pinned(folder: Path) -> str:
    return f"path:{folder}@sha256:{contents(folder)}"


def test_a_card_has_the_changes_and_so_has_provenance(tmp_path: Path) -> None:
    after = published_since(tmp_path, BASE.but(answers=OTHER_ANSWERS), pinned)
    card = (after / "README.md").read_text()
    section = card.partition("## Changes since v0.1.0\n")[2].partition("\n## ")[0]
    assert "0 rows are equal, 9 changed, 0 were added and 0 removed." in section
    assert re.search(r"\| sampling `max_tokens`, `respond`: `128` -> `96` \| 9 \| 0 \| 0 \| 9 \| `lakes-", section)
    facts = json.loads((after / "provenance.json").read_bytes())
    assert (facts["changes"]["changed"], facts["changes"]["groups"][0]["cause"]["kind"]) == (9, "sampling")
    assert str(tmp_path) not in card + (after / "provenance.json").read_text()
    first = {path.name: path.read_bytes() for path in after.rglob("*") if path.is_file()}
    again = published_since(tmp_path, BASE.but(answers=OTHER_ANSWERS), pinned)
    assert first == {path.name: path.read_bytes() for path in again.rglob("*") if path.is_file()}


def test_a_card_without_an_earlier_version_has_no_such_section(tmp_path: Path) -> None:
    folder = publish(tmp_path, BASE, "0.1.0")
    assert "Changes since" not in (folder / "README.md").read_text()
    assert "changes" not in json.loads((folder / "provenance.json").read_bytes())


def test_a_card_names_rows_that_validation_left_out(tmp_path: Path) -> None:
    before = publish(tmp_path / "a", BASE, "0.1.0")
    gone = list(steps_of(before))[3]
    receipt = artifacts.Receipt("responded/lakes/2", "0" * 64, "responded", 9, {gone: ["expect_output"]}, 3)
    recipe = BASE.but(quarantined=(3,))
    after = publish(tmp_path / "b", recipe, "0.2.0", comparison(pinned(before), receipt))
    assert f"| removed: validation `expect_output` | 1 | - | - | - | `{gone}` |" in (after / "README.md").read_text()


def test_names_of_an_earlier_version_have_no_effect_in_a_card(tmp_path: Path) -> None:
    hostile = "x|`</table><script>\n## Evil"
    rows = [record(0, steps=(Step("rewrite", hostile, "ok", prompt=hostile, generator=hostile, replies=("0" * 64,)),))]
    before = written(tmp_path / "a", rows)
    receipt = artifacts.Receipt("responded/x/1", "0" * 64, "responded", 1, {}, 3)
    with replacing_folder(tmp_path / "b") as folder:
        write_dataset(
            folder, Publication("x", "0.2.0", "responded/x/1", seed=1), lambda: [record(0, response="No.")], receipt,
            changes=comparison(pinned(before), receipt),
        )  # fmt: skip
    section = (tmp_path / "b/README.md").read_text().partition("## Changes since")[2].partition("\n## Make")[0]
    plain = re.sub(r"`[^`\n]*`", "", re.sub(r"\\.", "", section))  # without escaped characters and code
    assert "Evil" in section and "\n## " not in section and "<script" not in plain and "`" not in plain


WRONG = {
    "absent": (lambda folder: f"path:{folder.parent / 'no'}@sha256:{'0' * 64}", "no such folder or file"),
    "not pinned": (lambda folder: f"path:{folder}", "write path:.*/lakes@sha256:[0-9a-f]{64}$"),
    "other contents": (lambda folder: f"path:{folder}@sha256:{'0' * 64}", "has other contents than params.yaml says"),
    "a file": (lambda folder: f"path:{folder}/data/train.parquet@sha256:{'0' * 64}", "is no folder"),
    "no form": (lambda folder: "hub:lakes", "write hub:ORG/NAME@TAG"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_version_that_is_not_fixed_is_refused(tmp_path: Path, case: str) -> None:
    reference, message = WRONG[case]
    with pytest.raises(UserError, match=message):
        published_since(tmp_path, BASE, reference)
    assert not (tmp_path / "b/data/published/lakes").exists()


def test_the_same_version_is_refused_for_a_card(tmp_path: Path) -> None:
    before = publish(tmp_path / "a", BASE, "0.2.0")
    receipt = artifacts.Receipt("x", "0" * 64, "responded", 9, {}, 3)
    with pytest.raises(UserError, match=r"is version 0\.2\.0 too"):
        publish(tmp_path / "b", BASE, "0.2.0", comparison(pinned(before), receipt))


# ---------------------------------------------------------------- the command


def test_the_command_says_facts_then_causes_then_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = publish(tmp_path / "a", BASE, "0.1.0")
    after = publish(tmp_path / "b", BASE.but(edited=SUFFIXED), "0.2.0")
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    assert call(command, [str(before), str(after)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"v0\.1\.0 -> v0\.2\.0: (\d) rows are equal, (\d) changed, 0 were added and 0 removed\.", lines[0]
    )
    assert (
        lines[1].startswith("  prompt files of rewrite suffix: 51c7692d9432a72b (") and "small/suffix.txt" in lines[1]
    )
    assert re.match(r"rows +other action +other instruction +other output +changed because of", lines[3])
    assert "prompt file suffix, rewrite: 51c7692d9432a72b" in lines[4] and lines[5].strip().startswith("lakes-")
    assert call(command, [str(before), str(after), "--rows"]) == 0
    listed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("changed lakes-")]
    assert f"{len(listed)} changed," in lines[0] and " at rewrite " in listed[0]


def test_the_exit_status_is_that_of_git(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = publish(tmp_path / "a", BASE, "0.1.0")
    after = publish(tmp_path / "b", BASE.but(seed=8), "0.2.0")
    assert call(command, [str(before), str(after)]) == 0
    assert call(command, [str(before), str(after), "--exit-code"]) == 1
    assert call(command, [str(before), str(before), "--exit-code"]) == 0
    assert call(command, [str(before / "data/train.parquet"), str(after), "--json"]) == 0
    assert capsys.readouterr().out.count('"seed"') > 0


def broken(folder: Path, name: str) -> str:
    """A target that can't be compared."""
    if name == "corrupt":
        path = folder / "data/train.parquet"
        path.write_bytes(path.read_bytes()[:-100])
    elif name == "pages":
        path, data = folder / "data/train.parquet", bytearray((folder / "data/train.parquet").read_bytes())
        data[4:2000] = bytes(1996)
        path.write_bytes(data)
        (folder / "rows.sha256").unlink()
    elif name == "no ids":
        pq.write_table(pa.table({"a": [1]}), folder / "data/train.parquet")
    elif name == "other steps":
        pq.write_table(pa.table({"id": ["a"], "steps": ["b"]}), folder / "data/train.parquet")
    elif name == "no set":
        (folder / "provenance.json").unlink()
    elif name == "facts":
        facts = json.loads((folder / "provenance.json").read_bytes())
        (folder / "provenance.json").write_text(json.dumps(facts | {"prompts": [["a"]]}))
    elif name == "absent":
        return str(folder / "no")
    elif name == "nothing in common":
        written(folder, [record(0)])
    return str(folder)


BROKEN = {
    "corrupt": "not a Parquet file, or a damaged one", "pages": "not a Parquet file, or a damaged one",
    "no ids": "has no column `id`", "other steps": "is no list of steps", "no set": "is no published set",
    "facts": "Expected `array` of length 4 - at `$.prompts[0]`", "absent": "no such folder or file",
    "nothing in common": "have no row in common",
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_bad_input_is_one_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    before, after = publish(tmp_path / "a", BASE, "0.1.0"), publish(tmp_path / "b", BASE, "0.2.0")
    target = broken(after, name)
    for words in ([str(before), target], [target, str(before)]):
        assert call(command, words) == 2
        out, err = capsys.readouterr()
        assert BROKEN[name] in err and len(err.splitlines()) == 1 and not out
