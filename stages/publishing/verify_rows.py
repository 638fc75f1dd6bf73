"""Checks a data set that seqit published: hashes, counts, column types and messages. Needs Python and pyarrow alone.

    python verify_rows.py FOLDER      FOLDER holds provenance.json and data/

The exit status is 0 where everything agrees, 1 where something differs, and 2 for files that are missing or damaged.

A copy of this file lies beside each published set, and imports nothing of seqit. Who changes a set can change that copy
too: take the file from seqit, or from a copy of the set that you trust. `seqit verify` does all of this, and compares
with stored replies, prompt files, source corpora and dvc.lock.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROLES = ("user", "assistant")
EACH = ("sources", "languages", "generators", "steps", "prompts", "samplings", "outputs")
"""Counts of provenance.json that are counted again."""
MOST = 20
"""Differences of a kind that are printed."""


def canonical(value: Any) -> bytes:
    """The bytes that are hashed: JSON, keys sorted, UTF-8, no spaces."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def feature(kind: Any) -> dict[str, Any]:
    """An Arrow type as `features` of provenance.json, and of the card, name it."""
    from pyarrow import types

    if types.is_struct(kind):
        return {"struct": [{"name": field.name, **feature(field.type)} for field in kind]}
    if not (types.is_list(kind) or types.is_large_list(kind)):
        return {"dtype": str(kind)}
    inner = feature(kind.value_type)
    return {"list": inner.get("struct", inner.get("dtype", inner))}


def messages(row: dict[str, Any]) -> list[dict[str, str]]:
    """The messages that a row's flat columns make; earlier turns only where these have a column."""
    turns = [("system", row["system_prompt"])] if row["system_prompt"].strip() else []
    for turn in row.get("history") or ():
        turns += zip(ROLES, (turn["instruction"], turn["response"].strip()), strict=True)
    turns.append(("user", f"{row['instruction']}\n\n{row['input']}" if row["input"] else row["instruction"]))
    turns += [("assistant", row["output"].strip())] if "output" in row else []
    return [{"role": role, "content": content} for role, content in turns]


def is_built(row: dict[str, Any]) -> bool:
    """Whether the messages of a row are those of its flat columns; also where it has no such columns."""
    if not {"messages", "instruction", "steps"} <= row.keys():
        return True
    actual = row["messages"]
    if "history" not in row:
        actual = [*(one for one in actual[:1] if one["role"] == "system"), *actual[-1:]]
    return bool(actual == messages(row))


