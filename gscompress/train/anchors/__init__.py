"""Networks, grid and latents of anchors, trained to make a file's bits few."""
