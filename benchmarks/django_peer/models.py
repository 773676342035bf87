"""The columns that the product's accounts have, in Django's own words where it has them."""
from django.contrib.auth.models import AbstractUser
from django.db import models


class Account(AbstractUser):
    email = models.EmailField(unique=True, null=True, blank=True)
    object_id = models.CharField(max_length=24, unique=True)
    display_name = models.CharField(max_length=255, db_index=True)
    # indexed, so that COUNT(*) reads the narrowest index there can be
    role = models.SmallIntegerField(default=1, choices=[(1, "User"), (2, "Administrator")], db_index=True)
    is_chirpy_red = models.BooleanField(default=False)
    must_change_password = models.BooleanField(default=False)
    epoch = models.BigIntegerField(default=1)
    version = models.BigIntegerField(default=1)
    expires_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["display_name", "id"]      # an index gives this order, ties included
