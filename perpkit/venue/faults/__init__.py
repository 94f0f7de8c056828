"""What can be made to go wrong at the venue. To change: kinds of faults and their schedules."""
