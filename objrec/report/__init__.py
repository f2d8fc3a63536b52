"""The report page: `write_report` draws it from an `Evaluation` alone."""

from objrec.report.page import write_report

__all__ = ["write_report"]
