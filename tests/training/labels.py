"""Run as a script: what Axolotl makes of the rows in each folder named, as JSON: [{input_ids, labels}, …] a line."""

import json
import os
import sys


def main(out: str, folders: list[str]) -> None:
    # Imported here: a process that this one spawns imports this file again, and needs none of it.
    from axolotl.cli.args import PreprocessCliArgs
    from axolotl.cli.config import load_cfg
    from axolotl.common.datasets import load_datasets

    for folder in folders:
        os.chdir(folder)
        result = load_datasets(cfg=load_cfg("axolotl.yml"), cli_args=PreprocessCliArgs()).train_dataset
        with open(out, "a") as stream:
            print(json.dumps([{name: row[name] for name in ("input_ids", "labels")} for row in result]), file=stream)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
