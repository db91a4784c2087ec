"""The app: keys, lock, settings and errors of every screen, and what must not leave the screen."""

import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar, Protocol, runtime_checkable

from rich.text import Text
from textual import events
from textual.actions import ActionParseResult
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.driver import Driver
from textual.screen import Screen
from textual.widget import Widget

from edgemed.clinic.case.case import Case
from edgemed.errors import EdgemedError
from edgemed.local_models.loading import Options
from edgemed_tui import hangup, interpreter
from edgemed_tui import settings as stored
from edgemed_tui.crash import place_of, report
from edgemed_tui.escape import keeps_escape
from edgemed_tui.foreseen import foreseen, go_on
from edgemed_tui.hangup import HUNG_UP, end_soon
from edgemed_tui.key_order import KeyOrder
from edgemed_tui.keymap import binding_names
from edgemed_tui.literal import literal
from edgemed_tui.remedies import remedy
from edgemed_tui.screens.behind import Commands
from edgemed_tui.screens.help import HelpScreen
from edgemed_tui.screens.jump import JumpScreen
from edgemed_tui.screens.locked import LockScreen
from edgemed_tui.screens.models import ModelsScreen
from edgemed_tui.screens.notes import TypeNote
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.screens.session import SessionScreen
from edgemed_tui.screens.sweep import SweepScreen
from edgemed_tui.screens.welcome import Beginning, WelcomeScreen
from edgemed_tui.sentences import sentences
from edgemed_tui.services import Services
from edgemed_tui.themes import NAMES, THEMES

if sys.platform == "win32":
    from edgemed_tui.hangup_windows import continue_once, unwatch, watch
else:
    from edgemed_tui.hangup_posix import continue_once, unwatch, watch

INPUT = (events.Key, events.MouseDown, events.MouseScrollDown, events.MouseScrollUp, events.Paste)
LOOK_EVERY = 5.0  # seconds between two looks at the idle clock


@runtime_checkable
class Says(Protocol):
    """A page with a line for messages."""

    def say(self, words: str) -> None:
        """Show a message there."""


