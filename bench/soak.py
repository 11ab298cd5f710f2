def soak(console, stores, minutes, seed):
    return 0
