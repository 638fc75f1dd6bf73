"""Every rule that grades answers, tried with right, empty, foreign and slightly broken answers."""
