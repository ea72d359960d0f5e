"""Fitting scenes to images.

`measure` and `refit` are what the closed form needs, and need no torch. `refine` distils a trained scene (`distill`, `rounding`,
with the bits of `bits`), `splatting` trains one from photographs.
"""
