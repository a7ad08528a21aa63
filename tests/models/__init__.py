"""The models: figures computed, and the code behind them."""
