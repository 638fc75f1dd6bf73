"""Fine-tuning with Axolotl, which runs in an environment of its own."""
