"""Parameters that are declared once, with their default, range, unit and meaning."""
