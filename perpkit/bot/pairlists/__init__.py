"""What the pairlist plugins share. To change: how readings of many pairs are fetched and kept."""
