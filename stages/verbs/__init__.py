"""The verbs and objects of what a round of Seq-Instruct added to instructions (paper, Figures 6 and 7)."""
