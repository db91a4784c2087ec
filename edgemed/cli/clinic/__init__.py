"""The commands about notes and drafts: tui, summarize, check-draft, templates, chat, audit."""
