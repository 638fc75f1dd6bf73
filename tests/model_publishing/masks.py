"""Run as a script in Axolotl's environment: the mask of reply tokens that Transformers makes, as JSON lines.

Arguments: a base model's folder, then pairs of a file with a chat template and a file with rows.
"""

import json
import sys


def main(base: str, pairs: list[str]) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    for template, rows in zip(pairs[::2], pairs[1::2], strict=True):
        with open(template) as stream:
            source = stream.read()
        made = []
        with open(rows) as stream:
            for line in stream:
                turns = [{key: turn[key] for key in ("role", "content")} for turn in json.loads(line)["messages"]]
                row = tokenizer.apply_chat_template(
                    turns, chat_template=source, return_dict=True, return_assistant_tokens_mask=True
                )
                made.append([row["input_ids"], row["assistant_masks"]])
        print(json.dumps(made))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
