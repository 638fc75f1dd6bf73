"""Run as a script in a run's folder: how far logits in Axolotl's packed batches are from those of each row alone.

Prints as JSON: rows in each batch, the largest difference, and the largest one if rows did attend to each other.
"""

import json
from itertools import pairwise


def main() -> None:
    # Imported here: a process that this one spawns imports this file again, and needs none of it.
    import torch
    from axolotl.cli.args import TrainerCliArgs
    from axolotl.cli.config import load_cfg
    from axolotl.common.datasets import load_datasets
    from axolotl.train import setup_model_and_trainer

    cfg = load_cfg("axolotl.yml")
    trainer = setup_model_and_trainer(cfg, load_datasets(cfg=cfg, cli_args=TrainerCliArgs()))[0]
    model = trainer.model.eval()
    counts, apart, together = [], 0.0, 0.0
    for batch in trainer.get_train_dataloader():
        given = {name: batch[name] for name in batch if name in ("input_ids", "position_ids", "attention_mask")}
        with torch.no_grad():
            packed = model(**given).logits
            mixed = model(input_ids=batch["input_ids"], position_ids=torch.arange(packed.shape[1])[None]).logits
        rows = 0
        for line, (ids, places, labels) in enumerate(
            zip(batch["input_ids"], batch["position_ids"], batch["labels"], strict=True)
        ):
            starts = [*(places == 0).nonzero().flatten().tolist(), len(places)]
            for begin, end in pairwise(starts):
                if end - begin < 2 or not (labels[begin:end] != -100).any():
                    continue  # padding
                with torch.no_grad():
                    alone = model(input_ids=ids[None, begin:end]).logits[0]
                rows += 1
                apart = max(apart, (packed[line, begin:end] - alone).abs().max().item())
                together = max(together, (mixed[line, begin:end] - alone).abs().max().item() if begin else 0.0)
        counts.append(rows)
    print("\n" + json.dumps({"rows": counts, "apart": apart, "together": together}), flush=True)


if __name__ == "__main__":
    main()
