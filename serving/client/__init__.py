"""The clients: requests, connections and the values that are returned."""
