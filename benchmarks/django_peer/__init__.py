"""The peer: Django admin and DRF over a user model with columns like ours, as their documents set them up."""
