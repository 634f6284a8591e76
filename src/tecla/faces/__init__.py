"""The three classes that teach tecla: thin faces on the rooms behind them."""
