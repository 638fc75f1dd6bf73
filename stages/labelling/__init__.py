"""Labels of people: which answers they get, how a terminal asks for them, and the file that they go to."""
