"""Playback: content keys, sessions, manifests, licences and progress."""
