"""The commands about the models of this machine: models, doctor."""
