"""Data sets as they are published: rows, Parquet, card, licences, Hugging Face Hub."""
