"""The store: its connection and transactions, what differs between the engines, and the SQLite file itself."""
