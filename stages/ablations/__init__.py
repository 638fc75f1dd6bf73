"""Ablations (paper 5.1): sets that differ in one property, each with statistics that show it."""
