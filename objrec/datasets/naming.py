"""Names for files and folders, from whatever categories and objects are called.

A category may be 'a/b', '..' or an emoji; its folder must be a name that every file system takes.
The true name is in labels.csv. Nothing is created here.
"""

from __future__ import annotations

import re
import unicodedata

_MOST_BYTES = 120
_FALLBACK = "unnamed"
# Names that Windows keeps for devices, whatever follows the first dot.
_DEVICES = {"con", "prn", "aux", "nul", *(k + n for k in ("com", "lpt") for n in "0123456789¹²³")}


def safe_name(text: str) -> str:
    """Return a name for a file or folder that reminds of a text.

    Letters and digits of any script, spaces, '-', '_' and '.' stay, anything else becomes '_'. The
    name never begins with '.' or '_' (readers pass over hidden ones), nor ends with '.' or space.

    Example:
        >>> safe_name("tea/cup"), safe_name("../x"), safe_name("☕"), safe_name("Täßchen 2")
        ('tea_cup', 'x', 'unnamed', 'Täßchen 2')
    """
    kept = re.sub(r"[^\w .-]+", "_", unicodedata.normalize("NFC", text))
    name = kept.lstrip("._ ").encode()[:_MOST_BYTES].decode(errors="ignore").rstrip("._ ")
    stem, dot, rest = name.partition(".")
    if stem.rstrip().lower() in _DEVICES:
        return f"{stem.rstrip()}_{dot}{rest}"
    return name or _FALLBACK


class Names:
    """Hands out names within folders: the same for the same thing, different for different ones.

    Two names that differ in the case of their letters only count as the same, since some file
    systems take them so.
    """

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()

    def folder(self, parent: str, text: str) -> str:
        """Return the path of the folder for a category or object within another folder."""
        return self._name(parent, text, safe_name(text), "")

    def file(self, parent: str, key: str, stem: str, suffix: str) -> str:
        """Return the path of a file within a folder.

        Args:
            parent: The folder, as `folder` gave it.
            key: What the file stands for; each gets a name of its own.
            stem: How it would best be called, without suffix.
            suffix: Its suffix, with the dot.
        """
        return self._name(parent, key, safe_name(stem), suffix)

    def _name(self, parent: str, key: str, wanted: str, suffix: str) -> str:
        if (parent, key) not in self._given:
            before = f"{parent}/" if parent else ""
            path, number = f"{before}{wanted}{suffix}", 1
            while _folded(path) in self._taken:
                number += 1
                path = f"{before}{wanted}-{number}{suffix}"
            self._taken.add(_folded(path))
            self._given[parent, key] = path
        return self._given[parent, key]


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())
