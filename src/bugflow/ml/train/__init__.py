"""Training with scikit-learn; nothing here is imported for serving."""
