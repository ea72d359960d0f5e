"""The viewer from Python: a local server for `gscompress view`, and pages that carry their scene in themselves."""
