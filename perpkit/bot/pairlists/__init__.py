"""Code shared by the pairlist plugins. To change: how data of many pairs are fetched and cached."""
