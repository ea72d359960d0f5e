"""Fitting a scene's values to renders: what the closed form needs of it. Rate-distortion training builds on this."""
