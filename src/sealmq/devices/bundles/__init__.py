"""Bundles: a device's credentials in the form that its firmware or program wants, one file for each target."""
