"""`make bench`: the figures of benchmarks/README.md, measured side by side in one run."""
