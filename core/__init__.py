"""What every kernel means: the Spec table, the argument contract, tolerances, errors and the Algorithm record.

No framework and no mathematics lives here: the three implementations read this package, it reads none of them.
"""
