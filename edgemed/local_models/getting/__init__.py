"""Getting a model from elsewhere: the one room whose work opens the network."""
