"""What a model said: which action it chose (`choices`), and which instruction it wrote (`writing`)."""

from stages.seqinstruct.choices import LETTERS, parse_choice
from stages.seqinstruct.writing import explains, parse_instruction, parse_task

__all__ = ["LETTERS", "explains", "parse_choice", "parse_instruction", "parse_task"]
