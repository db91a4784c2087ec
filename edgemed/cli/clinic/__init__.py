"""The commands about notes and drafts: summarize, check-draft, templates, chat, audit."""
