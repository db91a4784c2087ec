"""Files and names of Hugging Face checkpoints, as sources of rows."""
