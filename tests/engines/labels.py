"""Run as a script: what Axolotl makes of the rows in each folder named, as JSON: [{input_ids, labels}, …] a line."""

import json
import os
import sys

from axolotl.cli.args import PreprocessCliArgs
from axolotl.cli.config import load_cfg
from axolotl.common.datasets import load_datasets

if __name__ == "__main__":
    for folder in sys.argv[2:]:
        os.chdir(folder)
        found = load_datasets(cfg=load_cfg("axolotl.yml"), cli_args=PreprocessCliArgs()).train_dataset
        with open(sys.argv[1], "a") as out:
            print(json.dumps([{name: row[name] for name in ("input_ids", "labels")} for row in found]), file=out)
