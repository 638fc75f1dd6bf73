"""Seq-Instruct: instructions become sequences of tasks, round by round (paper 2.2); and its rival, evolution."""
