"""What edgemed keeps of the work: the audit log, the records of drafts, saved sessions."""
