"""The risk layer: breakers and guard around any strategy, PerpStrategy's included."""
