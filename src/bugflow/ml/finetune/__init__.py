"""Fine-tune networks; the only folder that imports torch (extra `train`)."""
