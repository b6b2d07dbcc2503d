"""Later."""

from segue.expr.callables import Table

TABLE = Table()
