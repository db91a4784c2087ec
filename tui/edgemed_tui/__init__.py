"""The screen: Textual on top of edgemed, with no logic of its own."""
