"""Figures by matplotlib, as SVG that takes its colours from the page's style."""
