"""What a model said: which action it chose (`choices`), and which instruction it wrote (`writing`)."""

from stages.seqinstruct.parse_choice import LETTERS, parse_choice
from stages.seqinstruct.parse_instruction import explains, parse_instruction, parse_task

__all__ = ["LETTERS", "explains", "parse_choice", "parse_instruction", "parse_task"]
