"""The dial role: Dramatiq workers, started by ``dramatiq workers``.

Dramatiq's command imports this package and takes the broker from it. When nobody has chosen a broker
yet, this process was started by that command, and the configuration that ``DISPATCHER_CONFIG`` names
decides; ``dispatcher up`` chooses its own broker first and declares the same actors on it.
"""

import dramatiq.broker

if dramatiq.broker.global_broker is None:
    from workers.process import start

    start()
