"""The reply store: every reply of a model under the hash of its exact request."""