def counted(row: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """(field of provenance.json, what is counted in it) of a row."""
    yield "languages", (row.get("language"),)
    if "source_reference" in row:
        yield "sources", (row["source_reference"], row["licence"])
    if "output" in row:
        empty, cut = not row["output"].strip(), row.get("output_status") == "truncated"
        yield "outputs", ("generated" if row["generator"] else "source",)
        yield from (("outputs", (name,)) for name, holds in (("empty", empty), ("truncated", cut)) if holds)
    for step in row.get("steps") or ():
        yield "steps", (step["stage"], step["round"], step["action"], step["status"])
        if step["generator"] and step["stage"] != "filter":
            yield "generators", (step["generator"],)
        if step["prompt_sha256"]:
            yield "prompts", (step["stage"], step["action"], step["prompt_sha256"])
        if step["sampling"]:
            yield "samplings", (step["stage"], step["sampling"])


class Rows:
    """What the rows of the Parquet files are, after one pass over them."""

    def __init__(self, paths: list[Path]) -> None:
        """Read all rows. Raises OSError and pyarrow's errors for a file that can't be read."""
        import pyarrow.parquet as pq

        self.lines: list[str] = []
        self.features: dict[str, list[dict[str, Any]]] = {}
        self.unlike: list[str] = []
        """Ids of rows whose messages are not those of their other columns."""
        self.counts: dict[str, Counter[tuple[Any, ...]]] = {name: Counter() for name in EACH}
        self._all = hashlib.sha256()
        self._columns: dict[str, Any] = {}
        for path in paths:
            with pq.ParquetFile(path) as file:
                fields = file.schema_arrow
                self.features[path.name] = [{"name": field.name, **feature(field.type)} for field in fields]
                for batch in file.iter_batches(512):
                    for row in batch.to_pylist():
                        self._add(row)

    def _add(self, row: dict[str, Any]) -> None:
        parts = {name: canonical(value) for name, value in row.items()}
        text = b"{%b}" % b",".join(b"%b:%b" % (canonical(name), parts[name]) for name in sorted(parts))
        self._all.update(text + b"\n")
        for name, part in parts.items():
            self._columns.setdefault(name, hashlib.sha256()).update(part + b"\n")
        self.lines.append(f"{hashlib.sha256(text).hexdigest()[:32]}  {row['id']}")
        if not is_built(row):
            self.unlike.append(row["id"])
        for name, key in counted(row):
            self.counts[name][key] += 1

    @property
    def hashes(self) -> tuple[str, dict[str, str]]:
        """Of all rows, and of each column."""
        return self._all.hexdigest(), {name: one.hexdigest() for name, one in sorted(self._columns.items())}


def check(folder: Path) -> Iterator[str]:
    """The differences between the rows of a folder and its provenance.json and rows.sha256, each as one line.

    Raises OSError, ValueError and pyarrow's errors for files that are missing or damaged.
    """
    facts = json.loads((folder / "provenance.json").read_bytes())
    rows = Rows(sorted(folder.glob("data/*.parquet")))
    total, columns = rows.hashes
    suspects = [name for name, one in facts["columns_sha256"].items() if columns.get(name) != one]
    suspects += sorted(columns.keys() - facts["columns_sha256"].keys())
    if facts["rows"] != len(rows.lines):
        yield f"provenance.json rows: says {facts['rows']}; there are {len(rows.lines)}"
    if facts["rows_sha256"] != total:
        yield f"data rows_sha256: the rows have {total}; provenance.json says {facts['rows_sha256']}"
    yield from (f"data {name}: its column is not what was published" for name in suspects)
    yield from _row_differences((folder / "rows.sha256").read_text("utf-8").splitlines(), rows.lines, suspects)
    for file, features in rows.features.items():
        wrong = [one["name"] for one in features if one not in facts.get("features", features)]
        yield from (f"data/{file} {name}: has another type than was published" for name in wrong)
    yield from (f"data {id} messages: are not those of the row's other columns" for id in rows.unlike[:MOST])
    for name in EACH:
        yield from _count_differences(name, facts.get(name, []), rows.counts[name])


def _row_differences(published: list[str], actual: list[str], columns: list[str]) -> Iterator[str]:
    gone, new = Counter(published) - Counter(actual), Counter(actual) - Counter(published)
    where = f" ({', '.join(columns)})" if columns else ""
    for line in [*new.elements()][:MOST]:
        yield f"data {line[34:]}: is no row of rows.sha256{where}"
    for line in [*gone.elements()][:MOST]:
        yield f"data {line[34:]}: was published and is missing or changed"
    if not gone and not new and published != actual:
        moved = next(after for before, after in zip(published, actual, strict=True) if before != after)
        yield f"data {moved[34:]}: the rows are in another order, from this one on"


def _count_differences(name: str, published: Any, actual: Counter[tuple[Any, ...]]) -> Iterator[str]:
    if isinstance(published, dict):
        expected = {(key,): count for key, count in published.items()}
    else:
        expected = {tuple(entry[:-1]): entry[-1] for entry in published}
    if not actual and name != "languages":
        return  # rows of a form without such columns
    for key in sorted({*expected, *actual}, key=repr):
        if expected.get(key, 0) != actual[key]:
            yield f"provenance.json {name} {key}: says {expected.get(key, 0)}; counted {actual[key]}"


def main(folder: Path) -> int:
    """Print the differences; returns the exit status."""
    try:
        if "configs" in json.loads((folder / "provenance.json").read_bytes()):
            print(f"{folder}: is a repository of several sets, which `seqit verify` checks", file=sys.stderr)
            return 2
        differences = list(check(folder))
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed; pip install pyarrow", file=sys.stderr)
        return 2
    # No schema of the files is at hand here: values of another form show as whatever reading them raises.
    except (OSError, ValueError, LookupError, TypeError, AttributeError, NotImplementedError) as error:
        print(f"{folder}: is no data set that seqit published, or is damaged: {error!r:.300}", file=sys.stderr)
        return 2
    for line in differences:
        print("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line))
    outcome = f"differences: {len(differences)}" if differences else "every row is as published"
    print(f"{folder}: {outcome}")
    return 1 if differences else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(Path(sys.argv[1])))
