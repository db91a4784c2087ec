"""Every key of a session has its word in the line mode."""

from edgemed_tui import plain
from edgemed_tui.app import EdgemedApp
from edgemed_tui.keymap import binding_names

LINE_MODE = {
    "case.sign": "sign", "case.sign_not": "sign", "case.compare": "compare",
    "case.addendum": "addendum", "case.documents": "document", "case.export": "export",
    "case.copy": "copy", "case.save": "save", "case.name": "save", "case.seal": "seal",
    "session.note": "note", "session.template": "template", "session.model": "model",
    "session.draft": "draft", "notes.type": "paste", "notes.names": "sessions",
    "review.next": "next", "review.previous": "previous", "review.jump": "evidence",
    "review.dismiss": "dismiss", "review.insert": "insert", "draft.edit": "edit",
    "app.quit": "quit", "app.help": "help",
}  # fmt: skip
"""Keys of the screen, and the line mode's word for the same."""


NOT_NEEDED = {
    "session.stop": "Ctrl-C stops a draft",
    "draft.read": "a line is edited by one command",
    "app.jump": "there is one place to type",
    "app.models": "edgemed models",
    "app.merge": "edgemed merge",
    "app.sweep": "edgemed sweep",
}


def test_every_key_of_a_session_has_its_word_in_the_line_mode() -> None:
    ends = ("close", "leave", "back", "use", "complete", "up")  # of dialogs
    mine = {
        name
        for name in binding_names(EdgemedApp)
        if name.partition(".")[0] in ("case", "session", "review", "draft", "notes", "app")
        and name.partition(".")[2] not in ends
    }
    assert mine == LINE_MODE.keys() | NOT_NEEDED.keys()
    assert set(LINE_MODE.values()) <= plain.COMMANDS.keys() | {"quit"}
    for words in NOT_NEEDED.values():
        if words.startswith("edgemed "):
            assert words in plain.ELSEWHERE
