"""Every error that gscompress raises on purpose.

A caller that wants to tell "the user can mend this" from "a bug" catches `GSCompressError`. The command line prints
such an error in one line and exits with 2.
"""


class GSCompressError(Exception):
    """Base of all errors raised on purpose."""


class InputError(GSCompressError, ValueError):
    """An argument or option is not usable; the message names it, what was expected and what was found."""


class FormatError(GSCompressError, ValueError):
    """A file's bytes are not what its format asks for.

    Args:
        file: name of the file (or "<bytes>").
        field: the part that is wrong, for example "header.version" or "vertex.opacity".
        expected: what the format asks for.
        found: what the file has.
    """

    def __init__(self, file: str, field: str, expected: str, found: str):
        super().__init__(f"{file}: {field}: expected {expected}, found {found}")
        self.file, self.field, self.expected, self.found = file, field, expected, found


class BadMagic(FormatError):
    """The file is of none of the known formats."""


class Truncated(FormatError):
    """The file ends before its own header says it should."""


class Corrupt(FormatError):
    """A checksum, a count or a value contradicts the rest of the file."""


class Unsupported(FormatError):
    """The file is sound, but of a version or variant that this release does not read."""


class OutputError(GSCompressError, OSError):
    """The output cannot be written (it exists, or its folder does not take it)."""


class MissingExtra(GSCompressError, ImportError):
    """An optional dependency is not installed.

    Args:
        package: what could not be imported.
        extra: the extra of gscompress that brings it.
        purpose: what it is needed for, for example "reading .sog files".
    """

    def __init__(self, package: str, extra: str, purpose: str):
        super().__init__(f"{purpose} needs {package}: pip install 'gscompress[{extra}]'")
        self.package, self.extra = package, extra


class MissingWeights(GSCompressError, FileNotFoundError):
    """Trained weights that gscompress neither carries nor downloads are nowhere to be found.

    Args:
        purpose: what they are needed for, for example "LPIPS (vgg)".
        sources: where to get each missing file, by its exact name.
        searched: the folders that were looked in.
    """

    def __init__(self, purpose: str, sources: dict[str, str], searched: list[str]):
        get = "; ".join(f"get {name} from {source}" for name, source in sources.items())
        super().__init__(f"{purpose} needs {' and '.join(sources)}, not found in {', '.join(searched)}; {get}")
        self.purpose, self.sources, self.searched = purpose, sources, searched
