"""Plans: which stages DVC would run, and which requests they would send at which cost."""