class EdgemedApp(App[None]):
    """Everything in the terminal; sessions live in memory unless they are saved."""

    TITLE = "edgemed"
    ENABLE_COMMAND_PALETTE = True
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", id="app.quit", priority=True, show=False),
        Binding("f1", "help", "Help", id="app.help", priority=True, show=False),
        Binding("f2", "models", "Models", id="app.models", show=False),
        Binding("f3", "merge", "Merge models", id="app.merge", show=False),
        Binding("f4", "sweep", "Sweep", id="app.sweep", show=False),
        Binding("ctrl+o", "jump", "Jump", id="app.jump", priority=True, show=False),
    ]

    def __init__(self, services: Services, note: str | None = None) -> None:
        super().__init__()
        self.animation_level = "none"  # a key is answered at once, even over a slow connection
        self.services = services
        self.settings = stored.load(services.settings)
        self.case = Case(services.place, services.sessions, services.clock)
        self._note = note
        self._key_order = KeyOrder(self, super().on_event)
        self.last_input = time.monotonic()  # a key, a click or a paste
        go_on(self, self.complain)

    def get_driver_class(self) -> type[Driver]:
        """Textual's driver of this terminal; Escape is a key of its own to it."""
        return keeps_escape(super().get_driver_class())

    def on_mount(self) -> None:
        """Open the session screen, in the user's theme and with the user's keys."""
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self.settings.theme
        self.set_keymap(self.settings.keys)
        self.call_after_refresh(self._name_unknown_keys)
        self.theme_changed_signal.subscribe(self, lambda theme: self.remember(theme=theme.name))
        self.set_interval(LOOK_EVERY, self._lock_when_idle)
        watch(self.hung_up)
        continue_once(self._draw_again)
        self.push_screen(SessionScreen(self.services, self.case, self, self._note))
        if not self.settings.welcomed and self._note is None:
            self.remember(welcomed=True)
            self.action_welcome()

    def on_ready(self) -> None:
        """The first frame is drawn: from now on keys have priority. A test keeps its interpreter
        settings."""
        if not self.is_headless:
            interpreter.quicken()

    def _name_unknown_keys(self) -> None:
        """Report names in the keymap that are not known."""
        if not self.settings.keys:
            return
        known = binding_names(EdgemedApp)
        if unknown := sorted(set(self.settings.keys) - known):
            names = ", ".join(unknown)
            remedy = f"known names: {', '.join(sorted(known))}"
            self._complain(EdgemedError(f"[keys] has unknown names: {names}", remedy))

    def on_unmount(self) -> None:
        """Close what is open."""
        unwatch()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Backgrounds of marks for themes that name none: the terminal's own colours."""
        return {"evidence": "ansi_blue", "sentence": "ansi_bright_black"}

    def remember(self, **changes: Any) -> None:
        """Keep a setting; if it cannot be written it applies until the end, with a warning."""
        if replace(self.settings, **changes) == self.settings:
            return
        self.settings = replace(self.settings, **changes)
        try:
            stored.save(self.services.settings, self.settings)
        except EdgemedError as error:
            self.call_after_refresh(self._complain, error)

    def complain(self, error: EdgemedError) -> None:
        """Show what went wrong, and the remedy, once the current step has ended."""
        self.call_later(self._complain, error)

    def _complain(self, error: EdgemedError) -> None:
        for screen in self.sessions:
            screen.complain(error)
        if isinstance(self._page, Says):
            self._page.say(f"! {error.message} ({remedy(error.hint)})")

    async def on_event(self, event: events.Event) -> None:
        """Note the time of the user's last input; keys and pastes wait for those before them."""
        if isinstance(event, INPUT):
            self.last_input = time.monotonic()
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._key_order.take(event)
        else:
            await super().on_event(event)

    @property
    def keys_waiting(self) -> bool:
        """Whether typed keys are still to be handled."""
        return self._key_order.busy

    def _lock_when_idle(self) -> None:
        idle = time.monotonic() - self.last_input
        if self.settings.lock_minutes and idle > 60 * self.settings.lock_minutes:
            self.action_lock()

    def action_lock(self) -> None:
        """Cover the screen; after it, signing asks for a name again."""
        if not self.locked:
            self.case.forget_signer()
            self.push_screen(LockScreen(self.case.lock))

    @property
    def _page(self) -> Screen[Any]:
        """The screen, or the one below the list of commands, which names its keys."""
        return next(s for s in reversed(self.screen_stack) if not isinstance(s, Commands))

    @property
    def locked(self) -> bool:
        """Whether the lock covers the screen."""
        return isinstance(self.screen, LockScreen)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing opens over the lock; help and jump mode do not open over each other."""
        if action in ("command_palette", "help", "jump", "quit") and self.locked:
            return False
        if action in ("models", "merge", "sweep"):
            return isinstance(self._page, SessionScreen)
        if action in ("help", "jump"):
            return not isinstance(self.screen, HelpScreen | JumpScreen)
        return super().check_action(action, parameters)

    def action_command_palette(self) -> None:
        """Every command, found by a few letters."""
        if not isinstance(self.screen, Commands):
            self.push_screen(Commands(id="--command-palette"))

    def action_help(self) -> None:
        """Help on the focused part."""
        self.push_screen(HelpScreen(self.screen))

    def action_jump(self) -> None:
        """Letters to jump by."""
        behind = self.screen

        def go(widget: Widget | None) -> None:
            if widget is not None:
                behind.set_focus(widget)

        self.push_screen(JumpScreen(behind), go)

    def action_welcome(self) -> None:
        """What this is and how to begin."""
        self.push_screen(WelcomeScreen(self.services), self._begin)

    def _begin(self, way: Beginning | None) -> None:
        for screen in self.sessions:
            if way == "sample":
                screen.open_sample()
            elif way == "note":
                screen.action_open_note()

    def action_models(self) -> None:
        """The models screen."""
        self.push_screen(ModelsScreen())

    def action_merge(self, t: float | None = None) -> None:
        """Open the merge screen; its imports load the kernels, so it is imported only now."""
        from edgemed_tui.screens.merge import MergeScreen

        self.push_screen(MergeScreen(self.services, t))

    def action_sweep(self) -> None:
        """The sweep screen, which may lead on to a merge."""
        self.push_screen(SweepScreen(), lambda t: None if t is None else self.action_merge(t))

    def action_theme(self) -> None:
        """Choose colours and contrast."""
        choices = [Choice(name, "", name) for name in NAMES]
        self.push_screen(Picker("Theme", choices), self._use_theme)

    def _use_theme(self, name: str | None) -> None:
        if name is not None:
            self.theme = name

    def action_clipboard(self) -> None:
        """Allow or forbid copying signed text; the change is logged."""
        allowed = not self.settings.clipboard
        try:
            self.case.allow_copying(allowed)
        except EdgemedError as error:
            self._complain(error)
            return
        self.remember(clipboard=allowed)
        for screen in self.sessions:
            screen.tell("signed text can be copied" if allowed else "copying is off")
            screen.refresh_bindings()

    @property
    def sessions(self) -> list[SessionScreen]:
        """The session screen, wherever it is in the stack."""
        return [screen for screen in self.screen_stack if isinstance(screen, SessionScreen)]

    def copy_to_clipboard(self, text: str) -> None:
        """Cut and paste inside edgemed only; the terminal's clipboard gets nothing."""
        self._clipboard = text

    def release(self, text: str) -> None:
        """Give signed text to the terminal's clipboard."""
        super().copy_to_clipboard(text)

    async def action_quit(self) -> None:
        """Close, unless that would lose work."""
        self.run_worker(self._quit(), exclusive=True, group="quit")

    async def _quit(self) -> None:
        for page in self.screen_stack:
            if isinstance(page, TypeNote) and not await page.may_close():
                return
        for screen in self.sessions:
            if not await screen.deciding.may_close():
                return
        self.exit(message=Text(self.case.apart) if self.case.apart else None)

    def action_help_quit(self) -> None:
        """Ctrl-C quits nothing: say once, however often it is pressed, what does."""
        self.clear_notifications()
        super().action_help_quit()

    def hung_up(self) -> None:
        """The terminal is gone: save if the session was saved before, then end."""
        with suppress(EdgemedError):  # nobody is left to be told
            self.case.save_again()
        end_soon(hangup.GRACE)
        self.exit(return_code=HUNG_UP)

    def _draw_again(self) -> None:
        """Draw everything again: another program may have written on the terminal."""
        for screen in self.screen_stack:
            screen.refresh(layout=True)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: every described key of the screen, then commands without a key.

        Textual's own list is not used: its Screenshot writes the screen to the disk.
        """
        for active in screen.active_bindings.values():
            binding = active.binding
            if active.enabled and binding.id and binding.description:
                node, action = active.node, binding.action
                yield SystemCommand(
                    binding.description,
                    f"key: {self.get_key_display(binding)}",
                    lambda node=node, action=action: self.call_later(self.run_action, action, node),
                )
        yield SystemCommand("Theme", "Colours and contrast", self.action_theme)
        yield SystemCommand(
            "Welcome", "What this machine can run, and how to begin", self.action_welcome
        )
        yield SystemCommand("Lock", "Lock the screen now", self.action_lock)
        clipboard = "Forbid copying" if self.settings.clipboard else "Allow copying of signed text"
        yield SystemCommand("Clipboard", clipboard, self.action_clipboard)

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key is for. An error with a known remedy is shown."""
        try:
            return await super().run_action(action, default_namespace, namespaces)
        except Exception as error:
            if (fault := foreseen(error)) is None:
                raise
            self.complain(fault)
            return True

    def _register_child(
        self, parent: DOMNode, child: Widget, before: int | None, after: int | None
    ) -> None:
        """Called for every part of the screen before its first message."""
        go_on(child, self.complain)
        super()._register_child(parent, child, before, after)

    def _handle_exception(self, error: Exception) -> None:
        """An error with a known remedy in a timer or a worker ends nothing else."""
        if self.is_running and (fault := foreseen(error)) is not None:
            self.complain(fault)
        else:
            super()._handle_exception(error)

    def panic(self, *renderables: object) -> None:
        """Textual would print the error's own message."""
        self._fatal_error()

    def _fatal_error(self) -> None:
        """Textual would print every variable of the crashed frames; edgemed prints only type and
        place, of the first error only. A session saved before is saved, as for a lost terminal."""
        if not self._exit_renderables:
            error = sys.exc_info()[1] or self._exception
            words = report(error) if error else "edgemed stopped"
            self._exit_renderables.append(literal(f"{words}\n{self._kept()}").plain)
        self._close_messages_no_wait()

    def _kept(self) -> str:
        """Save if the session was saved before; returns the message about it."""
        try:
            saved = self.case.save_again()
        except Exception as error:  # the first error is the one to report
            return sentences(f"The session could not be saved: {place_of(error)}")
        if saved is not None:
            return sentences(f"The session is saved as {saved.stem}")
        return "The session was not saved before, so it is lost." if self.case.at_stake else ""

    def _print_error_renderables(self) -> None:
        """Of several only the first is printed, and Textual does not count them."""
        del self._exit_renderables[1:]
        super()._print_error_renderables()


def start(model: str | None, options: Options, note: str | None, *, plain: bool) -> int:
    """Open the screen, or the line mode, on this machine; returns the exit code."""
    from edgemed_tui import machine
    from edgemed_tui import plain as line_mode

    services = machine.services(model, options)
    if plain:
        return line_mode.run(services, note)
    app = EdgemedApp(services, note)
    app.run()
    return app.return_code or 0
