"""Fine-tune networks in torch (extra `train`)."""
