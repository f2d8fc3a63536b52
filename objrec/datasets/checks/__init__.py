"""The checks of a data set: small functions over one value, `Facts`, each of which finds one thing.

`CHECKS` lists them by the code of their findings. A check opens no file and changes nothing.
"""

from objrec.datasets.checks import copies, files, label_values, looks, objects, poses
from objrec.datasets.checks.finding import ERROR, GRADES, REMARK, WARNING, Check, Finding

CHECKS: dict[str, Check] = (
    files.CHECKS
    | objects.CHECKS
    | copies.CHECKS
    | label_values.CHECKS
    | poses.CHECKS
    | looks.CHECKS
)

__all__ = ["CHECKS", "ERROR", "GRADES", "REMARK", "WARNING", "Check", "Finding"]
