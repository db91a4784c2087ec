"""Files on the disk: whole or not at all, private, by position; byte sizes as people write them."""
