"""Who is told of an alarm, in which order, by which call; and how that goes on until somebody has it."""
