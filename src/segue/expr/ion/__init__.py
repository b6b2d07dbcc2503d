"""Amazon Ion, text and binary, both ways (expression language 7.4, 8.1).

Our own: the package `amazon.ion` writes doubles and dates in another form than the original (`1.5e+0`), gives values
that are neither plain dicts nor floats, and brings numpy along.
"""
