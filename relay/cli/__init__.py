"""The commands of ``python -m relay``: what an operator types, and what is told in answer.

A command puts the parts to work and prints; what it decides belongs into those parts.
"""
