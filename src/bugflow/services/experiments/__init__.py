"""Two models on live bugs: what became of each, who won, and what follows from it."""
