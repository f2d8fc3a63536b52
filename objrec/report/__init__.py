"""The report: `write_report` draws the page from an `Evaluation` alone, `write_errors` a table."""

from objrec.report.errors_table import write_errors
from objrec.report.page import write_report

__all__ = ["write_errors", "write_report"]
