"""Labelled JPEG files to records with the classic ImageNet keys."""
