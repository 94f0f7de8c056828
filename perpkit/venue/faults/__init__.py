"""The faults that can be injected at the venue. To change: kinds of faults and their schedules."""
