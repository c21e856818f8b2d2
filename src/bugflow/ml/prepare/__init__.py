"""Make training files from large, raw archives of reports: cleaned, labelled, without repetition, split honestly."""
