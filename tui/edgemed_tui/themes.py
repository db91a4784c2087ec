"""Five themes: dark, light, high contrast, colour-blind safe, and the terminal's own colours.

No colour is needed to read the screen: whatever a colour says, a word or a sign says too. The
colour-blind safe palette is that of Okabe and Ito (2008): blue, orange, vermillion, bluish green.
"""

from textual.color import Color
from textual.theme import Theme

DARK = Theme(
    name="dark",
    primary="#7aa2c8",
    secondary="#8fb8a8",
    accent="#e0b26a",
    foreground="#d8dee6",
    background="#14181d",
    surface="#1a2027",
    panel="#1f262e",
    success="#8fbf8f",
    warning="#e0b26a",
    error="#e58a7b",
    dark=True,
    variables={
        "border": "#7aa2c8",
        "border-blurred": "#36414d",
        "footer-key-foreground": "#e0b26a",
        "footer-background": "#14181d",
        "footer-description-foreground": "#93a1b0",
        "scrollbar": "#36414d",
        "scrollbar-hover": "#4a5866",
        "scrollbar-active": "#7aa2c8",
        "scrollbar-background": "#14181d",
        "scrollbar-background-hover": "#14181d",
        "scrollbar-background-active": "#14181d",
        "scrollbar-corner-color": "#14181d",
        "block-cursor-background": "#7aa2c8",
        "block-cursor-foreground": "#14181d",
        "block-cursor-blurred-background": "#2b3540",
        "input-selection-background": "#7aa2c8 35%",
    },
)

LIGHT = Theme(
    name="light",
    primary="#2a5f8f",
    secondary="#2f6f5e",
    accent="#8a5a00",
    foreground="#1d2329",
    background="#fbfbf9",
    surface="#f2f2ee",
    panel="#e9e9e3",
    success="#2f6f3a",
    warning="#8a5a00",
    error="#a3281c",
    dark=False,
    variables={
        "border": "#2a5f8f",
        "border-blurred": "#b9bdb6",
        "footer-key-foreground": "#8a5a00",
        "footer-background": "#fbfbf9",
        "footer-description-foreground": "#566069",
        "scrollbar": "#c4c8c0",
        "scrollbar-hover": "#a4a9a0",
        "scrollbar-active": "#2a5f8f",
        "scrollbar-background": "#fbfbf9",
        "scrollbar-background-hover": "#fbfbf9",
        "scrollbar-background-active": "#fbfbf9",
        "scrollbar-corner-color": "#fbfbf9",
        "block-cursor-background": "#2a5f8f",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-blurred-background": "#d5dbe1",
        "input-selection-background": "#2a5f8f 25%",
    },
)

HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#ffff00",
    secondary="#00ffff",
    accent="#ffff00",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    success="#00ff00",
    warning="#ffff00",
    error="#ff8080",
    dark=True,
    variables={
        "border": "#ffff00",
        "border-blurred": "#ffffff",
        "text-muted": "#ffffff",
        "text-disabled": "#d0d0d0",
        "footer-key-foreground": "#ffff00",
        "footer-description-foreground": "#ffffff",
        "footer-background": "#000000",
        "scrollbar": "#ffffff",
        "scrollbar-background": "#000000",
        "block-cursor-background": "#ffff00",
        "block-cursor-foreground": "#000000",
        "block-cursor-blurred-background": "#404040",
        "input-selection-background": "#0000ff",
    },
)

COLOUR_BLIND = Theme(
    name="colour-blind",
    primary="#56b4e9",
    secondary="#009e73",
    accent="#e69f00",
    foreground="#e6e6e6",
    background="#15171a",
    surface="#1b1e22",
    panel="#212529",
    success="#56b4e9",
    warning="#e69f00",
    error="#e69f00",
    dark=True,
    variables={
        "border": "#56b4e9",
        "border-blurred": "#3d444b",
        "footer-key-foreground": "#e69f00",
        "footer-background": "#15171a",
        "footer-description-foreground": "#a0a8b0",
        "scrollbar": "#3d444b",
        "scrollbar-background": "#15171a",
        "block-cursor-background": "#56b4e9",
        "block-cursor-foreground": "#15171a",
        "block-cursor-blurred-background": "#2b3138",
        "input-selection-background": "#56b4e9 35%",
    },
)


def marked(theme: Theme) -> Theme:
    """`theme` with solid backgrounds for marks: a text area cannot blend."""
    back, front = Color.parse(theme.background or ""), Color.parse(theme.foreground or "")
    theme.variables["evidence"] = back.blend(Color.parse(theme.primary), 0.3).hex
    theme.variables["sentence"] = back.blend(front, 0.1).hex
    return theme


THEMES = tuple(marked(theme) for theme in (DARK, LIGHT, HIGH_CONTRAST, COLOUR_BLIND))
ANSI = "ansi-dark"  # Textual's own: the terminal's sixteen colours
ANSI_LIGHT = "ansi-light"
NAMES = (*(theme.name for theme in THEMES), ANSI, ANSI_LIGHT)
