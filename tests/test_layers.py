"""Which module may import which (the table in CONTRIBUTING.md), and what `import gscompress` must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "gscompress"

LAYERS = {
    **dict.fromkeys(["errors", "config", "scene", "cameras", "detmath", "files", "version", "_native", "_core"], 0),
    **dict.fromkeys(["io", "model", "entropy", "bitstream", "render"], 1),
    **dict.fromkeys(["codec", "draft", "anchored", "encoder", "following", "sequence", "rate", "loading", "reference_decoder", "train", "evaluate"], 2),
    **dict.fromkeys(["cli", "serve", "__main__", "__init__"], 3),
}
"""Layer of every part directly below the package."""

EXCEPTIONS = {("scene", "io", "save"): "Scene.save, imported when it is called"}
"""(importing part, imported part, function): the only steps upwards."""

FORBIDDEN = {"tools", "tests", "viewer"}
WITHOUT_TORCH = {"bitstream", "entropy", "io", "model", "codec", "draft", "anchored", "encoder", "following", "sequence", "rate", "loading", "reference_decoder", "cli", "serve"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    """The part directly below the package that a module belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(absolute name, function it is imported in or "") of everything that a module imports."""
    package = ["gscompress", *path.relative_to(PACKAGE).parent.parts]

    def visit(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name, function) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                module = ".".join([*base, *([child.module] if child.module else [])])
                yield from ((f"{module}.{alias.name}", function) for alias in child.names)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                yield from (step for other in child.orelse for step in visit(other, function))
            else:
                yield from visit(child, child.name if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) else function)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), "")


def test_every_part_has_a_layer():
    assert {part_of(path) for path in MODULES} <= set(LAYERS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_downwards(path):
    part = part_of(path)
    layer = LAYERS[part]
    for name, function in imports(path):
        head, *rest = name.split(".")
        assert head not in FORBIDDEN, f"{name}: nothing imports {head}"
        if head != "gscompress" or not rest or rest[0] not in LAYERS:
            continue
        other = rest[0]
        if other == part or (part, other, function) in EXCEPTIONS:
            continue
        if layer in (0, 1):
            limit = 0
        elif layer == 2:
            limit = 2
        else:
            limit = 3
        assert LAYERS[other] <= limit, f"{part} (layer {layer}) imports {other} (layer {LAYERS[other]})"


def test_the_codec_reads_no_files():
    """It turns scenes into bytes and back; formats and files are the business of others."""
    for part in ("codec", "draft", "anchored", "encoder", "following", "sequence", "rate"):
        assert not [name for name, _ in imports(PACKAGE / f"{part}.py") if name.startswith("gscompress.io")]


def test_only_native_imports_the_extension():
    assert {path.name for path in MODULES if any("_core" in name.split(".") for name, _ in imports(path))} == {"_native.py"}


@pytest.mark.parametrize("part", sorted(WITHOUT_TORCH))
def test_torch_is_not_needed(part):
    for path in MODULES:
        if part_of(path) == part:
            assert not [name for name, _ in imports(path) if name.split(".")[0] in ("torch", "gsplat")]


def test_import_is_light(tmp_path):
    """In a fresh process: NumPy, and nothing that an extra brings; compressing does not change that."""
    script = """
import sys, gscompress
heavy = ("torch", "gsplat", "PIL", "zstandard", "open3d", "ray", "tqdm", "shtab", "gscompress._core", "gscompress.codec")
print([name for name in heavy if name in sys.modules])
from gscompress.scene import empty_scene
gscompress.decompress(gscompress.compress(empty_scene()))
print([name for name in heavy[:6] if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n[]\n", "")


def test_public_names():
    import gscompress

    assert set(gscompress.__all__) <= set(dir(gscompress))
    for name in gscompress.__all__:
        assert getattr(gscompress, name) is not None
    assert callable(gscompress.render)
    with pytest.raises(AttributeError, match="nothing"):
        _ = gscompress.nothing  # pyright: ignore[reportAttributeAccessIssue]
