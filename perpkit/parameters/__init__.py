"""Parameters that are declared once: default, range, unit and meaning stand beside the name."""
