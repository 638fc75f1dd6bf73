"""Model directories: download, conversion between GGUF and Transformers, integrity, token counts."""
