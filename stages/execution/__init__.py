"""Running the graph: DVC's output in brief, how long stages take, and what became of each corpus."""
