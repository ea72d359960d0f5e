"""The table of rasterisers.py."""

from __future__ import annotations

from raster_agreement import ARRAYS, ASKED
from raster_peers import PEERS


def table(results: dict) -> str:
    """Markdown."""
    parts: dict[str, dict[str, dict]] = {}
    for part, row in results["parts"].items():
        kind, name = part.split(maxsplit=1)
        parts.setdefault(kind, {})[name] = row
    peers = results["peers"]
    busiest = max(row["load"] for row in results["parts"].values())
    lines = [
        f"gscompress {results['version']}, {results['threads']} threads on {results['cores']} cores; load average when a part began: at most {busiest}. Milliseconds",
        "are wall time.",
        "",
        *_asked(parts),
        *_ours(parts.get("ours", {})),
        *_beside({peer: parts.get(peer, {}) for peer in peers}, peers),
        "Not measured: " + "; ".join(f"{name} ({why})" for name, why in results["not_measured"].items()) + ".",
        "",
        *_agreement(parts.get("agreement", {})),
        *_sizes(parts.get("sizes", {})),
        *_many(parts.get("many", {})),
    ]
    return "\n".join(lines)


def _rows(header: str, rows: list[list[str]]) -> list[str]:
    """A table and an empty line."""
    columns = header.split(" | ")
    return [f"| {header} |", "|" + "---|" * len(columns), *(f"| {' | '.join(row)} |" for row in rows), ""]


def _asked(parts: dict[str, dict[str, dict]]) -> list[str]:
    """Issue 4's figures: median times of scenes of the size that it names, and the worst of all rows below."""
    named = {name: row["ms"] for name, row in parts.get("ours", {}).items() if 150_000 <= row["splats"] <= 250_000}
    images = [found["max_abs"] for row in parts.get("agreement", {}).values() for found in row["images"].values()]
    slopes = [found[array] for row in parts.get("agreement", {}).values() for found in row["gradients"].values() for array in ARRAYS]
    measured = [row for peer in PEERS for row in parts.get(peer, {}).values() if row["status"] == "measured"]
    rows = [[f"forward, {name}", "≤ 120 ms", f"{ms['forward']:.0f} ms"] for name, ms in named.items()]
    rows += [
        [f"forward + backward, {name}", "≤ 500 ms", f"{ms['forward_backward']:.0f} ms, {ms['autograd']:.0f} ms in torch"]
        for name, ms in named.items()
    ]
    for step, places in (("forward", ("whole", "part")), ("forward_backward", ("part",))):
        ratios = [row[place]["ratio"][step] for row in measured for place in places]
        rows.append([f"{step.replace('_', ' + ')}, against the fastest peer", "≥ 2×", f"{min(ratios):,.0f}×" if ratios else "not measured"])
    rows.append(["images against the reference, but for undecided pixels", "≤ 2e-4", f"{max(images):.1e}" if images else "not measured"])
    rows.append(["gradients against the reference", "≤ 1e-3", f"{max(slopes):.1e}" if slopes else "not measured"])
    return [*_rows("figure | asked | found", rows)]


def _ours(scenes: dict[str, dict]) -> list[str]:
    """All views at 640×360."""
    rows = []
    for name, row in scenes.items():
        cells = [f"{row['ms'][k]:.0f} ({row['slowest_ms'][k]:.0f})" for k in ("forward", "forward_backward", "autograd")]
        rows.append([name, f"{row['splats']:,}", str(row["sh_degree"]), str(row["views"]), *cells])
    lines = [
        "## Alone, 640×360",
        "",
        "Median of the views (slowest view). Backward is by every parameter; `autograd` is `rasterization` in torch, from activated leaves.",
        "",
    ]
    return [*lines, *_rows("scene | splats | SH | views | `render_view` ms | `render_view` + `gradients` ms | `autograd`, both ms", rows)]


