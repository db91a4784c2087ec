"""What edgemed keeps of the work: the audit log, and the records of drafts."""
