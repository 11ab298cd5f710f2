"""An IVR alarm and outbound campaign dispatcher.

The path of the data is the layout of the package: ``intake`` puts requests into the ``store``, the
``pacer`` claims channels, the ``dialer`` asks a PBX through its driver in ``pbx``, ``reports`` turns
what the PBX pushes into facts, and ``domain`` decides what the facts mean.
"""
