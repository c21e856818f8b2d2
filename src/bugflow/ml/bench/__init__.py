"""What `bugflow bench` measures, each track beside its peers on the same rows; nothing here is imported for serving."""
