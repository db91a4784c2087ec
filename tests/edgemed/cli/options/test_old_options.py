"""Options that were renamed: the old spelling is refused in one line that says the new one."""

import pytest

from edgemed.cli.main import build_parser, main
from edgemed.cli.options.old import RENAMED

OLD = [(command, old, new) for command, names in RENAMED.items() for old, new in names.items()]


def options_of(command):
    parser = build_parser(command)
    every = [parser._subparsers._group_actions[0].choices[command]]
    for group in getattr(every[0]._subparsers, "_group_actions", ()):
        every += group.choices.values()
    return {option for one in every for option in one._option_string_actions}


@pytest.mark.parametrize("form", ["{} x", "{}=x"])
@pytest.mark.parametrize(("command", "old", "new"), OLD)
def test_an_old_spelling_is_a_usage_error_of_one_line(command, old, new, form, capsys):
    assert main([command, "a.gguf", *form.format(old).split()]) == 2
    said = capsys.readouterr()
    assert said.err == f"edgemed: {old} of `edgemed {command}` is now {new}\n"
    assert not said.out


@pytest.mark.parametrize(("command", "old", "new"), OLD)
def test_the_new_spelling_is_an_option_and_the_old_one_is_not(command, old, new):
    assert new in options_of(command)
    assert old not in options_of(command)


def test_a_file_of_that_name_and_other_commands_are_not_meant(capsys):
    assert main(["diff", "--", "--html", "b.gguf"]) == 3  # there is no such file
    assert "is now" not in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["check", "--type", "Q8_0"])
    assert "is now" not in capsys.readouterr().err
