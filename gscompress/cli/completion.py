"""gscompress completion: a script that teaches a shell the command line."""

from __future__ import annotations

import argparse

import shtab

NAME = "completion"
SUMMARY = "print a completion script for a shell"
EPILOG = """\
examples:
  gscompress completion bash > ~/.local/share/bash-completion/completions/gscompress
  gscompress completion zsh > ~/.zfunc/_gscompress
  gscompress completion tcsh >> ~/.tcshrc
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell")


def run(args: argparse.Namespace) -> None:
    """Prints the script, made from the parser itself."""
    print(shtab.complete(args.parser, args.shell))
