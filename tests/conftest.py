"""What all tests share."""

from hypothesis import settings

# No timing assertions: a machine under load is not a fault.
settings.register_profile("seqit", deadline=None)
settings.load_profile("seqit")
