"""How files are read and written: one error for all damage, bounded memory, whole or not at all."""
