"""How fast the product is, beside Django admin and beside the floor of its own stack: `make bench`, or `python -m benchmarks --help`.

Only ratios within one run count: each goal's candidates are driven in turns (A B A B), and medians are compared.
"""
