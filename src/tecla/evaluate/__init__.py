"""Typists, metrics, corpora, peers and reports: how well and how fast systems predict."""
