"""A page in one file: the viewer, the decoder and its scenes, to be sent to anybody with a browser."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Sequence

from ..cameras import Camera
from .shown import ShownScene, description
from .site import site


def single_page(scenes: Sequence[ShownScene], cameras: Sequence[Camera], psnr: float | None) -> bytes:
    """HTML with everything in it.

    Scenes are carried by elements `gsz-scene-a` and `gsz-scene-b` in base64, the decoder by `gsz-decoder`, the description by
    `gsz-scene`. The page loads nothing; its policy says so to the browser.

    Args:
        scenes: one, or two to compare.
        cameras: that one can jump to.
        psnr: dB between the two; None where nobody measured it.

    Raises:
        InputError: the viewer was not built, or there are neither one nor two scenes.
    """
    files = site()
    # In strings, templates and patterns, the only places where these can be: what would end the element, or keep its end from being seen.
    script = re.sub(r"<(?=/script|!--)", r"\\x3C", files["viewer.js"].decode(), flags=re.IGNORECASE)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}' 'wasm-unsafe-eval'; worker-src blob:; style-src 'unsafe-inline'; "
        "img-src data: blob:; connect-src blob: data:; base-uri 'none'; form-action 'none'"
    )
    told = description(scenes, cameras, psnr, False, [""] * len(scenes)).decode().replace("<", "\\u003c")
    carried = {"gsz-decoder": files["decoder.wasm"]} | {f"gsz-scene-{'ab'[i]}": scene.content for i, scene in enumerate(scenes)}
    elements = [f'<script type="application/json" id="gsz-scene">{told}</script>']
    elements += [
        f'<script type="application/octet-stream;base64" id="{name}">{base64.b64encode(content).decode()}</script>'
        for name, content in carried.items()
    ]
    page = files["index.html"].decode()
    page = re.sub(r'\s*<(?:script|link)[^>]*(?:src|href)="\./[^"]*"[^>]*>(?:</script>)?', "", page)
    title = html.escape(" and ".join(scene.name for scene in scenes))
    page = re.sub(r"<title>.*?</title>", lambda _: f"<title>{title}</title>", page)
    page = page.replace("<head>", f'<head>\n    <meta http-equiv="Content-Security-Policy" content="{policy}" />', 1)
    page = page.replace("</head>", f"  <style>{files['viewer.css'].decode().strip()}</style>\n  </head>", 1)
    page = page.replace("</body>", "\n".join([*elements, f'<script type="module">{script}</script>', "  </body>"]), 1)
    return page.encode(errors="replace")  # a file's name may be no text
