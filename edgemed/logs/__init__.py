"""What is kept of the work: the audit log, the records of drafts, saved sessions."""
