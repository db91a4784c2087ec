"""The models of this machine: the library, how each is loaded, how fast it was found to run."""