def _beside(found: dict[str, dict[str, dict]], what: dict[str, str]) -> list[str]:
    """Peers and ours, view by view."""
    rows = []
    for peer, scenes in found.items():
        for name, row in scenes.items():
            if row["status"] != "measured":
                rows.append([peer, name, row["status"], "", "", "", ""])
                continue
            cells = [
                f"{row[key]['theirs_ms'][k]:,.0f} / {row[key]['ours_ms'][k]:.1f} = **{row[key]['ratio'][k]:,.0f}×**"
                for key, k in (("whole", "forward"), ("part", "forward"), ("part", "forward_backward"))
            ]
            cosine = row["lowest_cosine"]
            rows.append([f"{peer} {row['version']}", name, *cells, f"{row['psnr_between']} dB", "other arrays" if cosine is None else f"{cosine:.4f}"])
    lines = [
        "## Beside others",
        "",
        "The view that takes us the median time, theirs / ours in ms, in one process; backward on the middle 160×90 px of it, for their time and",
        "memory. Ours is `rasterization` in torch. " + "; ".join(f"{name}: {text}" for name, text in what.items()) + ".",
        "",
    ]
    header = "peer | scene | forward, 640×360 | forward, 160×90 | forward + backward, 160×90 | PSNR between the images | lowest cosine of gradients"
    return [*lines, *_rows(header, rows)]


def _agreement(scenes: dict[str, dict]) -> list[str]:
    """Images and gradients against the reference."""
    images, slopes = [], []
    for name, row in scenes.items():
        for degree, found in row["images"].items():
            apart = f"{found['undecided']} (up to {found['max_abs_undecided']:.1e})" if found["undecided"] else "0"
            images.append([name, degree, f"{found['pixels']:,}", f"{found['max_abs']:.1e}", apart])
        for case, found in row["gradients"].items():
            cells = [f"{found[array]:.1e}" for array in ARRAYS]
            slopes.append([name, case, *cells, f"{found['elsewhere']:.1g}", f"{found['pixels_left_out']:.0f}"])
    lines = [
        "## Against the reference in torch, float64",
        "",
        f"Largest absolute difference of colour and alpha; {ASKED:.0e} is asked. Undecided are pixels beyond that where an alpha or",
        "transmittance lies so near its threshold that the reference itself jumps when nudged by float32 rounding.",
        "",
    ]
    middle = ["Gradients, norm of the difference over the norm; 1e-3 is asked. `elsewhere`: largest gradient of what the reference does not see.", ""]
    return [
        *lines, *_rows("scene | SH degree | pixels | largest difference | undecided pixels", images),
        *middle, *_rows(f"scene | case | {' | '.join(ARRAYS)} | elsewhere | pixels left out", slopes),
    ]  # fmt: skip


def _sizes(scenes: dict[str, dict]) -> list[str]:
    """Scenes and image sizes."""
    rows = []
    for name, row in scenes.items():
        rows += [
            [name, f"{row['splats']:,}", str(row["sh_degree"]), size.replace("x", "×"), *(f"{ms:.0f}" for ms in stages.values())]
            for size, stages in row["ms"].items()
        ]
    lines = ["## Sizes", "", "Median of three views, once each. `gradients` renders again; `autograd` is forward and backward of `rasterization`.", ""]
    return [*lines, *_rows("scene | splats | SH | px | centres and radii ms | `render_view` ms | `contributions` ms | `gradients` ms | `autograd` ms", rows)]


def _many(found: dict[str, dict]) -> list[str]:
    """Very many random ones."""
    rows = [
        [
            f"{row['splats']:,}", str(row["sh_degree"]), str(row["forward_ms"]), str(row["gradients_ms"]), f"{row['mean_alpha']:.2f}",
            "yes" if row["finite"] else "**no**", f"{row['peak_gb']} GB ({row['scene_gb']} GB)",
        ]
        for row in found.values()
    ]  # fmt: skip
    header = "random Gaussians | SH | `render_view` ms | `gradients` ms | mean alpha | all finite | peak memory of the process (the scene)"
    return ["## Very many, 640×360, once", "", *_rows(header, rows)]
