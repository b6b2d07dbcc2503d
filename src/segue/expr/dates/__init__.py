"""Dates in templates: zones, Java's pattern letters, reading and writing (expression language 7.5).

Python's datetime ends at microseconds: finer digits of the input are cut.
"""
