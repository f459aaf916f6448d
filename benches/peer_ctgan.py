"""CTGAN 0.12.1 (the ctgan package) on the rows of benches/synthetic.sh, as a peer: writes as many rows as it learns from.

    python3 benches/peer_ctgan.py data/download/bench/kuairand_50000.parquet ctgan.parquet [EPOCHS]

EVALUATE_SYNTHETIC((real), (synthetic), labels => ..., categorical_cols => ..., holdout => (later)) judges them.
"""

import sys
import time

import numpy
import pandas
import torch
from ctgan import CTGAN

source, target = sys.argv[1:3]
epochs = int(sys.argv[3]) if len(sys.argv) > 3 else 15
numpy.random.seed(1)
torch.manual_seed(1)
rows = pandas.read_parquet(source)
numbers = ["log_duration"]
categories = [name for name in rows.columns if name not in numbers]
types = rows.dtypes
rows[categories] = rows[categories].astype(str)
rows = rows.dropna()
start = time.time()
model = CTGAN(epochs=epochs, enable_gpu=False)
model.fit(rows, categories)
print(f"{epochs} epochs in {time.time() - start:.0f} s")
drawn = model.sample(len(rows))
for name in categories:
    if pandas.api.types.is_numeric_dtype(types[name]):
        drawn[name] = pandas.to_numeric(drawn[name], errors="coerce")
drawn.to_parquet(target)
