"""The screen: Textual on top of edgemed; it draws and asks, and holds no rule of its own."""
