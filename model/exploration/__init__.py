"""What a historical file holds, and what in it would mislead a model: figures, findings, a page."""

from model.exploration.explored import Exploration, explore
from model.exploration.report import html_report

__all__ = ["Exploration", "explore", "html_report"]
