"""Hugging Face Transformers in this process: language models and vision-language models."""
