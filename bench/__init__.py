"""The benchmarks of Shanji: every figure is a ratio measured side by side, in one run, on one database server.

``python -m bench`` measures, ``python -m bench --table`` writes docs/performance.md from what was measured.
"""
