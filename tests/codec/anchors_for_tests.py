"""Random files of anchors: networks, grids, latents and slots that no training gave."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace

import numpy as np
from hostile import Forcing, octree_bits, random_bits
from scenes_for_tests import random_scene

from gscompress import anchored as module
from gscompress._native import core
from gscompress.anchored import AnchorDraft, anchored, native
from gscompress.bitstream.anchor_heads import GUESS, NEAR, NetworksHead, grid_rows
from gscompress.bitstream.container import ANCHORS, CONDITION, NETWORKS, Header, Section, pack
from gscompress.encoder import Encoder, plan
from gscompress.entropy.range_coder import StreamFault
from gscompress.model.anchors import AnchorNetworks, ConditionGrid, IntegerLayer, IntegerNetwork
from gscompress.model.prediction import DEFAULT
from gscompress.model.steps import Params
from gscompress.reference_decoder.anchors import AnchorDecoder
from gscompress.scene import Scene

PARTS = ("grid", "hyper", "latent", "hyper_prior", "latent_prior", "children")


def random_network(random: np.random.Generator, inputs: int, outputs: int, extreme: bool = False) -> IntegerNetwork:
    """One to four layers; numbers of an ordinary size, or at their limits."""
    widths = [inputs, *random.integers(1, 24, int(random.integers(0, 4))).tolist(), outputs]
    layers = []
    for i, o in itertools.pairwise(widths):
        if extreme:
            weights = random.choice([-127, 127, 0], (o, i))
            bias = random.choice([-(1 << 30) + 1, (1 << 30) - 1, 0], o)
            shift = random.integers(0, 25, o)
        else:
            weights, bias, shift = random.integers(-127, 128, (o, i)), random.integers(-9000, 9000, o), random.integers(7, 12, o)
        layers.append(IntegerLayer(weights.astype(np.int8), bias.astype(np.int32), shift.astype(np.uint8)))
    return IntegerNetwork(tuple(layers))


def random_grid(random: np.random.Generator) -> ConditionGrid:
    """A level that is dense, one that just is, one that is hashed, and more."""
    shapes = [(2, 8), (4, 64), (9, 128), (int(random.integers(2, 200)), 2 ** int(random.integers(0, 9)))]
    features = int(random.integers(1, 4))
    entries = tuple(random.choice([-1, 1], (grid_rows(*s), features)).astype(np.int8) for s in shapes)
    resolutions, tables = zip(*shapes, strict=True)
    return ConditionGrid(resolutions, tables, features, entries)


def random_networks(random: np.random.Generator, slots: int, parts: tuple[str, ...], extreme: bool = False) -> AnchorNetworks:
    """With these of `PARTS`, as far as they make sense without the others."""
    grid = random_grid(random) if "grid" in parts else None
    condition = grid.width if grid else 0
    hyper, latent = (int(random.integers(1, 6)) if name in parts else 0 for name in ("hyper", "latent"))
    steps = [random.integers(1, 65536 if extreme else 600, n).astype(np.uint16) for n in (hyper, latent)]
    shapes = {
        "hyper_prior": (condition, 2 * hyper),
        "latent_prior": (condition + hyper, 2 * latent),
        "children": (condition + hyper + latent + NEAR, slots * GUESS),
    }
    networks = [
        random_network(random, i, o, extreme) if name in parts and i and o else IntegerNetwork(())
        for name, (i, o) in shapes.items()
    ]
    return AnchorNetworks(slots, steps[1], steps[0], grid, *networks)


def random_draft(n: int, degree: int, seed: int, slots: int, parts: tuple[str, ...] = PARTS, extreme: bool = False) -> tuple[AnchorDraft, Scene]:
    """A random scene in anchors with random networks; the scene is in the file's order."""
    random = np.random.default_rng(seed)
    scene = random_scene(n, degree, seed)
    encoder = Encoder.open(scene, plan("fast", n), None, lambda share: None)
    draft, _, _ = encoder.code(scene, encoder.slope(35.0))
    before, module.BLOCK_CHILDREN = module.BLOCK_CHILDREN, 25
    try:
        made = anchored(draft, slots, int(random.integers(0, 3)))
    finally:
        module.BLOCK_CHILDREN = before
    networks = random_networks(random, slots, parts, extreme)
    symbols = [random.integers(-9, 10, (len(made.anchors.codes), len(s))).astype(np.int32) for s in (networks.hyper_steps, networks.latent_steps)]
    presence = random.permuted(made.anchors.presence, axis=1)
    anchors = replace(made.anchors, presence=presence, hyper=symbols[0], latent=symbols[1])
    out = replace(made, anchors=anchors, networks=networks, cell_shift=(int(random.integers(0, 10)), int(random.integers(10, 64))))
    return out, scene.select(out.children.layout.order)


def packed(draft: AnchorDraft) -> bytes:
    """The file."""
    components = draft.children.basis.shape[0]
    run = draft.run(DEFAULT, components)
    return draft.file(run, components, DEFAULT, np.arange(len(draft.children.codes))).pack({})


def forced_anchors(seed: int, slots: int = 5) -> bytes:
    """Random networks at their limits, an extreme header, and symbols that no encoder would choose."""
    random = np.random.default_rng(seed)

    def integers(low: int, high: int, n: int) -> tuple[int, ...]:
        return tuple(random.integers(low, high + 1, n).tolist())

    networks = random_networks(random, slots, PARTS, bool(random.integers(2)))
    header = Header(
        0, 0, 0, 21, (2,), 2, (-1e30, 0.0, 1e30), 1e20, (-(1 << 26), 1 << 26, 0), 1 << 26, 128 << 12,
        integers(-32768, 32767, 6), integers(-(1 << 20), 1 << 20, 7), integers(-32768, 32767, 70),
    )  # fmt: skip
    predictor = tuple(header.predictor[i : i + 10] for i in range(0, 70, 10))
    params = Params(
        header.depth, header.origin, header.voxel, header.log2_step, header.view_centre, header.view_radius,
        header.log2_footprint, header.mean, predictor, np.zeros((0, 0), np.int64),
    )  # fmt: skip
    shift = (3, 15)
    core_networks = native(networks, shift)
    head = core().encode_networks(core_networks)
    sections, total = [Section(NETWORKS, 0, 0, 0, head), Section(CONDITION, 0, 0, 0, core().encode_grid(core_networks))], 0
    for block in range(header.blocks):
        decoder = AnchorDecoder(params, networks, shift)
        codes = sorted(random.integers(0, 1 << 63, 6, np.uint64).tolist())
        io = Forcing(itertools.chain(octree_bits(codes, header.depth), random_bits(random)))
        with contextlib.suppress(StreamFault):  # there are fewer children than that
            decoder.decode(io, header.lowest_class[0], len(codes), len(codes) * slots + 1)
        children = len(decoder.splats.splats)
        payload = len(codes).to_bytes(4, "little") + io.encoder.finish()
        payload += bytes(max(0, NetworksHead.read(head).needed(len(codes)) - len(payload)))
        sections.append(Section(ANCHORS, block, 0, children, payload))
        total += children
    return pack(replace(header, splats=total), sections)
