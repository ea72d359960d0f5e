"""The .ply reader on every variant that trainers and converters write, and the exact layout of the writer."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kit import assert_same, read_bytes, through, written
from scenes_for_tests import random_scene

from gscompress import io
from gscompress.errors import Corrupt, FormatError, Truncated, Unsupported
from gscompress.scene import SH_C0, SH_COEFFICIENTS, Scene

NORMALS = ["nx", "ny", "nz"]


def columns(scene: Scene) -> dict[str, np.ndarray]:
    """The INRIA columns of a scene, written down once more and independently of the code under test."""
    out = {axis: scene.means[:, i] for i, axis in enumerate("xyz")}
    out |= {name: np.zeros(len(scene), np.float32) for name in NORMALS}
    out |= {f"f_dc_{c}": scene.sh[:, 0, c] for c in range(3)}
    per_channel = scene.sh.shape[1] - 1
    for c in range(3):
        for k in range(per_channel):
            out[f"f_rest_{c * per_channel + k}"] = scene.sh[:, 1 + k, c]
    out["opacity"] = scene.opacity_logits
    out |= {f"scale_{i}": scene.log_scales[:, i] for i in range(3)}
    out |= {f"rot_{i}": scene.quats[:, i] for i in range(4)}
    return out


def ply_bytes(
    table: dict[str, np.ndarray], kind: str = "binary_little_endian", types: dict[str, str] | None = None,
    comments: tuple[str, ...] = (), line_break: str = "\n", after: str = "", tail: bytes = b"",
) -> bytes:  # fmt: skip
    """A .ply file of the columns, in their order."""
    types = dict.fromkeys(table, "float") | (types or {})
    count = len(next(iter(table.values())))
    lines = ["ply", f"format {kind} 1.0", *(f"comment {c}" for c in comments), f"element vertex {count}"]
    lines += [*(f"property {types[name]} {name}" for name in table), *([after] if after else []), "end_header", ""]
    header = line_break.join(lines).encode()
    if kind == "ascii":
        rows = [" ".join(repr(column[i].item()) for column in table.values()) for i in range(count)]
        return header + "".join(row + line_break for row in rows).encode() + tail
    order = "<" if kind == "binary_little_endian" else ">"
    code = {"float": "f4", "double": "f8", "uchar": "u1", "ushort": "u2", "int": "i4"}
    rows = np.empty(count, [(name, order + code[types[name]]) for name in table])
    for name, column in table.items():
        rows[name] = column
    return header + rows.tobytes() + tail


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_round_trip_is_lossless(tmp_path, degree):
    scene = random_scene(1000, degree, seed=degree)
    assert_same(through(scene, tmp_path, "ply"), scene)


@pytest.mark.parametrize("degree", [0, 3])
def test_the_written_layout_is_inrias(tmp_path, degree):
    scene = random_scene(20, degree)
    assert written(scene, tmp_path, "ply") == ply_bytes(columns(scene))


def test_more_rows_than_one_block(tmp_path):
    scene = random_scene(20_001, 1)
    assert_same(through(scene, tmp_path, "ply"), scene)


def test_an_empty_scene(tmp_path):
    assert len(through(random_scene(0, 2), tmp_path, "ply")) == 0


@pytest.mark.parametrize("kind", ["binary_little_endian", "binary_big_endian", "ascii"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_encodings_and_line_breaks(tmp_path, kind, line_break):
    scene = random_scene(7, 1)
    loaded = read_bytes(ply_bytes(columns(scene), kind, line_break=line_break), tmp_path)
    assert_same(loaded.scene, scene)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_no_normals_and_shuffled_properties(tmp_path, degree):
    scene = random_scene(9, degree)
    table = columns(scene)
    names = [name for name in table if name not in NORMALS]
    np.random.default_rng(1).shuffle(names)
    loaded = read_bytes(ply_bytes({name: table[name] for name in names}), tmp_path)
    assert_same(loaded.scene, scene)
    assert any("no normals" in note for note in loaded.notes)


def test_extra_properties_and_elements_are_ignored_and_named(tmp_path):
    scene = random_scene(4, 1)
    table = {"segment": np.arange(4)} | columns(scene) | {"red": np.full(4, 200)}
    types = {"segment": "int", "red": "uchar"}
    face = "element face 1\nproperty list uchar int vertex_indices"
    loaded = read_bytes(ply_bytes(table, types=types, after=face, tail=b"\x03" + bytes(12)), tmp_path)
    assert_same(loaded.scene, scene)
    assert "ignored vertex properties: segment, red" in loaded.notes
    assert "ignored elements: face" in loaded.notes


def test_doubles_are_rounded_to_float32(tmp_path):
    scene = random_scene(5, 1)
    table = columns(scene)
    loaded = read_bytes(ply_bytes(table, types=dict.fromkeys(table, "double")), tmp_path)
    assert_same(loaded.scene, scene)


@pytest.mark.parametrize(("kind", "white"), [("uchar", 255), ("ushort", 65535), ("float", 1)])
def test_red_green_blue_stand_in_for_f_dc(tmp_path, kind, white):
    scene = random_scene(6)
    table = {name: column for name, column in columns(scene).items() if not name.startswith("f_dc")}
    table |= {name: np.array([0, 0.2, 0.4, 0.6, 0.8, 1]) * white for name in ("red", "green", "blue")}
    loaded = read_bytes(ply_bytes(table, types=dict.fromkeys(("red", "green", "blue"), kind)), tmp_path)
    colour = 0.5 + SH_C0 * loaded.scene.sh[:, 0, 0]
    np.testing.assert_allclose(colour, [0, 0.2, 0.4, 0.6, 0.8, 1], atol=1e-6)
    assert any("base colour" in note for note in loaded.notes)


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("SplatRenderMode: mip", True), ("antialiased 1", True), ("SplatRenderMode: default", False),
        ("antialiased 0", False), ("trained by Zoë, mip", False),
    ],
)  # fmt: skip
def test_comments_tell_antialiasing(tmp_path, comment, expected):
    scene = random_scene(2)
    loaded = read_bytes(ply_bytes(columns(scene), comments=(comment,)), tmp_path)
    assert loaded.scene.antialiased is expected


def test_antialiasing_is_written_back(tmp_path):
    scene = random_scene(2)
    mip = Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh, antialiased=True)
    assert b"comment SplatRenderMode: mip\n" in written(mip, tmp_path, "ply")
    assert_same(through(mip, tmp_path, "ply"), mip)


@pytest.mark.parametrize("missing", ["x", "opacity", "scale_2", "rot_3", "f_dc_1"])
def test_a_missing_property_is_named(tmp_path, missing):
    table = columns(random_scene(3))
    del table[missing]
    with pytest.raises(Unsupported, match=f"found none named {missing}$"):
        read_bytes(ply_bytes(table), tmp_path)


def test_an_odd_number_of_harmonics_is_refused(tmp_path):
    table = columns(random_scene(3, 2))
    del table["f_rest_23"]
    with pytest.raises(Unsupported, match="f_rest"):
        read_bytes(ply_bytes(table), tmp_path)


def test_degree_4_is_cut_to_3_with_a_note(tmp_path):
    scene = random_scene(3, 3)
    table = {name: column for name, column in columns(scene).items() if not name.startswith("f_rest")}
    for c in range(3):
        for k in range(24):
            table[f"f_rest_{c * 24 + k}"] = scene.sh[:, 1 + k, c] if k < 15 else np.full(3, 9.0)
    loaded = read_bytes(ply_bytes(table), tmp_path)
    assert_same(loaded.scene, scene)
    assert any("degree 3" in note for note in loaded.notes)


def test_broken_rows_are_dropped_counted_and_strictly_refused(tmp_path):
    scene = random_scene(6, 1)
    scene.means[1, 2] = np.nan
    scene.sh[2, 3, 1] = np.inf
    scene.quats[4] = 0
    loaded = read_bytes(written(scene, tmp_path, "ply"), tmp_path)
    assert_same(loaded.scene, scene.select(np.array([0, 3, 5])))
    assert loaded.dropped_rows == 3
    assert any(note.startswith("3 Gaussians") for note in loaded.notes)
    with pytest.raises(Corrupt, match="3 rows"):
        io.read(tmp_path / "unnamed", strict=True)


@pytest.mark.parametrize("kind", ["binary_little_endian", "binary_big_endian", "ascii"])
@pytest.mark.parametrize("count", [10**9, 10**17])
def test_a_lying_count_is_refused_before_any_allocation(tmp_path, kind, count):
    content = ply_bytes(columns(random_scene(1)), kind).replace(b"vertex 1\n", f"vertex {count}\n".encode())
    with pytest.raises(Truncated, match=str(count)):
        read_bytes(content, tmp_path)


@pytest.mark.parametrize("count", ["-1", "1e3", "x", "9" * 400, ""])
def test_a_count_that_is_no_number_is_refused(tmp_path, count):
    content = ply_bytes(columns(random_scene(1))).replace(b"vertex 1\n", f"vertex {count}\n".encode())
    with pytest.raises(FormatError):
        read_bytes(content, tmp_path)


def test_a_mesh_is_refused_by_what_it_lacks(tmp_path):
    content = b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n0 0 0\n"
    with pytest.raises(Unsupported, match="opacity"):
        read_bytes(content, tmp_path)


def test_ascii_with_text_for_a_number(tmp_path):
    content = re.sub(rb"\n[-\d.e]+ ", b"\nzero ", ply_bytes(columns(random_scene(2)), "ascii"), count=1)
    with pytest.raises(Corrupt, match="vertex"):
        read_bytes(content, tmp_path)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), degree=st.sampled_from([0, 1, 2, 3]), n=st.integers(1, 12))
def test_any_finite_values_round_trip(tmp_path_factory, data, degree, n):
    finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
    values = [data.draw(hnp.arrays(np.float32, shape, elements=finite, fill=st.just(0.5))) for shape in
              ((n, 3), (n, 4), (n, 3), (n,), (n, SH_COEFFICIENTS[degree], 3))]  # fmt: skip
    values[1][:, 0] = 1.0  # a quaternion of zeros is a dropped row
    scene = Scene(*values, antialiased=data.draw(st.booleans()))
    assert_same(through(scene, tmp_path_factory.mktemp("ply"), "ply"), scene)


