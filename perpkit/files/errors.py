"""The one error of files that cannot be used, and how names from outside are shown."""

from __future__ import annotations


class FileError(ValueError):
    """A file is damaged, or is not what it must be.

    Readers raise it for every kind of damage, so a caller that handles it has handled them all.

    :param message: names the file and what is wrong; it becomes one printable line
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    r"""Returns the text with line breaks and other unprintable characters written as escapes.

    File names, and text in files, may hold any character; none of them may break a line or table.

    >>> one_line("one\ntwo [three]")
    'one\\ntwo [three]'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
