"""gscompress view: a scene in the browser, or two beside each other."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import webbrowser
from collections.abc import Callable

from ..cameras import Camera
from ..errors import GSCompressError
from ..io.camera_files import read_cameras
from ..serve.measuring import Measuring
from ..serve.server import PageServer, Resource
from ..serve.shown import ShownScene, description, original_of, shown
from ..serve.site import FILES, site
from .arguments import CAMERAS_HELP, FILE_HELP, add_file
from .output import print_json, say_notes
from .sizes import format_size

NAME = "view"
SUMMARY = "show a scene or a sequence in the browser, or two with a compare slider"
EPILOG = """\
examples:
  gscompress view scene.gsz
  gscompress view scene.gsz scene.ply                   one beside the other
  gscompress view frames.gsz                            a sequence of frames, which plays
  gscompress view scene.gsz --cameras cameras.json      jump to the views it was trained from
  gscompress view scene.gsz --no-browser --port 8000    prints the address; open it yourself

A .ply of the same name beside a .gsz is compared with it. The .gsz itself goes to the browser and is decoded there. The page is at
a secret address of this machine and shows nothing but these files; Ctrl-C ends it. --host 0.0.0.0 lets other machines see it that
know the address, by this machine's number, not its name.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_file(parser, "scene", help=FILE_HELP, metavar="SCENE")
    add_file(parser, "other", help="a scene to compare it with (default: the .ply beside a .gsz)", metavar="OTHER", nargs="?")
    add_file(parser, "--cameras", help=f"views to jump to: {CAMERAS_HELP}", metavar="FILE")
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="port to listen on (default: a free one)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object before serving: url, host, port, scene, other, bytes")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors (and the JSON object, if asked for)")


def run(args: argparse.Namespace) -> None:
    """Serves until it is interrupted."""
    site()  # before the work, if it is missing
    cameras = read_cameras(args.cameras, ignore_distortion=True) if args.cameras else []
    scenes = [shown(args.scene)]
    other = args.other or original_of(args.scene)
    if other:
        try:
            scenes.append(shown(other))
        except GSCompressError as error:
            if args.other:
                raise
            say_notes([f"shown by itself, for {error}"], args.quiet)
    for scene in scenes:
        say_notes((f"{scene.path}: {note}" for note in scene.notes), args.quiet)
    measuring: Measuring | None = None

    def told() -> bytes:
        """scene.json as it stands."""
        return _description(scenes, cameras, measuring)

    server = PageServer(_resources(scenes, told), args.host, args.port)
    try:
        if not server.is_private:
            say_notes(["whoever reaches this machine and knows the address can see these scenes"], args.quiet)
        if len(scenes) > 1:  # OTHER is the reference; begun before the address is out, so that the page hears of it
            measuring = Measuring(scenes[1].path, scenes[0].path, args.cameras, len(cameras), lambda reason: say_notes([reason], args.quiet))
        _announce(args, server, scenes)
        if not args.no_browser:  # some browsers keep their caller until they are closed
            threading.Thread(target=_open, args=(server.url, args.quiet), daemon=True).start()
        server.serve_forever()
    except KeyboardInterrupt:
        pass  # how one ends it
    finally:
        if measuring is not None:
            measuring.stop()
        server.server_close()


def _announce(args: argparse.Namespace, server: PageServer, scenes: list[ShownScene]) -> None:
    if args.json:
        print_json(url=server.url, host=args.host, port=server.port, scene=args.scene, other=scenes[1].path if len(scenes) > 1 else None,
                   bytes=scenes[0].size_bytes)  # fmt: skip
    elif not args.quiet:
        print("\n".join(f"{scene.path} ({format_size(scene.size_bytes)})" for scene in scenes))
        print(f"  {server.url}\n  Ctrl-C ends it")
    sys.stdout.flush()


def _open(url: str, quiet: bool) -> None:
    with contextlib.suppress(webbrowser.Error):
        if webbrowser.open(url):
            return
    say_notes([f"found no browser; open {url} in one"], quiet)


def _url(place: int, scene: ShownScene) -> str:
    return f"{'ab'[place]}{scene.ending}"


def _description(scenes: list[ShownScene], cameras: list[Camera], measuring: Measuring | None) -> bytes:
    pending = measuring is not None and measuring.pending  # looked at first: the number is there before it ends
    urls = [_url(place, scene) for place, scene in enumerate(scenes)]
    return description(scenes, cameras, measuring.psnr if measuring else None, pending, urls)


def _resources(scenes: list[ShownScene], told: Callable[[], bytes]) -> dict[str, Resource]:
    files = site()
    out = {name: Resource(kind, lambda name=name: files[name]) for name, kind in FILES.items()}
    out[""] = out["index.html"]
    out["scene.json"] = Resource("application/json", told)
    for place, scene in enumerate(scenes):
        out[_url(place, scene)] = Resource("application/octet-stream", lambda scene=scene: scene.content)
    return out


def _port(text: str) -> int:
    value = int(text) if text.isdecimal() else -1
    if not 0 <= value <= 65_535:
        raise argparse.ArgumentTypeError(f"expected a number of 0 to 65535, found {text!r}")
    return value
