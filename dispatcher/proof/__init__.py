"""What can be shown of one alarm afterwards: a document of who was called when, and what they did."""

from dispatcher.proof.document import proof_of
from dispatcher.proof.legs import Journey, Leg, journey_of
from dispatcher.proof.seal import canonical, seal, sealed

__all__ = ["Journey", "Leg", "canonical", "journey_of", "proof_of", "seal", "sealed"]
