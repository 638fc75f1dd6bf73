"""What the columns of published sets mean, as their cards say it."""

from collections.abc import Sequence

RESPONSE_MAKER = (
    "The model that wrote the output, or the last part of it, how it drew tokens (JSON), and the key of its reply in "
    "seqit's reply store; empty where the output is the source's own"
)
QUERY_MAKER = (
    "The model with which `action` changed the instruction, how it drew tokens (JSON), and the key of its reply in "
    "seqit's reply store; empty where no model changed it"
)
SHARED = {
    "id": "Corpus and the first 16 hex digits of the source row's hash: it depends on the row's text alone; then -2, "
    "-3 for rows of equal text, and .1, .2 for the tasks that a row was split into",
}
ROWS = SHARED | {
    "messages": "The row as a conversation of {role, content}, as seqit trains on it: the system prompt if there is "
    "one, earlier turns, instruction and input as the user's turn, and the output",
    "instruction": "What the user asks, after all rounds",
    "input": "What the instruction is about, said after it and a blank line; often empty",
    "output": "The response",
    "output_status": "How the model's reply ended of which the output is made: `ok`, or `truncated` where the token "
    "limit cut it, so that the output is not whole; empty where the output is the source's own",
    "reasoning": "The model's reasoning before the output, if it reasoned",
    "iteration": "Rounds of Seq-Instruct that the row went through, whatever came of them",
    "system_prompt": "The system prompt; empty where the row has none",
    "history": "Earlier turns, oldest first; empty for single-turn rows",
    "image_file": "File name of the image that the row is about; never the pixels. Empty where there is none",
    "corpus": "The corpus as named in seqit's params.yaml",
    "language, licence": "Of the source row",
    "source_reference, source_row, source_sha256": "Where the row came from: reference, 0-based position, and the "
    "SHA-256 of the source row as canonical JSON (keys sorted, UTF-8, no spaces)",
    "tasks, chain": "Number of tasks of the instruction: one, and one for each task that a round or a manual chain "
    "added; and whether these are several. What the source row asks for counts as one task",
    "rounds": "Rounds of Seq-Instruct or of evolution that the row went through, whatever came of them; 0 for none",
    "round": "The round in which `action` changed the instruction; 0 where that was no round, or nothing changed it",
    "action": "What changed the instruction last (decompose, prefix, suffix, constrain, a chain, or an evolution; not "
    "that it was split into its tasks); `hold` where nothing did and the last round chose to leave it as it was, empty "
    "where nothing did for another reason",
    "status": "How the last attempt to change the instruction ended, empty for none; ok and frozen (held in an earlier "
    "round) are no failures",
    "generator, sampling, reply": RESPONSE_MAKER,
    "prompt_sha256": "Hashes of the prompt files with which `action` changed the instruction, joined by +; empty where "
    "no model changed it",
    "steps": "The same for every step that was tried, in order, with its status (ok, frozen, unparsed, rejected, "
    "truncated, thought, refused, failed), the keys of its replies, and the first 32 hex digits of the SHA-256 of each "
    "reply's text (`replies_sha256`)",
}
QUERIES = ROWS | {
    "messages": "The prompt as a conversation of {role, content}: the system prompt if there is one, earlier turns, "
    "instruction and input as the user's turn",
    "generator, sampling, reply": QUERY_MAKER,
}
CHECKS = "What a completion must satisfy: a JSON list of {name, arguments}, graded by `stages.verified.rewards`"
SOURCE = {"language, licence": "Of the source row", "source_sha256": "SHA-256 of the source row as canonical JSON"}
GRPO = SHARED | {"prompt": "The prompt as chat messages", "checks": CHECKS} | SOURCE
RLVR = (
    SHARED
    | {"messages": "The prompt as chat messages", "ground_truth": CHECKS, "dataset": "The name of the verifier, seqit"}
    | SOURCE
)
PREFERENCE = {
    "id": "The row, and the place of the rejected response among those to its prompt",
    "prompt": "The prompt as chat messages",
    "chosen": "A response that the filter accepted, as a chat message",
    "rejected": "A response to the same prompt that it did not accept, as a chat message",
    "reason": "Why: check (a rule that the prompt states is not satisfied) or judge (a judge did not accept it)",
} | SOURCE
FORMS = {"grpo": GRPO, "rlvr": RLVR, "preference": PREFERENCE}


def meanings(columns: Sequence[str], form: str, split: str) -> list[tuple[list[str], str]]:
    """The columns that one meaning is said of, and the meaning (Markdown), in the order of a card.

    form: that of `Facts`, "" for rows.
    """
    by_names = FORMS.get(form) or (QUERIES if split == "test" else ROWS)
    groups = [([name for name in key.split(", ") if name in columns], meaning) for key, meaning in by_names.items()]
    return [(names, meaning) for names, meaning in groups if names]
