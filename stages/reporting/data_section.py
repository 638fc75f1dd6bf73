"""The section on data: Table 4 beside the paper's, actions by round, failed steps by reason, example chains."""

from collections.abc import Mapping, Sequence

from stages.core.records import user_text
from stages.reporting.charts import WIDTH, Drawing, framed, stacked
from stages.reporting.findings import ACTIONS, Findings, Round
from stages.reporting.html import Safe, element, join, number, table
from stages.reporting.paper_values import HOLD_OF_PROMPTED, TABLE_4, Iteration
from stages.reporting.row_pairs import Chain, RowSet, path_of

COLOURS = {name: f"a-{name}" for name in (*ACTIONS, "frozen", "lost")}
INTRODUCTION = (
    "In each round a row is decomposed, gets a task before it or after it, or is held. A held row is frozen: no later "
    "round asks it again. Steps that came to nothing keep their own status and never count as hold."
)
LONGEST = 1200
"""Characters of one text on the page."""


def data_section(findings: Findings) -> list[Safe]:
    """The section on Seq-Instruct; empty where there was no round."""
    if not findings.rounds:
        return []
    return [
        element("h2", "What Seq-Instruct made of the data", id="data"),
        element("p", INTRODUCTION),
        framed(actions_chart(findings.rounds)),
        table_4(findings.rounds),
        *_lost(findings.rounds, findings.stages),
    ]  # fmt: skip


def actions_chart(
    rounds: Sequence[Round], corpora: tuple[str, ...] = ("Alpaca",), width: float = WIDTH
) -> Drawing:  # fmt: skip
    """One bar a round, ours and below them the paper's for `corpora`."""
    bars = {f"{r.corpus}, round {r.round}": segments(r) for r in rounds if r.round}
    for row in TABLE_4:
        if row.round and row.corpus in corpora:
            shares = {action: (getattr(row, action) or 0.0) / 100 for action in ACTIONS}
            bars[f"the paper's {row.corpus}, round {row.round}"] = shares
    return stacked("What Seq-Instruct chose, share of all rows by round", bars, COLOURS, width)


def segments(one: Round) -> dict[str, float]:
    """Shares of all rows: the four actions, frozen rows (not counted as hold), and failed steps ("lost")."""
    return {action: one.by_action.get(action, 0) / max(one.number, 1) for action in (*ACTIONS, "frozen", "lost")}


def table_4(rounds: Sequence[Round]) -> Safe:
    """The paper's Table 4, ours above theirs."""
    head = ["seed data", "round", "rows", "input tokens", "output tokens", "tasks", *ACTIONS, "hold of asked", "lost"]
    rows = [_ours(one) for one in rounds]
    caption = (
        "Table 4: mean tokens, and options in % of the rows that have one, frozen rows counted as hold as in the "
        "paper. Italic: the paper's own figures."
    )
    return table(head, [*rows, *map(_theirs, TABLE_4)], caption)


def _ours(one: Round) -> list[object]:
    shares = [number(100 * one.shares[a]) if a in one.shares else None for a in ACTIONS]
    hold_share = number(100 * one.prompted["hold"]) if "hold" in one.prompted and one.round else None
    lost = one.by_action.get("lost", 0) if one.round else None
    tokens = [number(one.input_tokens), number(one.output_tokens), number(one.tasks, 2)]
    return [one.corpus, one.round, one.number, *tokens, *(shares if one.round else [None] * 4), hold_share, lost]


def _theirs(row: Iteration) -> list[object]:
    shares = [None if (v := getattr(row, a)) is None else number(v) for a in ACTIONS]
    hold_share = HOLD_OF_PROMPTED.get(row.corpus) if row.round == 2 else None
    cells = [row.corpus, row.round, None, number(row.input_tokens), number(row.output_tokens), None, *shares]
    cells += [None if hold_share is None else number(hold_share), None]
    return [cell if cell is None else element("span", cell, class_="paper") for cell in cells]


def _lost(rounds: Sequence[Round], stages: Mapping[str, Mapping[str, object]]) -> list[Safe]:
    rows = [
        (stage, name, metrics.get("rows"), metrics.get("rejected", 0), _counts(metrics.get("failures_by_status")),
         _counts(metrics.get("failures_by_reason") or metrics.get("rejected_by_reason")))
        for stage in ("extract_inputs", "rewrite", "respond", "evolve")
        for name, metrics in sorted(stages.get(stage, {}).items())
        if isinstance(metrics, Mapping)
    ]  # fmt: skip
    head = ["stage", "set", "rows out", "rejected", "failed steps by status", "reasons"]
    return [element("h3", "What came to nothing, and why"), table(head, rows, first=len(head))] if rows else []


def _counts(counts: object) -> str | None:
    pairs = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])) if isinstance(counts, Mapping) else []
    return ", ".join(f"{name} {count}" for name, count in pairs) or None


def chains_section(chains: Sequence[Chain], rows: RowSet) -> list[Safe]:
    """Chains to read before and after, one of each kind first; empty where no row was rewritten."""
    if not chains:
        return []
    browser = element("a", f"{len(rows.pairs):,} rows before and after", href="rows.html")
    note = (
        f"{len(chains)} of {rows.changed:,} rewritten rows, one of each kind of chain first; nothing is hand-picked. "
    )
    return [
        element("h2", "Chains to read", id="chains"), element("p", note, browser, ".", class_="note"),
        *map(_chain, chains),
    ]  # fmt: skip


def _chain(chain: Chain) -> Safe:
    tags = join(element("span", action, class_=f"tag a-{action}") for action in path_of(chain.after))
    before, after = (
        element(
            "div",
            element("p", title, class_="note"),
            element("pre", _cut(user_text(record)), dir="auto"),
            element("p", "Response", class_="note"),
            element("pre", _cut(record.response), dir="auto"),
        )
        for title, record in (("Before", chain.before), ("After", chain.after))
    )
    return element(
        "details", element("summary", tags, _cut(chain.before.instruction, 90)),
        element("div", before, after, class_="sides"),
    )  # fmt: skip


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest].rstrip()} …"
