"""Files as downloaded become rows: which of them are read, how they are decoded, and where each row lies."""
