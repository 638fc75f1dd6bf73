"""Manual chains (paper 4.1, A.1): an intermediate task is added to instruction and response by rule."""
