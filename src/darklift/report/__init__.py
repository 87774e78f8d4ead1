"""The report of a study: one HTML file that opens offline, with tables, charts and the pictures themselves."""

from darklift.report.build import write_report
from darklift.report.gallery import Gallery

__all__ = ["Gallery", "write_report"]
