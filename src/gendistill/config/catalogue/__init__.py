"""The names that params.yaml may use, each with what must be known before torch is imported.

One table a kind of name, one module a kind; a name is written once, here. What a name does is built elsewhere
(``data`` builds data sets, ``networks`` builds networks, and so on) and tested against these tables.
"""
