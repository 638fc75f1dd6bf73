"""Trained models as they are published: weights, chat template with marked replies, card, scores, Hugging Face Hub."""
