"""The commands about the models on this machine: models, doctor, demo, serve."""
