"""The screens of which `docs/screens.py` makes pictures, and the list of them for a page."""

SIZES = ((80, 24), (120, 40), (200, 60))
THEMES = ("dark", "light")

SCREENS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("welcome", "The first window", ()),
    ("start", "Nothing is open yet", ("escape",)),
    ("open", "Open a note: folders, saved sessions, a path", ("1",)),
    ("note", "A note, and the templates that are used most", (*"discharge note", "enter")),
    ("templates", "All templates", ("ctrl+t",)),
    ("ready", "A template is chosen", (*"discharge summary", "enter")),
    ("checked", "The draft, and what the checks found", ("ctrl+g", "n")),
    ("dismiss", "Dismissing a finding, with a reason", ("d",)),
    ("compare", "What was changed", ("escape", "end", "e", *" (higher)", "escape", "v")),
    ("sign", "Signing", ("escape", "s")),
    ("sure", "The last question before a signature", (*"Dr Example", "enter", *"seen", "enter")),
    ("export", "Where the signed text goes", ("down", "enter", "x")),
    ("save", "Saving, encrypted", ("escape", "ctrl+s")),
    ("documents", "The documents of a note", ("escape", "ctrl+g", "o")),
    ("help", "Help on the part with the focus", ("escape", "f1")),
    ("commands", "Every command", ("escape", "ctrl+p")),
    ("models", "The models that are here", ("escape", "f2")),
    ("add", "Adding a model", ("a",)),
    ("inspect", "Everything in a model's header", ("escape", "i")),
    ("merge", "A merge, seen before it is done", ("escape", "escape", "f3")),
    ("method", "Choosing a method", ("tab", "tab", "enter")),
    ("sweep", "Scores of a sweep", ("escape", "escape", "f4")),
    ("report", "What a merge kept, layer by layer", ("escape",)),
    ("locked", "Locked", ("escape",)),
)
"""Names, what they show, and the keys that lead there from the one above."""


def file_of(name: str, size: tuple[int, int], theme: str) -> str:
    """The file of one picture."""
    return f"{name}-{size[0]}x{size[1]}-{theme}.svg"


def gallery() -> str:
    """The page's list: one picture of each screen, and links to the others."""
    rows = []
    for name, words, _ in SCREENS:
        links = [
            f"[{w}×{h} {theme}](pictures/screens/{file_of(name, (w, h), theme)})"
            for w, h in SIZES
            for theme in THEMES
        ]
        shown = f"pictures/screens/{file_of(name, SIZES[1], THEMES[0])}"
        rows.append(f"## {words}\n\n![{words}]({shown})\n\n{' · '.join(links)}\n")
    return "\n".join(rows)
