"""What `train` leaves beside its output while it is unfinished, and what --resume makes of it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import io
from ..errors import InputError
from ..scene import Scene
from .arguments import renamed
from .goals import AIMS, EARLY, FIELDS
from .output import say_notes


@dataclass
class Unfinished:
    """Files of one run, and what it was begun with.

    Attributes:
        checkpoint: of plain 3DGS, and of what was asked for.
        rate: of the training for rate and distortion.
        rescue: the scene, should the run end early; --ply, if that was given.
        before: the state of the run that goes on; None of one that begins.
        ply: whether the scene was asked for.
        rescued: whether an earlier run has left its scene in `rescue`.
    """

    checkpoint: Path
    rate: Path
    rescue: Path
    before: dict[str, Any] | None
    ply: bool
    rescued: bool = False

    @staticmethod
    def of(output: Path, ply: Path | None, resume: bool) -> Unfinished:
        """Of the run that writes `output`.

        Raises:
            InputError, Corrupt: there is nothing to go on from.
        """
        from ..train.checkpoint import read_checkpoint

        checkpoint = output.with_name(output.name + ".checkpoint")
        before = read_checkpoint(checkpoint, "train") if resume else None
        if ply is None and before is not None and before.get("ply"):
            ply = Path(before["rescue"])
        return Unfinished(checkpoint, output.with_name(output.name + ".rate.checkpoint"), ply or renamed(output, ".ply"), before, ply is not None)

    @property
    def own_rescue(self) -> bool:
        """Whether `rescue` is the run's to replace."""
        return self.before is not None and str(self.rescue.absolute()) == self.before.get("rescue")

    def begin(self, goal: dict[str, Any]) -> None:
        """Forgets what another run has left, and what was on its way to another goal."""
        if self.before is None:
            self._forget()
            return
        self.rescued = bool(self.before.get("rescued"))
        if goal != self.before["goal"]:
            self.rate.unlink(missing_ok=True)

    def save(self, state: dict[str, Any]) -> None:
        """Writes the checkpoint of plain 3DGS, with what was asked for."""
        from ..train.checkpoint import write_checkpoint

        own = {"rescue": str(self.rescue.absolute()), "ply": self.ply, "rescued": self.rescued}
        write_checkpoint(self.checkpoint, "train", state | own)

    def keep(self, scene: Scene, what: str) -> None:
        """Writes the scene to `rescue`, and says so."""
        io.write(scene, self.rescue, overwrite=True)
        say_notes([f"{self.rescue} holds {what}"])

    def finish(self) -> None:
        """Removes what is of use to an unfinished run only: its scene too, unless that was asked for there."""
        self._forget()
        if self.rescued and self.before is not None:
            left = Path(self.before["rescue"])
            if not self.ply or left != self.rescue.absolute():
                left.unlink(missing_ok=True)

    def _forget(self) -> None:
        for path in (self.checkpoint, self.rate):
            path.unlink(missing_ok=True)


def given(args: argparse.Namespace, names: list[str], before: dict[str, Any] | None) -> dict[str, Any]:
    """What the flags say, or, of a run that goes on, what it was begun with.

    Raises:
        InputError: a flag that says something else than before.
    """
    now = {name: value for name in names if (value := getattr(args, name, None)) is not None}
    if before is None:
        return now
    for name, value in now.items():
        if before.get(name) != value:
            flag = f"--{name.rstrip('_').replace('_', '-')}"
            raise InputError(f"{flag}: expected {before.get(name)}, as the run to go on with was begun, found {value}")
    return before


def asked_for(args: argparse.Namespace, before: dict[str, Any] | None) -> dict[str, Any]:
    """What decides the goal. Once plain 3DGS is done, all that it does not depend on may differ from what was asked before.

    Raises:
        InputError: a flag that says something else than before, and may not.
    """
    if before is None or not before.get("done"):
        return given(args, list(FIELDS), before and before["goal"])
    goal = given(args, list(EARLY), before["goal"])
    late = {name: value for name in FIELDS if name not in EARLY and (value := getattr(args, name, None)) is not None}
    replaced = AIMS if any(name in late for name in AIMS) else ()
    return {name: value for name, value in goal.items() if name not in replaced} | late
