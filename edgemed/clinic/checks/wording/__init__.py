"""The draft's words themselves: from nowhere in the note, from text to the model, misread forms."""
